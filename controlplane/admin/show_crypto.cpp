// `show crypto ikev2 sa [detail]` and `show crypto ipsec sa`, in the manner of IOS.

#include <fmt/format.h>

#include "common/suite.hpp"
#include "controlplane/admin/show.hpp"

namespace controlplane::admin {
namespace {

using session::Snapshot;

[[nodiscard]] std::string_view status(session::State state) {
  switch (state) {
    case session::State::pending:
      return "IN-NEG";
    case session::State::established:
      return "READY";
    case session::State::ending:
      return "DELETE";
  }
  return "?";
}

void indent(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    out += fmt::format("      {}\n", text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

[[nodiscard]] std::int64_t age(const Snapshot& s) {
  return s.counters_read > s.begun ? common::unix_seconds(s.counters_read) - common::unix_seconds(s.begun) : 0;
}

}  // namespace

std::string ikev2_sa_text(const std::vector<Snapshot>& sessions, bool detail) {
  std::string out =
      " IPv4 Crypto IKEv2  SA\n\nTunnel-id Local                 Remote                fvrf/ivrf            Status\n";
  for (const Snapshot& s : sessions) {
    out += fmt::format("{:<9} {:<21} {:<21} {:<20} {}\n", s.facts.ike_sa_id,
                       fmt::format("{}/{}", s.facts.local.address.to_string(), s.facts.local.port),
                       fmt::format("{}/{}", s.remote_now.address.to_string(), s.remote_now.port), "none/none",
                       status(s.state));
    indent(out, s.ike);
    out += fmt::format("      Auth verify: {}, Life/Active Time: {}/{} sec\n", session::to_string(s.facts.method),
                       s.session_timeout.count(), age(s));
    if (!detail) continue;
    out += fmt::format("      Session-id: {}  Unique Id: {}\n", s.names.id.value(), s.names.unique_id);
    out += fmt::format("      Audit-Session-Id: {}\n", s.names.audit_session_id);
    out += fmt::format("      Remote id: {}\n      Profile: {}\n", s.phase1_id, s.facts.profile);
    out += fmt::format("      Remote EAP/AAA id: {}\n", s.user_name.empty() ? "(none yet)" : s.user_name);
    if (s.inner_v4) out += fmt::format("      Assigned host addr: {}\n", s.inner_v4->to_string());
  }
  return out;
}

std::string ipsec_sa_text(const std::vector<Snapshot>& sessions) {
  std::string out;
  for (const Snapshot& s : sessions) {
    if (!s.child) continue;
    const auto suite = common::find_suite(static_cast<common::Suite>(s.child->suite));
    out += fmt::format("session {} ({}), local addr {}\n\n", s.names.unique_id, s.user_name,
                       s.facts.local.address.to_string());
    for (const std::string& selector : s.child->local_selectors) out += fmt::format("   local  ident: {}\n", selector);
    for (const std::string& selector : s.child->remote_selectors) out += fmt::format("   remote ident: {}\n", selector);
    out += fmt::format("   current_peer {} port {}\n", s.remote_now.address.to_string(), s.remote_now.port);
    out += fmt::format("    #pkts encaps: {}, #octets: {}\n", s.counters.out_packets, s.counters.out_octets);
    out += fmt::format("    #pkts decaps: {}, #octets: {}\n", s.counters.in_packets, s.counters.in_octets);
    std::uint64_t drops[2] = {};
    for (std::size_t i = 0; i < common::channel::kDropSlots; ++i) {
      drops[0] += s.counters.in_drops[i];
      drops[1] += s.counters.out_drops[i];
    }
    out += fmt::format("    #recv errors {}, #send errors {}\n\n", drops[0], drops[1]);
    const std::string settings =
        fmt::format("{}, in use settings ={{Tunnel{}, }}, replay window {}, ESN: {}", suite ? suite->name : "unknown",
                    s.child->udp_encap ? " UDP-Encaps" : "", s.child->replay_window, s.child->esn ? 'Y' : 'N');
    out += fmt::format("     inbound esp sas:\n      spi: 0x{0:08X}({0})\n        transform: {1}\n",
                       s.child->inbound_spi.value(), settings);
    out += fmt::format("     outbound esp sas:\n      spi: 0x{0:08X}({0})\n        transform: {1}\n",
                       s.child->outbound_spi.value(), settings);
    out += fmt::format("     child SAs before this one: {}\n\n", s.child->rekeys);
  }
  return out.empty() ? "no IPsec SAs\n" : out;
}

}  // namespace controlplane::admin
