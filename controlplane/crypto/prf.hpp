#pragma once
// Hashes, HMAC, and the pseudo-random functions of IKEv2 made of them (RFC 7296 §2.13). Any thread. Parts are
// concatenated, so that nobody has to copy secrets together first.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "common/bytes.hpp"
#include "common/secret.hpp"

namespace controlplane::crypto {

/// Numbers are those of RFC 7427 §7 (SIGNATURE_HASH_ALGORITHMS), so that they can be compared with what a peer offers.
enum class Hash : std::uint16_t { sha1 = 1, sha2_256 = 2, sha2_384 = 3, sha2_512 = 4 };

/// Numbers are IKEv2 transform type 2 (IANA).
enum class Prf : std::uint16_t { hmac_sha2_256 = 5, hmac_sha2_384 = 6, hmac_sha2_512 = 7 };

using Parts = std::initializer_list<common::ByteView>;

[[nodiscard]] constexpr std::size_t hash_octets(Hash hash) noexcept {
  switch (hash) {
    case Hash::sha1:
      return 20;
    case Hash::sha2_256:
      return 32;
    case Hash::sha2_384:
      return 48;
    case Hash::sha2_512:
      return 64;
  }
  return 0;
}

/// nullopt for a transform id that we do not have.
[[nodiscard]] constexpr std::optional<Prf> find_prf(std::uint16_t transform) noexcept {
  if (transform < 5 || transform > 7) return std::nullopt;
  return Prf{transform};
}
[[nodiscard]] constexpr Hash prf_hash(Prf prf) noexcept {
  return prf == Prf::hmac_sha2_256 ? Hash::sha2_256 : prf == Prf::hmac_sha2_384 ? Hash::sha2_384 : Hash::sha2_512;
}
/// Octets of output, which is also the preferred key size (RFC 4868 §2.1.2): the size of SK_d, SK_pi, SK_pr.
[[nodiscard]] constexpr std::size_t prf_octets(Prf prf) noexcept { return hash_octets(prf_hash(prf)); }
/// "sha256", "sha384", "sha512", as the configuration and the CLI spell them.
[[nodiscard]] constexpr std::string_view prf_name(Prf prf) noexcept {
  return prf == Prf::hmac_sha2_256 ? "sha256" : prf == Prf::hmac_sha2_384 ? "sha384" : "sha512";
}

[[nodiscard]] common::Bytes digest(Hash hash, Parts parts);
/// For NAT_DETECTION_* (RFC 7296 §2.23) and CERTREQ (§3.7) only.
[[nodiscard]] std::array<std::uint8_t, 20> sha1(Parts parts) noexcept;
/// The whole HMAC, not truncated (RFC 2104). An empty key is allowed.
[[nodiscard]] common::SecretBytes hmac(Hash hash, common::ByteView key, Parts parts);

/// prf(key, parts[0] | parts[1] | ...)
[[nodiscard]] common::SecretBytes prf(Prf prf, common::ByteView key, Parts parts);

/// The iteration of prf+ over HMAC of any hash: the first `octets` octets.
/// @pre octets <= 255 * hash_octets(hash), which no key of IKEv2 comes near
/// @source RFC 7296 §2.13
[[nodiscard]] common::SecretBytes hmac_plus(Hash hash, common::ByteView key, Parts seed, std::size_t octets);

/// prf+ (key, seed), the first `octets` octets.
[[nodiscard]] inline common::SecretBytes prf_plus(Prf prf, common::ByteView key, Parts seed, std::size_t octets) {
  return hmac_plus(prf_hash(prf), key, seed, octets);
}

}  // namespace controlplane::crypto
