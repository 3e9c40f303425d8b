// Packets as the document shows them, attribute by attribute and in order, and what `extended` makes of them.

#include "controlplane/radius/encode.hpp"

#include <gtest/gtest.h>

#include "controlplane/radius/wire/authenticator.hpp"
#include "controlplane/radius/wire/hiding.hpp"
#include "tests/unit/cp_radius/network.hpp"
#include "tests/unit/cp_radius/samples.hpp"

namespace controlplane::radius {
namespace {

namespace attribute = wire::attribute;
using test::key;

/// One expected attribute: type, whole length, and its value as text (AVPairs), number or address.
struct Expected {
  std::uint8_t type;
  std::size_t length;
  std::string value;
};

[[nodiscard]] std::string value_of(const wire::Attribute& attribute) {
  switch (attribute.type) {
    case attribute::kVendorSpecific: {
      const auto inner = wire::parse_vendor(attribute);
      EXPECT_TRUE(inner);
      EXPECT_EQ((*inner)[0].vendor, 9U);
      EXPECT_EQ((*inner)[0].type, 1);
      EXPECT_EQ((*inner)[0].value.size() + 2, attribute.value.size() + 2 - 6) << "inner length";
      return std::string((*inner)[0].text());
    }
    case attribute::kAcctSessionId:
    case attribute::kCallingStationId:
    case attribute::kUserName:
    case attribute::kSessionServerKey:
    case attribute::kNasIdentifier:
      return std::string(attribute.text());
    case attribute::kNasIpAddress:
    case attribute::kFramedIpAddress:
      return attribute.address().value().to_string();
    case attribute::kClass:
      return common::to_hex(attribute.value);
    default:
      return std::to_string(attribute.number().value());
  }
}

void expect_attributes(const common::Bytes& octets, const std::vector<Expected>& expected) {
  const auto packet = wire::parse_packet(octets);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->is(wire::Code::accounting_request));
  EXPECT_TRUE(wire::verify_request(*packet, key()));
  std::size_t at = 0;
  for (const wire::Attribute attribute : packet->attributes) {
    ASSERT_LT(at, expected.size()) << "one too many: " << int{attribute.type};
    EXPECT_EQ(attribute.type, expected[at].type) << "position " << at + 1;
    EXPECT_EQ(attribute.value.size() + 2, expected[at].length) << "position " << at + 1;
    EXPECT_EQ(value_of(attribute), expected[at].value) << "position " << at + 1;
    ++at;
  }
  EXPECT_EQ(at, expected.size());
}

[[nodiscard]] AccountingRecord document_start() {
  AccountingRecord record;
  record.kind = RecordKind::start;
  record.identity = test::document_identity();
  record.identity.acct_session_id = 0x21;
  record.identity.audit_session_id = "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3A";
  record.identity.session_key = "D33648D8";
  return record;
}

[[nodiscard]] AccountingRecord document_stop() {
  AccountingRecord record;
  record.kind = RecordKind::stop;
  record.identity = test::document_identity();
  record.session_seconds = 56;
  record.terminate_cause = 6;
  return record;
}

TEST(DocumentProfile, StartIsTheDocuments288Octets) {
  const auto octets = encode_accounting(document_start(), 231, 0, key());
  ASSERT_TRUE(octets);
  EXPECT_EQ(octets->size(), 288U);
  EXPECT_EQ((*octets)[1], 231);
  expect_attributes(*octets, {
                                 {44, 10, "00000021"},
                                 {31, 15, "192.168.202.2"},
                                 {26, 64, "audit-session-id=L2L433010101ZO2L4C0A8CA02ZH11941194ZN3A"},
                                 {26, 46, "isakmp-phase1-id=pskuser1.g1.engdt.com"},
                                 {26, 40, "isakmp-initator-ip=192.168.202.2"},
                                 {1, 23, "pskuser1.g1.engdt.com"},
                                 {26, 36, "connect-progress=No Progress"},
                                 {45, 6, "2"},
                                 {40, 6, "1"},
                                 {4, 6, "192.168.202.1"},
                                 {151, 10, "D33648D8"},
                                 {41, 6, "0"},
                             });
}

TEST(DocumentProfile, StopIsTheDocuments356Octets) {
  const auto octets = encode_accounting(document_stop(), 246, 0, key());
  ASSERT_TRUE(octets);
  EXPECT_EQ(octets->size(), 356U);
  expect_attributes(*octets, {
                                 {44, 10, "00000022"},
                                 {31, 15, "192.168.202.2"},
                                 {26, 64, "audit-session-id=L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B"},
                                 {26, 46, "isakmp-phase1-id=pskuser1.g1.engdt.com"},
                                 {26, 40, "isakmp-initator-ip=192.168.202.2"},
                                 {1, 23, "pskuser1.g1.engdt.com"},
                                 {45, 6, "2"},
                                 {26, 36, "connect-progress=No Progress"},
                                 {46, 6, "56"},
                                 {42, 6, "0"},
                                 {43, 6, "0"},
                                 {47, 6, "0"},
                                 {48, 6, "0"},
                                 {49, 6, "0"},
                                 {26, 32, "disc-cause-ext=No Reason"},
                                 {40, 6, "2"},
                                 {4, 6, "192.168.202.1"},
                                 {151, 10, "E2F80C34"},
                                 {41, 6, "0"},
                             });
}

TEST(DocumentProfile, GigawordsThatAreNotZeroAndClassStandAtTheEnd) {
  auto stop = document_stop();
  stop.counters = {(7ULL << 32U) | 5, 11, 13, 17};
  stop.identity.classes = {{0xAB, 0xCD}, {0x01}};
  const auto octets = encode_accounting(stop, 246, 9, key());
  ASSERT_TRUE(octets);
  const auto packet = *wire::parse_packet(*octets);
  EXPECT_EQ(packet.find(42)->number(), 5U);
  EXPECT_EQ(packet.find(47)->number(), 11U);
  EXPECT_EQ(packet.find(43)->number(), 13U);
  EXPECT_EQ(packet.find(48)->number(), 17U);
  EXPECT_EQ(packet.find(41)->number(), 9U);
  const auto tail = common::to_hex(common::ByteView(*octets).last(6 + 4 + 3));
  EXPECT_EQ(tail,
            "340600000007"
            "1904abcd"
            "190301")
      << "Acct-Input-Gigawords, then Class twice; no output gigawords";
}

TEST(ExtendedProfile, StopIsTheSameOrderThenWhatDatabasesWant) {
  auto stop = document_stop();
  stop.identity.profile = config::AccountingProfile::extended;
  stop.identity.authentic = wire::AcctAuthentic::radius;
  stop.identity.framed_ip_address = common::IpAddress::v4(0x0A010203);
  stop.identity.classes = {{0xAB, 0xCD}};
  stop.event = common::WallTime(std::chrono::seconds(1'700'000'100));
  stop.counters = {(7ULL << 32U) | 5, 11, 13, 17};
  const auto octets = encode_accounting(stop, 1, 99, key());
  ASSERT_TRUE(octets);
  expect_attributes(*octets, {
                                 {44, 10, "00000022"},
                                 {31, 15, "192.168.202.2"},
                                 {26, 64, "audit-session-id=L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B"},
                                 {26, 46, "isakmp-phase1-id=pskuser1.g1.engdt.com"},
                                 {26, 40, "isakmp-initator-ip=192.168.202.2"},
                                 {1, 23, "pskuser1.g1.engdt.com"},
                                 {45, 6, "1"},
                                 {26, 36, "connect-progress=No Progress"},
                                 {46, 6, "56"},
                                 {42, 6, "5"},
                                 {43, 6, "13"},
                                 {47, 6, "11"},
                                 {48, 6, "17"},
                                 {49, 6, "6"},
                                 {26, 32, "disc-cause-ext=No Reason"},
                                 {40, 6, "2"},
                                 {4, 6, "192.168.202.1"},
                                 {8, 6, "10.1.2.3"},
                                 {55, 6, "1700000100"},
                                 {25, 4, "abcd"},
                                 {61, 6, "5"},
                                 {32, 9, "gateway"},
                                 {52, 6, "7"},
                                 {53, 6, "0"},
                             });
}

TEST(ExtendedProfile, StartHasNeitherUsageNorGigawordsNorDelay) {
  auto start = document_start();
  start.identity.profile = config::AccountingProfile::extended;
  const auto octets = encode_accounting(start, 1, 99, key());
  ASSERT_TRUE(octets);
  const auto packet = *wire::parse_packet(*octets);
  for (const std::uint8_t absent : {41, 42, 43, 46, 49, 52, 53, 151}) EXPECT_FALSE(packet.find(absent)) << int{absent};
  for (const std::uint8_t present : {32, 55, 61}) EXPECT_TRUE(packet.find(present)) << int{present};
}

TEST(ExtendedProfile, InterimIsAStopWithoutAnEnd) {
  auto interim = document_stop();
  interim.kind = RecordKind::interim;
  interim.identity.profile = config::AccountingProfile::extended;
  const auto octets = encode_accounting(interim, 1, 0, key());
  ASSERT_TRUE(octets);
  const auto packet = *wire::parse_packet(*octets);
  EXPECT_EQ(packet.find(40)->number(), 3U);
  EXPECT_EQ(packet.find(46)->number(), 56U);
  EXPECT_TRUE(packet.find(52));
  EXPECT_FALSE(packet.find(49));
  for (const auto pair : wire::cisco_avpairs(packet)) EXPECT_EQ(pair.find("disc-cause-ext"), std::string_view::npos);
}

TEST(ExtendedProfile, EstimatedCountersAreMarked) {
  auto stop = document_stop();
  stop.identity.profile = config::AccountingProfile::extended;
  stop.counters_estimated = true;
  const auto octets = encode_accounting(stop, 1, 0, key());
  ASSERT_TRUE(octets);
  EXPECT_EQ(wire::cisco_avpairs(*wire::parse_packet(*octets)).back(), "counters=estimated");
}

TEST(ExtendedProfile, RepetitionsAreTheSameOctets) {
  const auto stop = test::record(RecordKind::stop, 7);
  EXPECT_EQ(encode_accounting(stop, 5, 0, key()), encode_accounting(stop, 5, 77, key()));
}

TEST(AccountingOnOff, NameTheGatewayAndNoSession) {
  for (const auto kind : {RecordKind::on, RecordKind::off}) {
    AccountingRecord record;
    record.kind = kind;
    record.identity.acct_session_id = 5;
    record.identity.nas = test::document_identity().nas;
    record.event = common::WallTime(std::chrono::seconds(10));
    const auto octets = encode_accounting(record, 1, 0, key());
    ASSERT_TRUE(octets);
    expect_attributes(*octets, {{44, 10, "00000005"},
                                {40, 6, kind == RecordKind::on ? "7" : "8"},
                                {4, 6, "192.168.202.1"},
                                {55, 6, "10"},
                                {61, 6, "5"},
                                {32, 9, "gateway"}});
  }
}

TEST(Accounting, AnIpv6GatewayIsNamedByItsIpv6Address) {
  auto stop = document_stop();
  stop.identity.nas.address = common::IpAddress::parse("2001:db8::1");
  const auto octets = encode_accounting(stop, 1, 0, key());
  ASSERT_TRUE(octets);
  const auto packet = *wire::parse_packet(*octets);
  EXPECT_FALSE(packet.find(attribute::kNasIpAddress));
  EXPECT_EQ(packet.find(attribute::kNasIpv6Address)->address(), stop.identity.nas.address);
}

TEST(Accounting, WhatDoesNotFitIsCutNotLost) {
  auto stop = document_stop();
  stop.identity.user_name = std::string(1000, 'u');
  stop.identity.phase1_id = std::string(1000, 'i');
  stop.identity.classes.assign(30, common::Bytes(253, 0xCC));
  const auto octets = encode_accounting(stop, 1, 0, key());
  ASSERT_TRUE(octets);
  const auto packet = *wire::parse_packet(*octets);
  EXPECT_EQ(packet.find(attribute::kUserName)->value.size(), 253U);
  EXPECT_EQ(packet.count(attribute::kClass), 0U);
  EXPECT_EQ(packet.find(attribute::kAcctSessionTime)->number(), 56U);
}

[[nodiscard]] AccessRequest access_request() {
  AccessRequest request;
  request.user_name = "alice";
  request.calling_station_id = "192.0.2.77";
  request.called_station_id = "198.51.100.1";
  request.audit_session_id = "L2L4N1";
  request.acct_session_id = 0x2A;
  request.framed_mtu = 1300;
  request.nas = {common::IpAddress::v4(0xC0A8CA01), "gateway"};
  return request;
}

TEST(AccessRequest, WithEapIsALoginWithMessageAuthenticatorFirst) {
  auto request = access_request();
  request.eap.assign(300, 0xEE);
  request.state = {1, 2, 3};
  const auto octets = encode_access(request, 9, {1, 2, 3}, key());
  ASSERT_TRUE(octets);
  const auto packet = *wire::parse_packet(*octets);
  EXPECT_EQ((*packet.attributes.begin()).type, attribute::kMessageAuthenticator);
  EXPECT_EQ(wire::check_message_authenticator(packet, packet.authenticator, key()), wire::MessageAuthenticator::valid);
  EXPECT_EQ(packet.find(attribute::kUserName)->text(), "alice");
  EXPECT_EQ(packet.find(attribute::kServiceType)->number(), 1U);
  EXPECT_EQ(packet.find(attribute::kNasPortType)->number(), 5U);
  EXPECT_EQ(packet.find(attribute::kNasIdentifier)->text(), "gateway");
  EXPECT_EQ(packet.find(attribute::kNasIpAddress)->address(), request.nas.address);
  EXPECT_EQ(packet.find(attribute::kCallingStationId)->text(), "192.0.2.77");
  EXPECT_EQ(packet.find(attribute::kCalledStationId)->text(), "198.51.100.1");
  EXPECT_EQ(packet.find(attribute::kAcctSessionId)->text(), "0000002A");
  EXPECT_EQ(packet.find(attribute::kFramedMtu)->number(), 1300U);
  EXPECT_EQ(common::to_hex(packet.find(attribute::kState)->value), "010203");
  EXPECT_EQ(wire::cisco_avpairs(packet), std::vector<std::string_view>{"audit-session-id=L2L4N1"});
  EXPECT_EQ(wire::join_eap(packet), request.eap);
  EXPECT_FALSE(packet.find(attribute::kUserPassword));
}

TEST(AccessRequest, WithAPasswordIsAnAuthorization) {
  auto request = access_request();
  request.password = common::SecretBytes(common::as_bytes("cisco"));
  const wire::Authenticator random = {9, 9, 9};
  const auto octets = encode_access(request, 9, random, key());
  ASSERT_TRUE(octets);
  const auto packet = *wire::parse_packet(*octets);
  EXPECT_EQ(packet.find(attribute::kServiceType)->number(), 5U);
  EXPECT_FALSE(packet.find(attribute::kEapMessage));
  const auto password = wire::reveal_password(packet.find(attribute::kUserPassword)->value, random, key());
  ASSERT_TRUE(password);
  EXPECT_EQ(common::as_text(password->view()), "cisco");
}

TEST(AccessRequest, ANameThatDoesNotFitIsAnErrorNotAnotherUser) {
  auto request = access_request();
  request.user_name = std::string(254, 'u');
  EXPECT_EQ(encode_access(request, 9, {}, key()).error(), wire::WireError::value_too_long);
  request = access_request();
  request.password = common::SecretBytes(common::Bytes(129, 'p'));
  EXPECT_EQ(encode_access(request, 9, {}, key()).error(), wire::WireError::value_too_long);
}

TEST(Records, RoundTripAndRefuseEveryTruncation) {
  for (const auto kind : {RecordKind::start, RecordKind::interim, RecordKind::stop, RecordKind::on, RecordKind::off}) {
    auto record = test::record(kind, 7);
    record.counters_estimated = kind == RecordKind::stop;
    record.identity.nas.address = common::IpAddress::parse("2001:db8::1");
    const auto octets = encode_record(record);
    EXPECT_EQ(decode_record(octets), record);
    for (std::size_t length = 0; length < octets.size(); ++length)
      EXPECT_FALSE(decode_record(common::ByteView(octets).first(length))) << length;
    auto longer = octets;
    longer.push_back(0);
    EXPECT_FALSE(decode_record(longer));
  }
}

TEST(Records, RefuseUnknownVersionsAndValues) {
  auto identity = encode_identity(test::session_identity(7));
  EXPECT_EQ(decode_identity(identity), test::session_identity(7));
  auto changed = identity;
  changed[0] = 2;
  EXPECT_FALSE(decode_identity(changed)) << "version";
  changed = identity;
  changed.back() = 9;
  EXPECT_FALSE(decode_identity(changed)) << "profile";
  auto record = encode_record(test::record(RecordKind::stop, 7));
  record[0] = 0;
  EXPECT_FALSE(decode_record(record)) << "kind";
  record[0] = 6;
  EXPECT_FALSE(decode_record(record)) << "kind";
}

TEST(Records, SessionKeysAreEightDigitsAndDiffer) {
  const std::string one = make_session_key();
  EXPECT_EQ(one.size(), 8U);
  EXPECT_EQ(one.find_first_not_of("0123456789ABCDEF"), std::string::npos);
  EXPECT_NE(one, make_session_key());  // equal once in 2^32 runs
}

}  // namespace
}  // namespace controlplane::radius
