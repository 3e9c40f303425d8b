// Sessions and the dataplane's values as JSON.

#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include "common/drop_reason.hpp"
#include "controlplane/admin/show.hpp"

namespace controlplane::admin {
namespace {

namespace json = boost::json;

[[nodiscard]] json::value time_or_null(const std::optional<common::WallTime>& time) {
  if (!time) return nullptr;
  return common::unix_seconds(*time);
}

[[nodiscard]] json::object drops_json(const std::array<std::uint64_t, common::channel::kDropSlots>& drops) {
  json::object object;
  for (std::size_t i = 0; i < common::kDropReasons; ++i)
    if (drops[i] != 0) object[common::kDropReasonFacts[i].name] = drops[i];
  return object;
}

[[nodiscard]] json::object child_json(const session::ChildSnapshot& child) {
  const auto suite = common::find_suite(static_cast<common::Suite>(child.suite));
  return {{"inbound_spi", fmt::format("0x{:08X}", child.inbound_spi.value())},
          {"outbound_spi", fmt::format("0x{:08X}", child.outbound_spi.value())},
          {"suite", suite ? suite->name : std::string_view("unknown")},
          {"udp_encap", child.udp_encap},
          {"esn", child.esn},
          {"replay_window", child.replay_window},
          {"local_selectors", json::value_from(child.local_selectors)},
          {"remote_selectors", json::value_from(child.remote_selectors)},
          {"installed", common::unix_seconds(child.installed)},
          {"rekeys", child.rekeys}};
}

/// "ports" are the names that start with "port.", and so on; "counters" are all others.
[[nodiscard]] bool belongs(std::string_view name, std::string_view what) {
  const bool port = name.starts_with("port.");
  const bool worker = name.starts_with("worker.");
  if (what == "ports") return port;
  if (what == "workers") return worker;
  return !port && !worker;
}

}  // namespace

json::object session_json(const session::Snapshot& s) {
  json::object object{
      {"id", s.names.id.value()},
      {"audit_session_id", s.names.audit_session_id},
      {"acct_session_id", fmt::format("{:08X}", s.names.acct_session_id)},
      {"unique_id", s.names.unique_id},
      {"user_name", s.user_name},
      {"state", session::to_string(s.state)},
      {"method", session::to_string(s.facts.method)},
      {"profile", s.facts.profile},
      {"ike_identity", s.phase1_id},
      {"calling_station_id", s.calling_station_id},
      {"local", s.facts.local.to_string()},
      {"remote", s.remote_now.to_string()},
      {"framed_ip_address", s.inner_v4 ? json::value(s.inner_v4->to_string()) : json::value(nullptr)},
      {"pool", s.pool},
      {"begun", common::unix_seconds(s.begun)},
      {"authenticated", time_or_null(s.authenticated)},
      {"established", time_or_null(s.established)},
      {"idle_seconds", s.idle.count()},
      {"session_timeout", s.session_timeout.count()},
      {"idle_timeout", s.idle_timeout.count()},
      {"interim_interval", s.interim_interval.count()},
      {"start_sent", s.start_sent},
      {"in_octets", s.counters.in_octets},
      {"in_packets", s.counters.in_packets},
      {"out_octets", s.counters.out_octets},
      {"out_packets", s.counters.out_packets},
      {"in_drops", drops_json(s.counters.in_drops)},
      {"out_drops", drops_json(s.counters.out_drops)},
  };
  if (s.child) object["child"] = child_json(*s.child);
  if (!s.ike.empty()) object["ike"] = s.ike;
  return object;
}

json::value aaa_sessions_json(const std::vector<session::Snapshot>& sessions, const session::Totals& totals) {
  json::array array;
  for (const session::Snapshot& session : sessions) array.push_back(session_json(session));
  return json::object{{"total_since_reload", totals.begun}, {"sessions", std::move(array)}};
}

json::value dataplane_json(const std::vector<dataplane::NamedValue>& values, std::string_view what) {
  json::object object;
  for (const dataplane::NamedValue& value : values)
    if (belongs(value.name, what)) object[value.name] = value.value;
  return object;
}

std::string dataplane_text(const std::vector<dataplane::NamedValue>& values, std::string_view what) {
  std::string out;
  for (const dataplane::NamedValue& value : values) {
    if (!belongs(value.name, what)) continue;
    std::string_view text;
    for (const common::DropReasonFacts& facts : common::kDropReasonFacts)
      if (value.name.starts_with("drop.") && value.name.substr(5) == facts.name) text = facts.text;
    out += fmt::format("{:<40} {:>14}  {}", value.name, value.value, text);
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out.empty() ? fmt::format("no {} known\n", what) : out;
}

}  // namespace controlplane::admin
