// Records as octets: a version, then the fields in their order. Whatever does not read back exactly is no record.

#include "controlplane/radius/records.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/rand.h>

namespace controlplane::radius {
namespace {

constexpr std::uint8_t kVersion = 1;

[[nodiscard]] std::uint64_t nanoseconds(common::WallTime time) noexcept {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
[[nodiscard]] common::WallTime wall_time(std::uint64_t nanoseconds) noexcept {
  return common::WallTime(common::Duration(static_cast<std::int64_t>(nanoseconds)));
}

void write_octets(common::ByteWriter& out, common::ByteView octets) {
  // Longer values than any attribute can carry are cut: they could not be sent either.
  const auto kept = octets.first(std::min<std::size_t>(octets.size(), 0xFFFF));
  out.be16(static_cast<std::uint16_t>(kept.size()));
  out.bytes(kept);
}
void write_text(common::ByteWriter& out, std::string_view text) { write_octets(out, common::as_bytes(text)); }
void write_address(common::ByteWriter& out, const std::optional<common::IpAddress>& address) {
  out.u8(address ? static_cast<std::uint8_t>(address->bytes().size()) : 0);
  if (address) out.bytes(address->bytes());
}

/// Reads fields and remembers whether one was missing, so that a decoder asks once at its end.
class Fields {
 public:
  explicit Fields(common::ByteView octets) noexcept : in_(octets) {}

  [[nodiscard]] std::uint8_t u8() { return keep(in_.u8()); }
  [[nodiscard]] std::uint16_t be16() { return keep(in_.be16()); }
  [[nodiscard]] std::uint32_t be32() { return keep(in_.be32()); }
  [[nodiscard]] std::uint64_t be64() { return keep(in_.be64()); }
  [[nodiscard]] common::ByteView octets() { return keep(in_.take(be16())); }
  [[nodiscard]] std::string text() { return std::string(common::as_text(octets())); }
  [[nodiscard]] std::optional<common::IpAddress> address() {
    const std::uint8_t length = u8();
    if (length == 0) return std::nullopt;
    auto address = common::IpAddress::from_bytes(keep(in_.take(length)));
    good_ = good_ && address.has_value();
    return address;
  }
  void expect(bool condition) noexcept { good_ = good_ && condition; }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool finished() const noexcept { return good_ && in_.empty(); }

 private:
  template <class T>
  [[nodiscard]] T keep(std::optional<T> value) noexcept {
    good_ = good_ && value.has_value();
    return value.value_or(T{});
  }
  common::ByteReader in_;
  bool good_ = true;
};

void write_identity(common::ByteWriter& out, const AccountingIdentity& identity) {
  out.u8(kVersion);
  out.be64(identity.session.value());
  out.be32(identity.acct_session_id);
  out.be32(identity.unique_id);
  write_text(out, identity.audit_session_id);
  write_text(out, identity.calling_station_id);
  write_text(out, identity.phase1_id);
  write_text(out, identity.initiator_ip);
  write_text(out, identity.user_name);
  out.u8(static_cast<std::uint8_t>(identity.authentic));
  write_text(out, identity.session_key);
  write_address(out, identity.nas.address);
  write_text(out, identity.nas.identifier);
  write_address(out, identity.framed_ip_address);
  out.be16(static_cast<std::uint16_t>(identity.classes.size()));
  for (const common::Bytes& each : identity.classes) write_octets(out, each);
  out.u8(static_cast<std::uint8_t>(identity.profile));
}

[[nodiscard]] AccountingIdentity read_identity(Fields& in) {
  AccountingIdentity identity;
  in.expect(in.u8() == kVersion);
  identity.session = common::SessionId(in.be64());
  identity.acct_session_id = in.be32();
  identity.unique_id = in.be32();
  identity.audit_session_id = in.text();
  identity.calling_station_id = in.text();
  identity.phase1_id = in.text();
  identity.initiator_ip = in.text();
  identity.user_name = in.text();
  const std::uint8_t authentic = in.u8();
  in.expect(authentic >= 1 && authentic <= 3);
  identity.authentic = static_cast<wire::AcctAuthentic>(authentic);
  identity.session_key = in.text();
  identity.nas.address = in.address();
  identity.nas.identifier = in.text();
  identity.framed_ip_address = in.address();
  for (std::uint16_t left = in.be16(); left > 0 && in.good(); --left) {
    const auto octets = in.octets();
    identity.classes.emplace_back(octets.begin(), octets.end());
  }
  const std::uint8_t profile = in.u8();
  in.expect(profile <= 1);
  identity.profile = static_cast<config::AccountingProfile>(profile);
  return identity;
}

}  // namespace

std::string make_session_key() {
  std::array<std::uint8_t, 4> random{};
  // Not a secret, only a label: without random numbers it stays 0.
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) random = {};
  return fmt::format("{:02X}{:02X}{:02X}{:02X}", random[0], random[1], random[2], random[3]);
}

common::Bytes encode_identity(const AccountingIdentity& identity) {
  common::ByteWriter out(256);
  write_identity(out, identity);
  return out.take();
}

std::optional<AccountingIdentity> decode_identity(common::ByteView octets) {
  Fields in(octets);
  auto identity = read_identity(in);
  if (!in.finished()) return std::nullopt;
  return identity;
}

common::Bytes encode_record(const AccountingRecord& record) {
  common::ByteWriter out(320);
  out.u8(static_cast<std::uint8_t>(record.kind));
  write_identity(out, record.identity);
  out.be64(nanoseconds(record.event));
  out.be64(record.counters.in_octets);
  out.be64(record.counters.in_packets);
  out.be64(record.counters.out_octets);
  out.be64(record.counters.out_packets);
  out.be32(record.session_seconds);
  out.u8(record.terminate_cause);
  out.u8(record.counters_estimated ? 1 : 0);
  return out.take();
}

std::optional<AccountingRecord> decode_record(common::ByteView octets) {
  Fields in(octets);
  AccountingRecord record;
  const std::uint8_t kind = in.u8();
  in.expect(kind >= 1 && kind <= 5);
  record.kind = static_cast<RecordKind>(kind);
  record.identity = read_identity(in);
  record.event = wall_time(in.be64());
  record.counters.in_octets = in.be64();
  record.counters.in_packets = in.be64();
  record.counters.out_octets = in.be64();
  record.counters.out_packets = in.be64();
  record.session_seconds = in.be32();
  record.terminate_cause = in.u8();
  const std::uint8_t estimated = in.u8();
  in.expect(estimated <= 1);
  record.counters_estimated = estimated == 1;
  if (!in.finished()) return std::nullopt;
  return record;
}

}  // namespace controlplane::radius
