// Two workers on threads of their own, hand-offs between them, and a manager that removes sessions meanwhile. Run it
// under ThreadSanitizer too: no suppression is needed, for every ring and the RCU variable use C11 atomics.

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/dp_worker/world.hpp"

namespace dataplane::worker {
namespace {

using test::kHost;
using test::kInside;
using test::kOutside;
using test::Packet;
using test::Peer;
using test::World;

/// Waits for rings as the manager does.
class RingDrain final : public sa::Drain {
 public:
  explicit RingDrain(World& world) : world_(world) {}
  void mark() override {
    marks_.clear();
    for (auto& ring : world_.handoff) marks_.push_back(ring == nullptr ? 0 : ring->enqueued());
  }
  bool rings_passed() override {
    for (std::size_t i = 0; i < marks_.size(); ++i)
      if (world_.handoff[i] != nullptr && !world_.handoff[i]->reached(marks_[i])) return false;
    return true;
  }
  void begin_sending(common::MonotonicTime) override {}
  bool sent(common::MonotonicTime) override { return true; }

 private:
  World& world_;
  std::vector<std::uint32_t> marks_;
};

TEST(Threads, RemovalUnderTrafficKeepsTheSum) {
  constexpr std::uint64_t kPeers = 6;
  constexpr unsigned kEach = 400;
  World world(2);
  RingDrain drain(world);
  world.writer = std::make_unique<sa::TableWriter>(world.tables, world.reclaimer, world.readers.get(), drain, 7);
  std::vector<Peer> peers;
  for (std::uint64_t id = 1; id <= kPeers; ++id) peers.push_back(world.install(id));
  // Half of the packets go to the host behind us, half to the next peer, and each arrives at either worker.
  for (unsigned i = 0; i < kEach; ++i)
    for (std::size_t p = 0; p < kPeers; ++p) {
      const std::uint32_t destination = i % 2 == 0 ? kHost : peers[(p + 1) % kPeers].inner;
      world.inject(kOutside, peers[p].seal(Packet{.source = peers[p].inner, .destination = destination}.ip()),
                   (i / 2 + p) % 2);
    }

  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (auto& worker : world.workers) threads.emplace_back([&worker, &stop] { worker->run(stop); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::size_t removed = 0;
  const auto began = world.writer->begin_removal(common::SessionId{1}, 6);
  EXPECT_EQ(began, sa::Removal::begun);
  EXPECT_EQ(world.writer->begin_removal(common::SessionId{4}, 6), sa::Removal::begun);
  sa::Totals at_removal;
  const auto rx_total = [&] { return world.statistics[0]->rx_packets + world.statistics[1]->rx_packets; };
  while ((removed < 2 || rx_total() < kPeers * kEach) && std::chrono::steady_clock::now() < deadline) {
    for (const common::SessionId id : world.writer->poll(world.now())) {
      ++removed;
      if (id == common::SessionId{1}) at_removal = world.totals(1);
    }
    std::this_thread::yield();
  }
  // All is received; what lies in rings still is finished when both have turned twice.
  const std::uint64_t turns = world.statistics[0]->turns + 4;
  const std::uint64_t turns_1 = world.statistics[1]->turns + 4;
  while ((world.statistics[0]->turns < turns || world.statistics[1]->turns < turns_1) &&
         std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  world.run();

  ASSERT_EQ(removed, 2U);
  EXPECT_EQ(world.totals(1), at_removal) << "final counters did not move afterwards";
  std::uint64_t forwarded = 0;
  for (std::uint64_t id = 1; id <= kPeers; ++id) {
    const sa::Totals totals = world.totals(id);
    std::uint64_t drops = 0;
    for (const std::uint64_t count : totals.in_drops) drops += count;
    forwarded += totals.in_packets;
    EXPECT_EQ(totals.in_octets, totals.in_packets * 100);
    if (id != 1 && id != 4) {
      EXPECT_EQ(totals.in_packets + drops, kEach) << "received = forwarded + drops, session " << id;
    } else {
      EXPECT_LE(totals.in_packets + drops, kEach);
    }
  }
  const std::size_t frames = world.sent(kInside).size() + world.sent(kOutside).size();
  EXPECT_EQ(forwarded, frames) << "every packet on the wire is in somebody's counters, and no other";
  EXPECT_EQ(forwarded + world.dropped_total(), kPeers * kEach);
}

TEST(Threads, SleepingWorkersHoldNobodyUp) {
  World world(1, true);
  const Peer peer = world.install(1);
  std::atomic<bool> stop{false};
  std::thread thread([&] { world.workers[0]->run(stop); });
  (void)world.writer->begin_removal(common::SessionId{1}, 6);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::vector<common::SessionId> finished;
  while (finished.empty() && std::chrono::steady_clock::now() < deadline) finished = world.writer->poll(world.now());
  stop = true;
  thread.join();
  EXPECT_EQ(finished.size(), 1U);
}

}  // namespace
}  // namespace dataplane::worker
