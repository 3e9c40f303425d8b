// SK bodies over OpenSSL. AEAD: nonce = salt | explicit IV, associated data = the message before the IV (RFC 5282 §3,
// §5.1; RFC 7634 §3). CBC: the ICV covers the message before the IV, IV and ciphertext (RFC 7296 §3.14), and is checked
// before anything is decrypted. The key sits in this object; each thread keeps one context per cipher.

#include "controlplane/crypto/sk_cipher.hpp"

#include <algorithm>
#include <array>

#include "controlplane/crypto/native.hpp"
#include "controlplane/crypto/prf.hpp"

namespace controlplane::crypto {
namespace {

using common::ByteView;
using common::MutableByteView;

constexpr std::size_t kSaltOctets = 4;
constexpr std::size_t kAeadIvOctets = 8;
constexpr std::size_t kBlockOctets = 16;

enum class Native : std::uint8_t { gcm_128, gcm_256, chacha, cbc_128, cbc_256 };
constexpr const char* kNativeNames[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-128-CBC",
                                        "AES-256-CBC"};

Native native_of(const SkSuiteFacts& facts) noexcept {
  if (facts.suite == SkSuite::chacha20_poly1305) return Native::chacha;
  if (facts.is_aead()) return facts.key_bits == 128 ? Native::gcm_128 : Native::gcm_256;
  return facts.key_bits == 128 ? Native::cbc_128 : Native::cbc_256;
}

Hash integrity_hash(const SkSuiteFacts& facts) noexcept {
  return facts.integrity == 12 ? Hash::sha2_256 : facts.integrity == 13 ? Hash::sha2_384 : Hash::sha2_512;
}

const EVP_CIPHER* native_cipher(Native native) noexcept {
  static const auto ciphers = [] {
    std::array<const EVP_CIPHER*, std::size(kNativeNames)> fetched{};
    for (std::size_t i = 0; i < fetched.size(); ++i) {
      fetched[i] = EVP_CIPHER_fetch(nullptr, kNativeNames[i], nullptr);  // kept for the life of the process
      if (fetched[i] == nullptr) library_is_broken(kNativeNames[i]);
    }
    return fetched;
  }();
  return ciphers[static_cast<std::size_t>(native)];
}

/// This thread's context of that cipher, which keeps no key between calls that matters: each call sets its own.
EVP_CIPHER_CTX* context_of(Native native) noexcept {
  thread_local std::array<CipherCtxPtr, std::size(kNativeNames)> contexts;
  CipherCtxPtr& slot = contexts[static_cast<std::size_t>(native)];
  if (!slot) slot.reset(EVP_CIPHER_CTX_new());
  if (!slot) library_is_broken("EVP_CIPHER_CTX_new");
  return slot.get();
}

struct Aead {
  Native native;
  ByteView key;
  std::array<std::uint8_t, kSaltOctets + kAeadIvOctets> nonce;

