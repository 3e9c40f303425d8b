// Strangers, floods, replays and nonsense: nothing of it may change a session (P5).

#include <random>

#include <gtest/gtest.h>

#include "tests/sim/gateway.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using controlplane::ike::Counter;
using wire::NotifyType;

struct HostileTest : testing::Test {
  World world{3};
  std::shared_ptr<config::Config> config = make_config();
};

/// A client that never goes beyond IKE_SA_INIT.
void begin_only(World& world, Gateway& gateway, Endpoint from) {
  auto settings = psk_client();
  Initiator client(world, from, kGatewayIke, settings);
  client.connect();
  world.pass(20ms);
  (void)gateway;
}

TEST_F(HostileTest, AShutdownDoesNotWaitForAPeerThatHasTheNextWord) {
  Gateway gateway(world, config);
  world.tap = [](const Endpoint& from, const Endpoint&, ByteView bytes) {
    return from.address == kGatewayAddress || bytes[18] == 34;  // only IKE_SA_INIT gets through
  };
  Initiator stranger(world, client_at(1), kGatewayIke, psk_client());
  stranger.connect();
  world.pass(50ms);
  ASSERT_EQ(gateway.responder.statistics().half_open, 1U);
  bool done = false;
  gateway.responder.shutdown([&] { done = true; });
  EXPECT_TRUE(world.run([&] { return done; }, 100ms));
}

TEST_F(HostileTest, CookiesAboveTheThreshold) {
  config->ike.cookie_threshold = 3;
  Gateway gateway(world, config);
  world.tap = [](const Endpoint& from, const Endpoint&, ByteView bytes) {
    return from.address == kGatewayAddress || bytes[18] == 34;  // only IKE_SA_INIT gets through
  };
  std::vector<std::unique_ptr<Initiator>> clients;
  for (std::uint32_t i = 1; i <= 5; ++i) {
    clients.push_back(std::make_unique<Initiator>(world, client_at(i), kGatewayIke, psk_client()));
    clients.back()->connect();
    world.pass(50ms);
  }
  EXPECT_EQ(clients[2]->cookies, 0U);
  EXPECT_EQ(clients[3]->cookies, 1U);
  EXPECT_EQ(gateway.responder.statistics().half_open, 5U);
  EXPECT_EQ(gateway.count(Counter::cookies_sent), 2U);
  clients.clear();
  world.pass(61s);
  EXPECT_EQ(gateway.responder.statistics().half_open, 0U);
  EXPECT_EQ(gateway.count(Counter::half_open_expired), 5U);
}

TEST_F(HostileTest, OldCookiesAreWorthless) {
  config->ike.cookie_threshold = 0;
  Gateway gateway(world, config);
  Bytes with_cookie;
  world.tap = [&](const Endpoint& from, const Endpoint&, ByteView bytes) {
    if (from.address != kGatewayAddress && bytes[16] == 41) with_cookie.assign(bytes.begin(), bytes.end());
    return true;
  };
  begin_only(world, gateway, client_at(1));
  ASSERT_FALSE(with_cookie.empty());
  ASSERT_EQ(gateway.responder.statistics().half_open, 1U);
  world.pass(70s);
  world.carry(client_at(1), kGatewayIke, with_cookie);  // the secret before the present one is still believed
  world.pass(1s);
  EXPECT_EQ(gateway.responder.statistics().half_open, 1U);
  world.pass(200s);
  world.carry(client_at(1), kGatewayIke, with_cookie);
  world.pass(1s);
  EXPECT_EQ(gateway.responder.statistics().half_open, 0U);
  EXPECT_EQ(gateway.count(Counter::cookies_bad), 1U);
  // Nor is somebody else's.
  world.carry(client_at(9), kGatewayIke, with_cookie);
  world.pass(1s);
  EXPECT_EQ(gateway.count(Counter::cookies_bad), 2U);
}

TEST_F(HostileTest, HalfOpenLimits) {
  config->ike.half_open_limit = 6;
  config->ike.half_open_per_source = 4;
  Gateway gateway(world, config);
  world.tap = [](const Endpoint& from, const Endpoint&, ByteView bytes) {
    return from.address == kGatewayAddress || bytes[18] == 34;
  };
  std::vector<std::unique_ptr<Initiator>> clients;
  const auto add = [&](common::IpAddress address) {
    clients.push_back(std::make_unique<Initiator>(world, Endpoint{address, 500}, kGatewayIke, psk_client()));
    clients.back()->connect();
    world.pass(40ms);
  };
  for (std::uint32_t i = 1; i <= 6; ++i) add(client_at(i).address);
  EXPECT_EQ(gateway.responder.statistics().half_open, 4U);
  EXPECT_GE(gateway.count(Counter::drop_source_limit), 2U);
  EXPECT_EQ(clients[2]->cookies, 1U);  // half of a source's share costs a cookie
  for (std::uint32_t i = 1; i <= 4; ++i) add(common::IpAddress::v4(0xCB007100 + i));
  EXPECT_EQ(gateway.responder.statistics().half_open, 6U);
  EXPECT_GE(gateway.count(Counter::drop_half_open_limit), 2U);
}

