// The table of the start-up reconciliation as a function.

#include "controlplane/session/reconcile.hpp"

namespace controlplane::session {

Decision decide(const Remains& remains) {
  using enum Decision::Record;
  const bool in_dataplane = remains.dataplane != InDataplane::absent;
  Decision decision;
  decision.remove = in_dataplane;
  if (remains.row) {
    if (!remains.start_spooled)
      decision.record = drop_row;
    else
      decision.record = in_dataplane ? stop : stop_estimated;
  } else if (remains.dataplane == InDataplane::live) {
    // Its Stop cannot have been written: what is alive has not ended.
    decision.record = remains.identity_in_blob ? stop_from_blob : none;
  } else if (remains.dataplane == InDataplane::tombstone) {
    // Without a row its Stop is durable already, unless the database that would know is gone.
    decision.record = remains.database_new && remains.identity_in_blob ? stop_from_blob : none;
  }
  if (decision.record == stop_estimated) decision.cause = Cause::nas_error;
  return decision;
}

}  // namespace controlplane::session
