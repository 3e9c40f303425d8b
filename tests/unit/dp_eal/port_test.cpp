// EAL, pools, rings and ports for real, in a namespace of this process's own.

#include "dataplane/eal/port.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sched.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include "dataplane/eal/host_rings.hpp"
#include "tests/unit/dp_eal/environment.hpp"

namespace dataplane::eal {
namespace {

test::Environment& eal = *static_cast<test::Environment*>(::testing::AddGlobalTestEnvironment(
    new test::Environment({test::veth("near", "far"), test::veth("narrow", "narrowfar")},
                          {{.name = "null", .device = "net_null0"},
                           {.name = "packet",
                            .role = config::Role::inside,
                            .device = "net_af_packet0,iface=near",
                            .mtu = 1400,
                            .mac = common::MacAddress{{2, 0, 0, 0, 0, 0x77}}},
                           {.name = "narrow", .device = "net_af_packet1,iface=narrow,qpairs=1"}},
                          2, 96)));

class PortTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!eal.runtime) GTEST_SKIP() << "needs a network namespace of its own";
  }
};

TEST_F(PortTest, RunsWithoutHugepages) { EXPECT_FALSE(eal.runtime->hugepages()); }

TEST_F(PortTest, AnyVdevOpensWithAQueuePairAWorker) {
  auto port = eal.open(0);
  ASSERT_TRUE(port.has_value()) << port.error();
  EXPECT_EQ(port->driver(), "net_null");
  EXPECT_EQ(port->kernel_interface(), std::nullopt);
  EXPECT_EQ(port->rx_queue(ids::WorkerIndex{1}), 1);
  EXPECT_EQ(port->rx_queue(ids::WorkerIndex{2}), std::nullopt);
  EXPECT_EQ(port->tx_queues(), 2);
  EXPECT_TRUE(port->tx_drained(0));
}

TEST_F(PortTest, FewerTransmitQueuesThanWorkersAreRefused) {
  const auto port = eal.open(2);
  ASSERT_FALSE(port.has_value());
  EXPECT_NE(port.error().find("transmit queues"), std::string::npos) << port.error();
}

TEST_F(PortTest, UnknownDevicesAreNamed) {
  const auto port = Port::open({.name = "x", .device = "net_null7"}, common::PortIndex{0}, 1, eal.pool->get());
  ASSERT_FALSE(port.has_value());
  EXPECT_NE(port.error().find("net_null7"), std::string::npos);
}

TEST_F(PortTest, AfPacketSetsAddressAndMtuSendsAndDrains) {
  auto opened = eal.open(1);
  ASSERT_TRUE(opened.has_value()) << opened.error();
  Port port = std::move(*opened);
  EXPECT_EQ(port.kernel_interface(), "near");
  EXPECT_EQ(port.mac(), (common::MacAddress{{2, 0, 0, 0, 0, 0x77}}));
  EXPECT_EQ(port.role(), config::Role::inside);
  EXPECT_EQ(std::system("ip link show near | grep -q 'mtu 1400'"), 0);
  EXPECT_EQ(std::system("ip link show near | grep -q '02:00:00:00:00:77'"), 0);
  EXPECT_TRUE(port.link_up());

  std::array<rte_mbuf*, 8> burst{};
  ASSERT_EQ(rte_pktmbuf_alloc_bulk(eal.pool->get(), burst.data(), burst.size()), 0);
  for (rte_mbuf* mbuf : burst) std::memset(rte_pktmbuf_append(mbuf, 60), 0xFF, 60);
  EXPECT_EQ(rte_eth_tx_burst(port.port_id(), 1, burst.data(), burst.size()), burst.size());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!port.tx_drained(1) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(port.tx_drained(1));
  EXPECT_EQ(port.statistics().tx_packets, burst.size());
}

TEST_F(PortTest, RingTellsWhenItsConsumerIsDoneNotWhenItHasDequeued) {
  auto ring = Ring::create("t", 8, Producers::one);
  ASSERT_TRUE(ring.has_value()) << ring.error();
  std::array<int, 8> things{};
  std::array<void*, 8> pointers{};
  for (std::size_t i = 0; i < 8; ++i) pointers[i] = &things[i];
  const std::uint32_t before = (*ring)->enqueued();
  EXPECT_TRUE((*ring)->reached(before));
  EXPECT_EQ((*ring)->enqueue(pointers.data(), 8), 7U) << "one place stays free";
  const std::uint32_t tail = (*ring)->enqueued();
  EXPECT_FALSE((*ring)->reached(tail));
  std::array<void*, 8> got{};
  EXPECT_EQ((*ring)->dequeue(got.data(), 8), 7U);
  EXPECT_EQ(got[6], pointers[6]);
  EXPECT_FALSE((*ring)->reached(tail)) << "still in the consumer's hands";
  (*ring)->finished(7);
  EXPECT_TRUE((*ring)->reached(tail));
  EXPECT_TRUE((*ring)->empty());
}

TEST_F(PortTest, RingNamesAreUniqueAndSizesPowersOfTwo) {
  const auto first = Ring::create("same", 8, Producers::many);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(Ring::create("same", 8, Producers::many).has_value());
  EXPECT_FALSE(Ring::create("odd", 7, Producers::many).has_value());
}

TEST_F(PortTest, HostRingsKeepClassesApart) {
  auto rings = HostRings::create(ids::WorkerIndex{0});
  ASSERT_TRUE(rings.has_value()) << rings.error();
  int thing = 0;
  void* pointer = &thing;
  while (rings->queue(HostClass::ike).enqueue(&pointer, 1) == 1) {
  }
  EXPECT_EQ(rings->queue(HostClass::radius).enqueue(&pointer, 1), 1U) << "a flood of one class leaves room for another";
}

}  // namespace
}  // namespace dataplane::eal
