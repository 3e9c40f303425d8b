// SK bodies: RFC 7634 Appendix B, a GCM vector of NIST, round trips of every suite at every size, and every change
// refused.

#include "controlplane/crypto/sk_cipher.hpp"

#include <set>

#include <gtest/gtest.h>

#include "controlplane/crypto/prf.hpp"
#include "controlplane/crypto/random.hpp"
#include "hex.hpp"

namespace controlplane::crypto {
namespace {

using common::as_bytes;
using common::to_hex;

TEST(SkCipher, ChaChaRfc7634AppendixB) {
  const auto keys = hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3");
  const auto header = hex("c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029");
  const auto plain = hex("0000000c000040010000000a");
  const auto cipher = SkCipher::make(SkSuite::chacha20_poly1305, keys, {});
  ASSERT_TRUE(cipher);
  const auto sealed = cipher->seal(header, plain, 0x1011121314151617);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(to_hex(*sealed),
            "1011121314151617"
            "610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2");
  EXPECT_EQ(cipher->open(header, *sealed).value(), plain);
}

// The GCM specification (McGrew, Viega), test case 4 cut to our form: 96-bit nonce = salt | IV, associated data. Its
// plaintext ends in 0x39, which would be a Pad Length, so only sealing is compared: the last octet of ours is Pad
// Length 0.
TEST(SkCipher, GcmFirstBlocksAreThoseOfTheSpecification) {
  const auto keys = hex("feffe9928665731c6d6a8f9467308308cafebabe");
  const auto cipher = SkCipher::make(SkSuite::aes_gcm_16_128, keys, {});
  ASSERT_TRUE(cipher);
  const auto plain = hex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
      "ba637b");
  const auto sealed = cipher->seal(hex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), plain, 0xfacedbaddecaf888);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(
      to_hex(common::ByteView(*sealed).first(8 + plain.size())),
      "facedbaddecaf888"
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac"
      "973d58e0");
}

class EachSuite : public ::testing::TestWithParam<SkSuiteFacts> {
 protected:
  SkCipher make() {
    return SkCipher::make(GetParam().suite, common::Bytes(GetParam().sk_e, 0x11), common::Bytes(GetParam().sk_a, 0x22))
        .value();
  }
};

TEST_P(EachSuite, RoundTripsEverySize) {
  const SkCipher cipher = make();
  for (std::size_t size = 0; size < 70; ++size) {
    const auto plain = random_bytes(size);
    const auto sealed = cipher.seal(as_bytes("prefix"), plain, size);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(sealed->size(), cipher.sealed_octets(size));
    EXPECT_EQ((sealed->size() - GetParam().iv - GetParam().icv) % GetParam().block, 0U);
    EXPECT_EQ(cipher.open(as_bytes("prefix"), *sealed).value(), plain);
  }
}

TEST_P(EachSuite, WhatFitsFitsAndOneMoreDoesNot) {
  const SkCipher cipher = make();
  for (std::size_t room = 0; room < 200; ++room) {
    const std::size_t plain = cipher.plain_octets_that_fit(room);
    if (plain == 0) continue;
    EXPECT_LE(cipher.sealed_octets(plain), room);
    EXPECT_GT(cipher.sealed_octets(plain + 1), room);
  }
  EXPECT_EQ(cipher.plain_octets_that_fit(std::size_t{GetParam().iv} + GetParam().icv), 0U);
  EXPECT_GT(cipher.plain_octets_that_fit(100), 0U);
}

TEST_P(EachSuite, EveryChangedBitIsRefused) {
  const SkCipher cipher = make();
  const auto sealed = cipher.seal(as_bytes("prefix"), as_bytes("inner payloads of some length"), 7);
  ASSERT_TRUE(sealed);
  for (std::size_t bit = 0; bit < sealed->size() * 8; bit += 3) {
    auto changed = *sealed;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_EQ(cipher.open(as_bytes("prefix"), changed).error(), CryptoError::bad_icv) << bit;
  }
  EXPECT_EQ(cipher.open(as_bytes("prefiX"), *sealed).error(), CryptoError::bad_icv);
  EXPECT_EQ(cipher.open(as_bytes("prefix "), *sealed).error(), CryptoError::bad_icv);
}

TEST_P(EachSuite, ShortBodiesAreRefused) {
  const SkCipher cipher = make();
  const auto sealed = cipher.seal({}, {}, 7);  // the shortest body there is
  ASSERT_TRUE(sealed);
  for (std::size_t size = 0; size < sealed->size(); ++size)
    EXPECT_EQ(cipher.open({}, common::ByteView(*sealed).first(size)).error(), CryptoError::bad_length) << size;
  EXPECT_TRUE(cipher.open({}, *sealed).value().empty());
}

