// Rekey of the IKE SA by the peer (RFC 7296 §1.3.2, §2.18): new keys, new SPIs, message ids from 0; the child SAs and
// the session move along, and the peer deletes the old IKE SA.

#include <utility>

#include <fmt/format.h>

#include "controlplane/ike/exchanges.hpp"

namespace controlplane::ike {
namespace {

using wire::NotifyType;

constexpr std::size_t kNonceOctets = 32;

[[nodiscard]] std::unique_ptr<IkeSa> make_successor(Context& context, const IkeSa& old, const wire::Payloads& request,
                                                    const ChosenIke& chosen, common::ByteView nonce,
                                                    common::Bytes& public_value) {
  const auto dh = crypto::Dh::generate(chosen.suite.group);
  if (!dh) return nullptr;
  const auto shared = dh->derive(request.ke->data);
  if (!shared) return nullptr;
  public_value.assign(dh->public_value().begin(), dh->public_value().end());
  const Contributions from{request.nonce->data, nonce, chosen.peer_spi, context.random_spi()};
  auto keys = derive_rekeyed_keys(old.suite.prf, old.keys.d, chosen.suite, *shared, from);
  if (!keys) return nullptr;
  auto successor = std::make_unique<IkeSa>(context.table.next_number(), from.initiator_spi, from.responder_spi,
                                           chosen.suite, std::move(*keys), context.epoch);
  successor->state = State::established;
  successor->path = old.path;
  successor->fragmentation = old.fragmentation;
  successor->max_octets = old.max_octets;
  successor->created = successor->last_inbound = context.now();
  return successor;
}

}  // namespace

void rekey_ike(Peer& peer, IkeSa& sa, const Opened& request) {
  const wire::Payloads& payloads = request.payloads;
  Context& context = peer.context;
  if (!payloads.ke) {
    context.count(Counter::invalid_syntax);
    return peer.respond(sa, NotifyType::invalid_syntax);
  }
  const auto chosen = choose_ike(peer.policy->ike_offers, *payloads.sa, payloads.ke->group, true);
  if (!chosen) {
    context.count(Counter::no_proposal_chosen);
    return peer.respond(sa, NotifyType::no_proposal_chosen);
  }
  if (static_cast<std::uint16_t>(chosen->suite.group) != payloads.ke->group) {
    context.count(Counter::invalid_ke);
    const common::Be16 wanted(static_cast<std::uint16_t>(chosen->suite.group));
    return peer.respond(sa, NotifyType::invalid_ke_payload, common::as_bytes(wanted));
  }
  common::Bytes nonce(kNonceOctets);
  context.environment.random(nonce);
  common::Bytes public_value;
  auto successor = make_successor(context, sa, payloads, *chosen, nonce, public_value);
  if (!successor) {
    context.count(Counter::invalid_syntax);
    return peer.respond(sa, NotifyType::invalid_syntax);
  }
  if (!peer.change(sa, Event::superseded)) return;

  wire::PayloadWriter answer;
  const common::Be64 spi(successor->responder_spi);
  answer.add(answer_of(*chosen, common::as_bytes(spi)));
  answer.add(wire::Nonce{nonce});
  answer.add(wire::Ke{static_cast<std::uint16_t>(chosen->suite.group), public_value});
  peer.log(sa, fmt::format("IKE SA is rekeyed, its successor is SA ID {}", successor->id));
  peer.sas.push_back(std::move(successor));
  context.table.add_sa(peer, peer.current());
  context.count(Counter::ike_rekeys);
  ++context.statistics.established;
  peer.respond(sa, answer);
}

}  // namespace controlplane::ike
