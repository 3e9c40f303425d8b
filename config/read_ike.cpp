// [ikev2], its proposals, keyrings and profiles, [[pki.trustpoint]] and [[ipsec.proposal]].

#include <algorithm>

#include <fmt/format.h>

#include "config/reader.hpp"
#include "config/words.hpp"

namespace config {
namespace {

using std::string_view;

constexpr Words kMethods{std::array{std::pair{string_view("psk"), AuthMethod::psk},
                                    std::pair{string_view("certificate"), AuthMethod::certificate},
                                    std::pair{string_view("eap"), AuthMethod::eap}}};

/// Reads an array of words out of a closed list.
void words_of(Section& section, string_view key, std::vector<std::string>& out,
              std::initializer_list<string_view> known) {
  std::string expected = "any of";
  for (const string_view word : known) expected += fmt::format(" \"{}\"", word);
  section.parsed_list<std::string>(key, out, expected, [known](string_view text) -> std::optional<std::string> {
    if (std::ranges::find(known, text) == known.end()) return std::nullopt;
    return std::string(text);
  });
}

void read_groups(Section& section, std::vector<std::uint16_t>& groups) {
  static constexpr std::array<std::uint16_t, 7> kKnown = {14, 15, 16, 19, 20, 21, 31};
  section.integers("group", groups, 1, 65'535);
  for (const std::uint16_t group : groups)
    if (std::ranges::find(kKnown, group) == kKnown.end())
      section.complain("group", "groups out of 14, 15, 16 (MODP), 19, 20, 21 (ECP) and 31 (x25519)");
}

void read_proposal(Section section, IkeProposal& proposal) {
  section.text("name", proposal.name);
  section.require("encryption", "the encryption algorithms in the order of preference");
  words_of(section, "encryption", proposal.encryption,
           {"aes-gcm-128", "aes-gcm-256", "aes-cbc-128", "aes-cbc-256", "chacha20-poly1305"});
  words_of(section, "integrity", proposal.integrity, {"sha256", "sha384", "sha512"});
  words_of(section, "prf", proposal.prf, {"sha256", "sha384", "sha512"});
  section.require("group", "the key exchange groups in the order of preference");
  read_groups(section, proposal.group);
  const bool needs_integrity =
      std::ranges::any_of(proposal.encryption, [](const std::string& name) { return name.starts_with("aes-cbc"); });
  if (needs_integrity && proposal.integrity.empty())
    section.require("integrity", "integrity algorithms, for aes-cbc needs one");
  section.finish();
}

/// "aes-gcm-256", or "aes-cbc-256-sha256" for a cipher with an integrity algorithm beside it.
[[nodiscard]] std::optional<common::Suite> parse_suite(string_view text) {
  using enum common::Suite;
  static constexpr std::pair<string_view, common::Suite> kNames[] = {
      {"aes-gcm-128", aes_gcm_16_128},
      {"aes-gcm-256", aes_gcm_16_256},
  };
  for (const auto& [name, suite] : kNames)
    if (name == text) return suite;
  return std::nullopt;
}

void read_esp_proposal(Section section, EspProposal& proposal) {
  section.text("name", proposal.name);
  section.require("suites", "the ESP suites in the order of preference");
  section.parsed_list<common::Suite>("suites", proposal.suites, "any of \"aes-gcm-256\" \"aes-gcm-128\"", &parse_suite);
  read_groups(section, proposal.group);
  section.boolean("esn", proposal.esn);
  section.finish();
}

void read_keyring(Section section, Keyring& keyring) {
  section.require("name", "a name for the keyring");
  section.text("name", keyring.name);
  for (Section& peer : section.sections("peer")) {
    Peer& read = keyring.peers.emplace_back();
    peer.text("name", read.name);
    peer.require("identity", "the identity that the peer sends (IDi), or \"*\"");
    peer.text("identity", read.identity);
    if (!peer.secret("pre-shared-key", read.pre_shared_key))
      peer.require("pre-shared-key", "the key, or pre-shared-key-file");
    peer.finish();
  }
  section.finish();
}

void read_trustpoint(Section section, Trustpoint& trustpoint) {
  section.require("name", "a name for the trustpoint");
  section.text("name", trustpoint.name);
  section.path("certificate", trustpoint.certificate);
  section.path("key", trustpoint.key);
  section.paths("ca", trustpoint.ca);
  if (section.has("certificate") != section.has("key"))
    section.complain(section.has("key") ? "key" : "certificate", "a certificate and its key together");
  section.finish();
}

void read_lifetimes(Section& section, IkeProfile& profile) {
  section.seconds("dpd", profile.dpd, 0, 86'400);
  section.integer("dpd-retries", profile.dpd_retries, 1, 20);
  section.seconds("session-timeout", profile.session_timeout, 0, 31'536'000);
  section.seconds("idle-timeout", profile.idle_timeout, 0, 31'536'000);
}

void read_profile(Section section, IkeProfile& profile) {
  section.require("name", "a name for the profile");
  section.text("name", profile.name);
  section.texts("match-identity-remote", profile.match_identity_remote);
  section.text("identity-local", profile.identity_local);
  section.parsed<AuthMethod>("authentication-local", profile.authentication_local, "\"certificate\" or \"psk\"",
                             [](string_view text) { return text == "eap" ? std::nullopt : kMethods(text); });
  section.require("authentication-remote",
                  "how peers may prove who they are: any of \"psk\", \"certificate\", \"eap\"");
  section.parsed_list<AuthMethod>("authentication-remote", profile.authentication_remote, kMethods.expected(),
                                  kMethods);
  section.boolean("query-identity", profile.query_identity);
  section.boolean("allow-psk-with-eap", profile.allow_psk_with_eap);
  section.boolean("allow-keyless-eap", profile.allow_keyless_eap);
  section.text("keyring", profile.keyring);
  section.text("trustpoint", profile.trustpoint);
  section.text("pool", profile.pool);
  section.addresses("dns", profile.dns);
  section.prefixes("subnets", profile.subnets);
  static constexpr Words kManglers{std::array{std::pair{string_view(""), 0}, std::pair{string_view("dn-cn"), 1},
                                              std::pair{string_view("email-user"), 2},
                                              std::pair{string_view("fqdn-host"), 3}}};
  section.parsed<std::string>("name-mangler", profile.name_mangler, kManglers.expected(), [](string_view text) {
    return kManglers(text) ? std::optional(std::string(text)) : std::nullopt;
  });
  section.parsed<std::string>(
      "unique", profile.unique, "one of \"replace\", \"reject\", \"keep\"", [](string_view text) {
        return text == "replace" || text == "reject" || text == "keep" ? std::optional(std::string(text))
                                                                       : std::nullopt;
      });
  read_lifetimes(section, profile);
  section.finish();
}

void read_ikev2(Section section, Ike& ike) {
  section.addresses("address", ike.addresses);
  section.integer("port", ike.port, 1, 65'535);
  section.integer("nat-port", ike.nat_port, 1, 65'535);
  section.integer("half-open-limit", ike.half_open_limit, 1, 1'000'000);
  section.integer("half-open-per-source", ike.half_open_per_source, 1, 1'000'000);
  section.integer("cookie-threshold", ike.cookie_threshold, 0, 1'000'000);
  section.integer("fragment-size", ike.fragment_size, 576, 1500);
  section.seconds("login-timeout", ike.login_timeout, 1, 3'600);
  for (Section& item : section.sections("proposal")) read_proposal(item, ike.proposals.emplace_back());
  for (Section& item : section.sections("keyring")) read_keyring(item, ike.keyrings.emplace_back());
  for (Section& item : section.sections("profile")) read_profile(item, ike.profiles.emplace_back());
  section.finish();
}

}  // namespace

void read_ike(Section& root, Config& config) {
  if (auto section = root.section("ikev2")) read_ikev2(std::move(*section), config.ike);
  if (auto ipsec = root.section("ipsec")) {
    for (Section& item : ipsec->sections("proposal")) read_esp_proposal(item, config.ike.esp_proposals.emplace_back());
    ipsec->finish();
  }
  if (auto pki = root.section("pki")) {
    for (Section& item : pki->sections("trustpoint")) read_trustpoint(item, config.ike.trustpoints.emplace_back());
    pki->finish();
  }
}

}  // namespace config
