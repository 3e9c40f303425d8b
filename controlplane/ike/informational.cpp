// INFORMATIONAL (RFC 7296 §1.4): liveness, Delete of the IKE SA and of child SAs.

#include <algorithm>

#include <fmt/format.h>

#include "controlplane/ike/exchanges.hpp"

namespace controlplane::ike {
namespace {

/// The peer names the SPIs on which it receives: our outbound ones (RFC 7296 §1.4.1). The answer names ours.
/// @return whether the child that carries the traffic is gone
[[nodiscard]] bool delete_children(Peer& peer, IkeSa& sa, const wire::Delete& deletion, wire::PayloadWriter& answer) {
  wire::Delete ours{wire::ProtocolId::esp, {}};
  bool carrier_gone = false;
  for (const common::Spi spi : deletion.spis) {
    const auto child = std::ranges::find(peer.children, spi, &Child::outbound);
    if (child == peer.children.end()) continue;
    peer.context.count(Counter::child_deletes_received);
    peer.log(sa, fmt::format("peer deletes child SA {:08x}", spi.value()));
    ours.spis.push_back(child->inbound);
    if (child->current) {
      carrier_gone = true;
      continue;
    }
    if (peer.names) peer.context.door.delete_child(peer.names->id, child->inbound);
    peer.children.erase(child);
  }
  if (!ours.spis.empty()) answer.add(ours);
  return carrier_gone;
}

}  // namespace

void on_informational(Peer& peer, IkeSa& sa, const Opened& request) {
  wire::PayloadWriter answer;
  bool ike_deleted = false;
  bool carrier_gone = false;
  for (const wire::Delete& deletion : request.payloads.deletes) {
    if (deletion.protocol == wire::ProtocolId::ike) ike_deleted = true;
    if (deletion.protocol == wire::ProtocolId::esp) carrier_gone |= delete_children(peer, sa, deletion, answer);
  }
  if (request.payloads.order.empty()) peer.context.count(Counter::dpd_received);
  peer.respond(sa, answer);
  if (ike_deleted) {
    peer.context.count(Counter::deletes_received);
    peer.log(sa, "peer deletes the IKE SA");
    sa.peer_deleted = true;
    sa.questions.pending.reset();
    sa.questions.waiting.reset();
    if (sa.state == State::rekeyed) (void)peer.change(sa, Event::ending);
  }
  if (sa.state == State::established && ike_deleted) peer.terminate(sa, session::Cause::user_request);
  // A session lives as long as its child SA: there is nothing else to carry.
  if (carrier_gone && !ike_deleted && peer.current().state == State::established)
    peer.terminate(peer.current(), session::Cause::user_request);
}

}  // namespace controlplane::ike
