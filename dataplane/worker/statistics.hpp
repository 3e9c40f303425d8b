#pragma once
// What a worker counts about itself: written by the worker, read by any thread.

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/eal/host_rings.hpp"
#include "dataplane/packet/drops.hpp"

namespace dataplane::worker {

struct alignas(64) Statistics {
  using Counter = std::atomic<std::uint64_t>;

  Counter turns{0};
  Counter busy_turns{0};      ///< turns that had packets
  Counter busy_cycles{0};     ///< TSC cycles of those turns
  Counter rx_packets{0};      ///< from ports
  Counter tx_packets{0};      ///< taken by ports
  Counter tx_octets{0};       ///< frames, without FCS
  Counter esp_in{0};          ///< ESP packets of a known SA that were ours
  Counter esp_out{0};         ///< ESP packets made
  Counter handoffs_out{0};    ///< given to other workers
  Counter handoffs_in{0};     ///< taken from other workers
  Counter from_host{0};       ///< taken from the relay
  Counter icmp_sent{0};       ///< errors made
  Counter icmp_withheld{0};   ///< errors not made: rate limit, rules of RFC 1812 §4.3.2.7, no address to send from
  Counter events_dropped{0};  ///< manager's queue was full
  std::array<Counter, eal::kHostClasses> punts{};  ///< given to the relay, by class
  packet::DropCounters drops;
};

}  // namespace dataplane::worker
