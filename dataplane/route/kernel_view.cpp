// One rule decides what a prefix must say (`wanted`), and every event ends in asking it again for the prefixes that the
// event concerns. So the order in which the kernel tells things does not matter.

#include "dataplane/route/kernel_view.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace dataplane::route {

namespace {

constexpr Prefix4 kLoopback{127U << 24U, 8};
constexpr std::uint32_t kFirstMulticast = 224U << 24U;

/// Addresses that never have a next hop (RFC 1122 §3.2.1.3, RFC 6890), until the kernel has a more specific route.
std::map<Prefix4, Result> fixed_results() {
  const Result local{ResultType::local, 0};
  return {{{0, 8}, no_route()},
          {kLoopback, no_route()},
          {{kFirstMulticast, 4}, local},
          {{240U << 24U, 4}, no_route()},
          {{0xFFFFFFFFU, 32}, local}};
}

auto rank(const KernelRoute& route) { return std::tuple(route.table, route.metric); }

}  // namespace

KernelView::KernelView(std::vector<MirrorPort> ports, Fib& fib, Adjacencies& adjacencies, const Pools& pools)
    : ports_(std::move(ports)), fib_(fib), adjacencies_(adjacencies), pools_(pools), fixed_(fixed_results()) {
  std::size_t places = 0;
  for (const MirrorPort& port : ports_) places = std::max<std::size_t>(places, port.port.value() + 1U);
  addresses_v4_ = std::make_unique<std::atomic<std::uint32_t>[]>(places);
  for (const auto& [prefix, result] : fixed_) update(prefix);
}

void KernelView::on_link(const KernelLink& link) {
  const auto port = std::ranges::find(ports_, link.name, &MirrorPort::tap);
  if (port == ports_.end()) {
    on_link_gone(link.index);  // it may have been renamed
    return;
  }
  const auto [at, fresh] = links_.insert_or_assign(link.index, std::pair(port->port, epoch_));
  if (!fresh) return;
  publish_address(link.index);
  for (const auto& [prefix, routes] : routes_) update(prefix);
}

void KernelView::on_link_gone(unsigned index) {
  if (links_.erase(index) == 0) return;
  for (const auto& [prefix, routes] : routes_) update(prefix);
}

std::optional<common::PortIndex> KernelView::port_of(unsigned interface_index) const {
  const auto at = links_.find(interface_index);
  return at == links_.end() ? std::nullopt : std::optional(at->second.first);
}

void KernelView::on_route(const KernelRoute& route) {
  auto& routes = routes_[route.prefix];
  const auto same = std::ranges::find_if(routes, [&](const StoredRoute& r) { return rank(r.route) == rank(route); });
  if (same != routes.end()) {
    same->epoch = epoch_;
    if (same->route == route) return;
    note_local(same->route, false);
    same->route = route;
  } else {
    const auto after = std::ranges::find_if(routes, [&](const StoredRoute& r) { return rank(route) < rank(r.route); });
    routes.insert(after, {route, epoch_});
  }
  note_local(route, true);
  update_with_neighbours(route.prefix);
}

void KernelView::on_route_gone(const KernelRoute& route) {
  const auto at = routes_.find(route.prefix);
  if (at == routes_.end()) return;
  auto& routes = at->second;
  const auto same = std::ranges::find_if(routes, [&](const StoredRoute& r) { return rank(r.route) == rank(route); });
  // Of two routes that differ only in their next hop the kernel may take away the one that we do not hold.
  if (same == routes.end() || same->route != route) return;
  note_local(same->route, false);
  routes.erase(same);
  if (routes.empty()) routes_.erase(at);
  update_with_neighbours(route.prefix);
}

void KernelView::on_neighbour(const KernelNeighbour& neighbour) {
  const auto port = port_of(neighbour.interface_index);
  if (!port || neighbour.address >= kFirstMulticast) return;
  change_neighbour({neighbour.address, port->value()}, neighbour.mac);
}

