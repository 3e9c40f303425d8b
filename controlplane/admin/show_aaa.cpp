// `show aaa sessions` and `show aaa user`: the document's layout, from a session's snapshot.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "controlplane/admin/show.hpp"

namespace controlplane::admin {
namespace {

using session::Snapshot;

[[nodiscard]] std::time_t seconds(common::WallTime time) {
  return static_cast<std::time_t>(common::unix_seconds(time));
}

/// "Nov 04 2014 00:20:23"
[[nodiscard]] std::string date(common::WallTime time) {
  return fmt::format("{:%b %d %Y %H:%M:%S}", fmt::localtime(seconds(time)));
}
/// "00:20:23 IST Nov 4 2014"
[[nodiscard]] std::string clock_date(common::WallTime time) {
  const std::tm local = fmt::localtime(seconds(time));
  return fmt::format("{:%H:%M:%S %Z %b} {} {:%Y}", local, local.tm_mday, local);
}

/// Numbers the rows of a session's attribute lists as IOS's addresses do, without showing an address of ours.
class Rows {
 public:
  explicit Rows(std::uint32_t unique_id) : next_(0x7F0000000000ULL + (static_cast<std::uint64_t>(unique_id) << 16U)) {}

  void add(std::string& out, std::string_view flags, std::string_view name, std::size_t length,
           std::string_view value) {
    out += fmt::format("        {:012X} 0 {} {} {} {}\n", next_, flags, name, length, value);
    next_ += 0x40;
  }
  void number(std::string& out, std::string_view name, std::uint64_t value) {
    add(out, "00000001", name, 4, fmt::format("{}({:X})", value, value));
  }

