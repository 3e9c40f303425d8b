// EAP inside IKE_AUTH (RFC 7296 §2.16): packets pass between the peer and RADIUS untouched; only the first
// EAP-Request/Identity may be our own. At the end both sides prove that they know the MSK.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "controlplane/ike/exchanges.hpp"

namespace controlplane::ike {
namespace {

// RFC 3748 §4 and §5
constexpr std::uint8_t kRequest = 1;
constexpr std::uint8_t kResponse = 2;
constexpr std::uint8_t kIdentity = 1;
constexpr std::uint8_t kNak = 3;
constexpr std::size_t kMaxIdentity = 253;  // a User-Name's (RFC 2865 §5.1)

[[nodiscard]] common::Bytes eap_packet(std::uint8_t code, std::uint8_t identifier, std::uint8_t type,
                                       common::ByteView data) {
  common::ByteWriter packet(5 + data.size());
  packet.u8(code);
  packet.u8(identifier);
  packet.be16(static_cast<std::uint16_t>(5 + data.size()));
  packet.u8(type);
  packet.bytes(data);
  return packet.take();
}

/// Methods that are known to yield no keys: MD5-Challenge, One-Time Password, Generic Token Card (RFC 3748 §5.4-5.6).
[[nodiscard]] bool is_keyless(std::uint8_t method) { return method >= 4 && method <= 6; }

/// @return false: we cannot prove who we are, the login is refused
[[nodiscard]] bool greet(Peer& peer, IkeSa& sa, wire::PayloadWriter& answer) {
  if (!std::exchange(peer.login->greet, false)) return true;
  if (add_our_auth(peer, sa, answer)) return true;
  peer.refuse(sa, "no proof of our own identity");
  return false;
}

void send_challenge(Peer& peer, IkeSa& sa, common::ByteView packet) {
  wire::PayloadWriter answer;
  if (!greet(peer, sa, answer)) return;
  answer.add(wire::Eap{packet});
  if (peer.change(sa, Event::challenge)) peer.respond(sa, answer);
}

void on_accept(Peer& peer, IkeSa& sa, session::EapStep& step) {
  Login& login = *peer.login;
  if (step.msk.empty() && !(is_keyless(login.eap_method) && peer.profile->settings->allow_keyless_eap))
    return peer.refuse(sa, "RADIUS accepts, but the EAP method gave no key");
  if (!step.user_name.empty()) peer.eap_identity = step.user_name;
  login.msk = std::move(step.msk);
  wire::PayloadWriter answer;
  if (!greet(peer, sa, answer)) return;
  answer.add(wire::Eap{step.eap});
  login.eap_succeeded = true;
  if (peer.change(sa, Event::eap_success)) peer.respond(sa, answer);
}

void on_step(Peer& peer, IkeSa& sa, session::EapStep step) {
  using Kind = session::EapStep::Kind;
  if (sa.state != State::checking) return;  // refused or timed out meanwhile
  if (peer.login->aborted) return peer.refuse(sa, "aborted");
  switch (step.kind) {
    case Kind::challenge:
      return send_challenge(peer, sa, step.eap);
    case Kind::accept:
      return on_accept(peer, sa, step);
    case Kind::reject: {
      wire::PayloadWriter answer;
      answer.add(wire::Eap{step.eap});
      return peer.refuse(sa, "RADIUS rejects", answer);
    }
    case Kind::failed:
      return peer.refuse(sa, "no answer from RADIUS");
  }
}

void relay(Peer& peer, IkeSa& sa, common::ByteView packet) {
  peer.context.door.authenticate_eap(
      peer.names->id, packet,
      peer.later(sa, [](Peer& owner, IkeSa& same, session::EapStep step) { on_step(owner, same, std::move(step)); }));
}

void on_eap_response(Peer& peer, IkeSa& sa, const wire::Eap& eap) {
  Login& login = *peer.login;
  if (eap.code() != kResponse || eap.packet.size() < 5) return peer.refuse(sa, "no EAP response");
  if (std::exchange(login.identity_queried, false)) {
    if (eap.type() != kIdentity) return peer.refuse(sa, "no EAP identity");
    peer.eap_identity = Identity{wire::IdType::fqdn, {eap.packet.begin() + 5, eap.packet.end()}}.text();
    peer.log(sa, fmt::format("EAP identity {}", peer.eap_identity));
  } else if (eap.type() > kNak) {
    login.eap_method = eap.type();
  }
  relay(peer, sa, eap.packet);
}

/// The peer's proof that it has the keys of the EAP method, or at least those of this IKE SA.
void on_final_auth(Peer& peer, IkeSa& sa, const wire::Auth& auth) {
  Login& login = *peer.login;
  const common::ByteView secret = login.msk.empty() ? sa.keys.pi.view() : login.msk.view();
  const auto expected = crypto::shared_key_auth(sa.suite.prf, secret, login.initiator_signed);
  const bool right = auth.method == static_cast<std::uint8_t>(crypto::AuthMethod::shared_key) &&
                     common::constant_time_equal(expected.view(), auth.data);
  if (!right) {
    peer.context.count(Counter::bad_auth);
    return peer.refuse(sa, "AUTH after EAP does not fit");
  }
  establish(peer, sa);
}

}  // namespace

void begin_eap(Peer& peer, IkeSa& sa) {
  if (peer.profile->settings->query_identity) {
    std::uint8_t identifier = 0;
    peer.context.environment.random({&identifier, 1});
    peer.login->identity_queried = true;
    return send_challenge(peer, sa, eap_packet(kRequest, identifier, kIdentity, {}));
  }
  // RADIUS wants the conversation to begin with an identity (RFC 3579 §2.1): IDi stands for it.
  peer.eap_identity = peer.remote_identity.text();
  const common::ByteView identity = common::as_bytes(peer.eap_identity);
  relay(peer, sa, eap_packet(kResponse, 0, kIdentity, identity.first(std::min(identity.size(), kMaxIdentity))));
}

void on_later_auth(Peer& peer, IkeSa& sa, const Opened& request) {
  const Login& login = *peer.login;
  if (login.aborted) return peer.refuse(sa, "aborted");
  if (!login.eap) return peer.refuse(sa, "IKE_AUTH goes on without EAP");
  if (request.payloads.eap && !request.payloads.auth && !login.eap_succeeded)
    return on_eap_response(peer, sa, *request.payloads.eap);
  if (request.payloads.auth && !request.payloads.eap && login.eap_succeeded)
    return on_final_auth(peer, sa, *request.payloads.auth);
  peer.refuse(sa, "EAP and AUTH do not take turns");
}

}  // namespace controlplane::ike
