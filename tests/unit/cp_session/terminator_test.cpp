// The one way out: its order, who joins it, what it does when the disk or the dataplane fails, and where it cuts into a
// login (promises P1 to P3).

#include "tests/unit/cp_session/fakes.hpp"

namespace controlplane::session {
namespace {

using namespace std::chrono_literals;

class TerminatorTest : public SessionsTest {
 protected:
  TerminatorTest() { start(); }
};

TEST_F(TerminatorTest, OrderOfOneRevocation) {
  const SessionId id = up();
  diary.clear();
  revoke({id}, some_reply());
  EXPECT_TRUE(diary.empty()) << "nothing happens inside the call";
  loop.run();
  EXPECT_EQ(diary, (Diary{"remove 1", "commit 1:6 reply", "forget 1", "ack", "delete 1"}));
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.stops[0].counters, (radius::Counters{100, 1, 200, 2}));
  EXPECT_FALSE(spool.stops[0].counters_estimated);
  EXPECT_TRUE(sessions->all().empty());
  EXPECT_TRUE(sessions->find({.user_name = "alice@example.org"}).empty());
  EXPECT_EQ(sessions->totals().ended, 1U);
}

TEST_F(TerminatorTest, NothingIsAnsweredBeforeTheStopIsDurable) {
  const SessionId id = up();
  spool.hold = true;
  revoke({id});
  loop.run();
  EXPECT_FALSE(happened("ack"));
  EXPECT_FALSE(happened("forget 1"));
  EXPECT_FALSE(happened("delete 1"));
  EXPECT_EQ(sessions->find({.user_name = "alice@example.org"}).size(), 1U) << "still found, so a second POD joins";
  spool.release();
  loop.run();
  EXPECT_TRUE(happened("ack"));
}

TEST_F(TerminatorTest, NothingIsCommittedBeforeTheCountersAreFinal) {
  const SessionId id = up();
  link.hold_removals = true;
  revoke({id});
  loop.run();
  EXPECT_EQ(spool.commits, 0U);
  link.traffic(id.value(), 5);  // still under way in the workers
  link.release_removals();
  loop.run();
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.stops[0].counters.in_octets, 105U);
}

TEST_F(TerminatorTest, SecondRevocationJoinsAndIsAnsweredWithTheFirst) {
  const SessionId id = up();
  link.hold_removals = true;
  revoke({id});
  loop.run();
  revoke({id});
  loop.run();
  EXPECT_EQ(link.removal_calls, 1U);
  link.release_removals();
  loop.run();
  EXPECT_EQ(std::ranges::count(diary, "ack"), 2);
  EXPECT_EQ(spool.stops.size(), 1U);
}

TEST_F(TerminatorTest, RevocationJoinsThePeersDeleteAndItsCauseStays) {
  const SessionId id = up();
  link.hold_removals = true;
  sessions->terminate(id, Cause::user_request, [this] { diary.emplace_back("peer answered"); });
  loop.run();
  revoke({id}, some_reply());
  loop.run();
  link.release_removals();
  loop.run();
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.stops[0].terminate_cause, 1);
  EXPECT_TRUE(happened("commit 1:1 reply")) << "the joiner's reply is durable with the Stop";
  EXPECT_LT(at("commit 1:1 reply"), at("ack"));
  EXPECT_TRUE(happened("peer answered"));
}

TEST_F(TerminatorTest, PeersDeleteJoinsARevocation) {
  const SessionId id = up();
  link.hold_removals = true;
  revoke({id});
  loop.run();
  sessions->terminate(id, Cause::user_request, [this] { diary.emplace_back("peer answered"); });
  link.release_removals();
  loop.run();
  EXPECT_EQ(spool.stops.at(0).terminate_cause, 6);
  EXPECT_TRUE(happened("peer answered"));
  EXPECT_TRUE(happened("ack"));
}

