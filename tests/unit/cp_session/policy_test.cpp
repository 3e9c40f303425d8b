// The pure decisions about a login.

#include "controlplane/session/policy.hpp"

#include <gtest/gtest.h>

namespace controlplane::session {
namespace {

using namespace std::chrono_literals;

TEST(EapIdentity, ReadsTheIdentityAndIgnoresWhatFollowsTheLength) {
  const common::Bytes packet{2, 7, 0, 8, 1, 'b', 'o', 'b', 'x', 'x'};
  EXPECT_EQ(eap_identity(packet), "bob");
}

TEST(EapIdentity, OtherPacketsHaveNone) {
  EXPECT_FALSE(eap_identity(common::Bytes{}));
  EXPECT_FALSE(eap_identity(common::Bytes{2, 7, 0, 4}));
  EXPECT_FALSE(eap_identity(common::Bytes{1, 7, 0, 8, 1, 'b', 'o', 'b'})) << "a request";
  EXPECT_FALSE(eap_identity(common::Bytes{2, 7, 0, 8, 26, 'b', 'o', 'b'})) << "another type";
  EXPECT_FALSE(eap_identity(common::Bytes{2, 7, 0, 9, 1, 'b', 'o', 'b'})) << "length beyond the end";
  EXPECT_FALSE(eap_identity(common::Bytes{2, 7, 0, 4, 1, 'b', 'o', 'b'})) << "length below its own header";
}

TEST(EapIdentity, MayBeEmpty) { EXPECT_EQ(eap_identity(common::Bytes{2, 7, 0, 5, 1}), ""); }

TEST(Mangler, TakesThePartOrTheWhole) {
  EXPECT_EQ(mangle("bob@example.org", ""), "bob@example.org");
  EXPECT_EQ(mangle("bob@example.org", "email-user"), "bob");
  EXPECT_EQ(mangle("bob", "email-user"), "bob");
  EXPECT_EQ(mangle("@example.org", "email-user"), "@example.org");
  EXPECT_EQ(mangle("pskuser2.g1.engdt.com", "fqdn-host"), "pskuser2");
  EXPECT_EQ(mangle("host", "fqdn-host"), "host");
  EXPECT_EQ(mangle("C=DE, O=Example, CN=bob", "dn-cn"), "bob");
  EXPECT_EQ(mangle("CN=bob,O=Example", "dn-cn"), "bob");
  EXPECT_EQ(mangle("cn=first+uid=7, CN=second", "dn-cn"), "first");
  EXPECT_EQ(mangle("CN=Smith\\, Bob,O=Example", "dn-cn"), "Smith, Bob");
  EXPECT_EQ(mangle("O=CN=Example", "dn-cn"), "O=CN=Example");
  EXPECT_EQ(mangle("CN=", "dn-cn"), "CN=");
  EXPECT_EQ(mangle("", "dn-cn"), "");
  EXPECT_EQ(mangle("CN=bob\\", "dn-cn"), "bob\\");
}

TEST(UserName, AcceptThenEapThenIdi) {
  EXPECT_EQ(choose_user_name("a", "b", "c"), "a");
  EXPECT_EQ(choose_user_name("", "b", "c"), "b");
  EXPECT_EQ(choose_user_name("", "", "c"), "c");
}

TEST(Anonymous, OnlyTheOuterIdentityOfMany) {
  EXPECT_TRUE(is_anonymous("anonymous"));
  EXPECT_TRUE(is_anonymous("anonymous@example.org"));
  EXPECT_TRUE(is_anonymous(""));
  EXPECT_FALSE(is_anonymous("anonymous2"));
  EXPECT_FALSE(is_anonymous("bob"));
}

TEST(FramedAddress, WildcardsNameNoAddress) {
  EXPECT_TRUE(is_particular(common::IpAddress::v4(0x0A000001)));
  EXPECT_FALSE(is_particular(common::IpAddress::v4(0xFFFFFFFE)));
  EXPECT_FALSE(is_particular(common::IpAddress::v4(0xFFFFFFFF)));
  EXPECT_FALSE(is_particular(common::IpAddress{}));
}

TEST(Timeouts, AcceptWinsOverProfileAndConfigurationOverInterim) {
  config::IkeProfile profile;
  profile.session_timeout = 100s;
  profile.idle_timeout = 50s;
  config::Accounting accounting;
  radius::Grant grant;
  auto chosen = choose_timeouts(grant, profile, accounting);
  EXPECT_EQ(chosen.session, 100s);
  EXPECT_EQ(chosen.idle, 50s);
  EXPECT_EQ(chosen.interim, 0s);
  grant.session_timeout = 7s;
  grant.idle_timeout = 0s;
  grant.interim_interval = 300s;
  chosen = choose_timeouts(grant, profile, accounting);
  EXPECT_EQ(chosen.session, 7s);
  EXPECT_EQ(chosen.idle, 0s);
  EXPECT_EQ(chosen.interim, 300s);
  accounting.interim_interval = 900s;
  EXPECT_EQ(choose_timeouts(grant, profile, accounting).interim, 900s);
  accounting.interim_interval = 5s;
  EXPECT_EQ(choose_timeouts(grant, profile, accounting).interim, 60s);
}

TEST(Uniqueness, EveryCell) {
  using enum Uniqueness;
  const struct {
    const char* unique;
    bool initial_contact;
    Uniqueness expected;
  } cells[] = {{"replace", false, replace}, {"replace", true, replace}, {"reject", false, reject},
               {"reject", true, replace},   {"keep", false, keep},      {"keep", true, replace_origin}};
  for (const auto& cell : cells) {
    EXPECT_EQ(choose_uniqueness(cell.unique, cell.initial_contact, "bob"), cell.expected) << cell.unique;
    EXPECT_EQ(choose_uniqueness(cell.unique, cell.initial_contact, "anonymous"), keep) << cell.unique;
  }
}

}  // namespace
}  // namespace controlplane::session
