// The transition table of state.hpp. An event that does not stand here is not possible in that state.

#include "controlplane/ike/state.hpp"

namespace controlplane::ike {
namespace {

struct Edge {
  State from;
  Event event;
  State to;
};

constexpr Edge kEdges[] = {
    {State::half_open, Event::request, State::checking},          // RFC 7296 §1.2
    {State::half_open, Event::expired, State::closed},            //
    {State::checking, Event::challenge, State::eap},              // §2.16
    {State::checking, Event::eap_success, State::eap_done},       //
    {State::checking, Event::verified, State::establishing},      // §2.15
    {State::checking, Event::refused, State::failed},             // §2.21.2
    {State::checking, Event::expired, State::failed},             //
    {State::eap, Event::request, State::checking},                //
    {State::eap, Event::refused, State::failed},                  // a POD between two requests
    {State::eap, Event::expired, State::closed},                  //
    {State::eap_done, Event::request, State::checking},           // the AUTH made of the MSK
    {State::eap_done, Event::refused, State::failed},             //
    {State::eap_done, Event::expired, State::closed},             //
    {State::establishing, Event::installed, State::established},  //
    {State::establishing, Event::refused, State::failed},         //
    {State::establishing, Event::no_child, State::stub},          // §2.21.2: the IKE SA stands, so it is deleted
    {State::establishing, Event::expired, State::failed},         //
    {State::established, Event::superseded, State::rekeyed},      // §2.18
    {State::established, Event::ending, State::closing},          // §1.4.1, §2.4
    {State::established, Event::session_over, State::stub},       // POD, timeouts, operator
    {State::rekeyed, Event::ending, State::stub},                 //
    {State::rekeyed, Event::session_over, State::stub},           //
    {State::rekeyed, Event::expired, State::stub},                // the peer forgot to: we delete it
    {State::closing, Event::session_over, State::stub},           //
    {State::stub, Event::deleted, State::closed},                 //
    {State::stub, Event::expired, State::closed},                 //
    {State::failed, Event::expired, State::closed},               //
};

}  // namespace

std::optional<State> step(State state, Event event) noexcept {
  for (const Edge& edge : kEdges)
    if (edge.from == state && edge.event == event) return edge.to;
  return std::nullopt;
}

std::string_view to_string(State state) noexcept {
  static constexpr std::string_view kNames[] = {"half_open",    "checking",    "eap",     "eap_done",
                                                "establishing", "established", "rekeyed", "closing",
                                                "stub",         "failed",      "closed"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view to_string(Event event) noexcept {
  static constexpr std::string_view kNames[] = {"request",   "challenge",    "eap_success", "verified",
                                                "installed", "refused",      "no_child",    "superseded",
                                                "ending",    "session_over", "deleted",     "expired"};
  return kNames[static_cast<std::size_t>(event)];
}

}  // namespace controlplane::ike
