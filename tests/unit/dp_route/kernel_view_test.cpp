// What the workers' tables say after what the kernel has said, event by event and in other orders.

#include "dataplane/route/kernel_view.hpp"

#include <gtest/gtest.h>

#include "tests/unit/dp_route/model.hpp"

namespace dataplane::route::test {
namespace {

constexpr unsigned kOutsideIndex = 11;
constexpr unsigned kInsideIndex = 12;
constexpr unsigned kOtherIndex = 2;

std::uint32_t ip(const char* text) { return common::IpAddress::parse(text)->v4_host(); }
Prefix4 net(const char* text) { return *Prefix4::from(*common::Prefix::parse(text)); }
common::MacAddress mac(std::uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }

KernelRoute connected(const char* prefix, unsigned interface_index) {
  return {.prefix = net(prefix), .interface_index = interface_index};
}
KernelRoute via(const char* prefix, unsigned interface_index, const char* gateway, std::uint32_t metric = 0) {
  return {.prefix = net(prefix), .metric = metric, .interface_index = interface_index, .gateway = ip(gateway)};
}
KernelRoute own(const char* address, unsigned interface_index) {
  return {.prefix = net(address),
          .table = KernelTable::local,
          .type = KernelRouteType::local,
          .interface_index = interface_index};
}

class KernelViewTest : public ::testing::Test {
 protected:
  KernelViewTest() {
    view.on_link({kOutsideIndex, "outside", true});
    view.on_link({kInsideIndex, "inside", true});
    view.on_link({kOtherIndex, "eth0", true});
  }
  Result at(const char* address) { return fib.lookup(ip(address)); }
  /// The adjacency that an address leads to, or a failure.
  const Adjacency& adjacency_at(const char* address) {
    const Result result = at(address);
    EXPECT_EQ(result.type(), ResultType::adjacency) << address;
    return adjacencies.at(ids::AdjacencyIndex{result.type() == ResultType::adjacency ? result.index() : 0});
  }

  std::vector<config::Pool> configured = {{.name = "vpn",
                                           .first = *common::IpAddress::parse("10.99.0.0"),
                                           .last = *common::IpAddress::parse("10.99.0.255")}};
  Deferred deferred;
  Fib fib{deferred.hook()};
  Adjacencies adjacencies{8, deferred.hook()};
  Pools pools{configured};
  KernelView view{{{common::PortIndex{0}, "outside", mac(0xA0)}, {common::PortIndex{1}, "inside", mac(0xA1)}},
                  fib,
                  adjacencies,
                  pools};
};

const Result kLocal{ResultType::local, 0};

TEST_F(KernelViewTest, NothingIsRoutedAtFirstAndSpecialAddressesNeverAre) {
  for (const char* address : {"8.8.8.8", "127.0.0.1", "0.0.0.0", "0.1.2.3", "240.0.0.1"})
    EXPECT_EQ(at(address), no_route()) << address;
  EXPECT_EQ(at("224.0.0.5"), kLocal);
  EXPECT_EQ(at("255.255.255.255"), kLocal);
}

TEST_F(KernelViewTest, ConnectedNetworkGleansUntilTheNeighbourIsKnown) {
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  EXPECT_EQ(at("192.0.2.7"), Result(ResultType::glean, 1));
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), mac(7)});
  const Adjacency& adjacency = adjacency_at("192.0.2.7");
  EXPECT_TRUE(adjacency.resolved);
  EXPECT_EQ(adjacency.port, common::PortIndex{1});
  EXPECT_EQ(adjacency.ethernet, (std::array<std::uint8_t, 12>{2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 0xA1}));
  EXPECT_EQ(at("192.0.2.8"), Result(ResultType::glean, 1));
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), std::nullopt});
  EXPECT_EQ(at("192.0.2.7"), Result(ResultType::glean, 1));
  deferred.end_grace_period();
  EXPECT_EQ(adjacencies.size(), 0U);
}

TEST_F(KernelViewTest, NeighbourBeforeRouteEndsTheSame) {
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), mac(7)});
  EXPECT_EQ(at("192.0.2.7"), no_route());
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  EXPECT_TRUE(adjacency_at("192.0.2.7").resolved);
  view.on_route_gone(connected("192.0.2.0/24", kInsideIndex));
  EXPECT_EQ(at("192.0.2.7"), no_route());
}

TEST_F(KernelViewTest, NeighbourThatMovesKeepsItsPlace) {
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), mac(7)});
  const Result before = at("192.0.2.7");
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), mac(8)});
  EXPECT_EQ(at("192.0.2.7"), before);
  EXPECT_EQ(adjacency_at("192.0.2.7").ethernet[5], 8);
}

