#pragma once
// Why octets are no IKE message, and what a peer may be told about it.

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "controlplane/ike/wire/numbers.hpp"

namespace controlplane::ike::wire {

enum class WireError : std::uint8_t {
  truncated,             ///< fewer octets than a length says
  trailing_octets,       ///< octets behind the end of a message, payload or field
  bad_length,            ///< a length below its own header's size, or one that its type does not allow
  bad_version,           ///< major version other than 2 (RFC 7296 §2.5)
  bad_value,             ///< a field whose value is forbidden
  too_many,              ///< more payloads, proposals, transforms, selectors or attributes than we are willing to read
  duplicate,             ///< a payload that may come once came twice
  missing,               ///< a payload that its exchange demands is not there
  not_allowed,           ///< a payload that its exchange does not know, or one in clear that must be encrypted
  unsupported_critical,  ///< an unknown payload with the critical bit (RFC 7296 §2.5)
  cannot_decrypt,        ///< Encrypted payload: too short, wrong ICV or padding; nothing in it may be believed
  bad_fragment,          ///< RFC 7383 §2.6: fragment number 0 or above the total, or too many in total
};

/// What was wrong, and with which payload (none: with the message).
struct ParseError {
  WireError what = WireError::truncated;
  PayloadType payload = PayloadType::none;
  friend bool operator==(const ParseError&, const ParseError&) noexcept = default;
};

template <class T>
using Result = std::expected<T, ParseError>;

[[nodiscard]] std::string_view to_string(WireError error) noexcept;

/// The notification for an error in a message whose origin is authenticated, or in an IKE_SA_INIT request: its data is
/// the payload type for UNSUPPORTED_CRITICAL_PAYLOAD and empty else. nullopt: no answer may be sent.
[[nodiscard]] std::optional<NotifyType> notify_for(const ParseError& error) noexcept;

}  // namespace controlplane::ike::wire
