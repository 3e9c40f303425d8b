// The server on loopback: storms, waiting, answers from the address of arrival, reload, `ack-mode = "early"`.

#include "controlplane/dae/server.hpp"

#include <chrono>
#include <memory>

#include "controlplane/dae/debug.hpp"
#include "tests/unit/cp_dae/fake_registry.hpp"
#include "tests/unit/cp_dae/support.hpp"
#include "tests/unit/cp_net/loop.hpp"

namespace controlplane::dae {
namespace {

using namespace std::chrono_literals;

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    config_.dynamic_author.enabled = true;
    config_.dynamic_author.ports = {0};
    config_.dynamic_author.addresses = {ip("127.0.0.1")};
    config_.dynamic_author.clients.push_back(make_client("127.0.0.0/8"));
    net::SocketOptions options;
    options.bind.address = ip("127.0.0.1");
    client_ = net::DatagramSocket::open(io_, options).value();
    client_->start([this](std::span<const net::Datagram> batch) {
      for (const net::Datagram& datagram : batch)
        replies_.push_back({datagram.remote, common::Bytes(datagram.bytes.begin(), datagram.bytes.end())});
    });
  }

  /// The configuration holds secrets and is not copied: the test's one is shared as it is.
  [[nodiscard]] std::shared_ptr<const config::Config> config() {
    return {&config_, [](const config::Config*) {}};
  }
  void open() {
    auto server = Server::open(io_, config(), registry_, clock_);
    ASSERT_TRUE(server.has_value()) << server.error().what;
    server_ = std::move(*server);
    server_->start();
  }
  [[nodiscard]] common::Endpoint door() const { return server_->listeners().at(0).local; }
  void send(common::ByteView octets) { client_->send({{}, door(), octets, 0}); }
  [[nodiscard]] bool wait_for_replies(std::size_t count) {
    return net::run_until(io_, [&] { return replies_.size() >= count; });
  }
  /// Turns the loop until nothing is to be done.
  void settle() {
    io_.restart();
    while (io_.run_one_for(10ms) != 0) {
    }
  }
  [[nodiscard]] const ClientCounters& counters() const { return server_->pipeline().clients().all().at(0)->counters; }

  struct Reply {
    common::Endpoint from;
    common::Bytes octets;
  };

  boost::asio::io_context io_;
  common::SystemClock clock_;
  config::Config config_;
  FakeRegistry registry_{io_};
  std::unique_ptr<net::DatagramSocket> client_;
  std::vector<Reply> replies_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, EndsASessionThenAcknowledges) {
  registry_.add(1, std::string(kAuditId));
  registry_.automatic = false;
  open();
  const auto request = golden_request();
  send(request);
  ASSERT_TRUE(net::run_until(io_, [&] { return registry_.revoked.size() == 1; }));
  send(request);  // a retransmission while it is under way
  settle();
  EXPECT_TRUE(replies_.empty());  // P1: not before the terminator is done
  EXPECT_EQ(registry_.revoked.size(), 1U);
  EXPECT_EQ(registry_.revoked[0].cause, session::Cause::admin_reset);
  const session::DurableReply durable = *registry_.revoked[0].reply;
  registry_.finish(session::Revocation::ended);
  ASSERT_TRUE(wait_for_replies(1));
  EXPECT_TRUE(is_ack(replies_[0].octets));
  (void)parse_reply(replies_[0].octets, request);
  EXPECT_EQ(durable.reply, replies_[0].octets);
  EXPECT_EQ(durable.client, client_->local());
  EXPECT_EQ(durable.local_port, door().port);
  send(request);
  ASSERT_TRUE(wait_for_replies(2));
  EXPECT_EQ(replies_[1].octets, replies_[0].octets);
  EXPECT_EQ(registry_.calls, 1U);
  EXPECT_EQ(counters().disconnect.duplicate_requests, 2U);
  const auto second = golden_request(9);
  send(second);
  ASSERT_TRUE(wait_for_replies(3));
  EXPECT_EQ(replies_[2].octets.size(), 47U);
}

