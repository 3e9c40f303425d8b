// Helpers over the shared records.

#include "controlplane/session/room.hpp"

#include <algorithm>

namespace controlplane::session {

OpenSession Session::row() const {
  OpenSession row;
  row.names = names;
  row.user_name = user_name;
  row.phase1_id = facts.ike_identity;
  row.local = facts.local;
  row.remote = facts.remote;
  row.method = facts.method;
  row.by_radius = by_radius;
  row.inner_v4 = inner_v4;
  row.classes = grant.classes;
  row.established = established_at;
  row.usage = usage();
  row.start_spooled = start_spooled;
  return row;
}

const config::IkeProfile* Room::profile(const std::string& name) const {
  const auto found = std::ranges::find(config->ike.profiles, name, &config::IkeProfile::name);
  return found == config->ike.profiles.end() ? nullptr : &*found;
}

}  // namespace controlplane::session
