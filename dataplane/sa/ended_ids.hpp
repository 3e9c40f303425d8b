#pragma once
// The latch behind the tombstones: ids whose tombstone was forgotten, and which may never come again.

#include <cstddef>
#include <deque>
#include <unordered_set>

#include "common/ids.hpp"

namespace dataplane::sa {

/// Remembers the last `capacity` ids one by one, and of the older ones only the greatest: ids are given in ascending
/// order, so that one below it is refused as well.
class EndedIds {
 public:
  explicit EndedIds(std::size_t capacity) : capacity_(capacity) {}

  void add(common::SessionId id) {
    if (!ids_.insert(id).second) return;
    order_.push_back(id);
    if (order_.size() <= capacity_) return;
    floor_ = std::max(floor_, order_.front());
    ids_.erase(order_.front());
    order_.pop_front();
  }
  [[nodiscard]] bool contains(common::SessionId id) const { return id <= floor_ || ids_.contains(id); }

 private:
  std::size_t capacity_;
  common::SessionId floor_;
  std::unordered_set<common::SessionId> ids_;
  std::deque<common::SessionId> order_;
};

}  // namespace dataplane::sa
