#pragma once
// A packet worker: one lcore's loop over the stages of DESIGN chapter 3.

#include <atomic>
#include <memory>

#include "dataplane/worker/environment.hpp"

namespace dataplane::worker {

/// Owns nothing but its own buffers; everything else is in the environment and outlives it.
class Worker {
 public:
  explicit Worker(Environment environment);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Works until `stop` is true, then flushes and leaves. Registers with the RCU variable at its start and goes offline
  /// at its end. Call it on the worker's lcore, once.
  void run(const std::atomic<bool>& stop) noexcept;

  /// One turn of the loop: receive, hand-offs, frames from the host, transmit, count, quiescent report. For tests; a
  /// thread that calls it must be registered and online.
  /// @return packets that it took from anywhere
  unsigned turn() noexcept;

  /// Reader id of this worker in the RCU variable.
  [[nodiscard]] unsigned reader() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dataplane::worker