void KernelView::end_resync() {
  std::vector<unsigned> links;
  for (const auto& [index, link] : links_) {
    if (link.second != epoch_) links.push_back(index);
  }
  for (const unsigned index : links) on_link_gone(index);
  std::vector<KernelRoute> routes;
  for (const auto& [prefix, stored] : routes_) {
    for (const StoredRoute& route : stored) {
      if (route.epoch != epoch_) routes.push_back(route.route);
    }
  }
  for (const KernelRoute& route : routes) on_route_gone(route);
  std::vector<NeighbourKey> neighbours;
  for (const auto& [key, neighbour] : neighbours_) {
    if (neighbour.mac && neighbour.epoch != epoch_) neighbours.push_back(key);
  }
  for (const NeighbourKey& key : neighbours) change_neighbour(key, std::nullopt);
}

std::optional<NextHop> KernelView::next_hop(std::uint32_t address) const {
  const KernelRoute* route = longest_match(address, 32);
  if (route == nullptr || route->type != KernelRouteType::unicast || !port_of(route->interface_index)) {
    return std::nullopt;
  }
  return NextHop{route->interface_index, route->gateway != 0 ? route->gateway : address};
}

std::vector<NextHop> KernelView::take_used() {
  std::vector<NextHop> used;
  for (const auto& [key, neighbour] : neighbours_) {
    if (!neighbour.place || !neighbour.mac || !adjacencies_.take_used(*neighbour.place)) continue;
    for (const auto& [index, link] : links_) {
      if (link.first.value() == key.second) used.push_back({index, key.first});
    }
  }
  return used;
}

const std::atomic<std::uint32_t>& KernelView::address_v4(common::PortIndex port) const {
  return addresses_v4_[port.value()];
}

std::size_t KernelView::resolved_neighbours() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(neighbours_, [](const auto& entry) { return entry.second.mac.has_value(); }));
}

const KernelRoute* KernelView::best(Prefix4 prefix) const {
  const auto at = routes_.find(prefix);
  return at == routes_.end() ? nullptr : &at->second.front().route;
}

const KernelRoute* KernelView::longest_match(std::uint32_t address, unsigned longest) const {
  for (int length = static_cast<int>(longest); length >= 0; --length) {
    Prefix4 prefix{address, static_cast<std::uint8_t>(length)};
    prefix.address &= prefix.mask();
    if (const KernelRoute* route = best(prefix); route != nullptr) return route;
  }
  return nullptr;
}

std::optional<KernelView::Wanted> KernelView::wanted(Prefix4 prefix) const {
  if (const KernelRoute* route = best(prefix); route != nullptr) return wanted_of(*route);
  if (const auto at = fixed_.find(prefix); at != fixed_.end()) return Wanted{at->second, std::nullopt};
  if (prefix.length != 32) return std::nullopt;
  // A neighbour has a route of its own only where its address is routed straight to the port on which it is known.
  const KernelRoute* covering = longest_match(prefix.address, 31);
  if (covering == nullptr || covering->type != KernelRouteType::unicast || covering->gateway != 0) return std::nullopt;
  const auto port = port_of(covering->interface_index);
  if (!port) return std::nullopt;
  const NeighbourKey key{prefix.address, port->value()};
  const auto neighbour = neighbours_.find(key);
  if (neighbour == neighbours_.end() || !neighbour->second.mac) return std::nullopt;
  return Wanted{{ResultType::glean, port->value()}, key};
}

KernelView::Wanted KernelView::wanted_of(const KernelRoute& route) const {
  switch (route.type) {
    case KernelRouteType::local:
    case KernelRouteType::broadcast:
      // What names the loopback network must not come from, or go to, a wire (RFC 1122 §3.2.1.3).
      if (kLoopback.contains(route.prefix)) return {no_route(), std::nullopt};
      return {{ResultType::local, 0}, std::nullopt};
    case KernelRouteType::reject:
      return {no_route(), std::nullopt};
    case KernelRouteType::unicast:
      break;
  }
  const auto port = port_of(route.interface_index);
  if (!port) return {no_route(), std::nullopt};
  const Result glean{ResultType::glean, port->value()};
  if (route.gateway == 0) return {glean, std::nullopt};
  return {glean, NeighbourKey{route.gateway, port->value()}};
}

void KernelView::update_with_neighbours(Prefix4 prefix) {
  update(prefix);
  std::vector<std::uint32_t> addresses;
  for (auto at = neighbours_.lower_bound({prefix.address, 0}); at != neighbours_.end(); ++at) {
    if (at->first.first > prefix.last()) break;
    if (addresses.empty() || addresses.back() != at->first.first) addresses.push_back(at->first.first);
  }
  for (const std::uint32_t address : addresses) {
    if (const Prefix4 host{address, 32}; host != prefix) update(host);
  }
}

