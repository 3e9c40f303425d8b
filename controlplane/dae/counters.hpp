#pragma once
// What is counted of Disconnect- and CoA-Requests, per client and with the names of RFC 4673.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/radius/wire/attributes.hpp"

namespace controlplane::dae {

/// Why a datagram gets no answer.
enum class Discard : std::uint8_t {
  unknown_client,     ///< nobody has configured its source (RFC 5176 §6.1)
  truncated,          ///< fewer octets than a header, or than its Length says (§2.3)
  bad_length,         ///< Length below 20 or above 4096 (§2.3)
  unknown_code,       ///< neither Disconnect- nor CoA-Request (§2.3)
  malformed,          ///< attributes that do not add up
  bad_authenticator,  ///< Request Authenticator (§2.3)
  bad_message_authenticator,
  missing_message_authenticator,  ///< the client is configured to send one
  stale_timestamp,                ///< Event-Timestamp outside the window, or not four octets (§6.3)
  missing_timestamp,              ///< the client is configured to send one
  in_progress,                    ///< a retransmission of a request whose answer is not known yet
  no_reply,                       ///< no answer could be written (the cryptographic library refused)
};
inline constexpr std::size_t kDiscards = 12;
/// "bad-authenticator": for logs and as a label of metrics.
[[nodiscard]] std::string_view to_string(Discard why) noexcept;

/// One kind of request of one client. The comments are RFC 4673's names; for CoA read "CoA" in place of "Discon".
struct RequestCounters {
  std::uint64_t requests = 0;                ///< radiusDynAuthServDisconRequests
  std::uint64_t auth_only_requests = 0;      ///< radiusDynAuthServDisconAuthOnlyRequests
  std::uint64_t duplicate_requests = 0;      ///< radiusDynAuthServDupDisconRequests
  std::uint64_t acks = 0;                    ///< radiusDynAuthServDisconAcks
  std::uint64_t naks = 0;                    ///< radiusDynAuthServDisconNaks
  std::uint64_t nak_auth_only_requests = 0;  ///< radiusDynAuthServDisconNakAuthOnlyRequests
  std::uint64_t nak_session_no_context = 0;  ///< radiusDynAuthServDisconNakSessNoContext
  std::uint64_t sessions = 0;                ///< radiusDynAuthServDisconUserSessRemoved, CoA: …CoAUserSessChanged
  std::uint64_t malformed = 0;               ///< radiusDynAuthServMalformedDisconRequests
  std::uint64_t bad_authenticators = 0;      ///< radiusDynAuthServDisconBadAuthenticators
  std::uint64_t packets_dropped = 0;         ///< radiusDynAuthServDisconPacketsDropped
};

struct ClientCounters {
  RequestCounters disconnect;
  RequestCounters coa;
  std::uint64_t unknown_types = 0;  ///< radiusDynAuthServUnknownTypes
  // Ours, finer than the MIB's.
  std::array<std::uint64_t, kDiscards> discards{};  ///< by Discard
  std::uint64_t tolerated = 0;                      ///< attributes that were ignored because the client may send them
  std::map<radius::wire::ErrorCause, std::uint64_t> nak_causes;  ///< NAKs by what went wrong, also where 404 was sent

  [[nodiscard]] std::uint64_t discarded(Discard why) const noexcept { return discards[static_cast<std::size_t>(why)]; }
};

/// Of the server as a whole.
struct ServerCounters {
  std::uint64_t disconnect_invalid_client_addresses = 0;  ///< radiusDynAuthServerDisconInvalidClientAddresses
  std::uint64_t coa_invalid_client_addresses = 0;         ///< radiusDynAuthServerCoAInvalidClientAddresses
};

/// Counts a datagram that gets no answer, in our own counter and in the MIB's.
/// @param coa  its code is CoA-Request
void count_discard(ClientCounters& counters, Discard why, bool coa) noexcept;

/// Every counter of RFC 4673's client table, with its name there, in the table's order.
[[nodiscard]] std::vector<std::pair<std::string_view, std::uint64_t>> rfc4673(const ClientCounters& counters);

}  // namespace controlplane::dae
