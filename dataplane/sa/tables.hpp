#pragma once
// What workers, and the relay, read: SAs by SPI, sessions by index and generation, sessions by pool address. Written by
// TableWriter (writer.hpp), on the manager thread, and by nobody else.
//
// A pointer from here lives until its reader's next quiescent report: use it within one turn of the loop, never put it
// on a ring or into an mbuf (DESIGN chapter 3).

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_prefetch.h>

#include "common/ids.hpp"
#include "dataplane/ids/ids.hpp"
#include "dataplane/sa/memory.hpp"
#include "dataplane/sa/sa.hpp"
#include "dataplane/sa/session.hpp"

namespace dataplane::sa {

/// An IPv4 address pool, host order, inclusive; its PoolIndex is its position.
struct PoolRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

struct Limits {
  std::uint32_t sessions = 0;  ///< tombstones included
  std::uint16_t workers = 1;
  std::vector<PoolRange> pools;
  std::uint32_t replay_packets = 1024;  ///< widest replay window; wider ones asked for get this one
  MemorySource memory = MemorySource::ordinary;
};

/// Places for SAs: two for each session (a rekey has both), and some for reservations under way. A power of two.
[[nodiscard]] std::uint32_t sa_places(std::uint32_t sessions) noexcept;

class Tables {
 public:
  /// Takes all memory that it will ever have. Throws std::bad_alloc.
  explicit Tables(const Limits& limits);

  /// The published SA of an SPI, or nullptr (unknown_spi). Touches one cache line.
  [[nodiscard]] InboundSa* find_inbound(common::Spi spi) noexcept {
    InboundSa& place = inbound_[layout_.index(spi).value()];
    return place.spi.load(std::memory_order_acquire) == spi.value() && spi.value() != 0 ? &place : nullptr;
  }
  /// Brings the line that find_inbound reads, whatever the SPI.
  void prefetch_inbound(common::Spi spi) const noexcept { rte_prefetch0(&inbound_[layout_.index(spi).value()]); }
  /// Brings the lines that replay check and key need. @param sa  from find_inbound
  static void prefetch_written(const InboundSa& sa) noexcept {
    rte_prefetch0(&sa.replay);
    rte_prefetch0(sa.schedule);
  }

  /// The live session, or nullptr: it was removed, or the place has changed hands (session_ended).
  [[nodiscard]] Session* find_session(ids::SessionRef ref) noexcept {
    Session* session = place(ref);
    return session != nullptr && session->generation.load(std::memory_order_acquire) == ref.generation ? session
                                                                                                       : nullptr;
  }
  /// The session whose counters a packet in flight belongs to, live or being removed; nullptr once they are final. A
  /// packet for which find_session answers nullptr is dropped, and its drop is counted here.
  [[nodiscard]] Session* find_counters(ids::SessionRef ref) noexcept {
    Session* session = place(ref);
    return session != nullptr && session->counting.load(std::memory_order_acquire) == ref.generation ? session
                                                                                                     : nullptr;
  }
  /// Who lives in a place now, for FIB results that name a tunnel by its index. Nobody: removed.
  [[nodiscard]] ids::SessionRef session_ref(ids::SessionIndex index) const noexcept {
    if (index.value() >= sessions_.size()) return {};
    return {index, sessions_[index.value()].generation.load(std::memory_order_acquire)};
  }
  void prefetch_session(ids::SessionIndex index) const noexcept {
    if (index.value() < sessions_.size()) rte_prefetch0(&sessions_[index.value()]);
  }

  /// Who owns an address of a pool. Nobody: no_session.
  /// @param offset  address - first address of the pool
  [[nodiscard]] ids::SessionRef pool_session(ids::PoolIndex pool, std::uint32_t offset) const noexcept {
    if (pool.value() >= pools_.size() || offset >= pools_[pool.value()]->size()) return {};
    return unpack((*pools_[pool.value()])[offset].load(std::memory_order_acquire));
  }
  void prefetch_pool(ids::PoolIndex pool, std::uint32_t offset) const noexcept {
    if (pool.value() < pools_.size() && offset < pools_[pool.value()]->size())
      rte_prefetch0(&(*pools_[pool.value()])[offset]);
  }

  /// False while there was no control plane for orphan-timeout: tunnels drop everything (orphaned). Read once a turn.
  [[nodiscard]] bool forwarding() const noexcept { return forwarding_.load(std::memory_order_acquire); }

  [[nodiscard]] const ids::SpiLayout& spi_layout() const noexcept { return layout_; }
  [[nodiscard]] std::uint32_t session_places() const noexcept { return static_cast<std::uint32_t>(sessions_.size()); }
  [[nodiscard]] std::uint16_t workers() const noexcept { return workers_; }
  [[nodiscard]] std::span<const PoolRange> pool_ranges() const noexcept { return ranges_; }

 private:
  friend class TableWriter;
  using PoolEntry = std::atomic<std::uint64_t>;

  [[nodiscard]] Session* place(ids::SessionRef ref) noexcept {
    return ref.generation != 0 && ref.index.value() < sessions_.size() ? &sessions_[ref.index.value()] : nullptr;
  }
  [[nodiscard]] static constexpr std::uint64_t pack(ids::SessionRef ref) noexcept {
    return static_cast<std::uint64_t>(ref.generation) << 32U | ref.index.value();
  }
  [[nodiscard]] static constexpr ids::SessionRef unpack(std::uint64_t word) noexcept {
    return {ids::SessionIndex{static_cast<std::uint32_t>(word)}, static_cast<std::uint32_t>(word >> 32U)};
  }

  ids::SpiLayout layout_;
  std::uint16_t workers_;
  std::vector<PoolRange> ranges_;
  MemorySource memory_;
  std::uint32_t replay_packets_;
  std::atomic<bool> forwarding_{true};
  TableArray<InboundSa> inbound_;
  TableArray<OutboundSa> outbound_;
  std::size_t replay_words_;                 ///< words of a place
  TableArray<std::uint64_t> replay_memory_;  ///< replay_words_ for each place of inbound_
  TableArray<Session> sessions_;
  std::vector<std::unique_ptr<TableArray<PoolEntry>>> pools_;
};

}  // namespace dataplane::sa
