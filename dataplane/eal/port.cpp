// Configures and starts one port. What differs between drivers is asked of the driver, except for af_packet, whose
// transmit ring is looked at behind its back (packet_ring.hpp).

#include "dataplane/eal/port.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <net/if.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dataplane/eal/frame_room.hpp"
#include "dataplane/eal/packet_ring.hpp"
#include "dataplane/eal/runtime.hpp"

namespace dataplane::eal {

namespace {

/// The name under which EAL knows the device: a vdev's up to its first comma, a PCI address with its domain.
std::string device_name(const std::string& device) {
  if (is_pci_address(device)) return device.size() < 12 ? "0000:" + device : device;
  return device.substr(0, device.find(','));
}

/// The value of "key=" in a vdev string.
std::optional<std::string> device_argument(std::string_view device, std::string_view key) {
  const std::string pattern = fmt::format(",{}=", key);
  const auto at = device.find(pattern);
  if (at == std::string_view::npos) return std::nullopt;
  const auto rest = device.substr(at + pattern.size());
  return std::string(rest.substr(0, rest.find(',')));
}

std::uint32_t packet_frame_octets(const std::string& device) {
  std::uint32_t octets = kUsualFrameRoom;  // the driver's default
  if (const auto text = device_argument(device, "framesz"))
    std::from_chars(text->data(), text->data() + text->size(), octets);
  return octets;
}

rte_eth_conf port_configuration(const rte_eth_dev_info& info, std::uint16_t rx_queues, std::uint16_t mtu) {
  rte_eth_conf configuration{};
  configuration.rxmode.mtu = mtu;
  if (rx_queues > 1 && info.flow_type_rss_offloads != 0) {
    configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    configuration.rx_adv_conf.rss_conf.rss_hf =
        (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_ESP) & info.flow_type_rss_offloads;
  }
  return configuration;
}

bool set_interface_mtu(const std::string& interface, std::uint16_t mtu) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_mtu = mtu;
  const bool done = ioctl(fd, SIOCSIFMTU, &request) == 0;
  close(fd);
  return done;
}

int set_up_queues(std::uint16_t port_id, std::uint16_t rx_queues, std::uint16_t tx_queues, std::uint16_t rx_descriptors,
                  std::uint16_t tx_descriptors, rte_mempool* pool) {
  const int socket_id = rte_eth_dev_socket_id(port_id);
  const auto socket = socket_id < 0 ? static_cast<unsigned>(SOCKET_ID_ANY) : static_cast<unsigned>(socket_id);
  for (std::uint16_t queue = 0; queue < rx_queues; ++queue) {
    if (const int error = rte_eth_rx_queue_setup(port_id, queue, rx_descriptors, socket, nullptr, pool); error != 0) {
      return error;
    }
  }
  for (std::uint16_t queue = 0; queue < tx_queues; ++queue) {
    if (const int error = rte_eth_tx_queue_setup(port_id, queue, tx_descriptors, socket, nullptr); error != 0) {
      return error;
    }
  }
  return 0;
}

}  // namespace

Port::Port() = default;
Port::Port(Port&& other) noexcept = default;

Port::~Port() {
  if (!owner_.value) return;
  packet_ring_.reset();
  rte_eth_dev_stop(port_id_);
  rte_eth_dev_close(port_id_);
}

std::expected<Port, std::string> Port::open(const config::Port& config, common::PortIndex index, unsigned workers,
                                            rte_mempool* pool) {
  const auto failed = [&](std::string_view what, int error) {
    return std::unexpected(fmt::format("port {} ({}): {}: {}", config.name, config.device, what, rte_strerror(error)));
  };
  const std::string device = vdev_string(config, workers);
  Port port;
  port.index_ = index;
  port.name_ = config.name;
  port.role_ = config.role;
  port.mtu_ = config.mtu;
  if (const int error = rte_eth_dev_get_port_by_name(device_name(device).c_str(), &port.port_id_); error != 0) {
    return failed("no such device", -error);
  }
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(port.port_id_, &info); error != 0) return failed("no information", -error);
  port.driver_ = info.driver_name == nullptr ? "" : info.driver_name;
  if (info.max_tx_queues < workers) {
    return std::unexpected(fmt::format("port {} ({}): the driver has {} transmit queues, {} workers need one each",
                                       config.name, config.device, info.max_tx_queues, workers));
  }
  if (const std::string problem = port.start(config, device, info, workers, pool); !problem.empty()) {
    return std::unexpected(fmt::format("port {} ({}): {}", config.name, config.device, problem));
  }
  return port;
}