TEST_F(ServerTest, ARevocationThatFailedIsRefused) {
  registry_.add(1, std::string(kAuditId));
  open();
  registry_.result = session::Revocation::no_spool;
  send(golden_request(1));
  ASSERT_TRUE(wait_for_replies(1));
  EXPECT_EQ(cause_of(replies_[0].octets), 506U);
  registry_.result = session::Revocation::not_removed;
  send(golden_request(2));
  ASSERT_TRUE(wait_for_replies(2));
  EXPECT_EQ(cause_of(replies_[1].octets), 404U);
  EXPECT_EQ(counters().disconnect.acks, 0U);
}

TEST_F(ServerTest, TwoRequestsForOneSessionAreBothAcknowledged) {
  registry_.add(1, std::string(kAuditId));
  registry_.automatic = false;
  open();
  send(golden_request(1));
  send(golden_request(2));
  ASSERT_TRUE(net::run_until(io_, [&] { return registry_.revoked.size() == 2; }));
  registry_.finish(session::Revocation::ended);
  registry_.finish(session::Revocation::ended);
  ASSERT_TRUE(wait_for_replies(2));
  EXPECT_TRUE(is_ack(replies_[0].octets) && is_ack(replies_[1].octets));
}

TEST_F(ServerTest, EveryIdMustAgree) {
  registry_.add(1, "one", "alice", "10.0.0.1");
  registry_.add(2, "two", "bob", "10.0.0.2");
  registry_.automatic = false;
  open();
  // Each id names a session, but not the same.
  send(make_request(1, [](PacketWriter& w) {
    w.avpair("audit-session-id", "one");
    w.text(attribute::kUserName, "bob");
  }));
  send(make_request(2, [](PacketWriter& w) {
    w.text(attribute::kUserName, "alice");
    w.address(attribute::kFramedIpAddress, ip("10.0.0.2"));
  }));
  send(make_request(3, [](PacketWriter& w) {
    w.text(attribute::kUserName, "alice");
    w.text(attribute::kUserName, "bob");
  }));
  ASSERT_TRUE(wait_for_replies(3));
  for (const Reply& reply : replies_) EXPECT_EQ(reply.octets.size(), 47U);
  EXPECT_EQ(registry_.calls, 0U);
  send(make_request(4, [](PacketWriter& w) {
    w.avpair("audit-session-id", "two");
    w.text(attribute::kUserName, "bob");
    w.address(attribute::kFramedIpAddress, ip("10.0.0.2"));
    w.text(attribute::kAcctSessionId, "00000012");
    w.text(attribute::kCallingStationId, "198.51.100.4");
  }));
  ASSERT_TRUE(net::run_until(io_, [&] { return registry_.calls == 1; }));
  EXPECT_EQ(registry_.revoked[0].sessions, std::vector{common::SessionId(2)});
}

TEST_F(ServerTest, OneCallingStationIsAWholeNat) {
  for (std::uint64_t i = 1; i <= 5; ++i) registry_.add(i, "id" + std::to_string(i));
  open();
  const auto request = [](std::uint8_t id) {
    return make_request(id, [](PacketWriter& w) { w.text(attribute::kCallingStationId, "198.51.100.4"); });
  };
  send(request(1));
  ASSERT_TRUE(wait_for_replies(1));
  EXPECT_EQ(cause_of(replies_[0].octets), 508U);
  EXPECT_EQ(registry_.entries.size(), 5U);
  config_.dynamic_author.clients[0].max_sessions_per_request = 5;
  ASSERT_TRUE(server_->reload(config()).has_value());
  send(request(2));
  ASSERT_TRUE(wait_for_replies(2));
  EXPECT_TRUE(is_ack(replies_[1].octets));
  EXPECT_TRUE(registry_.entries.empty());
  EXPECT_EQ(counters().disconnect.sessions, 5U);
}

