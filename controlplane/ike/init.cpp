// IKE_SA_INIT (RFC 7296 §1.2): the only exchange that strangers may start. Nothing is kept of a request that gets a
// cookie, INVALID_KE_PAYLOAD or NO_PROPOSAL_CHOSEN; half-open state is bounded in all and per source (P5).

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "controlplane/ike/exchanges.hpp"
#include "controlplane/ike/nat.hpp"
#include "controlplane/ike/wire/table.hpp"

namespace controlplane::ike {
namespace {

using wire::NotifyType;

constexpr std::size_t kNonceOctets = 32;

/// Answers without state: our SPI is 0 (RFC 7296 §2.6).
void answer_stateless(Context& context, const Datagram& datagram, const wire::IkeHeader& request, NotifyType type,
                      common::ByteView data) {
  wire::IkeHeader header;
  header.initiator_spi = request.initiator_spi;
  header.exchange = wire::ExchangeType::ike_sa_init;
  header.response = true;
  wire::PayloadWriter payloads;
  payloads.add(type, {data});
  context.send(datagram.local, datagram.remote, wire::write_message(header, payloads));
}

void answer_error(Context& context, const Datagram& datagram, const wire::IkeHeader& header,
                  const wire::ParseError& error) {
  const auto notify = wire::notify_for(error);
  if (!notify) {
    context.count(Counter::drop_malformed);
    return;
  }
  const bool critical = *notify == NotifyType::unsupported_critical_payload;
  context.count(critical ? Counter::unsupported_critical : Counter::invalid_syntax);
  const auto payload = static_cast<std::uint8_t>(error.payload);
  answer_stateless(context, datagram, header, *notify, critical ? common::as_bytes(payload) : common::ByteView{});
}

/// @return false: the request was answered or dropped
[[nodiscard]] bool is_admitted(Context& context, const Datagram& datagram, const wire::Message& message) {
  const config::Ike& limits = context.policy->config->ike;
  const std::size_t of_source = context.half_open.of(datagram.remote.address);
  // Spoofed sources shall not use up a real network's share, so half of it already costs a cookie.
  if (context.half_open.total() >= limits.cookie_threshold || 2 * of_source >= limits.half_open_per_source) {
    const Cookies::Claim claim{message.clear.nonce->data, datagram.remote, message.header.initiator_spi};
    const wire::Notify* cookie = message.clear.find(NotifyType::cookie);
    if (cookie == nullptr || !context.cookies.verify(claim, cookie->data)) {
      if (cookie != nullptr) context.count(Counter::cookies_bad);
      context.count(Counter::cookies_sent);
      answer_stateless(context, datagram, message.header, NotifyType::cookie, context.cookies.make(claim));
      return false;
    }
  }
  if (context.half_open.total() >= limits.half_open_limit) {
    context.count(Counter::drop_half_open_limit);
    return false;
  }
  if (of_source >= limits.half_open_per_source) {
    context.count(Counter::drop_source_limit);
    return false;
  }
  return true;
}

/// @return nullopt: answered
[[nodiscard]] std::optional<IkeSuite> negotiate(Context& context, const Datagram& datagram,
                                                const wire::Message& message) {
  const wire::Ke& ke = *message.clear.ke;
  const auto chosen = choose_ike(context.policy->ike_offers, *message.clear.sa, ke.group, false);
  if (!chosen) {
    context.count(Counter::no_proposal_chosen);
    answer_stateless(context, datagram, message.header, NotifyType::no_proposal_chosen, {});
    return std::nullopt;
  }
  if (static_cast<std::uint16_t>(chosen->suite.group) != ke.group) {
    context.count(Counter::invalid_ke);
    const common::Be16 wanted(static_cast<std::uint16_t>(chosen->suite.group));
    answer_stateless(context, datagram, message.header, NotifyType::invalid_ke_payload, common::as_bytes(wanted));
    return std::nullopt;
  }
  return chosen->suite;
}

[[nodiscard]] NatFound find_nat(const Datagram& datagram, const wire::Message& message) {
  std::vector<common::ByteView> sources;
  std::vector<common::ByteView> destinations;
  for (const wire::Notify& notify : message.clear.notifies) {
    if (notify.type == NotifyType::nat_detection_source_ip) sources.push_back(notify.data);
    if (notify.type == NotifyType::nat_detection_destination_ip) destinations.push_back(notify.data);
  }
  return detect_nat(message.header.initiator_spi, datagram.local, datagram.remote, sources, destinations);
}

/// SHA2 hashes that the peer can verify (RFC 7427 §4): two octets each.
void read_hashes(const wire::Payloads& payloads, Login& login) {
  const wire::Notify* notify = payloads.find(NotifyType::signature_hash_algorithms);
  if (notify == nullptr) return;
  login.offered_hashes = true;
  common::ByteReader reader(notify->data);
  while (const auto hash = reader.be16()) login.peer_hashes.push_back(*hash);
}

void add_nat_hashes(const Datagram& datagram, const IkeSa& sa, wire::PayloadWriter& payloads) {
  const NatHash source = nat_hash(sa.initiator_spi, sa.responder_spi, datagram.local);
  const NatHash destination = nat_hash(sa.initiator_spi, sa.responder_spi, datagram.remote);
  payloads.add(NotifyType::nat_detection_source_ip, {source});
  payloads.add(NotifyType::nat_detection_destination_ip, {destination});
}

[[nodiscard]] common::Bytes make_answer(Context& context, const Datagram& datagram, const wire::Message& message,
                                        const IkeSa& sa, const Login& login, common::ByteView public_value) {
  wire::IkeHeader header;
  header.initiator_spi = sa.initiator_spi;
  header.responder_spi = sa.responder_spi;
  header.exchange = wire::ExchangeType::ike_sa_init;
  header.response = true;
  const auto chosen = choose_ike(context.policy->ike_offers, *message.clear.sa, message.clear.ke->group, false);
  wire::PayloadWriter payloads;
  payloads.add(answer_of(*chosen, {}));
  payloads.add(wire::Ke{static_cast<std::uint16_t>(sa.suite.group), public_value});
  payloads.add(wire::Nonce{login.responder_nonce});
  if (sa.path.nat_supported) add_nat_hashes(datagram, sa, payloads);
  if (!context.policy->certreq.empty())
    payloads.add(wire::CertReq{wire::CertEncoding::x509_signature, context.policy->certreq});
  if (sa.fragmentation) payloads.add(NotifyType::ikev2_fragmentation_supported);
  if (login.offered_hashes) {
    common::ByteWriter hashes;
    for (const std::uint16_t hash : crypto::our_signature_hashes()) hashes.be16(hash);
    payloads.add(NotifyType::signature_hash_algorithms, {hashes.view()});
  }
  return wire::write_message(header, payloads);
}

/// @return null where the peer's public value, or our library, is no good
[[nodiscard]] std::unique_ptr<IkeSa> make_sa(Context& context, const wire::Message& message, const IkeSuite& suite,
                                             const Login& login, common::Bytes& public_value) {
  const auto dh = crypto::Dh::generate(suite.group);
  if (!dh) return nullptr;
  const auto shared = dh->derive(message.clear.ke->data);
  if (!shared) return nullptr;
  public_value.assign(dh->public_value().begin(), dh->public_value().end());
  const Contributions from{login.initiator_nonce, login.responder_nonce, message.header.initiator_spi,
                           context.random_spi()};
  auto keys = derive_ike_keys(suite, *shared, from);
  if (!keys) return nullptr;
  return std::make_unique<IkeSa>(context.table.next_number(), from.initiator_spi, from.responder_spi, suite,
                                 std::move(*keys), context.epoch);
}

void set_up(Context& context, const Datagram& datagram, const wire::Message& message, IkeSa& sa) {
  const NatFound nat = find_nat(datagram, message);
  sa.path = {datagram.local, datagram.remote, nat.supported, nat.local, nat.remote};
  const config::Ike& settings = context.policy->config->ike;
  sa.fragmentation = message.clear.has(NotifyType::ikev2_fragmentation_supported);
  // The NAT port's marker is counted in: the peer moves there soon.
  Path widest = sa.path;
  widest.local.port = settings.nat_port;
  sa.max_octets = message_room(settings.fragment_size, widest, settings.nat_port);
  sa.requests.expected = 1;
  sa.created = sa.last_inbound = context.now();
  sa.state_ends = context.now() + settings.login_timeout;
}

void begin(Context& context, const Datagram& datagram, const wire::Message& message, const IkeSuite& suite) {
  auto login = std::make_unique<Login>();
  login->init_request.assign(message.octets.begin(), message.octets.end());
  const common::ByteView nonce = message.clear.nonce->data;
  login->initiator_nonce.assign(nonce.begin(), nonce.end());
  login->responder_nonce.resize(kNonceOctets);
  context.environment.random(login->responder_nonce);
  login->init_remote = datagram.remote;
  read_hashes(message.clear, *login);

  common::Bytes public_value;
  auto sa = make_sa(context, message, suite, *login, public_value);
  if (!sa) {
    answer_error(context, datagram, message.header, {wire::WireError::bad_value, wire::PayloadType::ke});
    return;
  }
  set_up(context, datagram, message, *sa);
  login->ends = *sa->state_ends;
  login->init_response = make_answer(context, datagram, message, *sa, *login, public_value);

  Peer& peer = context.table.add_peer(std::make_unique<Peer>(context, sa->id, context.policy));
  peer.login = std::move(login);
  peer.sas.push_back(std::move(sa));
  IkeSa& added = peer.current();
  context.table.add_sa(peer, added);
  context.table.add_init(added.initiator_spi, datagram.remote, added.id);
  context.half_open.add(datagram.remote.address);
  peer.counted_source = datagram.remote.address;
  context.statistics.half_open = context.half_open.total();
  context.count(Counter::init_answered);
  peer.log(
      added,
      fmt::format("IKE_SA_INIT from {}, {}{}{}", datagram.remote.to_string(), crypto::sk_suite_facts(suite.cipher).name,
                  added.path.nat_remote ? ", peer behind NAT" : "", added.path.nat_local ? ", we are behind NAT" : ""));
  context.send(datagram.local, datagram.remote, peer.login->init_response);
  peer.arm();
}

}  // namespace

void on_broken_init(Context& context, const Datagram& datagram, const wire::IkeHeader& header,
                    const wire::ParseError& error) {
  if (!header.from_initiator || header.message_id != 0 || header.initiator_spi == 0)
    return context.count(Counter::drop_unexpected_init);
  context.count(Counter::init_requests);
  if (context.shutting_down) return context.count(Counter::drop_shutting_down);
  answer_error(context, datagram, header, error);
}

void on_init(Context& context, const Datagram& datagram, const wire::Message& message) {
  const wire::IkeHeader& header = message.header;
  if (header.response || !header.from_initiator || header.responder_spi != 0 || header.message_id != 0 ||
      header.initiator_spi == 0) {
    context.count(Counter::drop_unexpected_init);
    return;
  }
  context.count(Counter::init_requests);
  if (const auto known = context.table.find_init(header.initiator_spi, datagram.remote); known.sa != nullptr) {
    // RFC 7296 §2.1: a repetition gets the same answer, anything else under the same SPI none.
    if (known.peer->login && std::ranges::equal(known.peer->login->init_request, message.octets)) {
      context.count(Counter::retransmissions_answered);
      context.send(datagram.local, datagram.remote, known.peer->login->init_response);
    } else {
      context.count(Counter::drop_unexpected_init);
    }
    return;
  }
  if (context.shutting_down) {
    context.count(Counter::drop_shutting_down);
    return;
  }
  if (const auto outer = wire::check_outer(wire::Form::init_request, message); !outer)
    return answer_error(context, datagram, message.header, outer.error());
  if (const auto complete = wire::check_payloads(wire::Form::init_request, message.clear); !complete)
    return answer_error(context, datagram, message.header, complete.error());
  if (!is_admitted(context, datagram, message)) return;
  if (const auto suite = negotiate(context, datagram, message)) begin(context, datagram, message, *suite);
}

}  // namespace controlplane::ike
