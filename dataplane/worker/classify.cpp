// What is this frame? ESP for a tunnel, a packet to be routed, or something for the host stack.

#include "dataplane/worker/context.hpp"

namespace dataplane::worker {
namespace {

using packet::EthernetHeader;
using packet::Ipv4View;

constexpr std::uint16_t kLinkOctets = sizeof(EthernetHeader);

[[nodiscard]] bool is_group(const common::MacAddress& mac) noexcept { return (mac.octets[0] & 1U) != 0; }

/// Neighbour discovery is ICMPv6 133..137 (RFC 4861 §4); its packets have no extension headers in front.
[[nodiscard]] bool is_neighbour_discovery(common::ByteView ipv6) noexcept {
  return ipv6.size() > 40 && ipv6[6] == packet::kProtocolIcmpv6 && ipv6[40] >= 133 && ipv6[40] <= 137;
}

/// Does the packet look like ESP, natively or in UDP? Fragments do not (RFC 4303 §3.4.1: they are not ESP's to take).
[[nodiscard]] bool add_esp(Context& context, rte_mbuf* mbuf, const Ipv4View& ip) noexcept {
  if (ip.header->is_fragment()) return false;
  common::ByteView esp = ip.payload;
  std::uint16_t source_port = 0;
  if (ip.header->protocol == packet::kProtocolUdp) {
    const auto udp = packet::parse_udp(ip.payload);
    if (!udp || udp->header->destination_port.host() != context.env.nat_port) return false;
    if (packet::classify_nat_traversal(udp->payload) != packet::NatTraversal::esp) return false;
    esp = udp->payload;
    source_port = udp->header->source_port.host();
  } else if (ip.header->protocol != packet::kProtocolEsp) {
    return false;
  }
  const auto header = packet::parse_esp(esp);
  if (!header) return false;
  EspCandidates& list = context.esp;
  const std::size_t at = list.count++;
  list.mbuf[at] = mbuf;
  list.spi[at] = header->spi;
  list.offset[at] = static_cast<std::uint16_t>(esp.data() - rte_pktmbuf_mtod(mbuf, const std::uint8_t*));
  list.octets[at] = static_cast<std::uint16_t>(esp.size());
  list.source[at] = ip.header->source.host();
  list.destination[at] = ip.header->destination.host();
  list.source_port[at] = source_port;
  list.tos[at] = ip.header->tos;
  context.tables.prefetch_inbound(header->spi);
  return true;
}

void classify_ipv4(Context& context, rte_mbuf* mbuf, bool group) noexcept {
  const auto ip = packet::parse_ipv4(octets_of(mbuf).subspan(kLinkOctets));
  if (!ip) return context.drop(mbuf, ip.error());
  // What came to a link-layer group is never forwarded (RFC 1812 §5.3.4); the host stack knows what it wants of it.
  if (group) return punt_frame(context, mbuf, eal::HostClass::other);
  if (add_esp(context, mbuf, *ip)) return;
  packet::metadata(mbuf).origin = packet::Origin::clear;
  const auto link_padding = static_cast<std::uint16_t>(mbuf->data_len - kLinkOctets - ip->packet.size());
  rte_pktmbuf_trim(mbuf, link_padding);
  rte_pktmbuf_adj(mbuf, kLinkOctets);
  context.to_route.push(mbuf);
}

void classify_one(Context& context, rte_mbuf* mbuf) noexcept {
  // A chain of buffers is a frame that the port had no room for in one; everything here reads one.
  if (mbuf->nb_segs > 1 && rte_pktmbuf_linearize(mbuf) != 0) return context.drop(mbuf, DropReason::no_buffer);
  const common::ByteView frame = octets_of(mbuf);
  const auto* link = packet::view_as<EthernetHeader>(frame);
  if (link == nullptr) return context.drop(mbuf, DropReason::truncated);
  const PortBinding& port = context.port_of(mbuf);
  // af_packet shows a port its own frames (DESIGN chapter 11).
  if (link->source == port.mac) return context.drop(mbuf, DropReason::own_source_mac);
  const bool group = is_group(link->destination);
  if (!group && link->destination != port.mac) return context.drop(mbuf, DropReason::not_for_us);
  switch (link->type.host()) {
    case packet::kEtherIpv4:
      return classify_ipv4(context, mbuf, group);
    case packet::kEtherArp:
      return punt_frame(context, mbuf, eal::HostClass::neighbour);
    case packet::kEtherIpv6:
      return punt_frame(
          context, mbuf,
          is_neighbour_discovery(frame.subspan(kLinkOctets)) ? eal::HostClass::neighbour : eal::HostClass::other);
    default:
      return context.drop(mbuf, DropReason::unsupported_protocol);
  }
}

}  // namespace

void classify(Context& context) noexcept {
  for (rte_mbuf* mbuf : context.frames.all()) classify_one(context, mbuf);
  context.frames.clear();
}

}  // namespace dataplane::worker