std::string Port::start(const config::Port& config, const std::string& device, const rte_eth_dev_info& info,
                        unsigned workers, rte_mempool* pool) {
  owner_.value = true;
  rx_queues_ = static_cast<std::uint16_t>(std::min<unsigned>(info.max_rx_queues, workers));
  tx_queues_ = static_cast<std::uint16_t>(workers);
  const std::uint16_t first_mtu = std::min<std::uint16_t>(mtu_, RTE_ETHER_MTU);
  const rte_eth_conf configuration = port_configuration(info, rx_queues_, first_mtu);
  if (const int error = rte_eth_dev_configure(port_id_, rx_queues_, tx_queues_, &configuration); error != 0) {
    return fmt::format("not configured: {}", rte_strerror(-error));
  }
  std::uint16_t rx_descriptors = kRxDescriptors;
  tx_descriptors_ = kTxDescriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &rx_descriptors, &tx_descriptors_);
  if (const int error = set_up_queues(port_id_, rx_queues_, tx_queues_, rx_descriptors, tx_descriptors_, pool);
      error != 0) {
    return fmt::format("no queues: {}", rte_strerror(-error));
  }
  kernel_interface_ = eal::kernel_interface(device);
  if (std::string problem = apply_addresses(config); !problem.empty()) return problem;
  if (const int error = rte_eth_dev_start(port_id_); error != 0) {
    return fmt::format("not started: {}", rte_strerror(-error));
  }
  rte_eth_promiscuous_disable(port_id_);  // drivers without the word filter by themselves or not at all:
  rte_eth_allmulticast_enable(port_id_);  // the worker's classification looks at the address in any case
  has_descriptor_status_ = rte_eth_tx_descriptor_status(port_id_, 0, 0) != -ENOTSUP;
  if (driver_ == "net_af_packet" && kernel_interface_) {
    auto ring = PacketRing::find(*kernel_interface_, packet_frame_octets(device));
    if (!ring) return ring.error();
    packet_ring_ = std::make_unique<PacketRing>(std::move(*ring));
  }
  return {};
}

std::string Port::apply_addresses(const config::Port& config) {
  if (config.mac) {
    rte_ether_addr address{};
    std::memcpy(address.addr_bytes, config.mac->octets.data(), config.mac->octets.size());
    if (const int error = rte_eth_dev_default_mac_addr_set(port_id_, &address); error != 0) {
      return fmt::format("MAC address {} refused: {}", config.mac->to_string(), rte_strerror(-error));
    }
  }
  rte_ether_addr address{};
  rte_eth_macaddr_get(port_id_, &address);
  std::memcpy(mac_.octets.data(), address.addr_bytes, mac_.octets.size());

  const int error = rte_eth_dev_set_mtu(port_id_, mtu_);
  // Drivers that cannot set it carry what they are given; a kernel interface must be told.
  if (error != 0 && error != -ENOTSUP && !(kernel_interface_ && set_interface_mtu(*kernel_interface_, mtu_))) {
    return fmt::format("MTU {} refused: {}", mtu_, rte_strerror(-error));
  }
  return {};
}

std::optional<std::uint16_t> Port::rx_queue(ids::WorkerIndex worker) const noexcept {
  if (worker.value() >= rx_queues_) return std::nullopt;
  return worker.value();
}

bool Port::link_up() const noexcept {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

PortStatistics Port::statistics() const noexcept {
  rte_eth_stats statistics{};
  if (rte_eth_stats_get(port_id_, &statistics) != 0) return {};
  PortStatistics result;
  result.rx_packets = statistics.ipackets;
  result.rx_octets = statistics.ibytes;
  result.rx_missed = statistics.imissed + (packet_ring_ ? packet_ring_->rx_missed() : 0);
  result.rx_errors = statistics.ierrors;
  result.rx_no_buffer = statistics.rx_nombuf;
  result.tx_packets = statistics.opackets;
  result.tx_octets = statistics.obytes;
  result.tx_errors = statistics.oerrors;
  return result;
}

bool Port::tx_drained(std::uint16_t tx_queue) noexcept {
  if (packet_ring_) return packet_ring_->drained();
  if (!has_descriptor_status_) return true;
  // Offset 0 is the next descriptor to be filled, so the ring's last offset is the frame that was queued last.
  const auto last = static_cast<std::uint16_t>(tx_descriptors_ - 1U);
  return rte_eth_tx_descriptor_status(port_id_, tx_queue, last) != RTE_ETH_TX_DESC_FULL;
}

}  // namespace dataplane::eal
