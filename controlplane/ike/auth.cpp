// The first IKE_AUTH request (RFC 7296 §1.2, §2.15): identities, profile, the peer's proof, our own.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "controlplane/ike/exchanges.hpp"

namespace controlplane::ike {
namespace {

using crypto::AuthMethod;
using wire::NotifyType;

[[nodiscard]] config::AuthMethod method_of(const wire::Payloads& payloads) {
  if (!payloads.auth) return config::AuthMethod::eap;  // RFC 7296 §2.16: a request for EAP
  return payloads.auth->method == static_cast<std::uint8_t>(AuthMethod::shared_key) ? config::AuthMethod::psk
                                                                                    : config::AuthMethod::certificate;
}

[[nodiscard]] session::Method to_session(config::AuthMethod method) {
  switch (method) {
    case config::AuthMethod::psk:
      return session::Method::psk;
    case config::AuthMethod::certificate:
      return session::Method::certificate;
    case config::AuthMethod::eap:
      break;
  }
  return session::Method::eap;
}

/// As `show` prints it.
[[nodiscard]] std::string_view auth_name(std::uint8_t method) {
  switch (static_cast<AuthMethod>(method)) {
    case AuthMethod::shared_key:
      return "PSK";
    case AuthMethod::rsa:
      return "RSA";
    case AuthMethod::ecdsa_256:
    case AuthMethod::ecdsa_384:
    case AuthMethod::ecdsa_521:
      return "ECDSA";
    case AuthMethod::digital_signature:
      return "Digital Signature";
  }
  return "?";
}

[[nodiscard]] std::vector<crypto::KeyHash> believed_cas(const wire::Payloads& payloads) {
  std::vector<crypto::KeyHash> hashes;
  for (const wire::CertReq& request : payloads.certreqs) {
    if (request.encoding != wire::CertEncoding::x509_signature) continue;
    const auto some = crypto::parse_certreq(request.authorities);
    hashes.insert(hashes.end(), some.begin(), some.end());
  }
  return hashes;
}

[[nodiscard]] bool verify_psk(const Peer& peer, const IkeSa& sa, const wire::Auth& auth) {
  const common::SecretBytes* key = peer.profile->key_of(peer.remote_identity);
  if (key == nullptr) return false;
  const auto expected = crypto::shared_key_auth(sa.suite.prf, key->view(), peer.login->initiator_signed);
  return common::constant_time_equal(expected.view(), auth.data);
}

/// The chain leads to a CA of the profile, the certificate carries IDi, and its key has signed.
/// @return "" or why not
[[nodiscard]] std::string verify_certificate(Peer& peer, const wire::Payloads& payloads) {
  if (!peer.profile->trust) return "profile has no CA";
  std::vector<crypto::Certificate> chain;
  for (const wire::Cert& cert : payloads.certs) {
    if (cert.encoding != wire::CertEncoding::x509_signature) continue;
    auto certificate = crypto::Certificate::from_der(cert.data);
    if (!certificate) return std::string(to_string(certificate.error()));
    chain.push_back(std::move(*certificate));
  }
  if (chain.empty()) return "no certificate";
  const crypto::Certificate& leaf = chain.front();
  const auto trusted =
      peer.profile->trust->verify(leaf, std::span(chain).subspan(1), peer.context.environment.clock().wall());
  if (!trusted) return fmt::format("certificate: {}", to_string(trusted.error()));
  if (!leaf.carries(static_cast<crypto::IdKind>(peer.remote_identity.type), peer.remote_identity.data))
    return "identity is not in the certificate";
  const auto verified = crypto::verify_auth(leaf, payloads.auth->method, payloads.auth->data,
                                            peer.login->initiator_signed, peer.login->offered_hashes);
  if (!verified) return fmt::format("signature: {}", to_string(verified.error()));
  return {};
}

[[nodiscard]] bool choose_profile(Peer& peer, IkeSa& sa, const wire::Payloads& payloads, config::AuthMethod method) {
  peer.remote_identity = Identity::of(*payloads.idi);
  const auto believed = believed_cas(payloads);
  std::optional<Identity> wanted;
  if (payloads.idr) wanted = Identity::of(*payloads.idr);
  peer.profile = peer.policy->choose({peer.remote_identity, wanted ? &*wanted : nullptr, method, believed});
  if (peer.profile == nullptr) {
    peer.context.count(Counter::logins_no_profile);
    return false;
  }
  const Profile& profile = *peer.profile;
  if (profile.local_identity) {
    peer.local_identity = *profile.local_identity;
  } else {
    // A PSK profile without a name answers with the address that the peer reached.
    const auto& address = sa.requests.local.address;
    peer.local_identity = {address.is_v4() ? wire::IdType::ipv4 : wire::IdType::ipv6,
                           common::Bytes(address.bytes().begin(), address.bytes().end())};
  }
  // One certificate may have several names: the one that was asked for is the right one.
  if (wanted && profile.credential && profile.settings->identity_local.empty() &&
      profile.credential->leaf().carries(static_cast<crypto::IdKind>(wanted->type), wanted->data))
    peer.local_identity = *wanted;
  peer.method = to_session(method);
  return true;
}

[[nodiscard]] bool begin_session(Peer& peer, IkeSa& sa, bool initial_contact) {
  session::LoginFacts facts;
  facts.profile = peer.profile->settings->name;
  facts.method = peer.method;
  facts.local = sa.path.local;
  facts.remote = sa.path.remote;
  facts.ike_identity = peer.remote_identity.text();
  facts.ike_sa_id = sa.id;
  facts.initial_contact = initial_contact;
  peer.names = peer.context.door.begin(facts, peer);
  return peer.names.has_value();
}

void ask_authorization(Peer& peer, IkeSa& sa) {
  peer.context.door.authorize(peer.names->id, peer.later(sa, [](Peer& owner, IkeSa& same, session::Verdict verdict) {
    if (!is_login(same.state)) return;
    if (owner.login->aborted) return owner.refuse(same, "aborted");
    if (verdict != session::Verdict::accept) return owner.refuse(same, "RADIUS does not authorize this identity");
    establish(owner, same);
  }));
}

}  // namespace

void on_first_auth(Peer& peer, IkeSa& sa, Opened request) {
  Login& login = *peer.login;
  login.first.emplace(std::move(request));
  const wire::Payloads& payloads = login.first->payloads;

  const config::AuthMethod method = method_of(payloads);
  login.eap = method == config::AuthMethod::eap;
  if (!choose_profile(peer, sa, payloads, method))
    return peer.refuse(sa, fmt::format("no profile for {}", peer.remote_identity.text()));
  peer.log(sa, fmt::format("{} matches profile {}", peer.remote_identity.text(), peer.profile->settings->name));
  login.initiator_signed = crypto::signed_octets(login.init_request, login.responder_nonce, sa.suite.prf,
                                                 sa.keys.pi.view(), payloads.idi->octets);
  if (method == config::AuthMethod::psk && !verify_psk(peer, sa, *payloads.auth)) {
    peer.context.count(Counter::bad_auth);
    return peer.refuse(sa, "pre-shared key does not fit");
  }
  if (method == config::AuthMethod::certificate) {
    if (const std::string why = verify_certificate(peer, payloads); !why.empty()) {
      peer.context.count(Counter::bad_auth);
      return peer.refuse(sa, why);
    }
  }
  peer.remote_auth = login.eap ? "EAP" : std::string(auth_name(payloads.auth->method));
  if (!begin_session(peer, sa, payloads.has(NotifyType::initial_contact)))
    return peer.refuse(sa, "no login is admitted now");
  peer.context.count(Counter::logins_begun);
  login.greet = true;
  if (login.eap)
    begin_eap(peer, sa);
  else
    ask_authorization(peer, sa);
}

bool add_our_auth(Peer& peer, IkeSa& sa, wire::PayloadWriter& payloads) {
  const wire::Id id = peer.local_identity.payload();
  payloads.add_idr(id);
  if (peer.profile->settings->authentication_local == config::AuthMethod::psk) {
    const common::SecretBytes* key = peer.profile->key_of(peer.remote_identity);
    if (key == nullptr) return false;
    peer.local_auth = "PSK";
    add_shared_auth(peer, sa, key->view(), payloads);
    return true;
  }
  const crypto::Credential& credential = *peer.profile->credential;
  const common::Bytes covered = crypto::signed_octets(peer.login->init_response, peer.login->initiator_nonce,
                                                      sa.suite.prf, sa.keys.pr.view(), wire::id_octets(id));
  const auto auth = crypto::sign_auth(credential, peer.login->peer_hashes, covered);
  if (!auth) {
    peer.log(sa, fmt::format("cannot sign for this peer: {}", to_string(auth.error())));
    return false;
  }
  for (const crypto::Certificate& certificate : credential.chain())
    payloads.add(wire::Cert{wire::CertEncoding::x509_signature, certificate.der()});
  payloads.add(wire::Auth{static_cast<std::uint8_t>(auth->method), auth->data});
  peer.local_auth = auth_name(static_cast<std::uint8_t>(auth->method));
  return true;
}

void add_shared_auth(Peer& peer, IkeSa& sa, common::ByteView secret, wire::PayloadWriter& payloads) {
  const common::Bytes covered =
      crypto::signed_octets(peer.login->init_response, peer.login->initiator_nonce, sa.suite.prf, sa.keys.pr.view(),
                            wire::id_octets(peer.local_identity.payload()));
  const auto auth = crypto::shared_key_auth(sa.suite.prf, secret, covered);
  payloads.add(wire::Auth{static_cast<std::uint8_t>(AuthMethod::shared_key), auth.view()});
}

}  // namespace controlplane::ike