TEST_F(KernelViewTest, GatewayRoutesShareThePlaceOfTheirGateway) {
  view.on_route(connected("203.0.113.0/24", kOutsideIndex));
  view.on_route(via("0.0.0.0/0", kOutsideIndex, "203.0.113.1"));
  view.on_route(via("198.51.100.0/24", kOutsideIndex, "203.0.113.1"));
  EXPECT_EQ(at("8.8.8.8"), at("198.51.100.9"));
  EXPECT_FALSE(adjacency_at("8.8.8.8").resolved) << "known as a next hop, its MAC address is not";
  EXPECT_EQ(adjacency_at("8.8.8.8").port, common::PortIndex{0});
  view.on_neighbour({kOutsideIndex, ip("203.0.113.1"), mac(1)});
  EXPECT_TRUE(adjacency_at("8.8.8.8").resolved);
  EXPECT_EQ(at("203.0.113.1"), at("8.8.8.8"));
  view.on_neighbour({kOutsideIndex, ip("203.0.113.1"), std::nullopt});
  EXPECT_FALSE(adjacency_at("8.8.8.8").resolved);
  view.on_route_gone(via("0.0.0.0/0", kOutsideIndex, "203.0.113.1"));
  view.on_route_gone(via("198.51.100.0/24", kOutsideIndex, "203.0.113.1"));
  deferred.end_grace_period();
  EXPECT_EQ(adjacencies.size(), 0U);
}

TEST_F(KernelViewTest, OwnAddressesAreLocalAndGiveThePortItsAddress) {
  view.on_route(own("203.0.113.10/32", kOutsideIndex));
  view.on_route(own("10.255.0.1/32", kOtherIndex));
  view.on_route(own("127.0.0.0/8", 1));
  view.on_route(own("127.0.0.1/32", 1));
  EXPECT_EQ(at("203.0.113.10"), kLocal);
  EXPECT_EQ(at("10.255.0.1"), kLocal) << "an address of any interface is ours";
  EXPECT_EQ(at("127.0.0.1"), no_route());
  EXPECT_EQ(view.address_v4(common::PortIndex{0}).load(), ip("203.0.113.10"));
  EXPECT_EQ(view.address_v4(common::PortIndex{1}).load(), 0U);
  view.on_route_gone(own("203.0.113.10/32", kOutsideIndex));
  EXPECT_EQ(view.address_v4(common::PortIndex{0}).load(), 0U);
}

TEST_F(KernelViewTest, OtherInterfacesAndRejectRoutesDrop) {
  view.on_route(connected("172.16.0.0/16", kOtherIndex));
  view.on_route(via("172.17.0.0/16", kOtherIndex, "172.16.0.1"));
  view.on_route(via("0.0.0.0/0", kOutsideIndex, "203.0.113.1"));
  view.on_route({.prefix = net("172.18.0.0/16"), .type = KernelRouteType::reject});
  view.on_neighbour({kOtherIndex, ip("172.16.0.1"), mac(1)});
  for (const char* address : {"172.16.0.1", "172.17.0.1", "172.18.0.1"}) EXPECT_EQ(at(address), no_route()) << address;
}

TEST_F(KernelViewTest, TheLowestMetricWinsAndTheNextTakesOver) {
  view.on_route(via("10.0.0.0/8", kOutsideIndex, "203.0.113.1", 100));
  view.on_route(via("10.0.0.0/8", kInsideIndex, "192.0.2.1", 50));
  EXPECT_EQ(adjacency_at("10.1.1.1").port, common::PortIndex{1});
  view.on_route_gone(via("10.0.0.0/8", kInsideIndex, "192.0.2.1", 50));
  EXPECT_EQ(adjacency_at("10.1.1.1").port, common::PortIndex{0});
}

TEST_F(KernelViewTest, ReplacedRouteAndLateWordOfTheOldOne) {
  view.on_route(via("10.0.0.0/8", kOutsideIndex, "203.0.113.1"));
  view.on_route(via("10.0.0.0/8", kInsideIndex, "192.0.2.1"));
  EXPECT_EQ(adjacency_at("10.1.1.1").port, common::PortIndex{1});
  view.on_route_gone(via("10.0.0.0/8", kOutsideIndex, "203.0.113.1"));
  EXPECT_EQ(adjacency_at("10.1.1.1").port, common::PortIndex{1});
}

TEST_F(KernelViewTest, LocalTableComesBeforeMain) {
  view.on_route(connected("203.0.113.10/32", kInsideIndex));
  view.on_route(own("203.0.113.10/32", kOutsideIndex));
  EXPECT_EQ(at("203.0.113.10"), kLocal);
}

TEST_F(KernelViewTest, NeighbourOnAnotherPortThanItsRouteIsNotUsed) {
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  view.on_neighbour({kOutsideIndex, ip("192.0.2.7"), mac(7)});
  EXPECT_EQ(at("192.0.2.7"), Result(ResultType::glean, 1));
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), mac(8)});
  EXPECT_EQ(adjacency_at("192.0.2.7").ethernet[5], 8);
  // A host route takes precedence over the neighbour on the wire.
  view.on_route(via("192.0.2.7/32", kOutsideIndex, "203.0.113.1"));
  EXPECT_EQ(adjacency_at("192.0.2.7").port, common::PortIndex{0});
}

