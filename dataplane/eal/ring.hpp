#pragma once
// Rings between threads whose consumer tells how far it has got: the second phase of a removal waits for it (DESIGN
// chapter 4).

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include <rte_ring.h>

namespace dataplane::eal {

enum class Producers : std::uint8_t { one, many };

/// Owns a ring of pointers with one consumer. The consumer calls `dequeue` and, when it has *dealt with* what it got
/// (sent, written, dropped), `finished`; the manager compares with `enqueued`.
class Ring {
 public:
  /// @param name  unique in the process, at most 24 octets
  /// @param size  a power of two; size - 1 entries fit
  [[nodiscard]] static std::expected<std::unique_ptr<Ring>, std::string> create(const std::string& name, unsigned size,
                                                                                Producers producers);

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() = default;

  /// @return how many of `count` were taken, in order
  [[nodiscard]] unsigned enqueue(void* const* objects, unsigned count) noexcept {
    return rte_ring_enqueue_burst(ring_.get(), objects, count, nullptr);
  }
  /// Consumer only.
  [[nodiscard]] unsigned dequeue(void** objects, unsigned room) noexcept {
    return rte_ring_dequeue_burst(ring_.get(), objects, room, nullptr);
  }
  /// Consumer only: `count` of the dequeued objects need nothing any more.
  void finished(unsigned count) noexcept {
    finished_.store(finished_.load(std::memory_order_relaxed) + count, std::memory_order_release);
  }
  /// Objects that have ever been enqueued, modulo 2^32. Thread: any.
  [[nodiscard]] std::uint32_t enqueued() const noexcept { return __atomic_load_n(&ring_->prod.tail, __ATOMIC_ACQUIRE); }
  /// True once everything up to an earlier `enqueued()` is finished. Thread: any.
  [[nodiscard]] bool reached(std::uint32_t tail) const noexcept {
    return static_cast<std::int32_t>(finished_.load(std::memory_order_acquire) - tail) >= 0;
  }
  [[nodiscard]] bool empty() const noexcept { return rte_ring_empty(ring_.get()) != 0; }
  [[nodiscard]] rte_ring* get() const noexcept { return ring_.get(); }

 private:
  struct Free {
    void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
  };
  explicit Ring(rte_ring* ring) noexcept : ring_(ring) {}

  std::unique_ptr<rte_ring, Free> ring_;
  alignas(64) std::atomic<std::uint32_t> finished_{0};
};

}  // namespace dataplane::eal
