// Removals while packets of the session lie in another worker's ring and in the relay's, with real threads, real rings
// and the real RCU variable. Also built with -Db_sanitize=thread.

#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <rte_eal.h>

#include "dataplane/manager/drain.hpp"
#include "tests/unit/dp_sa/fixture.hpp"

namespace dataplane::manager {
namespace {

using common::SessionId;

constexpr unsigned kWorker = 0;     // decrypts, and hands over to the others
constexpr unsigned kConsumers = 2;  // another worker, and the relay
constexpr std::uint32_t kSessions = 32;
constexpr std::uint64_t kRemovals = 1'500;
constexpr std::uint64_t kOctets = 100;

/// EAL without hugepages, devices or fixed CPUs: rings need it.
void start_eal() {
  static const bool started = [] {
    std::string prefix = "removal" + std::to_string(::getpid());
    std::vector<std::string> words = {"test",          "--no-huge",      "-m",          "64",
                                      "--no-pci",      "--no-telemetry", "--log-level", "4",
                                      "--file-prefix", prefix,           "--lcores",    "0@(0-1)"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    return rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0;
  }();
  ASSERT_TRUE(started);
}

/// A packet on a ring is its session's name, nothing else.
void* as_packet(ids::SessionRef ref) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(ref.generation) << 32U | ref.index.value() << 1U | 1U);
}
ids::SessionRef as_ref(void* packet) {
  const auto word = reinterpret_cast<std::uintptr_t>(packet);
  return {ids::SessionIndex{static_cast<std::uint32_t>(word) >> 1U}, static_cast<std::uint32_t>(word >> 32U)};
}

class Rings : public testing::Test {
 protected:
  Rings() {
    for (unsigned reader = 0; reader < 1 + kConsumers; ++reader)
      EXPECT_EQ(rte_rcu_qsbr_thread_register(readers_.get(), reader), 0);
  }
  [[nodiscard]] sa::Now now() const { return {clock_.monotonic(), clock_.wall(), 0, 1}; }
  void install(std::uint64_t id) {
    sa::SessionSpec spec;
    spec.id = SessionId{id};
    spec.path.local = {common::IpAddress::v4(1), 4500};
    spec.path.remote = {common::IpAddress::v4(2), 4500};
    spec.inner_v4 = sa::test::kPoolFirst + static_cast<std::uint32_t>(id % 0xFFFF);
    spec.child.inbound = writer_.reserve_spi(now()).value();
    spec.child.outbound = common::Spi{4711};
    spec.child.key_id = common::KeyId{id};
    spec.child.inbound_encryption = sa::test::kKeymat;
    spec.child.outbound_encryption = sa::test::kKeymat;
    ASSERT_EQ(writer_.install(spec, now()), sa::Status::ok);
  }
  [[nodiscard]] ids::SessionRef ref(std::uint64_t id) const {
    return tables_.pool_session(ids::PoolIndex{0}, static_cast<std::uint32_t>(id % 0xFFFF));
  }

  static std::array<std::unique_ptr<eal::Ring>, kConsumers> make_rings() {
    start_eal();
    std::array<std::unique_ptr<eal::Ring>, kConsumers> rings;
    for (unsigned i = 0; i < kConsumers; ++i) {
      auto ring = eal::Ring::create("packets" + std::to_string(i), 256, eal::Producers::one);
      EXPECT_TRUE(ring.has_value());
      rings[i] = std::move(ring.value());
    }
    return rings;
  }

