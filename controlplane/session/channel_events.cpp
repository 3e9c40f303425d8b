// The other side of the channel: connections and restarts of the dataplane, what it reports of sessions, and the
// reconciliation of what an earlier run of this process left behind (DESIGN chapter 6b; the table is reconcile.cpp).

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <spdlog/spdlog.h>

#include "controlplane/session/blob.hpp"
#include "controlplane/session/log.hpp"
#include "controlplane/session/names.hpp"
#include "controlplane/session/reconcile.hpp"
#include "controlplane/session/sessions.hpp"

namespace controlplane::session {

dataplane::LinkEvents Sessions::events() {
  dataplane::LinkEvents events;
  events.on_connected = [this](const common::channel::HelloReply& hello) { on_connected(hello); };
  events.on_disconnected = [this] {
    spdlog::warn("the channel to the dataplane is down");
    set_ready();
  };
  events.on_fenced = [this] {
    spdlog::critical("a newer control plane has taken over");
    if (fenced_) fenced_();
  };
  events.on_peer_moved = [this](common::SessionId id, common::Endpoint remote) {
    Session* session = room_.find(id);
    if (session == nullptr || session->cause) return;
    session->remote_now = remote;
    if (session->peer != nullptr) session->peer->peer_moved(remote);
  };
  const auto end = [this](Cause cause) {
    return [this, cause](common::SessionId id) {
      if (Session* session = room_.find(id)) terminator_.end(*session, cause, Terminator::Asker::other, nullptr);
    };
  };
  events.on_lifetime_reached = end(Cause::session_timeout);
  events.on_idle_expired = end(Cause::idle_timeout);
  events.on_inbound_seen = [this](common::SessionId id) {
    const Session* session = room_.find(id);
    if (session != nullptr && !session->cause && session->peer != nullptr) session->peer->inbound_seen();
  };
  events.on_child_expired = [](common::SessionId id, common::Spi inbound) {
    aaa_log().warn("child SA 0x{:08x} of session {} is used up; the peer has to rekey", inbound.value(), id.value());
  };
  return events;
}

/// A restarted dataplane knows none of its sessions: each ends with its last refreshed counters (P3), and with it the
/// IKE SA, whose child SAs are dead (P7).
void Sessions::on_connected(const common::channel::HelloReply& hello) {
  const bool restarted = boot_id_ && *boot_id_ != hello.boot_id;
  boot_id_ = hello.boot_id;
  spdlog::info("dataplane connected: {} workers, {} sessions, {} ended ones{}", hello.workers, hello.sessions,
               hello.tombstones, restarted ? "; it was restarted" : "");
  if (restarted)
    for (const auto& [id, session] : room_.sessions)
      if (session->install_sent && !session->gone)
        terminator_.end(*session, Cause::nas_error, Terminator::Asker::other, nullptr);
  room_.spool.raise_ids(common::SessionId{hello.max_session_id}, 0, 0);
  if (!is_reconciled_) list_remains();
  set_ready();
}

void Sessions::set_ready() {
  const bool ready = is_reconciled_ && room_.link.ready();
  if (std::exchange(ready_, ready) != ready && ready_listener_) ready_listener_(ready);
}

void Sessions::start(common::Epoch epoch, Remembered remembered, std::function<void()> reconciled) {
  epoch_ = epoch;
  remembered_ = std::move(remembered);
  reconciled_ = std::move(reconciled);
  room_.link.set_events(events());
  if (room_.link.ready()) on_connected(*room_.link.hello());
}

void Sessions::list_remains() {
  if (!remembered_ || listing_) return;
  listing_ = true;
  room_.link.list([this](dataplane::LinkResult<std::vector<dataplane::ListedSession>> listed) {
    listing_ = false;
    if (!listed) {  // the next on_connected asks again; it may have come already
      if (room_.link.ready()) list_remains();
      return;
    }
    reconcile(std::move(*listed));
  });
}

void Sessions::reconcile(std::vector<dataplane::ListedSession> listed) {
  const Remembered remembered = std::move(*std::exchange(remembered_, std::nullopt));
  std::unordered_map<common::SessionId, const radius::OpenSession*> rows;
  for (const auto& row : remembered.open) rows.emplace(row.identity.session, &row);
  left_to_reconcile_ = 1;  // this function itself
  for (const bool tombstones : {true, false})
    for (const auto& session : listed) {
      if ((session.facts.ended != 0) != tombstones) continue;
      const common::SessionId id{session.facts.counters.session_id};
      const auto row = rows.find(id);
      const auto from_blob = read_blob_accounting(session.blob.view());
      const Decision decision = decide({.row = row != rows.end(),
                                        .start_spooled = row != rows.end() && row->second->start_spooled,
                                        .dataplane = tombstones ? InDataplane::tombstone : InDataplane::live,
                                        .identity_in_blob = from_blob.has_value() && from_blob->identity.session == id,
                                        .database_new = remembered.database_new});
      radius::OpenSession remains;
      if (row != rows.end()) {
        remains = *row->second;
        rows.erase(row);
      } else if (decision.record == Decision::Record::stop_from_blob) {
        remains.identity = from_blob->identity;
        remains.started = from_blob->started;
        room_.spool.raise_ids(id, remains.identity.acct_session_id, remains.identity.unique_id);
      }
      adopt(id, remains, decision, &session);
    }
  for (const auto& [id, row] : rows)
    adopt(id, *row, decide({.row = true, .start_spooled = row->start_spooled, .database_new = remembered.database_new}),
          nullptr);
  on_reconciled();
}

/// Makes a session of what is left of one, and ends it at once, the way all sessions end.
void Sessions::adopt(common::SessionId id, const radius::OpenSession& row, const Decision& decision,
                     const dataplane::ListedSession* listed) {
  using enum Decision::Record;
  auto made = std::make_unique<Session>();
  Session& session = *made;
  session.restore(id, row);
  session.install_sent = decision.remove;
  session.row_written = decision.record != none;
  session.start_spooled =
      decision.record == stop || decision.record == stop_estimated || decision.record == stop_from_blob;
  session.estimated = decision.record == stop_estimated;
  Cause cause = decision.cause;
  if (listed != nullptr && listed->facts.counters.cause != 0) cause = static_cast<Cause>(listed->facts.counters.cause);
  if (decision.record == stop_from_blob && room_.accounting())
    room_.spool.open_session(row, [](radius::StoreStatus) {});
  Keys keys;
  keys.audit_session_id = session.names.audit_session_id;
  keys.acct_session_id = acct_session_text(session.names.acct_session_id);
  keys.user_name = session.user_name;
  keys.calling_station_id = row.identity.calling_station_id;
  keys.framed_ip_address = session.inner_v4;
  keys.unique_id = session.names.unique_id;
  if (session.start_spooled) {
    residual_.add(id, keys);
    residual_until_.emplace_back(room_.clock.monotonic() + room_.config->dynamic_author.window, id);
  }
  room_.index.add(id, std::move(keys));
  if (session.inner_v4) (void)room_.pools.take_exact(*session.inner_v4, session.user_name);
  room_.sessions.emplace(id, std::move(made));
  ++left_to_reconcile_;
  terminator_.end(session, cause, Terminator::Asker::peer, [this] { on_reconciled(); });
  if (decision.record == stop_estimated) session.ended_at = std::max(row.counters_read, row.started);
}

void Sessions::on_reconciled() {
  if (left_to_reconcile_ == 0) return;
  --left_to_reconcile_;
  if (left_to_reconcile_ > 0) return;
  is_reconciled_ = true;
  set_ready();
  if (reconciled_) std::exchange(reconciled_, nullptr)();
}

}  // namespace controlplane::session
