#pragma once
// What proves that a packet comes from who shares the secret: the Request and Response Authenticator (MD5) and the
// Message-Authenticator (HMAC-MD5). Comparisons take constant time. Pure; any thread.

#include <cstdint>

#include "common/bytes.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::radius::wire {

/// MD5(Code + Identifier + Length + 16 zero octets + attributes + secret), of Accounting-, Disconnect- and
/// CoA-Requests. All zero octets where the library has no MD5: that never verifies, for `verify_*` asks for it first.
/// @source RFC 2866 §3, RFC 5176 §2.3
[[nodiscard]] Result<Authenticator> request_authenticator(common::ByteView packet, common::ByteView secret) noexcept;
/// MD5(Code + Identifier + Length + Request Authenticator + attributes + secret), of every response.
/// @source RFC 2865 §3
[[nodiscard]] Result<Authenticator> response_authenticator(common::ByteView packet, const Authenticator& request,
                                                           common::ByteView secret) noexcept;

/// An Accounting-, Disconnect- or CoA-Request was made by who knows the secret.
[[nodiscard]] bool verify_request(const PacketView& packet, common::ByteView secret) noexcept;
/// A response was made by who knows the secret, for the request with that authenticator.
[[nodiscard]] bool verify_response(const PacketView& packet, const Authenticator& request,
                                   common::ByteView secret) noexcept;

enum class MessageAuthenticator : std::uint8_t {
  absent,
  valid,
  invalid,  ///< wrong, not 16 octets, or more than one of them: discard the packet (RFC 3579 §3.2)
};

/// @param field  what stood in the authenticator field when it was computed: an Access-Request's own authenticator, a
///               response's request authenticator, zero for Accounting-, Disconnect- and CoA-Requests
/// @source RFC 3579 §3.2, RFC 5176 §3.4
[[nodiscard]] MessageAuthenticator check_message_authenticator(const PacketView& packet, const Authenticator& field,
                                                               common::ByteView secret) noexcept;

/// HMAC-MD5 over the packet with `field` in the authenticator's place and zeros in the Message-Authenticator's.
/// @param value_at  offset of the 16 octets of the Message-Authenticator's value in `packet`
[[nodiscard]] Result<Authenticator> message_authenticator(common::ByteView packet, std::size_t value_at,
                                                          const Authenticator& field, common::ByteView secret) noexcept;

}  // namespace controlplane::radius::wire
