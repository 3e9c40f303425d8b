#pragma once
// Addresses as both processes hold them, and as the channel carries them.

#include <algorithm>
#include <optional>

#include "common/address.hpp"
#include "common/channel/messages.hpp"

namespace common::channel {

[[nodiscard]] constexpr WireAddress to_wire(const IpAddress& address) noexcept {
  return {address.storage(), static_cast<std::uint8_t>(address.is_v4() ? 4 : 6), {}};
}
/// Family 0 where there is no address.
[[nodiscard]] constexpr WireAddress to_wire(const std::optional<IpAddress>& address) noexcept {
  return address ? to_wire(*address) : WireAddress{};
}
[[nodiscard]] constexpr WireEndpoint to_wire(const Endpoint& endpoint) noexcept {
  return {to_wire(endpoint.address), endpoint.port, 0};
}

/// nullopt for family 0, an unknown family, or an IPv4 address with octets behind the fourth.
[[nodiscard]] constexpr std::optional<IpAddress> from_wire(const WireAddress& wire) noexcept {
  if (wire.zero != std::array<std::uint8_t, 3>{}) return std::nullopt;
  if (wire.family == 6) return IpAddress::v6(wire.octets);
  if (wire.family != 4) return std::nullopt;
  if (std::any_of(wire.octets.begin() + 4, wire.octets.end(), [](std::uint8_t octet) { return octet != 0; }))
    return std::nullopt;
  return IpAddress::v4(static_cast<std::uint32_t>(wire.octets[0]) << 24U |
                       static_cast<std::uint32_t>(wire.octets[1]) << 16U |
                       static_cast<std::uint32_t>(wire.octets[2]) << 8U | wire.octets[3]);
}
/// nullopt where the address is none or wrong.
[[nodiscard]] constexpr std::optional<Endpoint> from_wire(const WireEndpoint& wire) noexcept {
  const auto address = from_wire(wire.address);
  if (!address || wire.zero != 0) return std::nullopt;
  return Endpoint{*address, wire.port};
}

}  // namespace common::channel
