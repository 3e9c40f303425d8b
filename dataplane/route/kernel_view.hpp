#pragma once
// What the kernel has said about links, routes and neighbours, and what the workers' tables must therefore say. Values
// in, table changes out; no sockets (mirror.cpp has those).

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/address.hpp"
#include "common/ids.hpp"
#include "dataplane/route/adjacencies.hpp"
#include "dataplane/route/fib.hpp"
#include "dataplane/route/mirror.hpp"
#include "dataplane/route/pools.hpp"

namespace dataplane::route {

struct KernelLink {
  unsigned index = 0;
  std::string name;
  bool up = false;
};

/// The tables that rules consult by default, in their order.
enum class KernelTable : std::uint8_t { local, main, fallback };

enum class KernelRouteType : std::uint8_t {
  unicast,
  local,      ///< one of our addresses
  broadcast,  ///< also anycast and multicast: for the host
  reject,     ///< blackhole, unreachable, prohibit, throw
};

struct KernelRoute {
  Prefix4 prefix;
  KernelTable table = KernelTable::main;
  std::uint32_t metric = 0;  ///< the lowest wins
  KernelRouteType type = KernelRouteType::unicast;
  unsigned interface_index = 0;
  std::uint32_t gateway = 0;  ///< host order, 0: directly connected

  friend bool operator==(const KernelRoute&, const KernelRoute&) = default;
};

struct KernelNeighbour {
  unsigned interface_index = 0;
  std::uint32_t address = 0;              ///< host order
  std::optional<common::MacAddress> mac;  ///< nullopt: unresolved, failed or gone
};

/// Whom to ask the kernel for.
struct NextHop {
  unsigned interface_index = 0;
  std::uint32_t address = 0;
  friend auto operator<=>(const NextHop&, const NextHop&) = default;
};

/// Thread: the writer's of `fib` and `adjacencies`.
class KernelView {
 public:
  KernelView(std::vector<MirrorPort> ports, Fib& fib, Adjacencies& adjacencies, const Pools& pools);
  KernelView(const KernelView&) = delete;
  KernelView& operator=(const KernelView&) = delete;
  ~KernelView() = default;

  void on_link(const KernelLink& link);
  void on_link_gone(unsigned index);
  void on_route(const KernelRoute& route);
  void on_route_gone(const KernelRoute& route);
  void on_neighbour(const KernelNeighbour& neighbour);

  /// What is not said again between the two is gone.
  void begin_resync() { ++epoch_; }
  void end_resync();

  /// Is this interface the TAP of a port?
  [[nodiscard]] std::optional<common::PortIndex> port_of(unsigned interface_index) const;
  /// Where a packet to an address goes first; nullopt: no route, or none that leads to a port of ours.
  [[nodiscard]] std::optional<NextHop> next_hop(std::uint32_t address) const;
  /// Resolved neighbours that were used since the last call.
  [[nodiscard]] std::vector<NextHop> take_used();
  /// The lowest of a port's own addresses, host order; 0: none. Readable by any thread for the view's life.
  [[nodiscard]] const std::atomic<std::uint32_t>& address_v4(common::PortIndex port) const;

  [[nodiscard]] const std::vector<MirrorPort>& ports() const noexcept { return ports_; }
  [[nodiscard]] std::size_t routes() const noexcept { return mirrored_.size(); }
  [[nodiscard]] std::size_t resolved_neighbours() const noexcept;
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

 private:
  using NeighbourKey = std::pair<std::uint32_t, std::uint16_t>;  // address, port: a prefix's neighbours lie together
  struct StoredRoute {
    KernelRoute route;
    std::uint64_t epoch = 0;
  };
  struct Neighbour {
    std::optional<common::MacAddress> mac;
    std::optional<ids::AdjacencyIndex> place;  // while routes lead to it
    std::uint32_t users = 0;
    std::uint64_t epoch = 0;
  };
  struct Wanted {
    Result result;
    std::optional<NeighbourKey> via;  // whose place `result` names, or is to name
  };
  using Mirrored = Wanted;

  void update(Prefix4 prefix);
  void update_with_neighbours(Prefix4 prefix);
  [[nodiscard]] std::optional<Wanted> wanted(Prefix4 prefix) const;
  [[nodiscard]] Wanted wanted_of(const KernelRoute& route) const;
  [[nodiscard]] const KernelRoute* best(Prefix4 prefix) const;
  [[nodiscard]] const KernelRoute* longest_match(std::uint32_t address, unsigned longest) const;
  void change_neighbour(NeighbourKey key, const std::optional<common::MacAddress>& mac);
  [[nodiscard]] std::optional<ids::AdjacencyIndex> take_place(NeighbourKey key);
  void give_back_place(NeighbourKey key);
  [[nodiscard]] Adjacency adjacency_of(NeighbourKey key, const Neighbour& neighbour) const;
  void note_local(const KernelRoute& route, bool present);
  void publish_address(unsigned interface_index);

  std::vector<MirrorPort> ports_;
  Fib& fib_;
  Adjacencies& adjacencies_;
  const Pools& pools_;
  std::uint64_t epoch_ = 0;
  std::uint64_t refused_ = 0;
  std::map<unsigned, std::pair<common::PortIndex, std::uint64_t>> links_;  // TAPs only: port, epoch
  std::map<Prefix4, std::vector<StoredRoute>> routes_;                     // best first
  std::map<Prefix4, Result> fixed_;
  std::map<NeighbourKey, Neighbour> neighbours_;
  std::map<Prefix4, Mirrored> mirrored_;
  std::set<std::pair<unsigned, std::uint32_t>> locals_;  // interface, address
  std::unique_ptr<std::atomic<std::uint32_t>[]> addresses_v4_;
};

}  // namespace dataplane::route
