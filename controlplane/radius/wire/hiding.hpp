#pragma once
// Values that travel hidden under the shared secret: User-Password and the MPPE keys. Pure; any thread.

#include <cstdint>

#include "common/bytes.hpp"
#include "common/secret.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::radius::wire {

/// Hides a password of up to 128 octets; a longer one is an error, an empty one is 16 octets of hiding.
/// @error value_too_long
/// @source RFC 2865 §5.2
[[nodiscard]] Result<common::Bytes> hide_password(common::ByteView password, const Authenticator& request,
                                                  common::ByteView secret);
/// The way back (tests, and a server in the simulator). Trailing zeros are padding.
/// @error bad_value  not 16..128 octets in multiples of 16
[[nodiscard]] Result<common::SecretBytes> reveal_password(common::ByteView hidden, const Authenticator& request,
                                                          common::ByteView secret);

/// Reads the value of an MS-MPPE-Send-Key or -Recv-Key: salt of two octets, then the encrypted length, key, padding.
/// @param request  authenticator of the Access-Request that is answered
/// @error bad_value  too short, or not a multiple of 16 behind the salt
/// @error bad_key    the length that was decrypted does not fit
/// @source RFC 2548 §2.4.2, §2.4.3
[[nodiscard]] Result<common::SecretBytes> reveal_mppe_key(common::ByteView value, const Authenticator& request,
                                                          common::ByteView secret);
/// The way forth (tests, and a server in the simulator).
/// @param salt  its highest bit must be set, and it must be unique in the packet
[[nodiscard]] Result<common::Bytes> hide_mppe_key(common::ByteView key, std::uint16_t salt,
                                                  const Authenticator& request, common::ByteView secret);

}  // namespace controlplane::radius::wire
