#pragma once
// The two phases of a removal (DESIGN chapter 4), for as many sessions at once as there are.

#include <cstdint>
#include <vector>

#include <rte_rcu_qsbr.h>

#include "common/clock.hpp"
#include "dataplane/ids/ids.hpp"

namespace dataplane::sa {

/// Where packets of a removed session may still lie when no reader can find it any more. Thread: the manager's.
class Drain {
 public:
  Drain() = default;
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  virtual ~Drain() = default;

  /// Remembers how far every ring between threads is filled now.
  virtual void mark() = 0;
  /// Has every consumer dealt with all that was on its ring at the mark?
  [[nodiscard]] virtual bool rings_passed() = 0;
  /// Workers have flushed since: starts to wait for the devices.
  virtual void begin_sending(common::MonotonicTime now) = 0;
  /// Has every device taken what its queues held since then? True as well when its deadline is over: the implementation
  /// raises the alarm.
  [[nodiscard]] virtual bool sent(common::MonotonicTime now) = 0;
};

/// For tables without rings and devices (tests).
class NoDrain final : public Drain {
 public:
  void mark() override {}
  bool rings_passed() override { return true; }
  void begin_sending(common::MonotonicTime) override {}
  bool sent(common::MonotonicTime) override { return true; }
};

/// One round at a time. All sessions added while one runs share the next.
//
//  idle ──add──▶ first_grace ──▶ rings ──▶ second_grace ──▶ sending ──▶ idle
//
class RemovalRounds {
 public:
  RemovalRounds(rte_rcu_qsbr* readers, Drain& drain) noexcept : readers_(readers), drain_(drain) {}

  /// @pre no reader can find the session from now on
  void add(ids::SessionIndex session) { next_.push_back(session); }
  /// Goes as far as it can without waiting.
  /// @return  sessions of which nothing is under way any more; their counters are final
  [[nodiscard]] std::vector<ids::SessionIndex> poll(common::MonotonicTime now);
  [[nodiscard]] bool is_idle() const noexcept { return phase_ == Phase::idle && next_.empty(); }
  [[nodiscard]] std::uint64_t rounds() const noexcept { return rounds_; }

 private:
  enum class Phase : std::uint8_t { idle, first_grace, rings, second_grace, sending };

  [[nodiscard]] bool step(common::MonotonicTime now);
  [[nodiscard]] bool is_over() const noexcept { return rte_rcu_qsbr_check(readers_, token_, false) == 1; }

  rte_rcu_qsbr* readers_;
  Drain& drain_;
  Phase phase_ = Phase::idle;
  std::uint64_t token_ = 0;
  std::uint64_t rounds_ = 0;
  std::vector<ids::SessionIndex> running_;
  std::vector<ids::SessionIndex> next_;
};

}  // namespace dataplane::sa
