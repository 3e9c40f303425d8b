// To the host stack: classes, policing, the Ethernet header that it expects; and the answers that we make ourselves.

#include <algorithm>
#include <cstring>

#include "dataplane/worker/context.hpp"

namespace dataplane::worker {
namespace {

using packet::EthernetHeader;
using packet::Ipv4View;

/// Source of frames that no station sent: locally administered.
constexpr common::MacAddress kGatewayMac{{0x02, 0x50, 0x43, 0x00, 0x00, 0x01}};

struct HostVerdict {
  eal::HostClass host_class = eal::HostClass::other;
  std::optional<DropReason> drop;
};

[[nodiscard]] HostVerdict judge_udp(const Context& context, const packet::UdpView& udp) noexcept {
  const std::uint16_t to = udp.header->destination_port.host();
  const std::uint16_t from = udp.header->source_port.host();
  if (to == context.env.ike_port) return {eal::HostClass::ike, {}};
  if (to == context.env.nat_port) {
    switch (packet::classify_nat_traversal(udp.payload)) {
      case packet::NatTraversal::ike:
        return {eal::HostClass::ike, {}};
      case packet::NatTraversal::keepalive:
        return {{}, DropReason::keepalive};
      case packet::NatTraversal::malformed:
        return {{}, DropReason::truncated};
      case packet::NatTraversal::esp:
        return {{}, DropReason::unknown_spi};  // inside a tunnel: not ESP for us
    }
  }
  const auto is_radius = [&](std::uint16_t port) {
    return std::ranges::find(context.env.radius_ports, port) != context.env.radius_ports.end();
  };
  return {is_radius(to) || is_radius(from) ? eal::HostClass::radius : eal::HostClass::other, {}};
}

[[nodiscard]] HostVerdict judge(const Context& context, const Ipv4View& ip) noexcept {
  if (ip.header->is_fragment())  // the host stack reassembles what is not ESP
    return {eal::HostClass::other,
            ip.header->protocol == packet::kProtocolEsp ? std::optional{DropReason::fragment} : std::nullopt};
  if (ip.header->protocol == packet::kProtocolEsp)
    return {{}, ip.payload.size() < sizeof(packet::EspHeader) ? DropReason::truncated : DropReason::unknown_spi};
  if (ip.header->protocol != packet::kProtocolUdp) return {};
  const auto udp = packet::parse_udp(ip.payload);
  if (!udp) return {{}, udp.error()};
  return judge_udp(context, *udp);
}

}  // namespace

void punt_frame(Context& context, rte_mbuf* mbuf, eal::HostClass host_class) noexcept {
  const auto at = static_cast<std::size_t>(host_class);
  void* object = mbuf;
  if (!context.punt_limits[at].take(context.now) || context.env.host->queue(host_class).enqueue(&object, 1) != 1)
    return context.drop(mbuf, DropReason::punt_full);
  add_owned(context.statistics.punts[at], 1);
}

void punt_packet(Context& context, rte_mbuf* mbuf) noexcept {
  const auto ip = packet::parse_ipv4(octets_of(mbuf), true);
  if (!ip) return context.drop(mbuf, ip.error());
  const HostVerdict verdict = judge(context, *ip);
  if (verdict.drop) return context.drop(mbuf, *verdict.drop);
  const bool has_link_header = packet::metadata(mbuf).origin == packet::Origin::clear;
  char* front = rte_pktmbuf_prepend(mbuf, sizeof(EthernetHeader));
  if (front == nullptr) return context.drop(mbuf, DropReason::no_buffer);
  if (!has_link_header) {
    const EthernetHeader link{context.port_of(mbuf).mac, kGatewayMac, common::Be16{packet::kEtherIpv4}};
    std::memcpy(front, &link, sizeof link);
  }
  punt_frame(context, mbuf, verdict.host_class);
}

void answer(Context& context, rte_mbuf* offending, packet::IcmpError error, std::uint32_t source,
            std::uint32_t mtu) noexcept {
  const packet::Metadata& about = packet::metadata(offending);
  if (about.origin == packet::Origin::gateway) return;
  const auto ip = packet::parse_ipv4(octets_of(offending), true);
  // The host stack would not believe an answer that came from itself: there it comes from who was meant.
  if (ip && about.origin == packet::Origin::host) source = ip->header->destination.host();
  const bool allowed =
      ip && source != 0 && packet::may_answer(*ip) && !context.made.full() && context.icmp_limit.take(context.now);
  rte_mbuf* mbuf = allowed ? rte_pktmbuf_alloc(context.env.pool) : nullptr;
  char* out = mbuf == nullptr ? nullptr : rte_pktmbuf_append(mbuf, packet::kMaxIcmpErrorOctets);
  if (out == nullptr) {
    rte_pktmbuf_free(mbuf);  // accepts nullptr
    add_owned(context.statistics.icmp_withheld, 1);
    return;
  }
  const std::size_t octets =
      packet::write_icmp_error({reinterpret_cast<std::uint8_t*>(out), packet::kMaxIcmpErrorOctets}, *ip, error, source,
                               static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu, 0xFFFF)));
  rte_pktmbuf_trim(mbuf, static_cast<std::uint16_t>(packet::kMaxIcmpErrorOctets - octets));
  packet::metadata(mbuf) = packet::Metadata{.port = about.port, .origin = packet::Origin::gateway};
  context.made.push(mbuf);
  add_owned(context.statistics.icmp_sent, 1);
}

}  // namespace dataplane::worker
