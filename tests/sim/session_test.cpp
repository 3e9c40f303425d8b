// What happens to a session that is up: rekeys, Deletes, liveness, moves, revocation, shutdown.

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/sim/gateway.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using controlplane::ike::Counter;
using wire::NotifyType;

struct SessionTest : testing::Test {
  World world{2};
  std::shared_ptr<config::Config> config = make_config();
  std::optional<Gateway> gateway;
  std::optional<Initiator> client;

  void SetUp() override { start(psk_client()); }
  void start(ClientSettings settings) {
    client.reset();
    gateway.reset();
    gateway.emplace(world, config);
    client.emplace(world, client_at(1), kGatewayIke, std::move(settings));
    client->connect();
    ASSERT_TRUE(world.run([&] { return client->established(); }, 60s)) << client->failure_.value_or("");
  }
  /// Until the client's request is answered.
  void settle() {
    ASSERT_TRUE(world.run([&] { return client->idle(); }, 60s)) << client->failure_.value_or("");
    ASSERT_FALSE(client->failed()) << *client->failure_;
  }
  [[nodiscard]] Login& login() { return gateway->door.only(); }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return gateway->count(counter); }
};

TEST_F(SessionTest, ChildRekeysWithAndWithoutPfs) {
  for (const std::uint16_t group : {0, 31, 19, 14, 0}) {
    SCOPED_TRACE(group);
    client->rekey_child(group);
    settle();
    ASSERT_EQ(client->children.size(), 2U);
    EXPECT_EQ(client->children.back().group, group);
    EXPECT_EQ(compare_children(login(), client->children.back()), "");
    EXPECT_EQ(login().rekeys.back().old_inbound_spi, client->children.front().outbound.value());
    EXPECT_EQ(gateway->responder.list().at(0).children.size(), 2U);
    const common::Spi old = client->children.front().outbound;
    client->delete_old_child();
    settle();
    EXPECT_EQ(login().deleted.back(), old);
    EXPECT_EQ(gateway->responder.list().at(0).children.size(), 1U);
  }
  EXPECT_EQ(count(Counter::child_rekeys), 5U);
  EXPECT_TRUE(client->established());
  EXPECT_FALSE(login().ended);
}

TEST_F(SessionTest, IosOffersWithAndWithoutPfsAtOnce) {
  // The proposal names group 14 and NONE; the KE payload is of group 14.
  using enum wire::TransformType;
  client->settings.esp[0].transforms.push_back({dh, 0});
  client->rekey_child(14);
  settle();
  EXPECT_EQ(client->children.back().group, 14);
  EXPECT_EQ(compare_children(login(), client->children.back()), "");
}

TEST_F(SessionTest, ChildRekeyInvalidKe) {
  // Offers 31 in the proposal, sends a KE payload of group 19.
  const auto old = client->children.back().inbound;
  const common::Be32 old_spi(old.value());
  const common::Be32 spi(0xC1000000);
  auto esp = ClientSettings::default_esp();
  esp[0].spi = common::as_bytes(spi);
  esp[0].transforms.push_back({wire::TransformType::dh, 31});
  const Bytes nonce(32, 7);
  const auto dh = crypto::Dh::generate(crypto::Group::ecp_256).value();
  wire::PayloadWriter payloads;
  payloads.add(wire::Notify{NotifyType::rekey_sa, wire::ProtocolId::esp, common::as_bytes(old_spi), {}});
  payloads.add(wire::Sa{esp});
  payloads.add(wire::Nonce{nonce});
  payloads.add(wire::Ke{19, dh.public_value()});
  payloads.add_tsi({ClientSettings::everything(), 0});
  payloads.add_tsr({ClientSettings::everything(), 0});
  std::uint16_t wanted = 0;
  client->request(wire::ExchangeType::create_child_sa, payloads, [&](const wire::Payloads& answer) {
    if (const auto* notify = answer.find(NotifyType::invalid_ke_payload))
      wanted = common::ByteReader(notify->data).be16().value_or(0);
  });
  settle();
  EXPECT_EQ(wanted, 31);
  EXPECT_TRUE(login().rekeys.empty());
}

