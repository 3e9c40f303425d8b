// The whole room over real sockets, against a real FreeRADIUS: what it believes, records, and misses while it is down.
// Skipped where FreeRADIUS is not installed.

#include "controlplane/radius/service.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "controlplane/radius/wire/digest.hpp"
#include "tests/unit/cp_radius/freeradius.hpp"
#include "tests/unit/cp_radius/network.hpp"
#include "tests/unit/cp_radius/samples.hpp"

namespace controlplane::radius {
namespace {

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(test::kFreeRadius, X_OK) != 0) GTEST_SKIP() << "freeradius is not installed";
    ASSERT_TRUE(server_.start()) << server_.output();
    open();
  }
  void TearDown() override {
    service_.reset();
    store_.reset();
  }
  [[nodiscard]] config::RadiusServer server_entry(const test::FreeRadius& server, const char* name) const {
    config::RadiusServer entry;
    entry.name = name;
    entry.address = common::IpAddress::v4(0x7F000001);
    entry.auth_port = server.auth_port();
    entry.acct_port = server.acct_port();
    entry.key = common::SecretBytes(test::key());
    entry.timeout = std::chrono::milliseconds(300);
    // FreeRADIUS 3.2.1 answers a request without EAP without one.
    entry.require_message_authenticator = config::RequireMessageAuthenticator::no;
    return entry;
  }
  void open() {
    Store::Options options;
    options.file = directory_ / "portcullis.db";
    options.durability = config::Durability::os;
    store_ = Store::open(options, clock_, [this](std::move_only_function<void()> function) {
               boost::asio::post(
                   io_, [f = std::make_shared<std::move_only_function<void()>>(std::move(function))] { (*f)(); });
             }).value();
    config_ = std::make_shared<config::Config>();
    config_->gateway.name = "gateway";
    config_->radius.servers.push_back(server_entry(server_, "first"));
    service_ = std::make_unique<Service>(io_, config_, *store_, *store_, clock_);
  }
  bool run_until(const std::function<bool()>& condition, std::chrono::seconds time = std::chrono::seconds(15)) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  AccessReply ask(AccessRequest request) {
    std::optional<AccessReply> reply;
    (void)service_->client().request(std::move(request), [&](AccessReply got) { reply = std::move(got); });
    EXPECT_TRUE(run_until([&] { return reply.has_value(); })) << server_.output();
    return reply ? std::move(*reply) : AccessReply{};
  }
  void stop_session(std::uint64_t session, config::AccountingProfile profile = config::AccountingProfile::extended) {
    auto stop = test::record(RecordKind::stop, session);
    stop.identity.profile = profile;
    std::optional<StoreStatus> status;
    StopBatch batch;
    batch.stops.push_back(std::move(stop));
    store_->commit_stop(std::move(batch), [&](StoreStatus got) { status = got; });
    ASSERT_TRUE(run_until([&] { return status.has_value(); }));
    ASSERT_EQ(*status, StoreStatus::ok);
  }

  common::SystemClock clock_;
  boost::asio::io_context io_;
  test::TemporaryDirectory directory_;
  test::FreeRadius server_;
  std::shared_ptr<config::Config> config_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, AuthorizesByPassword) {
  AccessRequest request;
  request.user_name = "gateway.example.org";
  request.password = common::SecretBytes(common::as_bytes("cisco"));
  const auto granted = ask(std::move(request));
  EXPECT_EQ(granted.kind, AccessReply::Kind::accept);
  EXPECT_EQ(granted.grant.framed_pool, "staff");
  AccessRequest other;
  other.user_name = "gateway.example.org";
  other.password = common::SecretBytes(common::as_bytes("not-cisco"));
  EXPECT_EQ(ask(std::move(other)).kind, AccessReply::Kind::reject);
}

TEST_F(ServiceTest, CarriesAnEapConversation) {
  const std::string identity = "alice";
  AccessRequest first;
  first.user_name = identity;
  first.eap = {2, 0, 0, static_cast<std::uint8_t>(5 + identity.size()), 1};
  first.eap.insert(first.eap.end(), identity.begin(), identity.end());
  const auto challenge = ask(std::move(first));
  ASSERT_EQ(challenge.kind, AccessReply::Kind::challenge) << server_.output();
  ASSERT_GE(challenge.eap.size(), 22U);
  ASSERT_EQ(challenge.eap[4], 4) << "MD5-Challenge";
  // RFC 3748 §5.4: MD5 over identifier, password and challenge (RFC 1994 §4.1).
  const std::uint8_t identifier = challenge.eap[1];
  const auto digest = wire::md5(
      {{&identifier, 1}, common::as_bytes("wonderland"), common::ByteView(challenge.eap).subspan(6, challenge.eap[5])});
  AccessRequest second;
  second.user_name = identity;
  second.state = challenge.state;
  second.server = challenge.server;
  second.eap = {2, identifier, 0, 22, 4, 16};
  second.eap.insert(second.eap.end(), digest->begin(), digest->end());
  const auto accept = ask(std::move(second));
  ASSERT_EQ(accept.kind, AccessReply::Kind::accept) << server_.output();
  EXPECT_EQ(accept.eap[0], 3) << "EAP-Success";
  EXPECT_TRUE(accept.msk.empty()) << "MD5 makes no keys";
  EXPECT_EQ(accept.grant.user_name, "alice@example.org");
  EXPECT_EQ(accept.grant.classes, (std::vector<common::Bytes>{{0xAB, 0xCD, 0xEF}}));
  EXPECT_EQ(accept.grant.framed_ip_address, common::IpAddress::v4(0x0A010203));
  EXPECT_EQ(accept.grant.session_timeout, std::chrono::seconds(3600));
}

