#pragma once
// The life of one IKE SA as a table: every change of state goes through `step`, so each cell is one test.
//
//                              challenge
//                       ┌──────────────────────────┐
//                       ▼                          │
//   half_open ─request─▶ checking ◀─request─ eap ◀─┤
//                       │ │   ▲                    │ eap_success
//              verified │ │   └──request─ eap_done ◀
//                       ▼ │ refused (also from eap, eap_done, establishing)
//             establishing└──────────▶ failed ─expired─▶ closed
//                 │   │ no_child
//       installed │   └──────────────▶ stub ◀──────────┐
//                 ▼                     ▲ ▲            │ ending, session_over, expired
//             established ─session_over─┘ │         rekeyed
//                 │ │ superseded          │            ▲
//          ending │ └─────────────────────│────────────┘
//                 ▼                       │
//              closing ─session_over──────┘      stub ─deleted, expired─▶ closed
//
// The login states (the first five) expire into closed, or into failed while a request waits for its answer.
//
// half_open     IKE_SA_INIT is answered (RFC 7296 §1.2); nothing is known of the peer
// checking      a request of IKE_AUTH is being answered: RADIUS is asked, or a signature verified
// eap           the peer owes the next EAP response (§2.16)
// eap_done      EAP has succeeded, the peer owes its AUTH
// establishing  authenticated; the session is being made durable and installed
// established   carries a session
// rekeyed       its successor carries the session; the peer's Delete is awaited (§2.18)
// closing       the terminator runs: the peer deleted it, or is dead
// stub          the session is over here: Delete is on its way, or was answered; lives 10 s to answer repetitions
// failed        refused; only repetitions of its last request are answered
// closed        gone with the next turn

#include <cstdint>
#include <optional>
#include <string_view>

namespace controlplane::ike {

enum class State : std::uint8_t {
  half_open,
  checking,
  eap,
  eap_done,
  establishing,
  established,
  rekeyed,
  closing,
  stub,
  failed,
  closed,
};

enum class Event : std::uint8_t {
  request,       ///< an IKE_AUTH request that passed its integrity check
  challenge,     ///< EAP goes on
  eap_success,   ///< the EAP server is content
  verified,      ///< identity proven and authorized
  installed,     ///< the workers have the child SA, the Stop is sure
  refused,       ///< AUTHENTICATION_FAILED or EAP-Failure was sent
  no_child,      ///< authenticated, but nothing to carry: no proposal, selectors or address
  superseded,    ///< the peer rekeyed this IKE SA
  ending,        ///< the peer's Delete, or its death
  session_over,  ///< the session's Stop is durable
  deleted,       ///< the peer answered our Delete
  expired,       ///< the time of this state is up
};

/// The state after an event; nullopt where the event does not fit, which is counted and changes nothing.
[[nodiscard]] std::optional<State> step(State state, Event event) noexcept;

[[nodiscard]] std::string_view to_string(State state) noexcept;
[[nodiscard]] std::string_view to_string(Event event) noexcept;

/// Before there is a session: counts as half open (P5).
[[nodiscard]] constexpr bool is_login(State state) noexcept { return state <= State::establishing; }

}  // namespace controlplane::ike
