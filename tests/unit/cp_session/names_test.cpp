// audit-session-id and Acct-Session-Id in the document's format.

#include "controlplane/session/names.hpp"

#include <gtest/gtest.h>

namespace controlplane::session {
namespace {

common::Endpoint endpoint(const char* address, std::uint16_t port) {
  return {common::IpAddress::parse(address).value(), port};
}

TEST(Names, DocumentsOwnExample) {
  EXPECT_EQ(make_audit_session_id(endpoint("51.1.1.1", 4500), endpoint("192.168.202.2", 4500), 59),
            "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B");
}

TEST(Names, ShortNumbersHaveTwoDigitsAndPortsFour) {
  EXPECT_EQ(make_audit_session_id(endpoint("0.0.0.1", 500), endpoint("255.255.255.255", 4), 7),
            "L2L400000001ZO2L4FFFFFFFFZH01F40004ZN07");
}

TEST(Names, WholeRangeOfNumbersFitsAnAvPair) {
  const auto longest = make_audit_session_id(endpoint("2001:db8::1", 65535), endpoint("2001:db8::2", 65535),
                                             std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(longest,
            "L2L620010DB8000000000000000000000001ZO2L620010DB8000000000000000000000002ZHFFFFFFFFZNFFFFFFFFFFFFFFFF");
  EXPECT_LE(longest.size(), kMaxAuditSessionId);
}

TEST(Names, AcctSessionIdHasEightUpperCaseDigits) {
  EXPECT_EQ(acct_session_text(0x21), "00000021");
  EXPECT_EQ(acct_session_text(0xDEADBEEF), "DEADBEEF");
  EXPECT_EQ(acct_session_text(0), "00000000");
}

}  // namespace
}  // namespace controlplane::session