TEST_P(EachSuite, DifferentIvsDifferEverywhereAndOtherKeysDoNotOpen) {
  const SkCipher cipher = make();
  const auto one = cipher.seal({}, as_bytes("same"), 1);
  const auto two = cipher.seal({}, as_bytes("same"), 2);
  ASSERT_TRUE(one && two);
  EXPECT_NE(*one, *two);
  EXPECT_NE(to_hex(common::ByteView(*one).last(16)), to_hex(common::ByteView(*two).last(16)));
  common::Bytes sk_e(GetParam().sk_e, 0x11);
  common::Bytes sk_a(GetParam().sk_a, 0x22);
  (GetParam().is_aead() ? sk_e : sk_a).back() ^= 1;  // the salt counts as well
  const auto other = SkCipher::make(GetParam().suite, sk_e, sk_a);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->open({}, *one).error(), CryptoError::bad_icv);
}

TEST_P(EachSuite, KeysOfTheWrongSizeAreRefused) {
  const auto& facts = GetParam();
  const common::Bytes sk_e(facts.sk_e);
  const common::Bytes sk_a(facts.sk_a);
  EXPECT_EQ(SkCipher::make(facts.suite, common::Bytes(facts.sk_e - 1U), sk_a).error(), CryptoError::bad_key_length);
  EXPECT_EQ(SkCipher::make(facts.suite, common::Bytes(facts.sk_e + 1U), sk_a).error(), CryptoError::bad_key_length);
  EXPECT_EQ(SkCipher::make(facts.suite, sk_e, common::Bytes(facts.sk_a + 1U)).error(), CryptoError::bad_key_length);
  EXPECT_EQ(find_sk_suite(facts.encryption, facts.key_bits, facts.integrity)->suite, facts.suite);
  EXPECT_EQ(sk_suite_facts(facts.suite).name, facts.name);
}

INSTANTIATE_TEST_SUITE_P(All, EachSuite, ::testing::ValuesIn(kSkSuites), [](const auto& instance) {
  return "Suite" + std::to_string(static_cast<int>(instance.param.suite));
});

/// Seals octets that end in a Pad Length of our choice, as only a broken or hostile peer with the keys would.
common::Bytes seal_with_pad_length(std::uint8_t pad_length) {
  const common::Bytes sk_e(16, 0x11);
  const common::Bytes sk_a(32, 0x22);
  const auto cipher = SkCipher::make(SkSuite::aes_cbc_128_sha2_256_128, sk_e, sk_a);
  auto body = cipher->seal({}, {}, 9).value();  // one block: 15 zeros of padding, 15
  body.resize(32);                              // IV, block
  // CBC: what is flipped in the IV is flipped in the first plaintext block.
  body[15] = static_cast<std::uint8_t>(body[15] ^ 15U ^ pad_length);
  const auto icv = hmac(Hash::sha2_256, sk_a, {body});
  body.insert(body.end(), icv.view().begin(), icv.view().begin() + 16);
  return cipher->open({}, body).has_value() ? cipher->open({}, body).value()
                                            : common::Bytes{static_cast<std::uint8_t>(cipher->open({}, body).error())};
}

TEST(SkCipher, PadLengthIsJudgedAfterTheIcv) {
  EXPECT_EQ(seal_with_pad_length(0).size(), 15U);  // any content of the padding is accepted (RFC 7296 §3.14)
  EXPECT_EQ(seal_with_pad_length(15).size(), 0U);
  EXPECT_EQ(seal_with_pad_length(16), common::Bytes{static_cast<std::uint8_t>(CryptoError::bad_padding)});
  EXPECT_EQ(seal_with_pad_length(255), common::Bytes{static_cast<std::uint8_t>(CryptoError::bad_padding)});
}

TEST(SkCipher, CbcIvsAreNotTheCounter) {
  const auto cipher = SkCipher::make(SkSuite::aes_cbc_256_sha2_256_128, common::Bytes(32), common::Bytes(32));
  std::set<std::string> seen;
  for (std::uint64_t iv = 0; iv < 64; ++iv) {
    const auto sealed = cipher->seal({}, as_bytes("same"), iv).value();
    const auto text = to_hex(common::ByteView(sealed).first(16));
    EXPECT_TRUE(seen.insert(text).second);
    EXPECT_NE(text.substr(0, 16), "0000000000000000");
  }
}

TEST(SkCipher, CbcCiphertextMustBeWholeBlocks) {
  const common::Bytes sk_a(32, 0x22);
  const auto cipher = SkCipher::make(SkSuite::aes_cbc_128_sha2_256_128, common::Bytes(16, 0x11), sk_a);
  common::Bytes body(16 + 17);
  const auto icv = hmac(Hash::sha2_256, sk_a, {body});
  body.insert(body.end(), icv.view().begin(), icv.view().begin() + 16);
  EXPECT_EQ(cipher->open({}, body).error(), CryptoError::bad_length);
}

TEST(SkCipher, UnknownTransforms) {
  EXPECT_FALSE(find_sk_suite(12, 192, 12));
  EXPECT_FALSE(find_sk_suite(20, 128, 12));  // GCM with an integrity transform
  EXPECT_FALSE(find_sk_suite(28, 256, 0));   // ChaCha20 with a Key Length attribute (RFC 7634 §3)
  EXPECT_FALSE(find_sk_suite(12, 128, 2));   // HMAC-SHA-1-96
}

}  // namespace
}  // namespace controlplane::crypto
