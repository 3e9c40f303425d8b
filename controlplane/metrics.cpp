// Counters of the rooms as metrics.

#include "controlplane/metrics.hpp"

#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "controlplane/dae/clients.hpp"
#include "controlplane/dae/counters.hpp"

namespace controlplane {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

void counter(std::vector<admin::Metric>& all, std::string name, std::string_view help, std::uint64_t value,
             Labels labels = {}) {
  all.push_back({std::move(name) + "_total", std::string(help), std::move(labels), static_cast<double>(value), true});
}

void gauge(std::vector<admin::Metric>& all, std::string name, std::string_view help, double value, Labels labels = {}) {
  all.push_back({std::move(name), std::string(help), std::move(labels), value, false});
}

/// "radiusDynAuthServDisconRequests" as Prometheus writes names: "radius_dyn_auth_serv_discon_requests". "CoA" is one
/// word.
std::string snake(std::string camel) {
  if (const std::size_t at = camel.find("CoA"); at != std::string::npos) camel.replace(at, 3, "Coa");
  std::string text;
  for (std::size_t i = 0; i < camel.size(); ++i) {
    const bool upper = std::isupper(static_cast<unsigned char>(camel[i])) != 0;
    const bool after_lower = i > 0 && std::islower(static_cast<unsigned char>(camel[i - 1])) != 0;
    if (upper && after_lower) text += '_';
    text += static_cast<char>(std::tolower(static_cast<unsigned char>(camel[i])));
  }
  return text;
}

}  // namespace

void add_ike(std::vector<admin::Metric>& all, const ike::Responder& responder) {
  const ike::Statistics& statistics = responder.statistics();
  for (std::size_t i = 0; i < ike::kCounters; ++i)
    counter(all, "portcullis_ike_" + std::string(ike::kCounterFacts[i].name), ike::kCounterFacts[i].text,
            statistics[static_cast<ike::Counter>(i)]);
  gauge(all, "portcullis_ike_half_open", "IKE SAs before their session", static_cast<double>(statistics.half_open));
  gauge(all, "portcullis_ike_established", "IKE SAs that carry a session", static_cast<double>(statistics.established));
}

void add_dae(std::vector<admin::Metric>& all, const dae::Pipeline& pipeline) {
  const auto& server = pipeline.counters();
  counter(all, "radius_dyn_auth_server_discon_invalid_client_addresses",
          "RFC 4673 radiusDynAuthServerDisconInvalidClientAddresses", server.disconnect_invalid_client_addresses);
  counter(all, "radius_dyn_auth_server_coa_invalid_client_addresses",
          "RFC 4673 radiusDynAuthServerCoAInvalidClientAddresses", server.coa_invalid_client_addresses);
  for (const auto& client : pipeline.clients().all()) {
    const Labels who{{"client", client->address.to_string()}, {"vrf", client->device}};
    for (const auto& [name, value] : dae::rfc4673(client->counters))
      counter(all, snake(std::string(name)), "RFC 4673 " + std::string(name), value, who);
    for (std::size_t i = 0; i < dae::kDiscards; ++i) {
      Labels labels = who;
      labels.emplace_back("reason", std::string(dae::to_string(static_cast<dae::Discard>(i))));
      counter(all, "portcullis_dae_discards", "Requests that got no answer, by reason", client->counters.discards[i],
              std::move(labels));
    }
    counter(all, "portcullis_dae_tolerated_attributes", "Attributes that were ignored because the client may send them",
            client->counters.tolerated, who);
  }
}

void add_radius(std::vector<admin::Metric>& all, const radius::Service& service) {
  for (const radius::ServerStatus& server : service.servers()) {
    const auto add = [&](std::string_view name, std::string_view help, std::uint64_t value) {
      counter(all, "portcullis_radius_" + std::string(name), help, value, {{"server", server.name}});
    };
    add("access_requests", "Access-Requests sent for the first time", server.access_requests);
    add("access_retransmissions", "Access-Requests sent again", server.access_retransmissions);
    add("access_accepts", "Access-Accepts", server.access_accepts);
    add("access_rejects", "Access-Rejects", server.access_rejects);
    add("access_challenges", "Access-Challenges", server.access_challenges);
    add("access_timeouts", "Access-Requests given up at this server", server.access_timeouts);
    add("accounting_requests", "Accounting-Requests sent for the first time", server.accounting_requests);
    add("accounting_retransmissions", "Accounting-Requests sent again", server.accounting_retransmissions);
    add("accounting_responses", "Accounting-Responses", server.accounting_responses);
    add("malformed", "Answers that do not parse", server.malformed);
    add("bad_authenticators", "Answers with a wrong authenticator", server.bad_authenticators);
    add("missing_message_authenticators", "Answers without the Message-Authenticator that is required",
        server.missing_message_authenticators);
    add("unexpected", "Answers to nothing that is in flight", server.unexpected);
    for (const auto& [kind, dead] : {std::pair("auth", server.auth_dead), std::pair("acct", server.acct_dead)})
      gauge(all, "portcullis_radius_server_dead", "1 while the server does not answer", dead ? 1 : 0,
            {{"server", server.name}, {"kind", kind}});
  }
  const auto accounting = service.accounting();
  gauge(all, "portcullis_accounting_waiting", "Records that no server has acknowledged",
        static_cast<double>(accounting.waiting));
  counter(all, "portcullis_accounting_acknowledged", "Records that a server has acknowledged", accounting.acknowledged);
}

void add_store(std::vector<admin::Metric>& all, const radius::StoreStatistics& statistics) {
  counter(all, "portcullis_store_commits", "Transactions that became durable", statistics.commits);
  counter(all, "portcullis_store_operations", "Calls that they made durable", statistics.operations);
  counter(all, "portcullis_store_failures", "Transactions that failed", statistics.failures);
  gauge(all, "portcullis_store_spooled", "Accounting records in the spool", static_cast<double>(statistics.spooled));
  gauge(all, "portcullis_store_writable", "1 while the spool takes writes", statistics.writable ? 1 : 0);
}

void add_channel(std::vector<admin::Metric>& all, const dataplane::ChannelClient& channel) {
  gauge(all, "portcullis_channel_up", "1 while the dataplane is connected", channel.ready() ? 1 : 0);
  counter(all, "portcullis_channel_connects", "Connections to the dataplane", channel.counters().connects);
  counter(all, "portcullis_channel_losses", "Connections to the dataplane that broke", channel.counters().losses);
  counter(all, "portcullis_channel_requests", "Requests sent to the dataplane", channel.counters().requests);
}

}  // namespace controlplane
