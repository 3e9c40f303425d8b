#pragma once
// The protection of the Encrypted payload of IKEv2 (RFC 7296 §3.14, RFC 5282, RFC 7634, RFC 7383): one direction's
// keys.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/bytes.hpp"
#include "common/secret.hpp"
#include "controlplane/crypto/error.hpp"

namespace controlplane::crypto {

enum class SkSuite : std::uint8_t {
  aes_gcm_16_128,
  aes_gcm_16_256,
  chacha20_poly1305,
  aes_cbc_128_sha2_256_128,
  aes_cbc_256_sha2_256_128,
  aes_cbc_128_sha2_384_192,
  aes_cbc_256_sha2_384_192,
  aes_cbc_128_sha2_512_256,
  aes_cbc_256_sha2_512_256,
};

/// All lengths are octets.
struct SkSuiteFacts {
  SkSuite suite;
  std::string_view name;     ///< as `show crypto ikev2 sa` prints it
  std::uint16_t encryption;  ///< transform type 1 (IANA)
  std::uint16_t key_bits;    ///< Key Length attribute, 0: none is allowed (RFC 7634 §3)
  std::uint16_t integrity;   ///< transform type 3, 0 for AEAD
  std::uint8_t sk_e;         ///< size of SK_ei, SK_er: key, and for AEAD the salt behind it (RFC 5282 §7.1)
  std::uint8_t sk_a;         ///< size of SK_ai, SK_ar; 0 for AEAD
  std::uint8_t iv;           ///< explicit IV on the wire
  std::uint8_t icv;
  std::uint8_t block;  ///< payloads, padding and Pad Length together are a multiple of this

  [[nodiscard]] constexpr bool is_aead() const noexcept { return sk_a == 0; }
};

inline constexpr SkSuiteFacts kSkSuites[] = {
    {SkSuite::aes_gcm_16_128, "AES-GCM-128", 20, 128, 0, 20, 0, 8, 16, 1},
    {SkSuite::aes_gcm_16_256, "AES-GCM-256", 20, 256, 0, 36, 0, 8, 16, 1},
    {SkSuite::chacha20_poly1305, "CHACHA20-POLY1305", 28, 0, 0, 36, 0, 8, 16, 1},
    {SkSuite::aes_cbc_128_sha2_256_128, "AES-CBC-128 SHA256", 12, 128, 12, 16, 32, 16, 16, 16},
    {SkSuite::aes_cbc_256_sha2_256_128, "AES-CBC-256 SHA256", 12, 256, 12, 32, 32, 16, 16, 16},
    {SkSuite::aes_cbc_128_sha2_384_192, "AES-CBC-128 SHA384", 12, 128, 13, 16, 48, 16, 24, 16},
    {SkSuite::aes_cbc_256_sha2_384_192, "AES-CBC-256 SHA384", 12, 256, 13, 32, 48, 16, 24, 16},
    {SkSuite::aes_cbc_128_sha2_512_256, "AES-CBC-128 SHA512", 12, 128, 14, 16, 64, 16, 32, 16},
    {SkSuite::aes_cbc_256_sha2_512_256, "AES-CBC-256 SHA512", 12, 256, 14, 32, 64, 16, 32, 16},
};

[[nodiscard]] constexpr const SkSuiteFacts& sk_suite_facts(SkSuite suite) noexcept {
  return kSkSuites[static_cast<std::size_t>(suite)];
}
/// The suite of negotiated transforms; key_bits 0 where the attribute is absent, integrity 0 for none.
[[nodiscard]] constexpr std::optional<SkSuiteFacts> find_sk_suite(std::uint16_t encryption, std::uint16_t key_bits,
                                                                  std::uint16_t integrity) noexcept {
  for (const SkSuiteFacts& facts : kSkSuites)
    if (facts.encryption == encryption && facts.key_bits == key_bits && facts.integrity == integrity) return facts;
  return std::nullopt;
}

/// The keys of one direction of one IKE SA. Movable, not copyable; wiped when freed. Any one thread at a time.
class SkCipher {
 public:
  /// @param sk_e  SK_ei or SK_er, exactly facts.sk_e octets
  /// @param sk_a  SK_ai or SK_ar, exactly facts.sk_a octets (empty for AEAD)
  /// @error bad_key_length
  [[nodiscard]] static Result<SkCipher> make(SkSuite suite, common::ByteView sk_e, common::ByteView sk_a);

  [[nodiscard]] const SkSuiteFacts& facts() const noexcept { return sk_suite_facts(suite_); }
  /// Octets of IV, ciphertext with padding, and ICV for that many octets of inner payloads.
  [[nodiscard]] std::size_t sealed_octets(std::size_t plain_octets) const noexcept;
  /// The most octets of inner payloads whose sealed form fits into `sealed_octets`; 0 where nothing fits.
  [[nodiscard]] std::size_t plain_octets_that_fit(std::size_t sealed_octets) const noexcept;

  /// Pads and encrypts the inner payloads.
  /// @param prefix  the message from its first octet to the one before the IV: header, clear payloads, the generic
  ///                header of SK (and the fragment fields of SKF), with every length and next-payload already final
  /// @param iv      never used before with these keys (promise P7): epoch << 32 | counter. AEAD suites send it as the
  ///                explicit IV; CBC suites send its encryption, which is unpredictable (NIST SP 800-38A App. C)
  /// @return        IV | ciphertext | ICV
  /// @error library
  [[nodiscard]] Result<common::Bytes> seal(common::ByteView prefix, common::ByteView plain, std::uint64_t iv) const;

  /// Checks the ICV, decrypts and removes the padding.
  /// @param prefix  as for `seal`, as received
  /// @param body    IV | ciphertext | ICV
  /// @error bad_length, bad_icv, bad_padding
  [[nodiscard]] Result<common::Bytes> open(common::ByteView prefix, common::ByteView body) const;

 private:
  SkCipher() = default;
  SkSuite suite_ = SkSuite::aes_gcm_16_128;
  common::SecretBytes sk_e_;
  common::SecretBytes sk_a_;
};

}  // namespace controlplane::crypto
