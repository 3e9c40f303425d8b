// Messages: header, chain, critical payloads, the Encrypted payload's place, and what our writers wrote read back.

#include "controlplane/ike/wire/message.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "controlplane/ike/wire/writer.hpp"
#include "samples.hpp"

namespace controlplane::ike::wire {
namespace {

using common::Bytes;

Bytes hex(std::string_view text) { return common::parse_hex(text).value(); }

Bytes init_message() { return write_message(samples::header(ExchangeType::ike_sa_init), samples::init_request()); }

ParseError error_of(const Bytes& octets) {
  const auto message = parse_message(octets);
  return message ? ParseError{WireError{99}, PayloadType::none} : message.error();
}

TEST(Header, ReadsEachField) {
  const auto octets = hex("1122334455667788 99aabbccddeeff00 29 21 25 28 00000007 0000001c");
  const auto header = parse_header(octets);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->initiator_spi, 0x1122334455667788U);
  EXPECT_EQ(header->responder_spi, 0x99AABBCCDDEEFF00U);
  EXPECT_EQ(header->next_payload, PayloadType::notify);
  EXPECT_EQ(header->major, 2);
  EXPECT_EQ(header->minor, 1);
  EXPECT_EQ(header->exchange, ExchangeType::informational);
  EXPECT_TRUE(header->from_initiator);
  EXPECT_TRUE(header->response);
  EXPECT_FALSE(header->higher_version);
  EXPECT_EQ(header->message_id, 7U);
  EXPECT_EQ(header->length, 28U);
  common::ByteWriter out;
  write_header(out, *header);
  EXPECT_EQ(out.take(), octets);
}

TEST(Header, Errors) {
  const auto octets = init_message();
  for (std::size_t size = 0; size < octets.size(); ++size)
    EXPECT_EQ(parse_header(ByteView(octets).first(size)).error().what, WireError::truncated) << size;
  auto longer = octets;
  longer.push_back(0);
  EXPECT_EQ(parse_header(longer).error().what, WireError::trailing_octets);
  auto claims_less = octets;
  std::fill(claims_less.begin() + 24, claims_less.begin() + 28, std::uint8_t{0});
  claims_less[27] = 27;
  EXPECT_EQ(parse_header(claims_less).error().what, WireError::bad_length);
  auto claims_huge = octets;
  claims_huge[24] = 0xFF;
  EXPECT_EQ(parse_header(claims_huge).error().what, WireError::truncated);
}

TEST(Message, OtherMajorVersionsAreNotRead) {  // RFC 7296 §2.5
  auto octets = init_message();
  octets[17] = 0x30;
  EXPECT_EQ(error_of(octets), (ParseError{WireError::bad_version}));
  EXPECT_EQ(parse_header(octets)->major, 3);
  octets[17] = 0x10;
  EXPECT_EQ(error_of(octets), (ParseError{WireError::bad_version}));
  octets[17] = 0x2F;  // a higher minor version is read
  EXPECT_TRUE(parse_message(octets));
}

TEST(Message, InitRequestIsReadBack) {
  const auto octets = init_message();
  const auto message = parse_message(octets);
  ASSERT_TRUE(message) << to_string(message.error().what);
  const Payloads& in = message->clear;
  EXPECT_FALSE(message->encrypted);
  ASSERT_TRUE(in.sa && in.ke && in.nonce);
  ASSERT_EQ(in.sa->proposals.size(), 2U);
  EXPECT_EQ(in.sa->proposals[0].transforms.size(), 6U);
  EXPECT_EQ(in.sa->proposals[0].transforms[0], samples::aes_gcm(256));
  EXPECT_EQ(in.sa->proposals[0].transforms[4], samples::dh(31));
  EXPECT_EQ(in.sa->proposals[1].number, 2);
  EXPECT_FALSE(in.sa->proposals[0].ike_spi());
  EXPECT_EQ(in.ke->group, 31);
  EXPECT_EQ(in.ke->data.size(), 32U);
  EXPECT_EQ(in.nonce->data.size(), 32U);
  EXPECT_EQ(in.notifies.size(), 5U);
  ASSERT_TRUE(in.has(NotifyType::signature_hash_algorithms));
  EXPECT_EQ(in.find(NotifyType::signature_hash_algorithms)->data.size(), 6U);
  EXPECT_FALSE(in.has(NotifyType::cookie));
  EXPECT_EQ(in.error(), nullptr);
  EXPECT_EQ(in.order.front(), PayloadType::sa);
  EXPECT_EQ(in.order.size(), 8U);
}

TEST(Message, EveryPrefixWithACorrectLengthIsAnError) {
  const auto whole = init_message();
  for (std::size_t size = kHeaderOctets; size < whole.size(); ++size) {
    Bytes octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    for (std::size_t i = 0; i < 4; ++i) octets[24 + i] = static_cast<std::uint8_t>(size >> (24 - 8 * i));
    EXPECT_FALSE(parse_message(octets)) << size;
  }
}

TEST(Message, ChainErrors) {
  const auto with_chain = [](std::uint8_t next, std::string_view payloads) {
    Bytes octets = hex("1122334455667788 0000000000000000 00 20 22 08 00000000 00000000");
    octets[16] = next;
    const auto body = hex(payloads);
    octets.insert(octets.end(), body.begin(), body.end());
    octets[27] = static_cast<std::uint8_t>(octets.size());
    return octets;
  };
  EXPECT_EQ(error_of(with_chain(40, "")), (ParseError{WireError::truncated, PayloadType::nonce}));
  EXPECT_EQ(error_of(with_chain(40, "00000003")), (ParseError{WireError::bad_length, PayloadType::nonce}));
  EXPECT_EQ(error_of(with_chain(40, "000000ff 00")), (ParseError{WireError::truncated, PayloadType::nonce}));
  EXPECT_EQ(error_of(with_chain(0, "00")), (ParseError{WireError::trailing_octets, PayloadType::none}));
  EXPECT_EQ(error_of(with_chain(43, "00000004 00")), (ParseError{WireError::trailing_octets, PayloadType::none}));
  EXPECT_TRUE(parse_message(with_chain(0, "")));
  // Unknown payloads: skipped, unless critical (RFC 7296 §2.5); the flag of a known one is ignored.
  EXPECT_EQ(parse_message(with_chain(200, "00000004"))->clear.unknown, 1U);
  EXPECT_EQ(error_of(with_chain(200, "00800004")), (ParseError{WireError::unsupported_critical, PayloadType{200}}));
  EXPECT_TRUE(parse_message(with_chain(43, "00800005ff")));
  EXPECT_EQ(parse_message(with_chain(43, "007f0005ff"))->clear.unknown, 0U);  // reserved bits
  // Twice what may come once
  EXPECT_EQ(error_of(with_chain(34, "22000006 1f00 00")).what, WireError::truncated);
  EXPECT_EQ(error_of(with_chain(34, "22000009001f000001 00000009001f000001")),
            (ParseError{WireError::duplicate, PayloadType::ke}));
}

TEST(Message, TooManyPayloads) {
  PayloadWriter writer;
  for (std::size_t i = 0; i < kMaxPayloads; ++i) writer.add(Vendor{});
  EXPECT_TRUE(parse_message(write_message(samples::header(ExchangeType::ike_sa_init), writer)));
  EXPECT_TRUE(parse_payloads(writer.first(), writer.view()));
  writer.add(Vendor{});
  EXPECT_EQ(error_of(write_message(samples::header(ExchangeType::ike_sa_init), writer)).what, WireError::too_many);
  EXPECT_EQ(parse_payloads(writer.first(), writer.view()).error().what, WireError::too_many);
}

TEST(Message, TheEncryptedPayloadIsTheLast) {
  PayloadWriter writer;
  writer.add_raw(PayloadType::sk, samples::filled(40, 0xEE));
  auto octets = write_message(samples::header(ExchangeType::ike_auth, 1), writer);
  octets[28] = 35;  // first payload inside: IDi
  const auto message = parse_message(octets);
  ASSERT_TRUE(message);
  ASSERT_TRUE(message->encrypted);
  EXPECT_EQ(message->encrypted->first_inner, PayloadType::idi);
  EXPECT_EQ(message->encrypted->fragment, 0);
  EXPECT_EQ(message->encrypted->prefix.size(), 32U);
  EXPECT_EQ(message->encrypted->body.size(), 40U);
  EXPECT_TRUE(message->clear.order.empty());

  writer.add(Vendor{});  // behind it
  EXPECT_EQ(error_of(write_message(samples::header(ExchangeType::ike_auth, 1), writer)),
            (ParseError{WireError::trailing_octets, PayloadType::sk}));
  PayloadWriter inside;
  inside.add_raw(PayloadType::sk, samples::filled(40, 0xEE));
  EXPECT_EQ(parse_payloads(inside.first(), inside.view()).error(),
            (ParseError{WireError::not_allowed, PayloadType::sk}));
}

TEST(Message, FragmentFields) {  // RFC 7383 §2.5, §2.6
  const auto with = [](std::string_view fields) {
    PayloadWriter writer;
    auto body = hex(fields);
    body.resize(body.size() + 30, 0xEE);
    writer.add_raw(PayloadType::skf, body);
    return write_message(samples::header(ExchangeType::ike_auth, 1), writer);
  };
  const auto octets = with("00020003");
  const auto message = parse_message(octets);
  ASSERT_TRUE(message && message->encrypted);
  EXPECT_EQ(message->encrypted->fragment, 2);
  EXPECT_EQ(message->encrypted->total, 3);
  EXPECT_EQ(message->encrypted->prefix.size(), 36U);  // the fields are covered by the ICV
  EXPECT_EQ(message->encrypted->body.size(), 30U);
  const ParseError bad{WireError::bad_fragment, PayloadType::skf};
  EXPECT_EQ(error_of(with("00000003")), bad);
  EXPECT_EQ(error_of(with("00000000")), bad);
  EXPECT_EQ(error_of(with("00010000")), bad);
  EXPECT_EQ(error_of(with("00040003")), bad);
  EXPECT_EQ(error_of(with("0001ffff")), bad);
  PayloadWriter writer;
  writer.add_raw(PayloadType::skf, hex("000100"));
  EXPECT_EQ(error_of(write_message(samples::header(ExchangeType::ike_auth, 1), writer)),
            (ParseError{WireError::truncated, PayloadType::skf}));
}

TEST(Payloads, AnEmptyChainIsEmpty) {  // a DPD request: nothing inside
  EXPECT_TRUE(parse_payloads(PayloadType::none, {}));
  EXPECT_EQ(parse_payloads(PayloadType::none, hex("00")).error().what, WireError::trailing_octets);
  EXPECT_EQ(parse_payloads(PayloadType::notify, {}).error(), (ParseError{WireError::truncated, PayloadType::notify}));
}

TEST(Errors, WhatAPeerIsTold) {
  EXPECT_EQ(notify_for({WireError::unsupported_critical, PayloadType{200}}), NotifyType::unsupported_critical_payload);
  EXPECT_EQ(notify_for({WireError::bad_version}), NotifyType::invalid_major_version);
  EXPECT_EQ(notify_for({WireError::truncated}), NotifyType::invalid_syntax);
  EXPECT_EQ(notify_for({WireError::cannot_decrypt}), std::nullopt);
  EXPECT_EQ(notify_for({WireError::bad_fragment}), std::nullopt);
}

TEST(Names, AreThoseOfTheRfc) {
  EXPECT_EQ(to_string(ExchangeType::create_child_sa), "CREATE_CHILD_SA");
  EXPECT_EQ(to_string(ExchangeType{99}), "?");
  EXPECT_EQ(to_string(PayloadType::tsr), "TSr");
  EXPECT_EQ(to_string(PayloadType::eap), "EAP");
  EXPECT_EQ(to_string(PayloadType::skf), "SKF");
  EXPECT_EQ(to_string(PayloadType{49}), "?");
  EXPECT_EQ(to_string(NotifyType::no_proposal_chosen), "NO_PROPOSAL_CHOSEN");
  EXPECT_EQ(to_string(NotifyType{40000}), "?");
}

}  // namespace
}  // namespace controlplane::ike::wire
