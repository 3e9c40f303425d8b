#pragma once
// What sessions write down: the durable side of a session's life, as the terminator needs it. The real one is
// StoreLedger over radius::Store and radius::Accounting; tests bring one that fails and delays as told.
// Thread: the control thread only. Operations take effect in the order in which they were asked for; callbacks run on
// the control thread, never before the call that took them has returned.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/ids.hpp"
#include "controlplane/session/door.hpp"
#include "controlplane/session/registry.hpp"

namespace controlplane::session {

/// What a session has carried; in is from the user (P2).
struct Usage {
  std::uint64_t in_octets = 0;
  std::uint64_t in_packets = 0;
  std::uint64_t out_octets = 0;
  std::uint64_t out_packets = 0;

  friend bool operator==(const Usage&, const Usage&) noexcept = default;
};

/// The open-session row: all that a Stop needs if this process never gets to say another word about the session.
struct OpenSession {
  SessionNames names;
  std::string user_name;
  std::string phase1_id;
  common::Endpoint local;   ///< outer, at login
  common::Endpoint remote;  ///< outer, at login: Calling-Station-Id and isakmp-initator-ip
  Method method = Method::eap;
  bool by_radius = false;  ///< a RADIUS server let the user in: Acct-Authentic of the extended profile
  std::optional<common::IpAddress> inner_v4;
  std::vector<common::Bytes> classes;  ///< Class attributes as the Access-Accept had them (RFC 2865 §5.25)
  common::WallTime established{};
  Usage usage;  ///< as last refreshed
  bool start_spooled = false;
};

/// The end of a session: its open row becomes its Stop.
struct Closing {
  OpenSession session;  ///< with the final counters
  Cause cause = Cause::nas_error;
  bool estimated = false;  ///< the dataplane died: counters are the last refreshed ones (P3)
  common::WallTime ended{};
  std::optional<DurableReply> reply;
};

struct UsageRow {
  common::SessionId id;
  Usage usage;
};

class Ledger {
 public:
  using Done = std::move_only_function<void(bool written)>;

  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  virtual ~Ledger() = default;

  /// The spool takes writes and has room for every open session's Stop (P3).
  [[nodiscard]] virtual bool accepts() const = 0;
  /// Names out of the durable counters; the audit-session-id is not filled in, its number is.
  /// @return nullopt: no block of ids could be reserved
  struct Numbers {
    std::uint64_t audit_number = 0;  ///< also the SessionId
    std::uint32_t acct_session_id = 0;
    std::uint32_t unique_id = 0;
  };
  [[nodiscard]] virtual std::optional<Numbers> next_numbers() = 0;
  [[nodiscard]] virtual common::KeyId next_key_id() = 0;

  /// The row is durable.
  virtual void open(const OpenSession& session, Done done) = 0;
  /// The Start is in the spool and the row says so; one transaction.
  virtual void start(const OpenSession& session, Done done) = 0;
  /// The row of a session that never came up: no Start, no Stop.
  virtual void drop(std::vector<common::SessionId> sessions, Done done) = 0;
  /// Rows become Stops; one transaction, all or none.
  virtual void close(std::vector<Closing> closings, Done done) = 0;
  /// Newer counters for open rows. A failure shows in `accepts`.
  virtual void refresh(std::vector<UsageRow> rows) = 0;
  /// An Interim-Update into the spool.
  virtual void interim(const OpenSession& session) = 0;
};

}  // namespace controlplane::session
