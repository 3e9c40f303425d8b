#pragma once
// Messages with an Encrypted payload: sealing and opening, whole (SK, RFC 7296 §3.14) or in fragments (SKF, RFC 7383).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/bytes.hpp"
#include "controlplane/crypto/sk_cipher.hpp"
#include "controlplane/ike/wire/message.hpp"
#include "controlplane/ike/wire/reassembly.hpp"
#include "controlplane/ike/wire/writer.hpp"

namespace controlplane::ike::wire {

/// One message whose only payload is SK. next_payload and length of the header are filled in.
/// @param iv  see crypto::SkCipher::seal; one is used
/// @error bad_length  more than 65,535 octets
[[nodiscard]] Result<common::Bytes> seal_message(IkeHeader header, const PayloadWriter& inner,
                                                 const crypto::SkCipher& cipher, std::uint64_t iv);

/// The same, as one message where it fits, else as SKF fragments of at most that size.
/// @param max_octets  of each IKE message: the datagram without IP and UDP headers and without the non-ESP marker
/// @param first_iv    first_iv .. first_iv + result.size() - 1 are used
/// @error bad_length  max_octets leaves no room for content, or more than 65,535 octets or fragments
/// @source RFC 7383 §2.5
[[nodiscard]] Result<std::vector<common::Bytes>> seal_fragments(IkeHeader header, const PayloadWriter& inner,
                                                                const crypto::SkCipher& cipher, std::uint64_t first_iv,
                                                                std::size_t max_octets);

/// Opens SK or one SKF: the decrypted octets without padding. Parse them with parse_payloads(first_inner, ...), or give
/// them to a Reassembly.
/// @error cannot_decrypt
[[nodiscard]] Result<common::Bytes> open(const Encrypted& encrypted, const crypto::SkCipher& cipher);

}  // namespace controlplane::ike::wire