TEST_F(TerminatorTest, ReplyOfAJoinerThatComesTooLateForTheBatchIsWrittenByItself) {
  const SessionId id = up();
  sessions->terminate(id, Cause::user_request, nullptr);
  spool.hold = true;
  loop.run();  // removed, the commit is under way
  ASSERT_EQ(spool.held(), 1U);
  revoke({id}, some_reply());
  loop.run();
  spool.hold = false;
  spool.release();
  loop.run();
  EXPECT_LT(at("commit 1:1"), at("commit reply"));
  EXPECT_LT(at("commit reply"), at("ack"));
  EXPECT_EQ(spool.replies.size(), 1U);
}

TEST_F(TerminatorTest, UnknownSessionTouchesNothing) {
  const SessionId id = up();
  diary.clear();
  revoke({id, SessionId{999}});
  loop.run();
  EXPECT_EQ(diary, (Diary{"nak 503"}));
  EXPECT_EQ(sessions->snapshot(id)->state, State::established);
  revoke({});
  loop.run();
  EXPECT_EQ(diary, (Diary{"nak 503", "nak 503"}));
}

TEST_F(TerminatorTest, SpoolThatTakesNoWritesRefusesBeforeAnythingIsRemoved) {
  const SessionId id = up();
  spool.can_write = false;
  diary.clear();
  revoke({id});
  loop.run();
  EXPECT_EQ(diary, (Diary{"nak 506"}));
  EXPECT_EQ(sessions->snapshot(id)->state, State::established);
  spool.can_write = true;
  revoke({id});
  loop.run();
  EXPECT_TRUE(happened("ack"));
}

TEST_F(TerminatorTest, SpoolThatTakesNoWritesDoesNotMatterToALoginWithoutRecord) {
  const SessionId id = begin();
  spool.can_write = false;
  revoke({id});
  loop.run();
  EXPECT_TRUE(happened("ack"));
  EXPECT_FALSE(happened("nak 506"));
}

TEST_F(TerminatorTest, FailedCommitLeavesTheSessionRevokedAndUnansweredAndIsRepeated) {
  const SessionId id = up();
  diary.clear();
  spool.fail = true;
  revoke({id}, some_reply());
  loop.run();
  EXPECT_EQ(diary, (Diary{"remove 1", "commit 1:6 reply failed"}));
  EXPECT_EQ(sessions->snapshot(id)->state, State::ending);
  EXPECT_EQ(sessions->totals().stop_commit_failures, 1U);
  EXPECT_EQ(sessions->totals().stops_waiting, 1U);
  EXPECT_TRUE(link.sessions.at(1).tombstone) << "its final counters stay in the dataplane";

  clock.advance(999ms);
  sessions->on_timer();
  loop.run();
  EXPECT_EQ(spool.commits, 1U);
  clock.advance(1ms);
  sessions->on_timer();
  loop.run();  // fails again: the next try is later
  EXPECT_EQ(spool.commits, 2U);
  clock.advance(1s);
  sessions->on_timer();
  loop.run();
  EXPECT_EQ(spool.commits, 2U);
  EXPECT_FALSE(happened("ack"));

  spool.fail = false;
  clock.advance(1s);
  sessions->on_timer();
  loop.run();
  EXPECT_TRUE(happened("ack"));
  EXPECT_EQ(link.removal_calls, 1U);
  EXPECT_EQ(sessions->totals().stops_waiting, 0U);
  EXPECT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.replies.size(), 1U);
}

TEST_F(TerminatorTest, RevocationDuringFailingCommitsJoins) {
  const SessionId id = up();
  spool.fail = true;
  revoke({id});
  loop.run();
  revoke({id}, some_reply());
  loop.run();
  EXPECT_FALSE(happened("ack"));
  spool.fail = false;
  clock.advance(1s);
  sessions->on_timer();
  loop.run();
  EXPECT_EQ(std::ranges::count(diary, "ack"), 2);
  EXPECT_EQ(spool.replies.size(), 1U);
}

TEST_F(TerminatorTest, ManyRevocationsOfOneTurnAreOneRemovalAndOneRoundOfCommits) {
  std::vector<SessionId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(up("user" + std::to_string(i) + "@example.org"));
  diary.clear();
  for (const SessionId id : ids) revoke({id});
  loop.run();
  EXPECT_EQ(link.removal_calls, 1U);
  EXPECT_EQ(spool.commits, 1U) << "without replies of their own they share a batch";
  EXPECT_EQ(std::ranges::count(diary, "ack"), 4);
}

