// Logins in good weather: each way of authentication, each refusal.

#include <gtest/gtest.h>

#include "tests/sim/gateway.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using controlplane::ike::Counter;
using wire::NotifyType;

struct LoginTest : testing::Test {
  World world{1};
  std::shared_ptr<config::Config> config = make_config();

  /// Runs one client until it is in, or out.
  void login(Gateway& gateway, Initiator& client) {
    (void)gateway;
    client.connect();
    world.run([&] { return client.established() || client.failed(); }, 60s);
  }
  void expect_in(Gateway& gateway, Initiator& client) {
    login(gateway, client);
    ASSERT_TRUE(client.established()) << client.failure_.value_or("");
    EXPECT_EQ(compare_children(gateway.door.only(), client.children.back()), "");
    EXPECT_EQ(gateway.count(Counter::logins_established), 1U);
    EXPECT_EQ(gateway.responder.statistics().half_open, 0U);
    EXPECT_EQ(gateway.responder.statistics().established, 1U);
  }
  void expect_out(Gateway& gateway, Initiator& client) {
    login(gateway, client);
    ASSERT_TRUE(client.failed());
    EXPECT_EQ(gateway.door.live(), 0U);
    world.pass(120s);
    EXPECT_TRUE(gateway.responder.list().empty());
    EXPECT_EQ(gateway.responder.statistics().half_open, 0U);
    for (const auto& [id, one] : gateway.door.logins) EXPECT_TRUE(one.peer == nullptr);
    for (const auto& [spi, out] : gateway.door.spis) EXPECT_FALSE(out);
  }
};

TEST_F(LoginTest, PreSharedKey) {
  Gateway gateway(world, config);
  gateway.door.subnets = {*common::Prefix::parse("10.10.0.0/16")};
  Initiator client(world, client_at(1), kGatewayIke, psk_client());
  expect_in(gateway, client);
  EXPECT_EQ(client.inner, common::IpAddress::parse("10.99.0.1"));
  EXPECT_EQ(client.dns, gateway.door.dns);
  EXPECT_EQ(client.subnets, gateway.door.subnets);
  EXPECT_EQ(client.gateway_id, "vpn.example.org");
  ASSERT_EQ(client.children[0].tsi.size(), 1U);
  EXPECT_EQ(client.children[0].tsi[0].first, *client.inner);
  EXPECT_EQ(client.children[0].tsi[0].last, *client.inner);
  EXPECT_EQ(client.children[0].tsr[0].first, common::IpAddress::parse("10.10.0.0"));
  EXPECT_EQ(client.children[0].tsr[0].last, common::IpAddress::parse("10.10.255.255"));
  const Login& login = gateway.door.only();
  EXPECT_EQ(login.facts.method, session::Method::psk);
  EXPECT_EQ(login.facts.ike_identity, "alice@psk.example");
  EXPECT_EQ(login.facts.profile, "psk");
  EXPECT_EQ(login.install->child.flags & channel::kChildUdpEncap, 0);
  EXPECT_EQ(login.install->flags, 0U);
  EXPECT_NE(login.install->child.key_id, 0U);
  EXPECT_EQ(login.install->child.replay_window, config->dataplane.replay_window);
}

TEST_F(LoginTest, WrongPreSharedKey) {
  Gateway gateway(world, config);
  ClientSettings settings = psk_client();
  settings.psk = "another key";
  Initiator client(world, client_at(1), kGatewayIke, settings);
  expect_out(gateway, client);
  EXPECT_EQ(client.refused_with(), NotifyType::authentication_failed);
  EXPECT_EQ(gateway.count(Counter::bad_auth), 1U);
  EXPECT_TRUE(gateway.door.logins.empty());  // unauthenticated peers use up no session names
}

TEST_F(LoginTest, UnknownIdentity) {
  config->ike.profiles.pop_back();
  Gateway gateway(world, config);
  ClientSettings settings = psk_client();
  settings.id = {'x'};
  Initiator client(world, client_at(1), kGatewayIke, settings);
  expect_out(gateway, client);
  EXPECT_EQ(gateway.count(Counter::logins_no_profile), 1U);
}

