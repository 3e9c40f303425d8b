// Checking headers of received packets. Every read has its bound above it.

#include "dataplane/packet/headers.hpp"

#include "dataplane/packet/checksum.hpp"

namespace dataplane::packet {

using common::ByteView;
using common::DropReason;
using common::Result;

Result<Ipv4View, DropReason> parse_ipv4(ByteView octets, bool trusted) noexcept {
  const auto* header = view_as<Ipv4Header>(octets);
  if (header == nullptr) return std::unexpected(DropReason::truncated);
  if (header->version_ihl >> 4U != 4) return std::unexpected(DropReason::bad_header);
  const std::size_t header_octets = header->header_octets();
  const std::size_t total = header->total_length.host();
  if (header_octets < sizeof(Ipv4Header) || total < header_octets) return std::unexpected(DropReason::bad_header);
  if (total > octets.size()) return std::unexpected(DropReason::truncated);
  if (!trusted && !checksum_holds(octets.first(header_octets))) return std::unexpected(DropReason::bad_checksum);
  return Ipv4View{header, octets.first(total), octets.subspan(header_octets, total - header_octets)};
}

Result<UdpView, DropReason> parse_udp(ByteView octets) noexcept {
  const auto* header = view_as<UdpHeader>(octets);
  if (header == nullptr) return std::unexpected(DropReason::truncated);
  const std::size_t length = header->length.host();
  if (length < sizeof(UdpHeader)) return std::unexpected(DropReason::bad_header);
  if (length > octets.size()) return std::unexpected(DropReason::truncated);
  return UdpView{header, octets.subspan(sizeof(UdpHeader), length - sizeof(UdpHeader))};
}

NatTraversal classify_nat_traversal(ByteView udp_payload) noexcept {
  if (udp_payload.size() == 1 && udp_payload[0] == 0xFF) return NatTraversal::keepalive;
  const auto* header = view_as<EspHeader>(udp_payload);
  if (udp_payload.size() < 4) return NatTraversal::malformed;
  // Four octets of 0 where an SPI would be are the non-ESP marker.
  if ((udp_payload[0] | udp_payload[1] | udp_payload[2] | udp_payload[3]) == 0) return NatTraversal::ike;
  return header == nullptr ? NatTraversal::malformed : NatTraversal::esp;
}

Result<EspView, DropReason> parse_esp(ByteView octets) noexcept {
  const auto* header = view_as<EspHeader>(octets);
  if (header == nullptr) return std::unexpected(DropReason::truncated);
  return EspView{common::Spi{header->spi.host()}, header->sequence.host(), octets.subspan(sizeof(EspHeader))};
}

}  // namespace dataplane::packet
