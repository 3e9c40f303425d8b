#pragma once
// The main thread of the dataplane: the channel's server, the one writer of every table, the reader of workers' events,
// their watchdog. An epoll loop that never blocks in anything else.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "config/schema.hpp"
#include "dataplane/eal/port.hpp"
#include "dataplane/eal/ring.hpp"
#include "dataplane/exception/relay.hpp"
#include "dataplane/route/fib.hpp"
#include "dataplane/route/mirror.hpp"
#include "dataplane/route/pools.hpp"
#include "dataplane/sa/events.hpp"
#include "dataplane/sa/reclaimer.hpp"
#include "dataplane/sa/tables.hpp"
#include "dataplane/worker/statistics.hpp"

namespace dataplane::manager {

/// What the manager reads of a worker.
struct WorkerView {
  sa::EventQueue* events = nullptr;
  /// A worker whose `turns` stand still for worker-deadline is an alarm, and then the end of the process.
  const worker::Statistics* statistics = nullptr;
};

/// Everything in it outlives the manager.
struct Environment {
  const config::Config* config = nullptr;
  sa::Tables* tables = nullptr;
  sa::Reclaimer* reclaimer = nullptr;  ///< also what Fib and Adjacencies were given as `Defer`
  rte_rcu_qsbr* readers = nullptr;
  route::Fib* fib = nullptr;
  const route::Pools* pools = nullptr;
  route::Mirror* mirror = nullptr;    ///< may be null (tests)
  exception::Relay* relay = nullptr;  ///< may be null (tests)
  std::vector<WorkerView> workers;
  /// Every ring on which a packet of a session may wait: hand-offs between workers and `to_host` of each worker.
  /// `from_host` carries frames of the kernel's own and is listed too.
  std::vector<const eal::Ring*> rings;
  std::vector<eal::Port*> ports;
  /// Drops that are counted outside the workers (the relay's).
  std::vector<const packet::DropCounters*> other_drops;
  const common::Clock* clock = nullptr;
  /// A worker has been silent for worker-deadline. Default: an alarm in the log, then std::abort(), for nothing of what
  /// it holds can ever be revoked again.
  std::function<void(std::size_t worker)> on_silent_worker;
};

class Manager {
 public:
  /// Listens on the channel socket (mode 0600; a stale one is replaced), gives the pools to the FIB.
  /// @error  what the kernel refused
  [[nodiscard]] static std::expected<std::unique_ptr<Manager>, std::string> create(Environment environment);
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager();

  /// The loop, until `stop` is set (a signal handler may do that) and the turn is over.
  void run(const std::atomic<bool>& stop);
  /// One turn: waits for at most `wait_ms`, less where something is under way.
  void turn(int wait_ms);

 private:
  struct Impl;
  explicit Manager(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dataplane::manager
