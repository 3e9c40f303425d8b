#pragma once
// What becomes of the sessions of an earlier run: one decision for each combination of what the database and the
// dataplane remember (DESIGN chapter 6b). The table stands in README.md and is tested cell by cell.

#include <cstdint>

#include "controlplane/session/door.hpp"

namespace controlplane::session {

enum class InDataplane : std::uint8_t { absent, live, tombstone };

/// What is known of one session id at start.
struct Remains {
  bool row = false;            ///< an open-session row
  bool start_spooled = false;  ///< the row says that its Start was spooled
  InDataplane dataplane = InDataplane::absent;
  bool identity_in_blob = false;  ///< the dataplane's blob names the session, should the row be missing
  bool database_new = false;      ///< there was no database: a missing row says nothing about the Stop
};

struct Decision {
  bool remove = false;  ///< take it out of the dataplane, and its final counters with it
  enum class Record : std::uint8_t {
    none,            ///< no Stop is due; nothing is written
    drop_row,        ///< no Start was spooled, so no Stop is due: the row goes silently
    stop,            ///< with the dataplane's final counters
    stop_estimated,  ///< with the row's last counters: the dataplane that had better ones is dead (P3)
    stop_from_blob   ///< final counters, identity from the blob
  } record = Record::none;
  Cause cause = Cause::nas_reboot;  ///< where a tombstone names the cause that came first, that one stays

  friend bool operator==(const Decision&, const Decision&) noexcept = default;
};

[[nodiscard]] Decision decide(const Remains& remains);

}  // namespace controlplane::session
