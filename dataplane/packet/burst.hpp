#pragma once
// Packets on their way through the stages: lists with a fixed bound, which own what they hold.

#include <array>
#include <cassert>
#include <cstddef>
#include <span>

#include <rte_mbuf.h>

namespace dataplane::packet {

/// What a stage takes at once at most: one receive burst.
inline constexpr std::size_t kBurst = 64;

/// A dense list of mbufs. Whoever takes one out hands it on or drops it.
class Burst {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] bool full() const noexcept { return count_ == kBurst; }
  [[nodiscard]] rte_mbuf* operator[](std::size_t at) const noexcept { return mbufs_[at]; }
  /// @pre !full()
  void push(rte_mbuf* mbuf) noexcept {
    assert(!full());
    mbufs_[count_++] = mbuf;
  }
  /// The list is empty afterwards; its mbufs belong to the caller.
  void clear() noexcept { count_ = 0; }
  /// Room for a receive call, and how much of it was filled.
  [[nodiscard]] rte_mbuf** room() noexcept { return mbufs_.data(); }
  void set_size(std::size_t count) noexcept { count_ = count; }
  [[nodiscard]] std::span<rte_mbuf* const> all() const noexcept { return {mbufs_.data(), count_}; }

 private:
  std::size_t count_ = 0;
  std::array<rte_mbuf*, kBurst> mbufs_;
};

}  // namespace dataplane::packet