TEST_F(LoginTest, Certificates) {
  for (const char* gateway_key : {"rsa", "ec"}) {
    for (const bool rsa : {true, false}) {
      for (const bool hashes : {true, false}) {
        SCOPED_TRACE(testing::Message() << gateway_key << rsa << hashes);
        config->ike.profiles[1].trustpoint = gateway_key;
        Gateway gateway(world, config);
        ClientSettings settings = certificate_client(rsa);
        settings.hashes = hashes;
        Initiator client(world, client_at(1), kGatewayIke, settings);
        expect_in(gateway, client);
        EXPECT_EQ(client.gateway_auth_method, hashes ? 14 : std::string(gateway_key) == "rsa" ? 1 : 9);
        EXPECT_EQ(client.gateway_id, "vpn.example.org");
        EXPECT_EQ(gateway.door.only().facts.method, session::Method::certificate);
      }
    }
  }
}

TEST_F(LoginTest, CertificateRefusals) {
  struct Case {
    const char* name;
    void (*spoil)(ClientSettings&);
  };
  const Case cases[] = {
      {"bad signature", [](ClientSettings& s) { s.wrong_auth = true; }},
      {"unknown CA", [](ClientSettings& s) { s.credential = &*Pki::get().stranger; }},
      {"another name", [](ClientSettings& s) { s.id.back() = 'x'; }},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    Gateway gateway(world, config);
    ClientSettings settings = certificate_client(false);
    one.spoil(settings);
    Initiator client(world, client_at(1), kGatewayIke, settings);
    expect_out(gateway, client);
    EXPECT_EQ(client.refused_with(), NotifyType::authentication_failed);
    EXPECT_EQ(gateway.count(Counter::bad_auth), 1U);
  }
}

TEST_F(LoginTest, RadiusMustAuthorize) {
  Gateway gateway(world, config);
  gateway.door.verdict = session::Verdict::reject;
  Initiator client(world, client_at(1), kGatewayIke, psk_client());
  expect_out(gateway, client);
  EXPECT_EQ(client.refused_with(), NotifyType::authentication_failed);
}

TEST_F(LoginTest, Eap) {
  for (const bool query : {true, false}) {
    SCOPED_TRACE(query);
    config->ike.profiles[1].query_identity = query;
    Gateway gateway(world, config);
    ClientSettings settings = eap_client();
    if (!query) {
      settings.id_type = wire::IdType::rfc822;
      settings.id = {'a', '@', 'b'};
      settings.user = "a@b";  // the fake server knows the user by the identity that it was given
    }
    Initiator client(world, client_at(1), kGatewayIke, settings);
    expect_in(gateway, client);
    EXPECT_EQ(client.gateway_auth_method, 2);  // the last AUTH is of the MSK
    EXPECT_EQ(client.certificates, 1U);
    EXPECT_EQ(gateway.door.only().facts.method, session::Method::eap);
    EXPECT_EQ(gateway.responder.list().at(0).eap_identity, settings.user);
  }
}

TEST_F(LoginTest, EapRefusals) {
  struct Case {
    const char* user;
    bool wrong_auth;
    std::optional<NotifyType> refusal;
  };
  for (const Case& one : {Case{"mallory", false, std::nullopt}, Case{"nokey", false, NotifyType::authentication_failed},
                          Case{"keyless", false, NotifyType::authentication_failed},
                          Case{"alice", true, NotifyType::authentication_failed}}) {
    SCOPED_TRACE(one.user);
    Gateway gateway(world, config);
    ClientSettings settings = eap_client(one.user);
    settings.wrong_auth = one.wrong_auth;
    Initiator client(world, client_at(1), kGatewayIke, settings);
    expect_out(gateway, client);
    EXPECT_EQ(client.refused_with(), one.refusal);
    EXPECT_EQ(client.eap_failed, !one.refusal);
  }
}

TEST_F(LoginTest, KeylessEapWhereAllowed) {
  config->ike.profiles[1].allow_keyless_eap = true;
  {
    Gateway gateway(world, config);
    Initiator client(world, client_at(1), kGatewayIke, eap_client("keyless"));
    expect_in(gateway, client);
  }
  // A method that should have given a key is refused all the same.
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, eap_client("nokey"));
  expect_out(gateway, client);
}

TEST_F(LoginTest, RadiusNeverAnswers) {
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, eap_client("lost"));
  client.connect();
  world.pass(300s);
  EXPECT_TRUE(client.failed());
  EXPECT_EQ(gateway.count(Counter::half_open_expired), 1U);
  EXPECT_TRUE(gateway.responder.list().empty());
  EXPECT_TRUE(gateway.door.only().detached);
}

