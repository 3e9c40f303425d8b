// What an answer brings back of its request, and the clients that may ask.

#include "tests/unit/cp_dae/support.hpp"

namespace controlplane::dae {
namespace {

class Replies : public PipelineTest {};

[[nodiscard]] std::vector<std::string> proxy_states(const PacketView& packet) {
  std::vector<std::string> out;
  for (const radius::wire::Attribute item : packet.attributes)
    if (item.type == attribute::kProxyState) out.emplace_back(item.text());
  return out;
}

TEST_F(Replies, ProxyStateInOrderAndUnchanged) {
  const std::vector<std::string> states{"second", "", std::string(253, 'p'), "second", std::string("\0\1", 2)};
  std::uint8_t identifier = 0;
  for (const std::string_view from : {kCisco, kRfc}) {
    for (const std::size_t matches : {1U, 0U}) {
      const auto request = make_request(++identifier, [&](PacketWriter& writer) {
        writer.text(attribute::kProxyState, states[0]);
        writer.avpair("audit-session-id", kAuditId);
        for (std::size_t i = 1; i < states.size(); ++i) writer.text(attribute::kProxyState, states[i]);
      });
      const auto reply = answer(request, matches, from);
      ASSERT_TRUE(reply.has_value());
      EXPECT_EQ(proxy_states(parse_reply(*reply, request)), states);
    }
  }
}

TEST_F(Replies, ProxyStateBackAlsoWhereTheAnswerHasNoRoomForMore) {
  // 16 Proxy-States of 255 octets leave -24 octets of 4096 beside header and Error-Cause: fill up to the last octet.
  const auto full = make_request(1, [](PacketWriter& writer) {
    for (int i = 0; i < 15; ++i) writer.octets(attribute::kProxyState, common::Bytes(253, 'x'));
    writer.octets(attribute::kProxyState, common::Bytes(249, 'y'));
  });
  ASSERT_EQ(full.size(), 4096U);
  const auto nak = answer(full);
  ASSERT_TRUE(nak.has_value());
  EXPECT_EQ(nak->size(), 4096U);
  EXPECT_EQ(proxy_states(parse_reply(*nak, full)).size(), 16U);
  EXPECT_EQ(cause_of(nak), std::nullopt);
  // Six octets less and the cause fits.
  const auto nearly = make_request(2, [](PacketWriter& writer) {
    for (int i = 0; i < 15; ++i) writer.octets(attribute::kProxyState, common::Bytes(253, 'x'));
    writer.octets(attribute::kProxyState, common::Bytes(243, 'y'));
  });
  EXPECT_EQ(cause_of(answer(nearly)), 402U);
  // "No Matching Session" gives way to Error-Cause.
  const auto no_text = make_request(3, [](PacketWriter& writer) {
    for (int i = 0; i < 15; ++i) writer.octets(attribute::kProxyState, common::Bytes(253, 'x'));
    writer.octets(attribute::kProxyState, common::Bytes(230, 'y'));
    writer.text(attribute::kUserName, "al");
  });
  const auto short_nak = answer(no_text, 0);
  EXPECT_EQ(cause_of(short_nak), 404U);
  EXPECT_FALSE(parse_reply(*short_nak, no_text).find(attribute::kReplyMessage).has_value());
}

TEST_F(Replies, MessageAuthenticatorIsAnsweredWithOneInFront) {
  for (const std::size_t matches : {1U, 0U}) {
    const auto request = make_request(static_cast<std::uint8_t>(matches), [](PacketWriter& writer) {
      writer.avpair("audit-session-id", kAuditId);
      writer.message_authenticator();  // not first: any place will do in a request
    });
    const auto reply = answer(request, matches);
    ASSERT_TRUE(reply.has_value());
    const PacketView packet = parse_reply(*reply, request);
    EXPECT_EQ((*packet.attributes.begin()).type, attribute::kMessageAuthenticator);
    EXPECT_EQ(packet.count(attribute::kMessageAuthenticator), 1U);
    EXPECT_EQ(radius::wire::check_message_authenticator(packet, radius::wire::parse_packet(request)->authenticator,
                                                        common::as_bytes(kSecret)),
              radius::wire::MessageAuthenticator::valid);
  }
  const auto without = answer(golden_request(77));
  EXPECT_EQ(radius::wire::parse_packet(*without)->count(attribute::kMessageAuthenticator), 0U);
}

TEST_F(Replies, EventTimestampIsAnsweredWithOurs) {
  const auto request = make_request(1, [&](PacketWriter& writer) {
    writer.avpair("audit-session-id", kAuditId);
    writer.number(attribute::kEventTimestamp, unix_now() - 100);
  });
  const auto reply = answer(request);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(parse_reply(*reply, request).find(attribute::kEventTimestamp)->number(), unix_now());
  const auto without = answer(golden_request(77));
  EXPECT_FALSE(radius::wire::parse_packet(*without)->find(attribute::kEventTimestamp).has_value());
}

TEST_F(Replies, EveryCauseHasItsText) {
  for (const unsigned value : {201U, 401U, 402U, 403U, 404U, 405U, 406U, 407U, 501U, 503U, 504U, 506U, 507U, 508U})
    EXPECT_NE(error_cause_text(static_cast<ErrorCause>(value)), "Unknown") << value;
}

class ClientTable : public PipelineTest {
 protected:
  [[nodiscard]] const Client* find(std::string_view source, std::string_view device = {}) {
    const auto* found = clients_.find(ip(source), device);
    return found == nullptr ? nullptr : found->get();
  }
  Clients clients_;
};

TEST_F(ClientTable, TheLongestMatchWins) {
  config_.clients.clear();
  config_.clients.push_back(make_client("10.0.0.0/8"));
  config_.clients.push_back(make_client("10.1.2.3", config::DaeProfile::rfc5176));
  config_.clients.push_back(make_client("10.1.0.0/16"));
  config_.clients.push_back(make_client("2001:db8::/32"));
  clients_.update(config_);
  EXPECT_EQ(find("10.1.2.3")->address, prefix("10.1.2.3/32"));
  EXPECT_EQ(find("10.1.2.4")->address, prefix("10.1.0.0/16"));
  EXPECT_EQ(find("10.2.2.4")->address, prefix("10.0.0.0/8"));
  EXPECT_EQ(find("2001:db8::77")->address, prefix("2001:db8::/32"));
  EXPECT_EQ(find("11.0.0.1"), nullptr);
  EXPECT_EQ(find("2001:db9::1"), nullptr);
}

TEST_F(ClientTable, AVrfHasItsOwnClients) {
  config_.clients.clear();
  config_.clients.push_back(make_client("10.0.0.1"));
  config_.clients.push_back(make_client("10.0.0.1", config::DaeProfile::rfc5176));
  config_.clients[1].vrf = "blue";
  clients_.update(config_);
  EXPECT_EQ(find("10.0.0.1")->profile, config::DaeProfile::cisco);
  EXPECT_EQ(find("10.0.0.1", "blue")->profile, config::DaeProfile::rfc5176);
  EXPECT_EQ(find("10.0.0.1", "red"), nullptr);
}

TEST_F(ClientTable, CountersSurviveAReload) {
  (void)answer(golden_request());
  config_.clients.erase(config_.clients.begin() + 1);
  config_.clients[0].profile = config::DaeProfile::rfc5176;
  config_.clients.push_back(make_client("192.0.2.0/24"));
  pipeline().reload(config_, {});
  EXPECT_EQ(counters().disconnect.acks, 1U);
  EXPECT_TRUE(std::holds_alternative<Silence>(receive(golden_request(2), kRfc)));
  EXPECT_EQ(cause_of(answer(golden_request(3), 0)), 503U);
}

TEST_F(ClientTable, ARequestInProgressKeepsItsClient) {
  Decision decision = receive(golden_request());
  const auto request = std::get<Disconnect>(decision).request;
  config_.clients.clear();
  pipeline().reload(config_, {});
  auto approval = std::get<Approval>(pipeline().choose(*request, 1));
  (void)parse_reply(pipeline().acknowledge(*request, approval.ack, 1).reply, golden_request());
}

}  // namespace
}  // namespace controlplane::dae