TEST_F(ServiceTest, RecordsArriveInBothProfiles) {
  service_->start_accounting();
  ASSERT_NO_FATAL_FAILURE(stop_session(1, config::AccountingProfile::document));
  ASSERT_NO_FATAL_FAILURE(stop_session(2));
  ASSERT_TRUE(run_until([&] { return store_->statistics().spooled == 0; })) << server_.output();
  const std::string detail = server_.detail();
  EXPECT_NE(detail.find("Acct-Session-Id = \"000003E9\""), std::string::npos) << detail;
  EXPECT_NE(detail.find("Acct-Session-Id = \"000003EA\""), std::string::npos) << detail;
  EXPECT_NE(detail.find("Cisco-AVPair = \"audit-session-id=L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B\""),
            std::string::npos);
  EXPECT_NE(detail.find("Acct-Terminate-Cause = Admin-Reset"), std::string::npos) << detail;
  EXPECT_NE(detail.find("Acct-Input-Gigawords = 232"), std::string::npos) << detail;
  EXPECT_NE(detail.find("Framed-IP-Address = 10.0.0.2"), std::string::npos) << detail;
}

TEST_F(ServiceTest, AServerThatWasDownGetsItsStopsWhenItReturns) {
  service_->start_accounting();
  server_.stop();
  for (std::uint64_t session = 1; session <= 20; ++session) ASSERT_NO_FATAL_FAILURE(stop_session(session));
  EXPECT_TRUE(run_until([&] { return service_->servers()[0].acct_dead; }));
  EXPECT_EQ(store_->statistics().spooled, 20U);
  // A restart of the gateway in between loses nothing either.
  service_.reset();
  store_.reset();
  open();
  EXPECT_EQ(store_->recovered().spooled, 20U);
  service_->start_accounting();
  ASSERT_TRUE(server_.start());
  EXPECT_TRUE(run_until([&] { return store_->statistics().spooled == 0; }));
  const std::string detail = server_.detail();
  for (std::uint32_t session = 1; session <= 20; ++session) {
    char text[40];
    std::snprintf(text, sizeof text, "Acct-Session-Id = \"%08X\"", session + 1000);
    EXPECT_NE(detail.find(text), std::string::npos) << text;
  }
}

TEST_F(ServiceTest, TheSecondServerTakesOverAtOnce) {
  test::FreeRadius second;
  ASSERT_TRUE(second.start());
  auto both = std::make_shared<config::Config>();
  both->gateway.name = "gateway";
  both->radius.servers.push_back(server_entry(server_, "first"));
  both->radius.servers.push_back(server_entry(second, "second"));
  service_->reconfigure(both);
  service_->start_accounting();
  server_.stop();
  const auto begun = std::chrono::steady_clock::now();
  AccessRequest request;
  request.user_name = "gateway.example.org";
  request.password = common::SecretBytes(common::as_bytes("cisco"));
  EXPECT_EQ(ask(std::move(request)).kind, AccessReply::Kind::accept);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
  ASSERT_NO_FATAL_FAILURE(stop_session(5));
  EXPECT_TRUE(run_until([&] { return store_->statistics().spooled == 0; }));
  EXPECT_NE(second.detail().find("Acct-Session-Id = \"000003ED\""), std::string::npos);
}

TEST_F(ServiceTest, AccountingOnComesAfterTheStopsOfBefore) {
  ASSERT_NO_FATAL_FAILURE(stop_session(1));
  AccountingIdentity nas;
  nas.acct_session_id = 7;
  nas.nas = service_->client().nas_identity();
  EXPECT_EQ(nas.nas.address, common::IpAddress::v4(0x7F000001));
  service_->accounting_on(nas);
  service_->start_accounting();
  ASSERT_TRUE(run_until([&] { return store_->statistics().spooled == 0 && store_->statistics().operations > 0; }));
  ASSERT_TRUE(run_until([&] { return server_.detail().find("Accounting-On") != std::string::npos; }))
      << server_.detail();
  const std::string detail = server_.detail();
  EXPECT_LT(detail.find("000003E9"), detail.find("Accounting-On"));
}

TEST_F(ServiceTest, TheErrorForAMissingMessageAuthenticatorIsCounted) {
  config_->radius.servers[0].require_message_authenticator = config::RequireMessageAuthenticator::yes;
  service_->reconfigure(config_);
  AccessRequest request;
  request.user_name = "gateway.example.org";
  request.password = common::SecretBytes(common::as_bytes("cisco"));
  bool answered = false;
  const auto id = service_->client().request(std::move(request), [&](AccessReply) { answered = true; });
  EXPECT_TRUE(run_until([&] { return service_->servers()[0].missing_message_authenticators > 0; }));
  EXPECT_FALSE(answered);
  service_->client().cancel(id);
}

}  // namespace
}  // namespace controlplane::radius
