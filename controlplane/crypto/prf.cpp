// Hashes and HMAC over OpenSSL. Algorithms are fetched once; each thread keeps one context per algorithm, so that a
// call costs its blocks and little more.

#include "controlplane/crypto/prf.hpp"

#include <algorithm>

#include "controlplane/crypto/native.hpp"

namespace controlplane::crypto {
namespace {

constexpr std::size_t kHashes = 5;  // by Hash's number, 1..4

const char* digest_name(Hash hash) noexcept {
  switch (hash) {
    case Hash::sha1:
      return "SHA1";
    case Hash::sha2_256:
      return "SHA2-256";
    case Hash::sha2_384:
      return "SHA2-384";
    case Hash::sha2_512:
      return "SHA2-512";
  }
  return "";
}

struct Digests {
  const EVP_MD* by_number[kHashes] = {};
  Digests() noexcept {
    for (std::uint16_t i = 1; i < kHashes; ++i) {
      by_number[i] = EVP_MD_fetch(nullptr, digest_name(Hash{i}), nullptr);  // kept for the life of the process
      if (by_number[i] == nullptr) library_is_broken(digest_name(Hash{i}));
    }
  }
};

EVP_MD_CTX* digest_context() noexcept {
  thread_local const MdCtxPtr context(EVP_MD_CTX_new());
  if (!context) library_is_broken("EVP_MD_CTX_new");
  return context.get();
}

void digest_into(Hash hash, Parts parts, std::uint8_t* out) noexcept {
  EVP_MD_CTX* context = digest_context();
  bool good = EVP_DigestInit_ex2(context, native_digest(hash), nullptr) == 1;
  for (const common::ByteView part : parts) good = good && EVP_DigestUpdate(context, part.data(), part.size()) == 1;
  if (!good || EVP_DigestFinal_ex(context, out, nullptr) != 1) library_is_broken("digest");
}

EVP_MAC_CTX* make_hmac_context(Hash hash) noexcept {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  if (mac == nullptr) library_is_broken("HMAC");
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  if (context == nullptr) library_is_broken("EVP_MAC_CTX_new");
  char* name = const_cast<char*>(digest_name(hash));  // the library only reads it
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                   OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(context, parameters) != 1) library_is_broken("HMAC digest");
  return context;
}

EVP_MAC_CTX* hmac_context(Hash hash) noexcept {
  thread_local MacCtxPtr contexts[kHashes];
  MacCtxPtr& slot = contexts[static_cast<std::size_t>(hash)];
  if (!slot) slot.reset(make_hmac_context(hash));
  return slot.get();
}

void hmac_into(Hash hash, common::ByteView key, Parts parts, std::uint8_t* out) noexcept {
  EVP_MAC_CTX* context = hmac_context(hash);
  bool good = EVP_MAC_init(context, data_of(key), key.size(), nullptr) == 1;
  for (const common::ByteView part : parts) good = good && EVP_MAC_update(context, part.data(), part.size()) == 1;
  std::size_t written = 0;
  if (!good || EVP_MAC_final(context, out, &written, hash_octets(hash)) != 1) library_is_broken("HMAC");
}

common::SecretBytes join(Parts parts) {
  std::size_t size = 0;
  for (const common::ByteView part : parts) size += part.size();
  common::SecretBytes joined(size);
  auto at = joined.mutable_view().begin();
  for (const common::ByteView part : parts) at = std::ranges::copy(part, at).out;
  return joined;
}

}  // namespace

const EVP_MD* native_digest(Hash hash) noexcept {
  static const Digests digests;
  return digests.by_number[static_cast<std::size_t>(hash)];
}

common::Bytes digest(Hash hash, Parts parts) {
  common::Bytes out(hash_octets(hash));
  digest_into(hash, parts, out.data());
  return out;
}

std::array<std::uint8_t, 20> sha1(Parts parts) noexcept {
  std::array<std::uint8_t, 20> out{};
  digest_into(Hash::sha1, parts, out.data());
  return out;
}

common::SecretBytes hmac(Hash hash, common::ByteView key, Parts parts) {
  common::SecretBytes out(hash_octets(hash));
  hmac_into(hash, key, parts, out.mutable_view().data());
  return out;
}

common::SecretBytes prf(Prf prf, common::ByteView key, Parts parts) { return hmac(prf_hash(prf), key, parts); }

common::SecretBytes hmac_plus(Hash hash, common::ByteView key, Parts seed, std::size_t octets) {
  const std::size_t block = hash_octets(hash);
  const common::SecretBytes joined = join(seed);  // in one piece: it is used once a block
  common::SecretBytes out(octets);
  common::SecretBytes last;  // T1 = prf(K, S | 1), Tn = prf(K, Tn-1 | S | n)
  std::uint8_t counter = 0;
  for (std::size_t at = 0; at < octets; at += block) {
    const std::uint8_t number[] = {++counter};
    last = hmac(hash, key, {last.view(), joined.view(), number});
    const std::size_t take = std::min(block, octets - at);
    std::ranges::copy(last.view().first(take), out.mutable_view().begin() + static_cast<std::ptrdiff_t>(at));
  }
  return out;
}

}  // namespace controlplane::crypto
