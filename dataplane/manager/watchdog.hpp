#pragma once
// Notices workers whose loop stands still. Pure: it is told counts of turns and the time.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/clock.hpp"

namespace dataplane::manager {

class Watchdog {
 public:
  Watchdog(std::size_t workers, common::Duration deadline) : deadline_(deadline), workers_(workers) {}

  /// Call several times per deadline. The time between two calls counts as a quarter of the deadline at most: where
  /// this thread, or the whole machine, was stopped, the workers are not to blame.
  /// @param turns  of each worker's loop so far
  /// @return       a worker that has been silent for the deadline
  [[nodiscard]] std::optional<std::size_t> check(const std::vector<std::uint64_t>& turns, common::MonotonicTime now) {
    const common::Duration passed = last_ ? std::min(now - *last_, deadline_ / 4) : common::Duration{};
    last_ = now;
    std::optional<std::size_t> silent;
    for (std::size_t i = 0; i < workers_.size() && i < turns.size(); ++i) {
      State& worker = workers_[i];
      worker.silent = worker.turns == turns[i] ? worker.silent + passed : common::Duration{};
      worker.turns = turns[i];
      if (worker.silent >= deadline_ && !silent) silent = i;
    }
    return silent;
  }

 private:
  struct State {
    std::uint64_t turns = 0;
    common::Duration silent{};
  };
  common::Duration deadline_;
  std::vector<State> workers_;
  std::optional<common::MonotonicTime> last_;
};

}  // namespace dataplane::manager
