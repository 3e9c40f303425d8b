#pragma once
// The contract between the two processes: what travels on the channel, octet by octet. Both ends run on one machine, so
// integers are in its (little-endian) order; every struct is packed by hand, without implicit padding, and its size is
// pinned.
//
// A frame is a FrameHeader, then `count` records of the layout that its type names. A record whose layout ends in
// `blob_octets` is followed directly by that many octets. A reply repeats the request's type and id, with kReply set.
// Long replies come in several frames; all but the last carry kMore.
//
//   request            record              reply record       answered
//   hello              Hello               HelloReply         at once; any other first message closes the connection
//   install_session    InstallSession      SessionStatus      when the workers can see it
//   rekey_child        RekeyChild          SessionStatus      when the workers can see it
//   delete_child       DeleteChild         SessionStatus      at once; the SA receives for 5 s more
//   remove_sessions    RemoveSession       SessionCounters    after both phases and the drain: counters are final (P1,
//   P2) forget_sessions    SessionRef          SessionStatus      at once; only for tombstones update_peer UpdatePeer
//   SessionStatus      at once set_policy         SetPolicy           SessionStatus      at once read_counters
//   SessionRef          SessionCounters    at once list_sessions      (none)              SessionListing     in frames,
//   tombstones included put_blob           PutBlob             SessionStatus      at once reserve_spis ReserveSpis
//   ReservedSpi        at once; a reservation expires after 60 s release_spis       ReservedSpi         SessionStatus
//   at once read_statistics    (none)              NamedValue         in frames event_*            (see below) none:
//   events go from the dataplane to the control plane only

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/drop_reason.hpp"

