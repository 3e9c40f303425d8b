#pragma once
// Everything constant in front of an outgoing ESP packet, made once per outbound SA and peer address.

#include <array>
#include <cstdint>

#include "common/address.hpp"
#include "common/ids.hpp"
#include "common/result.hpp"

namespace dataplane::esp {

/// Where a tunnel leads.
struct Outer {
  common::Endpoint local;   ///< port used with udp_encap only, usually 4500
  common::Endpoint remote;  ///< port used with udp_encap only: where the peer's NAT listens
  common::Spi spi;          ///< chosen by the peer
  bool udp_encap = false;   ///< RFC 3948
  std::uint8_t ttl = 64;
};

enum class TemplateError : std::uint8_t {
  bad_spi,             ///< 0..255 is reserved (RFC 4303 §2.1)
  unspecified,         ///< an address or a port that is needed is 0
  unsupported_family,  ///< IPv6, or two families: later work
};

/// Outer IP header, UDP header if ESP is in UDP, SPI, room for the sequence number: one cache line, copied in front of
/// each packet; only total length, identification, DSCP/ECN, DF, checksum and sequence number are patched.
/// A trivially copyable value. One that workers can see is never changed: a moved peer gets a new one.
struct alignas(64) HeaderTemplate {
  static constexpr std::size_t kMaxOctets = 56;  ///< IPv6 40, UDP 8, ESP 8

  std::array<std::uint8_t, kMaxOctets> octets{};
  std::uint16_t partial_sum = 0;  ///< ones' complement sum of the IPv4 header with the patched fields 0
  std::uint8_t ip_octets = 0;     ///< 20; 40 for IPv6
  std::uint8_t udp_octets = 0;    ///< 8 or 0
  std::uint8_t total_octets = 0;  ///< ip + udp + 8 of ESP (SPI, sequence number)

  [[nodiscard]] constexpr bool is_usable() const noexcept { return total_octets != 0; }
};
static_assert(sizeof(HeaderTemplate) == 64);

/// @error bad_spi, unspecified, unsupported_family: see TemplateError
/// @source RFC 4303 §3.1.2, RFC 3948 §2.1 (UDP checksum 0), RFC 791
[[nodiscard]] common::Result<HeaderTemplate, TemplateError> make_template(const Outer& outer) noexcept;

}  // namespace dataplane::esp
