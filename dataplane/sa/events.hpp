#pragma once
// What a worker tells the manager: small fixed records through a bounded queue with one writer and one reader. A full
// queue loses the event, and its writer counts that: nothing may depend on one (each has a slower way to be noticed).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/ids.hpp"
#include "dataplane/ids/ids.hpp"

namespace dataplane::sa {

enum class EventKind : std::uint8_t {
  neighbour_needed,  ///< `port`, `address_v4`: the packet's destination, whose next hop has no MAC address yet
  peer_moved,        ///< `session`, `address_v4`, `port_number`: outer source of an authenticated packet that advanced
  first_inbound,     ///< `session`, `sa`: first authenticated packet on an SA with announce_first
  child_expiring,    ///< `session`, `sa`: sequence numbers or octets run out
};

struct Event {
  EventKind kind = EventKind::neighbour_needed;
  std::uint16_t port_number = 0;  ///< UDP
  common::PortIndex port;
  ids::SessionRef session;
  ids::SaIndex sa;
  std::uint32_t address_v4 = 0;  ///< host order
};
static_assert(sizeof(Event) <= 32);

/// Bounded, lock-free. Thread: one that pushes, one that pops.
class EventQueue {
 public:
  /// @param capacity  a power of two
  explicit EventQueue(std::size_t capacity) : slots_(std::make_unique<Event[]>(capacity)), mask_(capacity - 1) {}

  /// False: full, the event is lost.
  [[nodiscard]] bool push(const Event& event) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) > mask_) return false;
    slots_[tail & mask_] = event;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  [[nodiscard]] std::optional<Event> pop() noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return std::nullopt;
    const Event event = slots_[head & mask_];
    head_.store(head + 1, std::memory_order_release);
    return event;
  }

 private:
  std::unique_ptr<Event[]> slots_;
  std::size_t mask_;
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::atomic<std::size_t> head_{0};
};

}  // namespace dataplane::sa
