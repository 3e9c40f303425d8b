// Negotiation: the shapes that real clients send, and the ones that must not be chosen.

#include "controlplane/ike/proposals.hpp"

#include <gtest/gtest.h>

namespace controlplane::ike {
namespace {

using wire::Proposal;
using wire::ProtocolId;
using wire::Transform;
using enum wire::TransformType;

const common::Bytes kSpi4 = {0xC0, 0, 0, 1};
const common::Bytes kSpi8 = {0, 0, 0, 0, 0, 0, 0, 9};

Proposal ike(std::vector<Transform> transforms, std::uint8_t number = 1) {
  return {number, ProtocolId::ike, {}, std::move(transforms)};
}
Proposal esp(std::vector<Transform> transforms, std::uint8_t number = 1) {
  return {number, ProtocolId::esp, kSpi4, std::move(transforms)};
}

struct IkeProposals : testing::Test {
  std::vector<IkeOffer> ours = make_ike_offers({});
  std::optional<ChosenIke> choose(std::vector<Proposal> theirs, std::uint16_t group, bool rekey = false) {
    return choose_ike(ours, {std::move(theirs)}, group, rekey);
  }
};

TEST_F(IkeProposals, MacOs) {
  const auto chosen = choose({ike({{encr, 12, 256}, {integ, 12}, {prf, 5}, {dh, 14}})}, 14);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->suite, (IkeSuite{crypto::SkSuite::aes_cbc_256_sha2_256_128, crypto::Prf::hmac_sha2_256,
                                     crypto::Group::modp_2048}));
}

TEST_F(IkeProposals, AndroidPrefersOurOrder) {
  // Android names CBC with three hashes first and AEADs second, many groups.
  const auto cbc = ike({{encr, 12, 256},
                        {encr, 12, 128},
                        {integ, 14},
                        {integ, 13},
                        {integ, 12},
                        {prf, 7},
                        {prf, 5},
                        {dh, 16},
                        {dh, 31},
                        {dh, 15},
                        {dh, 14}});
  const auto aead = ike({{encr, 28}, {encr, 20, 256}, {encr, 20, 128}, {prf, 7}, {prf, 5}, {dh, 16}, {dh, 31}}, 2);
  const auto chosen = choose({cbc, aead}, 16);
  ASSERT_TRUE(chosen);
  // Within one [[ikev2.proposal]] the peer's first acceptable proposal is taken, with our order inside of it.
  EXPECT_EQ(chosen->number, 1);
  EXPECT_EQ(chosen->suite.cipher, crypto::SkSuite::aes_cbc_256_sha2_256_128);
  EXPECT_EQ(chosen->suite.group, crypto::Group::modp_4096);  // its KE payload is good enough
}

TEST_F(IkeProposals, EarlierOfferWins) {
  std::vector<config::IkeProposal> configured(2);
  configured[0].encryption = {"aes-gcm-256"};
  configured[0].group = {19};
  configured[1].encryption = {"aes-cbc-128"};
  configured[1].integrity = {"sha512"};
  configured[1].group = {14};
  ours = make_ike_offers(configured);
  const auto weak = ike({{encr, 12, 128}, {integ, 14}, {prf, 7}, {dh, 14}});
  const auto strong = ike({{encr, 20, 256}, {prf, 5}, {dh, 19}}, 2);
  EXPECT_EQ(choose({weak, strong}, 14)->number, 2);                      // INVALID_KE_PAYLOAD follows
  EXPECT_EQ(choose({weak}, 14)->suite.prf, crypto::Prf::hmac_sha2_512);  // prf defaults to integrity's hash
}

TEST_F(IkeProposals, NeverChosen) {
  const std::vector<Transform> good = {{encr, 20, 256}, {prf, 5}, {dh, 31}};
  EXPECT_TRUE(choose({ike(good)}, 31));
  EXPECT_FALSE(choose({ike({{encr, 20, 256}, {dh, 31}})}, 31)) << "no PRF";
  EXPECT_FALSE(choose({ike({{encr, 20, 256}, {prf, 5}})}, 31)) << "no group";
  EXPECT_FALSE(choose({ike({{encr, 20, 192}, {prf, 5}, {dh, 31}})}, 31)) << "key length";
  EXPECT_FALSE(choose({ike({{encr, 20, 0}, {prf, 5}, {dh, 31}})}, 31)) << "key length must be said";
  EXPECT_FALSE(choose({ike({{encr, 20, 256}, {integ, 12}, {prf, 5}, {dh, 31}})}, 31)) << "AEAD beside integrity";
  EXPECT_TRUE(choose({ike({{encr, 20, 256}, {integ, 0}, {prf, 5}, {dh, 31}})}, 31)) << "AEAD beside NONE";
  EXPECT_FALSE(choose({ike({{encr, 12, 256}, {prf, 5}, {dh, 31}})}, 31)) << "CBC without integrity";
  EXPECT_FALSE(choose({ike({{encr, 20, 256, true}, {prf, 5}, {dh, 31}})}, 31)) << "unknown attribute";
  EXPECT_FALSE(choose({ike({{encr, 20, 256}, {prf, 5}, {dh, 31}, {wire::TransformType{6}, 35}})}, 31))
      << "unknown type";
  EXPECT_FALSE(choose({esp(good)}, 31)) << "another protocol";
  EXPECT_FALSE(choose({{1, ProtocolId::ike, kSpi8, good}}, 31)) << "SPI in IKE_SA_INIT";
  EXPECT_FALSE(choose({ike(good)}, 31, true)) << "rekey without SPI";
  EXPECT_EQ(choose({{1, ProtocolId::ike, kSpi8, good}}, 31, true)->peer_spi, 9U);
  EXPECT_FALSE(choose({}, 31));
}

TEST_F(IkeProposals, GroupOfTheKeyExchangeIsTakenWhereItMay) {
  const auto both = ike({{encr, 20, 256}, {prf, 5}, {dh, 31}, {dh, 14}, {dh, 2}});
  EXPECT_EQ(choose({both}, 14)->suite.group, crypto::Group::modp_2048);
  EXPECT_EQ(choose({both}, 2)->suite.group, crypto::Group::x25519);  // not that one
}

TEST_F(IkeProposals, AnswerHasOneTransformOfEachType) {
  const auto chosen = choose({ike({{encr, 12, 128}, {encr, 12, 256}, {integ, 12}, {prf, 5}, {dh, 31}}, 3)}, 31);
  const auto answer = answer_of(*chosen, {});
  ASSERT_EQ(answer.proposals.size(), 1U);
  EXPECT_EQ(answer.proposals[0].number, 3);
  EXPECT_EQ(answer.proposals[0].transforms, (std::vector<Transform>{{encr, 12, 256}, {prf, 5}, {integ, 12}, {dh, 31}}));
}

struct EspProposals : testing::Test {
  std::vector<EspOffer> ours = make_esp_offers({});
  std::optional<ChosenEsp> choose(std::vector<Proposal> theirs, KeyExchange exchange = KeyExchange::ignored,
                                  std::uint16_t group = 0) {
    return choose_esp(ours, {std::move(theirs)}, exchange, group);
  }
};

TEST_F(EspProposals, EsnWhereBothWant) {
  const auto chosen = choose({esp({{encr, 20, 128}, {encr, 20, 256}, {esn, 0}, {esn, 1}})});
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->suite.suite, common::Suite::aes_gcm_16_256);
  EXPECT_TRUE(chosen->esn);
  EXPECT_EQ(chosen->peer_spi, common::Spi(0xC0000001));
  EXPECT_FALSE(choose({esp({{encr, 20, 256}, {esn, 0}})})->esn);
  ours[0].esn = false;
  EXPECT_FALSE(choose({esp({{encr, 20, 256}, {esn, 0}, {esn, 1}})})->esn);
  EXPECT_FALSE(choose({esp({{encr, 20, 256}, {esn, 1}})})) << "wants ESN alone";
  const auto unnamed = choose({esp({{encr, 20, 256}})});
  ASSERT_TRUE(unnamed);
  EXPECT_EQ(answer_of(*unnamed, kSpi4).proposals[0].transforms, (std::vector<Transform>{{encr, 20, 256}}));
}

