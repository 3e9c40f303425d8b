#pragma once
// The kernel's routes and neighbours, mirrored into the FIB and the adjacencies: `ip route`, `ip neigh` or FRR are how
// they are configured.

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/clock.hpp"
#include "common/ids.hpp"
#include "dataplane/route/adjacencies.hpp"
#include "dataplane/route/fib.hpp"
#include "dataplane/route/pools.hpp"

namespace dataplane::route {

/// A port as the kernel knows it: by the name of its TAP twin.
struct MirrorPort {
  common::PortIndex port;
  std::string tap;
  common::MacAddress mac;
};

struct MirrorStatistics {
  std::uint64_t messages = 0;    ///< netlink messages understood
  std::uint64_t resyncs = 0;     ///< the kernel's queue overflowed, everything was read again
  std::uint64_t probes = 0;      ///< neighbours that the kernel was asked to resolve
  std::uint64_t refreshes = 0;   ///< neighbours in use that the kernel was asked to keep
  std::uint64_t routes = 0;      ///< mirrored now
  std::uint64_t neighbours = 0;  ///< resolved now
  std::uint64_t refused = 0;     ///< routes into a pool, or more neighbours than places
};

/// One thread's (the manager's), which polls `fd()` and calls `work` in slices.
class Mirror {
 public:
  /// Opens the netlink sockets in the calling thread's network namespace, and asks for everything there is; `work`
  /// receives it.
  /// @param ports           whose TAPs lead somewhere; every other interface is no route for us
  /// @param receive_octets  of each socket's queue in the kernel: more changes than it holds cost a complete resync
  [[nodiscard]] static std::expected<std::unique_ptr<Mirror>, std::string> open(std::vector<MirrorPort> ports, Fib& fib,
                                                                                Adjacencies& adjacencies,
                                                                                const Pools& pools,
                                                                                int receive_octets = 8 << 20);
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;
  ~Mirror();

  /// Readable when `work` has something to do. Owned by the mirror.
  [[nodiscard]] int fd() const noexcept;
  /// Handles at most about `messages` netlink messages; never blocks.
  /// @return  true when more may be waiting: call again in the next turn
  bool work(unsigned messages, common::MonotonicTime now);
  /// Once a second or so: refreshes neighbours in use (NTF_USE).
  void on_timer(common::MonotonicTime now);
  /// A worker met a next hop without MAC address: asks the kernel to resolve it, at most once a second each.
  /// @param destination  the packet's; the mirror finds the next hop
  void on_neighbour_needed(common::PortIndex port, const common::IpAddress& destination, common::MonotonicTime now);

  /// An address of the port's own, IPv4 in host order, 0 while it has none: what ICMP errors leave from. The object
  /// lives as long as the mirror; any thread may read it.
  [[nodiscard]] const std::atomic<std::uint32_t>& address_v4(common::PortIndex port) const noexcept;
  /// The first complete dump has been applied.
  [[nodiscard]] bool synchronized() const noexcept;
  [[nodiscard]] const MirrorStatistics& statistics() const noexcept;

 private:
  struct Impl;
  explicit Mirror(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dataplane::route
