// A client's SAs: states, answers, questions, the ways out.

#include "controlplane/ike/peer.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/logger.h>

#include "controlplane/session/log.hpp"

namespace controlplane::ike {
namespace {

using namespace std::chrono_literals;

constexpr auto kLinger = 10s;          ///< of stubs and refused logins: repetitions are answered that long
constexpr auto kRekeyedLinger = 30s;   ///< for the peer to delete what it has rekeyed
constexpr auto kFirstRepetition = 1s;  ///< doubles (RFC 7296 §2.4 leaves it open)
constexpr std::uint32_t kDeleteTransmissions = 5;

}  // namespace

Peer::Peer(Context& shared, std::uint32_t number, std::shared_ptr<const Policy> rules)
    : context(shared), id(number), policy(std::move(rules)) {}

Peer::~Peer() {
  end_login();
  uncount();
}

void Peer::end_login() {
  if (login) context.table.remove_init(sas.front()->initiator_spi, login->init_remote);
  login.reset();
}

void Peer::uncount() {
  if (counted_source) context.half_open.remove(*counted_source);
  counted_source.reset();
  context.statistics.half_open = context.half_open.total();
}

void Peer::log(const IkeSa& sa, std::string_view text) const {
  session::ike_log().debug("IKEv2:(SESSION ID = {},SA ID = {}):{}", names ? names->id.value() : 0, sa.id, text);
}

bool Peer::change(IkeSa& sa, Event event) {
  const auto next = step(sa.state, event);
  if (!next) {
    log(sa, fmt::format("{} does not fit state {}", to_string(event), to_string(sa.state)));
    context.count(Counter::drop_wrong_state);
    return false;
  }
  log(sa, fmt::format("{} -> {} on {}", to_string(sa.state), to_string(*next), to_string(event)));
  if (*next == State::established) ++context.statistics.established;
  if (sa.state == State::established) --context.statistics.established;
  sa.state = *next;
  const auto now = context.now();
  switch (sa.state) {
    case State::established:
    case State::closing:
      sa.state_ends.reset();
      break;
    case State::stub:
    case State::failed:
      sa.state_ends = now + kLinger;
      break;
    case State::rekeyed:
      sa.state_ends = now + kRekeyedLinger;
      break;
    case State::closed:
      sa.state_ends = now;
      break;
    default:
      break;  // a login's end was set when it began
  }
  return true;
}

void Peer::respond(IkeSa& sa, const wire::PayloadWriter& payloads) {
  Requests& requests = sa.requests;
  if (!requests.answering) return;
  requests.answering = false;
  requests.answer = sa.seal(requests.exchange, true, requests.expected - 1, payloads);
  if (requests.answer.empty()) {
    log(sa, "message cannot be sealed");
    return;
  }
  for (const common::Bytes& message : requests.answer) context.send(requests.local, requests.remote, message);
  if (requests.answer.size() > 1)
    for (std::size_t i = 0; i < requests.answer.size(); ++i) context.count(Counter::fragments_out);
}

void Peer::respond(IkeSa& sa, wire::NotifyType type, common::ByteView data) {
  wire::PayloadWriter payloads;
  payloads.add(type, {data});
  log(sa, fmt::format("answers {}", wire::to_string(type)));
  respond(sa, payloads);
}

void Peer::repeat_answer(IkeSa& sa, const common::Endpoint& local, const common::Endpoint& remote) {
  context.count(Counter::retransmissions_answered);
  for (const common::Bytes& message : sa.requests.answer) context.send(local, remote, message);
}

void Peer::ask(IkeSa& sa, Purpose purpose) {
  Questions& questions = sa.questions;
  if (questions.pending) {
    if (questions.pending->purpose != purpose && questions.waiting != Purpose::delete_ike) questions.waiting = purpose;
    return;
  }
  wire::PayloadWriter payloads;
  if (purpose == Purpose::delete_ike) payloads.add(wire::Delete{wire::ProtocolId::ike, {}});
  context.count(purpose == Purpose::delete_ike ? Counter::deletes_sent : Counter::dpd_sent);
  log(sa, purpose == Purpose::delete_ike ? "sends Delete" : "asks whether the peer lives");
  auto datagrams = sa.seal(wire::ExchangeType::informational, false, questions.next, payloads);
  for (const common::Bytes& message : datagrams) context.send(sa.path.local, sa.path.remote, message);
  questions.pending =
      Questions::Pending{questions.next++, purpose, std::move(datagrams), 1, context.now() + kFirstRepetition};
}

void Peer::on_answered(IkeSa& sa) {
  Questions& questions = sa.questions;
  const Purpose purpose = questions.pending->purpose;
  questions.pending.reset();
  questions.fragments.clear();
  if (purpose == Purpose::delete_ike) {
    (void)change(sa, Event::deleted);
    return;
  }
  if (const auto waiting = std::exchange(questions.waiting, std::nullopt)) ask(sa, *waiting);
}

void Peer::repeat_question(IkeSa& sa) {
  Questions::Pending& pending = *sa.questions.pending;
  const std::uint32_t limit =
      pending.purpose == Purpose::delete_ike ? kDeleteTransmissions : profile->settings->dpd_retries;
  if (pending.transmissions >= limit) {
    const bool liveness = pending.purpose == Purpose::liveness;
    sa.questions.pending.reset();
    if (sa.state == State::established && liveness) {
      context.count(Counter::dpd_dead);
      log(sa, "peer is dead");
      terminate(sa, session::Cause::lost_carrier);
    } else if (const auto waiting = std::exchange(sa.questions.waiting, std::nullopt)) {
      ask(sa, *waiting);
    }
    return;
  }
  context.count(Counter::retransmissions_sent);
  for (const common::Bytes& message : pending.datagrams) context.send(sa.path.local, sa.path.remote, message);
  pending.again = context.now() + kFirstRepetition * (1U << pending.transmissions);
  ++pending.transmissions;
}

void Peer::refuse(IkeSa& sa, std::string_view why) {
  wire::PayloadWriter payloads;
  payloads.add(wire::NotifyType::authentication_failed);
  refuse(sa, why, payloads);
}

void Peer::refuse(IkeSa& sa, std::string_view why, const wire::PayloadWriter& payloads) {
  if (!is_login(sa.state)) return;
  log(sa, fmt::format("login refused: {}", why));
  context.count(Counter::logins_failed);
  respond(sa, payloads);
  (void)change(sa, Event::refused);
}

void Peer::terminate(IkeSa& sa, session::Cause cause) {
  if (!change(sa, Event::ending) || !names) return;
  context.door.terminate(names->id, cause, later(sa, [](Peer& peer, IkeSa& ended) {
                           if (ended.state == State::closing) peer.send_delete();
                         }));
}

void Peer::send_delete() {
  released = true;
  for (const auto& sa : sas) {
    if (is_login(sa->state)) {
      refuse(*sa, "session ended");
      continue;
    }
    if (sa->state != State::established && sa->state != State::rekeyed && sa->state != State::closing) continue;
    if (!change(*sa, Event::session_over)) continue;
    // What was being answered will never be finished (RFC 7296 §2.25).
    if (sa->requests.answering) respond(*sa, wire::NotifyType::temporary_failure);
    if (!sa->peer_deleted) ask(*sa, Purpose::delete_ike);
  }
  arm();
}

void Peer::abort_login() {
  if (!login || !is_login(current().state)) return;
  IkeSa& sa = current();
  login->aborted = true;
  context.count(Counter::logins_aborted);
  log(sa, "login aborted");
  // Between two requests there is nothing to answer: the next one gets it.
  if (sa.requests.answering) refuse(sa, "aborted");
  arm();
}

void Peer::move_to(IkeSa& sa, const common::Endpoint& local, const common::Endpoint& remote) {
  if (sa.path.local == local && sa.path.remote == remote) return;
  log(sa, fmt::format("peer moves from {} to {}", sa.path.remote.to_string(), remote.to_string()));
  sa.path.local = local;
  sa.path.remote = remote;
}

void Peer::peer_moved(const common::Endpoint& remote) {
  context.count(Counter::peer_moves);
  for (const auto& sa : sas) move_to(*sa, sa->path.local, remote);
}

void Peer::inbound_seen() { current().last_inbound = context.now(); }

std::optional<common::MonotonicTime> Peer::deadline(const IkeSa& sa) const {
  std::optional<common::MonotonicTime> earliest = sa.state_ends;
  const auto consider = [&earliest](common::MonotonicTime time) {
    if (!earliest || time < *earliest) earliest = time;
  };
  if (sa.questions.pending) consider(sa.questions.pending->again);
  const auto dpd = profile != nullptr ? profile->settings->dpd : config::Seconds{0};
  if (sa.state == State::established && is_current(sa) && dpd > 0s && !sa.questions.pending)
    consider(sa.last_inbound + dpd);
  if (sa.state == State::failed && names && !released) consider(context.now());
  return earliest;
}

void Peer::arm() {
  const auto before = context.table.next_deadline();
  for (const auto& sa : sas)
    if (const auto at = deadline(*sa)) context.table.wake(sa->id, *at);
  if (context.table.next_deadline() != before) context.environment.deadline_changed();
}

}  // namespace controlplane::ike