void KernelView::update(Prefix4 prefix) {
  const auto now = mirrored_.find(prefix);
  const auto present = fib_.find(prefix);
  // Somebody else's, a tunnel's: it is never replaced by a less careful route (P1), nor is a pool's.
  const bool foreign = present && (now == mirrored_.end() || *present != now->second.result);
  auto want = wanted(prefix);
  if (want && (foreign || pools_.covers(prefix))) {
    ++refused_;
    want.reset();
  }
  const auto old_via = now == mirrored_.end() ? std::nullopt : now->second.via;
  if (want && want->via) {
    // Taken before the old one is given back, so that a place that stays is not lost in between.
    if (const auto place = take_place(*want->via)) {
      want->result = {ResultType::adjacency, place->value()};
    } else {
      ++refused_;
      want->via.reset();  // no place left: packets glean, and are dropped, which is safe
    }
  }
  if (!want && now != mirrored_.end()) {
    if (!foreign) fib_.remove(prefix);
    mirrored_.erase(now);
  } else if (want) {
    if (!present || *present != want->result) fib_.set(prefix, want->result);
    mirrored_.insert_or_assign(prefix, Mirrored{want->result, want->via});
  }
  if (old_via) give_back_place(*old_via);
}

void KernelView::change_neighbour(NeighbourKey key, const std::optional<common::MacAddress>& mac) {
  if (!mac && !neighbours_.contains(key)) return;
  Neighbour& neighbour = neighbours_[key];
  neighbour.epoch = epoch_;
  if (neighbour.mac == mac) return;
  neighbour.mac = mac;
  if (neighbour.place) adjacencies_.replace(*neighbour.place, adjacency_of(key, neighbour));
  update({key.first, 32});
  if (const auto at = neighbours_.find(key); at != neighbours_.end() && !at->second.mac && at->second.users == 0) {
    neighbours_.erase(at);
  }
}

std::optional<ids::AdjacencyIndex> KernelView::take_place(NeighbourKey key) {
  Neighbour& neighbour = neighbours_[key];
  if (!neighbour.place) neighbour.place = adjacencies_.add(adjacency_of(key, neighbour));
  if (neighbour.place) {
    ++neighbour.users;
  } else if (!neighbour.mac) {
    neighbours_.erase(key);
    return std::nullopt;
  }
  return neighbour.place;
}

void KernelView::give_back_place(NeighbourKey key) {
  const auto at = neighbours_.find(key);
  if (at == neighbours_.end() || --at->second.users > 0) return;
  adjacencies_.remove(*at->second.place);
  at->second.place.reset();
  if (!at->second.mac) neighbours_.erase(at);
}

Adjacency KernelView::adjacency_of(NeighbourKey key, const Neighbour& neighbour) const {
  Adjacency adjacency;
  adjacency.port = common::PortIndex{key.second};
  adjacency.resolved = neighbour.mac.has_value();
  const auto port = std::ranges::find(ports_, adjacency.port, &MirrorPort::port);
  if (neighbour.mac) std::memcpy(adjacency.ethernet.data(), neighbour.mac->octets.data(), 6);
  if (port != ports_.end()) std::memcpy(adjacency.ethernet.data() + 6, port->mac.octets.data(), 6);
  return adjacency;
}

void KernelView::note_local(const KernelRoute& route, bool present) {
  if (route.type != KernelRouteType::local || route.prefix.length != 32) return;
  const std::pair place{route.interface_index, route.prefix.address};
  if (present) {
    locals_.insert(place);
  } else {
    locals_.erase(place);
  }
  publish_address(route.interface_index);
}

void KernelView::publish_address(unsigned interface_index) {
  const auto port = port_of(interface_index);
  if (!port) return;
  const auto lowest = locals_.lower_bound({interface_index, 0});
  const bool any = lowest != locals_.end() && lowest->first == interface_index;
  addresses_v4_[port->value()].store(any ? lowest->second : 0, std::memory_order_release);
}

}  // namespace dataplane::route
