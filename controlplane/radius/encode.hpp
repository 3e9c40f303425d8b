#pragma once
// Requests as packets: what stands in them, and in which order. Pure; any thread.

#include <cstdint>
#include <string_view>

#include "common/bytes.hpp"
#include "controlplane/radius/access.hpp"
#include "controlplane/radius/records.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::radius {

/// An Access-Request: Message-Authenticator first and always (Blast-RADIUS), then who asks, then the EAP packet.
/// Service-Type is Login with EAP, and Outbound with a password: so that a server can tell an authorization, whose
/// password is no secret of the user's, from a login.
/// @error value_too_long  a name or a password that does not fit
[[nodiscard]] wire::Result<common::Bytes> encode_access(const AccessRequest& request, std::uint8_t identifier,
                                                        const wire::Authenticator& random, common::ByteView secret);

/// An Accounting-Request, in the record's profile: `document` is the reference document's packet, attribute by
/// attribute in its order; `extended` adds what RADIUS databases want and carries Event-Timestamp in place of
/// Acct-Delay-Time, so that its repetitions are the same octets.
/// Texts that are too long for an attribute are cut, and Class attributes left out when the packet would be too long: a
/// record that cannot be sent would be a Stop that is lost.
/// @param delay  Acct-Delay-Time, seconds; used by `document` only (RFC 2866 §5.2)
/// @error crypto
[[nodiscard]] wire::Result<common::Bytes> encode_accounting(const AccountingRecord& record, std::uint8_t identifier,
                                                            std::uint32_t delay, common::ByteView secret);

}  // namespace controlplane::radius
