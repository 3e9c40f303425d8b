#pragma once
// Explicit congestion notification across the tunnel (RFC 6040, normal mode).

#include <cstdint>
#include <optional>

namespace dataplane::esp {

inline constexpr std::uint8_t kEcnMask = 0x03;
inline constexpr std::uint8_t kNotEct = 0;
inline constexpr std::uint8_t kEct1 = 1;
inline constexpr std::uint8_t kEct0 = 2;
inline constexpr std::uint8_t kCe = 3;

/// The ECN bits that the inner header gets when the outer one is taken off; nullopt: the packet must be dropped.
/// @source RFC 6040 §4.2, Figure 4
[[nodiscard]] constexpr std::optional<std::uint8_t> decapsulated_ecn(std::uint8_t inner, std::uint8_t outer) noexcept {
  if (outer == kCe) return inner == kNotEct ? std::nullopt : std::optional<std::uint8_t>{kCe};
  if (outer == kEct1 && inner == kEct0) return kEct1;
  return inner;
}

/// The TOS octet of the outer header: DSCP and ECN of the inner one (RFC 6040 §4.1, RFC 4301 §5.1.2.1).
[[nodiscard]] constexpr std::uint8_t encapsulated_tos(std::uint8_t inner_tos) noexcept { return inner_tos; }

}  // namespace dataplane::esp