TEST_F(HostileTest, GarbageIsCountedAndNothingElse) {
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, psk_client());
  client.connect();
  ASSERT_TRUE(world.run([&] { return client.established(); }, 60s));
  const auto sent = gateway.count(Counter::datagrams_out);
  std::mt19937_64 chance(1);
  for (int i = 0; i < 2000; ++i) {
    Bytes garbage(chance() % 200);
    for (auto& octet : garbage) octet = static_cast<std::uint8_t>(chance());
    const Endpoint to{kGatewayAddress, static_cast<std::uint16_t>(i % 2 == 0 ? 500 : 4500)};
    gateway.responder.on_datagram({to, client_at(7), garbage});
  }
  const std::uint8_t keepalive = 0xFF;
  gateway.responder.on_datagram({{kGatewayAddress, 4500}, client_at(1), common::as_bytes(keepalive)});
  EXPECT_EQ(gateway.count(Counter::keepalives), 1U);
  EXPECT_GT(gateway.count(Counter::drop_malformed), 500U);
  EXPECT_GT(gateway.count(Counter::drop_not_ike), 500U);
  EXPECT_EQ(gateway.count(Counter::datagrams_out), sent);
  client.probe();
  EXPECT_TRUE(world.run([&] { return client.idle(); }, 5s));
  EXPECT_FALSE(client.failed());
}

/// Every octet of every kind of message, one bit changed: no answer to it but to IKE_SA_INIT, and the session stands.
TEST_F(HostileTest, ChangedBitsOfProtectedMessages) {
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, psk_client());
  client.connect();
  ASSERT_TRUE(world.run([&] { return client.established(); }, 60s));
  const Bytes good = client.seal_next(wire::ExchangeType::informational, {});
  const auto sent = gateway.count(Counter::datagrams_out);
  for (std::size_t octet = 0; octet < good.size(); ++octet) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes bad = good;
      bad[octet] ^= static_cast<std::uint8_t>(1U << bit);
      gateway.responder.on_datagram({kGatewayIke, client_at(1), bad});
    }
  }
  EXPECT_EQ(gateway.count(Counter::datagrams_out), sent);
  EXPECT_GT(gateway.count(Counter::drop_bad_icv), 100U);
  EXPECT_GT(gateway.count(Counter::drop_unknown_spi), 100U);
  EXPECT_GT(gateway.count(Counter::drop_bad_version), 0U);
  EXPECT_GT(gateway.count(Counter::drop_bad_exchange), 0U);
  EXPECT_FALSE(gateway.door.only().ended);
  gateway.responder.on_datagram({kGatewayIke, client_at(1), good});
  EXPECT_EQ(gateway.count(Counter::datagrams_out), sent + 1);
}

TEST_F(HostileTest, ReplayedRequestsGetTheSameAnswerAndFutureOnesNone) {
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, psk_client());
  client.connect();
  ASSERT_TRUE(world.run([&] { return client.established(); }, 60s));
  std::vector<Bytes> requests;
  std::vector<Bytes> answers;
  world.tap = [&](const Endpoint& from, const Endpoint&, ByteView bytes) {
    (from.address == kGatewayAddress ? answers : requests).emplace_back(bytes.begin(), bytes.end());
    return true;
  };
  for (int i = 0; i < 3; ++i) {
    client.probe();
    ASSERT_TRUE(world.run([&] { return client.idle(); }, 5s));
  }
  world.tap = [&](const Endpoint& from, const Endpoint&, ByteView bytes) {
    if (from.address == kGatewayAddress) answers.emplace_back(bytes.begin(), bytes.end());
    return true;
  };
  ASSERT_EQ(requests.size(), 3U);
  ASSERT_EQ(answers.size(), 3U);
  gateway.responder.on_datagram({kGatewayIke, client_at(1), requests[2]});
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[3], answers[2]);
  gateway.responder.on_datagram({kGatewayIke, client_at(1), requests[0]});
  gateway.responder.on_datagram({kGatewayIke, client_at(1), requests[1]});
  EXPECT_EQ(answers.size(), 4U);
  EXPECT_EQ(gateway.count(Counter::drop_message_id), 2U);
  client.sas.back().next += 2;
  gateway.responder.on_datagram({kGatewayIke, client_at(1), client.seal_next(wire::ExchangeType::informational, {})});
  EXPECT_EQ(answers.size(), 4U);
  EXPECT_EQ(gateway.count(Counter::drop_message_id), 3U);
}

