// A client that is not ours: FreeRADIUS's radclient against the server on loopback. Skipped where it is not installed.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <unistd.h>

#include <sys/wait.h>

#include "controlplane/dae/server.hpp"
#include "tests/unit/cp_dae/fake_registry.hpp"
#include "tests/unit/cp_dae/support.hpp"
#include "tests/unit/cp_net/loop.hpp"

namespace controlplane::dae {
namespace {

struct Outcome {
  int status = -1;
  std::string output;
};

class Radclient : public testing::TestWithParam<config::DaeProfile> {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/radclient", X_OK) != 0) GTEST_SKIP() << "radclient is not installed";
    config_.dynamic_author.enabled = true;
    config_.dynamic_author.ports = {0};
    config_.dynamic_author.addresses = {ip("127.0.0.1")};
    config_.dynamic_author.clients.push_back(make_client("127.0.0.1", GetParam()));
    server_ = Server::open(io_, {&config_, [](const config::Config*) {}}, registry_, clock_).value();
    server_->start();
  }

  /// Runs radclient while the server's loop turns.
  [[nodiscard]] Outcome run(const std::string& attributes, const std::string& command = "disconnect",
                            const std::string& secret = std::string(kSecret),
                            const std::string& options = "-r 2 -t 2") {
    const std::string line = "printf '%s\\n' '" + attributes + "' | /usr/bin/radclient -x " + options +
                             " 127.0.0.1:" + std::to_string(server_->listeners().at(0).local.port) + " " + command +
                             " '" + secret + "' 2>&1";
    Outcome result;
    std::atomic<bool> finished = false;
    std::thread client([&] {
      FILE* pipe = ::popen(line.c_str(), "r");
      std::array<char, 512> buffer{};
      while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr)
        result.output += buffer.data();
      result.status = pipe == nullptr ? -1 : WEXITSTATUS(::pclose(pipe));
      finished = true;
    });
    (void)net::run_until(io_, [&] { return finished.load(); }, std::chrono::seconds(20));
    client.join();
    return result;
  }

  boost::asio::io_context io_;
  common::SystemClock clock_;
  config::Config config_;
  FakeRegistry registry_{io_};
  std::unique_ptr<Server> server_;
};

[[nodiscard]] bool has(const Outcome& run, std::string_view text) { return run.output.find(text) != std::string::npos; }

TEST_P(Radclient, DisconnectsByTheDocumentsId) {
  registry_.add(1, std::string(kAuditId));
  const std::string attributes = "Cisco-AVPair = \"audit-session-id=" + std::string(kAuditId) + "\"";
  const Outcome ack = run(attributes);
  EXPECT_EQ(ack.status, 0) << ack.output;
  EXPECT_TRUE(has(ack, "Received Disconnect-ACK")) << ack.output;
  EXPECT_EQ(has(ack, "Acct-Terminate-Cause = Admin-Reset"), GetParam() == config::DaeProfile::rfc5176) << ack.output;
  const Outcome nak = run(attributes);
  EXPECT_NE(nak.status, 0);
  EXPECT_TRUE(has(nak, "Received Disconnect-NAK")) << nak.output;
  if (GetParam() == config::DaeProfile::cisco) {
    EXPECT_TRUE(has(nak, "length 47")) << nak.output;
    EXPECT_TRUE(has(nak, "Reply-Message = \"No Matching Session\"")) << nak.output;
    EXPECT_TRUE(has(nak, "Error-Cause = Invalid-Request")) << nak.output;
  } else {
    EXPECT_TRUE(has(nak, "Error-Cause = Session-Context-Not-Found")) << nak.output;
  }
}

TEST_P(Radclient, ChecksWhatWeAnswer) {
  registry_.add(1, "one");
  // radclient itself verifies our Response Authenticator and Message-Authenticator.
  const Outcome ack = run("User-Name = alice\nMessage-Authenticator = 0x00\nEvent-Timestamp = " +
                          std::to_string(common::unix_seconds(clock_.wall())) +
                          "\nProxy-State = 0x0102\nProxy-State = 0x03\nNAS-Identifier = portcullis");
  EXPECT_TRUE(has(ack, "Received Disconnect-ACK")) << ack.output;
  EXPECT_TRUE(has(ack, "Proxy-State = 0x0102")) << ack.output;
  const std::string answer = ack.output.substr(ack.output.find("Received"));
  EXPECT_NE(answer.find("Message-Authenticator"), std::string::npos) << answer;
  EXPECT_NE(answer.find("Event-Timestamp"), std::string::npos) << answer;
}

TEST_P(Radclient, CoaIsRefused) {
  registry_.add(1, "one");
  const Outcome nak = run("User-Name = alice\nSession-Timeout = 60", "coa");
  EXPECT_TRUE(has(nak, "Received CoA-NAK")) << nak.output;
  EXPECT_TRUE(has(nak, "Error-Cause = Unsupported-Extension")) << nak.output;
  EXPECT_EQ(registry_.entries.size(), 1U);
}

TEST_P(Radclient, GetsNoAnswerWithTheWrongKey) {
  registry_.add(1, "one");
  const Outcome silence = run("User-Name = alice", "disconnect", "a wrong secret", "-r 1 -t 1");
  EXPECT_TRUE(has(silence, "No reply")) << silence.output;
  EXPECT_EQ(registry_.entries.size(), 1U);
  EXPECT_EQ(server_->pipeline().clients().all().at(0)->counters.disconnect.bad_authenticators, 1U);
}

INSTANTIATE_TEST_SUITE_P(Profiles, Radclient, testing::Values(config::DaeProfile::cisco, config::DaeProfile::rfc5176),
                         [](const auto& which) {
                           return which.param == config::DaeProfile::cisco ? "cisco" : "rfc5176";
                         });

}  // namespace
}  // namespace controlplane::dae