TEST_F(TerminatorTest, EachRequestsReplyTravelsWithItsOwnSessions) {
  const SessionId a = up("a@example.org");
  const SessionId b = up("b@example.org");
  const SessionId c = up("c@example.org");
  diary.clear();
  revoke({a, b}, some_reply(1));
  revoke({c}, some_reply(2));
  loop.run();
  EXPECT_EQ(link.removal_calls, 1U);
  EXPECT_EQ(spool.commits, 2U);
  EXPECT_TRUE(happened("commit 1:6 2:6 reply"));
  EXPECT_TRUE(happened("commit 3:6 reply"));
  EXPECT_EQ(std::ranges::count(diary, "ack"), 2);
}

TEST_F(TerminatorTest, OneAnswerForManySessionsComesAfterTheLastStop) {
  const SessionId a = up("a@example.org");
  const SessionId b = up("b@example.org");
  link.hold_removals = true;
  sessions->terminate(a, Cause::user_request, nullptr);
  loop.run();
  link.hold_removals = false;
  revoke({a, b});
  loop.run();
  EXPECT_TRUE(happened("commit 2:6"));
  EXPECT_FALSE(happened("ack"));
  link.release_removals();
  loop.run();
  EXPECT_LT(at("commit 1:1"), at("ack"));
}

TEST_F(TerminatorTest, DataplaneDiesDuringTheRemoval) {
  const SessionId id = up();
  clock.advance(61s);
  sessions->on_timer();  // arms the refresh
  loop.run();
  clock.advance(61s);
  sessions->on_timer();
  loop.run();
  link.traffic(id.value(), 1000);  // lost with the process
  link.hold_removals = true;
  revoke({id});
  loop.run();
  link.restart(2000);
  link.release_removals();
  loop.run();
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.stops[0].terminate_cause, 9);
  EXPECT_TRUE(spool.stops[0].counters_estimated);
  EXPECT_EQ(spool.stops[0].counters, (radius::Counters{100, 1, 200, 2}));
  EXPECT_TRUE(happened("ack"));
}

TEST_F(TerminatorTest, RestartedDataplaneEndsEverySession) {
  (void)up("a@example.org");
  (void)up("b@example.org");
  diary.clear();
  link.restart(2000);
  loop.run();
  EXPECT_TRUE(sessions->all().empty());
  ASSERT_EQ(spool.stops.size(), 2U);
  for (const auto& stop : spool.stops) {
    EXPECT_EQ(stop.terminate_cause, 9);
    EXPECT_TRUE(stop.counters_estimated);
  }
  EXPECT_TRUE(happened("delete 1") && happened("delete 2")) << "their IKE SAs are told: the child SAs are dead (P7)";
}

TEST_F(TerminatorTest, ReconnectToTheSameDataplaneEndsNothing) {
  (void)up();
  link.disconnect();
  EXPECT_FALSE(sessions->ready());
  link.connect(1000);
  loop.run();
  EXPECT_TRUE(sessions->ready());
  EXPECT_EQ(sessions->list().at(0).state, State::established);
  EXPECT_EQ(ready_changes, (std::vector{true, false, true}));
}

// A POD that meets a login, at every step of it.

TEST_F(TerminatorTest, PendingLoginIsAbortedAndAnsweredWithoutAStop) {
  const SessionId id = begin();
  diary.clear();
  const auto found = sessions->find({.audit_session_id = sessions->snapshot(id)->names.audit_session_id});
  ASSERT_EQ(found, std::vector{id});
  revoke(found, some_reply());
  loop.run();
  EXPECT_TRUE(happened("abort 1"));
  EXPECT_LT(at("commit reply"), at("ack"));
  EXPECT_EQ(spool.stops.size(), 0U);
  EXPECT_FALSE(happened("delete 1"));
  EXPECT_FALSE(happened("remove 1"));
  EXPECT_TRUE(sessions->all().empty());
}

