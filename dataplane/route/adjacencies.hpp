#pragma once
// Next hops: the port and the two MAC addresses that a frame to a neighbour gets.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/address.hpp"
#include "common/ids.hpp"
#include "dataplane/ids/ids.hpp"
#include "dataplane/route/fib.hpp"

namespace dataplane::route {

/// Immutable once published. A neighbour that moves to another MAC address gets a new one in the same place.
struct Adjacency {
  std::array<std::uint8_t, 12> ethernet{};  ///< destination, then source: as they stand at the start of a frame
  common::PortIndex port;
  /// False: a gateway whose MAC address is not known (yet, or any more). Packets to it are `neighbour_unresolved`, and
  /// the worker asks the manager for it just as for a `glean` result, naming the packet's destination.
  bool resolved = false;

  friend bool operator==(const Adjacency&, const Adjacency&) = default;
};

/// Adjacencies by index. A place keeps its index for as long as a route leads to it, whatever happens to the neighbour.
class Adjacencies {
 public:
  /// @param capacity  places, at most 2^20
  explicit Adjacencies(std::uint32_t capacity, Defer defer);
  ~Adjacencies();  ///< @pre no reader is left
  Adjacencies(const Adjacencies&) = delete;
  Adjacencies& operator=(const Adjacencies&) = delete;

  /// Reader: the adjacency of a route just looked up. Lives until the reader's next quiescent report.
  [[nodiscard]] const Adjacency& at(ids::AdjacencyIndex index) const noexcept {
    return *places_[index.value()].load(std::memory_order_acquire);
  }
  /// Reader: a packet was sent there, so the kernel is asked to keep the neighbour alive. Writes only when it is new.
  void mark_used(ids::AdjacencyIndex index) noexcept {
    auto& used = used_[index.value()];
    if (used.load(std::memory_order_relaxed) == 0) used.store(1, std::memory_order_relaxed);
  }

  /// Writer: a place for a new neighbour; nullopt when all are taken.
  [[nodiscard]] std::optional<ids::AdjacencyIndex> add(const Adjacency& adjacency);
  /// Writer: what the place says from now on.
  void replace(ids::AdjacencyIndex index, const Adjacency& adjacency);
  /// Writer: no route leads to the place any more; it is given again after a grace period.
  void remove(ids::AdjacencyIndex index);
  /// Writer: was it used since the last call?
  [[nodiscard]] bool take_used(ids::AdjacencyIndex index) noexcept {
    return used_[index.value()].exchange(0, std::memory_order_relaxed) != 0;
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return capacity_ - static_cast<std::uint32_t>(free_->size()); }

 private:
  std::uint32_t capacity_;
  std::unique_ptr<std::atomic<const Adjacency*>[]> places_;
  std::unique_ptr<std::atomic<std::uint8_t>[]> used_;
  std::shared_ptr<std::vector<std::uint32_t>> free_;
  Defer defer_;
};

}  // namespace dataplane::route
