// The accounting sender over a spool and a network of the test's own.

#include "controlplane/radius/accounting.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tests/unit/cp_radius/network.hpp"
#include "tests/unit/cp_radius/samples.hpp"

namespace controlplane::radius {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Datagram;
using test::record;

/// A spool in memory; loads answer when the test turns the loop, as the real one's do.
class FakeOutbox final : public Outbox {
 public:
  void load(SpoolId after, std::size_t limit, Loaded done) override {
    std::vector<SpooledRecord> page;
    for (auto row = rows.upper_bound(after); row != rows.end() && page.size() < limit; ++row)
      page.push_back({row->first, row->second});
    loads_.push_back([page = std::move(page), done = std::move(done)]() mutable { done(std::move(page)); });
  }
  void acknowledge(std::span<const SpoolId> records) override {
    for (const SpoolId id : records) EXPECT_EQ(rows.erase(id), 1U) << "acknowledged twice";
  }
  void on_change(std::function<void(bool, std::span<const SpoolId>)> listener) override {
    listener_ = std::move(listener);
  }

  SpoolId add(AccountingRecord row) {
    const SpoolId id(++last_);
    rows.emplace(id, std::move(row));
    if (listener_) listener_(true, {});
    return id;
  }
  void drop(SpoolId id) {
    rows.erase(id);
    listener_(false, std::span(&id, 1));
  }
  void turn() {
    while (!loads_.empty()) {
      auto next = std::move(loads_.front());
      loads_.erase(loads_.begin());
      next();
    }
  }

  std::map<SpoolId, AccountingRecord> rows;

 private:
  std::uint64_t last_ = 0;
  std::function<void(bool, std::span<const SpoolId>)> listener_;
  std::vector<std::move_only_function<void()>> loads_;
};

class AccountingTest : public testing::Test {
 protected:
  void SetUp() override { configure(1); }
  void configure(std::size_t servers) {
    config_ = test::config_with_servers(servers);
    make();
  }
  void make() {
    accounting_.reset();
    accounting_ = std::make_unique<Accounting>(config_, outbox_, wires_, clock_, test::fake_random(), [] {});
    wires_.sent.clear();
  }
  void start() {
    accounting_->start();
    outbox_.turn();
  }
  SpoolId add(RecordKind kind, std::uint64_t session) { return add(record(kind, session)); }
  SpoolId add(AccountingRecord row) {
    const SpoolId id = outbox_.add(std::move(row));
    outbox_.turn();
    return id;
  }
  void pass(common::Duration time) {
    const auto end = clock_.monotonic() + time;
    for (auto next = accounting_->next_deadline(); next && *next <= end; next = accounting_->next_deadline()) {
      ASSERT_LT(++events_, 1'000'000U) << "a deadline that never moves";
      clock_.advance(std::max(common::Duration{}, *next - clock_.monotonic()));
      accounting_->on_timer();
      outbox_.turn();
    }
    clock_.advance(end - clock_.monotonic());
  }
  void acknowledge(const Datagram& request) {
    wire::PacketWriter out(wire::Code::accounting_response, request.packet().identifier);
    accounting_->on_datagram(request.wire, test::answer(std::move(out), request));
    outbox_.turn();
  }
  /// Acknowledges whatever was sent, and what that made be sent, for a while.
  std::vector<Datagram> serve(common::Duration time) {
    std::vector<Datagram> seen;
    const auto end = clock_.monotonic() + time;
    while (clock_.monotonic() < end) {
      while (!wires_.sent.empty()) {
        seen.push_back(wires_.take());
        acknowledge(seen.back());
      }
      pass(milliseconds(100));
    }
    return seen;
  }
  [[nodiscard]] static wire::AcctStatus status(const Datagram& datagram) {
    return static_cast<wire::AcctStatus>(datagram.packet().find(wire::attribute::kAcctStatusType)->number().value());
  }
  [[nodiscard]] static std::string session(const Datagram& datagram) {
    return std::string(datagram.packet().find(wire::attribute::kAcctSessionId)->text());
  }
  [[nodiscard]] static int host(const Datagram& datagram) {
    return static_cast<int>(datagram.server.address.v4_host() & 0xFFU);
  }
  [[nodiscard]] const ServerCounters& counters(std::size_t server = 0) const {
    return accounting_->servers()[server]->counters;
  }

