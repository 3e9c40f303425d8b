#pragma once
// What a worker tells the manager: small values on a bounded queue with one writer and one reader.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/ids.hpp"
#include "dataplane/ids/ids.hpp"

namespace dataplane::worker {

enum class EventKind : std::uint8_t {
  neighbour_needed,  ///< `port` and `address`: the link-layer address of a next hop is missing
  peer_moved,        ///< `session`, `address`, `udp_port`: an authentic packet came from a new outer endpoint
  first_inbound,     ///< `session`, `spi`: first authentic packet on a new child SA: outbound may switch to it
  sequence_low,      ///< `session`, `spi` (inbound, of the pair): the outbound SA runs out of sequence numbers
};

struct Event {
  EventKind kind = EventKind::neighbour_needed;
  common::PortIndex port;
  std::uint16_t udp_port = 0;
  std::uint32_t address = 0;  ///< IPv4, host order
  ids::SessionRef session;
  common::Spi spi;
};

/// Bounded queue of events. Thread: one writer (`push`), one reader (`pop`).
class EventRing {
 public:
  static constexpr std::size_t kEntries = 1024;

  /// False where it is full: the event is lost, and its cause will come again.
  [[nodiscard]] bool push(const Event& event) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == kEntries) return false;
    entries_[tail % kEntries] = event;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  /// False where it is empty.
  [[nodiscard]] bool pop(Event& event) noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    event = entries_[head % kEntries];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::array<Event, kEntries> entries_{};
};

}  // namespace dataplane::worker