TEST_F(TerminatorTest, LateRadiusAnswerOfAnAbortedLoginIsIgnored) {
  const SessionId id = begin(Method::eap);
  std::vector<EapStep::Kind> steps;
  sessions->authenticate_eap(id, identity_response("bob"), [&](EapStep step) { steps.push_back(step.kind); });
  auto late = std::move(access.asked.begin()->second.done);
  revoke({id});
  loop.run();
  EXPECT_EQ(access.cancelled, 1U);
  EXPECT_EQ(steps, std::vector{EapStep::Kind::failed}) << "told once, after abort_login";
  radius::AccessReply accept;
  accept.kind = radius::AccessReply::Kind::accept;
  late(std::move(accept));
  EXPECT_EQ(steps.size(), 1U);
  EXPECT_TRUE(happened("ack"));
  establish(id);
  loop.run();
  EXPECT_EQ(established, std::vector{EstablishStatus::aborted}) << "nothing can be installed any more";
  EXPECT_FALSE(happened("install 1"));
}

TEST_F(TerminatorTest, RevokedWhileTheRowIsBeingWritten) {
  const SessionId id = login();
  (void)sessions->assign(id, true);
  spool.hold = true;
  establish(id);
  loop.run();
  revoke({id});
  loop.run();
  EXPECT_FALSE(happened("ack"));
  spool.hold = false;
  spool.release();
  loop.run();
  EXPECT_LT(at("open 1"), at("commit drop 1"));
  EXPECT_LT(at("commit drop 1"), at("ack"));
  EXPECT_FALSE(happened("install 1"));
  EXPECT_TRUE(spool.open.empty());
  EXPECT_EQ(established, std::vector{EstablishStatus::aborted});
}

TEST_F(TerminatorTest, RevokedWhileTheInstallIsUnderWay) {
  const SessionId id = login();
  (void)sessions->assign(id, true);
  link.hold_installs = true;
  establish(id);
  loop.run();
  revoke({id});
  loop.run();
  EXPECT_LT(at("install 1"), at("remove 1"));
  EXPECT_LT(at("commit drop 1"), at("ack")) << "no Start was spooled, so no Stop is due";
  link.release_installs();
  loop.run();
  EXPECT_EQ(established, std::vector{EstablishStatus::aborted});
  EXPECT_TRUE(spool.starts.empty());
  EXPECT_TRUE(spool.stops.empty());
  EXPECT_TRUE(link.sessions.empty());
}

TEST_F(TerminatorTest, RevokedWhileTheStartIsBeingSpooled) {
  const SessionId id = login();
  (void)sessions->assign(id, true);
  link.hold_installs = true;
  establish(id);
  loop.run();
  spool.hold = true;
  link.release_installs();
  loop.run();
  ASSERT_EQ(spool.held(), 1U);
  revoke({id});
  loop.run();
  EXPECT_TRUE(happened("remove 1"));
  EXPECT_FALSE(happened("ack"));
  spool.hold = false;
  spool.release();
  loop.run();
  EXPECT_LT(at("start 1"), at("commit 1:6")) << "a Start was spooled, so a Stop follows";
  EXPECT_LT(at("commit 1:6"), at("ack"));
  EXPECT_EQ(established, std::vector{EstablishStatus::aborted});
  EXPECT_FALSE(happened("delete 1")) << "the peer never had a session";
}

TEST_F(TerminatorTest, DetachedPeerIsNeverCalledAgain) {
  const SessionId id = up();
  link.hold_removals = true;
  revoke({id});
  loop.run();
  sessions->detach(id);
  peers.clear();
  link.release_removals();
  loop.run();
  EXPECT_TRUE(happened("ack"));
  EXPECT_FALSE(happened("delete 1"));
}

TEST_F(TerminatorTest, PeerThatDetachesInsideTheAnswerIsNotCalled) {
  const SessionId id = up();
  sessions->terminate(id, Cause::user_request, [this, id] {
    sessions->detach(id);
    peers.clear();
  });
  loop.run();
  EXPECT_FALSE(happened("delete 1"));
  EXPECT_TRUE(sessions->all().empty());
}

