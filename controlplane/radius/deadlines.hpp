#pragma once
// Which of many things is due next: one deadline a key.

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/clock.hpp"

namespace controlplane::radius {

template <class Key>
class Deadlines {
 public:
  /// Sets or moves the key's deadline.
  void set(const Key& key, common::MonotonicTime at) {
    clear(key);
    by_key_.emplace(key, at);
    by_time_.emplace(at, key);
  }
  void clear(const Key& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    by_time_.erase({found->second, key});
    by_key_.erase(found);
  }
  [[nodiscard]] bool has(const Key& key) const { return by_key_.contains(key); }
  [[nodiscard]] std::optional<common::MonotonicTime> next() const {
    if (by_time_.empty()) return std::nullopt;
    return by_time_.begin()->first;
  }
  /// Takes the earliest key that is due at `now`; nullopt: none is.
  [[nodiscard]] std::optional<Key> take_due(common::MonotonicTime now) {
    if (by_time_.empty() || by_time_.begin()->first > now) return std::nullopt;
    Key key = by_time_.begin()->second;
    clear(key);
    return key;
  }

 private:
  std::map<Key, common::MonotonicTime> by_key_;
  std::set<std::pair<common::MonotonicTime, Key>> by_time_;
};

}  // namespace controlplane::radius
