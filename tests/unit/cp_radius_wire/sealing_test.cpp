// Authenticators and hidden values: computed here a second time from the RFC's formula, and broken octet by octet.

#include <functional>

#include <gtest/gtest.h>

#include "controlplane/radius/wire/authenticator.hpp"
#include "controlplane/radius/wire/digest.hpp"
#include "controlplane/radius/wire/hiding.hpp"
#include "controlplane/radius/wire/writer.hpp"

namespace controlplane::radius::wire {
namespace {

[[nodiscard]] common::Bytes hex(std::string_view text) { return common::parse_hex(text).value(); }
const common::Bytes kSecretOctets = {'t', 'e', 's', 't', 'i', 'n', 'g', '1', '2', '3'};
const common::ByteView kSecret = kSecretOctets;
constexpr Authenticator kCounting = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

[[nodiscard]] std::string text_of(const Result<Authenticator>& digest) {
  return digest ? common::to_hex(*digest) : "error";
}

TEST(Digest, Md5OfRfc1321) {
  EXPECT_EQ(text_of(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(text_of(md5({common::as_bytes("message "), common::as_bytes("digest")})),
            "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Digest, HmacMd5OfRfc2202) {
  EXPECT_EQ(text_of(hmac_md5(common::Bytes(16, 0x0B), {common::as_bytes("Hi There")})),
            "9294727a3638bb1c13f48ef8158bfc9d");
  EXPECT_EQ(text_of(hmac_md5(common::as_bytes("Jefe"),
                             {common::as_bytes("what do ya want "), common::as_bytes("for nothing?")})),
            "750c783e6ab0b503eaa86e310a5db738");
  EXPECT_EQ(text_of(hmac_md5(common::Bytes(80, 0xAA),
                             {common::as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})),
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
}

/// Any single changed bit, in header, attributes or authenticator, is found.
void expect_every_bit_counts(const common::Bytes& octets, const std::function<bool(const PacketView&)>& valid) {
  ASSERT_TRUE(valid(*parse_packet(octets)));
  for (std::size_t bit = 0; bit < octets.size() * 8; ++bit) {
    auto changed = octets;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    const auto packet = parse_packet(changed);
    EXPECT_FALSE(packet && valid(*packet)) << "bit " << bit;
  }
}

TEST(RequestAuthenticator, CoversEveryBit) {
  PacketWriter out(Code::disconnect_request, 1);
  out.text(attribute::kUserName, "user");
  const auto octets = out.finish_request(kSecret);
  ASSERT_TRUE(octets);
  expect_every_bit_counts(*octets, [](const PacketView& packet) { return verify_request(packet, kSecret); });
  EXPECT_FALSE(verify_request(*parse_packet(*octets), common::as_bytes("testing124")));
}

TEST(ResponseAuthenticator, CoversEveryBitAndTheRequest) {
  PacketWriter out(Code::access_accept, 1);
  out.text(attribute::kUserName, "user");
  const auto octets = out.finish_response(kCounting, kSecret);
  ASSERT_TRUE(octets);
  expect_every_bit_counts(*octets,
                          [](const PacketView& packet) { return verify_response(packet, kCounting, kSecret); });
  auto other = kCounting;
  other[15] ^= 1;
  EXPECT_FALSE(verify_response(*parse_packet(*octets), other, kSecret));
}

TEST(MessageAuthenticatorAttribute, IsFirstAndCoversEveryBitOfAnAccessRequest) {
  PacketWriter out(Code::access_request, 1);
  out.message_authenticator();
  out.message_authenticator();
  out.text(attribute::kUserName, "user");
  const auto octets = out.finish_access_request(kCounting, kSecret);
  ASSERT_TRUE(octets);
  EXPECT_EQ((*octets)[20], attribute::kMessageAuthenticator);
  EXPECT_EQ(parse_packet(*octets)->count(attribute::kMessageAuthenticator), 1U);
  EXPECT_EQ(parse_packet(*octets)->authenticator, kCounting);
  expect_every_bit_counts(*octets, [](const PacketView& packet) {
    return check_message_authenticator(packet, packet.authenticator, kSecret) == MessageAuthenticator::valid;
  });
}

TEST(MessageAuthenticatorAttribute, OfAResponseUsesTheRequestsAuthenticator) {
  PacketWriter out(Code::access_challenge, 9);
  out.message_authenticator();
  out.eap(hex("0101000501"));
  const auto octets = out.finish_response(kCounting, kSecret);
  ASSERT_TRUE(octets);
  const auto packet = parse_packet(*octets);
  EXPECT_EQ(check_message_authenticator(*packet, kCounting, kSecret), MessageAuthenticator::valid);
  EXPECT_EQ(check_message_authenticator(*packet, packet->authenticator, kSecret), MessageAuthenticator::invalid);
  EXPECT_TRUE(verify_response(*packet, kCounting, kSecret)) << "the MD5 covers the finished Message-Authenticator";
}

TEST(MessageAuthenticatorAttribute, OfADisconnectRequestIsMadeOverZeros) {
  PacketWriter out(Code::disconnect_request, 9);
  out.text(attribute::kUserName, "user");
  out.message_authenticator();  // anywhere is legal
  out.number(attribute::kEventTimestamp, 1);
  const auto octets = out.finish_request(kSecret);
  ASSERT_TRUE(octets);
  EXPECT_EQ(check_message_authenticator(*parse_packet(*octets), {}, kSecret), MessageAuthenticator::valid);
  EXPECT_TRUE(verify_request(*parse_packet(*octets), kSecret));
}

TEST(MessageAuthenticatorAttribute, AbsentDoubleAndOddOnes) {
  PacketWriter none(Code::access_accept, 1);
  EXPECT_EQ(check_message_authenticator(*parse_packet(*none.finish_response(kCounting, kSecret)), kCounting, kSecret),
            MessageAuthenticator::absent);
  PacketWriter twice(Code::access_accept, 1);
  twice.message_authenticator();
  twice.octets(attribute::kMessageAuthenticator, Authenticator{});
  EXPECT_EQ(check_message_authenticator(*parse_packet(*twice.finish_response(kCounting, kSecret)), kCounting, kSecret),
            MessageAuthenticator::invalid);
  PacketWriter small(Code::access_accept, 1);
  small.octets(attribute::kMessageAuthenticator, hex("00112233"));
  EXPECT_EQ(check_message_authenticator(*parse_packet(*small.finish_response(kCounting, kSecret)), kCounting, kSecret),
            MessageAuthenticator::invalid);
}

TEST(Password, RoundTripsAtEveryLength) {
  for (std::size_t length = 0; length <= 128; ++length) {
    const common::Bytes password(length, 'p');
    const auto hidden = hide_password(password, kCounting, kSecret);
    ASSERT_TRUE(hidden) << length;
    EXPECT_EQ(hidden->size(), length == 0 ? 16 : (length + 15) / 16 * 16);
    const auto clear = reveal_password(*hidden, kCounting, kSecret);
    ASSERT_TRUE(clear) << length;
    EXPECT_EQ(clear->size(), length);
  }
}

TEST(Password, RefusesOtherSizes) {
  EXPECT_EQ(hide_password(common::Bytes(129, 'p'), kCounting, kSecret).error(), WireError::value_too_long);
  for (const std::size_t size : {0U, 1U, 15U, 17U, 144U})
    EXPECT_EQ(reveal_password(common::Bytes(size), kCounting, kSecret).error(), WireError::bad_value) << size;
}

/// Made by a script of a few lines from the formula of RFC 2548 §2.4.2, with Python's hashlib; secret "testing123",
/// Request Authenticator 00 01 … 0F.
TEST(MppeKey, RevealsVectorsMadeElsewhere) {
  const auto long_key = reveal_mppe_key(hex("91232dfdc72973eed95e6cde129a4b351494486604773100b31a7c6688d9e7ba69c67d86"
                                            "ea17747fb2936f06e28febd46e10"),
                                        kCounting, kSecret);
  ASSERT_TRUE(long_key);
  EXPECT_EQ(common::to_hex(long_key->view()), "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f");
  const auto short_key =
      reveal_mppe_key(hex("ff01fcc3cd4680fbc3bd57ecd0e0a54cb85eec208e3aa3f5d789ff0cc22258dd1484"), kCounting, kSecret);
  ASSERT_TRUE(short_key);
  EXPECT_EQ(common::to_hex(short_key->view()), "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
}

TEST(MppeKey, HidesTheSameOctets) {
  const auto hidden = hide_mppe_key(hex("404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"), 0x9123,
                                    kCounting, kSecret);
  ASSERT_TRUE(hidden);
  EXPECT_EQ(common::to_hex(*hidden),
            "91232dfdc72973eed95e6cde129a4b351494486604773100b31a7c6688d9e7ba69c67d86ea17747fb2936f06e28febd46e10");
}

TEST(MppeKey, RefusesWhatDoesNotFit) {
  for (const std::size_t size : {0U, 1U, 2U, 17U, 19U, 33U})
    EXPECT_EQ(reveal_mppe_key(common::Bytes(size), kCounting, kSecret).error(), WireError::bad_value) << size;
  // A wrong secret decrypts to a length that almost never fits: here it does not.
  EXPECT_EQ(reveal_mppe_key(hex("ff01fcc3cd4680fbc3bd57ecd0e0a54cb85eec208e3aa3f5d789ff0cc22258dd1484"), kCounting,
                            common::as_bytes("wrong"))
                .error(),
            WireError::bad_key);
  EXPECT_EQ(hide_mppe_key({}, 0x8000, kCounting, kSecret).error(), WireError::value_too_long);
  EXPECT_EQ(hide_mppe_key(common::Bytes(240), 0x8000, kCounting, kSecret).error(), WireError::value_too_long);
}

TEST(PacketWriter, ReportsWhatDoesNotFit) {
  PacketWriter longest(Code::access_request, 1);
  longest.octets(1, common::Bytes(253));
  EXPECT_TRUE(longest.finish_access_request({}, kSecret));
  PacketWriter value(Code::access_request, 1);
  value.octets(1, common::Bytes(254));
  value.text(1, "fits");
  EXPECT_EQ(value.finish_access_request({}, kSecret).error(), WireError::value_too_long);
  PacketWriter vendor_value(Code::access_request, 1);
  vendor_value.vendor(9, 1, common::Bytes(248));
  EXPECT_EQ(vendor_value.finish_request(kSecret).error(), WireError::value_too_long);
  PacketWriter packet(Code::access_request, 1);
  for (int i = 0; i < 16; ++i) packet.octets(1, common::Bytes(253));
  packet.octets(1, common::Bytes(4));
  EXPECT_EQ(packet.finish_response({}, kSecret).error(), WireError::packet_too_long);
}

TEST(PacketWriter, FillsAPacketToItsLastOctet) {
  PacketWriter packet(Code::access_request, 1);
  for (int i = 0; i < 15; ++i) packet.octets(1, common::Bytes(253));
  packet.octets(1, common::Bytes(249));
  const auto octets = packet.finish_request(kSecret);
  ASSERT_TRUE(octets);
  EXPECT_EQ(octets->size(), 4096U);
  EXPECT_TRUE(verify_request(*parse_packet(*octets), kSecret));
}

}  // namespace
}  // namespace controlplane::radius::wire