TEST_F(KernelViewTest, PoolsAreNeverReplacedByRoutes) {
  pools.install(fib);
  const Result pool{ResultType::pool, 0};
  view.on_route(via("0.0.0.0/0", kOutsideIndex, "203.0.113.1"));
  view.on_route(connected("10.99.0.0/24", kInsideIndex));
  view.on_route(via("10.99.0.7/32", kInsideIndex, "192.0.2.1"));
  view.on_route(own("10.99.0.1/32", kInsideIndex));
  view.on_neighbour({kInsideIndex, ip("10.99.0.9"), mac(9)});
  for (const char* address : {"10.99.0.0", "10.99.0.1", "10.99.0.7", "10.99.0.9", "10.99.0.255"})
    EXPECT_EQ(at(address), pool) << address;
  EXPECT_GE(view.refused(), 4U);
  view.on_route_gone(connected("10.99.0.0/24", kInsideIndex));
  EXPECT_EQ(at("10.99.0.3"), pool);
}

TEST_F(KernelViewTest, TunnelPrefixesOfOthersAreLeftAlone) {
  const Result tunnel{ResultType::tunnel, 5};
  fib.set(net("10.50.0.0/16"), tunnel);
  view.on_route(via("10.50.0.0/16", kOutsideIndex, "203.0.113.1"));
  EXPECT_EQ(at("10.50.1.1"), tunnel);
  view.on_route_gone(via("10.50.0.0/16", kOutsideIndex, "203.0.113.1"));
  EXPECT_EQ(at("10.50.1.1"), tunnel);
  // Also where the route was there first.
  view.on_route(via("10.60.0.0/16", kOutsideIndex, "203.0.113.1"));
  fib.set(net("10.60.0.0/16"), tunnel);
  view.on_route_gone(via("10.60.0.0/16", kOutsideIndex, "203.0.113.1"));
  EXPECT_EQ(at("10.60.1.1"), tunnel);
}

TEST_F(KernelViewTest, ResyncTakesAwayWhatIsNotSaidAgain) {
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  view.on_route(via("0.0.0.0/0", kOutsideIndex, "203.0.113.1"));
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), mac(7)});
  view.on_neighbour({kInsideIndex, ip("192.0.2.8"), mac(8)});
  view.begin_resync();
  view.on_link({kOutsideIndex, "outside", true});
  view.on_link({kInsideIndex, "inside", true});
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), mac(7)});
  EXPECT_EQ(adjacency_at("8.8.8.8").port, common::PortIndex{0}) << "nothing goes before the end";
  view.end_resync();
  EXPECT_EQ(at("8.8.8.8"), no_route());
  EXPECT_TRUE(adjacency_at("192.0.2.7").resolved);
  EXPECT_EQ(at("192.0.2.8"), Result(ResultType::glean, 1));
}

TEST_F(KernelViewTest, InterfaceThatGoesOrComesTakesItsRoutesAlong) {
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  view.on_link_gone(kInsideIndex);
  EXPECT_EQ(at("192.0.2.7"), no_route());
  view.on_link({kInsideIndex, "inside", true});
  EXPECT_EQ(at("192.0.2.7"), Result(ResultType::glean, 1));
}

TEST_F(KernelViewTest, NextHopOfAPacketIsItsGatewayOrItself) {
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  view.on_route(via("0.0.0.0/0", kOutsideIndex, "203.0.113.1"));
  view.on_route(connected("172.16.0.0/16", kOtherIndex));
  EXPECT_EQ(view.next_hop(ip("192.0.2.7")), (NextHop{kInsideIndex, ip("192.0.2.7")}));
  EXPECT_EQ(view.next_hop(ip("8.8.8.8")), (NextHop{kOutsideIndex, ip("203.0.113.1")}));
  EXPECT_EQ(view.next_hop(ip("172.16.0.1")), std::nullopt);
}

TEST_F(KernelViewTest, UsedNeighboursAreToldOnce) {
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  view.on_neighbour({kInsideIndex, ip("192.0.2.7"), mac(7)});
  EXPECT_TRUE(view.take_used().empty());
  adjacencies.mark_used(ids::AdjacencyIndex{at("192.0.2.7").index()});
  EXPECT_EQ(view.take_used(), (std::vector<NextHop>{{kInsideIndex, ip("192.0.2.7")}}));
  EXPECT_TRUE(view.take_used().empty());
}

TEST_F(KernelViewTest, MoreNeighboursThanPlacesGlean) {
  view.on_route(connected("192.0.2.0/24", kInsideIndex));
  for (std::uint8_t i = 1; i <= 9; ++i) view.on_neighbour({kInsideIndex, ip("192.0.2.0") + i, mac(i)});
  EXPECT_EQ(at("192.0.2.8").type(), ResultType::adjacency);
  EXPECT_EQ(at("192.0.2.9"), Result(ResultType::glean, 1));
  view.on_neighbour({kInsideIndex, ip("192.0.2.1"), std::nullopt});
  deferred.end_grace_period();
  view.on_neighbour({kInsideIndex, ip("192.0.2.9"), std::nullopt});
  view.on_neighbour({kInsideIndex, ip("192.0.2.9"), mac(9)});
  EXPECT_EQ(at("192.0.2.9").type(), ResultType::adjacency);
}

}  // namespace
}  // namespace dataplane::route::test
