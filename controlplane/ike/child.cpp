// CREATE_CHILD_SA (RFC 7296 §1.3): rekeys of a child SA, with and without a Diffie-Hellman exchange of its own. A
// session has one child SA, so further ones are refused.

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/secret.hpp"
#include "controlplane/ike/exchanges.hpp"

namespace controlplane::ike {
namespace {

using wire::NotifyType;

constexpr std::size_t kNonceOctets = 32;

/// What the answer is made of, once the workers have the new SA.
struct Answer {
  ChosenEsp chosen;
  Narrowed selectors;
  common::Spi inbound;
  common::Spi old_inbound;
  common::Bytes nonce;
  common::Bytes public_value;  ///< empty without PFS
};

void refuse(Peer& peer, IkeSa& sa, NotifyType type, Counter counter, common::ByteView data = {}) {
  peer.context.count(counter);
  peer.respond(sa, type, data);
}

[[nodiscard]] Child* find_rekeyed(Peer& peer, IkeSa& sa, const wire::Notify& rekey) {
  common::ByteReader reader(rekey.spi);
  const auto spi = reader.be32();
  const auto child = std::ranges::find_if(
      peer.children, [&spi](const Child& one) { return spi && one.outbound.value() == *spi && one.current; });
  if (child != peer.children.end() && rekey.protocol == wire::ProtocolId::esp) return &*child;
  // RFC 7296 §2.25: the notification names the SPI that was not found.
  peer.context.count(Counter::child_sa_not_found);
  wire::PayloadWriter payloads;
  payloads.add(wire::Notify{NotifyType::child_sa_not_found, rekey.protocol, rekey.spi, {}});
  peer.respond(sa, payloads);
  return nullptr;
}

/// @return nullopt: answered
[[nodiscard]] std::optional<ChosenEsp> negotiate(Peer& peer, IkeSa& sa, const wire::Payloads& request) {
  const std::uint16_t ke_group = request.ke ? request.ke->group : std::uint16_t{0};
  auto chosen = choose_esp(peer.policy->esp_offers, *request.sa, KeyExchange::used, ke_group);
  if (!chosen) {
    refuse(peer, sa, NotifyType::no_proposal_chosen, Counter::no_proposal_chosen);
    return std::nullopt;
  }
  if (chosen->group && static_cast<std::uint16_t>(*chosen->group) != ke_group) {
    const common::Be16 wanted(static_cast<std::uint16_t>(*chosen->group));
    refuse(peer, sa, NotifyType::invalid_ke_payload, Counter::invalid_ke, common::as_bytes(wanted));
    return std::nullopt;
  }
  return chosen;
}

void send_answer(Peer& peer, IkeSa& sa, const Answer& answer) {
  wire::PayloadWriter payloads;
  const common::Be32 spi(answer.inbound.value());
  payloads.add(answer_of(answer.chosen, common::as_bytes(spi)));
  payloads.add(wire::Nonce{answer.nonce});
  if (answer.chosen.group)
    payloads.add(wire::Ke{static_cast<std::uint16_t>(*answer.chosen.group), answer.public_value});
  payloads.add_tsi({answer.selectors.remote, 0});
  payloads.add_tsr({answer.selectors.local, 0});
  peer.respond(sa, payloads);
}

void on_rekeyed(Peer& peer, IkeSa& sa, Child child, const Answer& answer, bool installed) {
  const auto old = std::ranges::find(peer.children, answer.old_inbound, &Child::inbound);
  if (!installed || sa.state != State::established || old == peer.children.end()) {
    // Ended meanwhile, or the dataplane refuses: the peer may try again (RFC 7296 §2.25).
    if (!installed) peer.context.door.give_back_spi(answer.inbound);
    return refuse(peer, sa, NotifyType::temporary_failure, Counter::temporary_failure);
  }
  old->current = false;
  peer.context.count(Counter::child_rekeys);
  peer.log(sa, fmt::format("child SA {:08x} becomes {:08x}/{:08x}{}", answer.old_inbound.value(), child.inbound.value(),
                           child.outbound.value(), child.group ? " with PFS" : ""));
  peer.children.push_back(std::move(child));
  send_answer(peer, sa, answer);
}

/// The Diffie-Hellman half of a rekey. @return false: answered
[[nodiscard]] bool exchange_keys(Peer& peer, IkeSa& sa, const wire::Payloads& request, Answer& answer,
                                 common::SecretBytes& shared) {
  if (!answer.chosen.group) return true;
  const auto dh = crypto::Dh::generate(*answer.chosen.group);
  if (dh) {
    if (auto derived = dh->derive(request.ke->data)) {
      shared = std::move(*derived);
      answer.public_value.assign(dh->public_value().begin(), dh->public_value().end());
      return true;
    }
  }
  refuse(peer, sa, NotifyType::invalid_syntax, Counter::invalid_syntax);
  return false;
}

void rekey_child(Peer& peer, IkeSa& sa, const wire::Payloads& request, const Child& old) {
  const auto chosen = negotiate(peer, sa, request);
  if (!chosen) return;
  auto selectors = narrow_pair(*request.tsi, *request.tsr, peer.inner, sa.path.remote.address, peer.subnets);
  if (!selectors) return refuse(peer, sa, NotifyType::ts_unacceptable, Counter::ts_unacceptable);
  Answer answer{*chosen, std::move(*selectors), {}, old.inbound, common::Bytes(kNonceOctets), {}};
  common::SecretBytes shared;
  if (!exchange_keys(peer, sa, request, answer, shared)) return;
  const auto spi = peer.context.door.take_spi();
  if (!spi) {
    peer.context.count(Counter::drop_spi_exhausted);
    return refuse(peer, sa, NotifyType::temporary_failure, Counter::temporary_failure);
  }
  answer.inbound = *spi;
  peer.context.environment.random(answer.nonce);

  Child child;
  child.inbound = answer.inbound;
  child.outbound = chosen->peer_spi;
  child.suite = chosen->suite;
  child.group = chosen->group;
  child.esn = chosen->esn;
  child.udp_encap = old.udp_encap;
  child.selectors = answer.selectors;
  child.created = peer.context.now();
  common::channel::RekeyChild rekey{};
  rekey.session_id = peer.names->id.value();
  rekey.old_inbound_spi = old.inbound.value();
  rekey.child = make_wire_child(peer.context, child);
  derive_child_keys(sa.suite.prf, sa.keys.d, shared, request.nonce->data, answer.nonce, chosen->suite, rekey.child);
  peer.context.door.rekey_child(
      peer.names->id, rekey,
      peer.later(sa, [child = std::move(child), answer = std::move(answer)](Peer& owner, IkeSa& same, bool installed) {
        on_rekeyed(owner, same, child, answer, installed);
      }));
  common::wipe({reinterpret_cast<std::uint8_t*>(&rekey.child), sizeof rekey.child});
}

}  // namespace

void on_create_child(Peer& peer, IkeSa& sa, const Opened& request) {
  const wire::Payloads& payloads = request.payloads;
  // RFC 7296 §2.25: an SA that is being closed or replaced takes no new ones.
  if (sa.state != State::established)
    return refuse(peer, sa, NotifyType::temporary_failure, Counter::temporary_failure);
  const bool of_ike = std::ranges::any_of(payloads.sa->proposals, [](const wire::Proposal& proposal) {
    return proposal.protocol == wire::ProtocolId::ike;
  });
  if (of_ike) return rekey_ike(peer, sa, request);
  const wire::Notify* rekey = payloads.find(NotifyType::rekey_sa);
  if (rekey == nullptr) return refuse(peer, sa, NotifyType::no_additional_sas, Counter::no_additional_sas);
  if (!payloads.tsi || !payloads.tsr) return refuse(peer, sa, NotifyType::invalid_syntax, Counter::invalid_syntax);
  if (const Child* old = find_rekeyed(peer, sa, *rekey)) rekey_child(peer, sa, payloads, *old);
}

}  // namespace controlplane::ike
