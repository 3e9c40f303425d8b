// Key derivation of RFC 7296: SKEYSEED, the seven keys of an IKE SA, KEYMAT of a child SA.

#include "controlplane/ike/keys.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace controlplane::ike {
namespace {

using common::ByteView;
using common::SecretBytes;

[[nodiscard]] crypto::Result<IkeKeys> expand(const IkeSuite& suite, const SecretBytes& skeyseed,
                                             const Contributions& from) {
  const auto& facts = crypto::sk_suite_facts(suite.cipher);
  const std::size_t key = crypto::prf_octets(suite.prf);
  const common::Be64 spi_i(from.initiator_spi);
  const common::Be64 spi_r(from.responder_spi);
  const SecretBytes all =
      crypto::prf_plus(suite.prf, skeyseed.view(),
                       {from.initiator_nonce, from.responder_nonce, common::as_bytes(spi_i), common::as_bytes(spi_r)},
                       3 * key + 2U * facts.sk_a + 2U * facts.sk_e);
  ByteView rest = all.view();
  const auto take = [&rest](std::size_t octets) {
    const ByteView taken = rest.first(octets);
    rest = rest.subspan(octets);
    return taken;
  };
  // SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr
  SecretBytes d(take(key));
  const ByteView ai = take(facts.sk_a);
  const ByteView ar = take(facts.sk_a);
  const ByteView ei = take(facts.sk_e);
  const ByteView er = take(facts.sk_e);
  auto from_peer = crypto::SkCipher::make(suite.cipher, ei, ai);
  if (!from_peer) return std::unexpected(from_peer.error());
  auto to_peer = crypto::SkCipher::make(suite.cipher, er, ar);
  if (!to_peer) return std::unexpected(to_peer.error());
  SecretBytes pi(take(key));
  SecretBytes pr(take(key));
  return IkeKeys{std::move(d), std::move(pi), std::move(pr), std::move(*from_peer), std::move(*to_peer)};
}

}  // namespace

crypto::Result<IkeKeys> derive_ike_keys(const IkeSuite& suite, const SecretBytes& shared, const Contributions& from) {
  SecretBytes nonces(from.initiator_nonce.size() + from.responder_nonce.size());
  std::ranges::copy(from.responder_nonce, std::ranges::copy(from.initiator_nonce, nonces.mutable_view().begin()).out);
  return expand(suite, crypto::prf(suite.prf, nonces.view(), {shared.view()}), from);
}

crypto::Result<IkeKeys> derive_rekeyed_keys(crypto::Prf old_prf, const SecretBytes& old_d, const IkeSuite& suite,
                                            const SecretBytes& shared, const Contributions& from) {
  return expand(suite, crypto::prf(old_prf, old_d.view(), {shared.view(), from.initiator_nonce, from.responder_nonce}),
                from);
}

void derive_child_keys(crypto::Prf prf, const SecretBytes& d, const SecretBytes& shared, ByteView initiator_nonce,
                       ByteView responder_nonce, const common::SuiteFacts& suite, common::channel::WireChild& child) {
  const std::size_t encryption = suite.encryption_keymat;
  const std::size_t integrity = suite.integrity_keymat;
  const SecretBytes keymat =
      crypto::prf_plus(prf, d.view(), {shared.view(), initiator_nonce, responder_nonce}, 2 * (encryption + integrity));
  ByteView rest = keymat.view();
  for (common::channel::WireKeys* keys : {&child.inbound, &child.outbound}) {
    std::ranges::copy(rest.first(encryption), keys->encryption.begin());
    rest = rest.subspan(encryption);
    std::ranges::copy(rest.first(integrity), keys->integrity.begin());
    rest = rest.subspan(integrity);
  }
}

}  // namespace controlplane::ike
