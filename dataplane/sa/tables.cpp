// Sizes of the tables, and sums over a session's counters.

#include "dataplane/sa/tables.hpp"

#include <algorithm>
#include <bit>

namespace dataplane::sa {
namespace {

/// SPIs that may be reserved at a time beside two for each session.
constexpr std::uint32_t kReservations = 4096;
constexpr std::uint32_t kMinPlaces = 256;        // an SPI's low bits never reach below 256 (RFC 4303 §2.1)
constexpr std::uint32_t kMaxPlaces = 1U << 24U;  // leaves 8 bits of generation

}  // namespace

std::uint32_t sa_places(std::uint32_t sessions) noexcept {
  const std::uint64_t wanted = 2 * std::uint64_t{sessions} + kReservations;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(std::bit_ceil(wanted), kMinPlaces, kMaxPlaces));
}

Tables::Tables(const Limits& limits)
    : layout_(ids::SpiLayout::for_places(sa_places(limits.sessions))),
      workers_(std::max<std::uint16_t>(limits.workers, 1)),
      ranges_(limits.pools),
      memory_(limits.memory),
      replay_packets_(limits.replay_packets),
      inbound_(sa_places(limits.sessions), limits.memory),
      outbound_(sa_places(limits.sessions), limits.memory),
      replay_words_(esp::ReplayWindow::words_for(limits.replay_packets)),
      replay_memory_(replay_words_ * sa_places(limits.sessions), limits.memory),
      sessions_(limits.sessions, limits.memory) {
  for (const PoolRange& range : ranges_) {
    const std::uint64_t size = range.last >= range.first ? std::uint64_t{range.last} - range.first + 1 : 0;
    pools_.push_back(std::make_unique<TableArray<PoolEntry>>(size, limits.memory));
  }
}

Totals total(const OwnCounters& own, const ForeignCounters& foreign) noexcept {
  Totals totals;
  totals.in_octets = own.in_octets.get() + foreign.in_octets.get();
  totals.in_packets = own.in_packets.get() + foreign.in_packets.get();
  totals.out_octets = own.out_octets.get() + foreign.out_octets.get();
  totals.out_packets = own.out_packets.get() + foreign.out_packets.get();
  totals.last_in_tsc = std::max(own.last_in_tsc.get(), foreign.last_in_tsc.get());
  totals.last_out_tsc = std::max(own.last_out_tsc.get(), foreign.last_out_tsc.get());
  for (std::size_t i = 0; i < common::kDropReasons; ++i) {
    totals.in_drops[i] = own.in_drops[i].get() + foreign.in_drops[i].get();
    totals.out_drops[i] = own.out_drops[i].get() + foreign.out_drops[i].get();
  }
  return totals;
}

}  // namespace dataplane::sa