TEST_F(HostileTest, InitRequestsThatMakeNoSense) {
  Gateway gateway(world, config);
  std::vector<Bytes> answers;
  world.attach(client_at(1).address, [&](const Endpoint&, const Endpoint&, ByteView bytes) {
    answers.emplace_back(bytes.begin(), bytes.end());
  });
  wire::IkeHeader header;
  header.initiator_spi = 1;
  header.from_initiator = true;
  const auto ask = [&](const wire::PayloadWriter& payloads) -> std::optional<NotifyType> {
    answers.clear();
    ++header.initiator_spi;
    gateway.responder.on_datagram({kGatewayIke, client_at(1), wire::write_message(header, payloads)});
    world.pass(10ms);
    if (answers.empty()) return std::nullopt;
    const auto message = wire::parse_message(answers.at(0));
    EXPECT_EQ(message->header.responder_spi, 0U);
    return message->clear.error()->type;
  };
  wire::PayloadWriter empty;
  EXPECT_EQ(ask(empty), NotifyType::invalid_syntax);
  wire::PayloadWriter critical;
  critical.add_raw(static_cast<wire::PayloadType>(200), Bytes{1}, true);
  EXPECT_EQ(ask(critical), NotifyType::unsupported_critical_payload);
  wire::PayloadWriter bad_point;
  bad_point.add(wire::Sa{
      {{1,
        wire::ProtocolId::ike,
        {},
        {{wire::TransformType::encr, 20, 256}, {wire::TransformType::prf, 5}, {wire::TransformType::dh, 19}}}}});
  const Bytes point(64, 1);
  bad_point.add(wire::Ke{19, point});
  const Bytes nonce(32, 1);
  bad_point.add(wire::Nonce{nonce});
  EXPECT_EQ(ask(bad_point), NotifyType::invalid_syntax);
  header.message_id = 1;
  EXPECT_EQ(ask(empty), std::nullopt);
  header.message_id = 0;
  header.from_initiator = false;
  EXPECT_EQ(ask(empty), std::nullopt);
  header.from_initiator = true;
  header.responder_spi = 5;
  EXPECT_EQ(ask(empty), std::nullopt);
  EXPECT_EQ(gateway.count(Counter::drop_unexpected_init), 3U);
  EXPECT_TRUE(gateway.responder.list().empty());
}

TEST_F(HostileTest, PacketOfDisconnectDuringEap) {
  // At every moment of a login: the peer gets AUTHENTICATION_FAILED, or its session ends; nothing stays.
  for (int delay = 0; delay < 160; delay += 4) {
    SCOPED_TRACE(delay);
    World sky(static_cast<std::uint64_t>(delay) + 1);
    Gateway gateway(sky, config);
    Initiator client(sky, client_at(1), kGatewayIke, eap_client());
    client.connect();
    ASSERT_TRUE(sky.run([&] { return !gateway.door.logins.empty(); }, 5s));
    sky.pass(std::chrono::milliseconds(delay));
    Login& login = gateway.door.only();
    const bool was_up = login.established;
    gateway.door.disconnect(login.names.id);
    sky.pass(120s);
    EXPECT_FALSE(client.established());
    if (!was_up) {
      EXPECT_EQ(client.refused_with(), NotifyType::authentication_failed);
      EXPECT_FALSE(login.install);
      for (const auto& [spi, out] : gateway.door.spis) EXPECT_FALSE(out);
    } else {
      EXPECT_TRUE(client.deleted_by_gateway);
    }
    EXPECT_TRUE(gateway.responder.list().empty());
    EXPECT_EQ(login.peer, nullptr);
  }
}

TEST_F(HostileTest, RequestsThatDoNotFitALogin) {
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, eap_client("lost"));
  client.connect();
  ASSERT_TRUE(world.run([&] { return gateway.count(Counter::logins_begun) == 1; }, 5s));
  world.pass(100ms);
  // An INFORMATIONAL before IKE_AUTH is over.
  const Bytes early = client.seal_next(wire::ExchangeType::informational, {});
  const auto before = gateway.count(Counter::datagrams_out);
  gateway.responder.on_datagram({kGatewayIke, client_at(1), early});
  EXPECT_EQ(gateway.count(Counter::datagrams_out), before);
  EXPECT_EQ(gateway.count(Counter::drop_wrong_state), 1U);
}

}  // namespace
}  // namespace sim
