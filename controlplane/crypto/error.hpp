#pragma once
// Why a cryptographic step failed. Hashing, HMAC and random numbers cannot fail for reasons that a peer can cause: they
// have no error, and end the process where the library itself is broken.

#include <cstdint>
#include <string_view>

#include "common/result.hpp"

namespace controlplane::crypto {

enum class CryptoError : std::uint8_t {
  unsupported,        ///< a group, algorithm, method or key type that we do not have
  bad_key_length,     ///< key material of another size than the algorithm's
  bad_public_value,   ///< a Diffie-Hellman value of the wrong size, off the curve, or of small order (RFC 6989 §2)
  bad_length,         ///< a ciphertext shorter than IV, block and ICV together
  bad_icv,            ///< the integrity check failed
  bad_padding,        ///< Pad Length runs over the plaintext
  bad_certificate,    ///< no DER certificate, or one with trailing octets
  untrusted,          ///< no chain to a configured CA
  expired,            ///< the chain is not valid at this time
  bad_purpose,        ///< extended key usage, key usage or basic constraints forbid this use
  identity_mismatch,  ///< the certificate does not carry that identity
  bad_signature,      ///< the signature does not verify
  weak,               ///< SHA-1 or a key size that is no longer accepted here
  bad_encoding,       ///< an AlgorithmIdentifier, DN or signature that is not well formed
  library,            ///< OpenSSL refused for another reason
};

template <class T>
using Result = common::Result<T, CryptoError>;

[[nodiscard]] std::string_view to_string(CryptoError error) noexcept;

}  // namespace controlplane::crypto
