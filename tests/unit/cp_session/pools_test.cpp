// Address pools: order, exhaustion, quarantine, addresses given by RADIUS.

#include "controlplane/session/pools.hpp"

#include <set>

#include <gtest/gtest.h>

namespace controlplane::session {
namespace {

using namespace std::chrono_literals;

common::IpAddress at(const char* text) { return common::IpAddress::parse(text).value(); }

std::vector<config::Pool> small_pool() {
  std::vector<config::Pool> pools(1);
  pools[0].name = "vpn";
  pools[0].first = at("10.8.0.10");
  pools[0].last = at("10.8.0.12");
  return pools;
}

class PoolsTest : public testing::Test {
 protected:
  common::ManualClock clock;
  Pools pools{small_pool(), clock};
};

TEST_F(PoolsTest, GivesEachAddressOnceThenIsExhausted) {
  std::set<common::IpAddress> given;
  for (int i = 0; i < 3; ++i) given.insert(pools.take("vpn", "u").value());
  EXPECT_EQ(given, (std::set{at("10.8.0.10"), at("10.8.0.11"), at("10.8.0.12")}));
  EXPECT_FALSE(pools.take("vpn", "u"));
}

TEST_F(PoolsTest, UnknownPoolGivesNothing) { EXPECT_FALSE(pools.take("other", "u")); }

TEST_F(PoolsTest, ReleasedAddressRestsForTheQuarantine) {
  const auto first = pools.take("vpn", "a").value();
  (void)pools.take("vpn", "b");
  (void)pools.take("vpn", "c");
  pools.release(first);
  EXPECT_EQ(pools.quarantined(), 1U);
  clock.advance(59'999ms);
  EXPECT_FALSE(pools.take("vpn", "d"));
  EXPECT_FALSE(pools.take_exact(first, "d"));
  clock.advance(1ms);
  EXPECT_EQ(pools.quarantined(), 0U);
  EXPECT_EQ(pools.take("vpn", "d"), first);
}

TEST_F(PoolsTest, LongestUnusedComesFirst) {
  const auto a = pools.take("vpn", "a").value();
  const auto b = pools.take("vpn", "b").value();
  (void)pools.take("vpn", "c");
  pools.release(b);
  clock.advance(1s);
  pools.release(a);
  clock.advance(120s);
  EXPECT_EQ(pools.take("vpn", "x"), b);
  EXPECT_EQ(pools.take("vpn", "x"), a);
}

TEST_F(PoolsTest, ReleaseTwiceOrOfAStrangerChangesNothing) {
  const auto a = pools.take("vpn", "a").value();
  pools.release(a);
  clock.advance(30s);
  pools.release(a);
  pools.release(at("192.0.2.55"));
  pools.release(at("10.8.0.11"));
  clock.advance(30s);
  EXPECT_EQ(pools.quarantined(), 0U);
}

TEST_F(PoolsTest, AddressByNameIsTakenOutOfTheTurn) {
  EXPECT_TRUE(pools.take_exact(at("10.8.0.10"), "fixed"));
  EXPECT_FALSE(pools.take_exact(at("10.8.0.10"), "fixed"));
  EXPECT_EQ(pools.take("vpn", "u"), at("10.8.0.11"));
  EXPECT_EQ(pools.take("vpn", "u"), at("10.8.0.12"));
  EXPECT_FALSE(pools.take("vpn", "u"));
}

TEST_F(PoolsTest, LastOwnerMayReturnDuringTheQuarantine) {
  EXPECT_TRUE(pools.take_exact(at("10.8.0.10"), "fixed"));
  pools.release(at("10.8.0.10"));
  EXPECT_FALSE(pools.take_exact(at("10.8.0.10"), "other"));
  EXPECT_FALSE(pools.take_exact(at("10.8.0.10"), ""));
  EXPECT_TRUE(pools.take_exact(at("10.8.0.10"), "fixed"));
  pools.release(at("10.8.0.10"));
  clock.advance(59s);  // the second rest counts from the second release
  EXPECT_FALSE(pools.take_exact(at("10.8.0.10"), "other"));
}

TEST_F(PoolsTest, SecondRestIsNotShortenedByTheFirst) {
  EXPECT_TRUE(pools.take_exact(at("10.8.0.10"), "fixed"));
  pools.release(at("10.8.0.10"));
  clock.advance(30s);
  EXPECT_TRUE(pools.take_exact(at("10.8.0.10"), "fixed"));
  pools.release(at("10.8.0.10"));
  clock.advance(45s);  // 75 s after the first release, 45 s after the second
  EXPECT_EQ(pools.quarantined(), 1U);
  EXPECT_FALSE(pools.take_exact(at("10.8.0.10"), "other"));
  clock.advance(15s);
  EXPECT_TRUE(pools.take_exact(at("10.8.0.10"), "other"));
}

TEST_F(PoolsTest, AddressesOfNoPoolRestToo) {
  EXPECT_TRUE(pools.take_exact(at("198.51.100.7"), "a"));
  EXPECT_FALSE(pools.take_exact(at("198.51.100.7"), "b"));
  pools.release(at("198.51.100.7"));
  EXPECT_FALSE(pools.take_exact(at("198.51.100.7"), "b"));
  clock.advance(60s);
  EXPECT_TRUE(pools.take_exact(at("198.51.100.7"), "b"));
}

TEST_F(PoolsTest, ManyTurnsThroughASmallPoolStayConsistent) {
  for (int turn = 0; turn < 100; ++turn) {
    std::set<common::IpAddress> given;
    EXPECT_TRUE(pools.take_exact(at("10.8.0.11"), "fixed"));
    given.insert(at("10.8.0.11"));
    while (const auto taken = pools.take("vpn", "u")) EXPECT_TRUE(given.insert(*taken).second);
    EXPECT_EQ(given.size(), 3U);
    for (const auto& address : given) pools.release(address);
    clock.advance(60s);
  }
}

TEST_F(PoolsTest, ReloadChangesTheQuarantineAndAddsPools) {
  auto changed = small_pool();
  changed[0].quarantine = 5s;
  changed.emplace_back();
  changed[1].name = "second";
  changed[1].first = at("10.9.0.1");
  changed[1].last = at("10.9.0.1");
  pools.reload(changed);
  EXPECT_EQ(pools.take("second", "u"), at("10.9.0.1"));
  pools.release(at("10.9.0.1"));
  const auto a = pools.take("vpn", "a").value();
  pools.release(a);
  clock.advance(5s);
  EXPECT_TRUE(pools.take_exact(a, "b"));
}

}  // namespace
}  // namespace controlplane::session
