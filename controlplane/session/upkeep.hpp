#pragma once
// What living sessions need from time to time: Interim-Updates, and counters in their open rows, so that a dead
// dataplane costs at most one interval of them (P3). Reads go to the dataplane in batches.

#include <set>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "controlplane/session/room.hpp"

namespace controlplane::session {

class Upkeep {
 public:
  explicit Upkeep(Room& room) : room_(room) {}

  /// The session is up: its first interim is due one interval from now.
  void add(Session& session);
  void remove(const Session& session);
  void on_timer();
  /// Fresh counters of these sessions into their records; `done` also where none could be had.
  void read(std::vector<common::SessionId> sessions, std::move_only_function<void()> done);

 private:
  void schedule_interim(Session& session);
  void send_interims(std::vector<common::SessionId> due);
  void refresh_rows();

  Room& room_;
  std::set<std::pair<common::MonotonicTime, common::SessionId>> interims_;
  common::MonotonicTime refresh_at_{};
};

}  // namespace controlplane::session
