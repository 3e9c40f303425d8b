// The document's packets, octet by octet, and its debug lines, word by word.

#include <openssl/evp.h>

#include "tests/unit/cp_dae/support.hpp"

namespace controlplane::dae {
namespace {

class Golden : public PipelineTest {};

/// MD5 without the room's own code.
[[nodiscard]] common::Bytes md5(const common::Bytes& octets) {
  common::Bytes digest(16);
  unsigned length = 0;
  EXPECT_EQ(EVP_Digest(octets.data(), octets.size(), digest.data(), &length, EVP_md5(), nullptr), 1);
  return digest;
}

/// header ‖ authenticator ‖ attributes ‖ secret, digested.
[[nodiscard]] common::Bytes digest_of(common::Bytes packet, const common::Bytes& authenticator) {
  std::copy(authenticator.begin(), authenticator.end(), packet.begin() + 4);
  packet.insert(packet.end(), kSecret.begin(), kSecret.end());
  return md5(packet);
}

/// The document's Disconnect-Request, written by hand.
[[nodiscard]] common::Bytes request_octets() {
  common::Bytes packet = common::parse_hex("28 d8 0054 00000000000000000000000000000000 1a 40 00000009 01 3a").value();
  const std::string text = "audit-session-id=" + std::string(kAuditId);
  packet.insert(packet.end(), text.begin(), text.end());
  const common::Bytes authenticator = digest_of(packet, common::Bytes(16));
  std::copy(authenticator.begin(), authenticator.end(), packet.begin() + 4);
  return packet;
}
[[nodiscard]] common::Bytes authenticator_of(const common::Bytes& packet) {
  return {packet.begin() + 4, packet.begin() + 20};
}

TEST_F(Golden, RequestHas84OctetsAndIsWhatOurWriterWrites) {
  EXPECT_EQ(request_octets().size(), 84U);
  EXPECT_EQ(request_octets(), golden_request());
}

TEST_F(Golden, RequestNamesTheSession) {
  const common::Bytes octets = request_octets();
  Decision decision = receive(octets);
  const auto* disconnect = std::get_if<Disconnect>(&decision);
  ASSERT_NE(disconnect, nullptr);
  EXPECT_EQ(disconnect->request->selector.audit_session_id, kAuditId);
  EXPECT_FALSE(disconnect->request->selector.user_name || disconnect->request->selector.acct_session_id ||
               disconnect->request->selector.framed_ip_address || disconnect->request->selector.calling_station_id);
}

TEST_F(Golden, AckHas20Octets) {
  const common::Bytes request = request_octets();
  const auto reply = answer(request);
  ASSERT_TRUE(reply.has_value());
  common::Bytes expected = common::parse_hex("29 d8 0014 00000000000000000000000000000000").value();
  const common::Bytes authenticator = digest_of(expected, authenticator_of(request));
  std::copy(authenticator.begin(), authenticator.end(), expected.begin() + 4);
  EXPECT_EQ(*reply, expected);
}

TEST_F(Golden, NakHas47Octets) {
  const common::Bytes request = request_octets();
  const auto reply = answer(request, 0);
  ASSERT_TRUE(reply.has_value());
  common::Bytes expected = common::parse_hex(
                               "2a d8 002f 00000000000000000000000000000000"
                               "12 15 4E6F204D61746368696E672053657373696F6E"
                               "65 06 00000194")
                               .value();
  const common::Bytes authenticator = digest_of(expected, authenticator_of(request));
  std::copy(authenticator.begin(), authenticator.end(), expected.begin() + 4);
  EXPECT_EQ(reply->size(), 47U);
  EXPECT_EQ(*reply, expected);
}

TEST_F(Golden, RfcProfileSpeaksTheRfc) {
  const common::Bytes request = request_octets();
  const auto ack = answer(request, 1, kRfc);
  ASSERT_TRUE(ack.has_value());
  EXPECT_EQ(ack->size(), 26U);
  EXPECT_EQ(parse_reply(*ack, request).find(attribute::kAcctTerminateCause)->number(), 6U);
  const common::Bytes other = golden_request(217);
  const auto nak = answer(other, 0, kRfc);
  ASSERT_TRUE(nak.has_value());
  EXPECT_EQ(nak->size(), 26U);
  EXPECT_EQ(cause_of(nak), 503U);
  EXPECT_FALSE(parse_reply(*nak, other).find(attribute::kReplyMessage).has_value());
}

TEST_F(Golden, DebugLinesOfAnAck) {
  (void)answer(request_octets());
  const std::vector<std::string> expected{
      "RADIUS: POD received from id 216 9.45.15.144:50567, POD Request, len 84",
      "POD: 9.45.15.144 request queued",
      "++++++ POD Attribute List ++++++",
      "000000000000 0 00000089 audit-session-id(819) 39 L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B",
      "",
      "POD: Sending ACK from port 1812 to 9.45.15.144/50567"};
  EXPECT_EQ(trace_.lines, expected);
}

TEST_F(Golden, DebugLinesOfANak) {
  (void)answer(golden_request(131, "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3A"), 0, kCisco, 52986);
  const std::vector<std::string> expected{
      "RADIUS: POD received from id 131 9.45.15.144:52986, POD Request, len 84",
      "POD: 9.45.15.144 request queued",
      "++++++ POD Attribute List ++++++",
      "000000000000 0 00000089 audit-session-id(819) 39 L2L433010101ZO2L4C0A8CA02ZH11941194ZN3A",
      "",
      "POD: 9.45.15.144 Unsupported attribute type 26 for component",
      "POD: 9.45.15.144 user 0.0.0.0i sessid 0x0 key 0x0 DROPPED",
      "POD: Added Reply Message: No Matching Session",
      "POD: Added NACK Error Cause: Invalid Request",
      "POD: Sending NAK from port 1812 to 9.45.15.144/52986",
      "RADIUS: 18 21 4E6F204D61746368696E672053657373696F6E",
      "RADIUS: 101 6 00000194"};
  EXPECT_EQ(trace_.lines, expected);
}

TEST_F(Golden, DebugLinesNameEveryIdAndNoSecret) {
  (void)answer(make_request(1,
                            [](PacketWriter& writer) {
                              writer.message_authenticator();
                              writer.text(attribute::kUserName, "al\x01ice");
                              writer.text(attribute::kAcctSessionId, "0000002A");
                              writer.address(attribute::kFramedIpAddress, ip("10.0.0.7"));
                              writer.text(attribute::kUserPassword, "do not show me!!");
                            }),
               0);
  std::string all;
  for (const std::string& line : trace_.lines) all += line + "\n";
  EXPECT_NE(all.find("User-Name(1) 6 al.ice"), std::string::npos) << all;
  EXPECT_NE(all.find("user 10.0.0.7i sessid 0x2A key 0x0 DROPPED"), std::string::npos) << all;
  EXPECT_NE(all.find("Unsupported attribute type 2 for component"), std::string::npos) << all;
  EXPECT_EQ(all.find("do not show me"), std::string::npos) << all;
  EXPECT_EQ(all.find(kSecret), std::string::npos) << all;
}

TEST_F(Golden, NoLinesWhileDebugIsOff) {
  trace_.on = false;
  (void)answer(request_octets());
  (void)answer(golden_request(7), 0);
  (void)answer(common::Bytes(3));
  EXPECT_TRUE(trace_.lines.empty());
}

}  // namespace
}  // namespace controlplane::dae
