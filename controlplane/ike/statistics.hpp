#pragma once
// What the IKE room counts. One table, so that enum, name and text cannot drift; every datagram that is not answered
// has a counter here.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace controlplane::ike {

// X(enumerator, text)
#define PORTCULLIS_IKE_COUNTERS(X)                                                     \
  X(datagrams_in, "datagrams received on both ports")                                  \
  X(datagrams_out, "datagrams sent")                                                   \
  X(keepalives, "NAT keepalives, one octet 0xFF (RFC 3948 section 2.3)")               \
  X(drop_not_ike, "datagram on the NAT port without the non-ESP marker")               \
  X(drop_malformed, "message whose header or payloads do not parse")                   \
  X(drop_bad_version, "message of another major version")                              \
  X(drop_bad_exchange, "exchange type that no responder serves")                       \
  X(drop_unknown_spi, "no IKE SA for the SPIs")                                        \
  X(drop_unexpected_init, "IKE_SA_INIT that is no first request")                      \
  X(drop_half_open_limit, "IKE_SA_INIT above half-open-limit")                         \
  X(drop_source_limit, "IKE_SA_INIT above half-open-per-source")                       \
  X(drop_shutting_down, "IKE_SA_INIT during shutdown")                                 \
  X(drop_bad_icv, "protected message or fragment whose integrity check failed")        \
  X(drop_message_id, "request outside the window (RFC 7296 section 2.3)")              \
  X(drop_in_progress, "repetition of a request that is being answered")                \
  X(drop_unexpected_response, "response to nothing that was asked")                    \
  X(drop_wrong_state, "message that does not fit the state of its IKE SA")             \
  X(drop_bad_fragment, "fragment that contradicts its message (RFC 7383 section 2.6)") \
  X(drop_spi_exhausted, "no SPI could be had from the dataplane")                      \
  X(init_requests, "IKE_SA_INIT requests that were looked at")                         \
  X(cookies_sent, "IKE_SA_INIT answered with a cookie (RFC 7296 section 2.6)")         \
  X(cookies_bad, "cookies that were not ours, or too old")                             \
  X(invalid_ke, "INVALID_KE_PAYLOAD sent")                                             \
  X(no_proposal_chosen, "NO_PROPOSAL_CHOSEN sent")                                     \
  X(unsupported_critical, "UNSUPPORTED_CRITICAL_PAYLOAD sent")                         \
  X(invalid_syntax, "INVALID_SYNTAX sent")                                             \
  X(ts_unacceptable, "TS_UNACCEPTABLE sent")                                           \
  X(address_failure, "INTERNAL_ADDRESS_FAILURE sent")                                  \
  X(temporary_failure, "TEMPORARY_FAILURE sent")                                       \
  X(child_sa_not_found, "CHILD_SA_NOT_FOUND sent")                                     \
  X(no_additional_sas, "NO_ADDITIONAL_SAS sent")                                       \
  X(init_answered, "IKE SAs begun (half open)")                                        \
  X(half_open_expired, "IKE SAs that never became sessions in time")                   \
  X(retransmissions_answered, "repeated requests that got the same answer again")      \
  X(retransmissions_sent, "own requests sent again")                                   \
  X(fragments_in, "fragments received (RFC 7383)")                                     \
  X(fragments_out, "fragments sent")                                                   \
  X(logins_begun, "logins that chose a profile")                                       \
  X(logins_established, "logins that became sessions")                                 \
  X(logins_failed, "logins refused: AUTHENTICATION_FAILED or EAP-Failure")             \
  X(logins_no_profile, "logins for which no profile matches")                          \
  X(logins_no_child, "logins without an acceptable child SA or address")               \
  X(logins_aborted, "logins ended by a Packet of Disconnect or a duplicate")           \
  X(bad_auth, "AUTH payloads that did not verify")                                     \
  X(child_rekeys, "child SAs rekeyed by the peer")                                     \
  X(ike_rekeys, "IKE SAs rekeyed by the peer")                                         \
  X(dpd_sent, "liveness checks sent")                                                  \
  X(dpd_received, "liveness checks answered")                                          \
  X(dpd_dead, "peers that stopped answering")                                          \
  X(deletes_sent, "Deletes of IKE SAs sent")                                           \
  X(deletes_received, "Deletes of IKE SAs received")                                   \
  X(child_deletes_received, "Deletes of child SAs received")                           \
  X(peer_moves, "peers whose address changed")

enum class Counter : std::uint8_t {
#define X(name, text) name,
  PORTCULLIS_IKE_COUNTERS(X)
#undef X
      count_
};

inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::count_);

struct CounterFacts {
  std::string_view name;  ///< for metrics
  std::string_view text;
};

inline constexpr std::array<CounterFacts, kCounters> kCounterFacts = {{
#define X(name, text) {#name, text},
    PORTCULLIS_IKE_COUNTERS(X)
#undef X
}};

/// Monotone counters, and gauges of now.
class Statistics {
 public:
  void add(Counter counter) noexcept { ++counters_[static_cast<std::size_t>(counter)]; }
  [[nodiscard]] std::uint64_t operator[](Counter counter) const noexcept {
    return counters_[static_cast<std::size_t>(counter)];
  }
  [[nodiscard]] const std::array<std::uint64_t, kCounters>& all() const noexcept { return counters_; }

  std::size_t half_open = 0;    ///< IKE SAs before their session
  std::size_t established = 0;  ///< IKE SAs that carry a session

 private:
  std::array<std::uint64_t, kCounters> counters_{};
};

}  // namespace controlplane::ike