 private:
  std::uint64_t next_;
};

void add_block(std::string& out, const Snapshot& s, bool tunnel) {
  Rows rows(s.names.unique_id);
  out += fmt::format("{}: Username={}\n", tunnel ? "IPSEC-TUNNEL" : "NET",
                     tunnel && !s.user_name.empty() ? s.user_name : "(n/a)");
  out += fmt::format("    Session Id={:08X} Unique Id={:08X}\n", s.names.acct_session_id, s.names.unique_id);
  out += fmt::format("    Start Sent={} Stop Only=N\n", tunnel && s.start_sent ? 1 : 0);
  out += fmt::format("    stop_has_been_sent={}\n", tunnel && s.stop_sent ? 'Y' : 'N');
  out += tunnel ? fmt::format("    Method List={:012X} : Name = {}\n", 0x7F0000000000ULL, s.method_list)
                : std::string("    Method List=0\n");
  out += "    Attribute list:\n";
  rows.number(out, "session-id(408)", s.names.acct_session_id);
  rows.add(out, "00000001", "start_time(418)", 4, date(s.begun));
  if (tunnel) {
    rows.add(out, "00000082", "formatted-clid(37)", s.calling_station_id.size(), s.calling_station_id);
    rows.add(out, "0000008A", "audit-session-id(819)", s.names.audit_session_id.size(), s.names.audit_session_id);
    rows.add(out, "00000081", "isakmp-phase1-id(737)", s.phase1_id.size(), s.phase1_id);
    rows.add(out, "00000002", "isakmp-initator-ip(738)", 4, s.facts.remote.address.to_string());
  }
  out += "    --------\n";
}

void no_data(std::string& out, std::initializer_list<std::string_view> types) {
  for (const std::string_view type : types) out += fmt::format("No data for type {}\n", type);
}

void add_accounting(std::string& out, const Snapshot& s) {
  out += "Accounting:\n    log=0x400018041\n    Events recorded :\n        CALL START\n        ATTR REPLACE\n";
  out += "        INTERIM START\n        INTERIM STOP\n        IPSEC TNL UP\n";
  out += fmt::format("    update method(s) :\n        {}\n    update interval = {}\n",
                     s.interim_interval.count() != 0 ? "PERIODIC" : "NONE", s.interim_interval.count());
  out += fmt::format("    Outstanding Stop Records : {}\n", s.state == session::State::ending ? 1 : 0);
  out += "    Dynamic attribute list:\n";
  Rows rows(s.names.unique_id + 0x8000);
  const auto elapsed =
      s.counters_read > s.begun ? common::unix_seconds(s.counters_read) - common::unix_seconds(s.begun) : 0;
  rows.add(out, "00000001", "connect-progress(75)", 4, "No Progress");
  rows.number(out, "pre-session-time(334)", 0);
  rows.number(out, "elapsed_time(414)", static_cast<std::uint64_t>(elapsed));
  rows.number(out, "bytes_in(146)", s.counters.in_octets);
  rows.number(out, "bytes_out(311)", s.counters.out_octets);
  rows.number(out, "pre-bytes-in(330)", 0);
  rows.number(out, "pre-bytes-out(331)", 0);
  rows.number(out, "paks_in(147)", s.counters.in_packets);
  rows.number(out, "paks_out(312)", s.counters.out_packets);
  rows.number(out, "pre-paks-in(332)", 0);
  rows.number(out, "pre-paks-out(333)", 0);
}

void add_tail(std::string& out, const Snapshot& s, std::string_view session_key) {
  out += "Debg: No data available\nRadi: No data available\n";
  out += "Interface:\n    TTY Num = -1\n    Stop Received = 0\n    Byte/Packet Counts till Call Start:\n";
  out +=
      "        Start Bytes In = 0             Start Bytes Out = 0\n        Start Paks  In = 0             Start Paks  "
      "Out = 0\n";
  out += "    Byte/Packet Counts till Service Up:\n";
  out +=
      "        Pre Bytes In = 0             Pre Bytes Out = 0\n        Pre Paks  In = 0             Pre Paks  Out = "
      "0\n";
  out += "    Cumulative Byte/Packet Counts :\n";
  out += fmt::format("        Bytes In = {:<10}         Bytes Out = {}\n", s.counters.in_octets, s.counters.out_octets);
  out +=
      fmt::format("        Paks  In = {:<10}         Paks  Out = {}\n", s.counters.in_packets, s.counters.out_packets);
  out += fmt::format("    StartTime = {}\n", clock_date(s.begun));
  out += fmt::format("    AuthenTime = {}\n", s.authenticated ? clock_date(*s.authenticated) : "(none)");
  out += "    Component = VPN IPSEC\nAuthen: service=NONE type=NONE method=NONE\nKerb: No data available\n";
  out += "Meth: No data available\nPreauth: No Preauth data.\n";
  out += fmt::format("General:\n    Unique Id = {:08X}\n    Session Id = {:08X}\n", s.names.unique_id,
                     s.names.acct_session_id);
  if (!session_key.empty()) out += fmt::format("    Session Server Key = {}\n", session_key);
  out += "    Attribute List:\nPerU: No data available\nService Profile: No Service Profile data.\n";
  out += "Unkn: No data available\nUnkn: No data available\n";
}

}  // namespace

std::string aaa_sessions_text(const std::vector<Snapshot>& sessions, const session::Totals& totals) {
  std::string out = fmt::format("Total sessions since last reload: {}\n", totals.begun);
  for (const Snapshot& s : sessions) {
    out +=
        fmt::format("Session Id: {}\n   Unique Id: {}\n   User Name: {}\n   IP Address: {}\n   Idle Time: {}\n",
                    s.names.acct_session_id, s.names.unique_id, s.user_name.empty() ? "*not available*" : s.user_name,
                    s.inner_v4 ? s.inner_v4->to_string() : "0.0.0.0", s.idle.count());
    out += "   CT Call Handle: 0\n";
  }
  return out;
}

std::string aaa_user_text(const Snapshot& session, std::string_view session_key) {
  std::string out = fmt::format("Unique id {} is currently in use.\n", session.names.unique_id);
  no_data(out, {"0", "EXEC", "CONN"});
  add_block(out, session, false);
  no_data(out, {"CMD", "SYSTEM", "VRRS", "RM CALL", "RM VPDN", "AUTH PROXY", "DOT1X", "CALL", "VPDN-TUNNEL",
                "VPDN-TUNNEL-LINK"});
  add_block(out, session, true);
  no_data(out, {"MCAST", "RESOURCE", "SSG", "IDENTITY", "ConnectedApps"});
  add_accounting(out, session);
  add_tail(out, session, session_key);
  return out;
}

}  // namespace controlplane::admin
