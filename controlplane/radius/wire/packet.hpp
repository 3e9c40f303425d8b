#pragma once
// Bytes to a RADIUS packet and its attributes. Views only: nothing is copied, and nothing is believed before the
// authenticators (authenticator.hpp) have been checked. Pure; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "controlplane/radius/wire/attributes.hpp"
#include "controlplane/radius/wire/error.hpp"

namespace controlplane::radius::wire {

using Authenticator = std::array<std::uint8_t, kAuthenticatorOctets>;

/// One attribute: `value` points into the packet and lives as long as its octets.
struct Attribute {
  std::uint8_t type = 0;
  common::ByteView value;  ///< 0..253 octets

  [[nodiscard]] std::string_view text() const noexcept { return common::as_text(value); }
  /// Four octets as a number; nullopt for any other length.
  [[nodiscard]] std::optional<std::uint32_t> number() const noexcept;
  /// Four or sixteen octets as an address; nullopt for any other length.
  [[nodiscard]] std::optional<common::IpAddress> address() const noexcept;
};

/// One sub-attribute of a Vendor-Specific attribute (RFC 2865 §5.26).
struct VendorAttribute {
  std::uint32_t vendor = 0;
  std::uint8_t type = 0;
  common::ByteView value;

  [[nodiscard]] std::string_view text() const noexcept { return common::as_text(value); }
  [[nodiscard]] std::optional<std::uint32_t> number() const noexcept { return Attribute{type, value}.number(); }
  [[nodiscard]] std::optional<common::IpAddress> address() const noexcept { return Attribute{type, value}.address(); }
};

/// The attributes of a packet in their order. Iterating never reads beyond the octets: it ends at the first malformed
/// attribute, which `check_attributes` has already reported.
class Attributes {
 public:
  class Iterator {
   public:
    using value_type = Attribute;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(common::ByteView rest) noexcept : rest_(rest) { settle(); }
    [[nodiscard]] Attribute operator*() const noexcept { return {rest_[0], rest_.subspan(2, rest_[1] - 2U)}; }
    Iterator& operator++() noexcept {
      rest_ = rest_.subspan(rest_[1]);
      settle();
      return *this;
    }
    void operator++(int) noexcept { ++*this; }
    [[nodiscard]] friend bool operator==(const Iterator& it, std::default_sentinel_t) noexcept {
      return it.rest_.empty();
    }

   private:
    void settle() noexcept {
      if (rest_.size() < 2 || rest_[1] < 2 || rest_[1] > rest_.size()) rest_ = {};
    }
    common::ByteView rest_;
  };

  Attributes() = default;
  explicit Attributes(common::ByteView octets) noexcept : octets_(octets) {}
  [[nodiscard]] Iterator begin() const noexcept { return Iterator(octets_); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }
  [[nodiscard]] common::ByteView octets() const noexcept { return octets_; }

 private:
  common::ByteView octets_;
};

/// A packet as it lies in a datagram; lives as long as the datagram's octets.
struct PacketView {
  std::uint8_t code = 0;  ///< a Code, or any other octet a peer may send
  std::uint8_t identifier = 0;
  Authenticator authenticator{};
  common::ByteView octets;  ///< the whole packet, exactly Length octets: padding behind it is cut off
  Attributes attributes;

  [[nodiscard]] bool is(Code wanted) const noexcept { return code == static_cast<std::uint8_t>(wanted); }
  /// The first attribute of that type.
  [[nodiscard]] std::optional<Attribute> find(std::uint8_t type) const noexcept;
  [[nodiscard]] std::size_t count(std::uint8_t type) const noexcept;
  /// The first sub-attribute of that vendor and type. Malformed Vendor-Specific attributes are passed over.
  [[nodiscard]] std::optional<VendorAttribute> find(std::uint32_t vendor, std::uint8_t type) const noexcept;
};

/// Reads the header and cuts the packet out of the datagram; the attributes are not looked at yet.
/// @error truncated   fewer than 20 octets, or fewer than Length
/// @error bad_length  Length below 20 or above 4096
/// @source RFC 2865 §3: octets outside the range of the Length field are padding and ignored
[[nodiscard]] Result<PacketView> parse_header(common::ByteView datagram) noexcept;

/// Walks the attributes: each Length is at least 2 and they add up exactly.
/// @error bad_attribute
/// @source RFC 2865 §5
[[nodiscard]] Result<void> check_attributes(const PacketView& packet) noexcept;

/// parse_header and check_attributes in one.
[[nodiscard]] Result<PacketView> parse_packet(common::ByteView datagram) noexcept;

/// The sub-attributes of one Vendor-Specific attribute; several may share it (RFC 2865 §5.26).
/// @error bad_vendor  no room for the vendor's id, or inner lengths that do not add up
[[nodiscard]] Result<std::vector<VendorAttribute>> parse_vendor(const Attribute& attribute);

/// A Cisco AVPair split at its first "=" or "*" ("*" marks an optional one). nullopt without a separator.
struct AvPair {
  std::string_view name;
  std::string_view value;
};
[[nodiscard]] std::optional<AvPair> split_avpair(std::string_view text) noexcept;

/// Every Cisco AVPair of the packet, in order, as text ("name=value").
[[nodiscard]] std::vector<std::string_view> cisco_avpairs(const PacketView& packet);

/// Joins the EAP-Message attributes in their order into one EAP packet; empty when there are none (RFC 3579 §3.1).
[[nodiscard]] common::Bytes join_eap(const PacketView& packet);

}  // namespace controlplane::radius::wire
