// Certificates, as --check sees them.

#include "controlplane/check.hpp"

#include <optional>

#include <fmt/format.h>

#include "controlplane/crypto/certificate.hpp"
#include "controlplane/crypto/dn.hpp"

namespace controlplane {
namespace {

/// identity-local as an ID payload would carry it; nullopt where it is no name that can be compared.
std::optional<crypto::Certificate::Name> local_name(const std::string& text, const crypto::Certificate& leaf) {
  if (text.empty()) return leaf.default_identity();
  const auto octets = [](std::string_view view) {
    return common::Bytes(common::as_bytes(view).begin(), common::as_bytes(view).end());
  };
  crypto::Certificate::Name name;
  if (const auto address = common::IpAddress::parse(text)) {
    name.kind = address->is_v4() ? crypto::IdKind::ipv4 : crypto::IdKind::ipv6;
    name.data.assign(address->bytes().begin(), address->bytes().end());
  } else if (text.find('=') != std::string::npos) {
    auto dn = crypto::dn_from_text(text);
    if (!dn) return std::nullopt;
    name.kind = crypto::IdKind::dn;
    name.data = std::move(*dn);
  } else {
    name.kind = text.find('@') != std::string::npos ? crypto::IdKind::email : crypto::IdKind::fqdn;
    name.data = octets(text);
  }
  return name;
}

}  // namespace

CertificateFindings check_certificates(const config::Config& config, common::WallTime now) {
  CertificateFindings findings;
  for (const config::Trustpoint& trustpoint : config.ike.trustpoints) {
    const auto say = [&](std::vector<std::string>& where, const std::string& what) {
      where.push_back(fmt::format("trustpoint \"{}\": {}", trustpoint.name, what));
    };
    if (!trustpoint.ca.empty())
      if (const auto trust = crypto::Trust::load(trustpoint.ca); !trust) say(findings.errors, trust.error());
    if (trustpoint.certificate.empty()) continue;  // only the roots of peers
    const auto credential = crypto::Credential::load(trustpoint.certificate, trustpoint.key);
    if (!credential) {
      say(findings.errors, credential.error());
      continue;
    }
    for (const config::IkeProfile& profile : config.ike.profiles) {
      if (profile.trustpoint != trustpoint.name || profile.authentication_local != config::AuthMethod::certificate)
        continue;
      const auto name = local_name(profile.identity_local, credential->leaf());
      if (!name) {
        say(findings.errors,
            fmt::format("identity-local \"{}\" of profile \"{}\" is no name", profile.identity_local, profile.name));
        continue;
      }
      for (const std::string& problem : credential->problems(name->kind, name->data, now))
        say(findings.warnings, fmt::format("profile \"{}\": {}", profile.name, problem));
    }
  }
  return findings;
}

}  // namespace controlplane
