#pragma once
// What accounting knows of a session: plain values, without a word about IKE or the dataplane.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/ids.hpp"
#include "config/schema.hpp"
#include "controlplane/radius/wire/attributes.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::radius {

/// Inner packets and their IP lengths; in is from the user (promise P2).
struct Counters {
  std::uint64_t in_octets = 0;
  std::uint64_t in_packets = 0;
  std::uint64_t out_octets = 0;
  std::uint64_t out_packets = 0;

  friend bool operator==(const Counters&, const Counters&) noexcept = default;
};

/// How this gateway names itself; fixed per session (DESIGN chapter 6).
struct NasIdentity {
  std::optional<common::IpAddress> address;  ///< NAS-IP-Address or NAS-IPv6-Address
  std::string identifier;                    ///< NAS-Identifier

  friend bool operator==(const NasIdentity&, const NasIdentity&) noexcept = default;
};

/// What all records of one session have in common. Fixed when the session is established.
struct AccountingIdentity {
  common::SessionId session;
  std::uint32_t acct_session_id = 0;  ///< sent as %08X
  std::uint32_t unique_id = 0;
  std::string audit_session_id;  ///< without "audit-session-id="
  std::string calling_station_id;
  std::string phase1_id;     ///< the peer's IKE identity
  std::string initiator_ip;  ///< the peer's outer address at login
  std::string user_name;
  wire::AcctAuthentic authentic = wire::AcctAuthentic::radius;
  std::string session_key;  ///< 8 hexadecimal digits of attribute 151 (`document` only); see make_session_key
  NasIdentity nas;
  std::optional<common::IpAddress> framed_ip_address;  ///< inner
  std::vector<common::Bytes> classes;                  ///< as the Access-Accept brought them, in order
  config::AccountingProfile profile = config::AccountingProfile::extended;

  friend bool operator==(const AccountingIdentity&, const AccountingIdentity&) noexcept = default;
};

/// A session that is established: its row is durable before InstallSession.
struct OpenSession {
  AccountingIdentity identity;
  common::WallTime started{};
  Counters counters;  ///< as last refreshed
  common::WallTime counters_read{};
  bool start_spooled = false;  ///< set by the store when the Start is spooled; without it no Stop is due
};

enum class RecordKind : std::uint8_t { start = 1, interim = 2, stop = 3, on = 4, off = 5 };

/// One accounting event; becomes one packet, the same at each repetition.
struct AccountingRecord {
  RecordKind kind = RecordKind::start;
  AccountingIdentity identity;        ///< `on` and `off` use only `nas`, `acct_session_id` and `profile`
  common::WallTime event{};           ///< when it happened: Event-Timestamp, and what Acct-Delay-Time counts from
  Counters counters;                  ///< interim, stop
  std::uint32_t session_seconds = 0;  ///< interim, stop
  std::uint8_t terminate_cause = 0;   ///< stop: RFC 2866 §5.10; `document` always sends 0
  bool counters_estimated = false;    ///< stop: the dataplane died, these are the last refreshed ones (P3)

  friend bool operator==(const AccountingRecord&, const AccountingRecord&) noexcept = default;
};

/// A Disconnect-Request and its answer, kept for the duplicate window (DESIGN chapter 6b).
struct StoredReply {
  common::Endpoint client;
  std::uint16_t local_port = 0;
  std::uint8_t identifier = 0;
  wire::Authenticator authenticator{};  ///< of the request
  common::Bytes reply;                  ///< the whole packet
  common::WallTime expires{};

  friend bool operator==(const StoredReply&, const StoredReply&) noexcept = default;
};

/// A fresh value for AccountingIdentity::session_key, from the operating system's random numbers.
[[nodiscard]] std::string make_session_key();

/// Versioned octets of an identity and of a record, for the database and for the blob that the dataplane keeps.
[[nodiscard]] common::Bytes encode_identity(const AccountingIdentity& identity);
[[nodiscard]] std::optional<AccountingIdentity> decode_identity(common::ByteView octets);
[[nodiscard]] common::Bytes encode_record(const AccountingRecord& record);
[[nodiscard]] std::optional<AccountingRecord> decode_record(common::ByteView octets);

}  // namespace controlplane::radius
