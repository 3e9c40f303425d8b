// Timers over Asio's steady_timer. Asio may have queued a handler already when its timer is cancelled; a generation
// number keeps such a handler from running.

#include "controlplane/net/timer.hpp"

#include <cstdint>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace controlplane::net {

struct Timer::Impl {
  explicit Impl(boost::asio::io_context& io) : timer(io) {}

  boost::asio::steady_timer timer;
  Handler handler;
  std::optional<common::MonotonicTime> deadline;
  std::uint64_t generation = 0;
};

Timer::Timer(boost::asio::io_context& io) : impl_(std::make_shared<Impl>(io)) {}

Timer::~Timer() { cancel(); }

void Timer::arm(common::MonotonicTime deadline, Handler handler) {
  const std::uint64_t generation = ++impl_->generation;
  impl_->handler = std::move(handler);
  impl_->deadline = deadline;
  impl_->timer.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(deadline));
  impl_->timer.async_wait([weak = std::weak_ptr(impl_), generation](const boost::system::error_code& error) {
    const auto impl = weak.lock();
    if (error || !impl || impl->generation != generation) return;
    impl->deadline.reset();
    // Moved out first: the handler may arm the timer again, or destroy it.
    Handler run = std::exchange(impl->handler, nullptr);
    run();
  });
}

void Timer::arm_after(common::Duration delay, Handler handler) {
  arm(std::chrono::steady_clock::now() + delay, std::move(handler));
}

void Timer::cancel() noexcept {
  ++impl_->generation;
  impl_->deadline.reset();
  impl_->handler = nullptr;
  impl_->timer.cancel();
}

std::optional<common::MonotonicTime> Timer::deadline() const noexcept { return impl_->deadline; }

DeadlineTimer::DeadlineTimer(boost::asio::io_context& io, std::function<void()> due)
    : timer_(io), due_(std::move(due)) {}

void DeadlineTimer::follow(std::optional<common::MonotonicTime> deadline) {
  if (deadline == timer_.deadline()) return;
  if (!deadline) {
    timer_.cancel();
    return;
  }
  timer_.arm(*deadline, [this] { due_(); });
}

}  // namespace controlplane::net