namespace common::channel {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kMaxFrameOctets = 8U << 20U;  ///< payload of one frame
inline constexpr std::uint32_t kMaxBlobOctets = 32U << 10U;
inline constexpr std::size_t kMaxSelectors = 4;  ///< per direction and child SA
inline constexpr std::size_t kDropSlots = 48;    ///< room for kDropReasons to grow
static_assert(kDropReasons <= kDropSlots);

enum class Type : std::uint16_t {
  hello = 1,
  install_session = 2,
  rekey_child = 3,
  delete_child = 4,
  remove_sessions = 5,
  forget_sessions = 6,
  update_peer = 7,
  set_policy = 8,
  read_counters = 9,
  list_sessions = 10,
  put_blob = 11,
  reserve_spis = 12,
  release_spis = 13,
  read_statistics = 14,
  event_peer_moved = 64,        ///< PeerMoved
  event_lifetime_reached = 65,  ///< SessionEvent
  event_idle_expired = 66,      ///< SessionEvent
  event_inbound_seen = 67,      ///< SessionEvent
  event_child_expired = 68,     ///< ChildEvent: sequence numbers or octets run out
};

inline constexpr std::uint16_t kReply = 1;  ///< FrameHeader::flags
inline constexpr std::uint16_t kMore = 2;   ///< FrameHeader::flags: another frame of this reply follows

struct FrameHeader {
  std::uint32_t length;  ///< octets after this header, at most kMaxFrameOctets
  std::uint16_t type;
  std::uint16_t flags;
  std::uint32_t request_id;  ///< chosen by the control plane; 0 in events
  std::uint32_t count;       ///< records
};
static_assert(sizeof(FrameHeader) == 16);

/// Every answer says how it went with one of these.
enum class Status : std::uint16_t {
  ok = 0,
  unchanged = 1,  ///< an exact repetition: nothing was done again (P7)
  unknown_session = 2,
  ended = 3,           ///< the id is a tombstone; an ended id is never used again
  no_capacity = 4,     ///< sessions or SAs; capacity counts tombstones
  invalid = 5,         ///< a field is out of its range
  unknown_spi = 6,     ///< not reserved, or the reservation has expired
  address_in_use = 7,  ///< another session owns the inner address or a selector
  fenced = 8,          ///< a newer control plane has said hello
  wrong_version = 9,
  not_ended = 10,  ///< forget for a session that lives
};

struct WireAddress {
  std::array<std::uint8_t, 16> octets;  ///< network order; IPv4 in the first four
  std::uint8_t family;                  ///< 4, 6, or 0: no address
  std::array<std::uint8_t, 3> zero;
};
static_assert(sizeof(WireAddress) == 20);

struct WireEndpoint {
  WireAddress address;
  std::uint16_t port;
  std::uint16_t zero;
};
static_assert(sizeof(WireEndpoint) == 24);

/// A range of inner addresses and ports (RFC 7296 §3.13.1).
struct WireSelector {
  WireAddress first;
  WireAddress last;  ///< inclusive, same family
  std::uint16_t first_port;
  std::uint16_t last_port;  ///< inclusive; 0..65535 is any
  std::uint8_t protocol;    ///< IANA protocol number, 0 is any
  std::array<std::uint8_t, 3> zero;
};
static_assert(sizeof(WireSelector) == 48);

struct WireKeys {
  std::array<std::uint8_t, 36> encryption;  ///< KEYMAT order: key, then salt; unused octets are 0
  std::array<std::uint8_t, 64> integrity;   ///< unused octets are 0
};
static_assert(sizeof(WireKeys) == 100);

inline constexpr std::uint16_t kChildEsn = 1;       ///< 64-bit sequence numbers
inline constexpr std::uint16_t kChildUdpEncap = 2;  ///< ESP in UDP (RFC 3948)
inline constexpr std::uint16_t kChildNoReplay = 4;  ///< the peer asked for none

/// One pair of ESP SAs.
struct WireChild {
  std::uint32_t inbound_spi;   ///< reserved with reserve_spis; chosen by the gateway
  std::uint32_t outbound_spi;  ///< chosen by the peer
  std::uint64_t key_id;
  std::uint64_t end_unix_ms;    ///< absolute end, 0: none
  std::uint16_t suite;          ///< common::Suite
  std::uint16_t flags;          ///< kChild*
  std::uint32_t replay_window;  ///< packets, 64..4096, a power of two
  WireKeys inbound;
  WireKeys outbound;
  std::uint16_t local_selectors;   ///< used entries of `local`: what is behind us
  std::uint16_t remote_selectors;  ///< used entries of `remote`: what the peer may send from
  std::uint32_t zero;
  std::array<WireSelector, kMaxSelectors> local;
  std::array<WireSelector, kMaxSelectors> remote;
};
static_assert(sizeof(WireChild) == 624 && std::has_unique_object_representations_v<WireChild>);

struct WirePolicy {
  std::uint64_t session_end_unix_ms;  ///< Session-Timeout as an absolute time, 0: none
  std::uint32_t idle_timeout_s;       ///< 0: none
  std::uint32_t zero;
  std::uint64_t input_rate_bits;   ///< bits per second from the user, 0: unlimited
  std::uint64_t output_rate_bits;  ///< bits per second to the user, 0: unlimited
};
static_assert(sizeof(WirePolicy) == 32);

struct Hello {
  std::uint32_t version;  ///< kVersion
  std::uint32_t epoch;    ///< the control plane's; newest wins
};
static_assert(sizeof(Hello) == 8);

struct HelloReply {
  std::uint32_t version;
  std::uint16_t status;  ///< ok, wrong_version, fenced
  std::uint16_t workers;
  std::uint32_t epoch;     ///< highest epoch ever seen before this hello
  std::uint32_t sessions;  ///< live
  std::uint32_t tombstones;
  std::uint32_t capacity;
  std::uint64_t boot_id;         ///< random, new at each start of the dataplane
  std::uint64_t max_session_id;  ///< highest session id ever installed since then
};
static_assert(sizeof(HelloReply) == 40);

inline constexpr std::uint32_t kSessionNat = 1;  ///< NAT was detected: the peer's address may move (DESIGN chapter 3)
inline constexpr std::uint32_t kSessionMobike = 2;  ///< MOBIKE moves the address, data packets do not

struct InstallSession {
  std::uint64_t session_id;
  WireEndpoint local;    ///< outer
  WireEndpoint remote;   ///< outer; port as IKE sees it
  std::uint32_t flags;   ///< kSession*
  std::uint32_t vrf;     ///< 0: the default table
  WireAddress inner_v4;  ///< assigned address, family 0: none (site to site)
  WireAddress inner_v6;
  WirePolicy policy;
  WireChild child;
  std::uint32_t zero;
  std::uint32_t blob_octets;  ///< opaque state of the control plane, at most kMaxBlobOctets
};
static_assert(sizeof(InstallSession) == 768 && std::has_unique_object_representations_v<InstallSession>);

struct RekeyChild {
  std::uint64_t session_id;
  std::uint32_t old_inbound_spi;
  std::uint32_t zero;
  WireChild child;
};
static_assert(sizeof(RekeyChild) == 16 + sizeof(WireChild));

struct DeleteChild {
  std::uint64_t session_id;
  std::uint32_t inbound_spi;
  std::uint32_t zero;
};
static_assert(sizeof(DeleteChild) == 16);

struct RemoveSession {
  std::uint64_t session_id;
  std::uint16_t cause;  ///< Acct-Terminate-Cause, kept in the tombstone
  std::uint16_t zero16;
  std::uint32_t zero32;
};
static_assert(sizeof(RemoveSession) == 16);

struct SessionRef {
  std::uint64_t session_id;
};
static_assert(sizeof(SessionRef) == 8);

struct SessionStatus {
  std::uint64_t session_id;
  std::uint16_t status;
  std::uint16_t zero16;
  std::uint32_t zero32;
};
static_assert(sizeof(SessionStatus) == 16);

/// What a session has carried. Octets are the inner packets' IP lengths; in is from the user (P2).
struct SessionCounters {
  std::uint64_t session_id;
  std::uint16_t status;  ///< ok; unchanged: a tombstone's, repeated; unknown_session
  std::uint16_t cause;   ///< of the removal that came first, 0 while it lives
  std::uint32_t final_;  ///< 1: cannot move any more
  std::uint64_t in_octets;
  std::uint64_t in_packets;
  std::uint64_t out_octets;
  std::uint64_t out_packets;
  std::uint64_t last_in_unix_ms;  ///< 0: nothing yet
  std::uint64_t last_out_unix_ms;
  std::array<std::uint64_t, kDropSlots>
      in_drops;  ///< by DropReason: ESP packets of this session that were not forwarded
  std::array<std::uint64_t, kDropSlots>
      out_drops;  ///< by DropReason: clear packets for this session that were not forwarded
};
static_assert(sizeof(SessionCounters) == 64 + 16 * kDropSlots);

struct UpdatePeer {
  std::uint64_t session_id;
  WireEndpoint local;
  WireEndpoint remote;
  std::uint32_t flags;      ///< kSession*
  std::uint32_t udp_encap;  ///< 1: ESP in UDP from now on
};
static_assert(sizeof(UpdatePeer) == 64);

struct SetPolicy {
  std::uint64_t session_id;
  WirePolicy policy;
};
static_assert(sizeof(SetPolicy) == 40);

struct SessionListing {
  SessionCounters counters;
  std::uint64_t installed_unix_ms;
  std::uint32_t epoch;        ///< of the control plane that installed it
  std::uint32_t inbound_spi;  ///< the current child's
  std::uint32_t outbound_spi;
  std::uint16_t ended;  ///< 1: a tombstone
  std::uint16_t zero16;
  WireEndpoint local;
  WireEndpoint remote;
  std::uint32_t zero32;
  std::uint32_t blob_octets;
};
static_assert(sizeof(SessionListing) == sizeof(SessionCounters) + 24 + 48 + 8);

struct PutBlob {
  std::uint64_t session_id;
  std::uint32_t zero;
  std::uint32_t blob_octets;
};
static_assert(sizeof(PutBlob) == 16);

struct ReserveSpis {
  std::uint32_t count;  ///< 1..4096
  std::uint32_t zero;
};
static_assert(sizeof(ReserveSpis) == 8);

struct ReservedSpi {
  std::uint32_t spi;
  std::uint32_t zero;
};
static_assert(sizeof(ReservedSpi) == 8);

/// A counter or gauge of the dataplane, named by its owner so that the reader needs no table.
/// Names are dotted: "drop.bad_icv", "port.outside.rx_packets", "worker.0.packets", "table.sessions".
struct NamedValue {
  std::array<char, 56> name;  ///< ends at the first NUL
  std::uint64_t value;
};
static_assert(sizeof(NamedValue) == 64);

struct PeerMoved {
  std::uint64_t session_id;
  WireEndpoint remote;
};
static_assert(sizeof(PeerMoved) == 32);

struct SessionEvent {
  std::uint64_t session_id;
};
static_assert(sizeof(SessionEvent) == 8);

struct ChildEvent {
  std::uint64_t session_id;
  std::uint32_t inbound_spi;
  std::uint32_t zero;
};
static_assert(sizeof(ChildEvent) == 16);

}  // namespace common::channel
