#pragma once
// Counters of dropped packets: one slot per common::DropReason, written by one thread and read by any.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/drop_reason.hpp"

namespace dataplane::packet {

/// Adds to a counter that only this thread writes: a plain load and store for the processor, no data race for a reader.
inline void add_owned(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

/// Drops by reason. One writer (`add`), or several (`add_shared`), never both on one object.
class DropCounters {
 public:
  void add(common::DropReason reason, std::uint64_t packets = 1) noexcept { add_owned(slot(reason), packets); }
  void add_shared(common::DropReason reason, std::uint64_t packets = 1) noexcept {
    slot(reason).fetch_add(packets, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t read(common::DropReason reason) const noexcept {
    return slots_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& counter : slots_) sum += counter.load(std::memory_order_relaxed);
    return sum;
  }
  /// Only where nobody else writes: an entry of the session table before it is published.
  void clear() noexcept {
    for (auto& counter : slots_) counter.store(0, std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] std::atomic<std::uint64_t>& slot(common::DropReason reason) noexcept {
    return slots_[static_cast<std::size_t>(reason)];
  }
  std::array<std::atomic<std::uint64_t>, common::kDropReasons> slots_{};
};

}  // namespace dataplane::packet
