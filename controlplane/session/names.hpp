#pragma once
// The names of a session as texts: audit-session-id (FACTS A5) and Acct-Session-Id. Both are made once, at birth, and
// matched octet by octet ever after; nothing here reads them back.

#include <cstdint>
#include <string>

#include "common/address.hpp"
#include "controlplane/session/door.hpp"

namespace controlplane::session {

/// Longest audit-session-id that fits a Cisco AVPair: a VSA's value of 253 octets, without vendor id, sub-header and
/// "audit-session-id=".
inline constexpr std::size_t kMaxAuditSessionId = 230;

/// "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B": local address, remote address, local and remote UDP port, number; all in
/// upper-case hexadecimal, addresses and ports with all their digits. IPv6 is "L2L6"/"O2L6" with 32 digits.
/// @param number  from a durable counter: never used twice, so neither is the text; printed with two digits at least
[[nodiscard]] std::string make_audit_session_id(const common::Endpoint& local, const common::Endpoint& remote,
                                                std::uint64_t number);

/// Eight upper-case hexadecimal digits (RFC 2866 §5.5 asks for a printable text; the document's form).
[[nodiscard]] std::string acct_session_text(std::uint32_t number);

}  // namespace controlplane::session
