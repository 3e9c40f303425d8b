// One grace period is not enough: a packet that was decrypted before it may lie in another worker's ring, or in the
// relay's. So the rings are passed, and a second grace period sees what came off them sent or dropped.

#include "dataplane/sa/removal.hpp"

#include <utility>

namespace dataplane::sa {

std::vector<ids::SessionIndex> RemovalRounds::poll(common::MonotonicTime now) {
  while (step(now))
    if (phase_ == Phase::idle) return std::exchange(running_, {});
  return {};
}

bool RemovalRounds::step(common::MonotonicTime now) {
  switch (phase_) {
    case Phase::idle:
      if (next_.empty()) return false;
      running_ = std::exchange(next_, {});
      token_ = rte_rcu_qsbr_start(readers_);
      phase_ = Phase::first_grace;
      return true;
    case Phase::first_grace:
      if (!is_over()) return false;
      drain_.mark();
      phase_ = Phase::rings;
      return true;
    case Phase::rings:
      if (!drain_.rings_passed()) return false;
      token_ = rte_rcu_qsbr_start(readers_);
      phase_ = Phase::second_grace;
      return true;
    case Phase::second_grace:
      if (!is_over()) return false;
      drain_.begin_sending(now);
      phase_ = Phase::sending;
      return true;
    case Phase::sending:
      if (!drain_.sent(now)) return false;
      ++rounds_;
      phase_ = Phase::idle;
      return true;
  }
  return false;
}

}  // namespace dataplane::sa
