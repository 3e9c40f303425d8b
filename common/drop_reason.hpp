#pragma once
// Every reason for which the dataplane frees a packet without forwarding it: one table, so that enum, name and counter
// cannot drift.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace common {

// X(enumerator, text). Order is part of the channel: append only.
#define PORTCULLIS_DROP_REASONS(X)                                                    \
  X(truncated, "frame shorter than its headers say")                                  \
  X(bad_header, "malformed Ethernet, IP or UDP header")                               \
  X(bad_checksum, "IPv4 header checksum is wrong")                                    \
  X(own_source_mac, "frame that carries our own source address")                      \
  X(not_for_us, "frame for another station")                                          \
  X(unsupported_protocol, "network protocol that this release does not carry")        \
  X(fragment, "fragment given to ESP or the tunnel (RFC 4303 section 3.4.1)")         \
  X(unknown_spi, "no security association for the SPI")                               \
  X(wrong_outer, "SPI arrived at another address or encapsulation than its SA has")   \
  X(replay_old, "sequence number left of the replay window")                          \
  X(replay_duplicate, "sequence number seen before")                                  \
  X(bad_icv, "integrity check failed")                                                \
  X(bad_padding, "ESP padding is not 1, 2, 3 ... (RFC 4303 section 2.4)")             \
  X(dummy, "dummy packet, next header 59 (RFC 4303 section 2.6)")                     \
  X(bad_inner, "decrypted payload is no valid IP packet")                             \
  X(selector_in, "decrypted packet outside its SA's traffic selectors")               \
  X(selector_out, "clear packet outside the tunnel's traffic selectors")              \
  X(ecn_violation, "outer CE over inner Not-ECT (RFC 6040 section 4.2)")              \
  X(session_ended, "session was removed while the packet was under way")              \
  X(no_session, "address of a pool or of an ended tunnel that no session owns")       \
  X(no_route, "no route, or a route that leads to no port of ours")                   \
  X(neighbour_unresolved, "link-layer address of the next hop is not known yet")      \
  X(ttl_expired, "time to live is used up")                                           \
  X(too_big, "larger than the tunnel, with Don't Fragment set")                       \
  X(too_big_fragmentable, "larger than the tunnel, fragmentable (not supported yet)") \
  X(sequence_exhausted, "SA has used its last sequence number")                       \
  X(sa_expired, "session or SA is past its absolute end")                             \
  X(policed, "over the session's rate")                                               \
  X(tx_full, "port's transmit queue is full")                                         \
  X(handoff_full, "ring to the owning worker is full")                                \
  X(punt_full, "ring to the host stack is full, or its policer refused")              \
  X(host_write_failed, "kernel refused the frame at the TAP")                         \
  X(no_buffer, "no packet buffer left")                                               \
  X(orphaned, "no control plane for longer than orphan-timeout")                      \
  X(no_outbound_sa, "tunnel without a usable outbound SA")                            \
  X(spoofed_source, "clear packet whose source belongs to a tunnel")                  \
  X(keepalive, "NAT keepalive, one octet 0xFF (RFC 3948 section 2.3)")                \
  X(link_down, "port without link")

enum class DropReason : std::uint8_t {
#define X(name, text) name,
  PORTCULLIS_DROP_REASONS(X)
#undef X
      count_
};

inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::count_);

struct DropReasonFacts {
  std::string_view name;  ///< for metrics and `show dataplane counters`
  std::string_view text;
};

inline constexpr std::array<DropReasonFacts, kDropReasons> kDropReasonFacts = {{
#define X(name, text) {#name, text},
    PORTCULLIS_DROP_REASONS(X)
#undef X
}};

[[nodiscard]] constexpr std::string_view to_string(DropReason reason) noexcept {
  return reason < DropReason::count_ ? kDropReasonFacts[static_cast<std::size_t>(reason)].name : "unknown";
}

}  // namespace common
