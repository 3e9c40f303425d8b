#pragma once
// The dataplane as a whole: everything that main puts together, in the order in which it must live.

#include <atomic>
#include <deque>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "config/schema.hpp"
#include "dataplane/eal/host_rings.hpp"
#include "dataplane/eal/mempool.hpp"
#include "dataplane/eal/port.hpp"
#include "dataplane/eal/ring.hpp"
#include "dataplane/eal/runtime.hpp"
#include "dataplane/exception/host_guard.hpp"
#include "dataplane/exception/relay.hpp"
#include "dataplane/exception/tap.hpp"
#include "dataplane/manager/manager.hpp"
#include "dataplane/packet/drops.hpp"
#include "dataplane/route/adjacencies.hpp"
#include "dataplane/route/fib.hpp"
#include "dataplane/route/mirror.hpp"
#include "dataplane/route/pools.hpp"
#include "dataplane/sa/events.hpp"
#include "dataplane/sa/reclaimer.hpp"
#include "dataplane/sa/tables.hpp"
#include "dataplane/worker/statistics.hpp"
#include "dataplane/worker/worker.hpp"

namespace dataplane {

/// What the relay needs to know of sessions, answered from the tables. Thread: the relay's.
class RelaySessions final : public exception::Sessions {
 public:
  explicit RelaySessions(sa::Tables& tables) noexcept : tables_(tables) {}

  [[nodiscard]] bool is_live(const ids::SessionRef& session) noexcept override;
  void on_delivered(const packet::Metadata& metadata) noexcept override;
  void drop(rte_mbuf* mbuf, common::DropReason reason) noexcept override;

  [[nodiscard]] const packet::DropCounters& drops() const noexcept { return drops_; }

 private:
  sa::Tables& tables_;
  packet::DropCounters drops_;
};

/// Owns the running dataplane. Its destructor stops the workers and the relay, closes ports and TAPs, and takes the
/// guards away.
class Process {
 public:
  /// Starts everything but the manager's loop. Thread: the process's main thread, which becomes the manager's.
  /// @param config  outlives the process
  /// @error         the first thing that would not start
  [[nodiscard]] static std::expected<std::unique_ptr<Process>, std::string> start(const config::Config& config);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  /// One turn of the manager's loop, of at most `wait_ms`.
  void turn(int wait_ms) { manager_->turn(wait_ms); }
  /// The kernel's routes and neighbours have been read once.
  [[nodiscard]] bool is_ready() const { return mirror_->synchronized(); }

 private:
  /// A step of the start: what went wrong, or nothing.
  using Step = std::string;

  explicit Process(const config::Config& config);
  [[nodiscard]] Step put_up_guards();
  [[nodiscard]] Step open_ports();
  [[nodiscard]] Step make_tables();
  [[nodiscard]] Step make_rings();
  [[nodiscard]] Step start_relay();
  [[nodiscard]] Step start_workers();
  [[nodiscard]] Step start_manager();
  [[nodiscard]] worker::Environment environment_of(ids::WorkerIndex index);
  void stop_workers();

  const config::Config& config_;
  common::SystemClock clock_;
  std::vector<exception::HostGuard> guards_;
  std::unique_ptr<eal::Runtime> runtime_;
  std::unique_ptr<eal::Mempool> pool_;
  std::vector<std::unique_ptr<eal::Port>> ports_;
  std::vector<std::unique_ptr<exception::Tap>> taps_;
  std::unique_ptr<sa::Readers> readers_;
  std::unique_ptr<sa::Reclaimer> reclaimer_;
  std::unique_ptr<sa::Tables> tables_;
  std::unique_ptr<route::Pools> pools_;
  std::unique_ptr<route::Fib> fib_;
  std::unique_ptr<route::Adjacencies> adjacencies_;
  std::unique_ptr<route::Mirror> mirror_;
  std::vector<eal::HostRings> host_rings_;                         // by worker
  std::vector<std::vector<std::unique_ptr<eal::Ring>>> handoffs_;  // [from][to], nullptr on the diagonal
  std::deque<worker::Statistics> statistics_;                      // by worker
  std::vector<std::unique_ptr<sa::EventQueue>> events_;            // by worker
  std::unique_ptr<RelaySessions> relay_sessions_;
  std::unique_ptr<exception::Relay> relay_;
  std::vector<std::unique_ptr<worker::Worker>> workers_;
  std::atomic<bool> stop_workers_{false};
  std::unique_ptr<manager::Manager> manager_;
};

}  // namespace dataplane
