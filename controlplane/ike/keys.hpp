#pragma once
// The keys of an IKE SA and of its child SAs (RFC 7296 §2.13 to §2.18). The peer is always the initiator, of first SAs
// and of rekeys, so directions are named by it.

#include <cstdint>
#include <string>

#include "common/bytes.hpp"
#include "common/channel/messages.hpp"
#include "common/secret.hpp"
#include "common/suite.hpp"
#include "controlplane/crypto/dh.hpp"
#include "controlplane/crypto/prf.hpp"
#include "controlplane/crypto/sk_cipher.hpp"

namespace controlplane::ike {

/// What IKE_SA_INIT, or a rekey of the IKE SA, negotiated.
struct IkeSuite {
  crypto::SkSuite cipher = crypto::SkSuite::aes_gcm_16_256;
  crypto::Prf prf = crypto::Prf::hmac_sha2_256;
  crypto::Group group = crypto::Group::x25519;
  friend bool operator==(const IkeSuite&, const IkeSuite&) = default;
};

struct IkeKeys {
  common::SecretBytes d;
  common::SecretBytes pi;
  common::SecretBytes pr;
  crypto::SkCipher from_peer;  ///< SK_ei, SK_ai
  crypto::SkCipher to_peer;    ///< SK_er, SK_ar
};

/// What both sides contributed. The views live as long as the call.
struct Contributions {
  common::ByteView initiator_nonce;
  common::ByteView responder_nonce;
  std::uint64_t initiator_spi = 0;
  std::uint64_t responder_spi = 0;
};

/// SKEYSEED = prf(Ni | Nr, g^ir), then the seven keys (RFC 7296 §2.14).
[[nodiscard]] crypto::Result<IkeKeys> derive_ike_keys(const IkeSuite& suite, const common::SecretBytes& shared,
                                                      const Contributions& from);

/// SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr) with the old SA's prf, then as above with the new one's (§2.18).
[[nodiscard]] crypto::Result<IkeKeys> derive_rekeyed_keys(crypto::Prf old_prf, const common::SecretBytes& old_d,
                                                          const IkeSuite& suite, const common::SecretBytes& shared,
                                                          const Contributions& from);

/// Fills the keys of one pair of ESP SAs: KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr), first the direction initiator to
/// responder, encryption before integrity (§2.17).
/// @param shared  g^ir of the child's own exchange, empty without PFS
/// @param child   receives `inbound` (from the peer) and `outbound`; wiped by whoever holds it
void derive_child_keys(crypto::Prf prf, const common::SecretBytes& d, const common::SecretBytes& shared,
                       common::ByteView initiator_nonce, common::ByteView responder_nonce,
                       const common::SuiteFacts& suite, common::channel::WireChild& child);

}  // namespace controlplane::ike
