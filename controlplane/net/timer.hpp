#pragma once
// One deadline on the control thread.

#include <functional>
#include <memory>
#include <optional>

#include "common/clock.hpp"

namespace boost::asio {
class io_context;
}

namespace controlplane::net {

/// Runs a function once, when a deadline of the steady clock has come. Thread: the one that runs the io_context. After
/// cancel(), another arm() or the destructor the old function does not run, also where its time had come already.
class Timer {
 public:
  using Handler = std::move_only_function<void()>;

  /// @param io  outlives the timer
  explicit Timer(boost::asio::io_context& io);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  /// Replaces what was armed before. A deadline in the past runs soon, never inside this call.
  void arm(common::MonotonicTime deadline, Handler handler);
  void arm_after(common::Duration delay, Handler handler);
  void cancel() noexcept;
  /// nullopt: not armed.
  [[nodiscard]] std::optional<common::MonotonicTime> deadline() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Keeps a timer at the next deadline of something which has many (an IKE responder, a retransmission queue): call
/// follow() after each of its events. The handler stays; the kernel's timer is touched only where the deadline moved.
class DeadlineTimer {
 public:
  /// @param due  runs when the deadline has come; it calls follow() for the next one
  DeadlineTimer(boost::asio::io_context& io, std::function<void()> due);

  /// @param deadline  nullopt: nothing to wait for
  void follow(std::optional<common::MonotonicTime> deadline);

 private:
  Timer timer_;
  std::function<void()> due_;
};

}  // namespace controlplane::net
