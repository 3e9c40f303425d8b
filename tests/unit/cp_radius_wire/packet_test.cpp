// Parsing: the document's Disconnect packets, the examples of RFC 2865 §7, and every way not to be a packet.

#include "controlplane/radius/wire/packet.hpp"

#include <gtest/gtest.h>

#include "controlplane/radius/wire/authenticator.hpp"
#include "controlplane/radius/wire/hiding.hpp"
#include "controlplane/radius/wire/text.hpp"
#include "controlplane/radius/wire/writer.hpp"

namespace controlplane::radius::wire {
namespace {

constexpr std::string_view kSecret = "xyzzy5461";  // of RFC 2865 §7

[[nodiscard]] common::Bytes hex(std::string_view text) { return common::parse_hex(text).value(); }
[[nodiscard]] common::ByteView secret() { return common::as_bytes(kSecret); }

/// A header in front of attributes, with a Length that fits.
[[nodiscard]] common::Bytes packet_of(common::ByteView attributes) {
  common::ByteWriter out;
  out.u8(40);
  out.u8(7);
  out.be16(static_cast<std::uint16_t>(20 + attributes.size()));
  out.zeros(16);
  out.bytes(attributes);
  return out.take();
}

[[nodiscard]] std::optional<WireError> error_of(common::ByteView octets) {
  const auto packet = parse_packet(octets);
  return packet ? std::nullopt : std::optional(packet.error());
}

TEST(ParsePacket, ReadsTheDocumentsDisconnectRequest) {
  PacketWriter out(Code::disconnect_request, 216);
  out.avpair("audit-session-id", "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B");
  const auto octets = out.finish_request(secret());
  ASSERT_TRUE(octets);
  EXPECT_EQ(octets->size(), 84U);  // "POD Request, len 84"
  const auto packet = parse_packet(*octets);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->is(Code::disconnect_request));
  EXPECT_EQ(packet->identifier, 216);
  std::size_t attributes = 0;
  for (const Attribute attribute : packet->attributes) {
    ++attributes;
    EXPECT_EQ(attribute.type, 26);
    EXPECT_EQ(attribute.value.size() + 2, 64U);
  }
  EXPECT_EQ(attributes, 1U);
  ASSERT_EQ(cisco_avpairs(*packet).size(), 1U);
  const auto pair = split_avpair(cisco_avpairs(*packet)[0]);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->name, "audit-session-id");
  EXPECT_EQ(pair->value, "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B");
  EXPECT_TRUE(verify_request(*packet, secret()));
}

TEST(ParsePacket, WritesTheDocumentsNak) {
  PacketWriter out(Code::disconnect_nak, 131);
  out.text(attribute::kReplyMessage, "No Matching Session");
  out.number(attribute::kErrorCause, static_cast<std::uint32_t>(ErrorCause::invalid_request));
  const auto octets = out.finish_response({}, secret());
  ASSERT_TRUE(octets);
  EXPECT_EQ(octets->size(), 47U);
  // "18 21 4E6F…6E" and "101 6 00000194"
  EXPECT_EQ(common::to_hex(common::ByteView(*octets).subspan(20)),
            "12154e6f204d61746368696e672053657373696f6e650600000194");
}

TEST(ParsePacket, ReadsRfc2865Example71) {
  // User nemo, password arctangent, NAS 192.168.1.16 port 3.
  const auto request =
      hex("010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee"
          "0406c0a80110050600000003");
  const auto asked = parse_packet(request);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->find(attribute::kUserName)->text(), "nemo");
  EXPECT_EQ(asked->find(attribute::kNasIpAddress)->address(), common::IpAddress::v4(0xC0A80110));
  EXPECT_EQ(asked->find(attribute::kNasPort)->number(), 3U);
  const auto password = reveal_password(asked->find(attribute::kUserPassword)->value, asked->authenticator, secret());
  ASSERT_TRUE(password);
  EXPECT_EQ(common::as_text(password->view()), "arctangent");
  const auto hidden = hide_password(common::as_bytes("arctangent"), asked->authenticator, secret());
  ASSERT_TRUE(hidden);
  EXPECT_EQ(common::to_hex(*hidden), "0dbe708d93d413ce3196e43f782a0aee");

  const auto response = hex("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103");
  const auto answer = parse_packet(response);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(verify_response(*answer, asked->authenticator, secret()));
  EXPECT_FALSE(verify_response(*answer, asked->authenticator, common::as_bytes("xyzzy5462")));
  EXPECT_FALSE(verify_response(*answer, {}, secret()));
}

