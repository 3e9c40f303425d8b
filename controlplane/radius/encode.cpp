// The two kinds of request. The accounting packets follow the reference document's captures (Start 288 octets, Stop
// 356) to the last attribute; see their tests.

#include "controlplane/radius/encode.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "controlplane/radius/wire/hiding.hpp"
#include "controlplane/radius/wire/writer.hpp"

namespace controlplane::radius {
namespace {

namespace attribute = wire::attribute;
using config::AccountingProfile;

constexpr std::size_t kMaxAvPair = wire::kMaxValueOctets - 6;  // behind vendor's id, type and length

/// Everything but the classes, which may have to be left out.
enum class Classes : std::uint8_t { keep, leave_out };

void nas_address(wire::PacketWriter& out, const NasIdentity& nas) {
  if (!nas.address) return;
  out.address(nas.address->is_v4() ? attribute::kNasIpAddress : attribute::kNasIpv6Address, *nas.address);
}

void cut_text(wire::PacketWriter& out, std::uint8_t type, std::string_view text) {
  out.text(type, text.substr(0, wire::kMaxValueOctets));
}

void cut_avpair(wire::PacketWriter& out, std::string_view name, std::string_view value) {
  out.avpair(name, value.substr(0, kMaxAvPair - name.size() - 1));
}

[[nodiscard]] wire::AcctStatus status_of(RecordKind kind) noexcept {
  switch (kind) {
    case RecordKind::start:
      return wire::AcctStatus::start;
    case RecordKind::interim:
      return wire::AcctStatus::interim;
    case RecordKind::stop:
      return wire::AcctStatus::stop;
    case RecordKind::on:
      return wire::AcctStatus::on;
    case RecordKind::off:
      return wire::AcctStatus::off;
  }
  return wire::AcctStatus::stop;
}

[[nodiscard]] constexpr std::uint32_t low(std::uint64_t octets) noexcept { return static_cast<std::uint32_t>(octets); }
[[nodiscard]] constexpr std::uint32_t high(std::uint64_t octets) noexcept {
  return static_cast<std::uint32_t>(octets >> 32U);
}

/// Positions 1 to 6 of both captures: who the session is.
void names(wire::PacketWriter& out, const AccountingIdentity& identity) {
  out.text(attribute::kAcctSessionId, fmt::format("{:08X}", identity.acct_session_id));
  cut_text(out, attribute::kCallingStationId, identity.calling_station_id);
  cut_avpair(out, "audit-session-id", identity.audit_session_id);
  cut_avpair(out, "isakmp-phase1-id", identity.phase1_id);
  cut_avpair(out, "isakmp-initator-ip", identity.initiator_ip);  // spelled so on the wire
  cut_text(out, attribute::kUserName, identity.user_name);
}

void authentic(wire::PacketWriter& out, const AccountingIdentity& identity) {
  out.number(attribute::kAcctAuthentic, static_cast<std::uint32_t>(identity.authentic));
}
void connect_progress(wire::PacketWriter& out) { out.avpair("connect-progress", "No Progress"); }

/// Positions 9 to 15 of the Stop: what it has carried, and why it ended. An Interim has no end.
void usage(wire::PacketWriter& out, const AccountingRecord& record) {
  out.number(attribute::kAcctSessionTime, record.session_seconds);
  out.number(attribute::kAcctInputOctets, low(record.counters.in_octets));
  out.number(attribute::kAcctOutputOctets, low(record.counters.out_octets));
  out.number(attribute::kAcctInputPackets, low(record.counters.in_packets));
  out.number(attribute::kAcctOutputPackets, low(record.counters.out_packets));
  if (record.kind != RecordKind::stop) return;
  const bool document = record.identity.profile == AccountingProfile::document;
  out.number(attribute::kAcctTerminateCause, document ? 0U : record.terminate_cause);
  out.avpair("disc-cause-ext", "No Reason");
}

/// RFC 2869 §5.1, §5.2: how often the 32 bits of the octet counters went round; only in Stop and Interim.
void gigawords(wire::PacketWriter& out, const AccountingRecord& record, bool zeros_too) {
  if (record.kind != RecordKind::stop && record.kind != RecordKind::interim) return;
  const std::uint32_t in = high(record.counters.in_octets);
  const std::uint32_t sent = high(record.counters.out_octets);
  if (in != 0 || zeros_too) out.number(attribute::kAcctInputGigawords, in);
  if (sent != 0 || zeros_too) out.number(attribute::kAcctOutputGigawords, sent);
}

void classes(wire::PacketWriter& out, const AccountingRecord& record, Classes what) {
  if (what == Classes::leave_out) return;
  for (const common::Bytes& each : record.identity.classes) out.octets(attribute::kClass, each);
}

void document_tail(wire::PacketWriter& out, const AccountingRecord& record, std::uint32_t delay, Classes what) {
  const bool session = record.kind != RecordKind::on && record.kind != RecordKind::off;
  if (session) cut_text(out, attribute::kSessionServerKey, record.identity.session_key);
  out.number(attribute::kAcctDelayTime, delay);
  gigawords(out, record, false);
  classes(out, record, what);
}

void extended_tail(wire::PacketWriter& out, const AccountingRecord& record, Classes what) {
  if (record.identity.framed_ip_address && record.identity.framed_ip_address->is_v4())
    out.address(attribute::kFramedIpAddress, *record.identity.framed_ip_address);
  out.number(attribute::kEventTimestamp, static_cast<std::uint32_t>(common::unix_seconds(record.event)));
  classes(out, record, what);
  out.number(attribute::kNasPortType, static_cast<std::uint32_t>(wire::NasPortType::virtual_port));
  if (!record.identity.nas.identifier.empty()) cut_text(out, attribute::kNasIdentifier, record.identity.nas.identifier);
  gigawords(out, record, true);
  // Promise P3: the dataplane died, and these are the last counters that were read from it.
  if (record.counters_estimated) out.avpair("counters", "estimated");
}

[[nodiscard]] wire::Result<common::Bytes> encode(const AccountingRecord& record, std::uint8_t identifier,
                                                 std::uint32_t delay, common::ByteView secret, Classes what) {
  wire::PacketWriter out(wire::Code::accounting_request, identifier);
  const AccountingIdentity& identity = record.identity;
  if (record.kind == RecordKind::on || record.kind == RecordKind::off) {
    out.text(attribute::kAcctSessionId, fmt::format("{:08X}", identity.acct_session_id));
  } else {
    names(out, identity);
    // The captures differ here: Acct-Authentic stands behind connect-progress in the Start, before it in the Stop.
    if (record.kind == RecordKind::start) {
      connect_progress(out);
      authentic(out, identity);
    } else {
      authentic(out, identity);
      connect_progress(out);
      usage(out, record);
    }
  }
  out.number(attribute::kAcctStatusType, static_cast<std::uint32_t>(status_of(record.kind)));
  nas_address(out, identity.nas);
  if (identity.profile == AccountingProfile::document)
    document_tail(out, record, delay, what);
  else
    extended_tail(out, record, what);
  return out.finish_request(secret);
}

}  // namespace

wire::Result<common::Bytes> encode_accounting(const AccountingRecord& record, std::uint8_t identifier,
                                              std::uint32_t delay, common::ByteView secret) {
  auto packet = encode(record, identifier, delay, secret, Classes::keep);
  if (!packet && packet.error() != wire::WireError::crypto)
    packet = encode(record, identifier, delay, secret, Classes::leave_out);
  return packet;
}

wire::Result<common::Bytes> encode_access(const AccessRequest& request, std::uint8_t identifier,
                                          const wire::Authenticator& random, common::ByteView secret) {
  wire::PacketWriter out(wire::Code::access_request, identifier);
  const bool eap = !request.eap.empty();
  out.message_authenticator();
  out.text(attribute::kUserName, request.user_name);
  if (!eap) {
    const auto hidden = wire::hide_password(request.password.view(), random, secret);
    if (!hidden) return std::unexpected(hidden.error());
    out.octets(attribute::kUserPassword, *hidden);
  }
  out.number(attribute::kServiceType,
             static_cast<std::uint32_t>(eap ? wire::ServiceType::login : wire::ServiceType::outbound));
  nas_address(out, request.nas);
  if (!request.nas.identifier.empty()) out.text(attribute::kNasIdentifier, request.nas.identifier);
  out.number(attribute::kNasPortType, static_cast<std::uint32_t>(wire::NasPortType::virtual_port));
  if (!request.called_station_id.empty()) out.text(attribute::kCalledStationId, request.called_station_id);
  if (!request.calling_station_id.empty()) out.text(attribute::kCallingStationId, request.calling_station_id);
  out.text(attribute::kAcctSessionId, fmt::format("{:08X}", request.acct_session_id));
  if (!request.audit_session_id.empty()) out.avpair("audit-session-id", request.audit_session_id);
  if (request.framed_mtu) out.number(attribute::kFramedMtu, *request.framed_mtu);
  if (!request.state.empty()) out.octets(attribute::kState, request.state);
  if (eap) out.eap(request.eap);
  return out.finish_access_request(random, secret);
}

}  // namespace controlplane::radius
