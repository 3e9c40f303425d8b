// The three proofs of RADIUS: Request Authenticator, Response Authenticator, Message-Authenticator.

#include "controlplane/radius/wire/authenticator.hpp"

#include "common/secret.hpp"
#include "controlplane/radius/wire/digest.hpp"

namespace controlplane::radius::wire {
namespace {

constexpr std::size_t kAuthenticatorAt = 4;  // behind Code, Identifier and Length (RFC 2865 §3)
constexpr Authenticator kZero{};

}  // namespace

Result<Authenticator> request_authenticator(common::ByteView packet, common::ByteView secret) noexcept {
  return response_authenticator(packet, kZero, secret);
}

Result<Authenticator> response_authenticator(common::ByteView packet, const Authenticator& request,
                                             common::ByteView secret) noexcept {
  if (packet.size() < kHeaderOctets) return std::unexpected(WireError::truncated);
  return md5({packet.first(kAuthenticatorAt), request, packet.subspan(kHeaderOctets), secret});
}

bool verify_request(const PacketView& packet, common::ByteView secret) noexcept {
  return verify_response(packet, kZero, secret);
}

bool verify_response(const PacketView& packet, const Authenticator& request, common::ByteView secret) noexcept {
  const auto expected = response_authenticator(packet.octets, request, secret);
  return expected && common::constant_time_equal(*expected, packet.authenticator);
}

Result<Authenticator> message_authenticator(common::ByteView packet, std::size_t value_at, const Authenticator& field,
                                            common::ByteView secret) noexcept {
  if (value_at < kHeaderOctets || packet.size() < value_at + kAuthenticatorOctets)
    return std::unexpected(WireError::truncated);
  // "the Message-Authenticator should be considered to be sixteen octets of zero", RFC 3579 §3.2.
  return hmac_md5(
      secret, {packet.first(kAuthenticatorAt), field, packet.subspan(kHeaderOctets, value_at - kHeaderOctets), kZero,
               packet.subspan(value_at + kAuthenticatorOctets)});
}

MessageAuthenticator check_message_authenticator(const PacketView& packet, const Authenticator& field,
                                                 common::ByteView secret) noexcept {
  std::optional<Attribute> found;
  for (const Attribute attribute : packet.attributes) {
    if (attribute.type != attribute::kMessageAuthenticator) continue;
    if (found) return MessageAuthenticator::invalid;  // RFC 3579 §3.3: 0-1
    found = attribute;
  }
  if (!found) return MessageAuthenticator::absent;
  if (found->value.size() != kAuthenticatorOctets) return MessageAuthenticator::invalid;
  const auto at = static_cast<std::size_t>(found->value.data() - packet.octets.data());
  const auto expected = message_authenticator(packet.octets, at, field, secret);
  return expected && common::constant_time_equal(*expected, found->value) ? MessageAuthenticator::valid
                                                                          : MessageAuthenticator::invalid;
}

}  // namespace controlplane::radius::wire
