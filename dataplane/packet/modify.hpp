#pragma once
// Changes that a router makes to an IPv4 header in place, with the checksum kept right (RFC 1624).

#include <cstdint>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace dataplane::packet {

/// Takes one off the time to live. @pre ttl > 0
inline void decrement_ttl(Ipv4Header& ip) noexcept {
  const auto before = static_cast<std::uint16_t>(ip.ttl << 8U | ip.protocol);
  --ip.ttl;
  const auto after = static_cast<std::uint16_t>(ip.ttl << 8U | ip.protocol);
  ip.checksum.set(update_checksum(ip.checksum.host(), before, after));
}

/// Gives the header another TOS octet.
inline void set_tos(Ipv4Header& ip, std::uint8_t tos) noexcept {
  const auto before = static_cast<std::uint16_t>(ip.version_ihl << 8U | ip.tos);
  ip.tos = tos;
  const auto after = static_cast<std::uint16_t>(ip.version_ihl << 8U | ip.tos);
  ip.checksum.set(update_checksum(ip.checksum.host(), before, after));
}

}  // namespace dataplane::packet
