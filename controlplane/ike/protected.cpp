// Messages of an IKE SA: the window of message ids (RFC 7296 §2.2, §2.3), fragments (RFC 7383), integrity, repetitions,
// addresses that move (§2.23). Nothing changes before the integrity check has passed (P5).

#include <utility>

#include <fmt/format.h>

#include "controlplane/ike/exchanges.hpp"
#include "controlplane/ike/wire/table.hpp"

namespace controlplane::ike {
namespace {

using wire::ExchangeType;
using wire::NotifyType;

/// A decrypted message, or the first part of one that is not complete yet.
struct Collected {
  wire::PayloadType first_inner = wire::PayloadType::none;
  common::Bytes plain;
};

/// Opens SK, or one SKF and looks whether its message is complete.
/// @return nullopt: dropped and counted, or more fragments are awaited
[[nodiscard]] std::optional<Collected> collect(Context& context, const wire::Message& message, IkeSa& sa,
                                               wire::Reassembly& fragments) {
  auto plain = wire::open(*message.encrypted, sa.keys.from_peer);
  if (!plain) {
    context.count(Counter::drop_bad_icv);
    return std::nullopt;
  }
  if (message.encrypted->fragment == 0) return Collected{message.encrypted->first_inner, std::move(*plain)};
  context.count(Counter::fragments_in);
  if (!sa.fragmentation) {
    context.count(Counter::drop_bad_fragment);
    return std::nullopt;
  }
  using enum wire::Reassembly::Outcome;
  switch (fragments.add(message.header.message_id, *message.encrypted, std::move(*plain))) {
    case complete:
      break;
    case stored:
    case duplicate:
      return std::nullopt;
    default:
      context.count(Counter::drop_bad_fragment);
      return std::nullopt;
  }
  auto whole = fragments.take();
  if (!whole) return std::nullopt;
  return Collected{whole->first_inner, std::move(whole->payloads)};
}

/// RFC 7296 §2.23: a peer behind a NAT is followed by what it has authenticated, unless we are behind one too. Until
/// IKE_AUTH is over it may change to the NAT port.
void follow(Peer& peer, IkeSa& sa, const Datagram& datagram) {
  sa.last_inbound = peer.context.now();
  if (sa.path.local == datagram.local && sa.path.remote == datagram.remote) return;
  if (is_login(sa.state)) {
    peer.move_to(sa, datagram.local, datagram.remote);
    return;
  }
  if (!sa.path.nat_remote || sa.path.nat_local) return;
  peer.context.count(Counter::peer_moves);
  peer.move_to(sa, datagram.local, datagram.remote);
  if (peer.is_current(sa) && sa.state == State::established && peer.names)
    peer.context.door.update_peer(peer.names->id, datagram.local, datagram.remote);
}

/// Whether this exchange can be asked for in this state at all.
[[nodiscard]] bool fits(State state, ExchangeType exchange) {
  switch (state) {
    case State::half_open:
    case State::checking:
    case State::eap:
    case State::eap_done:
    case State::establishing:
      return exchange == ExchangeType::ike_auth;
    case State::established:
    case State::rekeyed:
    case State::closing:
    case State::stub:
      return exchange == ExchangeType::create_child_sa || exchange == ExchangeType::informational;
    case State::failed:
    case State::closed:
      return false;
  }
  return false;
}

void dispatch(Peer& peer, IkeSa& sa, Opened request) {
  switch (request.header.exchange) {
    case ExchangeType::ike_auth:
      if (!peer.change(sa, Event::request)) return;
      if (!peer.login->first) return on_first_auth(peer, sa, std::move(request));
      return on_later_auth(peer, sa, request);
    case ExchangeType::create_child_sa:
      return on_create_child(peer, sa, request);
    default:
      return on_informational(peer, sa, request);
  }
}

/// RFC 7296 §2.21.3: a request that is authentic and makes no sense is answered, and is the end of its IKE SA.
void reject(Peer& peer, IkeSa& sa, const wire::ParseError& error) {
  const auto notify = wire::notify_for(error).value_or(NotifyType::invalid_syntax);
  const bool critical = notify == NotifyType::unsupported_critical_payload;
  peer.context.count(critical ? Counter::unsupported_critical : Counter::invalid_syntax);
  peer.log(sa, fmt::format("bad request: {}", wire::to_string(error.what)));
  const auto payload = static_cast<std::uint8_t>(error.payload);
  wire::PayloadWriter payloads;
  payloads.add(notify, {critical ? common::as_bytes(payload) : common::ByteView{}});
  if (is_login(sa.state)) {
    if (sa.state != State::checking) (void)peer.change(sa, Event::request);
    return peer.refuse(sa, "bad request", payloads);
  }
  peer.respond(sa, payloads);
  // An unknown critical payload refuses the request alone (§2.5); a syntax error ends the IKE SA.
  if (critical || sa.state != State::established) return;
  sa.peer_deleted = true;
  peer.terminate(sa, session::Cause::user_request);
}

void on_request(Context& context, const Datagram& datagram, const wire::Message& message, Peer& peer, IkeSa& sa) {
  const wire::IkeHeader& header = message.header;
  Requests& requests = sa.requests;
  const bool repeated = requests.expected != 0 && header.message_id == requests.expected - 1;
  if (!repeated && header.message_id != requests.expected) return context.count(Counter::drop_message_id);
  if (repeated) {
    if (!wire::open(*message.encrypted, sa.keys.from_peer)) return context.count(Counter::drop_bad_icv);
    if (requests.answering) return context.count(Counter::drop_in_progress);
    // RFC 7383 §2.6.1: of a repeated fragmented request, the first fragment is answered.
    if (message.encrypted->fragment <= 1) peer.repeat_answer(sa, datagram.local, datagram.remote);
    return;
  }
  if (!fits(sa.state, header.exchange) || requests.answering) return context.count(Counter::drop_wrong_state);
  auto collected = collect(context, message, sa, requests.fragments);
  if (!collected) return;

  requests.expected = header.message_id + 1;
  requests.answering = true;
  requests.exchange = header.exchange;
  requests.local = datagram.local;
  requests.remote = datagram.remote;
  requests.answer.clear();
  follow(peer, sa, datagram);

  Opened opened{header, std::move(collected->plain), {}};
  auto payloads = wire::parse_payloads(collected->first_inner, opened.plain);
  if (!payloads) return reject(peer, sa, payloads.error());
  const auto form = wire::form_of(header);
  if (!form) return reject(peer, sa, {wire::WireError::not_allowed, wire::PayloadType::none});
  if (const auto complete = wire::check_payloads(*form, *payloads); !complete)
    return reject(peer, sa, complete.error());
  opened.payloads = std::move(*payloads);
  dispatch(peer, sa, std::move(opened));
}

void on_response(Context& context, const Datagram& datagram, const wire::Message& message, Peer& peer, IkeSa& sa) {
  Questions& questions = sa.questions;
  if (!questions.pending || questions.pending->message_id != message.header.message_id ||
      message.header.exchange != ExchangeType::informational)
    return context.count(Counter::drop_unexpected_response);
  if (!collect(context, message, sa, questions.fragments)) return;
  follow(peer, sa, datagram);
  peer.on_answered(sa);
}

}  // namespace

void on_protected(Context& context, const Datagram& datagram, const wire::Message& message) {
  const auto [peer, sa] = context.table.find_spi(message.header.responder_spi);
  // The peer began every one of our IKE SAs, so all that it sends has the initiator flag (RFC 7296 §3.1).
  if (sa == nullptr || sa->initiator_spi != message.header.initiator_spi || !message.header.from_initiator)
    return context.count(Counter::drop_unknown_spi);
  const auto form = wire::form_of(message.header);
  if (!form) return context.count(Counter::drop_bad_exchange);
  if (!message.encrypted || !wire::check_outer(*form, message)) return context.count(Counter::drop_malformed);
  if (message.header.response)
    on_response(context, datagram, message, *peer, *sa);
  else
    on_request(context, datagram, message, *peer, *sa);
  peer->arm();
}

}  // namespace controlplane::ike
