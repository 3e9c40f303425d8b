#pragma once
// Work that has to wait until no reader can hold what was just taken away.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <rte_rcu_qsbr.h>

namespace dataplane::sa {

/// The process's one quiescent-state variable. Reader i is worker i, reader `workers` is the relay; each registers and
/// goes online by itself.
class Readers {
 public:
  /// Throws std::bad_alloc.
  explicit Readers(unsigned readers);

  [[nodiscard]] rte_rcu_qsbr* get() const noexcept { return variable_.get(); }

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* variable) const noexcept;
  };
  std::unique_ptr<rte_rcu_qsbr, Free> variable_;
};

/// One grace period at a time: all work that is given to it while one runs shares the next, so that the number of grace
/// periods does not depend on the amount of work. Never waits: `poll` looks and returns. Thread: the manager's.
class Reclaimer {
 public:
  using Work = std::move_only_function<void()>;

  explicit Reclaimer(rte_rcu_qsbr* readers) noexcept : readers_(readers) {}
  ~Reclaimer();  ///< does what is left. @pre no reader is left
  Reclaimer(const Reclaimer&) = delete;
  Reclaimer& operator=(const Reclaimer&) = delete;

  /// Does `work` when every reader online now has reported a quiescent state since. The work may defer more.
  void defer(Work work);
  /// @return true when some work was done
  bool poll();
  [[nodiscard]] std::size_t waiting() const noexcept { return next_.size() + running_.size(); }

 private:
  rte_rcu_qsbr* readers_;
  std::uint64_t token_ = 0;
  std::vector<Work> running_;  ///< waits for token_
  std::vector<Work> next_;     ///< waits for a token of its own
};

}  // namespace dataplane::sa
