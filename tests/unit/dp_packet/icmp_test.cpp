// ICMP errors: their octets, and when there must be none.

#include "dataplane/packet/icmp.hpp"

#include <gtest/gtest.h>

#include "dataplane/packet/checksum.hpp"

namespace dataplane::packet {
namespace {

using common::Bytes;

[[nodiscard]] Bytes packet_of(std::uint8_t protocol, std::size_t payload_octets, std::uint32_t source = 0x0A000001,
                              std::uint32_t destination = 0x0A000002) {
  Bytes packet(sizeof(Ipv4Header) + payload_octets, 0x77);
  Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.total_length.set(static_cast<std::uint16_t>(packet.size()));
  ip.ttl = 9;
  ip.protocol = protocol;
  ip.source.set(source);
  ip.destination.set(destination);
  ip.checksum.set(checksum(common::as_bytes(ip)));
  std::ranges::copy(common::as_bytes(ip), packet.begin());
  return packet;
}

TEST(Icmp, FragmentationNeeded) {
  const Bytes offending = packet_of(kProtocolUdp, 1400);
  Bytes out(kMaxIcmpErrorOctets);
  const std::size_t octets =
      write_icmp_error(out, *parse_ipv4(offending), IcmpError::fragmentation_needed, 0xC0A80101, 1380);
  ASSERT_EQ(octets, kMaxIcmpErrorOctets);
  const auto ip = parse_ipv4(out);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header->source.host(), 0xC0A80101U);
  EXPECT_EQ(ip->header->destination.host(), 0x0A000001U);
  EXPECT_TRUE(checksum_holds(ip->payload));
  EXPECT_EQ(common::to_hex(ip->payload.first(2)), "0304");
  EXPECT_EQ(common::to_hex(ip->payload.subspan(4, 4)), "00000564") << "MTU 1380 (RFC 1191 §4)";
  EXPECT_TRUE(std::ranges::equal(ip->payload.subspan(8), common::ByteView(offending).first(576 - 28)));
}

TEST(Icmp, TimeExceededQuotesShortPacketsWhole) {
  const Bytes offending = packet_of(kProtocolTcp, 20);
  Bytes out(kMaxIcmpErrorOctets);
  const std::size_t octets = write_icmp_error(out, *parse_ipv4(offending), IcmpError::time_exceeded, 1U << 24U, 99);
  ASSERT_EQ(octets, 28U + 40U);
  const auto ip = parse_ipv4(common::ByteView(out).first(octets));
  ASSERT_TRUE(ip);
  EXPECT_EQ(common::to_hex(ip->payload.first(2)), "0b00");
  EXPECT_EQ(common::to_hex(ip->payload.subspan(4, 4)), "00000000");
  EXPECT_TRUE(checksum_holds(ip->payload));
}

TEST(Icmp, NoRoomNoAnswer) {
  Bytes out(kMaxIcmpErrorOctets - 1);
  EXPECT_EQ(write_icmp_error(out, *parse_ipv4(packet_of(kProtocolTcp, 20)), IcmpError::time_exceeded, 1, 0), 0U);
}

[[nodiscard]] bool may_answer_to(const Bytes& packet) { return may_answer(*parse_ipv4(packet, true)); }

TEST(Icmp, WhenThereMustBeNone) {
  EXPECT_TRUE(may_answer_to(packet_of(kProtocolUdp, 8)));
  for (const std::uint32_t address : {0U, 0x7F000001U, 0xE0000001U, 0xFFFFFFFFU, 0xF0000001U}) {
    EXPECT_FALSE(may_answer_to(packet_of(kProtocolUdp, 8, address))) << address;
    EXPECT_FALSE(may_answer_to(packet_of(kProtocolUdp, 8, 0x0A000001, address))) << address;
  }
  Bytes fragment = packet_of(kProtocolUdp, 8);
  fragment[7] = 1;
  EXPECT_FALSE(may_answer_to(fragment)) << "behind the first";
  fragment[6] = 0x20;
  fragment[7] = 0;
  EXPECT_TRUE(may_answer_to(fragment)) << "the first";
  for (unsigned type = 0; type < 256; ++type) {
    Bytes icmp = packet_of(kProtocolIcmp, 8);
    icmp[20] = static_cast<std::uint8_t>(type);
    const bool query = type == 0 || type == 8 || type == 13 || type == 14;
    EXPECT_EQ(may_answer_to(icmp), query) << type;
  }
  EXPECT_FALSE(may_answer_to(packet_of(kProtocolIcmp, 0)));
}

}  // namespace
}  // namespace dataplane::packet
