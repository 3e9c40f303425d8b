// Helpers over the shared records.

#include "controlplane/session/room.hpp"

#include <algorithm>

namespace controlplane::session {

radius::AccountingIdentity Session::identity() const {
  radius::AccountingIdentity identity;
  identity.session = names.id;
  identity.acct_session_id = names.acct_session_id;
  identity.unique_id = names.unique_id;
  identity.audit_session_id = names.audit_session_id;
  identity.calling_station_id = facts.remote.address.to_string();
  identity.phase1_id = facts.ike_identity;
  identity.initiator_ip = facts.remote.address.to_string();
  identity.user_name = user_name;
  identity.authentic = by_radius ? radius::wire::AcctAuthentic::radius : radius::wire::AcctAuthentic::local;
  identity.session_key = session_key;
  identity.nas = nas;
  identity.framed_ip_address = inner_v4;
  identity.classes = grant.classes;
  identity.profile = accounting_profile;
  return identity;
}

radius::AccountingRecord Session::record(radius::RecordKind kind, common::WallTime event) const {
  radius::AccountingRecord record;
  record.kind = kind;
  record.identity = identity();
  record.event = event;
  if (kind == radius::RecordKind::start) return record;
  record.counters = usage();
  const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(event - established_at).count();
  record.session_seconds = static_cast<std::uint32_t>(std::clamp<std::int64_t>(lasted, 0, 0xFFFFFFFF));
  if (kind == radius::RecordKind::stop && cause) record.terminate_cause = static_cast<std::uint8_t>(*cause);
  record.counters_estimated = kind == radius::RecordKind::stop && estimated;
  return record;
}

const config::IkeProfile* Room::profile(const std::string& name) const {
  const auto found = std::ranges::find(config->ike.profiles, name, &config::IkeProfile::name);
  return found == config->ike.profiles.end() ? nullptr : &*found;
}

}  // namespace controlplane::session
