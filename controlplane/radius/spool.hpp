#pragma once
// What the sessions ask of the disk. radius::Store is the real one; tests of other rooms bring their own.
// Thread: the control thread; callbacks run on it, never before the call that took them has returned.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "controlplane/radius/records.hpp"

namespace controlplane::radius {

enum class StoreStatus : std::uint8_t {
  ok,      ///< durable
  failed,  ///< nothing of it was written: disk full, read-only, corrupt, or the store was closed; may be retried
};

struct CounterUpdate {
  common::SessionId session;
  Counters counters;
  common::WallTime read{};
};

/// One transaction of the terminator: many sessions, one commit.
struct StopBatch {
  std::vector<AccountingRecord> stops;             ///< each open row becomes its Stop row; waiting Interims go
  std::vector<common::SessionId> closed_silently;  ///< open rows whose Start was never spooled: no Stop is due
  std::optional<StoredReply> reply;                ///< of the Disconnect-Request that caused it
};

class Spool {
 public:
  using Done = std::move_only_function<void(StoreStatus)>;

  Spool() = default;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  virtual ~Spool() = default;

  /// Durable counters, handed out from memory: no two calls ever return the same, across restarts too. Never 0.
  [[nodiscard]] virtual common::SessionId next_session_id() = 0;
  [[nodiscard]] virtual std::uint32_t next_acct_session_id() = 0;
  [[nodiscard]] virtual std::uint32_t next_unique_id() = 0;
  /// From now on only ids above these are given (what ListSessions showed, where the database was missing).
  virtual void raise_ids(common::SessionId session, std::uint32_t acct_session_id, std::uint32_t unique_id) = 0;

  /// The spool takes writes and has room for one more session and for the Stop of each open one (promise P3).
  [[nodiscard]] virtual bool admits() const = 0;
  /// The spool takes writes: a Stop can be made durable now.
  [[nodiscard]] virtual bool writable() const = 0;

  /// Writes the open-session row. Again with the same session: replaces it.
  virtual void open_session(OpenSession session, Done done) = 0;
  virtual void refresh_counters(std::vector<CounterUpdate> updates, Done done) = 0;
  /// Start (marks the open row), Interim (replaces a waiting one of the same session), On, Off. Stops go by
  /// commit_stop. An Interim of a session whose Stop is there is dropped, with `ok`.
  virtual void spool(AccountingRecord record, Done done) = 0;
  /// All of it or nothing. Repeating it after `failed`, or after a crash, leaves one Stop per session.
  virtual void commit_stop(StopBatch batch, Done done) = 0;
};

}  // namespace controlplane::radius
