#pragma once
// A DPDK port: a PCI device or a vdev, configured and started, with a queue pair per worker.

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "common/address.hpp"
#include "common/ids.hpp"
#include "config/schema.hpp"
#include "dataplane/ids/ids.hpp"

namespace dataplane::eal {

inline constexpr std::uint16_t kRxDescriptors = 1024;
inline constexpr std::uint16_t kTxDescriptors = 1024;

/// What a port has counted by itself since it was started. What the driver does not count is 0.
struct PortStatistics {
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_octets = 0;
  std::uint64_t rx_missed = 0;  ///< the device or its ring had no room
  std::uint64_t rx_errors = 0;
  std::uint64_t rx_no_buffer = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_octets = 0;
  std::uint64_t tx_errors = 0;
};

class PacketRing;

/// True in one object only: moved from, it is false.
struct Owner {
  bool value = false;
  Owner() = default;
  Owner(Owner&& other) noexcept : value(std::exchange(other.value, false)) {}
  Owner& operator=(Owner&&) = delete;
};

/// Owns a started port. rx and tx bursts are the workers' own, each on its queue; everything here is for the manager
/// thread.
class Port {
 public:
  /// Configures and starts the port: one TX queue per worker (an error where the driver has fewer, because a TX queue
  /// has one thread), up to one RX queue per worker, RSS over addresses and ports where there are several, promiscuous
  /// off, the configured MAC and MTU.
  /// @param pool  receive buffers; outlives the port
  /// @pre         EAL runs and was given the port's vdev string
  [[nodiscard]] static std::expected<Port, std::string> open(const config::Port& config, common::PortIndex index,
                                                             unsigned workers, rte_mempool* pool);

  Port(Port&&) noexcept;
  Port& operator=(Port&&) = delete;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  ~Port();  ///< stops and closes

  [[nodiscard]] common::PortIndex index() const noexcept { return index_; }
  [[nodiscard]] std::uint16_t port_id() const noexcept { return port_id_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] config::Role role() const noexcept { return role_; }
  [[nodiscard]] const common::MacAddress& mac() const noexcept { return mac_; }
  [[nodiscard]] std::uint16_t mtu() const noexcept { return mtu_; }
  [[nodiscard]] const std::string& driver() const noexcept { return driver_; }
  /// The kernel's interface that an af_packet or af_xdp port sits on: the kernel must be deaf there (DESIGN chapter
  /// 11).
  [[nodiscard]] const std::optional<std::string>& kernel_interface() const noexcept { return kernel_interface_; }

  /// The receive queue that a worker polls; nullopt: the driver has fewer queues and this worker lives on hand-offs.
  [[nodiscard]] std::optional<std::uint16_t> rx_queue(ids::WorkerIndex worker) const noexcept;
  [[nodiscard]] std::uint16_t tx_queue(ids::WorkerIndex worker) const noexcept { return worker.value(); }
  [[nodiscard]] std::uint16_t tx_queues() const noexcept { return tx_queues_; }

  [[nodiscard]] bool link_up() const noexcept;
  [[nodiscard]] PortStatistics statistics() const noexcept;

  /// Has the device taken every frame that was in the queue at some moment of this call (P1)? Asks descriptor status
  /// where the driver has it, af_packet's own ring where it waits in the kernel (and kicks it on), and believes other
  /// drivers, which send before the burst call returns. False: ask again, with a deadline.
  [[nodiscard]] bool tx_drained(std::uint16_t tx_queue) noexcept;

 private:
  Port();
  /// Both return what went wrong, or nothing.
  std::string start(const config::Port& config, const std::string& device, const rte_eth_dev_info& info,
                    unsigned workers, rte_mempool* pool);
  std::string apply_addresses(const config::Port& config);

  common::PortIndex index_;
  std::uint16_t port_id_ = 0;
  Owner owner_;
  bool has_descriptor_status_ = false;
  config::Role role_ = config::Role::outside;
  std::uint16_t mtu_ = 0;
  std::uint16_t rx_queues_ = 0;
  std::uint16_t tx_queues_ = 0;
  std::uint16_t tx_descriptors_ = 0;
  common::MacAddress mac_;
  std::string name_;
  std::string driver_;
  std::optional<std::string> kernel_interface_;
  std::unique_ptr<PacketRing> packet_ring_;  // af_packet only
};

}  // namespace dataplane::eal
