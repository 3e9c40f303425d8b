#pragma once
// The texts that IOS XE prints for sessions, field by field (FACTS A7), and the same facts as JSON. Pure functions.

#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "controlplane/dataplane/link.hpp"
#include "controlplane/session/registry.hpp"

namespace controlplane::admin {

/// `show aaa sessions`
[[nodiscard]] std::string aaa_sessions_text(const std::vector<session::Snapshot>& sessions,
                                            const session::Totals& totals);
[[nodiscard]] boost::json::value aaa_sessions_json(const std::vector<session::Snapshot>& sessions,
                                                   const session::Totals& totals);
/// `show aaa user UNIQUE-ID`
/// @param session_key  attribute 151 of this session, eight hexadecimal digits, or empty
[[nodiscard]] std::string aaa_user_text(const session::Snapshot& session, std::string_view session_key);

/// Everything that is known of a session.
[[nodiscard]] boost::json::object session_json(const session::Snapshot& session);

/// `show crypto ikev2 sa [detail]`
[[nodiscard]] std::string ikev2_sa_text(const std::vector<session::Snapshot>& sessions, bool detail);
/// `show crypto ipsec sa`
[[nodiscard]] std::string ipsec_sa_text(const std::vector<session::Snapshot>& sessions);

/// `show dataplane counters|ports|workers`: the values whose dotted names start so.
/// @param what  "counters", "ports" or "workers"
[[nodiscard]] std::string dataplane_text(const std::vector<dataplane::NamedValue>& values, std::string_view what);
[[nodiscard]] boost::json::value dataplane_json(const std::vector<dataplane::NamedValue>& values,
                                                std::string_view what);

}  // namespace controlplane::admin
