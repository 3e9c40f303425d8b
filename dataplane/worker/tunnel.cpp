// From inner packets to ESP packets: selectors, outer route, MTU, policer, sequence number, header template, encryption
// of the burst (RFC 4303 §3.3, RFC 4301 §5.1).

#include "dataplane/esp/ecn.hpp"
#include "dataplane/esp/encapsulate.hpp"
#include "dataplane/packet/modify.hpp"
#include "dataplane/worker/context.hpp"
#include "dataplane/worker/flow.hpp"

namespace dataplane::worker {
namespace {

using packet::Origin;
using route::ResultType;

/// The manager hears of it when fewer sequence numbers are left.
constexpr std::uint64_t kSequenceMargin = std::uint64_t{1} << 28U;

/// What each packet of the burst is sealed with; header is nullptr where there is nothing to seal with.
struct Sealing {
  std::array<sa::OutboundSa*, kBurst> sa;
  std::array<const esp::HeaderTemplate*, kBurst> header;
  std::array<std::uint32_t, kBurst> remote;  ///< outer destination, host order
  std::array<route::Result, kBurst> to;      ///< its route
  std::array<const route::Adjacency*, kBurst> adjacency;
};

[[nodiscard]] std::uint32_t address_at(const esp::HeaderTemplate& header, std::size_t offset) noexcept {
  const std::uint8_t* octet = header.octets.data() + offset;
  return static_cast<std::uint32_t>(octet[0]) << 24U | static_cast<std::uint32_t>(octet[1]) << 16U |
         static_cast<std::uint32_t>(octet[2]) << 8U | octet[3];
}
[[nodiscard]] std::uint32_t local_of(const esp::HeaderTemplate& header) noexcept { return address_at(header, 12); }
[[nodiscard]] std::uint32_t remote_of(const esp::HeaderTemplate& header) noexcept { return address_at(header, 16); }

/// Loads what each packet needs, and starts the loads of what comes after it.
void gather(Context& context, Sealing& sealing) noexcept {
  const TunnelCandidates& tunnels = context.tunnels;
  for (std::size_t i = 0; i < tunnels.count; ++i) {
    sa::OutboundSa* sa = tunnels.session[i]->outbound.load(std::memory_order_acquire);
    sealing.sa[i] = sa;
    sealing.header[i] = sa == nullptr ? nullptr : sa->header.load(std::memory_order_acquire);
    if (sealing.header[i] == nullptr) continue;
    rte_prefetch0(sealing.header[i]);
    rte_prefetch0(&sa->sequence);
    rte_prefetch0(sa->selectors);
    sa->suite->prefetch(sa->schedule, tunnels.mbuf[i]->pkt_len);
  }
  for (std::size_t i = 0; i < tunnels.count; ++i)
    sealing.remote[i] = sealing.header[i] == nullptr ? 0 : remote_of(*sealing.header[i]);
  context.fib.lookup_burst({sealing.remote.data(), tunnels.count}, {sealing.to.data(), tunnels.count});
}

/// The outer packet's next hop, which must be a neighbour: a tunnel is not carried in another tunnel.
[[nodiscard]] std::optional<DropReason> find_next_hop(Context& context, Sealing& sealing, std::size_t at) noexcept {
  const route::Result to = sealing.to[at];
  common::PortIndex port;
  if (to.type() == ResultType::adjacency) {
    const ids::AdjacencyIndex index{to.index()};
    const route::Adjacency& adjacency = context.adjacencies.at(index);
    if (adjacency.resolved) {
      context.adjacencies.mark_used(index);
      sealing.adjacency[at] = &adjacency;
      return std::nullopt;
    }
    port = adjacency.port;
  } else if (to.type() == ResultType::glean) {
    port = common::PortIndex{static_cast<std::uint16_t>(to.index())};
  } else {
    return DropReason::no_route;
  }
  context.tell({.kind = sa::EventKind::neighbour_needed, .port = port, .address_v4 = sealing.remote[at]});
  return DropReason::neighbour_unresolved;
}

/// An address of ours for an answer to the inner packet's sender: its port's, else the tunnel's own end.
[[nodiscard]] std::uint32_t answer_source(Context& context, rte_mbuf* mbuf,
                                          const esp::HeaderTemplate& header) noexcept {
  const auto* address = context.port_of(mbuf).address_v4;
  const std::uint32_t own = address == nullptr ? 0 : address->load(std::memory_order_relaxed);
  return own != 0 && packet::metadata(mbuf).origin == Origin::clear ? own : local_of(header);
}

/// Time to live and size, whose failures are told to the sender.
[[nodiscard]] std::optional<DropReason> check_fit(Context& context, const Sealing& sealing, std::size_t at) noexcept {
  rte_mbuf* mbuf = context.tunnels.mbuf[at];
  const packet::Ipv4Header& ip = ip_header(mbuf);
  const Origin origin = packet::metadata(mbuf).origin;
  const esp::HeaderTemplate& header = *sealing.header[at];
  if ((origin == Origin::clear || origin == Origin::decrypted) && ip.ttl <= 1) {
    answer(context, mbuf, packet::IcmpError::time_exceeded, answer_source(context, mbuf, header), 0);
    return DropReason::ttl_expired;
  }
  const PortBinding& port = context.env.ports[sealing.adjacency[at]->port.value()];
  const std::uint32_t room = esp::inner_mtu(header, sealing.sa[at]->suite->facts, port.mtu);
  if (mbuf->pkt_len <= room) return std::nullopt;
  if (!ip.dont_fragment()) return DropReason::too_big_fragmentable;
  answer(context, mbuf, packet::IcmpError::fragmentation_needed, answer_source(context, mbuf, header), room);
  return DropReason::too_big;
}

/// Everything that must hold before a sequence number is used.
[[nodiscard]] std::optional<DropReason> check(Context& context, Sealing& sealing, std::size_t at) noexcept {
  if (!context.forwarding) return DropReason::orphaned;
  sa::Session& session = *context.tunnels.session[at];
  const sa::OutboundSa* sa = sealing.sa[at];
  if (sealing.header[at] == nullptr) return DropReason::no_outbound_sa;
  if (context.now >= sa->end_tsc || context.now >= session.end_tsc.load(std::memory_order_relaxed))
    return DropReason::sa_expired;
  rte_mbuf* mbuf = context.tunnels.mbuf[at];
  const auto ip = packet::parse_ipv4(octets_of(mbuf), true);
  if (!ip) return ip.error();
  const Flow flow = flow_of(*ip);
  if (!sa->selectors->allow(flow.source, flow.destination, flow.protocol)) return DropReason::selector_out;
  if (const auto reason = find_next_hop(context, sealing, at)) return reason;
  if (const auto reason = check_fit(context, sealing, at)) return reason;
  if (!policy::conforms(session.meter_out, session.output_rate_bits.load(std::memory_order_relaxed),
                        context.cycles_per_second, context.now, mbuf->pkt_len))
    return DropReason::policed;
  return std::nullopt;
}

/// Makes room, takes a sequence number and appends the packet to the batch.
[[nodiscard]] std::optional<DropReason> seal(Context& context, Sealing& sealing, std::size_t at) noexcept {
  sa::OutboundSa& sa = *sealing.sa[at];
  rte_mbuf* mbuf = context.tunnels.mbuf[at];
  packet::Metadata& about = packet::metadata(mbuf);
  const std::uint32_t inner_octets = mbuf->pkt_len;
  const auto front = static_cast<std::uint16_t>(esp::front_octets(*sealing.header[at], sa.suite->facts));
  const auto back = static_cast<std::uint16_t>(esp::back_octets(sa.suite->facts, inner_octets));
  if (rte_pktmbuf_headroom(mbuf) < front + sizeof(packet::EthernetHeader) || rte_pktmbuf_tailroom(mbuf) < back)
    return DropReason::no_buffer;
  const std::uint64_t sequence = sa.take_sequence();
  if (sa.last_sequence - sa.sequence < kSequenceMargin && !sa.expiry_announced) {
    sa.expiry_announced = true;
    context.tell({.kind = sa::EventKind::child_expiring, .session = about.destination, .sa = sa.index});
  }
  if (sequence == 0) return DropReason::sequence_exhausted;
  sa.octets += inner_octets;
  about.destination_octets = inner_octets;

  packet::Ipv4Header& ip = ip_header(mbuf);
  if (about.origin == Origin::clear || about.origin == Origin::decrypted) packet::decrement_ttl(ip);
  auto* inner = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  const bool dont_fragment = ip.dont_fragment();
  const std::uint8_t tos = esp::encapsulated_tos(ip.tos);
  rte_pktmbuf_prepend(mbuf, front);
  rte_pktmbuf_append(mbuf, back);
  esp::encapsulate({.inner = inner,
                    .inner_octets = inner_octets,
                    .next_header = packet::kProtocolIpv4,
                    .outer_tos = tos,
                    .dont_fragment = dont_fragment,
                    .esn = sa.esn,
                    .sequence = sequence,
                    .salt = sa.salt,
                    .header = sealing.header[at],
                    .suite = sa.suite,
                    .schedule = sa.schedule},
                   context.batch);
  return std::nullopt;
}

}  // namespace

void tunnel(Context& context) noexcept {
  TunnelCandidates& tunnels = context.tunnels;
  if (tunnels.count == 0) return;
  Sealing sealing;
  gather(context, sealing);
  std::array<bool, kBurst> done{};
  for (std::size_t i = 0; i < tunnels.count; ++i) {
    if (const auto reason = check(context, sealing, i)) {
      context.drop(tunnels.mbuf[i], *reason);
      done[i] = true;
    }
  }
  // Packets of one suite go through its cipher together; usually there is one.
  std::array<std::uint16_t, kBurst> position;
  for (std::size_t first = 0; first < tunnels.count; ++first) {
    if (done[first]) continue;
    const crypto::SuiteOps* suite = sealing.sa[first]->suite;
    context.batch.count = 0;
    for (std::size_t i = first; i < tunnels.count; ++i) {
      if (done[i] || sealing.sa[i]->suite != suite) continue;
      done[i] = true;
      position[context.batch.count] = static_cast<std::uint16_t>(i);
      if (const auto reason = seal(context, sealing, i)) context.drop(tunnels.mbuf[i], *reason);
    }
    suite->encrypt(context.batch);
    add_owned(context.statistics.esp_out, context.batch.count);
    for (std::size_t i = 0; i < context.batch.count; ++i)
      send_packet(context, *sealing.adjacency[position[i]], tunnels.mbuf[position[i]]);
  }
  tunnels.count = 0;
}

}  // namespace dataplane::worker
