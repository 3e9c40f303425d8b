// Diffie-Hellman: RFC 5903 §8 and RFC 7748 §6.1 vectors, agreement in every group, and every bad public value.

#include "controlplane/crypto/dh.hpp"

#include <memory>

#include <gtest/gtest.h>
#include <openssl/bn.h>

#include "hex.hpp"

namespace controlplane::crypto {
namespace {

using common::to_hex;

struct Vector {
  Group group;
  std::string_view i, gi, r, gr, gir;
};

const Vector kVectors[] = {
    {Group::ecp_256, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
     "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
     "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
     "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
     "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
     "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
     "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
    {Group::ecp_384, "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
     "667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa"
     "9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
     "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc",
     "e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d0d1ac43a0336def96fda41d0774a3571"
     "dcfbec7aacf3196472169e838430367f66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
     "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746"},
    {Group::ecp_521,
     "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d937ba9777f5957b2639bab0724"
     "6"
     "2f68c27a57382d4a52",
     "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c2d107564941885942af5a7f46"
     "0"
     "1723c4195d176ced3e"
     "017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10ad8a788015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438"
     "b"
     "f01beb6ca3926f9582",
     "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757a3bdbf2a3163e4c2f869cca7458aa4a4e"
     "f"
     "fc311f5cb151685eb9",
     "00d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a219b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ce"
     "d"
     "2b6171640012d9460f"
     "015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87220b6536c5c408a1d2aebb8e86d678ae49cb57091f4732296"
     "5"
     "79ab44fcd17f0fc56a",
     "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f"
     "2"
     "bee417996d19f3ddea"},
    {Group::x25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
};

TEST(Dh, Vectors) {
  for (const Vector& vector : kVectors) {
    SCOPED_TRACE(static_cast<int>(vector.group));
    const auto i = Dh::from_private(vector.group, hex(vector.i));
    const auto r = Dh::from_private(vector.group, hex(vector.r));
    ASSERT_TRUE(i && r);
    EXPECT_EQ(to_hex(i->public_value()), vector.gi);
    EXPECT_EQ(to_hex(r->public_value()), vector.gr);
    const auto one = i->derive(hex(vector.gr));
    const auto other = r->derive(hex(vector.gi));
    ASSERT_TRUE(one && other);
    EXPECT_EQ(to_hex(one->view()), vector.gir);
    EXPECT_EQ(to_hex(other->view()), vector.gir);
  }
}

class EachGroup : public ::testing::TestWithParam<GroupFacts> {};

TEST_P(EachGroup, AgreesAndSurvivesStorage) {
  const auto ours = Dh::generate(GetParam().group);
  const auto theirs = Dh::generate(GetParam().group);
  ASSERT_TRUE(ours && theirs);
  EXPECT_EQ(ours->public_value().size(), GetParam().public_octets);
  EXPECT_NE(to_hex(ours->public_value()), to_hex(theirs->public_value()));
  const auto restored = Dh::from_private(ours->group(), ours->private_value());
  ASSERT_TRUE(restored);
  EXPECT_EQ(to_hex(restored->public_value()), to_hex(ours->public_value()));
  const auto one = restored->derive(theirs->public_value());
  const auto other = theirs->derive(ours->public_value());
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->size(), GetParam().shared_octets);
  EXPECT_TRUE(one->equals(*other));
}

TEST_P(EachGroup, RefusesValuesOfTheWrongSize) {
  const auto dh = Dh::generate(GetParam().group);
  ASSERT_TRUE(dh);
  common::Bytes value(dh->public_value().begin(), dh->public_value().end());
  value.pop_back();
  EXPECT_EQ(dh->derive(value).error(), CryptoError::bad_public_value);
  value.resize(value.size() + 2);
  EXPECT_EQ(dh->derive(value).error(), CryptoError::bad_public_value);
  EXPECT_EQ(dh->derive({}).error(), CryptoError::bad_public_value);
  EXPECT_EQ(Dh::from_private(GetParam().group, hex("01")).error(), CryptoError::bad_key_length);
}

TEST_P(EachGroup, RefusesZero) {
  const auto dh = Dh::generate(GetParam().group);
  ASSERT_TRUE(dh);
  EXPECT_EQ(dh->derive(common::Bytes(GetParam().public_octets, 0)).error(), CryptoError::bad_public_value);
}

INSTANTIATE_TEST_SUITE_P(All, EachGroup, ::testing::ValuesIn(kGroups), [](const auto& instance) {
  return "Group" + std::to_string(static_cast<int>(instance.param.group));
});

TEST(Dh, ModpRangeIsOpenAtBothEnds) {  // RFC 6989 §2.1
  const auto dh = Dh::generate(Group::modp_2048);
  ASSERT_TRUE(dh);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> p(BN_get_rfc3526_prime_2048(nullptr), &BN_free);
  common::Bytes value(256, 0);
  value.back() = 1;
  EXPECT_EQ(dh->derive(value).error(), CryptoError::bad_public_value);
  value.back() = 2;
  EXPECT_TRUE(dh->derive(value));
  const auto p_minus = [&](BN_ULONG less) {
    BN_sub_word(p.get(), less);
    BN_bn2binpad(p.get(), value.data(), 256);
    BN_add_word(p.get(), less);
  };
  p_minus(0);
  EXPECT_EQ(dh->derive(value).error(), CryptoError::bad_public_value);
  p_minus(1);
  EXPECT_EQ(dh->derive(value).error(), CryptoError::bad_public_value);
  p_minus(2);
  EXPECT_TRUE(dh->derive(value));
}

TEST(Dh, MatchesAPeerWithSmallExponentLeftPadded) {  // RFC 7296 §2.14: g^ir is as long as the modulus
  common::Bytes one(256, 0);
  one.back() = 3;
  const auto dh = Dh::from_private(Group::modp_2048, one);  // y = 2^3
  ASSERT_TRUE(dh);
  EXPECT_EQ(to_hex(dh->public_value()), std::string(510, '0') + "08");
  common::Bytes four(256, 0);
  four.back() = 4;
  const auto shared = dh->derive(four);  // 4^3
  ASSERT_TRUE(shared);
  EXPECT_EQ(to_hex(shared->view()), std::string(510, '0') + "40");
}

TEST(Dh, PointsOffTheCurveAreRefused) {  // RFC 6989 §2.3
  for (const Group group : {Group::ecp_256, Group::ecp_384, Group::ecp_521}) {
    const auto dh = Dh::generate(group);
    ASSERT_TRUE(dh);
    common::Bytes value(dh->public_value().begin(), dh->public_value().end());
    value.back() ^= 1;
    EXPECT_EQ(dh->derive(value).error(), CryptoError::bad_public_value);
    std::fill(value.begin(), value.end(), std::uint8_t{0xFF});  // coordinates beyond the field
    EXPECT_EQ(dh->derive(value).error(), CryptoError::bad_public_value);
  }
}

TEST(Dh, X25519PointsOfSmallOrderAreRefused) {  // RFC 7748 §6.1
  const auto dh = Dh::generate(Group::x25519);
  ASSERT_TRUE(dh);
  for (const auto* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"})
    EXPECT_EQ(dh->derive(hex(point)).error(), CryptoError::bad_public_value) << point;
}

TEST(Dh, UnknownGroups) {
  EXPECT_FALSE(find_group(2));  // MODP-1024: not offered here
  EXPECT_FALSE(find_group(0));
  EXPECT_EQ(Dh::generate(Group{5}).error(), CryptoError::unsupported);
  EXPECT_EQ(Dh::from_private(Group{5}, {}).error(), CryptoError::unsupported);
}

}  // namespace
}  // namespace controlplane::crypto
