// HMAC, prf and prf+ against published vectors: RFC 4231, and NIST CAVP "IKEv2 key derivation".

#include "controlplane/crypto/prf.hpp"

#include <gtest/gtest.h>

#include "controlplane/crypto/random.hpp"
#include "hex.hpp"

namespace controlplane::crypto {
namespace {

using common::as_bytes;
using common::to_hex;

TEST(Digest, KnownValuesAndParts) {
  // FIPS 180 example "abc"; parts are one message.
  EXPECT_EQ(to_hex(sha1({as_bytes("abc")})), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha1({as_bytes("a"), {}, as_bytes("bc")}), sha1({as_bytes("abc")}));
  EXPECT_EQ(to_hex(sha1({})), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(to_hex(digest(Hash::sha2_256, {as_bytes("abc")})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest(Hash::sha2_384, {}).size(), 48U);
  EXPECT_EQ(digest(Hash::sha2_512, {}).size(), 64U);
}

struct HmacVector {
  std::string_view key;
  std::string_view data;
  std::string_view sha256;
  std::string_view sha384;
  std::string_view sha512;
};

// RFC 4231 §4.2, §4.3, §4.7
const HmacVector kVectors[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
     "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
     "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702"
     "e"
     "696c203a126854"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b6"
     "3"
     "6e070a38bce737"},
};

TEST(Hmac, Rfc4231) {
  for (const HmacVector& vector : kVectors) {
    const auto key = hex(vector.key);
    const auto data = hex(vector.data);
    EXPECT_EQ(to_hex(hmac(Hash::sha2_256, key, {data}).view()), vector.sha256);
    EXPECT_EQ(to_hex(hmac(Hash::sha2_384, key, {data}).view()), vector.sha384);
    EXPECT_EQ(to_hex(hmac(Hash::sha2_512, key, {data}).view()), vector.sha512);
  }
  const common::Bytes long_key(131, 0xAA);  // longer than a block: hashed first (§4.7)
  EXPECT_EQ(to_hex(hmac(Hash::sha2_256, long_key,
                        {as_bytes("Test Using Larger Than Block-Size Key"), as_bytes(" - Hash Key First")})
                       .view()),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, AnEmptyKeyIsNotTheKeyOfTheCallBefore) {
  const auto before = hmac(Hash::sha2_256, as_bytes("key"), {as_bytes("x")});
  const auto empty = hmac(Hash::sha2_256, {}, {as_bytes("x")});
  const common::Bytes zeros(64, 0);  // RFC 2104 §2: a key is padded with zeros
  EXPECT_FALSE(empty.equals(before));
  EXPECT_TRUE(empty.equals(hmac(Hash::sha2_256, zeros, {as_bytes("x")})));
}

// NIST CAVP, IKEv2 with HMAC-SHA-1: the iteration is the same for every hash.
TEST(PrfPlus, CavpKeyDerivation) {
  const auto ni = hex("32b50d5f4a3763f3");
  const auto nr = hex("9206a04b26564cb1");
  const auto gir = hex("4b2c1f971981a8ad8d0abeafabf38cf75fc8349c148142465ed9c8b516b8be52");
  const auto spii = hex("34c9e7c188868785");
  const auto spir = hex("3ff77d760d2b2199");
  common::Bytes nonces = ni;
  nonces.insert(nonces.end(), nr.begin(), nr.end());
  const auto skeyseed = hmac(Hash::sha1, nonces, {gir});
  ASSERT_EQ(to_hex(skeyseed.view()), "a9a7b222b59f8f48645f28a1db5b5f5d7479cba7");
  const auto keys = hmac_plus(Hash::sha1, skeyseed.view(), {ni, nr, spii, spir}, 132);
  EXPECT_EQ(
      to_hex(keys.view()),
      "a14293677cc80ff8f9cc0eee30d895da9d8f405666e30ef0dfcb63c634a46002a2a63080e514a062768b76606f9fa5e992204fc5a670bd"
      "e3f10d6b027113936a5c55b648a194ae587b0088d52204b702c979fa280870d2ed41efa9c549fd11198af1670b143d384bd275c5f594cf"
      "266b05ebadca855e4249520a441a81157435a7a56cc4");
  // SKEYSEED of a rekey = prf(SK_d, g^ir (new) | Ni | Nr) (RFC 7296 §2.18)
  const auto gir_new = hex("863f3c9d06efd39d2b907b97f8699e5dd5251ef64a2a176f36ee40c87d4f9330");
  EXPECT_EQ(to_hex(hmac(Hash::sha1, keys.view().first(20), {gir_new, ni, nr}).view()),
            "63e81194946ebd05df7df5ebf5d8750056bf1f1d");
}

TEST(PrfPlus, IsTheIterationByHandForEachPrf) {
  for (const Prf id : {Prf::hmac_sha2_256, Prf::hmac_sha2_384, Prf::hmac_sha2_512}) {
    const auto key = as_bytes("secret key");
    const std::uint8_t one[] = {1};
    const std::uint8_t two[] = {2};
    const auto t1 = prf(id, key, {as_bytes("seed"), one});
    const auto t2 = prf(id, key, {t1.view(), as_bytes("seed"), two});
    const std::size_t size = prf_octets(id) + 7;
    const auto keys = prf_plus(id, key, {as_bytes("se"), as_bytes("ed")}, size);
    ASSERT_EQ(keys.size(), size);
    EXPECT_EQ(to_hex(keys.view()), to_hex(t1.view()) + to_hex(t2.view().first(7)));
    EXPECT_TRUE(prf_plus(id, key, {as_bytes("seed")}, 0).empty());
  }
}

TEST(Prf, IsFoundByTransform) {
  EXPECT_EQ(find_prf(5), Prf::hmac_sha2_256);
  EXPECT_EQ(find_prf(7), Prf::hmac_sha2_512);
  EXPECT_FALSE(find_prf(2));  // HMAC-SHA-1: not offered here
  EXPECT_FALSE(find_prf(8));
}

TEST(Random, Fills) {
  const auto a = random_bytes(32);
  const auto b = random_bytes(32);
  EXPECT_EQ(a.size(), 32U);
  EXPECT_NE(a, b);
  EXPECT_TRUE(random_bytes(0).empty());
}

}  // namespace
}  // namespace controlplane::crypto