TEST_F(SessionTest, RekeyRefusals) {
  gateway->door.rekey_ok = false;
  client->rekey_child(0);
  settle();
  EXPECT_EQ(client->refused_with(), NotifyType::temporary_failure);
  gateway->door.rekey_ok = true;

  gateway->door.spis_gone = true;
  client->rekey_child(0);
  settle();
  EXPECT_EQ(client->refused_with(), NotifyType::temporary_failure);
  gateway->door.spis_gone = false;

  auto saved = client->children.back();
  client->children.back().inbound = common::Spi(0x12345678);  // an SPI that the gateway never saw
  client->rekey_child(0);
  settle();
  EXPECT_EQ(client->refused_with(), NotifyType::child_sa_not_found);
  client->children.back() = saved;

  client->settings.esp[0].transforms = {{wire::TransformType::encr, 3}, {wire::TransformType::esn, 0}};
  client->rekey_child(0);
  settle();
  EXPECT_EQ(client->refused_with(), NotifyType::no_proposal_chosen);
  EXPECT_TRUE(client->established());
  EXPECT_EQ(client->children.size(), 1U);
  // Every SPI but the one in use has been given back.
  EXPECT_EQ(std::ranges::count_if(gateway->door.spis, [](const auto& spi) { return spi.second; }), 1);
}

TEST_F(SessionTest, AdditionalChildIsRefused) {
  const common::Be32 spi(0xC1000000);
  auto esp = ClientSettings::default_esp();
  esp[0].spi = common::as_bytes(spi);
  const Bytes nonce(32, 7);
  wire::PayloadWriter payloads;
  payloads.add(wire::Sa{esp});
  payloads.add(wire::Nonce{nonce});
  payloads.add_tsi({ClientSettings::everything(), 0});
  payloads.add_tsr({ClientSettings::everything(), 0});
  client->request(wire::ExchangeType::create_child_sa, payloads, {});
  settle();
  EXPECT_EQ(client->refused_with(), NotifyType::no_additional_sas);
}

TEST_F(SessionTest, IkeRekeyMovesTheSession) {
  for (int round = 0; round < 3; ++round) {
    client->rekey_ike();
    settle();
    ASSERT_EQ(client->sas.size(), 2U + static_cast<std::size_t>(round));
    // The child SA is renewed with keys of the new IKE SA before the old one goes.
    client->rekey_child(31);
    settle();
    EXPECT_EQ(compare_children(login(), client->children.back()), "");
    client->delete_old_child();
    settle();
    client->delete_old_ike();
    settle();
    world.pass(15s);
    EXPECT_EQ(gateway->responder.list().size(), 1U);
    EXPECT_EQ(gateway->responder.statistics().established, 1U);
  }
  EXPECT_EQ(count(Counter::ike_rekeys), 3U);
  client->delete_ike();
  settle();
  world.pass(15s);
  EXPECT_EQ(login().cause, session::Cause::user_request);
  EXPECT_TRUE(gateway->responder.list().empty());
}

TEST_F(SessionTest, OldIkeSaIsDeletedByUsWhenThePeerForgets) {
  client->rekey_ike();
  settle();
  world.pass(60s);
  EXPECT_TRUE(client->sas[0].gone);
  EXPECT_EQ(gateway->responder.list().size(), 1U);
  EXPECT_FALSE(login().ended);
}

TEST_F(SessionTest, PeerDeletes) {
  client->delete_ike();
  settle();
  EXPECT_EQ(count(Counter::deletes_received), 1U);
  world.pass(30s);
  EXPECT_EQ(login().cause, session::Cause::user_request);
  EXPECT_TRUE(gateway->responder.list().empty());
  EXPECT_EQ(count(Counter::deletes_sent), 0U);
}

TEST_F(SessionTest, PeerDeletesItsOnlyChild) {
  client->delete_child();
  settle();
  world.pass(5s);
  EXPECT_EQ(login().cause, session::Cause::user_request);
  EXPECT_TRUE(client->deleted_by_gateway);
  world.pass(30s);
  EXPECT_TRUE(gateway->responder.list().empty());
}

TEST_F(SessionTest, RevocationTellsThePeer) {
  gateway->door.disconnect(login().names.id);
  world.pass(2s);
  EXPECT_TRUE(client->deleted_by_gateway);
  EXPECT_EQ(login().cause, session::Cause::admin_reset);
  world.pass(15s);
  EXPECT_TRUE(gateway->responder.list().empty());
  EXPECT_EQ(count(Counter::retransmissions_sent), 0U);
}

