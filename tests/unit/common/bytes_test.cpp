#include "common/bytes.hpp"

#include <gtest/gtest.h>

namespace common {
namespace {

TEST(ByteReader, ReadsBigEndianAndStopsAtTheEnd) {
  const Bytes octets = *parse_hex("01 0203 04050607 08090a0b0c0d0e0f ff");
  ByteReader reader(octets);
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.be16(), 0x0203);
  EXPECT_EQ(reader.be32(), 0x04050607U);
  EXPECT_EQ(reader.be64(), 0x08090A0B0C0D0E0FU);
  EXPECT_FALSE(reader.be16()) << "one octet is left";
  EXPECT_EQ(reader.remaining(), 1U) << "a read that fails consumes nothing";
  EXPECT_EQ(reader.u8(), 0xFF);
  EXPECT_FALSE(reader.u8());
}

TEST(ByteWriter, WritesWhatTheReaderReads) {
  ByteWriter writer;
  writer.be16(0);
  writer.u8(7);
  writer.be32(0xDEADBEEF);
  writer.be64(1);
  writer.text("ab");
  writer.zeros(2);
  writer.patch_be16(0, static_cast<std::uint16_t>(writer.size()));
  EXPECT_EQ(to_hex(writer.view()), "001307deadbeef000000000000000161620000");
}

TEST(BigEndian, KeepsNetworkOrderInMemory) {
  const Be32 field(0x01020304);
  EXPECT_EQ(to_hex(as_bytes(field)), "01020304");
  EXPECT_EQ(field.host(), 0x01020304U);
}

TEST(Hex, RefusesHalfOctetsAndOtherCharacters) {
  EXPECT_FALSE(parse_hex("0"));
  EXPECT_FALSE(parse_hex("0g"));
  EXPECT_FALSE(parse_hex("00 1"));
  EXPECT_EQ(parse_hex("")->size(), 0U);
  EXPECT_EQ(to_hex(*parse_hex("00 fF\n7e")), "00ff7e");
}

}  // namespace
}  // namespace common