  common::ManualClock clock_;
  std::array<std::unique_ptr<eal::Ring>, kConsumers> rings_ = make_rings();
  sa::Readers readers_{1 + kConsumers};
  sa::Reclaimer reclaimer_{readers_.get()};
  sa::Tables tables_{sa::test::limits(kSessions, 1)};
  ProcessDrain drain_{{rings_[0].get(), rings_[1].get()}, {}, nullptr};
  sa::TableWriter writer_{tables_, reclaimer_, readers_.get(), drain_, 1};
};

TEST_F(Rings, RemovalWaitsForThePacketInTheRingStepByStep) {
  install(1);
  void* packet = as_packet(ref(1));
  ASSERT_EQ(rings_[1]->enqueue(&packet, 1), 1U);
  ASSERT_EQ(writer_.begin_removal(SessionId{1}, 6), sa::Removal::begun);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(writer_.poll(now()).empty()) << "it lies in the relay's ring";
  // What is enqueued after the mark is none of its: it does not hold the removal up for ever.
  void* later = as_packet({ids::SessionIndex{5}, 9});
  ASSERT_EQ(rings_[1]->enqueue(&later, 1), 1U);
  void* taken = nullptr;
  ASSERT_EQ(rings_[1]->dequeue(&taken, 1), 1U);
  EXPECT_TRUE(writer_.poll(now()).empty()) << "dequeued, but not dealt with";
  const ids::SessionRef source = as_ref(taken);
  EXPECT_EQ(tables_.find_session(source), nullptr);
  sa::Session* counted = tables_.find_counters(source);
  ASSERT_NE(counted, nullptr);
  counted->foreign.drop_in(common::DropReason::session_ended);
  rte_rcu_qsbr_thread_online(readers_.get(), 2);
  rings_[1]->finished(1);
  EXPECT_TRUE(writer_.poll(now()).empty()) << "its consumer is still in that turn";
  rte_rcu_qsbr_quiescent(readers_.get(), 2);
  EXPECT_EQ(writer_.poll(now()).size(), 1U);
  EXPECT_EQ(writer_.find(SessionId{1})->final.in_drops[static_cast<std::size_t>(common::DropReason::session_ended)],
            1U);
  rte_rcu_qsbr_thread_offline(readers_.get(), 2);
}

/// What the threads of the test share.
struct Ledger {
  std::array<std::atomic<std::uint64_t>, kRemovals + kSessions + 1> produced{};
  std::array<std::atomic<bool>, kRemovals + kSessions + 1> acked{};
  std::array<std::atomic<std::uint64_t>, kSessions> id_at{};  ///< who is in a place now
  std::atomic<std::uint64_t> forwarded{0};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> after_ack{0};  ///< P1 broken
  std::atomic<std::uint64_t> uncounted{0};  ///< P2 broken: nobody to count it for
  std::atomic<bool> stop{false};
  std::atomic<bool> producer_done{false};
};

void produce(sa::Tables& tables, rte_rcu_qsbr* readers, std::array<std::unique_ptr<eal::Ring>, kConsumers>& rings,
             Ledger& ledger) {
  std::minstd_rand random(5);
  bool full = false;
  rte_rcu_qsbr_thread_online(readers, kWorker);
  while (!ledger.stop.load(std::memory_order_relaxed)) {
    for (int i = 0; i < 4; ++i) {
      const std::uint32_t place = random() % kSessions;
      const ids::SessionRef ref = tables.session_ref(ids::SessionIndex{place});
      sa::Session* session = tables.find_session(ref);
      if (session == nullptr) continue;
      // Generation g of a place and its id were given together, before the generation was published.
      const std::uint64_t id = ledger.id_at[place].load(std::memory_order_relaxed);
      ledger.produced[id].fetch_add(1, std::memory_order_relaxed);
      void* packet = as_packet(ref);
      if (rings[random() % kConsumers]->enqueue(&packet, 1) == 0) {
        session->own.drop_in(common::DropReason::handoff_full);
        ledger.dropped.fetch_add(1, std::memory_order_relaxed);
        full = true;
      }
    }
    rte_rcu_qsbr_quiescent(readers, kWorker);
    if (std::exchange(full, false)) std::this_thread::yield();
  }
  rte_rcu_qsbr_thread_offline(readers, kWorker);
  ledger.producer_done = true;
}

void consume_one(sa::Tables& tables, Ledger& ledger, ids::SessionRef ref) {
  if (sa::Session* session = tables.find_session(ref)) {
    const std::uint64_t id = ledger.id_at[ref.index.value()].load(std::memory_order_relaxed);
    session->foreign.count_in(1, kOctets);
    ledger.forwarded.fetch_add(1, std::memory_order_relaxed);
    if (ledger.acked[id].load()) ledger.after_ack.fetch_add(1);
  } else if (sa::Session* ended = tables.find_counters(ref)) {
    ended->foreign.drop_in(common::DropReason::session_ended);
    ledger.dropped.fetch_add(1, std::memory_order_relaxed);
  } else {
    ledger.uncounted.fetch_add(1);
  }
}

void consume(sa::Tables& tables, rte_rcu_qsbr* readers, eal::Ring& ring, unsigned reader, Ledger& ledger) {
  std::minstd_rand random(reader);
  rte_rcu_qsbr_thread_online(readers, reader);
  while (!ledger.producer_done || !ring.empty()) {
    std::array<void*, 16> packets{};
    const unsigned count = ring.dequeue(packets.data(), packets.size());
    if (random() % 4 == 0) std::this_thread::yield();
    for (unsigned i = 0; i < count; ++i) consume_one(tables, ledger, as_ref(packets[i]));
    if (count > 0) ring.finished(count);
    rte_rcu_qsbr_quiescent(readers, reader);
    if (count == 0) std::this_thread::yield();
  }
  rte_rcu_qsbr_thread_offline(readers, reader);
}

TEST_F(Rings, NothingAfterTheAnswerAndEveryPacketIsCounted) {
  Ledger ledger;
  std::uint64_t next_id = 1;
  std::vector<std::uint64_t> living;
  const auto install_next = [&] {
    // Its place is known beforehand: the only free one, or the next of the first round.
    install(next_id);
    living.push_back(next_id++);
  };
  // Places are given oldest first: in the first round 0, 1, 2 ...
  for (std::uint32_t place = 0; place < kSessions; ++place) {
    ledger.id_at[place] = next_id;
    install_next();
  }
  std::uint64_t removed = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t dropped = 0;
  std::uint64_t differences = 0;
  const auto settle = [&](std::chrono::steady_clock::time_point deadline, bool again) {
    for (;;) {
      const auto finished = writer_.poll(now());
      for (const SessionId id : finished) {
        ledger.acked[id.value()] = true;  // here the control plane would hear it
        const sa::SessionRecord& record = *writer_.find(id);
        const auto drops = record.final.in_drops[static_cast<std::size_t>(common::DropReason::session_ended)] +
                           record.final.in_drops[static_cast<std::size_t>(common::DropReason::handoff_full)];
        if (record.final.in_packets + drops != ledger.produced[id.value()]) ++differences;
        if (record.final.in_octets != record.final.in_packets * kOctets) ++differences;
        forwarded += record.final.in_packets;
        dropped += drops;
        ++removed;
        const auto place = writer_.index_of(id)->value();
        ASSERT_EQ(writer_.forget(id), sa::Status::ok);
        if (!again) continue;
        ledger.id_at[place] = next_id;
        install_next();
      }
      if (!finished.empty() || std::chrono::steady_clock::now() > deadline) return;
      std::this_thread::yield();
    }
  };
  {
    std::vector<std::jthread> threads;
    threads.emplace_back([&] { produce(tables_, readers_.get(), rings_, ledger); });
    for (unsigned i = 0; i < kConsumers; ++i)
      threads.emplace_back([&, i] { consume(tables_, readers_.get(), *rings_[i], 1 + i, ledger); });
    std::minstd_rand random(7);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (removed + kSessions < kRemovals && std::chrono::steady_clock::now() < deadline) {
      // One at a time keeps "the only free place" true; the packets in the rings are many.
      const std::size_t at = random() % living.size();
      ASSERT_EQ(writer_.begin_removal(SessionId{living[at]}, 6), sa::Removal::begun);
      living.erase(living.begin() + static_cast<std::ptrdiff_t>(at));
      settle(deadline, true);
    }
    for (const std::uint64_t id : living) ASSERT_EQ(writer_.begin_removal(SessionId{id}, 6), sa::Removal::begun);
    const std::uint64_t all = removed + living.size();
    while (removed < all && std::chrono::steady_clock::now() < deadline) settle(deadline, false);
    EXPECT_EQ(removed, all);
    ledger.stop = true;
  }
  EXPECT_EQ(ledger.after_ack, 0U) << "P1";
  EXPECT_EQ(ledger.uncounted, 0U) << "P2";
  EXPECT_EQ(differences, 0U) << "P2: received = forwarded + drops, for each session";
  EXPECT_EQ(ledger.forwarded, forwarded);
  EXPECT_EQ(ledger.dropped, dropped);
  EXPECT_GT(forwarded, 1000U);
  EXPECT_GT(removed, kSessions);
}

}  // namespace
}  // namespace dataplane::manager
