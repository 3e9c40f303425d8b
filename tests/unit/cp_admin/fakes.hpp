#pragma once
// Sessions and a dataplane with set answers, for the operator's door.

#include <algorithm>

#include "controlplane/admin/api.hpp"

namespace controlplane::admin {

/// The session of the document's `show aaa user 41`.
[[nodiscard]] inline session::Snapshot documents_session() {
  session::Snapshot s;
  s.names = {common::SessionId{59}, "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B", 30, 41};
  s.facts.profile = "users";
  s.facts.method = session::Method::psk;
  s.facts.local = {*common::IpAddress::parse("51.1.1.1"), 4500};
  s.facts.remote = {*common::IpAddress::parse("192.168.202.2"), 4500};
  s.facts.ike_sa_id = 2;
  s.remote_now = s.facts.remote;
  s.state = session::State::established;
  s.user_name = "pskuser2.g1.engdt.com";
  s.phase1_id = "pskuser2.g1.engdt.com";
  s.calling_station_id = "192.168.202.2";
  s.method_list = "accnt_prof";
  s.begun = common::WallTime(std::chrono::seconds(1'415'040'623));
  s.authenticated = s.begun;
  s.counters_read = s.begun + std::chrono::seconds(341);
  s.start_sent = true;
  return s;
}

class FakeSessions final : public session::Registry {
 public:
  std::vector<session::Snapshot> sessions;
  std::vector<common::SessionId> revoked;
  session::Revocation outcome = session::Revocation::ended;

  bool ready() const override { return true; }
  void on_ready(std::function<void(bool)> listener) override { listener(true); }
  std::vector<common::SessionId> find(const session::Selector& selector) const override {
    std::vector<common::SessionId> found;
    for (const auto& s : sessions)
      if ((!selector.unique_id || *selector.unique_id == s.names.unique_id) &&
          (!selector.user_name || *selector.user_name == s.user_name) && !selector.empty())
        found.push_back(s.names.id);
    return found;
  }
  std::vector<common::SessionId> all() const override {
    std::vector<common::SessionId> ids;
    for (const auto& s : sessions) ids.push_back(s.names.id);
    return ids;
  }
  void revoke(const std::vector<common::SessionId>& ids, session::Cause, std::optional<session::DurableReply>,
              std::move_only_function<void(session::Revocation)> done) override {
    revoked = ids;
    done(outcome);
  }
  std::optional<session::Snapshot> snapshot(common::SessionId id) const override {
    for (const auto& s : sessions)
      if (s.names.id == id) return s;
    return std::nullopt;
  }
  std::vector<session::Snapshot> list() const override { return sessions; }
  void refresh_counters(std::vector<common::SessionId>, std::move_only_function<void()> done) override { done(); }
  session::Totals totals() const override { return {.begun = 32, .established_now = sessions.size()}; }
};

/// Sources over these sessions and a dataplane that answers `values`.
[[nodiscard]] inline Sources sources_of(FakeSessions& sessions, std::vector<dataplane::NamedValue> values = {}) {
  return {sessions,
          [values](dataplane::LinkCallback<std::vector<dataplane::NamedValue>> done) { done(values); },
          {},
          {},
          [](std::uint32_t) { return std::string("1771D693"); }};
}

}  // namespace controlplane::admin
