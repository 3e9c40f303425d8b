#pragma once
// The ESP suites that both processes name: what IKE negotiates and what a worker computes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace common {

/// Numbers are part of the channel: never reuse or renumber.
enum class Suite : std::uint16_t {
  aes_gcm_16_128 = 1,            ///< RFC 4106, ICV 16 octets
  aes_gcm_16_256 = 2,            ///< RFC 4106, ICV 16 octets
  aes_cbc_128_sha2_256_128 = 3,  ///< RFC 3602 with RFC 4868
  aes_cbc_256_sha2_256_128 = 4,
  aes_cbc_128_sha2_384_192 = 5,
  aes_cbc_256_sha2_384_192 = 6,
  aes_cbc_128_sha2_512_256 = 7,
  aes_cbc_256_sha2_512_256 = 8,
  chacha20_poly1305 = 9,   ///< RFC 7634
  null_sha2_256_128 = 10,  ///< RFC 2410: no secrecy, for diagnosis only
};

/// What a suite needs and costs. All lengths are octets.
struct SuiteFacts {
  Suite suite;
  std::string_view name;               ///< as `show crypto ipsec sa` prints it
  std::uint16_t encryption_transform;  ///< IKEv2 transform type 1 (IANA)
  std::uint16_t encryption_key_bits;   ///< 0 where the Key Length attribute is absent
  std::uint16_t integrity_transform;   ///< IKEv2 transform type 3, 0 for AEAD
  std::uint8_t encryption_keymat;      ///< key and, for AEAD, salt behind it, as taken from KEYMAT (RFC 7296 §2.17)
  std::uint8_t integrity_keymat;
  std::uint8_t salt;
  std::uint8_t iv;  ///< explicit IV on the wire
  std::uint8_t icv;
  std::uint8_t block;  ///< payload, pad, pad length and next header together are a multiple of this
};

inline constexpr SuiteFacts kSuites[] = {
    {Suite::aes_gcm_16_128, "esp-gcm 128", 20, 128, 0, 20, 0, 4, 8, 16, 4},
    {Suite::aes_gcm_16_256, "esp-gcm 256", 20, 256, 0, 36, 0, 4, 8, 16, 4},
    {Suite::aes_cbc_128_sha2_256_128, "esp-aes 128 esp-sha256-hmac", 12, 128, 12, 16, 32, 0, 16, 16, 16},
    {Suite::aes_cbc_256_sha2_256_128, "esp-aes 256 esp-sha256-hmac", 12, 256, 12, 32, 32, 0, 16, 16, 16},
    {Suite::aes_cbc_128_sha2_384_192, "esp-aes 128 esp-sha384-hmac", 12, 128, 13, 16, 48, 0, 16, 24, 16},
    {Suite::aes_cbc_256_sha2_384_192, "esp-aes 256 esp-sha384-hmac", 12, 256, 13, 32, 48, 0, 16, 24, 16},
    {Suite::aes_cbc_128_sha2_512_256, "esp-aes 128 esp-sha512-hmac", 12, 128, 14, 16, 64, 0, 16, 32, 16},
    {Suite::aes_cbc_256_sha2_512_256, "esp-aes 256 esp-sha512-hmac", 12, 256, 14, 32, 64, 0, 16, 32, 16},
    {Suite::chacha20_poly1305, "esp-chacha20-poly1305", 28, 0, 0, 36, 0, 4, 8, 16, 4},
    {Suite::null_sha2_256_128, "esp-null esp-sha256-hmac", 11, 0, 12, 0, 32, 0, 0, 16, 4},
};

/// nullopt for a number that names no suite (it came from a peer or the other process).
[[nodiscard]] constexpr std::optional<SuiteFacts> find_suite(Suite suite) noexcept {
  for (const SuiteFacts& facts : kSuites)
    if (facts.suite == suite) return facts;
  return std::nullopt;
}

}  // namespace common
