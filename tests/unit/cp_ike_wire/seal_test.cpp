// Encrypted messages: sealed and opened in every suite, whole and in fragments; every changed octet refused; and the
// collector of fragments in each order and against each abuse.

#include "controlplane/ike/wire/seal.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "samples.hpp"

namespace controlplane::ike::wire {
namespace {

using common::Bytes;
using enum Reassembly::Outcome;

crypto::SkCipher cipher(crypto::SkSuite suite, std::uint8_t key = 0x11) {
  const auto& facts = crypto::sk_suite_facts(suite);
  return crypto::SkCipher::make(suite, Bytes(facts.sk_e, key), Bytes(facts.sk_a, key)).value();
}

class EverySuite : public ::testing::TestWithParam<crypto::SkSuiteFacts> {};

TEST_P(EverySuite, AMessageRoundTrips) {
  const auto keys = cipher(GetParam().suite);
  const auto inner = samples::auth_request(true);
  const auto sealed = seal_message(samples::header(ExchangeType::ike_auth, 1), inner, keys, 1);
  ASSERT_TRUE(sealed);
  const auto message = parse_message(*sealed);
  ASSERT_TRUE(message && message->encrypted);
  EXPECT_EQ(message->encrypted->first_inner, PayloadType::idi);
  const auto plain = open(*message->encrypted, keys);
  ASSERT_TRUE(plain);
  EXPECT_EQ(common::to_hex(*plain), common::to_hex(inner.view()));
  EXPECT_EQ(open(*message->encrypted, cipher(GetParam().suite, 0x12)).error(),
            (ParseError{WireError::cannot_decrypt, PayloadType::sk}));
}

TEST_P(EverySuite, EveryChangedOctetIsRefused) {
  const auto keys = cipher(GetParam().suite);
  const auto sealed =
      seal_message(samples::header(ExchangeType::informational, 9), samples::delete_request(), keys, 1).value();
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] ^= 0x40;
    const auto message = parse_message(changed);
    if (!message || !message->encrypted) continue;  // lengths and types that no longer fit
    EXPECT_FALSE(open(*message->encrypted, keys)) << "octet " << i;
  }
}

TEST_P(EverySuite, FragmentsRoundTripInAnyOrder) {
  const auto keys = cipher(GetParam().suite);
  const auto inner = samples::auth_request(true);
  for (const std::size_t size : {200U, 500U, 1000U, 1500U}) {
    const auto fragments = seal_fragments(samples::header(ExchangeType::ike_auth, 1), inner, keys, 100, size);
    ASSERT_TRUE(fragments);
    ASSERT_GT(fragments->size(), 1U);
    std::vector<std::size_t> order(fragments->size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
    std::rotate(order.begin(), order.begin() + 1, order.end());
    Reassembly reassembly;
    for (std::size_t n = 0; n < order.size(); ++n) {
      const Bytes& octets = (*fragments)[order[n]];
      EXPECT_LE(octets.size(), size);
      const auto message = parse_message(octets);
      ASSERT_TRUE(message && message->encrypted);
      // Only the first says what is inside (RFC 7383 §2.5).
      EXPECT_EQ(message->encrypted->first_inner, order[n] == 0 ? PayloadType::idi : PayloadType::none);
      auto plain = open(*message->encrypted, keys);
      ASSERT_TRUE(plain);
      EXPECT_EQ(reassembly.add(1, *message->encrypted, std::move(*plain)), n + 1 == order.size() ? complete : stored);
    }
    const auto whole = reassembly.take();
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->first_inner, PayloadType::idi);
    EXPECT_EQ(common::to_hex(whole->payloads), common::to_hex(inner.view()));
    EXPECT_EQ(reassembly.octets(), 0U);
    EXPECT_FALSE(reassembly.take());
  }
}

INSTANTIATE_TEST_SUITE_P(All, EverySuite, ::testing::ValuesIn(crypto::kSkSuites), [](const auto& instance) {
  return "Suite" + std::to_string(static_cast<int>(instance.param.suite));
});

TEST(Seal, AnEmptyMessage) {  // DPD
  const auto keys = cipher(crypto::SkSuite::aes_gcm_16_256);
  const auto sealed = seal_message(samples::header(ExchangeType::informational, 2), PayloadWriter(), keys, 5).value();
  const auto message = parse_message(sealed).value();
  EXPECT_EQ(message.encrypted->first_inner, PayloadType::none);
  EXPECT_TRUE(open(*message.encrypted, keys)->empty());
  EXPECT_EQ(sealed.size(), 28U + 4 + 8 + 1 + 16);
}

TEST(Seal, WhatFitsIsNotCut) {
  const auto keys = cipher(crypto::SkSuite::aes_gcm_16_256);
  const auto inner = samples::rekey_request();
  const std::size_t whole = 28 + 4 + keys.sealed_octets(inner.size());
  const auto head = samples::header(ExchangeType::create_child_sa, 5);
  EXPECT_EQ(seal_fragments(head, inner, keys, 1, whole)->size(), 1U);
  EXPECT_EQ(parse_message(seal_fragments(head, inner, keys, 1, whole)->front())->encrypted->fragment, 0);
  EXPECT_EQ(seal_fragments(head, inner, keys, 1, whole - 1)->size(), 2U);
}

