// [radius], [aaa.accounting], [aaa.authorization] and [aaa.dynamic-author].

#include <fmt/format.h>

#include "config/reader.hpp"
#include "config/words.hpp"

namespace config {
namespace {

using std::string_view;

constexpr Words kRequire{std::array{std::pair{string_view("yes"), RequireMessageAuthenticator::yes},
                                    std::pair{string_view("auto"), RequireMessageAuthenticator::automatic},
                                    std::pair{string_view("no"), RequireMessageAuthenticator::no}}};
constexpr Words kProfiles{std::array{std::pair{string_view("document"), AccountingProfile::document},
                                     std::pair{string_view("extended"), AccountingProfile::extended}}};
constexpr Words kDurability{
    std::array{std::pair{string_view("fsync"), Durability::fsync}, std::pair{string_view("os"), Durability::os}}};
constexpr Words kDaeProfiles{std::array{std::pair{string_view("cisco"), DaeProfile::cisco},
                                        std::pair{string_view("rfc5176"), DaeProfile::rfc5176}}};
constexpr Words kAckModes{
    std::array{std::pair{string_view("complete"), AckMode::complete}, std::pair{string_view("early"), AckMode::early}}};

/// Eight octets are within reach of a guess (RFC 9445 and the BlastRADIUS papers speak of it): said, not refused.
void judge_secret(Section& section, const common::SecretBytes& key) {
  if (!key.empty() && key.size() <= 8)
    section.warn("server-key", "a secret of more than 8 octets; a short one can be guessed");
}

void read_server(Section section, std::size_t number, RadiusServer& server) {
  server.name = fmt::format("server{}", number + 1);
  section.text("name", server.name);
  section.require("address", "the server's address");
  section.parsed<common::IpAddress>("address", server.address, "an IPv4 or IPv6 address", &common::IpAddress::parse);
  section.integer("auth-port", server.auth_port, 1, 65'535);
  section.integer("acct-port", server.acct_port, 1, 65'535);
  if (!section.secret("server-key", server.key))
    section.require("server-key", "the secret that is shared with the server, or server-key-file");
  judge_secret(section, server.key);
  section.milliseconds("timeout", server.timeout, 50, 60'000);
  section.integer("retransmit", server.retransmit, 0, 20);
  section.seconds("dead-time", server.dead_time, 0, 86'400);
  section.parsed<RequireMessageAuthenticator>("require-message-authenticator", server.require_message_authenticator,
                                              kRequire.expected(), kRequire);
  section.finish();
}

void read_radius(Section section, Radius& radius) {
  section.text("nas-identifier", radius.nas_identifier);
  section.parsed<common::IpAddress>("nas-ip-address", radius.nas_ip_address, "an IPv4 or IPv6 address",
                                    &common::IpAddress::parse);
  section.addresses("nas-addresses", radius.nas_addresses);
  std::size_t number = 0;
  for (Section& server : section.sections("server")) read_server(server, number++, radius.servers.emplace_back());
  section.finish();
}

void read_accounting(Section section, Accounting& accounting) {
  section.boolean("enabled", accounting.enabled);
  section.boolean("required", accounting.required);
  section.parsed<AccountingProfile>("profile", accounting.profile, kProfiles.expected(), kProfiles);
  section.parsed<Durability>("durability", accounting.durability, kDurability.expected(), kDurability);
  section.seconds("interim-interval", accounting.interim_interval, 0, 86'400);
  if (accounting.interim_interval.count() != 0 && accounting.interim_interval.count() < 60)
    section.complain("interim-interval", "0, or 60 seconds and more (RFC 2869 section 5.16)");
  section.seconds("counter-refresh", accounting.counter_refresh, 1, 86'400);
  section.text("method-list", accounting.method_list);
  section.finish();
}

void read_client(Section section, DaeClient& client) {
  section.require("address", "the client's address or network");
  section.parsed<common::Prefix>("address", client.address, "an address or a prefix without host bits",
                                 &common::Prefix::parse);
  if (!section.secret("server-key", client.key))
    section.require("server-key", "the secret that is shared with the client, or server-key-file");
  judge_secret(section, client.key);
  section.text("vrf", client.vrf);
  section.parsed<DaeProfile>("profile", client.profile, kDaeProfiles.expected(), kDaeProfiles);
  client.tolerate_unset = !section.has("tolerate");
  section.integers("tolerate", client.tolerate, 1, 255);
  section.boolean("require-message-authenticator", client.require_message_authenticator);
  section.boolean("require-event-timestamp", client.require_event_timestamp);
  section.integer("max-sessions-per-request", client.max_sessions_per_request, 1, 1'000'000);
  section.finish();
}

void read_dynamic_author(Section section, DynamicAuthor& author) {
  author.enabled = true;
  section.require("clients", "an array of clients, [{address = \"…\", server-key = \"…\"}]");
  for (Section& client : section.sections("clients")) read_client(client, author.clients.emplace_back());
  section.integers("port", author.ports, 1, 65'535);
  section.addresses("address", author.addresses);
  section.seconds("window", author.window, 1, 3'600);
  section.parsed<AckMode>("ack-mode", author.ack_mode, kAckModes.expected(), kAckModes);
  if (author.ack_mode == AckMode::early)
    section.warn("ack-mode", "\"complete\": with \"early\" an ACK does not mean that the session is gone");
  section.finish();
}

}  // namespace

void read_aaa(Section& root, Config& config) {
  config.authorization.password = common::SecretBytes(common::as_bytes(string_view("cisco")));
  if (auto section = root.section("radius")) read_radius(std::move(*section), config.radius);
  if (auto aaa = root.section("aaa")) {
    if (auto section = aaa->section("accounting")) read_accounting(std::move(*section), config.accounting);
    if (auto section = aaa->section("authorization")) {
      section->boolean("enabled", config.authorization.enabled);
      (void)section->secret("password", config.authorization.password);
      section->finish();
    }
    if (auto section = aaa->section("dynamic-author")) read_dynamic_author(std::move(*section), config.dynamic_author);
    aaa->finish();
  }
  if (config.radius.nas_identifier.empty()) config.radius.nas_identifier = config.gateway.name;
}

}  // namespace config
