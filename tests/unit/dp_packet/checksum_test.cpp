// The internet checksum, and changes that keep it right.

#include "dataplane/packet/checksum.hpp"

#include <random>

#include <gtest/gtest.h>

#include "dataplane/packet/modify.hpp"

namespace dataplane::packet {
namespace {

TEST(Checksum, Rfc1071Example) {
  const common::Bytes octets = *common::parse_hex("0001 f203 f4f5 f6f7");
  EXPECT_EQ(ones_sum(octets), 0xDDF2);  // RFC 1071 §3
  EXPECT_EQ(checksum(octets), 0x220D);
}

TEST(Checksum, OddLengthPadsWithZero) {
  EXPECT_EQ(ones_sum(*common::parse_hex("123456")), ones_sum(*common::parse_hex("12345600")));
  EXPECT_EQ(ones_sum({}), 0);
}

TEST(Checksum, HoldsOverItself) {
  common::Bytes header = *common::parse_hex("4500003c1c4640004006 0000ac100a63ac100a0c");
  const std::uint16_t sum = checksum(header);
  EXPECT_EQ(sum, 0xB1E6);
  header[10] = static_cast<std::uint8_t>(sum >> 8U);
  header[11] = static_cast<std::uint8_t>(sum);
  EXPECT_TRUE(checksum_holds(header));
  header[0] ^= 1;
  EXPECT_FALSE(checksum_holds(header));
}

TEST(Checksum, UpdateAgreesWithComputingAnew) {
  // RFC 1624 §4: the case in which RFC 1141's equation gives 0xFFFF.
  EXPECT_EQ(update_checksum(0xDD2F, 0x5555, 0x3285), 0x0000);
}

TEST(Modify, TtlAndTosKeepTheChecksumRight) {
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    Ipv4Header ip{};
    for (auto* octet = reinterpret_cast<std::uint8_t*>(&ip); octet != reinterpret_cast<std::uint8_t*>(&ip + 1); ++octet)
      *octet = static_cast<std::uint8_t>(random());
    ip.version_ihl = 0x45;
    ip.ttl |= 1;
    ip.checksum.set(0);
    ip.checksum.set(checksum(common::as_bytes(ip)));
    const std::uint8_t ttl = ip.ttl;
    decrement_ttl(ip);
    ASSERT_EQ(ip.ttl, ttl - 1);
    ASSERT_TRUE(checksum_holds(common::as_bytes(ip)));
    set_tos(ip, static_cast<std::uint8_t>(random()));
    ASSERT_TRUE(checksum_holds(common::as_bytes(ip)));
  }
}

}  // namespace
}  // namespace dataplane::packet
