// Readers look up addresses that no change concerns while the writer adds and removes others around them, with real
// quiescent states. One wrong answer sends a user's traffic to another: 0 are allowed (DESIGN chapter 3).

#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <rte_rcu_qsbr.h>

#include "dataplane/route/adjacencies.hpp"
#include "dataplane/route/fib.hpp"

namespace dataplane::route::test {
namespace {

constexpr unsigned kReaders = 2;

/// Work waits until every reader has reported since, as the manager's reclaimer does it.
class Reclaimer {
 public:
  Reclaimer() {
    const std::size_t octets = rte_rcu_qsbr_get_memsize(kReaders);
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(64, (octets + 63) / 64 * 64)));
    rte_rcu_qsbr_init(variable(), kReaders);
  }
  [[nodiscard]] rte_rcu_qsbr* variable() { return reinterpret_cast<rte_rcu_qsbr*>(memory_.get()); }
  [[nodiscard]] Defer hook() {
    return [this](std::move_only_function<void()> work) {
      waiting_.push_back({rte_rcu_qsbr_start(variable()), std::move(work)});
    };
  }
  void poll() {
    while (!waiting_.empty() && rte_rcu_qsbr_check(variable(), waiting_.front().token, false) == 1) {
      waiting_.front().work();
      waiting_.pop_front();
    }
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  struct Item {
    std::uint64_t token;
    std::move_only_function<void()> work;
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::deque<Item> waiting_;
};

struct Reader {
  std::atomic<std::uint64_t> lookups{0};
  std::atomic<std::uint64_t> wrong{0};
};

TEST(FibStress, LookupsOfUntouchedAddressesAreNeverWrong) {
  Reclaimer reclaimer;
  Fib fib(reclaimer.hook());
  // Fixed: the even hosts of 10.0.0.0/22, and 10.0.0.0/16 around all. The writer works on odd hosts and on prefixes of
  // 17..31 bits which the fixed /32s hide.
  constexpr std::uint32_t kBase = 10U << 24U;
  constexpr std::uint32_t kHosts = 1024;
  for (std::uint32_t i = 0; i < kHosts; i += 2) fib.set({kBase + i, 32}, {ResultType::adjacency, i + 1});

  std::atomic<bool> stop{false};
  std::array<Reader, kReaders> readers;
  std::vector<std::jthread> threads;
  for (unsigned id = 0; id < kReaders; ++id) {
    threads.emplace_back([&, id] {
      rte_rcu_qsbr_thread_register(reclaimer.variable(), id);
      rte_rcu_qsbr_thread_online(reclaimer.variable(), id);
      std::mt19937 random(id);
      while (!stop.load(std::memory_order_relaxed)) {
        std::uint64_t wrong = 0;
        for (int n = 0; n < 64; ++n) {
          const std::uint32_t i = static_cast<std::uint32_t>(random()) % kHosts & ~1U;
          if (fib.lookup(kBase + i) != Result(ResultType::adjacency, i + 1)) ++wrong;
        }
        readers[id].lookups.fetch_add(64, std::memory_order_relaxed);
        readers[id].wrong.fetch_add(wrong, std::memory_order_relaxed);
        rte_rcu_qsbr_quiescent(reclaimer.variable(), id);
      }
      rte_rcu_qsbr_thread_offline(reclaimer.variable(), id);
      rte_rcu_qsbr_thread_unregister(reclaimer.variable(), id);
    });
  }

  std::mt19937 random(99);
  std::uint64_t changes = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  while (std::chrono::steady_clock::now() < deadline || changes < 2000) {
    Prefix4 prefix{kBase + (static_cast<std::uint32_t>(random()) % kHosts | 1U), 32};
    if (random() % 2 == 0) {
      prefix.length = static_cast<std::uint8_t>(14 + random() % 18);
      prefix.address &= prefix.mask();
    }
    if (random() % 2 == 0) {
      fib.set(prefix, {ResultType::glean, 7});
    } else {
      fib.remove(prefix);
    }
    ++changes;
    reclaimer.poll();
    while (reclaimer.waiting() > 256) {  // as the manager does: bounded work between grace periods
      reclaimer.poll();
      std::this_thread::yield();
    }
  }
  stop = true;
  threads.clear();
  reclaimer.poll();
  for (const Reader& reader : readers) {
    EXPECT_GT(reader.lookups.load(), 0U);
    EXPECT_EQ(reader.wrong.load(), 0U);
  }
}

TEST(FibStress, AdjacenciesAreReplacedUnderReaders) {
  Reclaimer reclaimer;
  Adjacencies adjacencies(16, reclaimer.hook());
  const auto entry = [](std::uint8_t fill) {
    Adjacency adjacency;
    adjacency.ethernet.fill(fill);
    adjacency.resolved = true;
    return adjacency;
  };
  const auto index = adjacencies.add(entry(1));
  ASSERT_TRUE(index.has_value());
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> torn{0};
  std::atomic<std::uint64_t> seen{0};
  std::jthread reader([&] {
    rte_rcu_qsbr_thread_register(reclaimer.variable(), 0);
    rte_rcu_qsbr_thread_online(reclaimer.variable(), 0);
    while (!stop.load(std::memory_order_relaxed)) {
      const Adjacency& now = adjacencies.at(*index);
      for (const std::uint8_t octet : now.ethernet) torn += octet == now.ethernet[0] ? 0U : 1U;
      adjacencies.mark_used(*index);
      seen.fetch_add(1, std::memory_order_relaxed);
      rte_rcu_qsbr_quiescent(reclaimer.variable(), 0);
    }
    rte_rcu_qsbr_thread_offline(reclaimer.variable(), 0);
    rte_rcu_qsbr_thread_unregister(reclaimer.variable(), 0);
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (unsigned i = 0; (i < 20'000 || seen.load() < 1000) && std::chrono::steady_clock::now() < deadline; ++i) {
    adjacencies.replace(*index, entry(static_cast<std::uint8_t>(i)));
    reclaimer.poll();
  }
  stop = true;
  reader.join();
  EXPECT_EQ(torn.load(), 0U);
  EXPECT_GE(seen.load(), 1000U);
  EXPECT_TRUE(adjacencies.take_used(*index));
  EXPECT_FALSE(adjacencies.take_used(*index));
}

}  // namespace
}  // namespace dataplane::route::test