  [[nodiscard]] EVP_CIPHER_CTX* start(bool encrypt, ByteView associated) const noexcept {
    EVP_CIPHER_CTX* context = context_of(native);
    int length = 0;
    const bool good =
        EVP_CipherInit_ex2(context, native_cipher(native), key.data(), nonce.data(), encrypt ? 1 : 0, nullptr) == 1 &&
        EVP_CipherUpdate(context, nullptr, &length, associated.data(), static_cast<int>(associated.size())) == 1;
    return good ? context : nullptr;
  }
};

Aead make_aead(const SkSuiteFacts& facts, ByteView sk_e, ByteView iv) noexcept {
  Aead aead{native_of(facts), sk_e.first(sk_e.size() - kSaltOctets), {}};
  std::ranges::copy(sk_e.last(kSaltOctets), aead.nonce.begin());
  std::ranges::copy(iv, aead.nonce.begin() + kSaltOctets);
  return aead;
}

std::array<std::uint8_t, 8> big_endian(std::uint64_t value) noexcept {
  std::array<std::uint8_t, 8> out{};
  for (std::size_t i = 8; i-- > 0; value >>= 8U) out[i] = static_cast<std::uint8_t>(value);
  return out;
}

/// CBC over whole blocks, no padding of the library's own. `out` may be `in`.
bool run_cbc(const SkSuiteFacts& facts, bool encrypt, ByteView key, ByteView iv, ByteView in,
             std::uint8_t* out) noexcept {
  const Native native = native_of(facts);
  EVP_CIPHER_CTX* context = context_of(native);
  int written = 0;
  return EVP_CipherInit_ex2(context, native_cipher(native), key.data(), iv.data(), encrypt ? 1 : 0, nullptr) == 1 &&
         EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
         EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(in.size())) == 1 &&
         static_cast<std::size_t>(written) == in.size();
}

/// Removes Pad Length and the padding in front of it (RFC 7296 §3.14: its content is not looked at).
Result<common::Bytes> strip_padding(common::Bytes plain) {
  if (plain.empty()) return std::unexpected(CryptoError::bad_length);
  const std::size_t padding = std::size_t{plain.back()} + 1;
  if (padding > plain.size()) return std::unexpected(CryptoError::bad_padding);
  plain.resize(plain.size() - padding);
  return plain;
}

Result<common::Bytes> seal_aead(const SkSuiteFacts& facts, ByteView sk_e, ByteView prefix, ByteView padded,
                                std::uint64_t iv) {
  const auto explicit_iv = big_endian(iv);
  const Aead aead = make_aead(facts, sk_e, explicit_iv);
  common::Bytes out(facts.iv + padded.size() + facts.icv);
  std::ranges::copy(explicit_iv, out.begin());
  EVP_CIPHER_CTX* context = aead.start(true, prefix);
  int length = 0;
  std::uint8_t* cipher = out.data() + facts.iv;
  const bool good = context != nullptr &&
                    EVP_CipherUpdate(context, cipher, &length, padded.data(), static_cast<int>(padded.size())) == 1 &&
                    EVP_CipherFinal_ex(context, cipher + length, &length) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, facts.icv, cipher + padded.size()) == 1;
  if (!good) return std::unexpected(CryptoError::library);
  return out;
}

Result<common::Bytes> open_aead(const SkSuiteFacts& facts, ByteView sk_e, ByteView prefix, ByteView body) {
  const Aead aead = make_aead(facts, sk_e, body.first(facts.iv));
  const ByteView cipher = body.subspan(facts.iv, body.size() - facts.iv - facts.icv);
  common::Bytes icv(body.end() - facts.icv, body.end());
  common::Bytes plain(cipher.size());
  EVP_CIPHER_CTX* context = aead.start(false, prefix);
  int length = 0;
  const bool ran =
      context != nullptr && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, facts.icv, icv.data()) == 1 &&
      EVP_CipherUpdate(context, plain.data(), &length, cipher.data(), static_cast<int>(cipher.size())) == 1;
  if (!ran) return std::unexpected(CryptoError::library);
  if (EVP_CipherFinal_ex(context, plain.data() + length, &length) != 1) {
    common::wipe(plain);
    return std::unexpected(CryptoError::bad_icv);
  }
  return strip_padding(std::move(plain));
}

/// An IV that cannot be predicted, made of a number that was never used: its encryption under the same key
/// (NIST SP 800-38A Appendix C, first method). CBC with a zero IV over one block is that encryption.
bool make_cbc_iv(const SkSuiteFacts& facts, ByteView key, std::uint64_t iv, std::uint8_t* out) noexcept {
  constexpr std::array<std::uint8_t, kBlockOctets> zero{};
  std::array<std::uint8_t, kBlockOctets> nonce{};
  std::ranges::copy(big_endian(iv), nonce.begin() + 8);
  return run_cbc(facts, true, key, zero, nonce, out);
}

