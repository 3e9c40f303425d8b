#pragma once
// Answers as octets, in the two profiles.

#include "common/bytes.hpp"
#include "controlplane/dae/request.hpp"

namespace controlplane::dae {

/// Disconnect-ACK. `cisco`: no attributes of its own, 20 octets; `rfc5176`: Acct-Terminate-Cause = Admin-Reset.
/// Empty where no answer can be written (no MD5).
/// @source RFC 5176 §3.6
[[nodiscard]] common::Bytes make_ack(const Request& request);

/// NAK of the request's kind. `cisco` answers "no such session" as the document does: Reply-Message "No Matching
/// Session", then Error-Cause 404; everything else carries its Error-Cause of RFC 5176 §3.5 in both profiles.
[[nodiscard]] common::Bytes make_nak(const Request& request, radius::wire::ErrorCause cause);

/// What make_nak puts into Error-Cause, and whether a Reply-Message goes with it.
struct NakForm {
  radius::wire::ErrorCause cause = radius::wire::ErrorCause::invalid_request;
  bool reply_message = false;
};
[[nodiscard]] NakForm nak_form(const Request& request, radius::wire::ErrorCause cause) noexcept;
inline constexpr const char* kNoMatchingSession = "No Matching Session";

}  // namespace controlplane::dae
