// The start-up reconciliation: the table of README.md cell by cell as a function, and each cell end to end.

#include "controlplane/session/reconcile.hpp"

#include "controlplane/session/blob.hpp"
#include "tests/unit/cp_session/fakes.hpp"

namespace controlplane::session {
namespace {

using namespace std::chrono_literals;
using Record = Decision::Record;

TEST(Decide, EveryCell) {
  using enum InDataplane;
  const struct {
    Remains remains;
    bool remove;
    Record record;
    Cause cause;
  } cells[] = {
      {{.row = true, .start_spooled = true, .dataplane = tombstone}, true, Record::stop, Cause::nas_reboot},
      {{.row = true, .start_spooled = true, .dataplane = live}, true, Record::stop, Cause::nas_reboot},
      {{.row = true, .start_spooled = true, .dataplane = absent}, false, Record::stop_estimated, Cause::nas_error},
      {{.row = true, .start_spooled = false, .dataplane = tombstone}, true, Record::drop_row, Cause::nas_reboot},
      {{.row = true, .start_spooled = false, .dataplane = live}, true, Record::drop_row, Cause::nas_reboot},
      {{.row = true, .start_spooled = false, .dataplane = absent}, false, Record::drop_row, Cause::nas_reboot},
      {{.row = false, .dataplane = tombstone, .identity_in_blob = true}, true, Record::none, Cause::nas_reboot},
      {{.row = false, .dataplane = tombstone, .identity_in_blob = true, .database_new = true},
       true,
       Record::stop_from_blob,
       Cause::nas_reboot},
      {{.row = false, .dataplane = tombstone, .database_new = true}, true, Record::none, Cause::nas_reboot},
      {{.row = false, .dataplane = live, .identity_in_blob = true}, true, Record::stop_from_blob, Cause::nas_reboot},
      {{.row = false, .dataplane = live, .identity_in_blob = true, .database_new = true},
       true,
       Record::stop_from_blob,
       Cause::nas_reboot},
      {{.row = false, .dataplane = live}, true, Record::none, Cause::nas_reboot},
      {{.row = false, .dataplane = absent}, false, Record::none, Cause::nas_reboot},
  };
  for (std::size_t i = 0; i < std::size(cells); ++i) {
    const Decision decision = decide(cells[i].remains);
    EXPECT_EQ(decision.remove, cells[i].remove) << "cell " << i;
    EXPECT_EQ(decision.record, cells[i].record) << "cell " << i;
    EXPECT_EQ(decision.cause, cells[i].cause) << "cell " << i;
  }
}

class ReconcileTest : public SessionsTest {
 protected:
  [[nodiscard]] radius::OpenSession row(std::uint64_t id, bool start_spooled) const {
    radius::OpenSession row;
    row.identity.session = SessionId{id};
    row.identity.acct_session_id = static_cast<std::uint32_t>(id);
    row.identity.unique_id = static_cast<std::uint32_t>(100 + id);
    row.identity.audit_session_id = "audit-" + std::to_string(id);
    row.identity.user_name = "alice";
    row.identity.calling_station_id = "192.168.202.2";
    row.identity.initiator_ip = "192.168.202.2";
    row.identity.phase1_id = "alice@example.org";
    row.identity.authentic = radius::wire::AcctAuthentic::local;
    row.identity.session_key = "D33648D8";
    row.identity.classes = {{7, 7}};
    row.identity.framed_ip_address = common::IpAddress::v4(0x0A630000 + static_cast<std::uint32_t>(id));
    row.started = clock.wall() - 100s;
    row.counters = {10, 1, 20, 2};
    row.counters_read = clock.wall() - 40s;
    row.start_spooled = start_spooled;
    return row;
  }
  void in_dataplane(std::uint64_t id, bool tombstone, std::uint16_t cause = 0) {
    FakeLink::Live live;
    live.counters.session_id = id;
    live.counters.in_octets = 1000 * id;
    live.counters.cause = cause;
    live.tombstone = tombstone;
    const auto blob = write_blob({row(id, true).identity, row(id, true).started}, {});
    live.blob.assign(blob.view().begin(), blob.view().end());
    link.sessions[id] = std::move(live);
  }
  /// Everything of the last run is gone, and the gateway serves.
  void expect_clean() {
    EXPECT_TRUE(happened("reconciled"));
    EXPECT_TRUE(sessions->ready());
    EXPECT_TRUE(sessions->all().empty());
    EXPECT_TRUE(link.sessions.empty());
    EXPECT_TRUE(spool.open.empty());
  }
};

TEST_F(ReconcileTest, NothingLeftIsReadyAtOnce) {
  start();
  expect_clean();
  EXPECT_EQ(spool.commits, 0U);
}

TEST_F(ReconcileTest, TombstoneGetsItsStopWithItsOwnCauseAndCounters) {
  in_dataplane(3, true, 6);
  spool.open[3] = row(3, true);
  start({.open = {row(3, true)}});
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.stops[0].terminate_cause, 6);
  EXPECT_EQ(spool.stops[0].counters.in_octets, 3000U);
  EXPECT_FALSE(spool.stops[0].counters_estimated);
  EXPECT_EQ(spool.stops[0].identity, row(3, true).identity) << "the identity of the Stop is the Start's";
  expect_clean();
}

TEST_F(ReconcileTest, LiveSessionEndsWithNasReboot) {
  in_dataplane(3, false);
  spool.open[3] = row(3, true);
  start({.open = {row(3, true)}});
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.stops[0].terminate_cause, 11);
  EXPECT_EQ(spool.stops[0].counters.in_octets, 3000U);
  EXPECT_EQ(spool.stops[0].session_seconds, 100U);
  EXPECT_LT(at("remove 3"), at("commit 3:11"));
  EXPECT_LT(at("commit 3:11"), at("forget 3"));
  EXPECT_LT(at("forget 3"), at("reconciled"));
  expect_clean();
}

