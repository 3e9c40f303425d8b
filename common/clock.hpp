#pragma once
// Time as both processes measure it. Logic takes times as arguments, so that tests and the simulator own the clock.

#include <chrono>
#include <cstdint>

namespace common {

using Duration = std::chrono::nanoseconds;
/// For deadlines: never jumps. Only differences mean anything, and only within one boot of the machine.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
/// For records that people read (Event-Timestamp, start times): may jump with the system's clock.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// Where the time comes from. The real one reads the kernel's clocks, a test's is set by hand.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonotonicTime monotonic() const noexcept = 0;
  [[nodiscard]] virtual WallTime wall() const noexcept = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonotonicTime monotonic() const noexcept override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] WallTime wall() const noexcept override { return std::chrono::system_clock::now(); }
};

/// Stands still until told.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] MonotonicTime monotonic() const noexcept override { return monotonic_; }
  [[nodiscard]] WallTime wall() const noexcept override { return wall_; }
  void advance(Duration by) noexcept {
    monotonic_ += by;
    wall_ += by;
  }
  void set_wall(WallTime wall) noexcept { wall_ = wall; }

 private:
  MonotonicTime monotonic_{std::chrono::hours(1)};
  WallTime wall_{std::chrono::seconds(1'700'000'000)};
};

/// Seconds since 1970, as RADIUS and the database carry them.
[[nodiscard]] inline std::int64_t unix_seconds(WallTime time) noexcept {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}
[[nodiscard]] inline std::uint64_t unix_milliseconds(WallTime time) noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

}  // namespace common
