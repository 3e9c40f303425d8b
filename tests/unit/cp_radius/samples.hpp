#pragma once
// Values of the document (the reference values of FACTS A3 and A4), and a directory that goes away.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <unistd.h>

#include "controlplane/radius/records.hpp"

namespace controlplane::radius::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "portcullis-radius-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The session of the document's Stop record.
inline AccountingIdentity document_identity() {
  AccountingIdentity identity;
  identity.session = common::SessionId(59);
  identity.acct_session_id = 0x22;
  identity.unique_id = 0x2D;
  identity.audit_session_id = "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B";
  identity.calling_station_id = "192.168.202.2";
  identity.phase1_id = "pskuser1.g1.engdt.com";
  identity.initiator_ip = "192.168.202.2";
  identity.user_name = "pskuser1.g1.engdt.com";
  identity.authentic = wire::AcctAuthentic::local;
  identity.session_key = "E2F80C34";
  identity.nas.address = common::IpAddress::v4(0xC0A8CA01);
  identity.nas.identifier = "gateway";
  identity.profile = config::AccountingProfile::document;
  return identity;
}

inline AccountingIdentity session_identity(std::uint64_t session) {
  AccountingIdentity identity = document_identity();
  identity.session = common::SessionId(session);
  identity.acct_session_id = static_cast<std::uint32_t>(session + 1000);
  identity.unique_id = static_cast<std::uint32_t>(session + 2000);
  identity.framed_ip_address = common::IpAddress::v4(0x0A000000U + static_cast<std::uint32_t>(session));
  identity.classes = {{1, 2, 3}, {}, {0xFF}};
  identity.profile = config::AccountingProfile::extended;
  return identity;
}

inline OpenSession open_row(std::uint64_t session) {
  OpenSession row;
  row.identity = session_identity(session);
  row.started = common::WallTime(std::chrono::seconds(1'700'000'000));
  row.counters = {1, 2, 3, 4};
  row.counters_read = row.started;
  return row;
}

inline AccountingRecord record(RecordKind kind, std::uint64_t session) {
  AccountingRecord record;
  record.kind = kind;
  record.identity = session_identity(session);
  record.event = common::WallTime(std::chrono::seconds(1'700'000'100));
  record.counters = {1'000'000'000'000, 20, 30, ~0ULL};
  record.session_seconds = 100;
  record.terminate_cause = kind == RecordKind::stop ? 6 : 0;
  return record;
}

}  // namespace controlplane::radius::test
