// Where does this packet go? One FIB lookup for the whole burst, then by the type of the result.

#include "dataplane/packet/modify.hpp"
#include "dataplane/worker/context.hpp"

namespace dataplane::worker {
namespace {

using packet::Origin;
using route::ResultType;

struct Routes {
  std::array<std::uint32_t, kBurst> destination;
  std::array<std::uint32_t, kBurst> source;
  std::array<route::Result, kBurst> to;
  std::array<route::Result, kBurst> from;
  std::array<ids::SessionRef, kBurst> session;  ///< behind a pool or a tunnel
};

/// We only pass it on: its time to live is used, and its sender may be told. What the host or we made is not.
[[nodiscard]] bool is_forwarded(Origin origin) noexcept {
  return origin == Origin::clear || origin == Origin::decrypted;
}

[[nodiscard]] std::uint32_t address_of(const PortBinding& port) noexcept {
  return port.address_v4 == nullptr ? 0 : port.address_v4->load(std::memory_order_relaxed);
}

/// Which session owns the destination: for pools one load by direct index, for tunnels who lives in the place now.
[[nodiscard]] ids::SessionRef session_behind(Context& context, route::Result result, std::uint32_t address) noexcept {
  if (result.type() == ResultType::tunnel) return context.tables.session_ref(ids::SessionIndex{result.index()});
  const auto pools = context.tables.pool_ranges();
  if (result.type() != ResultType::pool || result.index() >= pools.size()) return {};
  return context.tables.pool_session(ids::PoolIndex{result.index()}, address - pools[result.index()].first);
}

void look_up(Context& context, Routes& routes) noexcept {
  const std::size_t count = context.to_route.size();
  for (std::size_t i = 0; i < count; ++i) {
    const packet::Ipv4Header& ip = ip_header(context.to_route[i]);
    routes.destination[i] = ip.destination.host();
    routes.source[i] = ip.source.host();
  }
  context.fib.lookup_burst({routes.destination.data(), count}, {routes.to.data(), count});
  context.fib.lookup_burst({routes.source.data(), count}, {routes.from.data(), count});
  const auto pools = context.tables.pool_ranges();
  for (std::size_t i = 0; i < count; ++i) {
    const route::Result to = routes.to[i];
    if (to.type() == ResultType::tunnel) context.tables.prefetch_session(ids::SessionIndex{to.index()});
    if (to.type() == ResultType::pool && to.index() < pools.size())
      context.tables.prefetch_pool(ids::PoolIndex{to.index()}, routes.destination[i] - pools[to.index()].first);
  }
  for (std::size_t i = 0; i < count; ++i) {
    routes.session[i] = session_behind(context, routes.to[i], routes.destination[i]);
    if (!routes.session[i].is_nobody()) context.tables.prefetch_session(routes.session[i].index);
  }
}

/// The next hop's MAC address is missing: the kernel is asked for it, and this packet is a counted drop.
void unresolved(Context& context, rte_mbuf* mbuf, common::PortIndex port) noexcept {
  context.tell(
      {.kind = sa::EventKind::neighbour_needed, .port = port, .address_v4 = ip_header(mbuf).destination.host()});
  context.drop(mbuf, DropReason::neighbour_unresolved);
}

/// What the host stack framed itself goes out as it is, on the port whose TAP it chose.
void send_host_frame(Context& context, rte_mbuf* mbuf) noexcept {
  rte_pktmbuf_prepend(mbuf, sizeof(packet::EthernetHeader));  // its own header is still there
  send_frame(context, packet::metadata(mbuf).port, mbuf);
}

/// Answers leave from an address that the sender knows: for packets in the clear the port's on which they came, for
/// decrypted ones that of the side they were going to.
[[nodiscard]] std::uint32_t answer_source(Context& context, rte_mbuf* mbuf, const PortBinding& out) noexcept {
  if (packet::metadata(mbuf).origin == Origin::clear)
    if (const std::uint32_t address = address_of(context.port_of(mbuf)); address != 0) return address;
  return address_of(out);
}

void to_neighbour(Context& context, rte_mbuf* mbuf, ids::AdjacencyIndex index) noexcept {
  const route::Adjacency& adjacency = context.adjacencies.at(index);
  const Origin origin = packet::metadata(mbuf).origin;
  if (origin == Origin::host) {
    context.adjacencies.mark_used(index);
    return send_host_frame(context, mbuf);
  }
  if (!adjacency.resolved) return unresolved(context, mbuf, adjacency.port);
  const PortBinding& port = context.env.ports[adjacency.port.value()];
  packet::Ipv4Header& ip = ip_header(mbuf);
  if (is_forwarded(origin) && ip.ttl <= 1) {
    answer(context, mbuf, packet::IcmpError::time_exceeded, answer_source(context, mbuf, port), 0);
    return context.drop(mbuf, DropReason::ttl_expired);
  }
  if (mbuf->pkt_len > port.mtu) {
    if (!ip.dont_fragment()) return context.drop(mbuf, DropReason::too_big_fragmentable);
    answer(context, mbuf, packet::IcmpError::fragmentation_needed, answer_source(context, mbuf, port), port.mtu);
    return context.drop(mbuf, DropReason::too_big);
  }
  if (is_forwarded(origin)) packet::decrement_ttl(ip);
  context.adjacencies.mark_used(index);
  send_packet(context, adjacency, mbuf);
}

void to_session(Context& context, rte_mbuf* mbuf, ids::SessionRef ref) noexcept {
  sa::Session* session = context.tables.find_session(ref);
  if (session == nullptr) return context.drop(mbuf, DropReason::no_session);
  packet::metadata(mbuf).destination = ref;
  if (session->owner != context.env.index) return hand_off(context, session->owner, mbuf);
  const std::size_t at = context.tunnels.count++;
  context.tunnels.mbuf[at] = mbuf;
  context.tunnels.session[at] = session;
  if (const sa::OutboundSa* outbound = session->outbound.load(std::memory_order_acquire)) rte_prefetch0(outbound);
}

void to_drop(Context& context, rte_mbuf* mbuf, std::uint32_t index) noexcept {
  const bool is_reason = index < static_cast<std::uint32_t>(DropReason::count_);
  context.drop(mbuf, is_reason ? static_cast<DropReason>(index) : DropReason::no_route);
}

[[nodiscard]] bool is_group(std::uint32_t address) noexcept { return address >= 0xE0000000U; }

void dispatch(Context& context, rte_mbuf* mbuf, const Routes& routes, std::size_t at) noexcept {
  const Origin origin = packet::metadata(mbuf).origin;
  const ResultType from = routes.from[at].type();
  // An inner address never comes in clear text: it would be somebody who plays our user.
  if (origin == Origin::clear && (from == ResultType::pool || from == ResultType::tunnel))
    return context.drop(mbuf, DropReason::spoofed_source);
  if (is_group(routes.destination[at])) {  // multicast is the host stack's; nothing forwards it
    if (origin == Origin::clear) return punt_packet(context, mbuf);
    return context.drop(mbuf, DropReason::no_route);
  }
  const route::Result to = routes.to[at];
  switch (to.type()) {
    case ResultType::adjacency:
      return to_neighbour(context, mbuf, ids::AdjacencyIndex{to.index()});
    case ResultType::tunnel:
    case ResultType::pool:
      return to_session(context, mbuf, routes.session[at]);
    case ResultType::local:
      // The host stack does not send to itself through a TAP; a loop must not begin here.
      if (origin == Origin::host) return context.drop(mbuf, DropReason::no_route);
      return punt_packet(context, mbuf);
    case ResultType::glean:
      if (origin == Origin::host) return send_host_frame(context, mbuf);
      return unresolved(context, mbuf, common::PortIndex{static_cast<std::uint16_t>(to.index())});
    case ResultType::drop:
      return to_drop(context, mbuf, to.index());
  }
  context.drop(mbuf, DropReason::no_route);
}

}  // namespace

void route_packets(Context& context) noexcept {
  if (context.to_route.empty()) return;
  Routes routes;
  look_up(context, routes);
  for (std::size_t i = 0; i < context.to_route.size(); ++i) dispatch(context, context.to_route[i], routes, i);
  context.to_route.clear();
}

}  // namespace dataplane::worker
