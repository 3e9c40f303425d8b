// The client table: a short list, sorted so that the first match is the longest.

#include "controlplane/dae/clients.hpp"

#include <algorithm>

#include "controlplane/radius/wire/attributes.hpp"

namespace controlplane::dae {
namespace {

[[nodiscard]] std::shared_ptr<Client> make_client(const config::DaeClient& config) {
  auto client = std::make_shared<Client>();
  client->address = config.address;
  client->device = config.vrf;
  client->key = config.key.clone();
  client->profile = config.profile;
  client->require_message_authenticator = config.require_message_authenticator;
  client->require_event_timestamp = config.require_event_timestamp;
  client->max_sessions_per_request = std::max(config.max_sessions_per_request, 1U);
  if (!config.tolerate_unset) {
    for (const std::uint8_t type : config.tolerate) client->tolerate.set(type);
    client->tolerate_avpairs = client->tolerate.test(radius::wire::attribute::kVendorSpecific);
  } else if (config.profile == config::DaeProfile::cisco) {
    // What Cisco ISE and PacketFence send beside the ids (DESIGN chapter 6).
    client->tolerate.set(radius::wire::attribute::kServiceType);
    client->tolerate.set(radius::wire::attribute::kAcctTerminateCause);
    client->tolerate.set(radius::wire::attribute::kNasPortType);
    client->tolerate_avpairs = true;
  }
  return client;
}

}  // namespace

void Clients::update(const config::DynamicAuthor& config) {
  std::vector<std::shared_ptr<Client>> fresh;
  for (const config::DaeClient& entry : config.clients) {
    auto client = make_client(entry);
    const auto before = std::ranges::find_if(clients_, [&](const std::shared_ptr<Client>& old) {
      return old->address == client->address && old->device == client->device;
    });
    if (before != clients_.end()) client->counters = (*before)->counters;
    fresh.push_back(std::move(client));
  }
  std::ranges::sort(fresh, [](const auto& a, const auto& b) { return a->address.length > b->address.length; });
  clients_ = std::move(fresh);
}

const std::shared_ptr<Client>* Clients::find(const common::IpAddress& source, std::string_view device) const noexcept {
  const auto found = std::ranges::find_if(clients_, [&](const std::shared_ptr<Client>& client) {
    return client->device == device && client->address.contains(source);
  });
  return found == clients_.end() ? nullptr : &*found;
}

}  // namespace controlplane::dae
