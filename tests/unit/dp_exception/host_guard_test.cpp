// The kernel is deaf on a guarded interface and nowhere else, and hears again when the guard is gone.

#include "dataplane/exception/host_guard.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <net/if.h>

#include "dataplane/exception/interface.hpp"
#include "dataplane/exception/tap.hpp"

namespace dataplane::exception {
namespace {

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 256> buffer{};
  while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) text += buffer.data();
  if (pipe != nullptr) pclose(pipe);
  return text;
}

TEST(GuardTableName, IsAnNftNameAndDiffersWhereInterfacesDo) {
  EXPECT_EQ(guard_table_name("eth1"), "portcullis_eth1");
  EXPECT_NE(guard_table_name("eth0.1"), guard_table_name("eth0-1"));
  EXPECT_NE(guard_table_name("eth0.1"), guard_table_name("eth0_1"));
  for (const char c : guard_table_name("e.t-h:0@x"))
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) || c == '_');
}

TEST(GuardRules, DropEverythingOnThatInterfaceInOneTransaction) {
  const std::string rules = guard_rules("eth1");
  EXPECT_NE(rules.find("hook ingress device \"eth1\""), std::string::npos);
  EXPECT_NE(rules.find("policy drop"), std::string::npos);
  EXPECT_LT(rules.find("delete table netdev portcullis_eth1"), rules.find("chain ingress"));
}

class GuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs a network namespace of its own";
    run("ip link set lo up");
    run("ip link add near type veth peer name far");
    run("ip link set near up");
    run("ip link set far up");
  }
  static void run(const char* command) { ASSERT_EQ(std::system(command), 0) << command; }
  static bool has_guard() { return output_of("nft list tables").find("netdev portcullis_near") != std::string::npos; }
};

TEST_F(GuardTest, StandsWhileItLivesAndPutsBackWhatItChanged) {
  ASSERT_EQ(read_sysctl("ipv6/conf/near/disable_ipv6"), "0");
  {
    const auto guard = HostGuard::put_up("near");
    ASSERT_TRUE(guard.has_value()) << guard.error();
    EXPECT_TRUE(has_guard());
    EXPECT_EQ(guard->table(), "portcullis_near");
    EXPECT_EQ(read_sysctl("ipv6/conf/near/disable_ipv6"), "1");
    EXPECT_EQ(read_sysctl("ipv4/conf/near/forwarding"), "0");
    EXPECT_NE(output_of("nft list table netdev portcullis_near").find("policy drop"), std::string::npos);
  }
  EXPECT_FALSE(has_guard());
  EXPECT_EQ(read_sysctl("ipv6/conf/near/disable_ipv6"), "0");
}

TEST_F(GuardTest, DropsWhatComesInSoThatTheKernelNeverSeesIt) {
  // The drop is counted by a chain behind the guard's: it sees what the guard lets through.
  run("nft 'table netdev probe { chain c { type filter hook ingress device \"near\" priority 0; policy accept; "
      "counter; }; }'");
  const auto passed = [] {
    const std::string shown = output_of("nft list table netdev probe");
    const auto at = shown.find("counter packets ");
    return at == std::string::npos ? -1 : std::atoi(shown.c_str() + at + 16);
  };
  run("ip address add 192.0.2.9/24 dev far");
  run("ip neighbour add 192.0.2.1 lladdr 02:00:00:00:00:99 dev far");
  const auto send_one = [] { std::system("ping -q -c 1 -W 0.1 -I far 192.0.2.1 > /dev/null 2>&1"); };
  send_one();
  const int before = passed();
  ASSERT_GE(before, 1) << "the probe itself does not see packets";
  const auto guard = HostGuard::put_up("near");
  ASSERT_TRUE(guard.has_value()) << guard.error();
  const int guarded = passed();
  for (int i = 0; i < 5; ++i) send_one();
  EXPECT_EQ(passed(), guarded);
}

