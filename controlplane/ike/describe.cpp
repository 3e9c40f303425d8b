// IKE SAs as `show` prints them.

#include <chrono>

#include <fmt/format.h>

#include "controlplane/ike/exchanges.hpp"

namespace controlplane::ike {
namespace {

struct CipherWords {
  std::string encryption;
  std::string integrity;
};

[[nodiscard]] CipherWords words_of(const crypto::SkSuiteFacts& facts) {
  static constexpr std::string_view kHash[] = {"SHA256", "SHA384", "SHA512"};
  CipherWords words;
  words.encryption = facts.encryption == wire::transform::kEncrAesGcm16 ? "AES-GCM"
                     : facts.encryption == wire::transform::kEncrAesCbc ? "AES-CBC"
                                                                        : "CHACHA20-POLY1305";
  if (facts.integrity != 0) words.integrity = kHash[facts.integrity - wire::transform::kIntegHmacSha2_256_128];
  return words;
}

[[nodiscard]] std::string status_of(State state) {
  if (is_login(state)) return "IN-NEG";
  return state == State::established ? "READY" : "DELETE";
}

[[nodiscard]] std::chrono::seconds age(const Context& context, common::MonotonicTime since) {
  return std::chrono::duration_cast<std::chrono::seconds>(context.now() - since);
}

[[nodiscard]] ChildListing list_child(const Context& context, const Child& child) {
  ChildListing listing;
  listing.inbound_spi = child.inbound;
  listing.outbound_spi = child.outbound;
  listing.suite = child.suite.name;
  if (child.group) listing.group = std::to_string(static_cast<std::uint16_t>(*child.group));
  listing.esn = child.esn;
  listing.udp_encap = child.udp_encap;
  listing.current = child.current;
  listing.age = age(context, child.created);
  listing.local = to_listing(child.selectors.local);
  listing.remote = to_listing(child.selectors.remote);
  return listing;
}

void list_session(const Peer& peer, SaListing& listing) {
  listing.local_auth = peer.local_auth;
  listing.remote_auth = peer.remote_auth;
  listing.local_identity = peer.profile != nullptr ? peer.local_identity.text() : "";
  listing.remote_identity = peer.profile != nullptr ? peer.remote_identity.text() : "";
  listing.eap_identity = peer.eap_identity;
  if (peer.profile != nullptr) {
    listing.profile = peer.profile->settings->name;
    listing.dpd_seconds = static_cast<std::uint32_t>(peer.profile->settings->dpd.count());
  }
  listing.inner_address = peer.inner;
  if (!peer.names) return;
  listing.session = peer.names->id;
  listing.unique_id = peer.names->unique_id;
  listing.audit_session_id = peer.names->audit_session_id;
}

}  // namespace

SaListing list_sa(const Peer& peer, const IkeSa& sa) {
  const auto& facts = crypto::sk_suite_facts(sa.suite.cipher);
  CipherWords words = words_of(facts);
  SaListing listing;
  listing.sa_id = sa.id;
  listing.initiator_spi = sa.initiator_spi;
  listing.responder_spi = sa.responder_spi;
  listing.local = sa.path.local;
  listing.remote = sa.path.remote;
  listing.status = status_of(sa.state);
  listing.state = to_string(sa.state);
  listing.encryption = std::move(words.encryption);
  listing.key_bits = facts.key_bits != 0 ? facts.key_bits : std::uint16_t{256};
  listing.integrity = std::move(words.integrity);
  listing.prf = sa.suite.prf == crypto::Prf::hmac_sha2_256   ? "SHA256"
                : sa.suite.prf == crypto::Prf::hmac_sha2_384 ? "SHA384"
                                                             : "SHA512";
  listing.group = static_cast<std::uint16_t>(sa.suite.group);
  listing.active = age(peer.context, sa.created);
  listing.nat_local = sa.path.nat_local;
  listing.nat_remote = sa.path.nat_remote;
  listing.fragmentation = sa.fragmentation;
  listing.fragment_size = sa.fragmentation ? peer.policy->config->ike.fragment_size : std::uint16_t{0};
  listing.local_message_id = sa.questions.next;
  listing.remote_message_id = sa.requests.expected;
  list_session(peer, listing);
  if (peer.is_current(sa) && !is_login(sa.state))
    for (const Child& child : peer.children) listing.children.push_back(list_child(peer.context, child));
  return listing;
}

std::string Peer::describe() const {
  const SaListing sa = list_sa(*this, current());
  return fmt::format("Encr: {}, keysize: {}, PRF: {}, Hash: {}, DH Grp:{}, Auth sign: {}, Auth verify: {}",
                     sa.encryption, sa.key_bits, sa.prf, sa.integrity.empty() ? "None" : sa.integrity, sa.group,
                     sa.local_auth, sa.remote_auth);
}

}  // namespace controlplane::ike
