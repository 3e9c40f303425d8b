// The index: every id alone, every pair and all together; mismatches of one id hide nothing; updates and removal.

#include "controlplane/session/index.hpp"

#include <gtest/gtest.h>

namespace controlplane::session {
namespace {

using common::SessionId;

common::IpAddress address(std::uint32_t last) { return common::IpAddress::v4(0x0A000000 + last); }

Keys keys_of(std::uint32_t n) {
  Keys keys;
  keys.audit_session_id = "audit-" + std::to_string(n);
  keys.acct_session_id = "0000000" + std::to_string(n);
  keys.user_name = n % 2 == 0 ? "even" : "odd";
  keys.calling_station_id = "192.0.2.1";
  keys.framed_ip_address = address(n);
  keys.unique_id = 100 + n;
  return keys;
}

class IndexTest : public testing::Test {
 protected:
  IndexTest() {
    for (std::uint32_t n = 1; n <= 4; ++n) index.add(SessionId{n}, keys_of(n));
  }
  [[nodiscard]] std::vector<SessionId> ids(std::initializer_list<std::uint64_t> numbers) const {
    std::vector<SessionId> all;
    for (const auto number : numbers) all.emplace_back(number);
    return all;
  }
  Index index;
};

/// Bit i of `which` puts id i of session n into the selector.
Selector selector_of(std::uint32_t n, unsigned which) {
  const Keys keys = keys_of(n);
  Selector selector;
  if ((which & 1U) != 0) selector.audit_session_id = keys.audit_session_id;
  if ((which & 2U) != 0) selector.acct_session_id = keys.acct_session_id;
  if ((which & 4U) != 0) selector.user_name = keys.user_name;
  if ((which & 8U) != 0) selector.calling_station_id = keys.calling_station_id;
  if ((which & 16U) != 0) selector.framed_ip_address = keys.framed_ip_address;
  if ((which & 32U) != 0) selector.unique_id = keys.unique_id;
  return selector;
}

TEST_F(IndexTest, EveryCombinationOfAgreeingIds) {
  for (unsigned which = 1; which < 64; ++which) {
    const auto found = index.find(selector_of(2, which));
    const bool unique = (which & (1U | 2U | 16U | 32U)) != 0;
    if (unique)
      EXPECT_EQ(found, ids({2})) << which;
    else if ((which & 4U) != 0)
      EXPECT_EQ(found, ids({2, 4})) << which;
    else
      EXPECT_EQ(found, ids({1, 2, 3, 4})) << which;
  }
}

TEST_F(IndexTest, OneIdOfAnotherSessionMatchesNothing) {
  for (unsigned which = 1; which < 64; ++which)
    for (unsigned other = 1; other < 64; other <<= 1U) {
      if ((which & other) != 0 || other == 8) continue;  // Calling-Station-Id is the same for all
      Selector selector = selector_of(2, which);
      const Selector wrong = selector_of(1, other);
      if (wrong.audit_session_id) selector.audit_session_id = wrong.audit_session_id;
      if (wrong.acct_session_id) selector.acct_session_id = wrong.acct_session_id;
      if (wrong.user_name) selector.user_name = wrong.user_name;
      if (wrong.framed_ip_address) selector.framed_ip_address = wrong.framed_ip_address;
      if (wrong.unique_id) selector.unique_id = wrong.unique_id;
      for (const SessionId id : index.find(selector)) EXPECT_TRUE(index.keys(id)->matches(selector));
      if ((which & (1U | 2U | 4U | 16U | 32U)) != 0) EXPECT_TRUE(index.find(selector).empty()) << which << ' ' << other;
    }
}

TEST_F(IndexTest, TextsAreComparedOctetByOctet) {
  EXPECT_TRUE(index.find({.audit_session_id = "AUDIT-1"}).empty());
  EXPECT_TRUE(index.find({.audit_session_id = "audit-1 "}).empty());
  EXPECT_TRUE(index.find({.audit_session_id = std::string("audit-1\0", 8)}).empty());
  EXPECT_TRUE(index.find({.acct_session_id = "1"}).empty());
  EXPECT_TRUE(index.find({.user_name = "Even"}).empty());
}

TEST_F(IndexTest, EmptySelectorAndEmptyIdsMatchNothing) {
  EXPECT_TRUE(index.find({}).empty());
  Keys pending;
  pending.audit_session_id = "audit-9";
  pending.calling_station_id = "192.0.2.9";
  index.add(SessionId{9}, pending);
  EXPECT_TRUE(index.find({.user_name = ""}).empty());
  EXPECT_TRUE(index.find({.acct_session_id = ""}).empty());
  EXPECT_TRUE(index.find({.user_name = "", .calling_station_id = "192.0.2.9"}).empty());
  EXPECT_EQ(index.find({.calling_station_id = "192.0.2.9"}), ids({9}));
}

TEST_F(IndexTest, UserAndAddressFollow) {
  index.set_user_name(SessionId{1}, "even");
  EXPECT_EQ(index.find({.user_name = "even"}), ids({1, 2, 4}));
  EXPECT_EQ(index.find({.user_name = "odd"}), ids({3}));
  index.set_address(SessionId{1}, address(77));
  EXPECT_EQ(index.find({.framed_ip_address = address(77)}), ids({1}));
  EXPECT_TRUE(index.find({.framed_ip_address = address(1)}).empty());
  index.set_address(SessionId{1}, std::nullopt);
  EXPECT_TRUE(index.find({.framed_ip_address = address(77)}).empty());
}

TEST_F(IndexTest, RemovedSessionsLeaveNothingBehind) {
  for (std::uint32_t n = 1; n <= 4; ++n) {
    index.remove(SessionId{n});
    index.remove(SessionId{n});
    for (unsigned which = 1; which < 64; ++which)
      for (const SessionId id : index.find(selector_of(n, which))) EXPECT_NE(id, SessionId{n});
  }
  EXPECT_EQ(index.size(), 0U);
  EXPECT_EQ(index.keys(SessionId{1}), nullptr);
}

TEST_F(IndexTest, UpdatesOfUnknownSessionsAreIgnored) {
  index.set_user_name(SessionId{50}, "nobody");
  index.set_address(SessionId{50}, address(50));
  EXPECT_TRUE(index.find({.user_name = "nobody"}).empty());
  EXPECT_EQ(index.size(), 4U);
}

}  // namespace
}  // namespace controlplane::session