TEST_F(LoginTest, PskWithEapOnlyWhereAllowed) {
  auto& profile = config->ike.profiles[1];
  profile.authentication_local = config::AuthMethod::psk;
  profile.keyring = "keys";
  config->ike.keyrings[0].peers[0].identity = "*";
  ClientSettings settings = eap_client();
  {
    Gateway gateway(world, config);
    Initiator client(world, client_at(1), kGatewayIke, settings);
    expect_out(gateway, client);
  }
  profile.allow_psk_with_eap = true;
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, settings);
  expect_in(gateway, client);
}

TEST_F(LoginTest, InvalidKeThenCookieThenIn) {
  config->ike.cookie_threshold = 0;
  Gateway gateway(world, config);
  ClientSettings settings = psk_client();
  using enum wire::TransformType;
  settings.ike = {{encr, 12, 256}, {integ, 12}, {prf, 5}, {dh, 2}, {dh, 14}};
  settings.ke_group = 19;
  Initiator client(world, client_at(1), kGatewayIke, settings);
  expect_in(gateway, client);
  EXPECT_EQ(client.invalid_ke, 1U);
  EXPECT_GE(client.cookies, 1U);
  EXPECT_EQ(gateway.count(Counter::invalid_ke), 1U);
}

TEST_F(LoginTest, NoProposal) {
  Gateway gateway(world, config);
  ClientSettings settings = psk_client();
  using enum wire::TransformType;
  settings.ike = {{encr, 3}, {integ, 2}, {prf, 2}, {dh, 2}};
  Initiator client(world, client_at(1), kGatewayIke, settings);
  login(gateway, client);
  EXPECT_EQ(client.refused_with(), NotifyType::no_proposal_chosen);
  EXPECT_EQ(gateway.count(Counter::no_proposal_chosen), 1U);
  EXPECT_TRUE(gateway.responder.list().empty());
}

TEST_F(LoginTest, NoChildSaDeletesTheIkeSa) {
  using enum wire::TransformType;
  struct Case {
    NotifyType expected;
    void (*spoil)(ClientSettings&, FakeDoor&);
  };
  const Case cases[] = {
      {NotifyType::no_proposal_chosen,
       [](ClientSettings& s, FakeDoor&) {
         s.esp = {{1, wire::ProtocolId::esp, {}, {{encr, 12, 256}, {integ, 2}, {esn, 0}}}};
       }},
      {NotifyType::ts_unacceptable,
       [](ClientSettings& s, FakeDoor& door) {
         door.subnets = {*common::Prefix::parse("10.0.0.0/8")};
         s.tsr = {{0, 0, 65535, *common::IpAddress::parse("192.168.0.0"), *common::IpAddress::parse("192.168.0.9")}};
       }},
      {NotifyType::internal_address_failure, [](ClientSettings&, FakeDoor& door) { door.pool_empty = true; }},
      {NotifyType::internal_address_failure,
       [](ClientSettings& s, FakeDoor&) {
         s.wants_v4 = false;
         s.wants_v6 = true;
       }},
  };
  for (const Case& one : cases) {
    Gateway gateway(world, config);
    ClientSettings settings = psk_client();
    one.spoil(settings, gateway.door);
    Initiator client(world, client_at(1), kGatewayIke, settings);
    expect_out(gateway, client);
    EXPECT_EQ(client.refused_with(), one.expected);
    EXPECT_TRUE(client.deleted_by_gateway);
    EXPECT_EQ(gateway.count(Counter::logins_no_child), 1U);
  }
}

TEST_F(LoginTest, ResourcesRunOut) {
  for (const int what : {0, 1, 2}) {
    SCOPED_TRACE(what);
    Gateway gateway(world, config);
    gateway.door.admits = what != 0;
    gateway.door.spis_gone = what == 1;
    if (what == 2) gateway.door.establish_status = session::EstablishStatus::no_resources;
    Initiator client(world, client_at(1), kGatewayIke, psk_client());
    expect_out(gateway, client);
    EXPECT_EQ(client.refused_with(), NotifyType::authentication_failed);
  }
}