  config::Config config_;
  common::ManualClock clock_;
  test::FakeWires wires_;
  FakeOutbox outbox_;
  std::unique_ptr<Accounting> accounting_;
  std::size_t events_ = 0;
};

TEST_F(AccountingTest, SendsNothingBeforeItIsStarted) {
  add(RecordKind::stop, 7);
  pass(seconds(10));
  EXPECT_TRUE(wires_.sent.empty());
  start();
  EXPECT_EQ(wires_.take().server.to_string(), "192.0.2.1:1813");
}

TEST_F(AccountingTest, AnAcknowledgedRecordLeavesTheSpool) {
  start();
  add(RecordKind::stop, 7);
  acknowledge(wires_.take());
  pass(milliseconds(30));
  EXPECT_TRUE(outbox_.rows.empty());
  EXPECT_EQ(accounting_->acknowledged(), 1U);
  EXPECT_EQ(accounting_->waiting(), 0U);
  EXPECT_FALSE(accounting_->next_deadline());
  EXPECT_EQ(accounting_->servers()[0]->ports.in_use(), 0U);
}

TEST_F(AccountingTest, StartGoesBeforeStopAndOthersDoNotWait) {
  start();
  add(RecordKind::start, 7);
  add(RecordKind::stop, 7);
  add(RecordKind::start, 8);
  ASSERT_EQ(wires_.sent.size(), 2U);
  const Datagram start_of_7 = wires_.take();
  EXPECT_EQ(status(start_of_7), wire::AcctStatus::start);
  EXPECT_EQ(session(wires_.take()), "000003F0");
  acknowledge(start_of_7);
  const Datagram stop_of_7 = wires_.take();
  EXPECT_EQ(status(stop_of_7), wire::AcctStatus::stop);
  EXPECT_EQ(session(stop_of_7), session(start_of_7));
}

TEST_F(AccountingTest, AnOvertakenInterimIsNotSentAnyMore) {
  start();
  add(RecordKind::interim, 7);
  const Datagram interim = wires_.take();
  EXPECT_EQ(status(interim), wire::AcctStatus::interim);
  add(RecordKind::stop, 7);
  EXPECT_TRUE(wires_.sent.empty()) << "it waits for the Interim in flight";
  outbox_.drop(outbox_.rows.begin()->first);
  EXPECT_EQ(status(wires_.take()), wire::AcctStatus::stop);
  acknowledge(interim);
  EXPECT_EQ(counters().unexpected, 1U);
  for (const Datagram& later : serve(seconds(60))) EXPECT_NE(status(later), wire::AcctStatus::interim);
}

TEST_F(AccountingTest, AnInterimDroppedWhileItIsBeingReadIsNotSent) {
  start();
  const SpoolId interim = outbox_.add(record(RecordKind::interim, 7));  // being read now
  outbox_.drop(interim);
  outbox_.turn();
  EXPECT_TRUE(wires_.sent.empty());
  EXPECT_EQ(accounting_->waiting(), 0U);
}

TEST_F(AccountingTest, ExtendedRepeatsTheSameOctets) {
  start();
  add(RecordKind::stop, 7);
  const Datagram first = wires_.take();
  pass(seconds(16));
  ASSERT_EQ(wires_.sent.size(), 3U);
  for (const Datagram& again : wires_.sent) {
    EXPECT_EQ(again.octets, first.octets);
    EXPECT_EQ(again.wire, first.wire);
  }
  acknowledge(first);
  pass(milliseconds(30));
  EXPECT_TRUE(outbox_.rows.empty());
}

TEST_F(AccountingTest, DocumentRepeatsWithANewDelayUnderANewIdentifier) {
  auto stop = record(RecordKind::stop, 7);
  stop.identity.profile = config::AccountingProfile::document;
  stop.event = clock_.wall() - seconds(5);
  start();
  add(stop);
  const Datagram first = wires_.take();
  pass(seconds(16));
  ASSERT_EQ(wires_.sent.size(), 3U);
  std::set<std::uint8_t> identifiers{first.packet().identifier};
  std::uint32_t last = first.packet().find(wire::attribute::kAcctDelayTime)->number().value();
  EXPECT_EQ(last, 5U);
  for (const Datagram& again : wires_.sent) {
    EXPECT_TRUE(identifiers.insert(again.packet().identifier).second);
    const auto delay = again.packet().find(wire::attribute::kAcctDelayTime)->number().value();
    EXPECT_GT(delay, last);
    last = delay;
    // Nothing else differs: the rest of the attributes is the same octets.
    const auto strip = [](const Datagram& datagram) {
      common::Bytes rest;
      for (const wire::Attribute attribute : datagram.packet().attributes)
        if (attribute.type != wire::attribute::kAcctDelayTime)
          rest.insert(rest.end(), attribute.value.begin(), attribute.value.end());
      return rest;
    };
    EXPECT_EQ(strip(again), strip(first));
  }
  acknowledge(first);  // the oldest of four may still be answered
  pass(milliseconds(30));
  EXPECT_TRUE(outbox_.rows.empty());
  EXPECT_EQ(accounting_->servers()[0]->ports.in_use(), 0U);
}

TEST_F(AccountingTest, AnOutageOfHoursLosesNothingAndCostsFewPackets) {
  start();
  for (std::uint64_t session = 1; session <= 500; ++session) add(RecordKind::stop, session);
  pass(seconds(40));
  EXPECT_EQ(accounting_->servers()[0]->health, Server::Health::dead);
  wires_.sent.clear();
  pass(seconds(3600));
  EXPECT_GE(wires_.sent.size(), 3600U / 18) << "asked at least every 16 s or so";
  EXPECT_LE(wires_.sent.size(), 3600U / 14) << "one record at a time";
  wires_.sent.clear();
  const auto seen = serve(seconds(18));
  EXPECT_EQ(seen.size(), 500U) << "everything goes as soon as the server is there again";
  EXPECT_TRUE(outbox_.rows.empty());
}

TEST_F(AccountingTest, WhenTheServerReturnsSoonItIsFoundSoon) {
  start();
  add(RecordKind::stop, 7);
  accounting_->on_refused(wires_.take().wire);
  EXPECT_TRUE(wires_.sent.empty());
  pass(milliseconds(2300));
  ASSERT_EQ(wires_.sent.size(), 1U) << "the first proof comes after about 2 s";
  acknowledge(wires_.take());
  EXPECT_EQ(accounting_->waiting(), 0U);
}

TEST_F(AccountingTest, SecondServerTakesOver) {
  configure(2);
  start();
  for (std::uint64_t session = 1; session <= 50; ++session) add(RecordKind::stop, session);
  for (const Datagram& datagram : wires_.sent) EXPECT_EQ(host(datagram), 1);
  pass(seconds(14));
  EXPECT_EQ(accounting_->servers()[0]->health, Server::Health::alive) << "all transmissions come first";
  wires_.sent.clear();
  pass(seconds(20));
  EXPECT_EQ(accounting_->servers()[0]->health, Server::Health::dead);
  std::set<std::string> sessions;
  for (const Datagram& datagram : std::exchange(wires_.sent, {})) {
    if (host(datagram) != 2) continue;
    sessions.insert(session(datagram));
    acknowledge(datagram);
  }
  EXPECT_EQ(sessions.size(), 50U) << "one record's failure moves them all";
  pass(milliseconds(30));
  EXPECT_TRUE(outbox_.rows.empty());
}

TEST_F(AccountingTest, APreferredServerThatReturnsIsUsedAgainAfterOneProof) {
  configure(2);
  start();
  add(RecordKind::stop, 1);
  accounting_->on_refused(wires_.take().wire);
  const Datagram moved = wires_.take();
  EXPECT_EQ(host(moved), 2);
  acknowledge(moved);
  pass(seconds(61));
  add(RecordKind::stop, 2);
  add(RecordKind::stop, 3);
  const Datagram proof = wires_.take();
  EXPECT_EQ(host(proof), 1) << "one record proves it";
  EXPECT_EQ(host(wires_.take()), 2) << "the others go where somebody lives";
  acknowledge(proof);
  add(RecordKind::stop, 4);
  EXPECT_EQ(host(wires_.take()), 1);
}

TEST_F(AccountingTest, AnUnansweredProofGoesToTheLivingServer) {
  configure(2);
  start();
  add(RecordKind::stop, 1);
  accounting_->on_refused(wires_.take().wire);
  acknowledge(wires_.take());
  pass(seconds(61));
  add(RecordKind::stop, 2);
  EXPECT_EQ(host(wires_.take()), 1);
  pass(milliseconds(2300));
  ASSERT_EQ(wires_.sent.size(), 1U);
  const Datagram moved = wires_.take();
  EXPECT_EQ(host(moved), 2);
  acknowledge(moved);
  EXPECT_EQ(accounting_->waiting(), 0U);
}

TEST_F(AccountingTest, ARecordTheOnlyServerNeverAcknowledgesHoldsUpNobody) {
  start();
  add(RecordKind::stop, 1);
  pass(seconds(40));  // it alone makes the server look dead
  EXPECT_EQ(accounting_->servers()[0]->health, Server::Health::dead);
  for (std::uint64_t session = 2; session <= 20; ++session) add(RecordKind::stop, session);
  wires_.sent.clear();
  for (int i = 0; i < 300; ++i) {
    for (const Datagram& datagram : std::exchange(wires_.sent, {}))
      if (session(datagram) != "000003E9") acknowledge(datagram);
    pass(milliseconds(100));
  }
  EXPECT_EQ(accounting_->waiting(), 1U);
}

TEST_F(AccountingTest, ARecordOneServerNeverAcknowledgesGoesToTheNext) {
  configure(2);
  start();
  const SpoolId poison = add(RecordKind::stop, 1);
  bool moved = false;
  for (int i = 0; i < 400 && !moved; ++i) {
    if (i % 10 == 0) add(RecordKind::start, static_cast<std::uint64_t>(100 + i));
    for (const Datagram& datagram : std::exchange(wires_.sent, {})) {
      if (session(datagram) == "000003E9" && host(datagram) == 1) continue;
      moved = moved || host(datagram) == 2;
      acknowledge(datagram);
    }
    pass(milliseconds(100));
  }
  EXPECT_TRUE(moved);
  EXPECT_EQ(accounting_->servers()[0]->health, Server::Health::alive) << "it answered the others";
  pass(milliseconds(30));
  EXPECT_FALSE(outbox_.rows.contains(poison));
}

TEST_F(AccountingTest, AccountingOnIsAFence) {
  add(RecordKind::stop, 1);
  AccountingRecord on = record(RecordKind::on, 0);
  outbox_.add(on);
  outbox_.add(record(RecordKind::start, 2));
  start();
  ASSERT_EQ(wires_.sent.size(), 1U) << "only what comes before it";
  acknowledge(wires_.take());
  ASSERT_EQ(wires_.sent.size(), 1U);
  const Datagram sent_on = wires_.take();
  EXPECT_EQ(status(sent_on), wire::AcctStatus::on);
  acknowledge(sent_on);
  EXPECT_EQ(status(wires_.take()), wire::AcctStatus::start);
}

TEST_F(AccountingTest, AccountingOnWaits30SecondsAtMost) {
  add(RecordKind::stop, 1);
  outbox_.add(record(RecordKind::on, 0));
  start();
  const auto begun = clock_.monotonic();
  bool on_sent = false;
  while (!on_sent && clock_.monotonic() - begun < seconds(60)) {
    if (clock_.monotonic() - begun > seconds(1) && clock_.monotonic() - begun < seconds(2))
      add(RecordKind::stop, 5);  // behind the fence: must not go before it
    for (const Datagram& datagram : std::exchange(wires_.sent, {})) {
      EXPECT_NE(session(datagram), "000003ED");
      on_sent = on_sent || status(datagram) == wire::AcctStatus::on;
    }
    pass(seconds(1));
  }
  EXPECT_TRUE(on_sent) << "one Stop that is never acknowledged must not hold it up for ever";
  EXPECT_GE(clock_.monotonic() - begun, seconds(29));
}

TEST_F(AccountingTest, ForgedAndBrokenAnswersAcknowledgeNothing) {
  start();
  add(RecordKind::stop, 7);
  const Datagram request = wires_.take();
  wire::PacketWriter out(wire::Code::accounting_response, request.packet().identifier);
  const common::Bytes good = test::answer(std::move(out), request);
  accounting_->on_datagram(request.wire, common::ByteView(good).first(19));
  EXPECT_EQ(counters().malformed, 1U);
  auto forged = good;
  forged[4] ^= 1;
  accounting_->on_datagram(request.wire, forged);
  EXPECT_EQ(counters().bad_authenticators, 1U);
  wire::PacketWriter wrong_code(wire::Code::access_accept, request.packet().identifier);
  accounting_->on_datagram(request.wire, test::answer(std::move(wrong_code), request));
  wire::PacketWriter other(wire::Code::accounting_response, static_cast<std::uint8_t>(request.packet().identifier + 1));
  accounting_->on_datagram(request.wire, test::answer(std::move(other), request));
  EXPECT_EQ(counters().unexpected, 2U);
  wire::PacketWriter bad_ma(wire::Code::accounting_response, request.packet().identifier);
  bad_ma.octets(wire::attribute::kMessageAuthenticator, common::Bytes(16));
  accounting_->on_datagram(request.wire, test::answer(std::move(bad_ma), request));
  EXPECT_EQ(counters().bad_authenticators, 2U);
  EXPECT_EQ(accounting_->waiting(), 1U);
  accounting_->on_datagram(request.wire, good);
  EXPECT_EQ(accounting_->waiting(), 0U);
}

TEST_F(AccountingTest, AStormIsBoundedInFlightAndUsesManyPorts) {
  for (std::uint64_t session = 1; session <= 20'000; ++session) outbox_.add(record(RecordKind::stop, session));
  start();
  EXPECT_EQ(accounting_->in_flight(), 2048U);
  EXPECT_EQ(wires_.open_wires.size(), 8U);
  EXPECT_LE(accounting_->waiting(), 8192U);
  std::set<std::string> sessions;
  while (!wires_.sent.empty()) {
    const Datagram datagram = wires_.take();
    EXPECT_TRUE(sessions.insert(session(datagram)).second) << "sent twice without need";
    acknowledge(datagram);
  }
  pass(milliseconds(50));
  EXPECT_EQ(sessions.size(), 20'000U);
  EXPECT_TRUE(outbox_.rows.empty());
}

TEST_F(AccountingTest, WithoutARouteItWaitsAndTriesAgain) {
  wires_.routable = false;
  start();
  add(RecordKind::stop, 7);
  pass(seconds(5));
  EXPECT_TRUE(wires_.sent.empty());
  wires_.routable = true;
  const auto seen = serve(seconds(20));
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(outbox_.rows.empty());
}

TEST_F(AccountingTest, WithoutServersItWaitsForAReload) {
  configure(0);
  start();
  add(RecordKind::stop, 7);
  pass(seconds(100));
  EXPECT_TRUE(wires_.sent.empty());
  accounting_->reconfigure(test::config_with_servers(1));
  outbox_.turn();
  acknowledge(wires_.take());
  EXPECT_EQ(accounting_->waiting(), 0U);
}

TEST_F(AccountingTest, AReloadMovesWhatWasInFlightToAServerThatIsGone) {
  configure(1);
  start();
  add(RecordKind::stop, 7);
  EXPECT_EQ(host(wires_.take()), 1);
  auto other = test::config_with_servers(2);
  other.radius.servers.erase(other.radius.servers.begin());
  accounting_->reconfigure(other);
  const Datagram moved = wires_.take();
  EXPECT_EQ(host(moved), 2);
  acknowledge(moved);
  EXPECT_EQ(accounting_->waiting(), 0U);
  EXPECT_EQ(wires_.open_wires.size(), 1U);
}

TEST_F(AccountingTest, ARestartSendsWhatWasNotAcknowledged) {
  start();
  add(RecordKind::start, 7);
  add(RecordKind::stop, 7);
  const Datagram sent = wires_.take();
  make();  // a new process; the spool is as it was
  start();
  const Datagram again = wires_.take();
  EXPECT_EQ(status(again), wire::AcctStatus::start);
  EXPECT_EQ(common::to_hex(again.packet().attributes.octets()), common::to_hex(sent.packet().attributes.octets()));
  acknowledge(again);
  EXPECT_EQ(status(wires_.take()), wire::AcctStatus::stop);
}

}  // namespace
}  // namespace controlplane::radius
