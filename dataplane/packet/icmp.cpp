// ICMP errors (RFC 792, RFC 1191, RFC 1812 §4.3.2).

#include "dataplane/packet/icmp.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/checksum.hpp"

namespace dataplane::packet {
namespace {

constexpr std::uint8_t kTypeUnreachable = 3;
constexpr std::uint8_t kCodeFragmentationNeeded = 4;
constexpr std::uint8_t kTypeTimeExceeded = 11;
constexpr std::uint8_t kInternetworkControl = 0xC0;  // precedence 6 (RFC 1812 §4.3.2.5)

/// An address that can be one host's: not 0/8, not 127/8, not class D or E, not the limited broadcast.
[[nodiscard]] constexpr bool is_single_host(std::uint32_t address) noexcept {
  const std::uint32_t first = address >> 24U;
  return first != 0 && first != 127 && first < 224;
}

/// Echo, timestamp and their replies are no errors; everything else of ICMP may be one.
[[nodiscard]] constexpr bool is_icmp_error(std::uint8_t type) noexcept {
  return type != 0 && type != 8 && type != 13 && type != 14;
}

}  // namespace

bool may_answer(const Ipv4View& offending) noexcept {
  const Ipv4Header& ip = *offending.header;
  if ((ip.fragment.host() & Ipv4Header::kOffsetMask) != 0) return false;
  if (!is_single_host(ip.source.host()) || !is_single_host(ip.destination.host())) return false;
  if (ip.protocol != kProtocolIcmp) return true;
  return !offending.payload.empty() && !is_icmp_error(offending.payload[0]);
}

std::size_t write_icmp_error(common::MutableByteView out, const Ipv4View& offending, IcmpError error,
                             std::uint32_t source, std::uint16_t mtu) noexcept {
  constexpr std::size_t kHeaders = sizeof(Ipv4Header) + sizeof(IcmpHeader);
  if (out.size() < kMaxIcmpErrorOctets) return 0;
  const std::size_t quoted = std::min(offending.packet.size(), kMaxIcmpErrorOctets - kHeaders);
  const std::size_t total = kHeaders + quoted;

  IcmpHeader icmp{};
  if (error == IcmpError::fragmentation_needed) {
    icmp.type = kTypeUnreachable;
    icmp.code = kCodeFragmentationNeeded;
    icmp.rest_low.set(mtu);
  } else {
    icmp.type = kTypeTimeExceeded;
  }
  std::memcpy(out.data() + sizeof(Ipv4Header), &icmp, sizeof icmp);
  std::memcpy(out.data() + kHeaders, offending.packet.data(), quoted);
  icmp.checksum.set(checksum(out.subspan(sizeof(Ipv4Header), sizeof icmp + quoted)));
  std::memcpy(out.data() + sizeof(Ipv4Header), &icmp, sizeof icmp);

  Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.tos = kInternetworkControl;
  ip.total_length.set(static_cast<std::uint16_t>(total));
  ip.ttl = 64;
  ip.protocol = kProtocolIcmp;
  ip.source.set(source);
  ip.destination.set(offending.header->source.host());
  ip.checksum.set(checksum(common::as_bytes(ip)));
  std::memcpy(out.data(), &ip, sizeof ip);
  return total;
}

}  // namespace dataplane::packet
