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

void Session::restore(common::SessionId id, const radius::OpenSession& row) {
  const radius::AccountingIdentity& identity = row.identity;
  names.id = id;
  names.audit_session_id = identity.audit_session_id;
  names.acct_session_id = identity.acct_session_id;
  names.unique_id = identity.unique_id;
  facts.ike_identity = identity.phase1_id;
  if (const auto remote = common::IpAddress::parse(identity.initiator_ip)) facts.remote.address = *remote;
  remote_now = facts.remote;
  phase = Phase::up;
  user_name = identity.user_name;
  authenticated = true;
  by_radius = identity.authentic == radius::wire::AcctAuthentic::radius;
  nas = identity.nas;
  grant.classes = identity.classes;
  inner_v4 = identity.framed_ip_address;
  session_key = identity.session_key;
  accounting_profile = identity.profile;
  begun = authenticated_at = established_at = row.started;
  counters.in_octets = row.counters.in_octets;
  counters.in_packets = row.counters.in_packets;
  counters.out_octets = row.counters.out_octets;
  counters.out_packets = row.counters.out_packets;
  counters_read = row.counters_read;
}

const config::IkeProfile* Room::profile(const std::string& name) const {
  const auto found = std::ranges::find(config->ike.profiles, name, &config::IkeProfile::name);
  return found == config->ike.profiles.end() ? nullptr : &*found;
}

}  // namespace controlplane::session
