// AES-GCM against OpenSSL, which computes it independently, and what must not pass.

#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/unit/dp_crypto/gcm_testing.hpp"

namespace dataplane::crypto {
namespace {

using common::Bytes;
using common::ByteView;

[[nodiscard]] Sealed openssl_seal(ByteView key, ByteView nonce, ByteView aad, ByteView plain) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  Sealed sealed{Bytes(plain.size()), Bytes(16)};
  int octets = 0;
  const EVP_CIPHER* cipher = key.size() == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
  EXPECT_EQ(EVP_EncryptInit_ex(context.get(), cipher, nullptr, key.data(), nonce.data()), 1);
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), nullptr, &octets, aad.data(), static_cast<int>(aad.size())), 1);
  EXPECT_EQ(
      EVP_EncryptUpdate(context.get(), sealed.ciphertext.data(), &octets, plain.data(), static_cast<int>(plain.size())),
      1);
  EXPECT_EQ(EVP_EncryptFinal_ex(context.get(), sealed.ciphertext.data() + octets, &octets), 1);
  EXPECT_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, sealed.icv.data()), 1);
  return sealed;
}

class Gcm : public testing::TestWithParam<common::Suite> {
 protected:
  [[nodiscard]] Bytes random_bytes(std::size_t octets) {
    Bytes bytes(octets);
    for (auto& octet : bytes) octet = static_cast<std::uint8_t>(random_());
    return bytes;
  }
  /// Key and salt, as IKE derives them.
  [[nodiscard]] Bytes random_keymat() { return random_bytes(common::find_suite(GetParam())->encryption_keymat); }
  [[nodiscard]] Key key_of(const Bytes& keymat) { return std::move(Key::make(GetParam(), keymat, {}).value()); }

  std::mt19937 random_{20240117};
};

TEST_P(Gcm, AgreesWithOpenSslAtEveryLength) {
  const Bytes keymat = random_keymat();
  const Key key = key_of(keymat);
  const ByteView cipher_key = ByteView(keymat).first(keymat.size() - 4);
  for (std::size_t octets = 4; octets <= 1500; octets += octets < 300 ? 4 : 52) {
    const Bytes plain = random_bytes(octets);
    const Bytes nonce = random_bytes(12);
    const Bytes aad = random_bytes(octets % 8 == 0 ? 8 : 12);
    const Sealed ours = seal(key, nonce, aad, plain);
    const Sealed theirs = openssl_seal(cipher_key, nonce, aad, plain);
    ASSERT_EQ(ours.ciphertext, theirs.ciphertext) << octets;
    ASSERT_EQ(ours.icv, theirs.icv) << octets;
    const Opened opened = open(key, nonce, aad, theirs);
    ASSERT_TRUE(opened.intact);
    ASSERT_EQ(opened.plain, plain);
  }
}

TEST_P(Gcm, BatchOfManyKeys) {
  constexpr std::size_t kPackets = kMaxBatch;
  std::vector<Bytes> keymats;
  std::vector<Key> keys;
  std::vector<Bytes> plain;
  std::vector<Bytes> data;
  std::vector<Bytes> icv(kPackets, Bytes(16));
  std::vector<Bytes> nonce;
  const Bytes aad = random_bytes(8);
  Batch batch;
  for (std::size_t i = 0; i < kPackets; ++i) {
    keymats.push_back(random_keymat());
    keys.push_back(key_of(keymats.back()));
    plain.push_back(random_bytes(4 * (1 + random_() % 100)));
    nonce.push_back(random_bytes(12));
  }
  data = plain;
  for (std::size_t i = 0; i < kPackets; ++i) append(batch, keys[i], nonce[i], aad, data[i], icv[i].data());
  keys[0].ops()->encrypt(batch);
  for (std::size_t i = 0; i < kPackets; ++i) {
    const Sealed theirs = openssl_seal(ByteView(keymats[i]).first(keymats[i].size() - 4), nonce[i], aad, plain[i]);
    ASSERT_EQ(data[i], theirs.ciphertext);
    ASSERT_EQ(icv[i], theirs.icv);
  }
  // One of them is changed on its way: that one is found, the others are right.
  icv[17][3] ^= 0x10;
  keys[0].ops()->decrypt(batch);
  for (std::size_t i = 0; i < kPackets; ++i) {
    EXPECT_EQ(batch.intact[i] != 0, i != 17) << i;
    if (i != 17) {
      EXPECT_EQ(data[i], plain[i]);
    }
  }
}

TEST_P(Gcm, EveryChangedBitIsFound) {
  const Key key = key_of(random_keymat());
  const Bytes plain = random_bytes(40);
  const Bytes nonce = random_bytes(12);
  const Bytes aad = random_bytes(12);
  const Sealed good = seal(key, nonce, aad, plain);
  ASSERT_TRUE(open(key, nonce, aad, good).intact);
  for (std::size_t bit = 0; bit < good.ciphertext.size() * 8; ++bit) {
    Sealed bad = good;
    bad.ciphertext[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_FALSE(open(key, nonce, aad, bad).intact) << bit;
  }
  for (std::size_t bit = 0; bit < 128; ++bit) {
    Sealed bad = good;
    bad.icv[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_FALSE(open(key, nonce, aad, bad).intact) << bit;
  }
  for (std::size_t bit = 0; bit < 96; ++bit) {
    Bytes bad_aad = aad;
    bad_aad[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_FALSE(open(key, nonce, bad_aad, good).intact) << bit;
    Bytes bad_nonce = nonce;
    bad_nonce[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    ASSERT_FALSE(open(key, bad_nonce, aad, good).intact) << bit;
  }
  const Key other = key_of(random_keymat());
  EXPECT_FALSE(open(other, nonce, aad, good).intact);
}

INSTANTIATE_TEST_SUITE_P(Suites, Gcm, testing::Values(common::Suite::aes_gcm_16_128, common::Suite::aes_gcm_16_256));

}  // namespace
}  // namespace dataplane::crypto
