// Snapshots and totals for `show` and the metrics.

#include <algorithm>
#include <utility>

#include "controlplane/session/sessions.hpp"

namespace controlplane::session {
namespace {

std::chrono::seconds idle_of(const Session& session, common::WallTime now) {
  if (session.phase != Phase::up) return std::chrono::seconds(0);
  const auto last = std::max({common::unix_milliseconds(session.established_at), session.counters.last_in_unix_ms,
                              session.counters.last_out_unix_ms});
  const auto now_ms = common::unix_milliseconds(now);
  return std::chrono::seconds(now_ms > last ? (now_ms - last) / 1000 : 0);
}

}  // namespace

Snapshot Sessions::snapshot_of(const Session& session) const {
  Snapshot shot;
  shot.names = session.names;
  shot.facts = session.facts;
  shot.state = session.state();
  if (session.authenticated || session.phase == Phase::up) shot.user_name = session.user_name;
  shot.phase1_id = session.facts.ike_identity;
  shot.calling_station_id = session.facts.remote.address.to_string();
  shot.remote_now = session.remote_now;
  shot.inner_v4 = session.inner_v4;
  shot.pool = session.pool;
  shot.method_list = room_.config->accounting.method_list;
  shot.begun = session.begun;
  if (session.authenticated) shot.authenticated = session.authenticated_at;
  if (session.phase == Phase::up) shot.established = session.established_at;
  shot.start_sent = session.start_spooled;
  shot.counters = session.counters;
  shot.counters_read = session.counters_read;
  shot.idle = idle_of(session, room_.clock.wall());
  shot.session_timeout = session.timeouts.session;
  shot.idle_timeout = session.timeouts.idle;
  shot.interim_interval = session.timeouts.interim;
  shot.interims_sent = session.interims;
  shot.session_key = session.session_key;
  shot.class_attributes = session.grant.classes.size();
  shot.cause = session.cause;
  shot.child = session.child;
  if (session.peer != nullptr) shot.ike = session.peer->describe();
  return shot;
}

std::optional<Snapshot> Sessions::snapshot(common::SessionId id) const {
  const Session* session = room_.find(id);
  return session == nullptr ? std::nullopt : std::optional(snapshot_of(*session));
}

std::vector<Snapshot> Sessions::list() const {
  std::vector<Snapshot> shots;
  for (const common::SessionId id : all()) shots.push_back(snapshot_of(*room_.find(id)));
  return shots;
}

void Sessions::refresh_counters(std::vector<common::SessionId> sessions, std::move_only_function<void()> done) {
  if (sessions.empty()) sessions = all();
  std::erase_if(sessions, [&](common::SessionId id) {
    const Session* session = room_.find(id);
    return session == nullptr || session->phase != Phase::up || session->cause;
  });
  if (!sessions.empty()) return upkeep_.read(std::move(sessions), std::move(done));
  if (done) room_.post(std::move(done));
}

Totals Sessions::totals() const {
  Totals totals = room_.totals;
  for (const auto& [id, session] : room_.sessions) {
    if (session->gone) continue;
    switch (session->state()) {
      case State::pending:
        ++totals.pending_now;
        break;
      case State::established:
        ++totals.established_now;
        break;
      case State::ending:
        ++totals.ending_now;
        break;
    }
  }
  totals.quarantined_addresses = room_.pools.quarantined();
  return totals;
}

}  // namespace controlplane::session