TEST_F(ReconcileTest, RowWithoutADataplaneSessionEndsWithItsLastCounters) {
  spool.open[3] = row(3, true);
  start({.open = {row(3, true)}});
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.stops[0].terminate_cause, 9);
  EXPECT_TRUE(spool.stops[0].counters_estimated);
  EXPECT_EQ(spool.stops[0].counters, (radius::Counters{10, 1, 20, 2}));
  EXPECT_EQ(spool.stops[0].session_seconds, 60U) << "until its counters were last seen";
  EXPECT_FALSE(happened("remove 3"));
  expect_clean();
}

TEST_F(ReconcileTest, SessionsWithoutAStartLeaveSilently) {
  for (const std::uint64_t id : {1, 2, 3}) spool.open[id] = row(id, false);
  in_dataplane(1, false);
  in_dataplane(2, true, 6);
  start({.open = {row(1, false), row(2, false), row(3, false)}});
  EXPECT_TRUE(spool.stops.empty());
  EXPECT_TRUE(happened("remove 1"));
  expect_clean();
}

TEST_F(ReconcileTest, TombstoneWithoutARowHasItsStopAlready) {
  in_dataplane(3, true, 6);
  start();
  EXPECT_TRUE(spool.stops.empty());
  EXPECT_TRUE(happened("forget 3"));
  expect_clean();
}

TEST_F(ReconcileTest, LostDatabaseIsReplacedByTheBlobs) {
  in_dataplane(3, true, 6);
  in_dataplane(4, false);
  start({.database_new = true, .open = {}});
  ASSERT_EQ(spool.stops.size(), 2U);
  EXPECT_EQ(spool.stops[0].identity, row(3, true).identity);
  EXPECT_EQ(spool.stops[0].terminate_cause, 6);
  EXPECT_EQ(spool.stops[1].terminate_cause, 11);
  expect_clean();
  EXPECT_GT(spool.next_session_id().value(), 4U) << "ids start above those that were in use";
  EXPECT_GT(spool.next_unique_id(), 104U);
}

