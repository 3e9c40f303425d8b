#pragma once
// The one way out of a session, whatever the reason (DESIGN chapter 6, promises P1 to P3):
//
//   latch ─▶ nothing in flight ─▶ removed, counters final ─▶ Stop durable ─▶ ForgetSessions ─▶ everybody answered ─▶
//   Delete
//             (row, Start)          (Link::remove)             (Spool::commit_stop)
//
// Each arrow is taken by `settle`, which looks at what the session has left to do; it is called whenever something
// about an ending session has changed, so no order of events needs a state of its own. Removals and commits that come
// up in one turn of the loop travel together. A login that never reached the dataplane has less to do and takes the
// same path.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "controlplane/session/room.hpp"

namespace controlplane::session {

class Terminator {
 public:
  /// @param room   outlives this object
  /// @param gone   called for each session after its Stop is durable and before anybody is answered
  Terminator(Room& room, std::function<void(Session&)> gone);

  enum class Asker : std::uint8_t {
    peer,   ///< the IKE SA itself (Door::terminate): it knows that its login is over
    other,  ///< POD, operator, a newer login, the dataplane: a login in progress must be told
  };
  /// Latches the end of a session; a running end is joined, the first cause stays.
  /// @param done  runs when the Stop is durable, never before this call has returned; may be empty
  void end(Session& session, Cause cause, Asker asker, std::move_only_function<void()> done,
           std::shared_ptr<const DurableReply> reply = nullptr);

  /// A row, an install or a Start that was in flight has been settled.
  void settle(Session& session);

  /// Tries failed commits again when their time has come.
  void on_timer();

 private:
  void tell_logins();
  void schedule();
  void flush();
  void flush_removals();
  void flush_commits();
  void on_counters(const std::vector<common::channel::SessionCounters>& all);
  void on_committed(const std::vector<common::SessionId>& sessions, bool written);
  void finish(const std::vector<common::SessionId>& sessions);

  Room& room_;
  std::function<void(Session&)> gone_;
  std::vector<common::SessionId> to_tell_;
  std::vector<common::channel::RemoveSession> to_remove_;
  std::vector<common::SessionId> to_commit_;
  std::vector<common::SessionId> failed_;
  common::MonotonicTime retry_at_{};
  common::Duration backoff_{};
  bool scheduled_ = false;
};

}  // namespace controlplane::session
