#pragma once
// AlgorithmIdentifiers of RFC 7427 signatures: octets to an algorithm and back. Inside this room only.

#include <cstdint>

#include "common/bytes.hpp"
#include "controlplane/crypto/error.hpp"
#include "controlplane/crypto/prf.hpp"

namespace controlplane::crypto {

enum class Scheme : std::uint8_t { rsa_pkcs1, rsa_pss, ecdsa };

struct SignatureAlgorithm {
  Scheme scheme = Scheme::ecdsa;
  Hash hash = Hash::sha2_256;
  int salt_octets = 0;  ///< RSASSA-PSS
};

/// @error bad_encoding  not DER, trailing octets, or parameters that do not belong there
/// @error unsupported   an algorithm that we do not have
[[nodiscard]] Result<SignatureAlgorithm> parse_algorithm(common::ByteView der);

/// The DER of RSA PKCS1 or ECDSA with SHA-2 (RFC 7427 Appendix A).
[[nodiscard]] common::ByteView algorithm_der(Scheme scheme, Hash hash) noexcept;

}  // namespace controlplane::crypto
