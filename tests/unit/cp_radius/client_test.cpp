// The client under a clock of the test's own: retransmission, fail-over, what counts as an answer.

#include "controlplane/radius/client.hpp"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/cp_radius/network.hpp"

namespace controlplane::radius {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Datagram;

class ClientTest : public testing::Test {
 protected:
  void SetUp() override { configure(test::config_with_servers(1)); }
  void configure(config::Config config) {
    config_ = std::move(config);
    client_ = std::make_unique<Client>(config_, wires_, clock_, test::fake_random(), [] {});
    wires_.sent.clear();
  }
  RequestId ask_eap(ServerId server = ServerId(0)) {
    AccessRequest request;
    request.user_name = "alice";
    request.eap = {2, 1, 0, 5, 1};
    request.server = server;
    return ask(std::move(request));
  }
  RequestId ask_password() {
    AccessRequest request;
    request.user_name = "alice";
    request.password = common::SecretBytes(common::as_bytes("cisco"));
    return ask(std::move(request));
  }
  RequestId ask(AccessRequest request) {
    reply_.reset();
    return client_->request(std::move(request), [this](AccessReply reply) { reply_ = std::move(reply); });
  }
  /// Moves the time on, event by event.
  void pass(common::Duration time) {
    const auto end = clock_.monotonic() + time;
    for (auto next = client_->next_deadline(); next && *next <= end; next = client_->next_deadline()) {
      clock_.advance(*next - clock_.monotonic());
      client_->on_timer();
    }
    clock_.advance(end - clock_.monotonic());
  }
  void deliver(const Datagram& request, const common::Bytes& octets) { client_->on_datagram(request.wire, octets); }
  /// An answer as a good server gives it.
  [[nodiscard]] static common::Bytes make(const Datagram& request, wire::Code code, bool message_authenticator = true,
                                          bool eap = true) {
    wire::PacketWriter out(code, request.packet().identifier);
    if (message_authenticator) out.message_authenticator();
    if (eap) out.eap(common::Bytes{3, 1, 0, 4});
    if (code == wire::Code::access_challenge) out.octets(wire::attribute::kState, common::Bytes{7});
    return test::answer(std::move(out), request);
  }
  [[nodiscard]] const ServerCounters& counters(std::size_t server = 0) const {
    return client_->servers()[server]->counters;
  }
  [[nodiscard]] static int host(const Datagram& datagram) {
    return static_cast<int>(datagram.server.address.v4_host() & 0xFFU);
  }
  /// Fails over from a silent s1, so that it is dead and s2 has answered.
  void kill_first_server() {
    ask_eap();
    (void)wires_.take();
    pass(milliseconds(2300));
    for (const Datagram& datagram : std::exchange(wires_.sent, {}))
      if (host(datagram) == 2) deliver(datagram, make(datagram, wire::Code::access_accept));
    ASSERT_TRUE(reply_);
  }

