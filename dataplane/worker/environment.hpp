#pragma once
// Everything that a worker is given at its birth. All of it outlives the worker.

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include "common/address.hpp"
#include "common/ids.hpp"
#include "dataplane/eal/host_rings.hpp"
#include "dataplane/eal/ring.hpp"
#include "dataplane/ids/ids.hpp"
#include "dataplane/sa/events.hpp"
#include "dataplane/worker/statistics.hpp"

namespace dataplane::sa {
class Tables;
}
namespace dataplane::route {
class Fib;
class Adjacencies;
}  // namespace dataplane::route

namespace dataplane::worker {

/// A port as one worker uses it: queues of its own.
struct PortBinding {
  common::PortIndex index;
  std::uint16_t port_id = 0;              ///< DPDK's
  std::optional<std::uint16_t> rx_queue;  ///< nullopt: this worker polls nothing there
  std::uint16_t tx_queue = 0;
  std::uint16_t mtu = 1500;  ///< octets of an IP packet
  common::MacAddress mac;
  /// The IPv4 address, host order, that ICMP errors of this port leave from; may change at any time; 0 or nullptr:
  /// none.
  const std::atomic<std::uint32_t>* address_v4 = nullptr;
};

/// Packets a second and at once that a worker lets through to the host stack, by eal::HostClass.
struct PuntLimit {
  std::uint32_t packets_per_second = 0;
  std::uint32_t burst = 0;
};

struct Environment {
  ids::WorkerIndex index;
  sa::Tables* tables = nullptr;
  const route::Fib* fib = nullptr;
  route::Adjacencies* adjacencies = nullptr;
  std::vector<PortBinding> ports;  ///< by PortIndex
  /// Hand-off rings, each with one producer (`from`) and one consumer (`to`); the own entry is nullptr.
  std::vector<eal::Ring*> handoff_in;   ///< by producing worker
  std::vector<eal::Ring*> handoff_out;  ///< by consuming worker
  const eal::HostRings* host = nullptr;
  sa::EventQueue* events = nullptr;
  rte_mempool* pool = nullptr;   ///< for packets that are made here
  rte_rcu_qsbr* qsbr = nullptr;  ///< reader id: the worker's index
  Statistics* statistics = nullptr;

  std::uint16_t ike_port = 500;
  std::uint16_t nat_port = 4500;            ///< IKE and ESP in UDP
  std::vector<std::uint16_t> radius_ports;  ///< authentication, accounting, dynamic author: either side of a datagram
  std::array<PuntLimit, eal::kHostClasses> punt_limits = {
      {{2'000, 200}, {200'000, 8'000}, {20'000, 2'000}, {20'000, 2'000}}};
  PuntLimit icmp_limit = {1'000, 100};
  bool sleep_when_idle = false;  ///< a worker without packets sleeps up to 50 us at a time
};

}  // namespace dataplane::worker
