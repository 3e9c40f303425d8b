#pragma once
// What the Disconnect server and the operator's door may ask of the sessions: find them by any id, end them, look at
// them. The real implementation is session::Sessions; tests of dae/ and admin/ bring their own.
// Thread: the control thread only; callbacks run on it, never before the call that took them has returned.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/channel/messages.hpp"
#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/suite.hpp"
#include "controlplane/radius/records.hpp"
#include "controlplane/session/door.hpp"

namespace controlplane::session {

/// Ids of a session as a request gives them (RFC 5176 §3). Every id that is present must agree, octet by octet; none
/// has a precedence. Texts are the attributes' octets as they came, without "audit-session-id=".
struct Selector {
  std::optional<std::string> audit_session_id;
  std::optional<std::string> acct_session_id;     ///< "0000002A"; a different spelling of the same number is no match
  std::optional<std::string> user_name;           ///< the accounting User-Name
  std::optional<std::string> calling_station_id;  ///< the peer's outer address at login, as text
  std::optional<common::IpAddress> framed_ip_address;  ///< inner address
  std::optional<std::uint32_t> unique_id;              ///< `show aaa sessions`; no RADIUS attribute has it

  [[nodiscard]] bool empty() const noexcept {
    return !audit_session_id && !acct_session_id && !user_name && !calling_station_id && !framed_ip_address &&
           !unique_id;
  }
  /// One of the ids given can name one session only, so a request with it needs no limit of matches.
  [[nodiscard]] bool names_one() const noexcept {
    return audit_session_id || acct_session_id || framed_ip_address || unique_id;
  }
};

/// A Disconnect-Request and its answer, kept with the Stop row for the length of the duplicate window, so that its
/// retransmission after a crash is answered the same (DESIGN chapter 6b).
using DurableReply = radius::StoredReply;

enum class Revocation : std::uint8_t {
  ended,       ///< no packet of any of them can pass any more and every Stop is durable: ACK
  no_spool,    ///< the spool takes no writes, nothing was touched: NAK 506
  not_removed  ///< a session of the list was not known (any more): NAK as "no session"; nothing was touched
};

enum class State : std::uint8_t {
  pending,      ///< login in progress
  established,  ///< traffic may flow
  ending        ///< the terminator has it
};
[[nodiscard]] std::string_view to_string(State state) noexcept;
[[nodiscard]] std::string_view to_string(Method method) noexcept;
[[nodiscard]] std::string_view to_string(Cause cause) noexcept;

/// The current child SA, for `show crypto ipsec sa`.
struct ChildSnapshot {
  common::Spi inbound_spi;
  common::Spi outbound_spi;
  std::uint16_t suite = 0;  ///< common::Suite
  bool udp_encap = false;
  bool esn = false;
  std::uint32_t replay_window = 0;           ///< packets
  std::vector<std::string> local_selectors;  ///< "10.0.0.0-10.255.255.255"
  std::vector<std::string> remote_selectors;
  common::WallTime installed{};
  std::uint32_t rekeys = 0;  ///< child SAs before this one
};

/// One session as `show aaa sessions`, `show aaa user`, `show crypto ikev2 sa` and the metrics print it. A copy.
struct Snapshot {
  SessionNames names;
  LoginFacts facts;
  State state = State::pending;
  std::string user_name;  ///< empty while nobody has authenticated: "*not available*"
  std::string phase1_id;  ///< isakmp-phase1-id: IDi
  std::string calling_station_id;
  common::Endpoint remote_now;  ///< after NAT rebinding; `facts.remote` is where the login came from
  std::optional<common::IpAddress> inner_v4;
  std::string pool;         ///< where the address came from, empty: RADIUS or none
  std::string method_list;  ///< [aaa.accounting] method-list
  common::WallTime begun{};
  std::optional<common::WallTime> authenticated;
  std::optional<common::WallTime> established;
  bool start_sent = false;                      ///< the Start is in the spool or was acknowledged
  bool stop_sent = false;                       ///< always false while the session can be listed, IOS prints it
  common::channel::SessionCounters counters{};  ///< as last read from the dataplane
  common::WallTime counters_read{};
  std::chrono::seconds idle{0};              ///< since the last packet of either direction, or since establishment
  std::chrono::seconds session_timeout{0};   ///< 0: none
  std::chrono::seconds idle_timeout{0};      ///< 0: none
  std::chrono::seconds interim_interval{0};  ///< 0: none
  std::uint32_t interims_sent = 0;
  std::string session_key;           ///< "Session Server Key", eight hexadecimal digits; empty while pending
  std::size_t class_attributes = 0;  ///< how many Class attributes the Access-Accept had
  std::optional<Cause> cause;        ///< while ending
  std::optional<ChildSnapshot> child;
  std::string ike;  ///< PeerHandle::describe(), empty without a peer
};

/// Totals for `show aaa sessions` and the metrics.
struct Totals {
  std::uint64_t begun = 0;        ///< since the process started ("Total sessions since last reload")
  std::uint64_t established = 0;  ///< since the process started
  std::uint64_t ended = 0;        ///< Stops made durable since the process started
  std::uint64_t logins_failed = 0;
  std::uint64_t logins_aborted = 0;  ///< by a POD or a newer login
  std::size_t pending_now = 0;
  std::size_t established_now = 0;
  std::size_t ending_now = 0;
  std::uint64_t stop_commit_failures = 0;  ///< alarm: a Stop that could not be written is retried
  std::size_t stops_waiting = 0;           ///< alarm gauge: removed sessions whose Stop is not durable yet
  std::size_t quarantined_addresses = 0;
};

class Registry {
 public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  virtual ~Registry() = default;

  /// False while the start-up reconciliation runs or the channel is down: requests wait, none is answered (DESIGN 6b).
  [[nodiscard]] virtual bool ready() const = 0;
  /// Told at each change of ready(). One listener; replaces the one before.
  virtual void on_ready(std::function<void(bool)> listener) = 0;

  /// Every session that agrees with all given ids: pending logins and running terminations too, ended ones never.
  /// An empty selector matches nothing.
  [[nodiscard]] virtual std::vector<common::SessionId> find(const Selector& selector) const = 0;
  /// Every session, oldest first.
  [[nodiscard]] virtual std::vector<common::SessionId> all() const = 0;

  /// Ends all of them, or touches none. Sessions that are ending already are joined; their first cause stays.
  /// @param reply  what the caller will answer at `ended`; durable together with the Stop rows
  virtual void revoke(const std::vector<common::SessionId>& sessions, Cause cause, std::optional<DurableReply> reply,
                      std::move_only_function<void(Revocation)> done) = 0;

  /// nullopt: not known (any more).
  [[nodiscard]] virtual std::optional<Snapshot> snapshot(common::SessionId id) const = 0;
  [[nodiscard]] virtual std::vector<Snapshot> list() const = 0;
  /// Asks the dataplane for fresh counters of these sessions (all of them when empty), then `done`; after an error or
  /// while the channel is down the old ones stay.
  virtual void refresh_counters(std::vector<common::SessionId> sessions, std::move_only_function<void()> done) = 0;
  [[nodiscard]] virtual Totals totals() const = 0;
};

}  // namespace controlplane::session