TEST(Seal, EachFragmentHasItsOwnIv) {  // promise P7
  const auto keys = cipher(crypto::SkSuite::aes_gcm_16_128);
  const auto fragments =
      seal_fragments(samples::header(ExchangeType::ike_auth, 1), samples::auth_request(true), keys, 1000, 300).value();
  std::set<std::string> ivs;
  for (const Bytes& octets : fragments) ivs.insert(common::to_hex(parse_message(octets)->encrypted->body.first(8)));
  EXPECT_EQ(ivs.size(), fragments.size());
  EXPECT_EQ(*ivs.begin(), "00000000000003e8");
}

TEST(Seal, WhatCannotBeSentIsRefused) {
  const auto keys = cipher(crypto::SkSuite::aes_gcm_16_128);
  const auto head = samples::header(ExchangeType::ike_auth, 1);
  PayloadWriter large;
  for (int i = 0; i < 3; ++i) large.add_raw(PayloadType::vendor, samples::filled(30'000, 0));
  EXPECT_EQ(seal_message(head, large, keys, 1).error().what, WireError::bad_length);
  EXPECT_EQ(seal_fragments(head, large, keys, 1, 500).error().what, WireError::bad_length);  // more than kMaxFragments
  EXPECT_EQ(seal_fragments(head, samples::auth_request(true), keys, 1, 60).error().what, WireError::bad_length);
  EXPECT_EQ(seal_fragments(head, samples::auth_request(true), keys, 1, 0).error().what, WireError::bad_length);
}

Encrypted piece(std::uint16_t fragment, std::uint16_t total, PayloadType first = PayloadType::none) {
  return {.first_inner = first, .fragment = fragment, .total = total, .prefix = {}, .body = {}};
}
Bytes text(std::string_view octets) { return {octets.begin(), octets.end()}; }

TEST(Reassembly, RepeatsChangeNothing) {
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(7, piece(1, 2, PayloadType::idi), text("first ")), stored);
  EXPECT_EQ(reassembly.judge(7, piece(1, 2)), duplicate);
  EXPECT_EQ(reassembly.add(7, piece(1, 2, PayloadType::eap), text("FORGED")), duplicate);
  EXPECT_EQ(reassembly.judge(7, piece(2, 2)), stored);
  EXPECT_EQ(reassembly.add(7, piece(2, 2), text("second")), complete);
  const auto whole = reassembly.take();
  EXPECT_EQ(whole->first_inner, PayloadType::idi);
  EXPECT_EQ(whole->payloads, text("first second"));
}

TEST(Reassembly, ALargerTotalStartsAnew) {  // RFC 7383 §2.6: the peer has found a smaller path MTU
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(7, piece(1, 2), text("old")), stored);
  EXPECT_EQ(reassembly.add(7, piece(2, 3), text("b")), stored);
  EXPECT_EQ(reassembly.octets(), 1U);
  EXPECT_EQ(reassembly.add(7, piece(2, 2), text("old")), stale);
  EXPECT_EQ(reassembly.add(7, piece(1, 3), text("a")), stored);
  EXPECT_EQ(reassembly.add(7, piece(3, 3), text("c")), complete);
  EXPECT_EQ(reassembly.take()->payloads, text("abc"));
}

TEST(Reassembly, ANewerMessageReplacesAnOlderOne) {
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(7, piece(1, 2), text("old")), stored);
  EXPECT_TRUE(reassembly.collecting(7));
  EXPECT_EQ(reassembly.add(8, piece(1, 2), text("new")), stored);
  EXPECT_FALSE(reassembly.collecting(7));
  EXPECT_EQ(reassembly.add(7, piece(2, 2), text("old")), stale);
  EXPECT_EQ(reassembly.add(8, piece(2, 2), text("er")), complete);
  EXPECT_EQ(reassembly.take()->payloads, text("newer"));
}

TEST(Reassembly, OneFragmentAlone) {
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(0, piece(1, 1, PayloadType::eap), text("x")), complete);
  EXPECT_EQ(reassembly.take()->first_inner, PayloadType::eap);
}

TEST(Reassembly, NumbersOutOfBounds) {
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(1, piece(0, 2), {}), refused);  // an SK payload has no place here
  EXPECT_EQ(reassembly.add(1, piece(3, 2), {}), refused);
  EXPECT_EQ(reassembly.add(1, piece(1, 0), {}), refused);
  EXPECT_EQ(reassembly.add(1, piece(1, kMaxFragments + 1), {}), refused);
  EXPECT_EQ(reassembly.add(1, piece(kMaxFragments, kMaxFragments), {}), stored);
}

TEST(Reassembly, OctetsAreBounded) {
  Reassembly reassembly;
  EXPECT_EQ(reassembly.add(1, piece(1, 3), Bytes(40'000)), stored);
  EXPECT_EQ(reassembly.add(1, piece(2, 3), Bytes(40'000)), refused);
  EXPECT_EQ(reassembly.octets(), 40'000U);
  EXPECT_EQ(reassembly.add(1, piece(2, 3), Bytes(25'535)), stored);
  EXPECT_EQ(reassembly.add(1, piece(3, 3), Bytes(1)), refused);
  EXPECT_FALSE(reassembly.take());
  reassembly.clear();
  EXPECT_EQ(reassembly.octets(), 0U);
  EXPECT_FALSE(reassembly.collecting(1));
}

}  // namespace
}  // namespace controlplane::ike::wire
