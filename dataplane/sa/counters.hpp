#pragma once
// What a session has carried and lost (P2). Two blocks: `own` is written by the session's worker only, `foreign` by
// anybody else who finishes one of its packets (the relay, another worker behind a hand-off).

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/drop_reason.hpp"

namespace dataplane::sa {

/// A counter with one writer: a load, an addition and a plain store, no locked instruction. Readers on other threads
/// see some recent value; after the two phases of a removal they see the last one.
class OwnCounter {
 public:
  void add(std::uint64_t by) noexcept { value_.store(get() + by, std::memory_order_relaxed); }
  /// Un-counts: what was counted has been refused later.
  void subtract(std::uint64_t by) noexcept { value_.store(get() - by, std::memory_order_relaxed); }
  void set(std::uint64_t to) noexcept { value_.store(to, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A counter with many writers.
class SharedCounter {
 public:
  void add(std::uint64_t by) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  void subtract(std::uint64_t by) noexcept { value_.fetch_sub(by, std::memory_order_relaxed); }
  /// Keeps the greatest of the values given.
  void raise(std::uint64_t to) noexcept {
    std::uint64_t seen = get();
    while (seen < to && !value_.compare_exchange_weak(seen, to, std::memory_order_relaxed)) {
    }
  }
  void set(std::uint64_t to) noexcept { value_.store(to, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Octets are the inner packets' IP lengths; `in` is from the user.
template <class Counter>
struct alignas(64) CounterBlock {
  Counter in_octets;
  Counter in_packets;
  Counter out_octets;
  Counter out_packets;
  Counter last_in_tsc;                                  ///< of the last packet counted as input, 0: none yet
  Counter last_out_tsc;                                 ///< of the last packet counted as output, 0: none yet
  std::array<Counter, common::kDropReasons> in_drops;   ///< ESP packets of the session that were not forwarded
  std::array<Counter, common::kDropReasons> out_drops;  ///< clear packets for the session that were not forwarded

  /// Only where nobody else can see the block.
  void clear() noexcept {
    for (Counter* counter : {&in_octets, &in_packets, &out_octets, &out_packets, &last_in_tsc, &last_out_tsc})
      counter->set(0);
    for (Counter& counter : in_drops) counter.set(0);
    for (Counter& counter : out_drops) counter.set(0);
  }
  void count_in(std::uint64_t packets, std::uint64_t octets) noexcept {
    in_packets.add(packets);
    in_octets.add(octets);
  }
  void count_out(std::uint64_t packets, std::uint64_t octets) noexcept {
    out_packets.add(packets);
    out_octets.add(octets);
  }
  void drop_in(common::DropReason reason, std::uint64_t packets = 1) noexcept {
    in_drops[static_cast<std::size_t>(reason)].add(packets);
  }
  void drop_out(common::DropReason reason, std::uint64_t packets = 1) noexcept {
    out_drops[static_cast<std::size_t>(reason)].add(packets);
  }
};

using OwnCounters = CounterBlock<OwnCounter>;
using ForeignCounters = CounterBlock<SharedCounter>;

/// Both blocks added up, as the channel carries them.
struct Totals {
  std::uint64_t in_octets = 0;
  std::uint64_t in_packets = 0;
  std::uint64_t out_octets = 0;
  std::uint64_t out_packets = 0;
  std::uint64_t last_in_tsc = 0;
  std::uint64_t last_out_tsc = 0;
  std::array<std::uint64_t, common::kDropReasons> in_drops{};
  std::array<std::uint64_t, common::kDropReasons> out_drops{};

  friend bool operator==(const Totals&, const Totals&) noexcept = default;
};

[[nodiscard]] Totals total(const OwnCounters& own, const ForeignCounters& foreign) noexcept;

}  // namespace dataplane::sa
