#include <gtest/gtest.h>

#include "tests/unit/cp_admin/fakes.hpp"

namespace controlplane::admin {
namespace {

class Handle : public testing::Test {
 protected:
  Reply ask(std::string method, std::vector<std::string> words, bool may_write = true, bool wants_json = false) {
    Reply got;
    got.status = 0;
    handle(sources, {std::move(method), std::move(words), wants_json, may_write},
           [&](Reply reply) { got = std::move(reply); });
    return got;
  }

  FakeSessions sessions;
  Sources sources = sources_of(sessions, {{"drop.bad_icv", 3}, {"port.outside.rx_packets", 9}});
  bool debugging = false;

  void SetUp() override {
    sessions.sessions = {documents_session()};
    sources.debug["aaa pod"] = {[this](bool on) { debugging = on; }, [this] { return debugging; }};
  }
};

TEST_F(Handle, ShowsAUserByUniqueIdOnly) {
  EXPECT_EQ(ask("GET", {"show", "aaa", "user", "41"}).status, 200U);
  EXPECT_EQ(ask("GET", {"show", "aaa", "user", "42"}).status, 404U);
  EXPECT_EQ(ask("GET", {"show", "aaa", "user", "bob"}).status, 400U);
  EXPECT_EQ(ask("GET", {"show", "aaa", "user", ""}).status, 400U);
  EXPECT_NE(ask("GET", {"show", "aaa", "user", "all"}).body.find("Unique id 41"), std::string::npos);
}

TEST_F(Handle, ClearsByIdByUserAndAll) {
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session", "41"}).body, "1 session cleared\n");
  EXPECT_EQ(sessions.revoked, std::vector{common::SessionId{59}});
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session", "user", "pskuser2.g1.engdt.com"}).status, 200U);
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session", "all"}).status, 200U);
  sessions.revoked.clear();
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session", "user", "nobody"}).status, 404U);
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session"}).status, 404U);
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session", "some", "thing"}).status, 400U);
  EXPECT_TRUE(sessions.revoked.empty());
}

TEST_F(Handle, SaysWhyAClearDidNothing) {
  sessions.outcome = session::Revocation::no_spool;
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session", "41"}).status, 503U);
  sessions.outcome = session::Revocation::not_removed;
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session", "41"}).status, 409U);
}

TEST_F(Handle, ChangesNothingForThoseWhoMayOnlyLook) {
  EXPECT_EQ(ask("POST", {"clear", "crypto", "session", "all"}, false).status, 403U);
  EXPECT_EQ(ask("POST", {"debug", "aaa", "pod"}, false).status, 403U);
  EXPECT_TRUE(sessions.revoked.empty());
  EXPECT_FALSE(debugging);
  EXPECT_EQ(ask("GET", {"show", "aaa", "sessions"}, false).status, 200U);
}

TEST_F(Handle, NeverChangesAnythingByGet) {
  EXPECT_EQ(ask("GET", {"clear", "crypto", "session", "all"}).status, 404U);
  EXPECT_TRUE(sessions.revoked.empty());
}

TEST_F(Handle, SwitchesDebugging) {
  EXPECT_EQ(ask("POST", {"debug", "aaa", "pod"}).status, 200U);
  EXPECT_TRUE(debugging);
  EXPECT_EQ(ask("POST", {"undebug", "all"}).status, 200U);
  EXPECT_FALSE(debugging);
  EXPECT_NE(ask("POST", {"debug", "nothing"}).body.find("expected one of aaa pod"), std::string::npos);
}

TEST_F(Handle, ShowsTheDataplaneOrSaysThatItIsAway) {
  EXPECT_NE(ask("GET", {"show", "dataplane", "counters"}, true, true).body.find("\"drop.bad_icv\":3"),
            std::string::npos);
  EXPECT_EQ(ask("GET", {"show", "dataplane", "weather"}).status, 404U);
  sources.read_statistics = [](auto done) { done(std::unexpected(dataplane::LinkError::not_ready)); };
  EXPECT_EQ(ask("GET", {"show", "dataplane", "ports"}).status, 503U);
}

TEST_F(Handle, RefusesWhatItDoesNotKnow) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{}, {"show"}, {"show", "aaa"}, {"show", "version"}, {"", ""}})
    EXPECT_EQ(ask("GET", words).status, 404U);
  EXPECT_EQ(ask("DELETE", {"show", "aaa", "sessions"}).status, 404U);
}

TEST_F(Handle, CollectsMetricsOfEveryRoom) {
  sources.metrics.push_back([] {
    return std::vector<Metric>{
        {"portcullis_dae_disconnect_requests_total", "By client", {{"client", "10.0.0.1"}}, 5, true}};
  });
  std::string text;
  (void)collect_metrics(sources, [&](std::string got) { text = std::move(got); });
  for (const char* line :
       {"portcullis_sessions_begun_total 32", "portcullis_dataplane_drops_total{reason=\"bad_icv\"} 3",
        "portcullis_dae_disconnect_requests_total{client=\"10.0.0.1\"} 5", "portcullis_dataplane_up 1",
        "portcullis_dataplane_port_rx_packets{port=\"outside\"} 9"})
    EXPECT_NE(text.find(line), std::string::npos) << line << " in\n" << text;
}

TEST_F(Handle, MetricsDoNotWaitForADataplaneThatStandsStill) {
  std::move_only_function<void()> late;
  sources.read_statistics = [&](auto done) {
    late = [done = std::move(done)]() mutable { done(std::vector<dataplane::NamedValue>{{"drop.bad_icv", 3}}); };
  };
  unsigned answers = 0;
  std::string text;
  auto give_up = collect_metrics(sources, [&](std::string got) {
    ++answers;
    text = std::move(got);
  });
  EXPECT_EQ(answers, 0U);
  give_up();
  EXPECT_EQ(answers, 1U);
  EXPECT_NE(text.find("portcullis_dataplane_up 0"), std::string::npos) << text;
  EXPECT_NE(text.find("portcullis_sessions_begun_total"), std::string::npos) << text;
  late();
  give_up();
  EXPECT_EQ(answers, 1U);
}

}  // namespace
}  // namespace controlplane::admin
