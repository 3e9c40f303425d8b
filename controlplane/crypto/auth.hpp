#pragma once
// The AUTH payload of IKE_AUTH: what is signed, with which method, and whether it verifies.

#include <cstdint>
#include <span>
#include <vector>

#include "common/bytes.hpp"
#include "common/secret.hpp"
#include "controlplane/crypto/certificate.hpp"
#include "controlplane/crypto/error.hpp"
#include "controlplane/crypto/prf.hpp"

namespace controlplane::crypto {

/// IKEv2 Authentication Method (IANA).
enum class AuthMethod : std::uint8_t {
  rsa = 1,                 ///< RFC 7296 §3.8: RSASSA-PKCS1-v1_5
  shared_key = 2,          ///< RFC 7296 §2.15
  ecdsa_256 = 9,           ///< RFC 4754: P-256 with SHA2-256, r|s
  ecdsa_384 = 10,          ///< P-384 with SHA2-384
  ecdsa_521 = 11,          ///< P-521 with SHA2-512
  digital_signature = 14,  ///< RFC 7427
};

/// InitiatorSignedOctets or ResponderSignedOctets.
/// @param message   the first message of the side that authenticates itself (its IKE_SA_INIT, whole, without the
/// non-ESP
///                  marker)
/// @param nonce     the other side's nonce, without its payload header
/// @param sk_p      SK_pi or SK_pr of the side that authenticates itself
/// @param id_octets its ID payload without the generic header: type, three reserved octets, data
/// @source RFC 7296 §2.15
[[nodiscard]] common::Bytes signed_octets(common::ByteView message, common::ByteView nonce, Prf prf,
                                          common::ByteView sk_p, common::ByteView id_octets);

/// AUTH of method 2 with a pre-shared key, or with the MSK of an EAP method (RFC 7296 §2.15 and §2.16).
[[nodiscard]] common::SecretBytes shared_key_auth(Prf prf, common::ByteView shared_secret,
                                                  common::ByteView signed_octets);

struct AuthData {
  AuthMethod method = AuthMethod::digital_signature;
  common::Bytes data;  ///< Authentication Data of the AUTH payload
};

/// Signs with the best method that the peer understands.
/// @param peer_hashes  the peer's SIGNATURE_HASH_ALGORITHMS, as sent; empty where it sent none. With them it is method
///                     14 (RFC 7427); without, ECDSA signs with 9, 10 or 11, and RSA with 1 and SHA-1, which Windows
///                     needs
/// @error unsupported  no hash in common, or a key of another type
[[nodiscard]] Result<AuthData> sign_auth(const Credential& credential, std::span<const std::uint16_t> peer_hashes,
                                         common::ByteView signed_octets);

/// Verifies a peer's signature with its certificate (which has been verified before).
/// @param peer_offered_hashes  whether it sent SIGNATURE_HASH_ALGORITHMS: if so, SHA-1 is refused
/// @error unsupported   a method or algorithm that we do not have, or one that does not fit the key
/// @error bad_encoding  method 14 without a well-formed AlgorithmIdentifier; an ECDSA signature of the wrong length
/// @error weak          SHA-1 from a peer that offered better
/// @error bad_signature
[[nodiscard]] Result<void> verify_auth(const Certificate& certificate, std::uint8_t method, common::ByteView data,
                                       common::ByteView signed_octets, bool peer_offered_hashes);

/// The hash algorithms that we offer in SIGNATURE_HASH_ALGORITHMS, best first: SHA2-256, 384, 512.
[[nodiscard]] std::span<const std::uint16_t> our_signature_hashes() noexcept;

}  // namespace controlplane::crypto