Result<common::Bytes> seal_cbc(const SkSuiteFacts& facts, ByteView sk_e, ByteView sk_a, ByteView prefix,
                               ByteView padded, std::uint64_t iv) {
  common::Bytes out(facts.iv + padded.size());
  if (!make_cbc_iv(facts, sk_e, iv, out.data()) ||
      !run_cbc(facts, true, sk_e, ByteView(out).first(facts.iv), padded, out.data() + facts.iv))
    return std::unexpected(CryptoError::library);
  const auto icv = hmac(integrity_hash(facts), sk_a, {prefix, out});
  out.insert(out.end(), icv.view().begin(), icv.view().begin() + facts.icv);
  return out;
}

Result<common::Bytes> open_cbc(const SkSuiteFacts& facts, ByteView sk_e, ByteView sk_a, ByteView prefix,
                               ByteView body) {
  const ByteView covered = body.first(body.size() - facts.icv);
  const ByteView cipher = covered.subspan(facts.iv);
  if (cipher.size() % kBlockOctets != 0) return std::unexpected(CryptoError::bad_length);
  const auto icv = hmac(integrity_hash(facts), sk_a, {prefix, covered});
  if (!common::constant_time_equal(icv.view().first(facts.icv), body.last(facts.icv)))
    return std::unexpected(CryptoError::bad_icv);
  common::Bytes plain(cipher.size());
  if (!run_cbc(facts, false, sk_e, covered.first(facts.iv), cipher, plain.data()))
    return std::unexpected(CryptoError::library);
  return strip_padding(std::move(plain));
}

}  // namespace

Result<SkCipher> SkCipher::make(SkSuite suite, ByteView sk_e, ByteView sk_a) {
  const SkSuiteFacts& facts = sk_suite_facts(suite);
  if (sk_e.size() != facts.sk_e || sk_a.size() != facts.sk_a) return std::unexpected(CryptoError::bad_key_length);
  SkCipher cipher;
  cipher.suite_ = suite;
  cipher.sk_e_ = common::SecretBytes(sk_e);
  cipher.sk_a_ = common::SecretBytes(sk_a);
  return cipher;
}

std::size_t SkCipher::sealed_octets(std::size_t plain_octets) const noexcept {
  const std::size_t block = facts().block;
  return facts().iv + (plain_octets + 1 + block - 1) / block * block + facts().icv;
}

std::size_t SkCipher::plain_octets_that_fit(std::size_t sealed_octets) const noexcept {
  const std::size_t fixed = std::size_t{facts().iv} + facts().icv;
  if (sealed_octets <= fixed) return 0;
  const std::size_t cipher = (sealed_octets - fixed) / facts().block * facts().block;
  return cipher == 0 ? 0 : cipher - 1;  // Pad Length
}

Result<common::Bytes> SkCipher::seal(ByteView prefix, ByteView plain, std::uint64_t iv) const {
  const std::size_t padded_octets = sealed_octets(plain.size()) - facts().iv - facts().icv;
  common::SecretBytes padded(padded_octets);
  std::ranges::copy(plain, padded.mutable_view().begin());
  padded.mutable_view().back() = static_cast<std::uint8_t>(padded_octets - plain.size() - 1);
  return facts().is_aead() ? seal_aead(facts(), sk_e_.view(), prefix, padded.view(), iv)
                           : seal_cbc(facts(), sk_e_.view(), sk_a_.view(), prefix, padded.view(), iv);
}

Result<common::Bytes> SkCipher::open(ByteView prefix, ByteView body) const {
  const std::size_t least = std::size_t{facts().iv} + facts().block + facts().icv;
  if (body.size() < least) return std::unexpected(CryptoError::bad_length);
  return facts().is_aead() ? open_aead(facts(), sk_e_.view(), prefix, body)
                           : open_cbc(facts(), sk_e_.view(), sk_a_.view(), prefix, body);
}

}  // namespace controlplane::crypto