TEST_F(EspProposals, NeverChosen) {
  EXPECT_FALSE(choose({esp({{encr, 12, 256}, {integ, 12}, {esn, 0}})})) << "the dataplane has no CBC yet";
  EXPECT_FALSE(choose({ike({{encr, 20, 256}, {esn, 0}})}));
  EXPECT_FALSE(choose({{1, ProtocolId::esp, kSpi8, {{encr, 20, 256}, {esn, 0}}}})) << "SPI of another size";
  const common::Bytes reserved = {0, 0, 0, 255};
  EXPECT_FALSE(choose({{1, ProtocolId::esp, reserved, {{encr, 20, 256}, {esn, 0}}}})) << "reserved SPI";
}

TEST_F(EspProposals, GroupsMeanNothingInIkeAuth) {
  const auto chosen = choose({esp({{encr, 20, 256}, {dh, 2}, {esn, 0}})});
  ASSERT_TRUE(chosen);
  EXPECT_FALSE(chosen->group);
}

TEST_F(EspProposals, ForwardSecrecyInRekeys) {
  const auto with = esp({{encr, 20, 256}, {dh, 14}, {esn, 0}});
  const auto without = esp({{encr, 20, 256}, {esn, 0}}, 2);
  using enum KeyExchange;
  EXPECT_EQ(choose({with, without}, used, 14)->group, crypto::Group::modp_2048);  // iOS
  EXPECT_EQ(choose({without, with}, used, 14)->group, crypto::Group::modp_2048);
  EXPECT_FALSE(choose({with, without}, used, 0)->group);
  EXPECT_FALSE(choose({with, without}, used, 31)->group);
  EXPECT_EQ(choose({with}, used, 31)->group, crypto::Group::modp_2048);  // INVALID_KE_PAYLOAD follows
  EXPECT_EQ(choose({with}, used, 0)->group, crypto::Group::modp_2048);
  EXPECT_FALSE(choose({esp({{encr, 20, 256}, {dh, 2}, {esn, 0}})}, used, 2)) << "a group that nobody wants";
  EXPECT_FALSE(choose({esp({{encr, 20, 256}, {dh, 2}, {dh, 0}, {esn, 0}})}, used, 2)->group);
}

TEST_F(EspProposals, ConfiguredOnes) {
  std::vector<config::EspProposal> configured(1);
  configured[0].suites = {common::Suite::aes_gcm_16_128, common::Suite::chacha20_poly1305};
  configured[0].group = {19};
  ours = make_esp_offers(configured);
  ASSERT_EQ(ours[0].suites.size(), 1U);  // what the dataplane lacks is left out
  EXPECT_EQ(choose({esp({{encr, 20, 256}, {encr, 20, 128}, {esn, 1}})})->suite.suite, common::Suite::aes_gcm_16_128);
}

}  // namespace
}  // namespace controlplane::ike