TEST_F(TerminatorTest, DetachWithoutAWordEndsTheSession) {
  const SessionId id = up();
  sessions->detach(id);
  loop.run();
  ASSERT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(spool.stops[0].terminate_cause, 2);
}

TEST_F(TerminatorTest, DetachOfALoginThatCameToNothingLeavesNothing) {
  const SessionId id = begin();
  sessions->detach(id);
  loop.run();
  EXPECT_TRUE(sessions->all().empty());
  EXPECT_EQ(spool.commits, 0U);
  EXPECT_FALSE(happened("abort 1"));
}

TEST_F(TerminatorTest, TerminateOfAnUnknownSessionIsAnswered) {
  bool answered = false;
  sessions->terminate(SessionId{77}, Cause::user_request, [&] { answered = true; });
  EXPECT_FALSE(answered);
  loop.run();
  EXPECT_TRUE(answered);
}

TEST_F(TerminatorTest, EventsOfTheDataplaneEndSessions) {
  const SessionId a = up("a@example.org");
  const SessionId b = up("b@example.org");
  link.events.on_lifetime_reached(a);
  link.events.on_idle_expired(b);
  link.events.on_idle_expired(SessionId{99});
  loop.run();
  ASSERT_EQ(spool.stops.size(), 2U);
  EXPECT_EQ(spool.stops[0].terminate_cause, 5);
  EXPECT_EQ(spool.stops[1].terminate_cause, 4);
}

TEST_F(TerminatorTest, ShutdownEndsAllAndAdmitsNobody) {
  (void)up("a@example.org");
  (void)begin(Method::psk, "pending@example.org");
  bool done = false;
  sessions->shut_down([&] { done = true; });
  EXPECT_FALSE(sessions->begin({}, peer_for({})));
  loop.run();
  EXPECT_TRUE(done);
  EXPECT_EQ(spool.stops.at(0).terminate_cause, 11);
  EXPECT_TRUE(happened("abort 2"));
  EXPECT_TRUE(happened("delete 1"));
}

TEST_F(TerminatorTest, SessionTimeOfTheStopIsTheTimeBetweenStartAndEnd) {
  const SessionId id = up();
  clock.advance(56s);
  revoke({id});
  loop.run();
  EXPECT_EQ(spool.stops.at(0).session_seconds, 56U);
  EXPECT_EQ(spool.stops.at(0).event, clock.wall());
  EXPECT_EQ(spool.stops.at(0).identity, spool.starts.at(0).identity);
}

class WithoutRequiredAccounting : public SessionsTest {
 protected:
  static std::shared_ptr<config::Config> relaxed() {
    auto config = small_config();
    config->accounting.required = false;
    return config;
  }
  WithoutRequiredAccounting() : SessionsTest(relaxed()) { start(); }
};

TEST_F(WithoutRequiredAccounting, BrokenSpoolKeepsNobodyOutAndNoAnswerBack) {
  spool.can_admit = false;
  spool.can_write = false;
  const SessionId id = up();
  spool.fail = true;
  revoke({id});
  loop.run();
  EXPECT_TRUE(happened("ack"));
  EXPECT_TRUE(happened("commit 1:6 failed"));
  spool.fail = false;
  clock.advance(1s);
  sessions->on_timer();
  loop.run();
  EXPECT_EQ(spool.stops.size(), 1U);
  EXPECT_EQ(std::ranges::count(diary, "ack"), 1);
}

class WithoutAccounting : public SessionsTest {
 protected:
  static std::shared_ptr<config::Config> silent() {
    auto config = small_config();
    config->accounting.enabled = false;
    return config;
  }
  WithoutAccounting() : SessionsTest(silent()) { start(); }
};

TEST_F(WithoutAccounting, SessionsLiveAndDieWithoutRecords) {
  const SessionId id = up();
  diary.clear();
  revoke({id});
  loop.run();
  EXPECT_EQ(diary, (Diary{"remove 1", "forget 1", "ack", "delete 1"}));
}

}  // namespace
}  // namespace controlplane::session
