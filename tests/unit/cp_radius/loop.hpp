#pragma once
// The control thread of a test: functions posted from the database thread run here, when the test says so.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace controlplane::radius::test {

class Loop {
 public:
  [[nodiscard]] std::function<void(std::move_only_function<void()>)> poster() {
    return [this](std::move_only_function<void()> function) {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(function));
      wake_.notify_one();
    };
  }
  /// Runs what comes until `condition` holds; false after ten seconds.
  bool run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      std::move_only_function<void()> next;
      {
        std::unique_lock lock(mutex_);
        if (!wake_.wait_until(lock, deadline, [this] { return !queue_.empty(); })) return false;
        next = std::move(queue_.front());
        queue_.pop_front();
      }
      next();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
};

}  // namespace controlplane::radius::test
