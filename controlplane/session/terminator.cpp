// The terminator: see terminator.hpp for the picture. What keeps it right: a session is latched before anything else
// happens, nothing is answered before its Stop is durable, and a commit that fails leaves the session revoked,
// unanswered and due again (P3).

#include "controlplane/session/terminator.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <spdlog/spdlog.h>

#include "controlplane/session/log.hpp"

namespace controlplane::session {
namespace {

constexpr common::Duration kFirstRetry = std::chrono::seconds(1);
constexpr common::Duration kLongestRetry = std::chrono::seconds(30);

struct Commit {
  radius::StopBatch batch;
  std::vector<common::SessionId> sessions;
};

void answer(Session& session) {
  for (auto& waiter : std::exchange(session.waiters, {})) waiter();
}

}  // namespace

Terminator::Terminator(Room& room, std::function<void(Session&)> gone) : room_(room), gone_(std::move(gone)) {}

void Terminator::end(Session& session, Cause cause, Asker asker, std::move_only_function<void()> done,
                     std::shared_ptr<const DurableReply> reply) {
  if (done) session.waiters.push_back(std::move(done));
  if (reply && !session.reply && !session.in_commit) session.reply = std::move(reply);
  if (session.cause) return;  // joined: the first cause wins
  session.cause = cause;
  session.ended_at = room_.clock.wall();
  ike_log().debug("IKEv2:(SESSION ID = {},SA ID = {}):Check for existing active SA", session.names.id.value(),
                  session.facts.ike_sa_id);
  if (session.phase != Phase::up) {
    room_.radius.cancel(std::exchange(session.request, {}));
    session.install.reset();
    if (asker == Asker::other) {
      ++room_.totals.logins_aborted;
      to_tell_.push_back(session.names.id);
    }
  }
  if (session.install_sent) to_remove_.push_back({session.names.id.value(), static_cast<std::uint16_t>(cause), 0, 0});
  settle(session);
  schedule();
}

/// The peer's present or next request is answered with AUTHENTICATION_FAILED, and what its IKE SA still waits for is
/// over. Never inside `end`: the IKE SA may be the one that is calling us.
void Terminator::tell_logins() {
  for (const common::SessionId id : std::exchange(to_tell_, {})) {
    const auto at = [&]() -> Session* {
      Session* session = room_.find(id);
      return session == nullptr || session->peer == nullptr ? nullptr : session;
    };
    if (Session* s = at()) s->peer->abort_login();
    if (Session* s = at(); s != nullptr && s->eap_done) std::exchange(s->eap_done, nullptr)(EapStep{});
    if (Session* s = at(); s != nullptr && s->verdict_done) std::exchange(s->verdict_done, nullptr)(Verdict::failed);
    if (Session* s = at(); s != nullptr && s->establish_done)
      std::exchange(s->establish_done, nullptr)(EstablishStatus::aborted);
  }
}

void Terminator::settle(Session& session) {
  if (!session.cause || session.in_commit || session.gone) return;
  if (session.row_in_flight || session.start_in_flight) return;
  if (session.install_sent && !session.counters_final) return;
  session.in_commit = true;
  to_commit_.push_back(session.names.id);
  schedule();
}

void Terminator::schedule() {
  if (scheduled_ || (to_remove_.empty() && to_commit_.empty() && to_tell_.empty())) return;
  scheduled_ = true;
  room_.post([this] { flush(); });
}

void Terminator::flush() {
  scheduled_ = false;
  flush_removals();
  flush_commits();
}

void Terminator::flush_removals() {
  if (to_remove_.empty()) return;
  room_.link.remove(std::exchange(to_remove_, {}),
                    [this](const std::vector<common::channel::SessionCounters>& all) { on_counters(all); });
}

void Terminator::on_counters(const std::vector<common::channel::SessionCounters>& all) {
  for (const auto& counters : all) {
    Session* session = room_.find(common::SessionId{counters.session_id});
    if (session == nullptr || session->counters_final) continue;
    session->counters_final = true;
    if (static_cast<common::channel::Status>(counters.status) == common::channel::Status::unknown_session) {
      // The dataplane that had it is dead: its last refreshed counters are all there is (P3).
      session->estimated = true;
      session->cause = Cause::nas_error;
    } else {
      session->counters = counters;
      session->counters_read = room_.clock.wall();
      session->ended_at = session->counters_read;
    }
    ike_log().debug("IKEv2:in_octets {}, out_octets {}", session->counters.in_octets, session->counters.out_octets);
    ike_log().debug("IKEv2:in_packets {}, out_packets {}", session->counters.in_packets, session->counters.out_packets);
    settle(*session);
  }
  // Counters of a storm arrive together: their Stops are one transaction, now rather than a turn later.
  flush_commits();
}

/// Sessions that answer to one request share its reply, and a batch has room for one: so there is a batch a request,
/// and one for all the others. The store makes what it gets in one turn durable with one commit.
void Terminator::flush_commits() {
  tell_logins();
  std::map<const DurableReply*, Commit> commits;
  std::vector<common::SessionId> unwritten;
  for (const common::SessionId id : std::exchange(to_commit_, {})) {
    const Session* session = room_.find(id);
    if (session == nullptr) continue;
    if (!session->start_spooled && !session->row_written && !session->reply) {
      unwritten.push_back(id);
      continue;
    }
    Commit& commit = commits[session->reply.get()];
    commit.sessions.push_back(id);
    if (session->start_spooled)
      commit.batch.stops.push_back(session->record(radius::RecordKind::stop, session->ended_at));
    else if (session->row_written)
      commit.batch.closed_silently.push_back(id);
    if (session->reply && !commit.batch.reply) commit.batch.reply = *session->reply;
  }
  for (auto& [reply, commit] : commits) {
    room_.totals.stops_waiting += commit.sessions.size();
    room_.spool.commit_stop(std::move(commit.batch), [this, ids = commit.sessions](radius::StoreStatus status) {
      room_.totals.stops_waiting -= ids.size();
      on_committed(ids, status == radius::StoreStatus::ok);
    });
  }
  if (!unwritten.empty()) finish(unwritten);
}

void Terminator::on_committed(const std::vector<common::SessionId>& sessions, bool written) {
  if (written) {
    backoff_ = {};
    return finish(sessions);
  }
  room_.totals.stop_commit_failures += sessions.size();
  room_.totals.stops_waiting += sessions.size();
  failed_.insert(failed_.end(), sessions.begin(), sessions.end());
  backoff_ = backoff_ == common::Duration{} ? kFirstRetry : std::min(backoff_ * 2, kLongestRetry);
  retry_at_ = room_.clock.monotonic() + backoff_;
  spdlog::error("the Stop records of {} ended sessions could not be written; they stay revoked, tried again in {} s",
                failed_.size(), std::chrono::duration_cast<std::chrono::seconds>(backoff_).count());
  if (room_.accounting_required()) return;
  // accounting.required = false: who asked is not kept waiting for a disk that may never come back.
  for (const common::SessionId id : sessions)
    if (Session* session = room_.find(id)) answer(*session);
}

void Terminator::on_timer() {
  if (failed_.empty() || room_.clock.monotonic() < retry_at_) return;
  room_.totals.stops_waiting -= failed_.size();
  to_commit_.insert(to_commit_.end(), failed_.begin(), failed_.end());
  failed_.clear();
  schedule();
}

void Terminator::finish(const std::vector<common::SessionId>& sessions) {
  std::vector<common::SessionId> forget;
  std::vector<Session*> ended;
  for (const common::SessionId id : sessions) {
    Session* session = room_.find(id);
    if (session == nullptr) continue;
    if (session->install_sent) forget.push_back(id);
    if (session->start_spooled) {
      ++room_.totals.ended;
      ike_log().debug("[IKEv2 -> AAA] Accounting stop request sent successfully");
    }
    room_.index.remove(id);
    session->gone = true;
    ended.push_back(session);
  }
  if (!forget.empty()) room_.link.forget(forget);
  for (Session* session : ended) gone_(*session);
  for (Session* session : ended) answer(*session);
  for (Session* session : ended) {
    if (session->peer == nullptr || session->phase != Phase::up) continue;
    ike_log().debug("Delete all IKE SAs");
    session->peer->send_delete();
  }
  for (const common::SessionId id : sessions) room_.sessions.erase(id);
}

}  // namespace controlplane::session
