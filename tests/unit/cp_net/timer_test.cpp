// Timers: once, replaced, cancelled, destroyed by their own handler, and the follower of a moving deadline.

#include "controlplane/net/timer.hpp"

#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "tests/unit/cp_net/loop.hpp"

namespace controlplane::net {
namespace {

using namespace std::chrono_literals;

TEST(Timer, RunsOnceAndNotInsideArm) {
  boost::asio::io_context io;
  Timer timer(io);
  int runs = 0;
  timer.arm(std::chrono::steady_clock::now() - 1h, [&] { ++runs; });
  EXPECT_EQ(runs, 0);
  EXPECT_TRUE(timer.deadline().has_value());
  EXPECT_TRUE(run_until(io, [&] { return runs == 1; }));
  EXPECT_FALSE(timer.deadline().has_value());
  io.restart();
  EXPECT_EQ(io.run(), 0U);
}

TEST(Timer, DoesNotRunEarly) {
  boost::asio::io_context io;
  Timer timer(io);
  const auto deadline = std::chrono::steady_clock::now() + 30ms;
  bool ran = false;
  timer.arm(deadline, [&] {
    ran = true;
    EXPECT_GE(std::chrono::steady_clock::now(), deadline);
  });
  EXPECT_TRUE(run_until(io, [&] { return ran; }));
}

TEST(Timer, ArmReplacesWhatWasDueAlready) {
  boost::asio::io_context io;
  Timer timer(io);
  int first = 0;
  int second = 0;
  timer.arm_after(0ms, [&] { ++first; });
  io.poll();  // the wait has completed or is about to
  const int before = first;
  timer.arm_after(0ms, [&] { ++first; });
  timer.arm_after(1ms, [&] { ++second; });
  EXPECT_TRUE(run_until(io, [&] { return second == 1; }));
  EXPECT_EQ(first, before);
}

TEST(Timer, CancelledAndDestroyedTimersStaySilent) {
  boost::asio::io_context io;
  bool ran = false;
  Timer cancelled(io);
  cancelled.arm_after(0ms, [&] { ran = true; });
  cancelled.cancel();
  {
    Timer gone(io);
    gone.arm_after(0ms, [&] { ran = true; });
  }
  io.run();
  EXPECT_FALSE(ran);
}

TEST(Timer, HandlerMayDestroyItsTimer) {
  boost::asio::io_context io;
  auto timer = std::make_unique<Timer>(io);
  timer->arm_after(0ms, [&] { timer.reset(); });
  EXPECT_TRUE(run_until(io, [&] { return timer == nullptr; }));
}

TEST(DeadlineTimer, FollowsTheNextDeadline) {
  boost::asio::io_context io;
  int runs = 0;
  DeadlineTimer timer(io, [&] { ++runs; });
  timer.follow(std::chrono::steady_clock::now() + 1h);
  timer.follow(std::chrono::steady_clock::now() + 1ms);
  EXPECT_TRUE(run_until(io, [&] { return runs == 1; }));
  timer.follow(std::chrono::steady_clock::now() + 1ms);
  timer.follow(std::nullopt);
  io.restart();
  EXPECT_EQ(io.run_for(20ms), 1U);  // the cancelled wait completes, nothing else
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace controlplane::net