TEST_F(LoginTest, NatMovesToPort4500AndEncapsulates) {
  Gateway gateway(world, config);
  ClientSettings settings = psk_client();
  settings.behind_nat = common::IpAddress::parse("192.168.1.2");
  Initiator client(world, client_at(1), kGatewayIke, settings);
  client.rebind(1000);
  expect_in(gateway, client);
  const auto sa = gateway.responder.list().at(0);
  EXPECT_TRUE(sa.nat_remote);
  EXPECT_FALSE(sa.nat_local);
  EXPECT_EQ(sa.local.port, 4500);
  EXPECT_EQ(sa.remote.port, 5500);
  const auto& install = *gateway.door.only().install;
  EXPECT_EQ(install.flags, channel::kSessionNat);
  EXPECT_EQ(install.child.flags & channel::kChildUdpEncap, channel::kChildUdpEncap);
  EXPECT_EQ(install.local.port, 4500);
  EXPECT_EQ(install.remote.port, 5500);
}

TEST_F(LoginTest, WithoutAnAddressThePeerSpeaksForItself) {
  Gateway gateway(world, config);
  ClientSettings settings = psk_client();
  settings.wants_v4 = false;
  Initiator client(world, client_at(1), kGatewayIke, settings);
  expect_in(gateway, client);
  EXPECT_FALSE(client.inner);
  EXPECT_EQ(client.children[0].tsi[0].first, client_at(1).address);
  EXPECT_EQ(client.children[0].tsi[0].last, client_at(1).address);
}

TEST_F(LoginTest, AndroidAsksForBothFamilies) {
  Gateway gateway(world, config);
  ClientSettings settings = eap_client();
  settings.wants_v6 = true;
  Initiator client(world, client_at(1), kGatewayIke, settings);
  expect_in(gateway, client);
  EXPECT_TRUE(client.inner);
}

TEST_F(LoginTest, WindowsTwoUsersOneIdentity) {
  Gateway gateway(world, config);
  using enum wire::TransformType;
  ClientSettings settings = eap_client("anna");
  settings.ike = {{encr, 12, 256}, {integ, 12}, {prf, 5}, {dh, 14}};
  settings.ke_group = 14;
  settings.hashes = false;
  settings.certreqs = 70;
  Initiator anna(world, client_at(1), kGatewayIke, settings);
  expect_in(gateway, anna);
  EXPECT_EQ(gateway.responder.list().at(0).encryption, "AES-CBC");
  settings.user = "bert";
  Initiator bert(world, client_at(2), kGatewayIke, settings);
  login(gateway, bert);
  EXPECT_TRUE(bert.established()) << bert.failure_.value_or("");
  EXPECT_TRUE(anna.established());
  EXPECT_EQ(gateway.door.live(), 2U);
}

TEST_F(LoginTest, BigEapPacketsComeInFragments) {
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, eap_client("big"));
  expect_in(gateway, client);
  EXPECT_GT(gateway.count(Counter::fragments_in), 4U);
  EXPECT_GT(gateway.count(Counter::fragments_out), 4U);
}

TEST_F(LoginTest, InitialContactIsPassedOn) {
  Gateway gateway(world, config);
  ClientSettings settings = psk_client();
  settings.initial_contact = true;
  Initiator client(world, client_at(1), kGatewayIke, settings);
  expect_in(gateway, client);
  EXPECT_TRUE(gateway.door.only().facts.initial_contact);
}

TEST_F(LoginTest, OurIdentityFollowsTheIdrThatIsAskedFor) {
  config::IkeProfile& psk = config->ike.profiles[0];
  config::IkeProfile second;
  second.name = "second";
  second.match_identity_remote = psk.match_identity_remote;
  second.identity_local = "other.example.org";
  second.authentication_local = config::AuthMethod::psk;
  second.authentication_remote = {config::AuthMethod::psk};
  second.keyring = "keys";
  config->ike.profiles.push_back(std::move(second));
  Gateway gateway(world, config);
  ClientSettings settings = psk_client();
  settings.idr = "other.example.org";
  Initiator client(world, client_at(1), kGatewayIke, settings);
  expect_in(gateway, client);
  EXPECT_EQ(client.gateway_id, "other.example.org");
  EXPECT_EQ(gateway.door.only().facts.profile, "second");
}

}  // namespace
}  // namespace sim
