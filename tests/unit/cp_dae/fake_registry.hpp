#pragma once
// Sessions without a gateway: names in a list, and revocations that end when the test says so.

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "controlplane/session/registry.hpp"

namespace controlplane::dae {

class FakeRegistry final : public session::Registry {
 public:
  struct Entry {
    common::SessionId id;
    std::string audit_session_id;
    std::string acct_session_id;
    std::string user_name;
    std::string calling_station_id;
    common::IpAddress framed;
  };
  struct Revoked {
    std::vector<common::SessionId> sessions;
    session::Cause cause;
    std::optional<session::DurableReply> reply;
    std::move_only_function<void(session::Revocation)> done;
  };

  explicit FakeRegistry(boost::asio::io_context& io) : io_(io) {}

  std::vector<Entry> entries;
  std::deque<Revoked> revoked;  ///< in the order asked, finished ones included while `automatic`
  bool automatic = true;        ///< revocations end in the next turn
  session::Revocation result = session::Revocation::ended;
  std::vector<std::size_t> turns;  ///< how many revocations each turn of the loop brought
  std::size_t calls = 0;

  void add(std::uint64_t id, std::string audit, std::string user = "alice", std::string framed = "10.0.0.1") {
    entries.push_back({common::SessionId(id), std::move(audit), "000000" + std::to_string(10 + id), std::move(user),
                       "198.51.100.4", common::IpAddress::parse(framed).value()});
  }
  void set_ready(bool ready) {
    ready_ = ready;
    if (listener_) listener_(ready);
  }
  /// Ends the oldest revocation that is open.
  void finish(session::Revocation how) {
    Revoked first = std::move(revoked.front());
    revoked.pop_front();
    if (how == session::Revocation::ended) erase(first.sessions);
    first.done(how);
  }

  [[nodiscard]] bool ready() const override { return ready_; }
  void on_ready(std::function<void(bool)> listener) override { listener_ = std::move(listener); }

  [[nodiscard]] std::vector<common::SessionId> find(const session::Selector& wanted) const override {
    std::vector<common::SessionId> out;
    if (wanted.empty()) return out;
    for (const Entry& entry : entries)
      if ((!wanted.audit_session_id || *wanted.audit_session_id == entry.audit_session_id) &&
          (!wanted.acct_session_id || *wanted.acct_session_id == entry.acct_session_id) &&
          (!wanted.user_name || *wanted.user_name == entry.user_name) &&
          (!wanted.calling_station_id || *wanted.calling_station_id == entry.calling_station_id) &&
          (!wanted.framed_ip_address || *wanted.framed_ip_address == entry.framed))
        out.push_back(entry.id);
    return out;
  }
  [[nodiscard]] std::vector<common::SessionId> all() const override { return {}; }

  void revoke(const std::vector<common::SessionId>& sessions, session::Cause cause,
              std::optional<session::DurableReply> reply,
              std::move_only_function<void(session::Revocation)> done) override {
    ++calls;
    if (!turn_open_) {
      turn_open_ = true;
      turns.push_back(0);
      boost::asio::post(io_, [this] {
        turn_open_ = false;
        while (automatic && !revoked.empty()) finish(result);
      });
    }
    ++turns.back();
    revoked.push_back({sessions, cause, std::move(reply), std::move(done)});
  }

  [[nodiscard]] std::optional<session::Snapshot> snapshot(common::SessionId) const override { return std::nullopt; }
  [[nodiscard]] std::vector<session::Snapshot> list() const override { return {}; }
  void refresh_counters(std::vector<common::SessionId>, std::move_only_function<void()>) override {}
  [[nodiscard]] session::Totals totals() const override { return {}; }

 private:
  void erase(const std::vector<common::SessionId>& sessions) {
    std::erase_if(entries, [&](const Entry& entry) {
      return std::find(sessions.begin(), sessions.end(), entry.id) != sessions.end();
    });
  }

  boost::asio::io_context& io_;
  bool ready_ = true;
  bool turn_open_ = false;
  std::function<void(bool)> listener_;
};

}  // namespace controlplane::dae
