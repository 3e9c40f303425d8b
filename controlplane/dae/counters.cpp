// Names and sums of the counters.

#include "controlplane/dae/counters.hpp"

namespace controlplane::dae {

std::string_view to_string(Discard why) noexcept {
  switch (why) {
    case Discard::unknown_client:
      return "unknown-client";
    case Discard::truncated:
      return "truncated";
    case Discard::bad_length:
      return "bad-length";
    case Discard::unknown_code:
      return "unknown-code";
    case Discard::malformed:
      return "malformed";
    case Discard::bad_authenticator:
      return "bad-authenticator";
    case Discard::bad_message_authenticator:
      return "bad-message-authenticator";
    case Discard::missing_message_authenticator:
      return "missing-message-authenticator";
    case Discard::stale_timestamp:
      return "stale-timestamp";
    case Discard::missing_timestamp:
      return "missing-timestamp";
    case Discard::in_progress:
      return "in-progress";
    case Discard::no_reply:
      return "no-reply";
  }
  return "unknown";
}

void count_discard(ClientCounters& counters, Discard why, bool coa) noexcept {
  ++counters.discards[static_cast<std::size_t>(why)];
  RequestCounters& kind = coa ? counters.coa : counters.disconnect;
  switch (why) {
    case Discard::truncated:
    case Discard::bad_length:
    case Discard::malformed:
      ++kind.malformed;
      return;
    case Discard::unknown_code:
      ++counters.unknown_types;
      return;
    case Discard::bad_authenticator:
    case Discard::bad_message_authenticator:
      ++kind.bad_authenticators;
      return;
    case Discard::in_progress:  // counted as a duplicate
    case Discard::unknown_client:
      return;
    case Discard::missing_message_authenticator:
    case Discard::stale_timestamp:
    case Discard::missing_timestamp:
    case Discard::no_reply:
      ++kind.packets_dropped;
      return;
  }
}

std::vector<std::pair<std::string_view, std::uint64_t>> rfc4673(const ClientCounters& counters) {
  const RequestCounters& d = counters.disconnect;
  const RequestCounters& c = counters.coa;
  return {{"radiusDynAuthServDisconRequests", d.requests},
          {"radiusDynAuthServDisconAuthOnlyRequests", d.auth_only_requests},
          {"radiusDynAuthServDupDisconRequests", d.duplicate_requests},
          {"radiusDynAuthServDisconAcks", d.acks},
          {"radiusDynAuthServDisconNaks", d.naks},
          {"radiusDynAuthServDisconNakAuthOnlyRequests", d.nak_auth_only_requests},
          {"radiusDynAuthServDisconNakSessNoContext", d.nak_session_no_context},
          {"radiusDynAuthServDisconUserSessRemoved", d.sessions},
          {"radiusDynAuthServMalformedDisconRequests", d.malformed},
          {"radiusDynAuthServDisconBadAuthenticators", d.bad_authenticators},
          {"radiusDynAuthServDisconPacketsDropped", d.packets_dropped},
          {"radiusDynAuthServCoARequests", c.requests},
          {"radiusDynAuthServCoAAuthOnlyRequests", c.auth_only_requests},
          {"radiusDynAuthServDupCoARequests", c.duplicate_requests},
          {"radiusDynAuthServCoAAcks", c.acks},
          {"radiusDynAuthServCoANaks", c.naks},
          {"radiusDynAuthServCoANakAuthOnlyRequests", c.nak_auth_only_requests},
          {"radiusDynAuthServCoANakSessNoContext", c.nak_session_no_context},
          {"radiusDynAuthServCoAUserSessChanged", c.sessions},
          {"radiusDynAuthServMalformedCoARequests", c.malformed},
          {"radiusDynAuthServCoABadAuthenticators", c.bad_authenticators},
          {"radiusDynAuthServCoAPacketsDropped", c.packets_dropped},
          {"radiusDynAuthServUnknownTypes", counters.unknown_types}};
}

}  // namespace controlplane::dae