TEST(ParsePacket, ReadsRfc2865Example73) {
  // User mopsy is challenged.
  const auto request =
      hex("01020039f3a47a1f6a6d76710b947ab93041a03901076d6f7073790212336575737782 89b570885e15084825c5"
          "0406c0a80110050600000007");
  const auto asked = parse_packet(request);
  ASSERT_TRUE(asked);
  const auto password = reveal_password(asked->find(attribute::kUserPassword)->value, asked->authenticator, secret());
  ASSERT_TRUE(password);
  EXPECT_EQ(common::as_text(password->view()), "challenge");
  const auto response =
      hex("0b02004e36f3c8764ae8c71157403c0c71ff9c45123043 68616c6c656e67652033323736393433302e2020456e"
          "74657220726573706f6e73652061742070726f6d70742e180a3332373639343330");
  const auto answer = parse_packet(response);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is(Code::access_challenge));
  EXPECT_EQ(answer->find(attribute::kState)->text(), "32769430");
  EXPECT_TRUE(verify_response(*answer, asked->authenticator, secret()));
}

TEST(ParsePacket, RefusesEveryTruncation) {
  const auto whole = packet_of(hex("0106746573740406c0a80101"));
  ASSERT_TRUE(parse_packet(whole));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(error_of(common::ByteView(whole).first(length)), WireError::truncated) << length;
}

TEST(ParsePacket, RefusesLengthsOutsideTwentyTo4096) {
  auto octets = packet_of({});
  for (const std::uint16_t length : {0, 1, 19, 4097, 65535}) {
    octets[2] = static_cast<std::uint8_t>(length >> 8U);
    octets[3] = static_cast<std::uint8_t>(length);
    EXPECT_EQ(error_of(octets), WireError::bad_length) << length;
  }
  const common::Bytes padding(4096 - 20, 1);  // type 1, length 1: malformed, but the length itself is fine
  EXPECT_EQ(error_of(packet_of(padding)), WireError::bad_attribute);
}

TEST(ParsePacket, IgnoresPaddingBehindLength) {
  auto octets = packet_of(hex("010474 65"));
  octets.insert(octets.end(), 30, 0xFF);
  const auto packet = parse_packet(octets);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->octets.size(), 24U);
  EXPECT_EQ(packet->find(1)->text(), "te");
}

TEST(ParsePacket, RefusesAttributesThatDoNotAddUp) {
  for (const std::string_view attributes : {"01", "0100", "0101", "0103", "010474", "01027f", "0102 5500", "1afF"})
    EXPECT_EQ(error_of(packet_of(hex(attributes))), WireError::bad_attribute) << attributes;
  EXPECT_TRUE(parse_packet(packet_of(hex("0102")))) << "an empty value is odd, but adds up";
}

TEST(ParsePacket, IteratingAMalformedPacketEndsAtTheFault) {
  const auto octets = packet_of(hex("010474650103"));
  const auto packet = parse_header(octets);
  ASSERT_TRUE(packet);
  std::size_t seen = 0;
  for ([[maybe_unused]] const Attribute attribute : packet->attributes) ++seen;
  EXPECT_EQ(seen, 1U);
}

TEST(ParseVendor, ReadsSeveralInOne) {
  const auto value = hex("00000009 01 05 613d62 02 04 ffff");
  const auto found = parse_vendor({26, value});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].text(), "a=b");
  EXPECT_EQ((*found)[1].type, 2);
  EXPECT_EQ((*found)[1].vendor, vendor::kCisco);
}

TEST(ParseVendor, RefusesWhatDoesNotAddUp) {
  for (const std::string_view text : {"", "000009", "00000009", "0000000901", "000000090101", "000000090103",
                                      "0000000901056162", "000000090104616202"}) {
    const auto value = hex(text);
    const auto found = parse_vendor({26, value});
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error(), WireError::bad_vendor);
  }
}

TEST(ParseVendor, LookingUpPassesMalformedOnes) {
  const auto octets = packet_of(hex("1a0700000009ff 1a0c 00000137 1c06 0a000001"));
  const auto packet = parse_packet(octets);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->find(vendor::kMicrosoft, microsoft::kPrimaryDnsServer)->address(),
            common::IpAddress::v4(0x0A000001));
  EXPECT_FALSE(packet->find(vendor::kCisco, 1));
  EXPECT_TRUE(cisco_avpairs(*packet).empty());
}

TEST(SplitAvPair, SplitsAtTheFirstSeparator) {
  EXPECT_EQ(split_avpair("a=b=c")->value, "b=c");
  EXPECT_EQ(split_avpair("ip:x*y")->name, "ip:x");
  EXPECT_EQ(split_avpair("name=")->value, "");
  EXPECT_FALSE(split_avpair("no separator"));
  EXPECT_FALSE(split_avpair(""));
}

