#pragma once
// Who may send us requests, and what each of them may do.

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.hpp"
#include "common/secret.hpp"
#include "config/schema.hpp"
#include "controlplane/dae/counters.hpp"

namespace controlplane::dae {

/// One configured client with its counters. Requests in progress keep it alive across a reload.
struct Client {
  common::Prefix address;
  std::string device;  ///< of its VRF, empty: the default one
  common::SecretBytes key;
  config::DaeProfile profile = config::DaeProfile::cisco;
  std::bitset<256> tolerate;      ///< attribute types that are ignored
  bool tolerate_avpairs = false;  ///< Cisco AVPairs that we do not know are ignored
  bool require_message_authenticator = false;
  bool require_event_timestamp = false;
  std::uint32_t max_sessions_per_request = 1;
  ClientCounters counters;
};

/// Finds a client by source address and device. Not thread-safe.
class Clients {
 public:
  /// Replaces the table. A client with the same address and VRF as before keeps its counters.
  void update(const config::DynamicAuthor& config);

  /// The longest match among the clients of that device; nullptr: nobody (RFC 5176 §2.3: the source address alone
  /// selects the secret).
  [[nodiscard]] const std::shared_ptr<Client>* find(const common::IpAddress& source,
                                                    std::string_view device) const noexcept;
  [[nodiscard]] const std::vector<std::shared_ptr<Client>>& all() const noexcept { return clients_; }

 private:
  std::vector<std::shared_ptr<Client>> clients_;  ///< longest prefix first
};

}  // namespace controlplane::dae
