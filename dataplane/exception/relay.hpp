#pragma once
// The TAP relay: frames between the workers and the kernel, on a thread of its own, so that no worker makes a system
// call and no table load delays a revocation.

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include "common/drop_reason.hpp"
#include "common/ids.hpp"
#include "dataplane/eal/host_rings.hpp"
#include "dataplane/exception/tap.hpp"
#include "dataplane/packet/metadata.hpp"

namespace dataplane::exception {

/// What the relay asks about the sessions of the packets that it carries. All calls come from the relay's thread,
/// between two of its quiescent reports.
class Sessions {
 public:
  Sessions() = default;
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  virtual ~Sessions() = default;

  /// Does the session that a packet was decrypted for still live, in the same generation?
  [[nodiscard]] virtual bool is_live(const ids::SessionRef& session) noexcept = 0;
  /// The kernel took a decrypted packet: counts it as forwarded (P2).
  virtual void on_delivered(const packet::Metadata& metadata) noexcept = 0;
  /// Counts the drop, for the packet's session too, and frees the mbuf.
  virtual void drop(rte_mbuf* mbuf, common::DropReason reason) noexcept = 0;
};

struct RelayStatistics {
  std::array<std::uint64_t, eal::kHostClasses> to_host{};  ///< frames that the kernel took, by class
  std::uint64_t from_host = 0;                             ///< frames handed to workers
  std::uint64_t write_failed = 0;
  std::uint64_t from_host_dropped = 0;  ///< no buffer, or the worker's ring was full
};

struct RelayEnvironment {
  std::vector<const Tap*> taps;                ///< by PortIndex
  std::vector<const eal::HostRings*> workers;  ///< by WorkerIndex; frames from the kernel spread over them by address
  rte_mempool* pool = nullptr;
  rte_rcu_qsbr* qsbr = nullptr;
  unsigned reader = 0;  ///< the relay's id in `qsbr`: the number of workers
  Sessions* sessions = nullptr;
};

/// Owns the thread. Everything in the environment outlives it.
class Relay {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Relay>, std::string> start(RelayEnvironment environment);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay();  ///< joins; frames left on `to_host` are dropped

  /// A snapshot. Thread: any.
  [[nodiscard]] RelayStatistics statistics() const noexcept;
  /// Lets a relay that sleeps look at its rings at once: a removal waits for it. Thread: any.
  void wake() noexcept;

 private:
  struct Impl;
  explicit Relay(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dataplane::exception
