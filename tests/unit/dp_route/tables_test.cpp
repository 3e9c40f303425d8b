// Adjacencies as places, pools as ranges.

#include <gtest/gtest.h>

#include "dataplane/route/adjacencies.hpp"
#include "dataplane/route/pools.hpp"
#include "tests/unit/dp_route/model.hpp"

namespace dataplane::route::test {
namespace {

Adjacency resolved(std::uint8_t last) {
  Adjacency adjacency;
  adjacency.ethernet = {2, 0, 0, 0, 0, last, 2, 0, 0, 0, 1, 1};
  adjacency.resolved = true;
  return adjacency;
}

TEST(Adjacencies, FreePlacesAreNotResolved) {
  Deferred deferred;
  Adjacencies adjacencies(4, deferred.hook());
  EXPECT_FALSE(adjacencies.at(ids::AdjacencyIndex{3}).resolved);
  EXPECT_EQ(adjacencies.size(), 0U);
}

TEST(Adjacencies, APlaceIsGivenAgainOnlyAfterTheGracePeriod) {
  Deferred deferred;
  Adjacencies adjacencies(2, deferred.hook());
  const auto first = adjacencies.add(resolved(1));
  const auto second = adjacencies.add(resolved(2));
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(adjacencies.add(resolved(3)).has_value());
  adjacencies.remove(*first);
  EXPECT_FALSE(adjacencies.at(*first).resolved);
  EXPECT_FALSE(adjacencies.add(resolved(3)).has_value()) << "a reader may still hold it";
  deferred.end_grace_period();
  const auto third = adjacencies.add(resolved(3));
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(adjacencies.at(*third), resolved(3));
  EXPECT_EQ(adjacencies.at(*second), resolved(2));
}

TEST(Adjacencies, ReplacedEntriesLiveUntilTheGracePeriodEnds) {
  Deferred deferred;
  Adjacencies adjacencies(2, deferred.hook());
  const auto index = adjacencies.add(resolved(1));
  const Adjacency& held = adjacencies.at(*index);
  adjacencies.replace(*index, resolved(9));
  EXPECT_EQ(held, resolved(1));
  EXPECT_EQ(adjacencies.at(*index), resolved(9));
  EXPECT_EQ(deferred.waiting(), 1U);
  deferred.end_grace_period();
}

std::uint32_t host(const char* text) { return common::IpAddress::parse(text)->v4_host(); }

TEST(PrefixesOf, CoverExactlyTheRange) {
  struct Case {
    const char* first;
    const char* last;
    std::size_t prefixes;
  };
  for (const Case& c :
       {Case{"10.0.0.0", "10.0.0.255", 1}, Case{"10.0.0.10", "10.0.0.10", 1}, Case{"10.0.0.1", "10.0.0.6", 4},
        Case{"10.0.0.10", "10.0.0.200", 8}, Case{"0.0.0.0", "255.255.255.255", 1},
        Case{"255.255.255.255", "255.255.255.255", 1}, Case{"0.0.0.0", "0.0.0.0", 1}}) {
    const auto prefixes = prefixes_of(host(c.first), host(c.last));
    std::uint64_t next = host(c.first);
    for (const Prefix4& prefix : prefixes) {
      EXPECT_EQ(prefix.address, next);
      EXPECT_EQ(prefix.address & ~prefix.mask(), 0U);
      next = std::uint64_t{prefix.last()} + 1;
    }
    EXPECT_EQ(next, std::uint64_t{host(c.last)} + 1) << c.first << '-' << c.last;
    EXPECT_EQ(prefixes.size(), c.prefixes) << c.first << '-' << c.last;
  }
}

std::vector<config::Pool> two_pools() {
  config::Pool first{
      .name = "a", .first = *common::IpAddress::parse("10.9.0.10"), .last = *common::IpAddress::parse("10.9.1.20")};
  config::Pool six{
      .name = "b", .first = *common::IpAddress::parse("2001:db8::1"), .last = *common::IpAddress::parse("2001:db8::9")};
  config::Pool last{
      .name = "c", .first = *common::IpAddress::parse("10.8.0.0"), .last = *common::IpAddress::parse("10.8.0.255")};
  return {first, six, last};
}

TEST(Pools, EveryAddressResolvesToItsPoolAndNoOther) {
  Deferred deferred;
  Fib fib(deferred.hook());
  fib.set({0, 0}, {ResultType::adjacency, 1});
  const auto configured = two_pools();
  const Pools pools(configured);
  pools.install(fib);
  for (std::uint32_t address = host("10.9.0.0"); address <= host("10.9.2.0"); ++address) {
    const bool inside = address >= host("10.9.0.10") && address <= host("10.9.1.20");
    const Result expected = inside ? Result(ResultType::pool, 0) : Result(ResultType::adjacency, 1);
    ASSERT_EQ(fib.lookup(address), expected) << address;
    EXPECT_EQ(pools.find(address).has_value(), inside);
  }
  EXPECT_EQ(fib.lookup(host("10.8.0.7")), Result(ResultType::pool, 2));
  EXPECT_EQ(pools.at(ids::PoolIndex{0}).offset(host("10.9.1.20")), 266U);
  EXPECT_EQ(pools.at(ids::PoolIndex{0}).size(), 267U);
}

TEST(Pools, KnowWhichRoutesTheyCover) {
  const auto configured = two_pools();
  const Pools pools(configured);
  EXPECT_TRUE(pools.covers({host("10.8.0.0"), 24}));
  EXPECT_TRUE(pools.covers({host("10.8.0.7"), 32}));
  EXPECT_FALSE(pools.covers({host("10.8.0.0"), 23}));
  EXPECT_FALSE(pools.covers({host("10.9.0.0"), 24})) << "begins before the pool";
  EXPECT_FALSE(pools.covers({0, 0}));
}

}  // namespace
}  // namespace dataplane::route::test
