// Writing a packet and sealing it with its authenticators.

#include "controlplane/radius/wire/writer.hpp"

#include <algorithm>
#include <array>

#include "controlplane/radius/wire/authenticator.hpp"

namespace controlplane::radius::wire {
namespace {

constexpr std::size_t kLengthAt = 2;
constexpr std::size_t kAuthenticatorAt = 4;
constexpr std::size_t kVendorHeader = 6;  // vendor's id, inner type, inner length (RFC 2865 §5.26)

}  // namespace

PacketWriter::PacketWriter(Code code, std::uint8_t identifier) : out_(512) {
  out_.u8(static_cast<std::uint8_t>(code));
  out_.u8(identifier);
  out_.zeros(kHeaderOctets - 2);
}

void PacketWriter::message_authenticator() {
  if (message_authenticator_at_) return;
  octets(attribute::kMessageAuthenticator, Authenticator{});
  message_authenticator_at_ = out_.size() - kAuthenticatorOctets;
}

void PacketWriter::octets(std::uint8_t type, common::ByteView value) {
  if (value.size() > kMaxValueOctets) {
    error_ = error_.value_or(WireError::value_too_long);
    return;
  }
  out_.u8(type);
  out_.u8(static_cast<std::uint8_t>(value.size() + 2));
  out_.bytes(value);
}

void PacketWriter::number(std::uint8_t type, std::uint32_t value) {
  octets(type, common::as_bytes(common::Be32(value)));
}

void PacketWriter::vendor(std::uint32_t vendor, std::uint8_t type, common::ByteView value) {
  if (value.size() > kMaxValueOctets - kVendorHeader) {
    error_ = error_.value_or(WireError::value_too_long);
    return;
  }
  out_.u8(attribute::kVendorSpecific);
  out_.u8(static_cast<std::uint8_t>(value.size() + kVendorHeader + 2));
  out_.be32(vendor);
  out_.u8(type);
  out_.u8(static_cast<std::uint8_t>(value.size() + 2));
  out_.bytes(value);
}

void PacketWriter::avpair(std::string_view name, std::string_view value) {
  common::ByteWriter pair(name.size() + 1 + value.size());
  pair.text(name);
  pair.u8('=');
  pair.text(value);
  vendor(vendor::kCisco, cisco::kAvPair, pair.view());
}

void PacketWriter::eap(common::ByteView packet) {
  if (packet.empty()) octets(attribute::kEapMessage, {});
  while (!packet.empty()) {
    const auto piece = packet.first(std::min(packet.size(), kMaxValueOctets));
    octets(attribute::kEapMessage, piece);
    packet = packet.subspan(piece.size());
  }
}

void PacketWriter::put_authenticator(const Authenticator& authenticator) noexcept {
  std::ranges::copy(authenticator, out_.mutable_view().begin() + kAuthenticatorAt);
}

/// Checks what was written, sets the Length, and computes the Message-Authenticator where one was reserved.
Result<void> PacketWriter::seal(const Authenticator& field, common::ByteView secret) {
  if (error_) return std::unexpected(*error_);
  if (out_.size() > kMaxPacketOctets) return std::unexpected(WireError::packet_too_long);
  out_.patch_be16(kLengthAt, static_cast<std::uint16_t>(out_.size()));
  if (!message_authenticator_at_) return {};
  const auto value = wire::message_authenticator(out_.view(), *message_authenticator_at_, field, secret);
  if (!value) return std::unexpected(value.error());
  std::ranges::copy(*value, out_.mutable_view().begin() + static_cast<std::ptrdiff_t>(*message_authenticator_at_));
  return {};
}

Result<common::Bytes> PacketWriter::finish_access_request(const Authenticator& random, common::ByteView secret) {
  if (const auto sealed = seal(random, secret); !sealed) return std::unexpected(sealed.error());
  put_authenticator(random);
  return out_.take();
}

Result<common::Bytes> PacketWriter::finish_request(common::ByteView secret) {
  if (const auto sealed = seal({}, secret); !sealed) return std::unexpected(sealed.error());
  const auto authenticator = request_authenticator(out_.view(), secret);
  if (!authenticator) return std::unexpected(authenticator.error());
  put_authenticator(*authenticator);
  return out_.take();
}

Result<common::Bytes> PacketWriter::finish_response(const Authenticator& request, common::ByteView secret) {
  if (const auto sealed = seal(request, secret); !sealed) return std::unexpected(sealed.error());
  const auto authenticator = response_authenticator(out_.view(), request, secret);
  if (!authenticator) return std::unexpected(authenticator.error());
  put_authenticator(*authenticator);
  return out_.take();
}

}  // namespace controlplane::radius::wire
