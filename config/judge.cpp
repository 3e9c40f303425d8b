// What only shows when the parts of a configuration are looked at together.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "config/reader.hpp"

namespace config {
namespace {

/// Complains where two items of an array of tables have the same name.
template <class T>
void judge_names(Section& parent, std::string_view key, const std::vector<T>& items) {
  std::set<std::string> seen;
  std::vector<Section> sections = parent.sections(key);
  for (std::size_t i = 0; i < items.size() && i < sections.size(); ++i)
    if (!items[i].name.empty() && !seen.insert(items[i].name).second)
      sections[i].complain("name", "a name that no other has");
}

template <class T>
[[nodiscard]] bool has_name(const std::vector<T>& items, const std::string& name) {
  return std::ranges::any_of(items, [&](const T& item) { return item.name == name; });
}

void judge_ports(Section& root, const Config& config) {
  judge_names(root, "port", config.ports);
  if (config.ports.empty()) root.complain("port", "at least one [[port]] with role = \"outside\"");
  std::set<std::string> taps;
  std::set<std::string> devices;
  std::vector<Section> sections = root.sections("port");
  for (std::size_t i = 0; i < config.ports.size() && i < sections.size(); ++i) {
    if (!taps.insert(config.ports[i].tap).second) sections[i].complain("tap", "a TAP name that no other port has");
    const std::string device = config.ports[i].device.substr(0, config.ports[i].device.find(','));
    if (!device.empty() && !devices.insert(device).second)
      sections[i].complain("device", "a device that no other port has (number vdevs: net_af_packet0, net_af_packet1)");
  }
}

void judge_pools(Section& root, const Config& config) {
  judge_names(root, "pool", config.pools);
  std::vector<Section> sections = root.sections("pool");
  std::uint64_t addresses = 0;
  for (std::size_t i = 0; i < config.pools.size() && i < sections.size(); ++i) {
    const Pool& pool = config.pools[i];
    addresses += pool.last.v4_host() - pool.first.v4_host() + 1ULL;
    for (std::size_t j = 0; j < i; ++j)
      if (pool.first <= config.pools[j].last && config.pools[j].first <= pool.last && !pool.first.is_unspecified())
        sections[i].complain("range",
                             fmt::format("a range that does not overlap that of pool \"{}\"", config.pools[j].name));
  }
  if (addresses > 1U << 24U) root.complain("pool", "pools of at most 16,777,216 addresses together");
}

void judge_local(Section& section, const Config& config, const IkeProfile& profile) {
  const auto accepts = [&](AuthMethod method) {
    return std::ranges::find(profile.authentication_remote, method) != profile.authentication_remote.end();
  };
  const bool uses_psk = profile.authentication_local == AuthMethod::psk || accepts(AuthMethod::psk);
  if (uses_psk && profile.keyring.empty())
    section.require("keyring", "the keyring of a profile with authentication \"psk\"");
  const bool uses_certificate =
      profile.authentication_local == AuthMethod::certificate || accepts(AuthMethod::certificate);
  if (uses_certificate && profile.trustpoint.empty())
    section.require("trustpoint", "the trustpoint of a profile with authentication \"certificate\"");
  if (accepts(AuthMethod::eap) && profile.authentication_local == AuthMethod::psk && !profile.allow_psk_with_eap)
    section.complain("authentication-local",
                     "\"certificate\" with EAP (RFC 7296 section 2.16), or allow-psk-with-eap = true");
  if (accepts(AuthMethod::eap) && config.radius.servers.empty())
    section.complain("authentication-remote", "a [[radius.server]] for \"eap\"");
  for (const Trustpoint& trustpoint : config.ike.trustpoints) {
    if (trustpoint.name != profile.trustpoint) continue;
    if (profile.authentication_local == AuthMethod::certificate && trustpoint.certificate.empty())
      section.complain("trustpoint",
                       "a trustpoint with certificate and key, for authentication-local is \"certificate\"");
    if (accepts(AuthMethod::certificate) && trustpoint.ca.empty())
      section.complain("trustpoint", "a trustpoint with ca, for peers prove themselves with certificates");
  }
}

void judge_ike(Section& root, const Config& config) {
  auto section = root.section("ikev2");
  if (!section) return;
  judge_names(*section, "keyring", config.ike.keyrings);
  judge_names(*section, "profile", config.ike.profiles);
  if (config.ike.port == config.ike.nat_port) section->complain("nat-port", "another port than port");
  std::vector<Section> sections = section->sections("profile");
  for (std::size_t i = 0; i < config.ike.profiles.size() && i < sections.size(); ++i) {
    const IkeProfile& profile = config.ike.profiles[i];
    if (!profile.keyring.empty() && !has_name(config.ike.keyrings, profile.keyring))
      sections[i].complain("keyring", "the name of an [[ikev2.keyring]]");
    if (!profile.trustpoint.empty() && !has_name(config.ike.trustpoints, profile.trustpoint))
      sections[i].complain("trustpoint", "the name of a [[pki.trustpoint]]");
    if (!profile.pool.empty() && !has_name(config.pools, profile.pool))
      sections[i].complain("pool", "the name of a [[pool]]");
    judge_local(sections[i], config, profile);
  }
}

void judge_clients(Section& root, const Config& config) {
  auto aaa = root.section("aaa");
  auto author = aaa ? aaa->section("dynamic-author") : std::nullopt;
  if (!author) return;
  std::vector<Section> sections = author->sections("clients");
  for (std::size_t i = 0; i < config.dynamic_author.clients.size() && i < sections.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (config.dynamic_author.clients[i].address == config.dynamic_author.clients[j].address &&
          config.dynamic_author.clients[i].vrf == config.dynamic_author.clients[j].vrf)
        sections[i].complain("address", "an address that no other client of the same VRF has");
}

}  // namespace

void judge(Section& root, const Config& config) {
  judge_ports(root, config);
  judge_pools(root, config);
  judge_ike(root, config);
  judge_clients(root, config);
  if (config.accounting.enabled && config.accounting.required && config.radius.servers.empty())
    root.complain("radius", "a [[radius.server]], or [aaa.accounting] enabled = false");
}

}  // namespace config
