// Interims and counter refresh.

#include "controlplane/session/upkeep.hpp"

#include <algorithm>

namespace controlplane::session {
namespace {

constexpr std::size_t kBatch = 4096;  ///< sessions of one ReadCounters

/// Interims of sessions that came up together drift apart: up to a tenth of the interval earlier (RFC 2869 §2.1 asks
/// for a random delay). The session's own number is random enough and makes tests exact.
common::Duration jitter(const Session& session) {
  const common::Duration tenth = session.timeouts.interim / 10;
  return tenth * (session.names.id.value() * 7 % 16) / 16;
}

bool is_up(const Session* session) { return session != nullptr && session->phase == Phase::up && !session->cause; }

}  // namespace

void Upkeep::schedule_interim(Session& session) {
  session.interim_due = room_.clock.monotonic() + session.timeouts.interim - jitter(session);
  interims_.emplace(session.interim_due, session.names.id);
}

void Upkeep::add(Session& session) {
  if (session.start_spooled && session.timeouts.interim.count() > 0) schedule_interim(session);
}

void Upkeep::remove(const Session& session) { interims_.erase({session.interim_due, session.names.id}); }

void Upkeep::on_timer() {
  const auto now = room_.clock.monotonic();
  std::vector<common::SessionId> due;
  while (!interims_.empty() && interims_.begin()->first <= now && due.size() < kBatch) {
    due.push_back(interims_.begin()->second);
    interims_.erase(interims_.begin());
  }
  for (const common::SessionId id : due)
    if (Session* session = room_.find(id); is_up(session)) schedule_interim(*session);
  if (!due.empty()) send_interims(std::move(due));
  if (now < refresh_at_) return;
  const bool first = refresh_at_ == common::MonotonicTime{};
  refresh_at_ = now + std::max<common::Duration>(room_.config->accounting.counter_refresh, std::chrono::seconds(1));
  if (!first) refresh_rows();
}

void Upkeep::read(std::vector<common::SessionId> sessions, std::move_only_function<void()> done) {
  room_.link.read_counters(std::move(sessions), [this, done = std::move(done)](auto result) mutable {
    if (result) {
      const auto now = room_.clock.wall();
      for (const auto& counters : *result) {
        Session* session = room_.find(common::SessionId{counters.session_id});
        const auto status = static_cast<common::channel::Status>(counters.status);
        if (session == nullptr || session->counters_final || status != common::channel::Status::ok) continue;
        session->counters = counters;
        session->counters_read = now;
      }
    }
    if (done) done();
  });
}

/// After Stop no Interim (P3): a session that ended while its counters were under way is left out.
void Upkeep::send_interims(std::vector<common::SessionId> due) {
  auto ids = due;
  read(std::move(due), [this, ids = std::move(ids)] {
    for (const common::SessionId id : ids) {
      Session* session = room_.find(id);
      if (!is_up(session) || !session->start_spooled) continue;
      ++session->interims;
      room_.spool.spool(session->record(radius::RecordKind::interim, room_.clock.wall()), [](radius::StoreStatus) {});
    }
  });
}

void Upkeep::refresh_rows() {
  std::vector<common::SessionId> all;
  for (const auto& [id, session] : room_.sessions)
    if (is_up(session.get()) && session->row_written) all.push_back(id);
  for (std::size_t at = 0; at < all.size(); at += kBatch) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(at);
    const auto last = all.begin() + static_cast<std::ptrdiff_t>(std::min(at + kBatch, all.size()));
    std::vector<common::SessionId> batch(first, last);
    read(batch, [this, batch] {
      std::vector<radius::CounterUpdate> updates;
      for (const common::SessionId id : batch)
        if (const Session* session = room_.find(id); is_up(session))
          updates.push_back({id, session->usage(), session->counters_read});
      if (!updates.empty()) room_.spool.refresh_counters(std::move(updates), [](radius::StoreStatus) {});
    });
  }
}

}  // namespace controlplane::session