TEST_F(ServerTest, AStormIsOneBatch) {
  constexpr std::size_t kStorm = 1000;
  for (std::uint64_t i = 0; i < kStorm; ++i) registry_.add(i + 1, "id" + std::to_string(i));
  registry_.set_ready(false);
  open();  // reads nothing yet: all of it waits in the kernel
  std::vector<common::Bytes> requests;
  for (std::size_t i = 0; i < kStorm; ++i)
    requests.push_back(golden_request(static_cast<std::uint8_t>(i), "id" + std::to_string(i)));
  std::vector<net::OutDatagram> out;
  for (const common::Bytes& request : requests) out.push_back({{}, door(), request, 0});
  client_->send(out);
  settle();
  EXPECT_EQ(registry_.calls, 0U);
  registry_.set_ready(true);
  ASSERT_TRUE(wait_for_replies(kStorm)) << replies_.size();
  EXPECT_EQ(registry_.turns, std::vector<std::size_t>{kStorm});  // one turn, so one removal and one commit
  EXPECT_EQ(counters().disconnect.acks, kStorm);
  EXPECT_TRUE(registry_.entries.empty());
  EXPECT_EQ(server_->listeners().at(0).counters.sent, kStorm);
}

TEST_F(ServerTest, RequestsWaitWhileTheSessionsAreNotReady) {
  registry_.add(1, std::string(kAuditId));
  open();
  registry_.set_ready(false);
  send(golden_request());
  settle();
  EXPECT_TRUE(replies_.empty());
  EXPECT_EQ(registry_.calls, 0U);
  registry_.set_ready(true);
  ASSERT_TRUE(wait_for_replies(1));
  EXPECT_TRUE(is_ack(replies_[0].octets));
}

TEST_F(ServerTest, NotReadyInTheMiddleOfADrainWaitsToo) {
  registry_.add(1, std::string(kAuditId));
  open();
  send(golden_request());
  // The drain has happened, its commit has not: then the channel goes down.
  ASSERT_TRUE(net::run_until(io_, [&] { return server_->pipeline().in_progress() == 1; }));
  server_->set_ready(false);
  settle();
  EXPECT_EQ(registry_.calls, 0U);
  EXPECT_TRUE(replies_.empty());
  server_->set_ready(true);
  ASSERT_TRUE(wait_for_replies(1));
  EXPECT_TRUE(is_ack(replies_[0].octets));
}

TEST_F(ServerTest, AnswersFromTheAddressThatWasAsked) {
  config_.dynamic_author.addresses = {ip("0.0.0.0")};
  open();
  const auto request = golden_request();
  client_->send({{}, {ip("127.0.0.42"), door().port}, request, 0});
  ASSERT_TRUE(wait_for_replies(1));
  EXPECT_EQ(replies_[0].from, (common::Endpoint{ip("127.0.0.42"), door().port}));
}

TEST_F(ServerTest, AnyAddressIsBothFamilies) {
  config_.dynamic_author.addresses.clear();
  config_.dynamic_author.clients.push_back(make_client("::1"));
  open();
  bool v4 = false;
  bool v6 = false;
  for (const Listener& listener : server_->listeners()) (listener.local.address.is_v6() ? v6 : v4) = true;
  EXPECT_TRUE(v4);
  if (!v6) GTEST_SKIP() << "no IPv6 here";
  net::SocketOptions options;
  options.bind.address = ip("::1");
  const auto client = net::DatagramSocket::open(io_, options).value();
  bool answered = false;
  client->start([&](std::span<const net::Datagram>) { answered = true; });
  for (const Listener& listener : server_->listeners())
    if (listener.local.address.is_v6()) client->send({{}, {ip("::1"), listener.local.port}, golden_request(), 0});
  EXPECT_TRUE(net::run_until(io_, [&] { return answered; }));
}

TEST_F(ServerTest, EarlyAcknowledgesBeforeTheEnd) {
  config_.dynamic_author.ack_mode = config::AckMode::early;
  registry_.add(1, std::string(kAuditId));
  registry_.automatic = false;
  open();
  send(golden_request());
  ASSERT_TRUE(wait_for_replies(1));
  EXPECT_TRUE(is_ack(replies_[0].octets));
  ASSERT_EQ(registry_.revoked.size(), 1U);
  registry_.finish(session::Revocation::ended);
  settle();
  EXPECT_EQ(replies_.size(), 1U);
}

