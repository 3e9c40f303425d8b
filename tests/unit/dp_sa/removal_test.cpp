// The two phases of a removal, step by step with readers that do what the test says; tombstones and the latch.

#include "fixture.hpp"

namespace dataplane::sa {
namespace {

using common::SessionId;
using common::Spi;
using test::World;

class TwoPhases : public testing::Test {
 protected:
  TwoPhases() {
    world_.online(0);
    world_.online(1);
    spi_ = world_.install(1);
    ref_ = world_.ref(1);
    session_ = world_.tables.find_session(ref_);
    session_->own.count_in(10, 1000);
  }
  [[nodiscard]] bool finished() { return !world_.writer.poll(world_.now()).empty(); }
  void both_quiescent() {
    world_.quiescent(0);
    world_.quiescent(1);
  }

  World world_;
  Spi spi_;
  ids::SessionRef ref_;
  Session* session_ = nullptr;
};

TEST_F(TwoPhases, NobodyFindsItFromTheFirstMomentOn) {
  ASSERT_EQ(world_.writer.begin_removal(SessionId{1}, 6), Removal::begun);
  EXPECT_EQ(world_.tables.find_inbound(spi_), nullptr);
  EXPECT_EQ(world_.tables.find_session(ref_), nullptr);
  EXPECT_TRUE(world_.ref(1).is_nobody());
  EXPECT_EQ(session_->outbound.load(), nullptr);
  EXPECT_EQ(world_.tables.find_counters(ref_), session_) << "drops of packets in flight are still counted";
}

TEST_F(TwoPhases, EachStepWaitsForItsOwn) {
  world_.drain.rings = false;
  world_.drain.devices = false;
  ASSERT_EQ(world_.writer.begin_removal(SessionId{1}, 6), Removal::begun);
  EXPECT_FALSE(finished());
  world_.quiescent(0);
  EXPECT_FALSE(finished());
  EXPECT_EQ(world_.drain.marks, 0) << "reader 1 may still be putting its packets on a ring";
  world_.quiescent(1);
  EXPECT_FALSE(finished());
  EXPECT_EQ(world_.drain.marks, 1);
  both_quiescent();
  EXPECT_FALSE(finished()) << "a packet of it lies on a ring";
  EXPECT_EQ(world_.drain.sendings, 0);
  world_.drain.rings = true;
  EXPECT_FALSE(finished());
  world_.quiescent(1);
  EXPECT_FALSE(finished());
  EXPECT_EQ(world_.drain.sendings, 0) << "reader 0 may still be sending what came off the ring";
  world_.quiescent(0);
  EXPECT_FALSE(finished());
  EXPECT_EQ(world_.drain.sendings, 1);
  EXPECT_EQ(world_.writer.find(SessionId{1})->state, SessionState::removing);
  session_->own.count_in(1, 100);  // what the device took on the way
  session_->foreign.drop_in(common::DropReason::session_ended);
  world_.drain.devices = true;
  EXPECT_TRUE(finished());
  EXPECT_EQ(world_.tables.find_counters(ref_), nullptr);
  const SessionRecord* record = world_.writer.find(SessionId{1});
  EXPECT_EQ(record->state, SessionState::ended);
  EXPECT_EQ(record->cause, 6);
  EXPECT_EQ(record->final.in_packets, 11U);
  EXPECT_EQ(record->final.in_octets, 1100U);
  EXPECT_EQ(record->final.in_drops[static_cast<std::size_t>(common::DropReason::session_ended)], 1U);
}

TEST_F(TwoPhases, SleepingReadersHoldNothingUp) {
  world_.offline(0);
  world_.offline(1);
  ASSERT_EQ(world_.writer.begin_removal(SessionId{1}, 6), Removal::begun);
  EXPECT_TRUE(finished());
}

TEST_F(TwoPhases, AThousandShareTheNextRound) {
  World world(2000);
  world.online(0);
  for (std::uint64_t id = 1; id <= 1500; ++id) world.install(id);
  ASSERT_EQ(world.writer.begin_removal(SessionId{1}, 6), Removal::begun);
  EXPECT_TRUE(world.writer.poll(world.now()).empty());
  for (std::uint64_t id = 2; id <= 1500; ++id) ASSERT_EQ(world.writer.begin_removal(SessionId{id}, 6), Removal::begun);
  std::size_t finished = 0;
  int turns = 0;
  while (finished < 1500 && turns < 100) {
    world.quiescent(0);
    finished += world.writer.poll(world.now()).size();
    ++turns;
  }
  EXPECT_EQ(finished, 1500U);
  EXPECT_EQ(world.writer.usage().removal_rounds, 2U);
  EXPECT_LE(turns, 6);
}

TEST_F(TwoPhases, SecondRemovalJoinsAndTheFirstCauseStays) {
  ASSERT_EQ(world_.writer.begin_removal(SessionId{1}, 6), Removal::begun);
  EXPECT_EQ(world_.writer.begin_removal(SessionId{1}, 1), Removal::joined);
  world_.offline(0);
  world_.offline(1);
  ASSERT_TRUE(finished());
  EXPECT_EQ(world_.writer.begin_removal(SessionId{1}, 2), Removal::ended);
  EXPECT_EQ(world_.writer.find(SessionId{1})->cause, 6);
  EXPECT_EQ(world_.writer.begin_removal(SessionId{77}, 2), Removal::unknown);
}

TEST_F(TwoPhases, WhatIsEndingOrEndedTakesNoChanges) {
  const ChildSpec child = world_.child(world_.spi(), 50);
  const SessionSpec again = world_.session(1);
  const auto all_refused = [&](Status expected) {
    EXPECT_EQ(world_.writer.install(again, world_.now()), expected);
    EXPECT_EQ(world_.writer.rekey(SessionId{1}, spi_, child, world_.now()), expected);
    EXPECT_EQ(world_.writer.delete_child(SessionId{1}, spi_, world_.now()), expected);
    EXPECT_EQ(world_.writer.update_path(SessionId{1}, again.path, true), expected);
    EXPECT_EQ(world_.writer.set_policy(SessionId{1}, {}, world_.now()), expected);
    EXPECT_EQ(world_.writer.put_blob(SessionId{1}, {}), expected);
  };
  ASSERT_EQ(world_.writer.begin_removal(SessionId{1}, 6), Removal::begun);
  EXPECT_EQ(world_.writer.forget(SessionId{1}), Status::not_ended);
  all_refused(Status::ended);
  world_.offline(0);
  world_.offline(1);
  ASSERT_TRUE(finished());
  all_refused(Status::ended);
  ASSERT_EQ(world_.writer.forget(SessionId{1}), Status::ok);
  EXPECT_EQ(world_.writer.find(SessionId{1}), nullptr);
  all_refused(Status::ended);
  EXPECT_EQ(world_.writer.forget(SessionId{1}), Status::unknown_session);
  EXPECT_EQ(world_.writer.forget(SessionId{2}), Status::unknown_session);
}

TEST_F(TwoPhases, TombstoneKeepsWhatARestartNeeds) {
  const std::array<std::uint8_t, 3> blob = {7, 8, 9};
  ASSERT_EQ(world_.writer.put_blob(SessionId{1}, blob), Status::ok);
  ASSERT_EQ(world_.writer.begin_removal(SessionId{1}, 6), Removal::begun);
  world_.offline(0);
  world_.offline(1);
  ASSERT_TRUE(finished());
  const SessionRecord* record = world_.writer.find(SessionId{1});
  EXPECT_TRUE(std::ranges::equal(record->blob.view(), blob));
  ASSERT_NE(record->current_child(), nullptr);
  EXPECT_EQ(record->current_child()->inbound, spi_);
  EXPECT_FALSE(record->current_child()->inbound_key.is_set()) << "P6: keys are gone";
  int listed = 0;
  world_.writer.for_each([&](const SessionRecord&) { ++listed; });
  EXPECT_EQ(listed, 1);
}

TEST_F(TwoPhases, PlaceIsReusedWithAnotherGeneration) {
  World world(1);
  const Spi first = world.install(1);
  const ids::SessionRef old = world.ref(1);
  world.tables.find_session(old)->own.count_out(5, 500);
  world.remove_completely(1);
  ASSERT_EQ(world.writer.forget(SessionId{1}), Status::ok);
  const Spi second = world.install(2);
  const ids::SessionRef fresh = world.ref(2);
  EXPECT_EQ(fresh.index, old.index);
  EXPECT_NE(fresh.generation, old.generation);
  EXPECT_EQ(world.tables.find_session(old), nullptr) << "a late packet of session 1 is nobody's";
  EXPECT_EQ(world.tables.find_counters(old), nullptr);
  EXPECT_EQ(world.tables.find_inbound(first), nullptr);
  EXPECT_NE(world.tables.find_inbound(second), nullptr);
  EXPECT_EQ(world.writer.counters(*world.writer.find(SessionId{2})), Totals{});
}

TEST_F(TwoPhases, RemovalTakesChildrenThatWereLeavingAlong) {
  const ChildSpec next = world_.child(world_.spi(), 50);
  ASSERT_EQ(world_.writer.rekey(SessionId{1}, spi_, next, world_.now()), Status::ok);
  ASSERT_EQ(world_.writer.delete_child(SessionId{1}, spi_, world_.now()), Status::ok);
  ASSERT_EQ(world_.writer.begin_removal(SessionId{1}, 6), Removal::begun);
  EXPECT_EQ(world_.tables.find_inbound(spi_), nullptr) << "no 5 s more on a POD";
  EXPECT_EQ(world_.tables.find_inbound(next.inbound), nullptr);
  world_.offline(0);
  world_.offline(1);
  ASSERT_TRUE(finished());
  world_.clock.advance(std::chrono::seconds(10));
  EXPECT_TRUE(world_.writer.poll(world_.now()).empty());
  EXPECT_EQ(world_.writer.usage().children, 0U);
}

TEST(Reclaimer, WorkGivenDuringAGracePeriodWaitsForTheNext) {
  Readers readers(1);
  Reclaimer reclaimer(readers.get());
  ASSERT_EQ(rte_rcu_qsbr_thread_register(readers.get(), 0), 0);
  rte_rcu_qsbr_thread_online(readers.get(), 0);
  int first = 0;
  int second = 0;
  int nested = 0;
  reclaimer.defer([&] {
    ++first;
    reclaimer.defer([&] { ++nested; });
  });
  (void)reclaimer.poll();
  rte_rcu_qsbr_quiescent(readers.get(), 0);
  reclaimer.defer([&] { ++second; });  // the report before it does not count for it
  EXPECT_TRUE(reclaimer.poll());
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
  EXPECT_FALSE(reclaimer.poll());
  rte_rcu_qsbr_quiescent(readers.get(), 0);
  EXPECT_TRUE(reclaimer.poll());
  EXPECT_EQ(second, 1);
  rte_rcu_qsbr_thread_offline(readers.get(), 0);
  while (reclaimer.waiting() > 0) (void)reclaimer.poll();
  EXPECT_EQ(nested, 1);
}

TEST(Reclaimer, WorkOfAWriterThatIsGoneDoesNothing) {
  World world;
  world.online(0);
  const Spi spi = world.install(1);
  ASSERT_EQ(world.writer.delete_child(SessionId{1}, spi, world.now()), Status::ok);
  world.clock.advance(TableWriter::kLeaveTime);
  (void)world.writer.poll(world.now());
  EXPECT_EQ(world.reclaimer.waiting(), 1U);
  // The reclaimer is destroyed after the writer and the tables, and does what is left.
}

}  // namespace
}  // namespace dataplane::sa