TEST_F(ReconcileTest, LiveSessionThatNobodyRemembersIsRemoved) {
  in_dataplane(3, false);
  link.sessions[3].blob = {1, 2, 3};
  start();
  EXPECT_TRUE(spool.stops.empty());
  EXPECT_TRUE(happened("remove 3"));
  expect_clean();
}

TEST_F(ReconcileTest, ManySessionsAreOneRemovalAndOneBatch) {
  std::vector<radius::OpenSession> rows;
  for (std::uint64_t id = 1; id <= 50; ++id) {
    in_dataplane(id, id % 2 == 0, 6);
    spool.open[id] = row(id, true);
    rows.push_back(row(id, true));
  }
  start({.open = std::move(rows)});
  EXPECT_EQ(link.removal_calls, 1U);
  EXPECT_EQ(spool.commits, 1U);
  EXPECT_EQ(spool.stops.size(), 50U);
  expect_clean();
}

TEST_F(ReconcileTest, NoRequestIsServedBeforeItIsComplete) {
  in_dataplane(3, false);
  spool.hold = true;
  start({.open = {row(3, true)}});
  EXPECT_FALSE(sessions->ready());
  EXPECT_FALSE(sessions->begin({}, peer_for({})));
  EXPECT_FALSE(happened("reconciled"));
  spool.hold = false;
  spool.release();
  loop.run();
  EXPECT_EQ(ready_changes, std::vector{true});
}

TEST_F(ReconcileTest, FailedCommitKeepsItWaiting) {
  in_dataplane(3, false);
  spool.fail = true;
  start({.open = {row(3, true)}});
  EXPECT_FALSE(sessions->ready());
  spool.fail = false;
  clock.advance(1s);
  sessions->on_timer();
  loop.run();
  expect_clean();
}

TEST_F(ReconcileTest, ChannelThatBreaksDuringTheListIsAskedAgain) {
  in_dataplane(3, true, 6);
  link.hold_lists = true;
  start({.open = {row(3, true)}});
  link.disconnect();
  link.release_lists();
  loop.run();
  EXPECT_FALSE(happened("reconciled"));
  link.hold_lists = false;
  link.connect(1000);
  loop.run();
  EXPECT_EQ(spool.stops.size(), 1U);
  expect_clean();
}

TEST_F(ReconcileTest, DataplaneThatDiesDuringTheReconciliationLeavesEstimates) {
  in_dataplane(3, false);
  link.hold_removals = true;
  start({.open = {row(3, true)}});
  link.restart(2000);
  link.release_removals();
  loop.run();
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_TRUE(spool.stops[0].counters_estimated);
  EXPECT_EQ(spool.stops[0].counters, (radius::Counters{10, 1, 20, 2}));
  expect_clean();
}

TEST_F(ReconcileTest, RequestUnderWayWhenTheLastRunDiedGetsItsAckOnce) {
  in_dataplane(3, true, 6);
  start({.open = {row(3, true)}});
  const auto found = sessions->find({.audit_session_id = "audit-3"});
  ASSERT_EQ(found, std::vector{SessionId{3}});
  revoke(found, some_reply());
  loop.run();
  EXPECT_TRUE(happened("ack"));
  EXPECT_EQ(spool.replies.size(), 1U);
  EXPECT_EQ(spool.stops.size(), 1U) << "no second Stop";
  EXPECT_TRUE(sessions->find({.audit_session_id = "audit-3"}).empty()) << "the next one gets its NAK";
}

TEST_F(ReconcileTest, ResidualsEndWithTheDuplicateWindow) {
  in_dataplane(3, false);
  start({.open = {row(3, true)}});
  clock.advance(299s);
  sessions->on_timer();
  EXPECT_EQ(sessions->find({.user_name = "alice"}).size(), 1U);
  clock.advance(1s);
  sessions->on_timer();
  EXPECT_TRUE(sessions->find({.user_name = "alice"}).empty());
}

TEST_F(ReconcileTest, AddressesOfThoseThatEndedRest) {
  in_dataplane(3, false);
  start({.open = {row(3, true)}});
  EXPECT_EQ(sessions->totals().quarantined_addresses, 1U);
}

}  // namespace
}  // namespace controlplane::session
