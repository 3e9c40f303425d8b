// Logins up to the address: names, RADIUS, the user's identity, older sessions of the same user.

#include <algorithm>
#include <utility>

#include "controlplane/session/log.hpp"
#include "controlplane/session/names.hpp"
#include "controlplane/session/sessions.hpp"

namespace controlplane::session {
namespace {

constexpr std::string_view kDefaultPassword = "cisco";

/// EAP-Failure (RFC 3748 §4.2) for a reject that came without one.
common::Bytes eap_failure(std::uint8_t identifier) { return {4, identifier, 0, 4}; }

}  // namespace

bool Sessions::admits() const {
  if (!ready_ || stopping_) return false;
  return !room_.accounting_required() || room_.spool.admits();
}

std::optional<SessionNames> Sessions::begin(const LoginFacts& facts, PeerHandle& peer) {
  if (!admits()) return std::nullopt;
  auto session = std::make_unique<Session>();
  session->names.id = room_.spool.next_session_id();
  session->names.acct_session_id = room_.spool.next_acct_session_id();
  session->names.unique_id = room_.spool.next_unique_id();
  session->names.audit_session_id = make_audit_session_id(facts.local, facts.remote, session->names.id.value());
  session->facts = facts;
  session->peer = &peer;
  session->remote_now = facts.remote;
  session->nas = room_.radius.nas_identity();
  session->begun = room_.clock.wall();
  // Who comes with a key or a certificate says who he is; an EAP peer's IDi may be anything.
  if (facts.method != Method::eap) session->user_name = facts.ike_identity;
  Keys keys;
  keys.audit_session_id = session->names.audit_session_id;
  keys.acct_session_id = acct_session_text(session->names.acct_session_id);
  keys.user_name = session->user_name;
  keys.calling_station_id = facts.remote.address.to_string();
  keys.unique_id = session->names.unique_id;
  room_.index.add(session->names.id, std::move(keys));
  ++room_.totals.begun;
  aaa_log().debug("AAA: login {} of {} ({}) from {}, audit-session-id {}", session->names.id.value(),
                  facts.ike_identity, to_string(facts.method), facts.remote.to_string(),
                  session->names.audit_session_id);
  SessionNames names = session->names;
  room_.sessions.emplace(names.id, std::move(session));
  return names;
}

void Sessions::ask_radius(Session& session, radius::AccessRequest request,
                          std::move_only_function<void(Session&, radius::AccessReply)> done) {
  request.calling_station_id = session.facts.remote.address.to_string();
  request.called_station_id = session.facts.local.address.to_string();
  request.audit_session_id = session.names.audit_session_id;
  request.acct_session_id = session.names.acct_session_id;
  request.nas = session.nas;
  session.request = room_.radius.request(
      std::move(request), [this, id = session.names.id, done = std::move(done)](radius::AccessReply reply) mutable {
        Session* asked = room_.find(id);
        if (asked == nullptr || asked->cause) return;  // aborted: a late answer is ignored
        asked->request = {};
        done(*asked, std::move(reply));
      });
}

void Sessions::authenticate_eap(common::SessionId id, common::ByteView eap,
                                std::move_only_function<void(EapStep)> done) {
  Session* session = room_.find(id);
  if (session == nullptr || session->cause || session->phase != Phase::login) {
    room_.post([done = std::move(done)]() mutable { done(EapStep{}); });
    return;
  }
  if (const auto identity = eap_identity(eap); identity && session->eap_identity.empty()) {
    session->eap_identity = *identity;
    session->user_name = *identity;
    room_.index.set_user_name(id, *identity);
  }
  session->eap_done = std::move(done);
  radius::AccessRequest request;
  request.user_name = session->eap_identity.empty() ? session->facts.ike_identity : session->eap_identity;
  request.eap.assign(eap.begin(), eap.end());
  request.state = session->radius_state;
  request.server = session->radius_server;
  const std::uint8_t identifier = eap.size() > 1 ? eap[1] : 0;
  ask_radius(*session, std::move(request), [this, identifier](Session& asked, radius::AccessReply reply) {
    on_eap_reply(asked, identifier, std::move(reply));
  });
}

void Sessions::on_eap_reply(Session& session, std::uint8_t eap_identifier, radius::AccessReply reply) {
  auto done = std::exchange(session.eap_done, nullptr);
  EapStep step;
  step.eap = std::move(reply.eap);
  switch (reply.kind) {
    case radius::AccessReply::Kind::challenge:
      session.radius_state = std::move(reply.state);
      session.radius_server = reply.server;
      step.kind = EapStep::Kind::challenge;
      break;
    case radius::AccessReply::Kind::accept:
      if (!accept(session, std::move(reply.grant), true)) break;
      step.kind = EapStep::Kind::accept;
      step.msk = std::move(reply.msk);
      step.user_name = session.user_name;
      break;
    case radius::AccessReply::Kind::reject:
      ++room_.totals.logins_failed;
      aaa_log().info("login of {} from {} rejected by RADIUS", session.user_name, session.facts.remote.to_string());
      step.kind = EapStep::Kind::reject;
      if (step.eap.empty()) step.eap = eap_failure(eap_identifier);
      break;
    case radius::AccessReply::Kind::no_answer:
      ++room_.totals.logins_failed;
      aaa_log().warn("login of {} from {}: no RADIUS server answered", session.user_name,
                     session.facts.remote.to_string());
      break;
  }
  if (done) done(std::move(step));
}

void Sessions::authorize(common::SessionId id, std::move_only_function<void(Verdict)> done) {
  Session* session = room_.find(id);
  const auto say = [this, &done](Verdict verdict) {
    room_.post([done = std::move(done), verdict]() mutable { done(verdict); });
  };
  if (session == nullptr || session->cause || session->phase != Phase::login) return say(Verdict::failed);
  if (!room_.config->authorization.enabled || room_.config->radius.servers.empty())
    return say(accept(*session, {}, false) ? Verdict::accept : Verdict::reject);
  const config::IkeProfile* profile = room_.profile(session->facts.profile);
  radius::AccessRequest request;
  request.user_name = mangle(session->facts.ike_identity, profile == nullptr ? "" : profile->name_mangler);
  request.password = room_.config->authorization.password.empty()
                         ? common::SecretBytes(common::as_bytes(kDefaultPassword))
                         : room_.config->authorization.password.clone();
  session->verdict_done = std::move(done);
  ask_radius(*session, std::move(request), [this](Session& asked, radius::AccessReply reply) {
    auto told = std::exchange(asked.verdict_done, nullptr);
    Verdict verdict = Verdict::failed;
    if (reply.kind == radius::AccessReply::Kind::accept)
      verdict = accept(asked, std::move(reply.grant), true) ? Verdict::accept : Verdict::reject;
    else if (reply.kind != radius::AccessReply::Kind::no_answer)
      verdict = Verdict::reject;  // a challenge cannot be answered here
    if (verdict != Verdict::accept) {
      ++room_.totals.logins_failed;
      aaa_log().info("authorization of {} from {} refused", asked.facts.ike_identity, asked.facts.remote.to_string());
    }
    if (told) told(verdict);
  });
}

/// The user has proved himself: from here on the session has his name.
/// @return false: `unique = "reject"` keeps him out
bool Sessions::accept(Session& session, radius::Grant grant, bool by_radius) {
  session.grant = std::move(grant);
  session.by_radius = by_radius;
  session.user_name = choose_user_name(session.grant.user_name, session.eap_identity, session.facts.ike_identity);
  room_.index.set_user_name(session.names.id, session.user_name);
  const config::IkeProfile* profile = room_.profile(session.facts.profile);
  if (profile != nullptr) session.timeouts = choose_timeouts(session.grant, *profile, room_.config->accounting);
  const auto uniqueness = choose_uniqueness(profile == nullptr ? "replace" : profile->unique,
                                            session.facts.initial_contact, session.user_name);
  if (uniqueness == Uniqueness::reject && !same_user(session).empty()) {
    aaa_log().info("login of {} rejected: he has a session and the profile allows one", session.user_name);
    return false;
  }
  session.authenticated = true;
  session.authenticated_at = room_.clock.wall();
  return true;
}

/// Others of the same user in the same profile that are not ending, and have authenticated: nobody is thrown out by one
/// who only claims a name, and nobody who only claims it counts.
std::vector<Session*> Sessions::same_user(const Session& session) const {
  std::vector<Session*> others;
  for (const common::SessionId id : room_.index.find({.user_name = session.user_name})) {
    Session* other = room_.find(id);
    if (other == nullptr || other == &session || other->cause || !other->authenticated) continue;
    if (other->facts.profile == session.facts.profile) others.push_back(other);
  }
  return others;
}

std::optional<Assignment> Sessions::assign(common::SessionId id, bool wants_v4) {
  Session* session = room_.find(id);
  const config::IkeProfile* profile = session == nullptr ? nullptr : room_.profile(session->facts.profile);
  if (profile == nullptr || session->cause || session->phase != Phase::login || !session->authenticated)
    return std::nullopt;
  auto replaced = same_user(*session);
  replace_others(*session, replaced);
  if (wants_v4 && !session->inner_v4 && !take_address(*session, *profile, replaced)) {
    ++room_.totals.logins_failed;
    aaa_log().warn("no address for {}: pool {} is exhausted, or the one RADIUS gave is in use", session->user_name,
                   session->pool);
    return std::nullopt;
  }
  Assignment assignment;
  assignment.inner_v4 = session->inner_v4;
  const auto pool = std::ranges::find(room_.config->pools, session->pool, &config::Pool::name);
  const bool pooled = pool != room_.config->pools.end();
  if (!session->grant.dns.empty())
    assignment.dns = session->grant.dns;
  else if (!profile->dns.empty() || !pooled)
    assignment.dns = profile->dns;
  else
    assignment.dns = pool->dns;
  assignment.subnets = profile->subnets.empty() && pooled ? pool->subnets : profile->subnets;
  return assignment;
}

/// Applies `unique` and INITIAL_CONTACT; `others` is left with those that end.
void Sessions::replace_others(Session& session, std::vector<Session*>& others) {
  const config::IkeProfile* profile = room_.profile(session.facts.profile);
  const auto uniqueness = choose_uniqueness(profile->unique, session.facts.initial_contact, session.user_name);
  if (uniqueness == Uniqueness::keep || uniqueness == Uniqueness::reject) others.clear();
  if (uniqueness == Uniqueness::replace_origin)
    std::erase_if(others,
                  [&](const Session* other) { return other->remote_now.address != session.facts.remote.address; });
  for (Session* other : others) {
    aaa_log().info("session {} of {} is replaced by {}", other->names.audit_session_id, other->user_name,
                   session.names.audit_session_id);
    ++session.waits_for;
    terminator_.end(*other, Cause::port_preempted, Terminator::Asker::other, [this, id = session.names.id] {
      Session* waiting = room_.find(id);
      if (waiting == nullptr || --waiting->waits_for > 0) return;
      if (waiting->install != nullptr && !waiting->cause) write_row(*waiting);
    });
  }
}

/// The address that RADIUS named, else one of a pool. A user who replaces his own session may inherit its address: what
/// was under way to the old session was his, and nothing is installed before the old one is gone.
bool Sessions::take_address(Session& session, const config::IkeProfile& profile,
                            const std::vector<Session*>& replaced) {
  const auto inherit = [&](const auto& fits) {
    const auto from = std::ranges::find_if(
        replaced, [&](const Session* old) { return old->inner_v4 && !old->address_handed_on && fits(*old); });
    if (from == replaced.end()) return false;
    (*from)->address_handed_on = true;
    session.inner_v4 = (*from)->inner_v4;
    return true;
  };
  const auto& framed = session.grant.framed_ip_address;
  if (framed && is_particular(*framed)) {
    if (room_.pools.take_exact(*framed, session.user_name))
      session.inner_v4 = framed;
    else if (!inherit([&](const Session& old) { return old.inner_v4 == framed; }))
      return false;
  } else {
    session.pool = session.grant.framed_pool.empty() ? profile.pool : session.grant.framed_pool;
    session.inner_v4 = room_.pools.take(session.pool, session.user_name);
    if (!session.inner_v4 && !inherit([&](const Session& old) { return old.pool == session.pool; })) return false;
  }
  room_.index.set_address(session.names.id, session.inner_v4);
  return true;
}

void Sessions::detach(common::SessionId id) {
  const auto found = room_.sessions.find(id);
  if (found == room_.sessions.end()) return;
  Session& session = *found->second;
  session.peer = nullptr;
  session.eap_done = nullptr;
  session.verdict_done = nullptr;
  session.establish_done = nullptr;
  // A login that came to nothing, or an IKE SA that died without a word: nobody will ever end it otherwise.
  if (!session.cause && !session.gone) terminator_.end(session, Cause::lost_carrier, Terminator::Asker::peer, nullptr);
}

}  // namespace controlplane::session