TEST_F(SessionTest, RevocationReachesBothIkeSasOfARekey) {
  client->rekey_ike();
  settle();
  gateway->door.disconnect(login().names.id);
  world.pass(2s);
  EXPECT_TRUE(client->sas[0].gone);
  EXPECT_TRUE(client->sas[1].gone);
  world.pass(15s);
  EXPECT_TRUE(gateway->responder.list().empty());
}

TEST_F(SessionTest, StubAnswersDeleteAndRefusesRekeys) {
  client->answers_dpd = false;  // it does not see our Delete
  gateway->door.disconnect(login().names.id);
  world.pass(1s);
  client->rekey_child(0);
  settle();
  EXPECT_EQ(client->refused_with(), NotifyType::temporary_failure);
  client->delete_ike();
  settle();
  EXPECT_TRUE(client->sas.back().gone);
  world.pass(15s);
  EXPECT_TRUE(gateway->responder.list().empty());
}

TEST_F(SessionTest, StubDiesAfterTenSeconds) {
  client->answers_dpd = false;
  gateway->door.disconnect(login().names.id);
  world.pass(9s);
  EXPECT_EQ(gateway->responder.list().size(), 1U);
  EXPECT_GE(count(Counter::retransmissions_sent), 2U);
  world.pass(2s);
  EXPECT_TRUE(gateway->responder.list().empty());
}

TEST_F(SessionTest, RekeyMeetsRevocation) {
  client->rekey_child(31);
  world.pass(6ms);  // the request is at the gateway, the dataplane has not answered
  gateway->door.disconnect(login().names.id);
  world.pass(20s);
  EXPECT_TRUE(client->deleted_by_gateway);
  EXPECT_TRUE(gateway->responder.list().empty());
}

TEST_F(SessionTest, LivenessIsAskedOnlyInSilence) {
  world.pass(29s);
  EXPECT_EQ(client->dpd_seen, 0U);
  gateway->door.only().peer->inbound_seen();
  world.pass(29s);
  EXPECT_EQ(client->dpd_seen, 0U);
  world.pass(2s);
  EXPECT_EQ(client->dpd_seen, 1U);
  EXPECT_TRUE(client->established());
  world.pass(60s);
  EXPECT_EQ(client->dpd_seen, 3U);
  EXPECT_EQ(count(Counter::dpd_dead), 0U);
}

TEST_F(SessionTest, DeadPeerLosesItsSession) {
  world.detach(client_at(1).address);
  // 30 s of silence, then 1 + 2 + 4 + 8 + 16 s of asking.
  world.pass(60s);
  EXPECT_FALSE(login().cause);
  world.pass(1500ms);
  EXPECT_EQ(login().cause, session::Cause::lost_carrier);
  EXPECT_EQ(count(Counter::dpd_dead), 1U);
  EXPECT_EQ(count(Counter::retransmissions_sent), 4U);
  world.pass(15s);
  EXPECT_TRUE(gateway->responder.list().empty());
}

TEST_F(SessionTest, LivenessCanBeOff) {
  config->ike.profiles[0].dpd = 0s;
  start(psk_client());
  world.pass(1h);
  EXPECT_EQ(client->dpd_seen, 0U);
  EXPECT_FALSE(gateway->responder.next_deadline());
}

TEST_F(SessionTest, PeerProbesUs) {
  client->probe();
  settle();
  EXPECT_EQ(count(Counter::dpd_received), 1U);
}

TEST_F(SessionTest, NatRebindingIsFollowed) {
  ClientSettings settings = psk_client();
  settings.behind_nat = common::IpAddress::parse("192.168.1.2");
  start(settings);
  client->rebind(77);
  client->probe();
  settle();
  ASSERT_EQ(login().moves.size(), 1U);
  EXPECT_EQ(login().moves[0].port, 4577);
  EXPECT_EQ(gateway->responder.list().at(0).remote.port, 4577);
  // The dataplane may be first to notice.
  login().peer->peer_moved({client_at(1).address, 4588});
  EXPECT_EQ(gateway->responder.list().at(0).remote.port, 4588);
}

