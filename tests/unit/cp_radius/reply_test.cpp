// What an Access-Accept, -Challenge or -Reject is understood to say.

#include "controlplane/radius/reply.hpp"

#include <gtest/gtest.h>

#include "controlplane/radius/wire/hiding.hpp"
#include "tests/unit/cp_radius/network.hpp"

namespace controlplane::radius {
namespace {

namespace attribute = wire::attribute;
constexpr wire::Authenticator kRequest = {3, 1, 4, 1, 5, 9};

[[nodiscard]] ParsedReply parse(wire::PacketWriter&& out) {
  const auto octets = out.finish_response(kRequest, test::key());
  return parse_reply(*wire::parse_packet(*octets), kRequest, test::key());
}

TEST(Accept, GrantsWhatItSays) {
  wire::PacketWriter out(wire::Code::access_accept, 1);
  out.text(attribute::kUserName, "alice@example.org");
  out.octets(attribute::kClass, common::Bytes{1, 2});
  out.octets(attribute::kClass, common::Bytes{3});
  out.address(attribute::kFramedIpAddress, common::IpAddress::v4(0x0A000005));
  out.text(attribute::kFramedPool, "staff");
  out.number(attribute::kSessionTimeout, 3600);
  out.number(attribute::kIdleTimeout, 600);
  out.number(attribute::kAcctInterimInterval, 900);
  out.text(attribute::kReplyMessage, "Welcome, ");
  out.text(attribute::kReplyMessage, "Alice");
  out.vendor(311, 29, common::IpAddress::v4(0x08080808).bytes());
  out.vendor(311, 28, common::IpAddress::v4(0x01010101).bytes());
  out.vendor(14122, 7, common::as_bytes(common::Be32(1'000'000)));
  out.vendor(14122, 8, common::as_bytes(common::Be32(8'000'000)));
  out.eap(common::Bytes{3, 7, 0, 4});
  const auto parsed = parse(std::move(out));
  EXPECT_EQ(parsed.reply.kind, AccessReply::Kind::accept);
  EXPECT_EQ(parsed.reply.eap, (common::Bytes{3, 7, 0, 4}));
  EXPECT_EQ(parsed.reply.reply_message, "Welcome, Alice");
  EXPECT_TRUE(parsed.reply.msk.empty());
  const Grant& grant = parsed.reply.grant;
  EXPECT_EQ(grant.user_name, "alice@example.org");
  EXPECT_EQ(grant.classes, (std::vector<common::Bytes>{{1, 2}, {3}}));
  EXPECT_EQ(grant.framed_ip_address, common::IpAddress::v4(0x0A000005));
  EXPECT_EQ(grant.framed_pool, "staff");
  EXPECT_EQ(grant.session_timeout, std::chrono::seconds(3600));
  EXPECT_EQ(grant.idle_timeout, std::chrono::seconds(600));
  EXPECT_EQ(grant.interim_interval, std::chrono::seconds(900));
  EXPECT_EQ(grant.dns, (std::vector{common::IpAddress::v4(0x01010101), common::IpAddress::v4(0x08080808)}));
  EXPECT_EQ(grant.rate_in_bits, 1'000'000U);
  EXPECT_EQ(grant.rate_out_bits, 8'000'000U);
  EXPECT_TRUE(parsed.notes.empty());
}

TEST(Accept, WithoutAnythingGrantsNothing) {
  const auto parsed = parse(wire::PacketWriter(wire::Code::access_accept, 1));
  EXPECT_EQ(parsed.reply.kind, AccessReply::Kind::accept);
  EXPECT_FALSE(parsed.reply.grant.framed_ip_address);
  EXPECT_FALSE(parsed.reply.grant.session_timeout);
  EXPECT_FALSE(parsed.reply.grant.interim_interval);
  EXPECT_TRUE(parsed.reply.grant.user_name.empty());
}

TEST(Accept, AddressesThatNameNoneAreLeftOut) {
  for (const std::uint32_t address : {0xFFFFFFFFU, 0xFFFFFFFEU, 0U}) {
    wire::PacketWriter out(wire::Code::access_accept, 1);
    out.address(attribute::kFramedIpAddress, common::IpAddress::v4(address));
    EXPECT_FALSE(parse(std::move(out)).reply.grant.framed_ip_address) << address;
  }
}

TEST(Accept, InterimIntervalIsAtLeastAMinute) {
  wire::PacketWriter out(wire::Code::access_accept, 1);
  out.number(attribute::kAcctInterimInterval, 5);
  const auto parsed = parse(std::move(out));
  EXPECT_EQ(parsed.reply.grant.interim_interval, std::chrono::seconds(60));
  EXPECT_EQ(parsed.notes.size(), 1U);
}

TEST(Accept, CiscoAvPairs) {
  wire::PacketWriter out(wire::Code::access_accept, 1);
  out.avpair("ipsec:addr-pool", "guests");
  out.avpair("ipsec:dns-servers", "10.0.0.1 10.0.0.2, nonsense");
  out.avpair("ip:inacl#1", "permit any");
  out.vendor(9, 1, common::as_bytes("no separator"));
  const auto parsed = parse(std::move(out));
  EXPECT_EQ(parsed.reply.grant.framed_pool, "guests");
  EXPECT_EQ(parsed.reply.grant.dns,
            (std::vector{common::IpAddress::v4(0x0A000001), common::IpAddress::v4(0x0A000002)}));
  EXPECT_EQ(parsed.notes.size(), 3U);
}

TEST(Accept, FramedPoolWinsOverTheAvPair) {
  wire::PacketWriter out(wire::Code::access_accept, 1);
  out.avpair("ipsec:addr-pool", "guests");
  out.text(attribute::kFramedPool, "staff");
  EXPECT_EQ(parse(std::move(out)).reply.grant.framed_pool, "staff");
}

TEST(Accept, OddValuesAreNotedAndPassedOver) {
  wire::PacketWriter out(wire::Code::access_accept, 1);
  out.octets(attribute::kFramedIpAddress, common::Bytes(3));
  out.octets(attribute::kSessionTimeout, common::Bytes(3));
  out.octets(attribute::kVendorSpecific, common::Bytes(3));
  out.vendor(311, 28, common::Bytes(3));
  out.vendor(311, 16, common::Bytes(3));
  out.text(attribute::kFilterId, "outside.in");
  const auto parsed = parse(std::move(out));
  EXPECT_EQ(parsed.reply.kind, AccessReply::Kind::accept);
  EXPECT_EQ(parsed.notes.size(), 6U);
  EXPECT_FALSE(parsed.reply.grant.session_timeout);
}

[[nodiscard]] common::Bytes hidden(common::ByteView mppe_key, std::uint16_t salt) {
  return wire::hide_mppe_key(mppe_key, salt, kRequest, test::key()).value();
}

TEST(Msk, IsRecvThenSendFilledUpTo64Octets) {
  for (const std::size_t size : {16U, 32U}) {
    const common::Bytes send(size, 0x55);
    const common::Bytes recv(size, 0xAA);
    wire::PacketWriter out(wire::Code::access_accept, 1);
    out.vendor(311, 16, hidden(send, 0x8001));
    out.vendor(311, 17, hidden(recv, 0x8002));
    const auto parsed = parse(std::move(out));
    common::Bytes expected = recv;
    expected.insert(expected.end(), send.begin(), send.end());
    expected.resize(64);
    EXPECT_EQ(common::to_hex(parsed.reply.msk.view()), common::to_hex(expected));
  }
}

TEST(Msk, OneKeyAloneIsNone) {
  wire::PacketWriter out(wire::Code::access_accept, 1);
  out.vendor(311, 16, hidden(common::Bytes(32), 0x8001));
  EXPECT_TRUE(parse(std::move(out)).reply.msk.empty());
}

TEST(Challenge, KeepsStateAndEap) {
  wire::PacketWriter out(wire::Code::access_challenge, 1);
  out.octets(attribute::kState, common::Bytes{9, 8, 7});
  out.eap(common::Bytes{1, 2, 0, 5, 1});
  out.number(attribute::kSessionTimeout, 30);
  const auto parsed = parse(std::move(out));
  EXPECT_EQ(parsed.reply.kind, AccessReply::Kind::challenge);
  EXPECT_EQ(parsed.reply.state, (common::Bytes{9, 8, 7}));
  EXPECT_EQ(parsed.reply.eap, (common::Bytes{1, 2, 0, 5, 1}));
  EXPECT_FALSE(parsed.reply.grant.session_timeout);
}

TEST(Reject, GrantsNothing) {
  wire::PacketWriter out(wire::Code::access_reject, 1);
  out.text(attribute::kUserName, "alice");
  out.text(attribute::kReplyMessage, "no");
  out.eap(common::Bytes{4, 2, 0, 4});
  const auto parsed = parse(std::move(out));
  EXPECT_EQ(parsed.reply.kind, AccessReply::Kind::reject);
  EXPECT_EQ(parsed.reply.reply_message, "no");
  EXPECT_EQ(parsed.reply.eap, (common::Bytes{4, 2, 0, 4}));
  EXPECT_TRUE(parsed.reply.grant.user_name.empty());
}

}  // namespace
}  // namespace controlplane::radius
