// The last answer of IKE_AUTH: address, child SA, a session that is durable and installed, and only then the answer
// (DESIGN chapter 6, step 3).

#include <utility>

#include <fmt/format.h>

#include "common/channel/convert.hpp"
#include "common/secret.hpp"
#include "controlplane/ike/configuration.hpp"
#include "controlplane/ike/exchanges.hpp"

namespace controlplane::ike {
namespace {

using common::channel::InstallSession;
using wire::NotifyType;

/// What the last answer is made of.
struct Terms {
  session::Assignment assignment;
  ChosenEsp chosen;
  Narrowed selectors;
  common::Spi inbound;
};

/// IDr, CERT, AUTH; after EAP, AUTH of the MSK alone (RFC 7296 §2.16).
[[nodiscard]] bool add_proof(Peer& peer, IkeSa& sa, wire::PayloadWriter& payloads) {
  if (!peer.login->eap) return add_our_auth(peer, sa, payloads);
  add_shared_auth(peer, sa, peer.login->msk.empty() ? sa.keys.pr.view() : peer.login->msk.view(), payloads);
  return true;
}

/// RFC 7296 §1.2: without a child SA the IKE SA stands all the same. A gateway has no use for it, so it deletes it
/// next.
void end_without_child(Peer& peer, IkeSa& sa, NotifyType why, Counter counter) {
  peer.context.count(counter);
  peer.context.count(Counter::logins_no_child);
  wire::PayloadWriter payloads;
  if (!add_proof(peer, sa, payloads)) return peer.refuse(sa, "no proof of our own identity");
  payloads.add(why);
  peer.log(sa, fmt::format("no child SA: {}", wire::to_string(why)));
  peer.respond(sa, payloads);
  peer.uncount();
  peer.end_login();
  if (peer.change(sa, Event::no_child)) peer.ask(sa, Purpose::delete_ike);
  if (!std::exchange(peer.released, true)) peer.context.door.detach(peer.names->id);
}

/// @return nullopt: answered
[[nodiscard]] std::optional<Terms> agree(Peer& peer, IkeSa& sa) {
  const wire::Payloads& request = peer.login->first->payloads;
  const Wish wish = read_wish(request);
  auto assignment = peer.context.door.assign(peer.names->id, wish.v4);
  if (!assignment && peer.login->aborted) {
    peer.refuse(sa, "aborted");
    return std::nullopt;
  }
  const bool wants_address = wish.v4 || wish.v6;
  if (!assignment || (wants_address && !assignment->inner_v4)) {
    end_without_child(peer, sa, NotifyType::internal_address_failure, Counter::address_failure);
    return std::nullopt;
  }
  const auto chosen = choose_esp(peer.policy->esp_offers, *request.sa, KeyExchange::ignored, 0);
  if (!chosen) {
    end_without_child(peer, sa, NotifyType::no_proposal_chosen, Counter::no_proposal_chosen);
    return std::nullopt;
  }
  auto selectors =
      narrow_pair(*request.tsi, *request.tsr, assignment->inner_v4, sa.path.remote.address, assignment->subnets);
  if (!selectors) {
    end_without_child(peer, sa, NotifyType::ts_unacceptable, Counter::ts_unacceptable);
    return std::nullopt;
  }
  const auto spi = peer.context.door.take_spi();
  if (!spi) {
    peer.context.count(Counter::drop_spi_exhausted);
    peer.refuse(sa, "the dataplane has no SPI");
    return std::nullopt;
  }
  return Terms{std::move(*assignment), *chosen, std::move(*selectors), *spi};
}

/// ESP goes in UDP where a NAT was found, and where the peer lives on the NAT port without having looked for one
/// (RFC 7296 §2.23, RFC 3948).
[[nodiscard]] bool needs_udp(const Peer& peer, const IkeSa& sa) {
  if (sa.path.nat_local || sa.path.nat_remote) return true;
  return !sa.path.nat_supported && sa.path.local.port == peer.policy->config->ike.nat_port;
}

[[nodiscard]] Child make_child(const Peer& peer, const IkeSa& sa, const Terms& terms) {
  Child child;
  child.inbound = terms.inbound;
  child.outbound = terms.chosen.peer_spi;
  child.suite = terms.chosen.suite;
  child.esn = terms.chosen.esn;
  child.udp_encap = needs_udp(peer, sa);
  child.selectors = terms.selectors;
  child.created = peer.context.now();
  return child;
}

void finish(Peer& peer, IkeSa& sa, const Terms& terms) {
  wire::PayloadWriter payloads;
  if (!add_proof(peer, sa, payloads)) {
    peer.log(sa, "no proof of our own identity");
    peer.context.count(Counter::logins_failed);
    peer.respond(sa, NotifyType::authentication_failed);
    (void)peer.change(sa, Event::installed);
    return peer.terminate(sa, session::Cause::nas_error);
  }
  const Wish wish = read_wish(peer.login->first->payloads);
  common::ByteWriter store;
  if (wish.asked) payloads.add(make_reply(wish, terms.assignment, store));
  const common::Be32 spi(terms.inbound.value());
  payloads.add(answer_of(terms.chosen, common::as_bytes(spi)));
  payloads.add_tsi({terms.selectors.remote, 0});
  payloads.add_tsr({terms.selectors.local, 0});
  if (!peer.change(sa, Event::installed)) return;
  peer.context.count(Counter::logins_established);
  peer.uncount();
  peer.respond(sa, payloads);
  peer.end_login();
  peer.log(sa, fmt::format("session {} established, {} {:08x}/{:08x}{}", peer.names->audit_session_id,
                           terms.chosen.suite.name, terms.inbound.value(), terms.chosen.peer_spi.value(),
                           peer.children.back().udp_encap ? " in UDP" : ""));
}

void on_established(Peer& peer, IkeSa& sa, const Terms& terms, session::EstablishStatus status) {
  if (sa.state != State::establishing) {
    // Timed out or refused meanwhile: what the Door has built must go again.
    peer.children.clear();
    if (status == session::EstablishStatus::ok && peer.names)
      peer.context.door.terminate(peer.names->id, session::Cause::nas_error, [] {});
    else
      peer.context.door.give_back_spi(terms.inbound);
    return;
  }
  if (status != session::EstablishStatus::ok) {
    peer.children.clear();
    peer.context.door.give_back_spi(terms.inbound);
    return peer.refuse(sa, status == session::EstablishStatus::aborted ? "aborted" : "no resources");
  }
  finish(peer, sa, terms);
}

}  // namespace

common::channel::WireChild make_wire_child(Context& context, const Child& child) {
  common::channel::WireChild wire{};
  wire.inbound_spi = child.inbound.value();
  wire.outbound_spi = child.outbound.value();
  wire.key_id = context.door.next_key_id().value();
  wire.suite = static_cast<std::uint16_t>(child.suite.suite);
  wire.flags = static_cast<std::uint16_t>((child.esn ? common::channel::kChildEsn : 0) |
                                          (child.udp_encap ? common::channel::kChildUdpEncap : 0));
  wire.replay_window = context.policy->config->dataplane.replay_window;
  to_child(child.selectors, wire);
  return wire;
}

void establish(Peer& peer, IkeSa& sa) {
  if (!peer.change(sa, Event::verified)) return;
  auto terms = agree(peer, sa);
  if (!terms) return;
  peer.inner = terms->assignment.inner_v4;
  peer.subnets = terms->assignment.subnets;
  peer.children.push_back(make_child(peer, sa, *terms));

  InstallSession install{};
  install.local = common::channel::to_wire(sa.path.local);
  install.remote = common::channel::to_wire(sa.path.remote);
  install.flags = sa.path.nat_remote ? common::channel::kSessionNat : 0;
  install.child = make_wire_child(peer.context, peer.children.back());
  derive_child_keys(sa.suite.prf, sa.keys.d, {}, peer.login->initiator_nonce, peer.login->responder_nonce,
                    terms->chosen.suite, install.child);
  peer.context.door.establish(
      peer.names->id, install, {},
      peer.later(sa, [terms = std::move(*terms)](Peer& owner, IkeSa& same, session::EstablishStatus status) {
        on_established(owner, same, terms, status);
      }));
  common::wipe({reinterpret_cast<std::uint8_t*>(&install.child), sizeof install.child});
}

}  // namespace controlplane::ike
