#pragma once
// One request that has proved where it comes from, and what its attributes say.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "controlplane/dae/clients.hpp"
#include "controlplane/dae/duplicates.hpp"
#include "controlplane/radius/wire/attributes.hpp"
#include "controlplane/radius/wire/packet.hpp"
#include "controlplane/session/registry.hpp"

namespace controlplane::dae {

/// How this gateway is called in requests (RFC 5176 §3): every address that was ever sent as NAS-IP(v6)-Address or is
/// listed, and the NAS-Identifier.
struct NasNames {
  std::vector<common::IpAddress> addresses;
  std::string identifier;
};

/// What is kept of a request until it is answered.
struct Request {
  std::shared_ptr<Client> client;
  RequestKey key;
  std::uint16_t local_port = 0;
  common::WallTime received{};
  common::WallTime forgotten{};  ///< until then its answer is repeated, also by a later run of the process
  bool coa = false;
  bool authorize_only = false;         ///< Service-Type = Authorize-Only (RFC 5176 §3.2)
  bool message_authenticator = false;  ///< it had one, so the answer has one
  bool event_timestamp = false;
  common::Bytes proxy_states;  ///< the attributes' octets as they came, in order (RFC 5176 §3.1)

  session::Selector selector;
  bool contradictory = false;  ///< one id was given twice with different values: no session can match
  bool vendor_id = false;      ///< a Vendor-Specific attribute named the session
};

/// Why a request is refused.
struct Refusal {
  radius::wire::ErrorCause cause = radius::wire::ErrorCause::invalid_request;
  std::uint8_t attribute = 0;  ///< which one was wrong, 0: none in particular
};

/// An attribute that was ignored because its client may send it.
struct Tolerated {
  std::uint8_t type = 0;
  std::string text;  ///< of an AVPair: its name
};

/// Reads the attributes of a Disconnect-Request: the ids go to `request.selector`, every other attribute is allowed,
/// tolerated, or the reason to refuse. Steps 9 to 11 of FACTS B8a.
/// @param tolerated  gets what was ignored
/// @return           nullopt: well-formed, meant for us, and it names a session
/// @source           RFC 5176 §2.3 (every attribute is mandatory), §3, §3.6
[[nodiscard]] std::optional<Refusal> read_disconnect(const radius::wire::PacketView& packet, const NasNames& names,
                                                     Request& request, std::vector<Tolerated>& tolerated);

/// What every answer needs of a request: Proxy-State, and which attributes are answered with the same.
void read_common(const radius::wire::PacketView& packet, Request& request);

}  // namespace controlplane::dae
