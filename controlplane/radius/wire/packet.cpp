// The header, the walk over the attributes, and what is looked up in them.

#include "controlplane/radius/wire/packet.hpp"

#include <algorithm>

namespace controlplane::radius::wire {

std::optional<std::uint32_t> Attribute::number() const noexcept {
  if (value.size() != 4) return std::nullopt;
  return common::ByteReader(value).be32();
}

std::optional<common::IpAddress> Attribute::address() const noexcept { return common::IpAddress::from_bytes(value); }

std::optional<Attribute> PacketView::find(std::uint8_t type) const noexcept {
  for (const Attribute attribute : attributes)
    if (attribute.type == type) return attribute;
  return std::nullopt;
}

std::size_t PacketView::count(std::uint8_t type) const noexcept {
  std::size_t found = 0;
  for (const Attribute attribute : attributes) found += attribute.type == type ? 1U : 0U;
  return found;
}

std::optional<VendorAttribute> PacketView::find(std::uint32_t vendor, std::uint8_t type) const noexcept {
  for (const Attribute attribute : attributes) {
    if (attribute.type != attribute::kVendorSpecific) continue;
    const auto inner = parse_vendor(attribute);
    if (!inner) continue;
    for (const VendorAttribute& candidate : *inner)
      if (candidate.vendor == vendor && candidate.type == type) return candidate;
  }
  return std::nullopt;
}

Result<PacketView> parse_header(common::ByteView datagram) noexcept {
  common::ByteReader in(datagram);
  const auto code = in.u8();
  const auto identifier = in.u8();
  const auto length = in.be16();
  const auto authenticator = in.take(kAuthenticatorOctets);
  if (!code || !identifier || !length || !authenticator) return std::unexpected(WireError::truncated);
  // "The minimum length is 20 and maximum length is 4096", RFC 2865 §3.
  if (*length < kHeaderOctets || *length > kMaxPacketOctets) return std::unexpected(WireError::bad_length);
  if (*length > datagram.size()) return std::unexpected(WireError::truncated);
  PacketView packet;
  packet.code = *code;
  packet.identifier = *identifier;
  std::ranges::copy(*authenticator, packet.authenticator.begin());
  packet.octets = datagram.first(*length);
  packet.attributes = Attributes(packet.octets.subspan(kHeaderOctets));
  return packet;
}

Result<void> check_attributes(const PacketView& packet) noexcept {
  common::ByteReader in(packet.attributes.octets());
  while (!in.empty()) {
    const auto type = in.u8();
    const auto length = in.u8();
    if (!type || !length || *length < 2 || !in.skip(*length - 2U)) return std::unexpected(WireError::bad_attribute);
  }
  return {};
}

Result<PacketView> parse_packet(common::ByteView datagram) noexcept {
  auto packet = parse_header(datagram);
  if (!packet) return packet;
  if (const auto checked = check_attributes(*packet); !checked) return std::unexpected(checked.error());
  return packet;
}

Result<std::vector<VendorAttribute>> parse_vendor(const Attribute& attribute) {
  common::ByteReader in(attribute.value);
  const auto vendor = in.be32();
  if (!vendor || in.empty()) return std::unexpected(WireError::bad_vendor);
  std::vector<VendorAttribute> found;
  while (!in.empty()) {
    const auto type = in.u8();
    const auto length = in.u8();
    if (!type || !length || *length < 2) return std::unexpected(WireError::bad_vendor);
    const auto value = in.take(*length - 2U);
    if (!value) return std::unexpected(WireError::bad_vendor);
    found.push_back({*vendor, *type, *value});
  }
  return found;
}

std::optional<AvPair> split_avpair(std::string_view text) noexcept {
  const std::size_t at = text.find_first_of("=*");
  if (at == std::string_view::npos) return std::nullopt;
  return AvPair{text.substr(0, at), text.substr(at + 1)};
}

std::vector<std::string_view> cisco_avpairs(const PacketView& packet) {
  std::vector<std::string_view> found;
  for (const Attribute attribute : packet.attributes) {
    if (attribute.type != attribute::kVendorSpecific) continue;
    const auto inner = parse_vendor(attribute);
    if (!inner) continue;
    for (const VendorAttribute& candidate : *inner)
      if (candidate.vendor == vendor::kCisco && candidate.type == cisco::kAvPair) found.push_back(candidate.text());
  }
  return found;
}

common::Bytes join_eap(const PacketView& packet) {
  common::Bytes eap;
  for (const Attribute attribute : packet.attributes)
    if (attribute.type == attribute::kEapMessage) eap.insert(eap.end(), attribute.value.begin(), attribute.value.end());
  return eap;
}

}  // namespace controlplane::radius::wire