TEST(AttributeValue, OtherSizesAreNoNumberAndNoAddress) {
  const common::Bytes octets(17, 1);
  for (std::size_t size = 0; size <= 17; ++size) {
    const Attribute attribute{1, common::ByteView(octets).first(size)};
    EXPECT_EQ(attribute.number().has_value(), size == 4) << size;
    EXPECT_EQ(attribute.address().has_value(), size == 4 || size == 16) << size;
  }
}

TEST(Eap, IsSplitAndJoined) {
  for (const std::size_t size : {0U, 1U, 252U, 253U, 254U, 506U, 507U, 1400U}) {
    common::Bytes eap(size);
    for (std::size_t i = 0; i < size; ++i) eap[i] = static_cast<std::uint8_t>(i * 7);
    PacketWriter out(Code::access_request, 1);
    out.eap(eap);
    const auto octets = out.finish_access_request({}, secret());
    ASSERT_TRUE(octets) << size;
    const auto packet = parse_packet(*octets);
    ASSERT_TRUE(packet) << size;
    EXPECT_EQ(join_eap(*packet), eap) << size;
    EXPECT_EQ(packet->count(attribute::kEapMessage), size == 0 ? 1 : (size + 252) / 253) << size;
  }
}

TEST(Text, SpellsTheDocumentsLines) {
  PacketWriter out(Code::accounting_request, 246);
  out.text(attribute::kAcctSessionId, "00000022");
  out.avpair("connect-progress", "No Progress");
  out.number(attribute::kAcctTerminateCause, 0);
  const auto octets = out.finish_request(secret());
  ASSERT_TRUE(octets);
  const auto packet = parse_packet(*octets);
  ASSERT_TRUE(packet);
  const auto lines = attribute_lines(*packet);
  const auto squeeze = [](const std::string& line) {
    std::string out_text;
    for (const char c : line)
      if (c != ' ' || out_text.empty() || out_text.back() != ' ') out_text.push_back(c);
    return out_text;
  };
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(squeeze(lines[0]), "Acct-Session-Id [44] 10 \"00000022\"");
  EXPECT_EQ(squeeze(lines[1]), "Vendor, Cisco [26] 36");
  EXPECT_EQ(squeeze(lines[2]), " Cisco AVpair [1] 30 \"connect-progress=No Progress\"");
  EXPECT_EQ(squeeze(lines[3]), "Acct-Terminate-Cause [49] 6 none [0]");
  EXPECT_EQ(authenticator_line(
                {0x52, 0x88, 0x5E, 0xCB, 0x8B, 0xFA, 0x1E, 0xC1, 0xCC, 0xEF, 0x73, 0x75, 0x89, 0x73, 0xCA, 0x95}),
            "authenticator 52 88 5E CB 8B FA 1E C1 - CC EF 73 75 89 73 CA 95");
}

TEST(Text, NeverShowsSecretsOrControlCharacters) {
  PacketWriter out(Code::access_request, 1);
  out.text(attribute::kUserPassword, "PASSWORD-HIDDEN!");
  out.text(attribute::kUserName, "evil\n\x1b[2Jname");
  out.vendor(vendor::kMicrosoft, microsoft::kMppeRecvKey, common::as_bytes("KEY"));
  out.eap(common::as_bytes("EAP-SECRET"));
  const auto octets = out.finish_access_request({}, secret());
  ASSERT_TRUE(octets);
  std::string all;
  for (const std::string& line : attribute_lines(*parse_packet(*octets))) all += line;
  for (const std::string_view hidden : {"PASSWORD-HIDDEN!", "KEY", "EAP-SECRET", "\n", "\x1b"})
    EXPECT_EQ(all.find(hidden), std::string::npos) << all;
  EXPECT_EQ(all.find(common::to_hex(common::as_bytes("PASSWORD-HIDDEN!"))), std::string::npos);
  EXPECT_NE(all.find("evil\\x0A"), std::string::npos) << all;
}

TEST(Text, HasANameForEveryCodeAndError) {
  EXPECT_EQ(code_name(40), "Disconnect-Request");
  EXPECT_EQ(code_name(77), "code 77");
  EXPECT_EQ(attribute_name(44), "Acct-Session-Id");
  EXPECT_EQ(attribute_name(26), "Vendor-Specific");
  EXPECT_EQ(attribute_name(240), "Attribute-240");
  for (int error = 0; error <= static_cast<int>(WireError::crypto); ++error)
    EXPECT_NE(to_string(static_cast<WireError>(error)), "unknown error");
}

}  // namespace
}  // namespace controlplane::radius::wire
