// Compiles the configuration, loads trustpoints, chooses profiles.

#include "controlplane/ike/policy.hpp"

#include <algorithm>
#include <expected>
#include <utility>

namespace controlplane::ike {
namespace {

[[nodiscard]] const config::Trustpoint* find_trustpoint(const config::Ike& ike, const std::string& name) {
  const auto found = std::ranges::find(ike.trustpoints, name, &config::Trustpoint::name);
  return found == ike.trustpoints.end() ? nullptr : &*found;
}

/// RFC 7296 §3.5: our IDr by default is what our certificate says first.
[[nodiscard]] Identity identity_of(const crypto::Certificate& certificate) {
  auto name = certificate.default_identity();
  return {static_cast<wire::IdType>(name.kind), std::move(name.data)};
}

[[nodiscard]] bool fits(const Profile& profile, const ProfileQuery& query) {
  if (!profile.allows(query.method)) return false;
  return profile.remote.empty() ||
         std::ranges::any_of(profile.remote, [&query](const Pattern& one) { return one.matches(query.remote); });
}

[[nodiscard]] bool has_name(const Profile& profile, const ProfileQuery& query) {
  if (query.local == nullptr) return true;
  if (profile.local_identity && profile.local_identity->text() == query.local->text()) return true;
  return profile.credential && profile.settings->identity_local.empty() &&
         profile.credential->leaf().carries(static_cast<crypto::IdKind>(query.local->type), query.local->data);
}

[[nodiscard]] bool is_believed(const Profile& profile, const ProfileQuery& query) {
  if (profile.settings->authentication_local != config::AuthMethod::certificate) return true;
  if (!profile.credential) return false;
  return profile.credential->satisfies(query.certreq, profile.trust ? *profile.trust : crypto::Trust::of({}));
}

}  // namespace

bool Profile::allows(config::AuthMethod remote_method) const {
  if (std::ranges::find(settings->authentication_remote, remote_method) == settings->authentication_remote.end())
    return false;
  const bool by_psk = settings->authentication_local == config::AuthMethod::psk;
  if (!by_psk) return credential != nullptr;
  return remote_method != config::AuthMethod::eap || settings->allow_psk_with_eap;
}

const common::SecretBytes* Profile::key_of(const Identity& identity) const {
  const auto found =
      std::ranges::find_if(keys, [&identity](const SharedKey& one) { return one.identity.matches(identity); });
  return found == keys.end() ? nullptr : found->key;
}

Policy::Policy(std::shared_ptr<const config::Config> source, std::vector<std::string>& problems)
    : config(std::move(source)),
      ike_offers(make_ike_offers(config->ike.proposals)),
      esp_offers(make_esp_offers(config->ike.esp_proposals)) {
  for (const config::IkeProfile& settings : config->ike.profiles) add_profile(settings, problems);
}

void Policy::add_profile(const config::IkeProfile& settings, std::vector<std::string>& problems) {
  Profile& profile = profiles.emplace_back();
  profile.settings = &settings;
  for (const std::string& pattern : settings.match_identity_remote) profile.remote.emplace_back(pattern);
  if (!settings.identity_local.empty()) profile.local_identity = Identity::parse(settings.identity_local);
  if (const config::Trustpoint* trustpoint = find_trustpoint(config->ike, settings.trustpoint)) {
    if (!trustpoint->certificate.empty()) {
      if (auto loaded = crypto::Credential::load(trustpoint->certificate, trustpoint->key))
        profile.credential = std::make_shared<const crypto::Credential>(std::move(*loaded));
      else
        problems.push_back(loaded.error());
    }
    if (!trustpoint->ca.empty()) {
      if (auto loaded = crypto::Trust::load(trustpoint->ca))
        profile.trust = std::make_shared<const crypto::Trust>(std::move(*loaded));
      else
        problems.push_back(loaded.error());
    }
  }
  if (profile.credential && !profile.local_identity) profile.local_identity = identity_of(profile.credential->leaf());
  const auto keyring = std::ranges::find(config->ike.keyrings, settings.keyring, &config::Keyring::name);
  if (keyring != config->ike.keyrings.end())
    for (const config::Peer& peer : keyring->peers)
      profile.keys.push_back({Pattern(peer.identity), &peer.pre_shared_key});
  if (profile.trust && profile.allows(config::AuthMethod::certificate)) {
    const common::Bytes hashes = profile.trust->certreq();
    certreq.insert(certreq.end(), hashes.begin(), hashes.end());
  }
}

const Profile* Policy::choose(const ProfileQuery& query) const {
  const Profile* best = nullptr;
  int best_score = -1;
  for (const Profile& profile : profiles) {
    if (!fits(profile, query)) continue;
    if (query.method == config::AuthMethod::psk && profile.key_of(query.remote) == nullptr) continue;
    // RFC 7296 §2.15: an IDr that we do not have may be answered with another.
    const int score = (has_name(profile, query) ? 2 : 0) + (is_believed(profile, query) ? 1 : 0);
    if (score <= best_score) continue;
    best = &profile;
    best_score = score;
  }
  return best;
}

}  // namespace controlplane::ike
