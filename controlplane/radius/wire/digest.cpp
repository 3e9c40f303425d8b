// MD5 through OpenSSL's EVP. HMAC is made of two MD5 (RFC 2104 §2), so that one fetched digest serves both.

#include "controlplane/radius/wire/digest.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <openssl/evp.h>

#include "common/secret.hpp"

namespace controlplane::radius::wire {
namespace {

constexpr std::size_t kBlockOctets = 64;  // MD5's block, RFC 2104 §2

struct FreeMd {
  void operator()(EVP_MD* md) const noexcept { EVP_MD_free(md); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

[[nodiscard]] const EVP_MD* fetched_md5() noexcept {
  static const std::unique_ptr<EVP_MD, FreeMd> md(EVP_MD_fetch(nullptr, "MD5", nullptr));
  return md.get();
}

}  // namespace

Result<Authenticator> md5(std::initializer_list<common::ByteView> pieces) noexcept {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const EVP_MD* md = fetched_md5();
  if (md == nullptr || !context || EVP_DigestInit_ex2(context.get(), md, nullptr) != 1)
    return std::unexpected(WireError::crypto);
  for (const common::ByteView piece : pieces)
    if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1) return std::unexpected(WireError::crypto);
  Authenticator digest{};
  if (EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) return std::unexpected(WireError::crypto);
  return digest;
}

Result<Authenticator> hmac_md5(common::ByteView key, std::initializer_list<common::ByteView> pieces) noexcept {
  std::array<std::uint8_t, kBlockOctets> block{};
  if (key.size() > kBlockOctets) {
    const auto digest = md5({key});
    if (!digest) return digest;
    std::ranges::copy(*digest, block.begin());
  } else {
    std::ranges::copy(key, block.begin());
  }
  for (std::uint8_t& octet : block) octet ^= 0x36U;
  // The longest list is header, authenticator, attributes, zeros, attributes: five pieces behind the block.
  std::array<common::ByteView, 5> padded{};
  std::size_t n = 0;
  for (const common::ByteView piece : pieces) {
    if (n == padded.size()) return std::unexpected(WireError::crypto);
    padded[n++] = piece;
  }
  const auto inner = md5({block, padded[0], padded[1], padded[2], padded[3], padded[4]});
  for (std::uint8_t& octet : block) octet ^= 0x36U ^ 0x5CU;
  const auto outer = inner ? md5({block, *inner}) : inner;
  common::wipe(block);
  return outer;
}

}  // namespace controlplane::radius::wire