TEST_F(GuardTest, ReplacesAStaleOne) {
  auto first = HostGuard::put_up("near");
  ASSERT_TRUE(first.has_value()) << first.error();
  auto second = HostGuard::put_up("near");
  ASSERT_TRUE(second.has_value()) << second.error();
  EXPECT_EQ(output_of("nft list tables"), "table netdev portcullis_near\n");
}

TEST_F(GuardTest, MovedFromGuardsTakeNothingAway) {
  auto first = HostGuard::put_up("near");
  ASSERT_TRUE(first.has_value()) << first.error();
  {
    std::vector<HostGuard> guards;
    guards.push_back(std::move(*first));
    EXPECT_TRUE(has_guard());
  }
  EXPECT_FALSE(has_guard());
}

TEST_F(GuardTest, WarnsOfAnAddressThatNobodyWillReach) {
  run("ip address add 192.0.2.1/24 dev near");
  const auto guard = HostGuard::put_up("near");
  ASSERT_TRUE(guard.has_value()) << guard.error();
  ASSERT_FALSE(guard->warnings().empty());
  EXPECT_NE(guard->warnings().front().find("192.0.2.1"), std::string::npos);
}

TEST_F(GuardTest, SwitchesOffloadsOff) {
  run("ethtool -K near tx on gso on tso on gro on > /dev/null");
  const auto guard = HostGuard::put_up("near");
  ASSERT_TRUE(guard.has_value()) << guard.error();
  const std::string features = output_of("ethtool -k near");
  for (const char* feature :
       {"tx-checksumming", "tx-tcp-segmentation", "generic-segmentation-offload", "generic-receive-offload"}) {
    EXPECT_NE(features.find(std::string(feature) + ": off"), std::string::npos) << features;
  }
  EXPECT_TRUE(guard->warnings().empty());
}

TEST_F(GuardTest, UnknownInterfaceIsAnError) {
  const auto guard = HostGuard::put_up("nowhere");
  ASSERT_FALSE(guard.has_value());
  EXPECT_NE(guard.error().find("nowhere"), std::string::npos);
}

TEST_F(GuardTest, TapHasTheAddressAndWhatTheKernelMustNotDo) {
  {
    const auto tap = Tap::create("twin", {{2, 0, 0, 0, 0, 0x55}}, 1400);
    ASSERT_TRUE(tap.has_value()) << tap.error();
    const std::string shown = output_of("ip link show twin");
    EXPECT_NE(shown.find("02:00:00:00:00:55"), std::string::npos) << shown;
    EXPECT_NE(shown.find("mtu 1400"), std::string::npos) << shown;
    EXPECT_NE(shown.find(",UP"), std::string::npos) << shown;
    EXPECT_EQ(read_sysctl("ipv4/conf/twin/forwarding"), "0");
    EXPECT_EQ(read_sysctl("ipv4/conf/twin/arp_ignore"), "1");
    EXPECT_FALSE(Tap::create("twin", {{2, 0, 0, 0, 0, 0x56}}, 1400).has_value()) << "the name is taken";
  }
  EXPECT_EQ(if_nametoindex("twin"), 0U);
}

TEST_F(GuardTest, ReversePathFilterIsOffOrLooseOnTaps) {
  write_sysctl("ipv4/conf/all/rp_filter", "0");
  {
    const auto tap = Tap::create("twin", {{2, 0, 0, 0, 0, 0x55}}, 1500);
    EXPECT_EQ(read_sysctl("ipv4/conf/twin/rp_filter"), "0");
  }
  write_sysctl("ipv4/conf/all/rp_filter", "1");
  const auto tap = Tap::create("twin", {{2, 0, 0, 0, 0, 0x55}}, 1500);
  EXPECT_EQ(read_sysctl("ipv4/conf/twin/rp_filter"), "2");
}

}  // namespace
}  // namespace dataplane::exception
