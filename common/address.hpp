#pragma once
// Addresses of both families, prefixes, ranges, endpoints; their text and back.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"

namespace common {

/// An IPv4 or IPv6 address. Octets are in network order; IPv4 uses the first four and leaves the others 0.
/// The default is the IPv4 address 0.0.0.0.
class IpAddress {
 public:
  constexpr IpAddress() noexcept = default;
  /// @param host  the address as a number in host order: 0x0A000001 is 10.0.0.1
  [[nodiscard]] static constexpr IpAddress v4(std::uint32_t host) noexcept {
    IpAddress address;
    for (std::size_t i = 0; i < 4; ++i) address.octets_[i] = static_cast<std::uint8_t>(host >> (24 - 8 * i));
    return address;
  }
  [[nodiscard]] static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& octets) noexcept {
    IpAddress address;
    address.octets_ = octets;
    address.is_v6_ = true;
    return address;
  }
  /// Reads 4 or 16 octets in network order; nullopt for any other length.
  [[nodiscard]] static std::optional<IpAddress> from_bytes(ByteView octets) noexcept;
  /// Reads dotted-decimal IPv4 or RFC 4291 IPv6 text, without a prefix length, zone or brackets.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr bool is_v4() const noexcept { return !is_v6_; }
  [[nodiscard]] constexpr bool is_v6() const noexcept { return is_v6_; }
  [[nodiscard]] constexpr bool is_unspecified() const noexcept { return octets_ == std::array<std::uint8_t, 16>{}; }
  /// 4 or 16 octets in network order; lives as long as this object.
  [[nodiscard]] constexpr ByteView bytes() const noexcept { return {octets_.data(), is_v6_ ? 16U : 4U}; }
  /// The IPv4 address in host order. @pre is_v4()
  [[nodiscard]] constexpr std::uint32_t v4_host() const noexcept {
    return static_cast<std::uint32_t>(octets_[0]) << 24U | static_cast<std::uint32_t>(octets_[1]) << 16U |
           static_cast<std::uint32_t>(octets_[2]) << 8U | octets_[3];
  }
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& storage() const noexcept { return octets_; }
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] unsigned bits() const noexcept { return is_v6_ ? 128 : 32; }

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;

 private:
  bool is_v6_ = false;
  std::array<std::uint8_t, 16> octets_{};
};

/// A network prefix with its host bits 0.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;  ///< bits, 0..32 or 0..128

  /// Reads "10.0.0.0/8"; without "/n" it is a host. nullopt where host bits are set or the length is out of range.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& candidate) const noexcept;
  [[nodiscard]] IpAddress first() const noexcept { return address; }
  [[nodiscard]] IpAddress last() const noexcept;
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Prefix&, const Prefix&) noexcept = default;
};

/// A UDP endpoint.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "192.0.2.1:500" or "[2001:db8::1]:500"
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const Endpoint&, const Endpoint&) noexcept = default;
};

struct MacAddress {
  std::array<std::uint8_t, 6> octets{};

  /// Reads six colon-separated octets.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const MacAddress&, const MacAddress&) noexcept = default;
};

}  // namespace common

template <>
struct std::hash<common::IpAddress> {
  [[nodiscard]] std::size_t operator()(const common::IpAddress& address) const noexcept {
    return std::hash<std::string_view>{}(common::as_text(address.bytes()));
  }
};
template <>
struct std::hash<common::Endpoint> {
  [[nodiscard]] std::size_t operator()(const common::Endpoint& endpoint) const noexcept {
    return std::hash<common::IpAddress>{}(endpoint.address) * 31 + endpoint.port;
  }
};