TEST_F(SessionTest, WithoutNatNobodyIsFollowed) {
  client->rebind(77);
  client->probe();
  settle();  // answered where it came from
  EXPECT_TRUE(login().moves.empty());
  EXPECT_EQ(gateway->responder.list().at(0).remote.port, 500);
}

TEST_F(SessionTest, BadRequestEndsTheIkeSa) {
  wire::PayloadWriter payloads;
  payloads.add_raw(wire::PayloadType::delete_, Bytes{1, 2, 3});
  client->request(wire::ExchangeType::informational, payloads, {});
  settle();
  EXPECT_EQ(client->refused_with(), NotifyType::invalid_syntax);
  world.pass(15s);
  EXPECT_TRUE(login().ended);
  EXPECT_TRUE(gateway->responder.list().empty());
}

TEST_F(SessionTest, UnknownCriticalPayloadRefusesTheRequestAlone) {
  wire::PayloadWriter payloads;
  payloads.add_raw(static_cast<wire::PayloadType>(99), Bytes{1, 2, 3}, true);
  Bytes data;
  client->request(wire::ExchangeType::informational, payloads, [&](const wire::Payloads& answer) {
    if (const auto* notify = answer.find(NotifyType::unsupported_critical_payload))
      data.assign(notify->data.begin(), notify->data.end());
  });
  settle();
  EXPECT_EQ(data, Bytes{99});
  client->probe();
  settle();
  EXPECT_FALSE(login().ended);
}

TEST_F(SessionTest, ShutdownEndsEverySession) {
  bool done = false;
  gateway->responder.shutdown([&] { done = true; });
  EXPECT_TRUE(world.run([&] { return done; }, 11s));
  EXPECT_EQ(login().cause, session::Cause::nas_reboot);
  EXPECT_TRUE(client->deleted_by_gateway);
  Initiator late(world, client_at(2), kGatewayIke, psk_client());
  late.connect();
  world.pass(1s);
  EXPECT_GE(count(Counter::drop_shutting_down), 1U);
}

TEST_F(SessionTest, ShutdownDoesNotWaitForARefusedLoginThatOnlyAnswersRepetitions) {
  gateway->door.disconnect(login().names.id);
  ClientSettings wrong = psk_client();
  wrong.psk = "not this one";
  Initiator stranger(world, client_at(2), kGatewayIke, wrong);
  stranger.connect();
  world.pass(2s);
  ASSERT_TRUE(stranger.failed());
  ASSERT_FALSE(gateway->responder.list().empty());
  bool done = false;
  gateway->responder.shutdown([&] { done = true; });
  EXPECT_TRUE(world.run([&] { return done; }, 100ms));
}

TEST_F(SessionTest, ShutdownWithoutAnyPeerIsOverAtOnce) {
  Gateway idle(world);
  bool done = false;
  idle.responder.shutdown([&] { done = true; });
  EXPECT_TRUE(done);
}

TEST_F(SessionTest, ListingSaysWhatShowPrints) {
  const auto sa = gateway->responder.list().at(0);
  EXPECT_EQ(sa.status, "READY");
  EXPECT_EQ(sa.state, "established");
  EXPECT_EQ(sa.encryption, "AES-GCM");
  EXPECT_EQ(sa.key_bits, 256);
  EXPECT_EQ(sa.prf, "SHA384");
  EXPECT_EQ(sa.group, 31);
  EXPECT_EQ(sa.local_auth, "PSK");
  EXPECT_EQ(sa.remote_auth, "PSK");
  EXPECT_EQ(sa.remote_identity, "alice@psk.example");
  EXPECT_EQ(sa.local_identity, "vpn.example.org");
  EXPECT_EQ(sa.inner_address, client->inner);
  EXPECT_EQ(sa.session, login().names.id);
  EXPECT_EQ(sa.audit_session_id, login().names.audit_session_id);
  ASSERT_EQ(sa.children.size(), 1U);
  EXPECT_EQ(sa.children[0].inbound_spi, client->children[0].outbound);
  EXPECT_EQ(sa.children[0].suite, "esp-gcm 256");
  EXPECT_TRUE(sa.children[0].esn);
  EXPECT_NE(login().peer->describe().find("Encr: AES-GCM, keysize: 256"), std::string::npos);
}

}  // namespace
}  // namespace sim
