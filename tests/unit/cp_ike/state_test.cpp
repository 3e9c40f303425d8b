// The state table, cell by cell: what is not listed here must not be possible.

#include "controlplane/ike/state.hpp"

#include <map>
#include <utility>

#include <gtest/gtest.h>

namespace controlplane::ike {
namespace {

constexpr State kStates[] = {State::half_open,    State::checking,    State::eap,     State::eap_done,
                             State::establishing, State::established, State::rekeyed, State::closing,
                             State::stub,         State::failed,      State::closed};
constexpr Event kEvents[] = {Event::request,   Event::challenge, Event::eap_success,  Event::verified,
                             Event::installed, Event::refused,   Event::no_child,     Event::superseded,
                             Event::ending,    Event::deleted,   Event::session_over, Event::expired};

TEST(State, EveryCell) {
  using enum Event;
  using S = State;
  const std::map<std::pair<State, Event>, State> expected = {
      {{S::half_open, request}, S::checking},
      {{S::half_open, expired}, S::closed},
      {{S::checking, challenge}, S::eap},
      {{S::checking, eap_success}, S::eap_done},
      {{S::checking, verified}, S::establishing},
      {{S::checking, refused}, S::failed},
      {{S::checking, expired}, S::failed},
      {{S::eap, request}, S::checking},
      {{S::eap, refused}, S::failed},
      {{S::eap, expired}, S::closed},
      {{S::eap_done, request}, S::checking},
      {{S::eap_done, refused}, S::failed},
      {{S::eap_done, expired}, S::closed},
      {{S::establishing, installed}, S::established},
      {{S::establishing, refused}, S::failed},
      {{S::establishing, no_child}, S::stub},
      {{S::establishing, expired}, S::failed},
      {{S::established, superseded}, S::rekeyed},
      {{S::established, ending}, S::closing},
      {{S::established, session_over}, S::stub},
      {{S::rekeyed, ending}, S::stub},
      {{S::rekeyed, session_over}, S::stub},
      {{S::rekeyed, expired}, S::stub},
      {{S::closing, session_over}, S::stub},
      {{S::stub, deleted}, S::closed},
      {{S::stub, expired}, S::closed},
      {{S::failed, expired}, S::closed},
  };
  for (const State state : kStates) {
    for (const Event event : kEvents) {
      const auto cell = expected.find({state, event});
      const auto next = step(state, event);
      EXPECT_EQ(next.has_value(), cell != expected.end()) << to_string(state) << " on " << to_string(event);
      if (next && cell != expected.end())
        EXPECT_EQ(*next, cell->second) << to_string(state) << " on " << to_string(event);
    }
  }
}

TEST(State, EveryStateCanEnd) {
  // From each state some way leads to closed.
  for (const State from : kStates) {
    State state = from;
    for (int turns = 0; turns < 4 && state != State::closed; ++turns) {
      for (const Event event : {Event::expired, Event::session_over, Event::ending}) {
        if (const auto next = step(state, event)) {
          state = *next;
          break;
        }
      }
    }
    EXPECT_EQ(state, State::closed) << to_string(from);
  }
}

TEST(State, Names) {
  EXPECT_EQ(to_string(State::half_open), "half_open");
  EXPECT_EQ(to_string(State::closed), "closed");
  EXPECT_EQ(to_string(Event::request), "request");
  EXPECT_EQ(to_string(Event::expired), "expired");
  EXPECT_EQ(to_string(Event::deleted), "deleted");
  EXPECT_EQ(to_string(Event::session_over), "session_over");
}

}  // namespace
}  // namespace controlplane::ike
