// Two workers: packets that arrive at the one who does not own their session, and removals meanwhile.

#include <gtest/gtest.h>

#include "tests/unit/dp_worker/world.hpp"

namespace dataplane::worker {
namespace {

using common::DropReason;
using test::Bytes;
using test::frame_to;
using test::kHost;
using test::kInside;
using test::kOutside;
using test::Packet;
using test::Peer;
using test::World;

struct TwoWorkers : testing::Test {
  TwoWorkers() : first(world.install(1)), second(world.install(2)) {}
  World world{2};
  Peer first;   ///< owned by worker 0
  Peer second;  ///< owned by worker 1
};

TEST_F(TwoWorkers, OwnersDiffer) {
  EXPECT_EQ(world.session(1).owner, ids::WorkerIndex{0});
  EXPECT_EQ(world.session(2).owner, ids::WorkerIndex{1});
}

TEST_F(TwoWorkers, EspAtTheWrongWorker) {
  for (int i = 0; i < 100; ++i) {
    world.inject(kOutside, second.seal(Packet{.source = second.inner, .destination = kHost}.ip()), 0);
    world.inject(kOutside, first.seal(Packet{.source = first.inner, .destination = kHost}.ip()), 1);
  }
  world.run();
  EXPECT_EQ(world.sent(kInside).size(), 200U);
  EXPECT_EQ(world.statistics[0]->handoffs_out, 100U);
  EXPECT_EQ(world.statistics[1]->handoffs_out, 100U);
  EXPECT_EQ(world.totals(1).in_packets, 100U);
  EXPECT_EQ(world.totals(2).in_packets, 100U);
  EXPECT_EQ(world.session(2).own.in_packets.get(), 100U) << "counted by the owner";
  EXPECT_EQ(world.session(2).foreign.in_packets.get(), 0U);
}

TEST_F(TwoWorkers, ClearAtTheWrongWorker) {
  for (int i = 0; i < 10; ++i)
    world.inject(kInside, frame_to(kInside, Packet{.source = kHost, .destination = second.inner}.ip()), 0);
  world.run();
  const auto frames = world.sent(kOutside);
  ASSERT_EQ(frames.size(), 10U);
  for (const Bytes& frame : frames) {
    const auto inner = second.open(frame);
    ASSERT_TRUE(inner);
    EXPECT_EQ((*inner)[8], 63) << "one hop, whatever the way inside";
  }
  EXPECT_EQ(world.session(2).own.out_packets.get(), 10U);
}

TEST_F(TwoWorkers, HostFramesForAnotherWorkersSession) {
  Bytes frame = frame_to(kOutside, Packet{.source = test::kGateway, .destination = second.inner}.ip());
  world.from_host(kOutside, frame, 0);
  world.run();
  const auto frames = world.sent(kOutside);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ((*second.open(frames[0]))[8], 64);
}

TEST_F(TwoWorkers, HairpinAcrossWorkers) {
  Packet packet{.source = first.inner, .destination = second.inner};
  world.inject(kOutside, first.seal(packet.ip()), 0);
  world.run();
  const auto frames = world.sent(kOutside);
  ASSERT_EQ(frames.size(), 1U);
  packet.ttl = 63;
  EXPECT_EQ(second.open(frames[0]), packet.ip());
  EXPECT_EQ(world.session(1).foreign.in_packets.get(), 1U) << "finished by the other worker";
  EXPECT_EQ(world.session(2).own.out_packets.get(), 1U);
  EXPECT_EQ(world.totals(1).in_packets, 1U);
}

TEST_F(TwoWorkers, AFullRingIsACountedDrop) {
  for (int i = 0; i < 300; ++i) {
    world.inject(kOutside, second.seal(Packet{.source = second.inner, .destination = kHost}.ip()), 0);
    if (i % 64 == 63) world.workers[0]->turn();
  }
  for (int i = 0; i < 10; ++i) world.workers[0]->turn();
  EXPECT_EQ(world.dropped(DropReason::handoff_full), 300U - 255);
  world.run();
  const sa::Totals totals = world.totals(2);
  EXPECT_EQ(totals.in_packets, 255U);
  EXPECT_EQ(totals.in_drops[static_cast<std::size_t>(DropReason::handoff_full)], 45U);
}

TEST_F(TwoWorkers, TheConsumerSaysHowFarItHasGot) {
  world.inject(kOutside, second.seal(Packet{.source = second.inner, .destination = kHost}.ip()), 0);
  world.workers[0]->turn();
  eal::Ring& ring = *world.handoff[0 * 2 + 1];
  const std::uint32_t tail = ring.enqueued();
  EXPECT_FALSE(ring.reached(tail));
  world.workers[1]->turn();
  EXPECT_TRUE(ring.reached(tail));
}

/// A packet decrypted before the removal lies in the other worker's ring when its session goes (DESIGN chapter 4).
TEST_F(TwoWorkers, RemovalWithADecryptedPacketOnTheWay) {
  for (unsigned reader = 0; reader < 2; ++reader) {
    rte_rcu_qsbr_thread_register(world.readers.get(), reader);
    rte_rcu_qsbr_thread_online(world.readers.get(), reader);
  }
  for (int i = 0; i < 5; ++i)
    world.inject(kOutside, first.seal(Packet{.source = first.inner, .destination = second.inner}.ip()), 0);
  world.workers[0]->turn();
  ASSERT_FALSE(world.handoff[1]->empty());
  ASSERT_EQ(world.writer->begin_removal(common::SessionId{1}, 6), sa::Removal::begun);
  EXPECT_TRUE(world.writer->poll(world.now()).empty());
  world.workers[0]->turn();
  EXPECT_TRUE(world.writer->poll(world.now()).empty()) << "worker 1 has not reported since";
  world.workers[1]->turn();
  EXPECT_TRUE(world.sent(kOutside).empty()) << "P1: nothing of a removed session is forwarded";
  EXPECT_EQ(world.dropped(DropReason::session_ended), 5U);
  std::vector<common::SessionId> finished;
  for (int i = 0; i < 4 && finished.empty(); ++i) {
    world.run();
    finished = world.writer->poll(world.now());
  }
  ASSERT_EQ(finished, std::vector{common::SessionId{1}});
  const sa::Totals totals = world.totals(1);
  EXPECT_EQ(totals.in_packets, 0U);
  EXPECT_EQ(totals.in_drops[static_cast<std::size_t>(DropReason::session_ended)], 5U) << "received = forwarded + drops";
  EXPECT_EQ(world.totals(2).out_packets, 0U);

  world.inject(kOutside, first.seal(Packet{.source = first.inner, .destination = kHost}.ip()), 0);
  world.inject(kInside, frame_to(kInside, Packet{.source = kHost, .destination = first.inner}.ip()), 0);
  world.run();
  EXPECT_EQ(world.dropped(DropReason::unknown_spi), 1U);
  EXPECT_EQ(world.dropped(DropReason::no_session), 1U) << "the pool's address leads nowhere, never to a shorter route";
  EXPECT_EQ(world.totals(1), totals) << "final counters do not move";
}

TEST_F(TwoWorkers, RemovalWithAnEspPacketOnTheWay) {
  world.inject(kOutside, second.seal(Packet{.source = second.inner, .destination = kHost}.ip()), 0);
  world.workers[0]->turn();
  ASSERT_EQ(world.writer->begin_removal(common::SessionId{2}, 6), sa::Removal::begun);
  world.workers[1]->turn();
  EXPECT_TRUE(world.sent(kInside).empty());
  EXPECT_EQ(world.dropped(DropReason::unknown_spi), 1U);
}

}  // namespace
}  // namespace dataplane::worker