  config::Config config_;
  common::ManualClock clock_;
  test::FakeWires wires_;
  std::unique_ptr<Client> client_;
  std::optional<AccessReply> reply_;
};

TEST_F(ClientTest, AsksTheAuthenticationPortAndNamesUs) {
  ask_eap();
  const Datagram request = wires_.take();
  EXPECT_EQ(request.server.to_string(), "192.0.2.1:1812");
  EXPECT_EQ(request.packet().find(wire::attribute::kNasIpAddress)->address(), wires_.local);
  EXPECT_EQ(request.packet().find(wire::attribute::kNasIdentifier)->text(), "gateway");
  deliver(request, make(request, wire::Code::access_accept));
  ASSERT_TRUE(reply_);
  EXPECT_EQ(reply_->kind, AccessReply::Kind::accept);
  EXPECT_EQ(client_->in_flight(), 0U);
  EXPECT_FALSE(client_->next_deadline());
}

TEST_F(ClientTest, ConfiguredNasAddressWins) {
  config_.radius.nas_ip_address = common::IpAddress::v4(0x0A0B0C0D);
  config_.radius.nas_identifier = "portal";
  client_->reconfigure(config_);
  EXPECT_EQ(client_->nas_identity(), (NasIdentity{config_.radius.nas_ip_address, "portal"}));
}

TEST_F(ClientTest, RepeatsTheSameOctetsAtTwoFourEightSeconds) {
  ask_eap();
  const Datagram first = wires_.take();
  std::vector<common::MonotonicTime> times{clock_.monotonic()};
  while (!reply_) {
    const auto next = client_->next_deadline();
    ASSERT_TRUE(next);
    clock_.advance(*next - clock_.monotonic());
    client_->on_timer();
    for (const Datagram& again : std::exchange(wires_.sent, {})) {
      EXPECT_EQ(again.octets, first.octets);
      EXPECT_EQ(again.wire, first.wire);
      times.push_back(clock_.monotonic());
    }
  }
  ASSERT_EQ(times.size(), 4U) << "one transmission and retransmit = 3";
  const std::array<double, 3> expected{2, 4, 8};
  for (std::size_t i = 0; i < 3; ++i) {
    const double gap = std::chrono::duration<double>(times[i + 1] - times[i]).count();
    EXPECT_NEAR(gap, expected[i], expected[i] * 0.25) << i;
  }
  EXPECT_EQ(reply_->kind, AccessReply::Kind::no_answer);
  EXPECT_LE(clock_.monotonic() - times[0], seconds(34));
  EXPECT_EQ(counters().timeouts, 1U);
}

TEST_F(ClientTest, RetransmissionsAreJittered) {
  std::set<common::Duration> timeouts;
  for (int i = 0; i < 20; ++i) {
    ask_eap();
    timeouts.insert(*client_->next_deadline() - clock_.monotonic());
    wires_.sent.clear();
    pass(seconds(60));
  }
  EXPECT_GT(timeouts.size(), 10U);
  EXPECT_GE(*timeouts.begin(), milliseconds(1800));
  EXPECT_LE(*timeouts.rbegin(), milliseconds(2200));
}

TEST_F(ClientTest, ChallengeNamesItsServerAndTheNextRequestStaysThere) {
  configure(test::config_with_servers(2));
  ask_eap();
  const Datagram first = wires_.take();
  deliver(first, make(first, wire::Code::access_challenge));
  ASSERT_TRUE(reply_);
  EXPECT_EQ(reply_->state, common::Bytes{7});
  ASSERT_NE(reply_->server, ServerId(0));
  ask_eap(reply_->server);
  pass(seconds(60));
  ASSERT_TRUE(reply_);
  EXPECT_EQ(reply_->kind, AccessReply::Kind::no_answer);
  ASSERT_EQ(wires_.sent.size(), 4U);
  for (const Datagram& datagram : wires_.sent)
    EXPECT_EQ(host(datagram), 1) << "a conversation never changes its server";
}

TEST_F(ClientTest, LoginAfterAServerDiedWaitsOneTimeout) {
  configure(test::config_with_servers(2));
  const auto begun = clock_.monotonic();
  ask_eap();
  EXPECT_EQ(host(wires_.take()), 1);
  pass(milliseconds(2300));
  ASSERT_EQ(wires_.sent.size(), 2U) << "the first is asked again, the second as well";
  const Datagram second = wires_.sent.back();
  EXPECT_EQ(host(second), 2);
  deliver(second, make(second, wire::Code::access_accept));
  ASSERT_TRUE(reply_);
  EXPECT_EQ(reply_->kind, AccessReply::Kind::accept);
  EXPECT_LE(clock_.monotonic() - begun, milliseconds(2300));
}

TEST_F(ClientTest, NextLoginDoesNotWaitForTheDeadServer) {
  configure(test::config_with_servers(2));
  ASSERT_NO_FATAL_FAILURE(kill_first_server());
  ask_eap();
  EXPECT_EQ(host(wires_.take()), 2);
  EXPECT_TRUE(wires_.sent.empty());
}

TEST_F(ClientTest, AfterItsDeadTimeAServerProvesItselfWithACopy) {
  configure(test::config_with_servers(2));
  ASSERT_NO_FATAL_FAILURE(kill_first_server());
  pass(seconds(61));
  ask_eap();
  ASSERT_EQ(wires_.sent.size(), 2U);
  const Datagram to_living = wires_.take();
  const Datagram copy = wires_.take();
  EXPECT_EQ(host(to_living), 2);
  EXPECT_EQ(host(copy), 1);
  deliver(to_living, make(to_living, wire::Code::access_accept));
  ASSERT_TRUE(reply_) << "nobody waits for the copy";
  reply_.reset();
  deliver(copy, make(copy, wire::Code::access_accept));
  EXPECT_FALSE(reply_) << "its answer is nobody's";
  EXPECT_EQ(client_->servers()[0]->health, Server::Health::alive) << "but it shows that the server lives";
  ask_eap();
  EXPECT_EQ(host(wires_.take()), 1) << "and it is the preferred one again";
}

TEST_F(ClientTest, AnUnansweredCopyIsForgotten) {
  configure(test::config_with_servers(2));
  ASSERT_NO_FATAL_FAILURE(kill_first_server());
  pass(seconds(61));
  ask_eap();
  const Datagram to_living = wires_.take();
  const Datagram copy = wires_.take();
  deliver(to_living, make(to_living, wire::Code::access_accept));
  pass(seconds(17));
  EXPECT_EQ(client_->servers()[0]->ports.in_use(), 0U);
  EXPECT_FALSE(client_->next_deadline());
  deliver(copy, make(copy, wire::Code::access_accept));
  EXPECT_EQ(counters(0).unexpected, 1U);
}

TEST_F(ClientTest, DeadServersAreAskedWhenThereIsNoOther) {
  ask_eap();
  pass(seconds(60));
  EXPECT_EQ(client_->servers()[0]->health, Server::Health::dead);
  wires_.sent.clear();
  ask_eap();
  const Datagram request = wires_.take();
  deliver(request, make(request, wire::Code::access_reject));
  ASSERT_TRUE(reply_);
  EXPECT_EQ(reply_->kind, AccessReply::Kind::reject);
  EXPECT_EQ(client_->servers()[0]->health, Server::Health::alive);
}

TEST_F(ClientTest, PortUnreachableFailsOverAtOnceAndStillTakesAnAnswer) {
  configure(test::config_with_servers(2));
  ask_eap();
  const Datagram first = wires_.take();
  client_->on_refused(first.wire);
  const Datagram second = wires_.take();
  EXPECT_EQ(host(second), 2);
  EXPECT_EQ(client_->servers()[0]->health, Server::Health::dead);
  deliver(first, make(first, wire::Code::access_accept));
  ASSERT_TRUE(reply_) << "the report was forged: the first server answers all the same";
  EXPECT_EQ(reply_->kind, AccessReply::Kind::accept);
}

TEST_F(ClientTest, WithoutServersTheCallerHearsItAfterTheCall) {
  configure(test::config_with_servers(0));
  ask_eap();
  EXPECT_FALSE(reply_) << "called back before the call returned";
  pass(milliseconds(1));
  ASSERT_TRUE(reply_);
  EXPECT_EQ(reply_->kind, AccessReply::Kind::no_answer);
}

TEST_F(ClientTest, WithoutARouteTheNextServerIsAsked) {
  wires_.routable = false;
  ask_eap();
  pass(milliseconds(1));
  ASSERT_TRUE(reply_);
  EXPECT_EQ(reply_->kind, AccessReply::Kind::no_answer);
}

TEST_F(ClientTest, ARequestThatCannotBeWrittenFails) {
  AccessRequest request;
  request.user_name = std::string(300, 'x');
  request.eap = {2, 1, 0, 5, 1};
  ask(std::move(request));
  pass(milliseconds(1));
  ASSERT_TRUE(reply_);
  EXPECT_EQ(reply_->kind, AccessReply::Kind::no_answer);
  EXPECT_TRUE(wires_.sent.empty());
  EXPECT_EQ(client_->servers()[0]->ports.in_use(), 0U);
}

TEST_F(ClientTest, CancelledRequestsNeverCallBack) {
  const RequestId id = ask_eap();
  const Datagram request = wires_.take();
  client_->cancel(id);
  client_->cancel(id);
  deliver(request, make(request, wire::Code::access_accept));
  pass(seconds(60));
  EXPECT_FALSE(reply_);
  EXPECT_TRUE(wires_.sent.empty());
  EXPECT_EQ(counters().unexpected, 1U);
  EXPECT_EQ(client_->servers()[0]->ports.in_use(), 0U);
}

TEST_F(ClientTest, ForgedAndBrokenAnswersAreCountedAndIgnored) {
  ask_eap();
  const Datagram request = wires_.take();
  const common::Bytes good = make(request, wire::Code::access_accept);
  deliver(request, common::Bytes(good.begin(), good.begin() + 10));
  EXPECT_EQ(counters().malformed, 1U);
  auto forged = good;
  forged[10] ^= 1;
  deliver(request, forged);
  forged = good;
  forged[25] ^= 1;  // in the Message-Authenticator
  deliver(request, forged);
  EXPECT_EQ(counters().bad_authenticators, 2U);
  auto elsewhere = good;
  elsewhere[1] = static_cast<std::uint8_t>(elsewhere[1] + 1);
  deliver(request, elsewhere);
  deliver(request, make(request, wire::Code::accounting_response));
  EXPECT_EQ(counters().unexpected, 2U);
  EXPECT_FALSE(reply_);
  deliver(request, good);
  EXPECT_TRUE(reply_);
}

TEST_F(ClientTest, WithEapAMessageAuthenticatorIsAlwaysRequired) {
  config_.radius.servers[0].require_message_authenticator = config::RequireMessageAuthenticator::no;
  client_->reconfigure(config_);
  ask_eap();
  const Datagram request = wires_.take();
  deliver(request, make(request, wire::Code::access_accept, false, false));
  EXPECT_FALSE(reply_);
  EXPECT_EQ(counters().missing_message_authenticators, 1U);
  deliver(request, make(request, wire::Code::access_accept, true, true));
  EXPECT_TRUE(reply_);
}

TEST_F(ClientTest, RequireMessageAuthenticatorYesAutoNo) {
  using config::RequireMessageAuthenticator;
  struct Case {
    RequireMessageAuthenticator setting;
    bool seen_before;
    bool accepted;
  };
  for (const auto& [setting, seen_before, accepted] :
       {Case{RequireMessageAuthenticator::yes, false, false}, Case{RequireMessageAuthenticator::automatic, false, true},
        Case{RequireMessageAuthenticator::automatic, true, false}, Case{RequireMessageAuthenticator::no, true, true}}) {
    auto config = test::config_with_servers(1);
    config.radius.servers[0].require_message_authenticator = setting;
    configure(std::move(config));
    if (seen_before) {
      ask_password();
      const Datagram request = wires_.take();
      deliver(request, make(request, wire::Code::access_accept, true, false));
      ASSERT_TRUE(reply_);
    }
    ask_password();
    const Datagram request = wires_.take();
    deliver(request, make(request, wire::Code::access_accept, false, false));
    EXPECT_EQ(reply_.has_value(), accepted) << static_cast<int>(setting) << seen_before;
    EXPECT_EQ(counters().missing_message_authenticators, accepted ? 0U : 1U);
  }
}

TEST_F(ClientTest, MoreThan256RequestsUseMorePortsAndEveryIdentifierOnce) {
  std::set<std::pair<std::uint32_t, std::uint8_t>> names;
  std::set<common::Bytes> authenticators;
  std::size_t answered = 0;
  for (int i = 0; i < 600; ++i) {
    AccessRequest request;
    request.eap = {2, 1, 0, 5, 1};
    (void)client_->request(std::move(request), [&](AccessReply) { ++answered; });
  }
  const auto sent = std::exchange(wires_.sent, {});
  ASSERT_EQ(sent.size(), 600U);
  for (const Datagram& datagram : sent) {
    names.emplace(datagram.wire.value(), datagram.packet().identifier);
    const auto authenticator = datagram.packet().authenticator;
    authenticators.emplace(authenticator.begin(), authenticator.end());
  }
  EXPECT_EQ(names.size(), 600U);
  EXPECT_EQ(authenticators.size(), 600U);
  EXPECT_EQ(wires_.open_wires.size(), 3U);
  for (const Datagram& datagram : sent) deliver(datagram, make(datagram, wire::Code::access_accept));
  EXPECT_EQ(answered, 600U);
  EXPECT_EQ(client_->servers()[0]->ports.in_use(), 0U);
}

TEST_F(ClientTest, AReloadKeepsServersAndConversations) {
  configure(test::config_with_servers(2));
  ask_eap();
  const Datagram first = wires_.take();
  auto reordered = test::config_with_servers(3);
  reordered.radius.servers.erase(reordered.radius.servers.begin());  // s1 is gone
  client_->reconfigure(reordered);
  EXPECT_EQ(client_->servers().size(), 2U);
  deliver(first, make(first, wire::Code::access_challenge));
  ASSERT_TRUE(reply_) << "what was in flight to a server that is gone is still answered";
  EXPECT_EQ(client_->servers()[0]->name, "s2");
}

TEST_F(ClientTest, AnsweringInsideACallbackMayAskAgain) {
  int rounds = 0;
  std::function<void(AccessReply)> again = [&](AccessReply reply) {
    if (++rounds == 5) return;
    AccessRequest request;
    request.eap = {2, 1, 0, 5, 1};
    request.server = reply.server;
    (void)client_->request(std::move(request), again);
  };
  AccessRequest request;
  request.eap = {2, 1, 0, 5, 1};
  (void)client_->request(std::move(request), again);
  while (!wires_.sent.empty()) {
    const Datagram datagram = wires_.take();
    deliver(datagram, make(datagram, wire::Code::access_challenge));
  }
  EXPECT_EQ(rounds, 5);
}

}  // namespace
}  // namespace controlplane::radius
