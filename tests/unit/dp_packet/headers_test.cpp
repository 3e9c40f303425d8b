// Seeing headers in octets: what is right, every error, every cut.

#include "dataplane/packet/headers.hpp"

#include <gtest/gtest.h>

namespace dataplane::packet {
namespace {

using common::Bytes;
using common::DropReason;

// 10.0.0.1 -> 10.0.0.2, UDP 1000 -> 4500, four octets
const Bytes kPacket = *common::parse_hex(
    "45000020000100004011 66ca 0a0000010a000002"
    "03e81194000c0000"
    "deadbeef");

TEST(Ipv4, GoodPacket) {
  Bytes padded = kPacket;
  padded.resize(46);  // Ethernet padding
  const auto ip = parse_ipv4(padded);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->packet.size(), 32U);
  EXPECT_EQ(ip->payload.size(), 12U);
  EXPECT_EQ(ip->header->source.host(), 0x0A000001U);
  EXPECT_FALSE(ip->header->is_fragment());
  const auto udp = parse_udp(ip->payload);
  ASSERT_TRUE(udp);
  EXPECT_EQ(udp->header->destination_port.host(), 4500);
  EXPECT_EQ(common::to_hex(udp->payload), "deadbeef");
}

TEST(Ipv4, EveryCutIsTruncated) {
  for (std::size_t octets = 0; octets < kPacket.size(); ++octets)
    EXPECT_EQ(parse_ipv4(common::ByteView(kPacket).first(octets)).error(), DropReason::truncated) << octets;
}

TEST(Ipv4, ImpossibleFields) {
  const auto with = [](std::size_t at, std::uint8_t value) {
    Bytes bad = kPacket;
    bad[at] = value;
    return parse_ipv4(bad);
  };
  EXPECT_EQ(with(0, 0x65).error(), DropReason::bad_header) << "version 6";
  EXPECT_EQ(with(0, 0x44).error(), DropReason::bad_header) << "header of 16 octets";
  EXPECT_EQ(with(0, 0x4F).error(), DropReason::bad_header) << "header longer than the packet";
  EXPECT_EQ(with(3, 19).error(), DropReason::bad_header) << "total length below the header's";
  EXPECT_EQ(with(3, 33).error(), DropReason::truncated);
  EXPECT_EQ(with(8, 63).error(), DropReason::bad_checksum);
  Bytes changed = kPacket;
  changed[8] = 63;
  EXPECT_TRUE(parse_ipv4(changed, true)) << "trusted";
}

TEST(Ipv4, Options) {
  Bytes with_options = *common::parse_hex("46000018000100004001 0000 0a0000010a000002 01010100");
  const auto ip = parse_ipv4(with_options, true);
  ASSERT_TRUE(ip);
  EXPECT_TRUE(ip->payload.empty());
  EXPECT_EQ(ip->header->header_octets(), 24U);
}

TEST(Ipv4, Fragments) {
  Ipv4Header ip{};
  ip.fragment.set(Ipv4Header::kMoreFragments);
  EXPECT_TRUE(ip.is_fragment());
  ip.fragment.set(1);
  EXPECT_TRUE(ip.is_fragment());
  ip.fragment.set(Ipv4Header::kDontFragment);
  EXPECT_FALSE(ip.is_fragment());
  EXPECT_TRUE(ip.dont_fragment());
}

TEST(Udp, Errors) {
  const auto parse = [](std::string_view hex) { return parse_udp(*common::parse_hex(hex)); };
  EXPECT_EQ(parse("03e81194000c00").error(), DropReason::truncated);
  EXPECT_EQ(parse("03e8119400070000").error(), DropReason::bad_header);
  EXPECT_EQ(parse("03e8119400090000").error(), DropReason::truncated);
  EXPECT_EQ(parse("03e8119400080000ff")->payload.size(), 0U);
}

TEST(NatTraversal, Kinds) {
  const auto classify = [](std::string_view hex) { return classify_nat_traversal(*common::parse_hex(hex)); };
  EXPECT_EQ(classify("ff"), NatTraversal::keepalive);
  EXPECT_EQ(classify("fe"), NatTraversal::malformed);
  EXPECT_EQ(classify(""), NatTraversal::malformed);
  EXPECT_EQ(classify("000000"), NatTraversal::malformed);
  EXPECT_EQ(classify("00000000"), NatTraversal::ike);
  EXPECT_EQ(classify("00000000aabb"), NatTraversal::ike);
  EXPECT_EQ(classify("00000001aabbcc"), NatTraversal::malformed) << "no sequence number";
  EXPECT_EQ(classify("00000001aabbccdd"), NatTraversal::esp);
  EXPECT_EQ(classify("ffffffff00000001"), NatTraversal::esp);
}

TEST(Esp, Header) {
  EXPECT_EQ(parse_esp(*common::parse_hex("c0ffee01000000")).error(), DropReason::truncated);
  const auto octets = *common::parse_hex("c0ffee010000000aff");
  const auto esp = parse_esp(octets);
  ASSERT_TRUE(esp);
  EXPECT_EQ(esp->spi, common::Spi{0xC0FFEE01});
  EXPECT_EQ(esp->sequence_low, 10U);
  EXPECT_EQ(esp->body.size(), 1U);
}

}  // namespace
}  // namespace dataplane::packet
