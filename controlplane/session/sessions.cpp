// Sessions: its parts put together; find, revoke, terminate; the end of the whole.

#include "controlplane/session/sessions.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "controlplane/session/log.hpp"

namespace controlplane::session {

Sessions::Sessions(std::shared_ptr<const config::Config> config, Environment environment)
    : room_(std::move(config), environment.clock, std::move(environment.post), environment.link, environment.spool,
            environment.access),
      terminator_(room_, [this](Session& session) { on_gone(session); }),
      upkeep_(room_),
      fenced_(std::move(environment.fenced)) {}

Sessions::~Sessions() = default;

void Sessions::on_timer() {
  terminator_.on_timer();
  upkeep_.on_timer();
  const auto now = room_.clock.monotonic();
  std::erase_if(residual_until_, [&](const auto& entry) {
    if (entry.first > now) return false;
    residual_.remove(entry.second);
    return true;
  });
}

void Sessions::reload(std::shared_ptr<const config::Config> config) {
  room_.config = std::move(config);
  room_.pools.reload(room_.config->pools);
}

void Sessions::terminate(common::SessionId id, Cause cause, std::move_only_function<void()> done) {
  Session* session = room_.find(id);
  if (session == nullptr) {
    if (done) room_.post([done = std::move(done)]() mutable { done(); });
    return;
  }
  terminator_.end(*session, cause, Terminator::Asker::peer, std::move(done));
}

void Sessions::on_gone(Session& session) {
  upkeep_.remove(session);
  if (session.inner_v4 && !session.address_handed_on) room_.pools.release(*session.inner_v4);
  if (session.phase == Phase::up)
    aaa_log().info("session {} of {} ended: {}{}, {} octets in, {} octets out", session.names.audit_session_id,
                   session.user_name, to_string(*session.cause), session.estimated ? " (counters estimated)" : "",
                   session.counters.in_octets, session.counters.out_octets);
}

std::vector<common::SessionId> Sessions::find(const Selector& selector) const {
  auto found = room_.index.find(selector);
  for (const common::SessionId id : residual_.find(selector))
    if (std::ranges::find(found, id) == found.end()) found.push_back(id);
  std::ranges::sort(found);
  return found;
}

std::vector<common::SessionId> Sessions::all() const {
  std::vector<common::SessionId> ids;
  for (const auto& [id, session] : room_.sessions)
    if (!session->gone) ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

namespace {

/// One revocation over several sessions.
struct Tracker {
  std::size_t left = 0;
  std::shared_ptr<const DurableReply> reply;
  bool reply_written = false;  ///< with the Stop of one of them
  std::move_only_function<void(Revocation)> done;
};

}  // namespace

void Sessions::revoke(const std::vector<common::SessionId>& sessions, Cause cause, std::optional<DurableReply> reply,
                      std::move_only_function<void(Revocation)> done) {
  bool known = !sessions.empty();
  bool recorded = false;  // a Stop is due
  for (const common::SessionId id : sessions) {
    const Session* session = room_.find(id);
    known = known && (session != nullptr || residual_.keys(id) != nullptr);
    recorded = recorded || (session != nullptr && session->phase != Phase::login);
  }
  const bool refused = known && recorded && room_.accounting_required() && !room_.spool.writable();
  if (!known || refused) {
    const auto answer = known ? Revocation::no_spool : Revocation::not_removed;
    room_.post([done = std::move(done), answer]() mutable { done(answer); });
    return;
  }
  const auto tracker = std::make_shared<Tracker>();
  tracker->left = 1;
  tracker->done = std::move(done);
  if (reply) tracker->reply = std::make_shared<const DurableReply>(std::move(*reply));
  const auto one_ended = [this, tracker] {
    if (--tracker->left > 0) return;
    if (!tracker->reply || tracker->reply_written) return tracker->done(Revocation::ended);
    // Every one of them was ending already, or left no record: the reply is made durable by itself.
    room_.spool.commit_stop({.stops = {}, .closed_silently = {}, .reply = *tracker->reply},
                            [tracker](radius::StoreStatus) { tracker->done(Revocation::ended); });
  };
  for (const common::SessionId id : sessions) {
    residual_.remove(id);
    Session* session = room_.find(id);
    if (session == nullptr) continue;
    ++tracker->left;
    terminator_.end(*session, cause, Terminator::Asker::other, one_ended, tracker->reply);
    tracker->reply_written = tracker->reply_written || (tracker->reply && session->reply == tracker->reply);
  }
  room_.post(one_ended);
}

void Sessions::shut_down(std::function<void()> done) {
  stopping_ = true;
  const auto left = std::make_shared<std::size_t>(1);
  const auto one_ended = [left, done = std::move(done)] {
    if (--*left == 0) done();
  };
  for (const common::SessionId id : all()) {
    ++*left;
    terminator_.end(*room_.find(id), Cause::nas_reboot, Terminator::Asker::other, one_ended);
  }
  room_.post(one_ended);
}

}  // namespace controlplane::session
