#pragma once
// The configuration as the exchanges use it: proposals as numbers, patterns parsed, certificates loaded. Immutable; a
// session keeps the one that it began with.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/schema.hpp"
#include "controlplane/crypto/certificate.hpp"
#include "controlplane/ike/identity.hpp"
#include "controlplane/ike/proposals.hpp"

namespace controlplane::ike {

/// A pre-shared key with the pattern of the identities that have it.
struct SharedKey {
  Pattern identity;
  const common::SecretBytes* key = nullptr;  ///< lives in the configuration
};

/// One [[ikev2.profile]].
struct Profile {
  const config::IkeProfile* settings = nullptr;
  std::vector<Pattern> remote;  ///< empty: any
  std::optional<Identity> local_identity;
  std::shared_ptr<const crypto::Credential> credential;  ///< null without a usable trustpoint
  std::shared_ptr<const crypto::Trust> trust;            ///< null without CAs
  std::vector<SharedKey> keys;

  [[nodiscard]] bool allows(config::AuthMethod remote_method) const;
  [[nodiscard]] const common::SecretBytes* key_of(const Identity& identity) const;
};

/// What is known of a peer when its profile is chosen.
struct ProfileQuery {
  const Identity& remote;
  const Identity* local = nullptr;  ///< the IDr that the peer asked for
  config::AuthMethod method = config::AuthMethod::eap;
  std::span<const crypto::KeyHash> certreq;  ///< CAs that the peer believes
};

struct Policy {
  /// @param problems  one sentence each about certificates and keys that could not be loaded
  Policy(std::shared_ptr<const config::Config> source, std::vector<std::string>& problems);

  /// The first profile that fits the peer's identity and way of authentication; among those, one which has the wanted
  /// IDr, and a certificate that the peer believes, goes first.
  [[nodiscard]] const Profile* choose(const ProfileQuery& query) const;

  std::shared_ptr<const config::Config> config;
  std::vector<IkeOffer> ike_offers;
  std::vector<EspOffer> esp_offers;
  std::vector<Profile> profiles;
  common::Bytes certreq;  ///< of all CAs whose certificates may log in; empty: no CERTREQ is sent

 private:
  void add_profile(const config::IkeProfile& settings, std::vector<std::string>& problems);
};

}  // namespace controlplane::ike
