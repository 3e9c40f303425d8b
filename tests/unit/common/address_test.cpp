#include "common/address.hpp"

#include <gtest/gtest.h>

namespace common {
namespace {

TEST(IpAddress, ReadsAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("10.1.2.3")->v4_host(), 0x0A010203U);
  EXPECT_EQ(IpAddress::v4(0xC0A8CA02).to_string(), "192.168.202.2");
  EXPECT_EQ(IpAddress::parse("2001:db8::1")->to_string(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("2001:db8::1")->bytes().size(), 16U);
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "10.1.2", "10.1.2.256", "10.1.2.3/8", "fe80::1%eth0", "[::1]", "host"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::from_bytes(Bytes(5)));
}

TEST(Prefix, ContainsItsFirstAndLastAddressOnly) {
  const auto prefix = Prefix::parse("10.99.0.0/23");
  ASSERT_TRUE(prefix);
  EXPECT_TRUE(prefix->contains(*IpAddress::parse("10.99.0.0")));
  EXPECT_TRUE(prefix->contains(*IpAddress::parse("10.99.1.255")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("10.99.2.0")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("10.98.255.255")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("::")));
  EXPECT_EQ(prefix->last().to_string(), "10.99.1.255");
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(IpAddress::v4(0xFFFFFFFF)));
}

TEST(Prefix, RefusesHostBitsAndLongLengths) {
  for (const char* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "2001:db8::/129", "/8"})
    EXPECT_FALSE(Prefix::parse(text)) << text;
  EXPECT_EQ(Prefix::parse("10.0.0.1")->length, 32);
  EXPECT_EQ(Prefix::parse("2001:db8::/32")->to_string(), "2001:db8::/32");
}

TEST(Endpoint, PrintsBracketsForIpv6) {
  EXPECT_EQ((Endpoint{*IpAddress::parse("192.0.2.1"), 500}).to_string(), "192.0.2.1:500");
  EXPECT_EQ((Endpoint{*IpAddress::parse("2001:db8::1"), 4500}).to_string(), "[2001:db8::1]:4500");
}

TEST(MacAddress, ReadsWhatItPrints) {
  EXPECT_EQ(MacAddress::parse("02:00:5e:10:00:ff")->to_string(), "02:00:5e:10:00:ff");
  for (const char* text : {"", "02:00:5e:10:00", "02-00-5e-10-00-ff", "02:00:5e:10:00:fg"})
    EXPECT_FALSE(MacAddress::parse(text)) << text;
}

}  // namespace
}  // namespace common