TEST_F(ServerTest, GarbageGetsNoAnswer) {
  open();
  send({});
  send(common::Bytes(1));
  send(common::Bytes(4096, 0x28));
  send(common::Bytes(9000, 0xff));
  auto wrong = golden_request();
  wrong[5] ^= 1;
  send(wrong);
  send(golden_request());  // the last one is answered
  ASSERT_TRUE(wait_for_replies(1));
  settle();
  EXPECT_EQ(replies_.size(), 1U);
  EXPECT_EQ(counters().disconnect.bad_authenticators, 1U);
}

TEST_F(ServerTest, ReloadOpensAndClosesSockets) {
  open();
  const std::uint16_t first = door().port;
  config_.dynamic_author.addresses.push_back(ip("127.0.0.9"));
  ASSERT_TRUE(server_->reload(config()).has_value());
  ASSERT_EQ(server_->listeners().size(), 2U);
  EXPECT_EQ(server_->listeners()[0].local.port, first);
  config_.dynamic_author.addresses = {ip("127.0.0.9")};
  ASSERT_TRUE(server_->reload(config()).has_value());
  ASSERT_EQ(server_->listeners().size(), 1U);
  send(golden_request());
  EXPECT_TRUE(wait_for_replies(1));
  // What cannot be had leaves everything as it was.
  config_.dynamic_author.addresses = {ip("192.0.2.77")};
  const auto refused = server_->reload(config());
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().what.find("192.0.2.77"), std::string::npos);
  EXPECT_EQ(server_->listeners().size(), 1U);
}

TEST_F(ServerTest, ThePortMustBeFree) {
  config_.dynamic_author.ports = {client_->local().port};
  const auto server = Server::open(io_, config(), registry_, clock_);
  ASSERT_FALSE(server.has_value());
  EXPECT_NE(server.error().what.find("Address already in use"), std::string::npos);
}

TEST_F(ServerTest, ItsEndIsSafeWithRevocationsUnderWay) {
  registry_.add(1, std::string(kAuditId));
  registry_.automatic = false;
  open();
  send(golden_request());
  ASSERT_TRUE(net::run_until(io_, [&] { return registry_.revoked.size() == 1; }));
  server_.reset();
  registry_.finish(session::Revocation::ended);
  registry_.set_ready(true);
  settle();
  EXPECT_TRUE(replies_.empty());
}

TEST_F(ServerTest, RestoredAnswersAreGiven) {
  registry_.set_ready(false);
  open();
  const auto request = golden_request();
  radius::StoredReply stored;
  stored.client = client_->local();
  stored.identifier = request[1];
  std::copy_n(request.begin() + 4, 16, stored.authenticator.begin());
  stored.reply = common::Bytes(20, 0x29);
  stored.expires = clock_.wall() + 60s;
  server_->restore(std::array{stored});
  send(request);
  registry_.set_ready(true);
  ASSERT_TRUE(wait_for_replies(1));
  EXPECT_EQ(replies_[0].octets, stored.reply);
}

TEST(NasNamesOf, TheConfiguration) {
  config::Config config;
  config.gateway.name = "gate";
  EXPECT_EQ(nas_names(config).identifier, "gate");
  config.radius.nas_identifier = "nas";
  config.radius.nas_ip_address = ip("192.0.2.1");
  config.radius.nas_addresses = {ip("2001:db8::1")};
  config::RadiusServer server;
  server.address = ip("127.0.0.1");
  config.radius.servers.push_back(std::move(server));
  const NasNames names = nas_names(config);
  EXPECT_EQ(names.identifier, "nas");
  EXPECT_EQ(names.addresses, (std::vector{ip("2001:db8::1"), ip("192.0.2.1"), ip("127.0.0.1")}));
}

TEST(Debug, IsSwitchedAtRunTime) {
  set_debug(true);
  EXPECT_TRUE(debug_enabled());
  EXPECT_TRUE(LogTrace().wants_lines());
  set_debug(false);
  EXPECT_FALSE(debug_enabled());
}

}  // namespace
}  // namespace controlplane::dae
