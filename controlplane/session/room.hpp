#pragma once
// What the parts of this room share: the records of all sessions, and references to everything they work with.
// Not a door: other rooms see Door (door.hpp) and Registry (registry.hpp).

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/channel/messages.hpp"
#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/secret.hpp"
#include "config/schema.hpp"
#include "controlplane/dataplane/link.hpp"
#include "controlplane/radius/access.hpp"
#include "controlplane/radius/spool.hpp"
#include "controlplane/session/door.hpp"
#include "controlplane/session/index.hpp"
#include "controlplane/session/policy.hpp"
#include "controlplane/session/pools.hpp"
#include "controlplane/session/registry.hpp"

namespace controlplane::session {

/// How far a session came. The end is no phase: it is the latch `cause`, and may fall in any of them.
///
///   login ──establish──▶ opening ──row durable──▶ installing ──workers see it──▶ starting ──Start spooled──▶ up
enum class Phase : std::uint8_t { login, opening, installing, starting, up };

/// The install of a session that waits for its row; holds ESP keys, wiped when freed (P6).
struct PendingInstall {
  common::channel::InstallSession message{};
  common::SecretBytes blob;

  PendingInstall() = default;
  PendingInstall(const PendingInstall&) = delete;
  PendingInstall& operator=(const PendingInstall&) = delete;
  ~PendingInstall() { common::wipe({reinterpret_cast<std::uint8_t*>(&message), sizeof message}); }
};

struct Session {
  SessionNames names;
  LoginFacts facts;
  PeerHandle* peer = nullptr;  ///< null after Door::detach
  Phase phase = Phase::login;

  // who
  std::string eap_identity;
  std::string user_name;
  bool authenticated = false;
  bool by_radius = false;
  radius::NasIdentity nas;  ///< fixed at birth
  radius::Grant grant;
  Timeouts timeouts;
  std::optional<common::IpAddress> inner_v4;
  bool address_handed_on = false;  ///< its successor has the address: do not release
  std::string pool;

  // when
  common::WallTime begun{};
  common::WallTime authenticated_at{};
  common::WallTime established_at{};
  common::MonotonicTime interim_due{};

  // the conversation with RADIUS
  radius::RequestId request;  ///< in flight; 0: none
  common::Bytes radius_state;
  radius::ServerId radius_server;

  // the login under way
  std::move_only_function<void(EapStep)> eap_done;
  std::move_only_function<void(Verdict)> verdict_done;
  std::move_only_function<void(EstablishStatus)> establish_done;
  std::unique_ptr<PendingInstall> install;
  std::size_t waits_for = 0;  ///< older sessions of this user that are not gone yet

  // what exists of it where
  std::string session_key;  ///< attribute 151 of the document profile
  bool row_in_flight = false;
  bool row_written = false;
  config::AccountingProfile accounting_profile = config::AccountingProfile::extended;  ///< fixed with the row
  bool install_sent = false;
  std::uint32_t flags = 0;  ///< common::channel::kSession*
  bool start_in_flight = false;
  bool start_spooled = false;

  // traffic
  common::channel::SessionCounters counters{};  ///< as last read
  common::WallTime counters_read{};
  common::Endpoint remote_now;
  std::optional<ChildSnapshot> child;
  std::uint32_t interims = 0;

  // the end
  std::optional<Cause> cause;  ///< the latch; the first cause wins
  bool counters_final = false;
  bool estimated = false;
  bool in_commit = false;
  bool gone = false;  ///< the Stop is durable; the record goes when everybody has been answered
  common::WallTime ended_at{};
  std::shared_ptr<const DurableReply> reply;  ///< of the request that ended it; several sessions may share one
  std::vector<std::move_only_function<void()>> waiters;

  [[nodiscard]] State state() const noexcept {
    if (cause) return State::ending;
    return phase == Phase::up ? State::established : State::pending;
  }
  [[nodiscard]] radius::Counters usage() const noexcept {
    return {counters.in_octets, counters.in_packets, counters.out_octets, counters.out_packets};
  }
  [[nodiscard]] radius::AccountingIdentity identity() const;
  /// What an open-session row remembers of a session of an earlier run; it counts as up, without a peer.
  void restore(common::SessionId id, const radius::OpenSession& row);
  /// A record of this session as of `event`.
  [[nodiscard]] radius::AccountingRecord record(radius::RecordKind kind, common::WallTime event) const;
};

/// Everything that the parts of the room work with. Members that are references outlive it.
struct Room {
  Room(std::shared_ptr<const config::Config> configuration, const common::Clock& time,
       std::function<void(std::move_only_function<void()>)> poster, dataplane::Link& channel, radius::Spool& books,
       radius::AccessClient& access)
      : config(std::move(configuration)),
        clock(time),
        post(std::move(poster)),
        link(channel),
        spool(books),
        radius(access),
        pools(config->pools, time) {}

  std::shared_ptr<const config::Config> config;
  const common::Clock& clock;
  std::function<void(std::move_only_function<void()>)> post;  ///< runs it on the control thread, after this turn
  dataplane::Link& link;
  radius::Spool& spool;
  radius::AccessClient& radius;

  Pools pools;
  Index index;
  std::unordered_map<common::SessionId, std::unique_ptr<Session>> sessions;
  Totals totals;

  /// nullptr: not known (any more).
  [[nodiscard]] Session* find(common::SessionId id) const {
    const auto found = sessions.find(id);
    return found == sessions.end() || found->second->gone ? nullptr : found->second.get();
  }
  [[nodiscard]] bool accounting() const { return config->accounting.enabled; }
  [[nodiscard]] bool accounting_required() const { return config->accounting.enabled && config->accounting.required; }
  /// nullptr: the profile went with a reload.
  [[nodiscard]] const config::IkeProfile* profile(const std::string& name) const;
};

}  // namespace controlplane::session
