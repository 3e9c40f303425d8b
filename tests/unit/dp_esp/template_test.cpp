// Header templates: their octets, and what cannot be one.

#include "dataplane/esp/template.hpp"

#include <gtest/gtest.h>

namespace dataplane::esp {
namespace {

using common::Endpoint;
using common::IpAddress;

[[nodiscard]] Outer good() {
  return {.local = {IpAddress::v4(0xC0000201), 4500},
          .remote = {IpAddress::v4(0xC6336405), 40123},
          .spi = common::Spi{0xCAFE0001},
          .udp_encap = true};
}

[[nodiscard]] std::string hex_of(const HeaderTemplate& made) {
  return common::to_hex(common::ByteView(made.octets).first(made.total_octets));
}

TEST(Template, Udp) {
  const auto made = make_template(good());
  ASSERT_TRUE(made);
  EXPECT_EQ(hex_of(*made),
            "450000000000000040110000c0000201c6336405"  // IPv4: lengths, id, fragment and checksum are patched later
            "11949cbb00000000"                          // UDP: checksum 0 (RFC 3948 §2.1)
            "cafe000100000000");                        // SPI, sequence number
  EXPECT_EQ(made->ip_octets, 20);
  EXPECT_EQ(made->udp_octets, 8);
  EXPECT_TRUE(made->is_usable());
}

TEST(Template, Native) {
  Outer outer = good();
  outer.udp_encap = false;
  outer.local.port = outer.remote.port = 0;
  outer.ttl = 200;
  const auto made = make_template(outer);
  ASSERT_TRUE(made);
  EXPECT_EQ(hex_of(*made), "4500000000000000c8320000c0000201c6336405cafe000100000000");
  EXPECT_EQ(made->udp_octets, 0);
}

TEST(Template, Refusals) {
  for (const std::uint32_t spi : {0U, 1U, 255U}) {
    Outer outer = good();
    outer.spi = common::Spi{spi};
    EXPECT_EQ(make_template(outer).error(), TemplateError::bad_spi);
  }
  Outer outer = good();
  outer.spi = common::Spi{256};
  EXPECT_TRUE(make_template(outer));
  for (auto* port : {&outer.local.port, &outer.remote.port}) {
    outer = good();
    *port = 0;
    EXPECT_EQ(make_template(outer).error(), TemplateError::unspecified);
  }
  for (auto* address : {&outer.local.address, &outer.remote.address}) {
    outer = good();
    *address = IpAddress{};
    EXPECT_EQ(make_template(outer).error(), TemplateError::unspecified);
    *address = *IpAddress::parse("2001:db8::1");
    EXPECT_EQ(make_template(outer).error(), TemplateError::unsupported_family);
  }
}

TEST(Template, EmptyIsNotUsable) { EXPECT_FALSE(HeaderTemplate{}.is_usable()); }

}  // namespace
}  // namespace dataplane::esp
