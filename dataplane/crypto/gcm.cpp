// AES-GCM-16 for ESP (RFC 4106) over intel-ipsec-mb's direct single-call API: about half the cost of its job API for
// short packets. The key schedule is the library's own struct, its functions are stateless and thread-safe.

#include "dataplane/crypto/gcm.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include <intel-ipsec-mb.h>

namespace dataplane::crypto {
namespace {

constexpr std::size_t kIcvOctets = 16;
constexpr std::size_t kCacheLine = 64;
static_assert(alignof(gcm_key_data) == kCacheLine, "LINUX must be defined for intel-ipsec-mb.h to align its key");

/// The library's functions for this processor, filled once.
struct Direct {
  aes_gcm_enc_dec_t encrypt_128 = nullptr;
  aes_gcm_enc_dec_t encrypt_256 = nullptr;
  aes_gcm_enc_dec_t decrypt_128 = nullptr;
  aes_gcm_enc_dec_t decrypt_256 = nullptr;
  aes_gcm_pre_t expand_128 = nullptr;
  aes_gcm_pre_t expand_256 = nullptr;
  bool ready = false;
};
constinit Direct direct;

[[nodiscard]] bool init_direct() noexcept {
  struct Free {
    void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
  };
  const std::unique_ptr<IMB_MGR, Free> manager(alloc_mb_mgr(0));
  if (manager == nullptr) return false;
  init_mb_mgr_auto(manager.get(), nullptr);
  if (imb_get_errno(manager.get()) != 0) return false;
  // Plain functions: they outlive the manager that told us where they are.
  direct = {manager->gcm128_enc,
            manager->gcm256_enc,
            manager->gcm128_dec,
            manager->gcm256_dec,
            manager->gcm128_pre,
            manager->gcm256_pre,
            true};
  return true;
}

[[nodiscard]] bool equal_icv(const std::uint8_t* a, const std::uint8_t* b) noexcept {
  std::array<std::uint64_t, 4> words;
  std::memcpy(&words[0], a, kIcvOctets);
  std::memcpy(&words[2], b, kIcvOctets);
  return ((words[0] ^ words[2]) | (words[1] ^ words[3])) == 0;
}

void encrypt_each(aes_gcm_enc_dec_t encrypt, Batch& batch) noexcept {
  gcm_context_data context;
  for (std::size_t i = 0; i < batch.count; ++i)
    encrypt(static_cast<const gcm_key_data*>(batch.schedule[i]), &context, batch.payload[i], batch.payload[i],
            batch.octets[i], batch.nonce[i].octets.data(), batch.aad[i].octets.data(), batch.aad_octets[i],
            batch.icv[i], kIcvOctets);
}

void decrypt_each(aes_gcm_enc_dec_t decrypt, Batch& batch) noexcept {
  gcm_context_data context;
  alignas(16) std::array<std::uint8_t, kIcvOctets> computed;
  for (std::size_t i = 0; i < batch.count; ++i) {
    decrypt(static_cast<const gcm_key_data*>(batch.schedule[i]), &context, batch.payload[i], batch.payload[i],
            batch.octets[i], batch.nonce[i].octets.data(), batch.aad[i].octets.data(), batch.aad_octets[i],
            computed.data(), kIcvOctets);
    batch.intact[i] = equal_icv(computed.data(), batch.icv[i]) ? 1 : 0;
  }
}

void expand_128(common::ByteView encryption, common::ByteView, void* schedule) noexcept {
  direct.expand_128(encryption.data(), static_cast<gcm_key_data*>(schedule));
}
void expand_256(common::ByteView encryption, common::ByteView, void* schedule) noexcept {
  direct.expand_256(encryption.data(), static_cast<gcm_key_data*>(schedule));
}
void encrypt_128(Batch& batch) noexcept { encrypt_each(direct.encrypt_128, batch); }
void encrypt_256(Batch& batch) noexcept { encrypt_each(direct.encrypt_256, batch); }
void decrypt_128(Batch& batch) noexcept { decrypt_each(direct.decrypt_128, batch); }
void decrypt_256(Batch& batch) noexcept { decrypt_each(direct.decrypt_256, batch); }

/// The round keys, and the powers of the hash key that so many blocks need: the library keeps the highest of 48 powers
/// first, and reads the lower ones for short packets.
template <std::size_t kRounds>
void prefetch(const void* schedule, std::uint32_t octets) noexcept {
  const auto* line = static_cast<const std::uint8_t*>(schedule);
  constexpr std::size_t kRoundKeyOctets = (kRounds + 1) * 16;
  for (std::size_t at = 0; at < kRoundKeyOctets; at += kCacheLine) __builtin_prefetch(line + at);
  constexpr std::size_t kPowers = 48;
  const std::size_t blocks = std::min<std::size_t>((octets + 15) / 16 + 2, kPowers);  // AAD and lengths are two
  const auto* end = line + offsetof(gcm_key_data, ghash_keys) + kPowers * 16;
  for (std::size_t at = 0; at < blocks * 16; at += kCacheLine) __builtin_prefetch(end - at - 1);
}

}  // namespace

const SuiteOps* gcm_ops(common::Suite suite) noexcept {
  static const bool ready = init_direct();
  if (!ready) return nullptr;
  static const SuiteOps ops_128 = {*common::find_suite(common::Suite::aes_gcm_16_128),
                                   sizeof(gcm_key_data),
                                   expand_128,
                                   encrypt_128,
                                   decrypt_128,
                                   prefetch<10>};
  static const SuiteOps ops_256 = {*common::find_suite(common::Suite::aes_gcm_16_256),
                                   sizeof(gcm_key_data),
                                   expand_256,
                                   encrypt_256,
                                   decrypt_256,
                                   prefetch<14>};
  if (suite == common::Suite::aes_gcm_16_128) return &ops_128;
  if (suite == common::Suite::aes_gcm_16_256) return &ops_256;
  return nullptr;
}

}  // namespace dataplane::crypto
