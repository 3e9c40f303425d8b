// What EAL is told, and how much memory for packets a configuration asks for.

#include <algorithm>

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include "dataplane/eal/frame_room.hpp"
#include "dataplane/eal/mempool.hpp"
#include "dataplane/eal/runtime.hpp"

namespace dataplane::eal {
namespace {

config::Config with_devices(const std::vector<std::string>& devices, std::vector<unsigned> workers = {1}) {
  config::Config config;
  config.dataplane.workers = std::move(workers);
  for (const std::string& device : devices) config.ports.push_back({.name = "p", .device = device});
  return config;
}

/// The argument behind `flag`, all of them joined where it comes more than once.
std::string value_of(const std::vector<std::string>& arguments, const std::string& flag) {
  std::string values;
  for (auto at = arguments.begin(); at != arguments.end(); ++at) {
    if (*at == flag && at + 1 != arguments.end()) values += (values.empty() ? "" : " ") + *(at + 1);
  }
  return values;
}
bool has(const std::vector<std::string>& arguments, const std::string& flag) {
  return std::ranges::find(arguments, flag) != arguments.end();
}

TEST(EalArguments, OneLcoreAWorkerOnTheCpusOfTheConfiguration) {
  auto config = with_devices({"net_null0"}, {3, 5, 5});
  config.dataplane.main_cpu = 2;
  const auto arguments = eal_arguments(config, false, "unique");
  EXPECT_EQ(value_of(arguments, "--lcores"), "0@2,1@3,2@5,3@5");
  EXPECT_EQ(value_of(arguments, "--main-lcore"), "0");
  EXPECT_EQ(value_of(arguments, "--file-prefix"), "unique");
  EXPECT_EQ(lcore_of(ids::WorkerIndex{2}), 3U);
}

TEST(EalArguments, HugepagesAndOrdinaryPagesExcludeEachOther) {
  const auto config = with_devices({"net_null0"});
  const auto huge = eal_arguments(config, true, "x");
  EXPECT_TRUE(has(huge, "--in-memory"));
  EXPECT_FALSE(has(huge, "--no-huge"));
  const auto ordinary = eal_arguments(config, false, "x");
  EXPECT_TRUE(has(ordinary, "--no-huge"));
  EXPECT_FALSE(has(ordinary, "--in-memory"));
  EXPECT_EQ(value_of(ordinary, "-m"), "512");
  for (const auto& arguments : {huge, ordinary}) EXPECT_TRUE(has(arguments, "--no-telemetry"));
}

TEST(EalArguments, PciDevicesAreNamedAndOthersNotProbed) {
  const auto none = eal_arguments(with_devices({"net_null0", "net_ring0"}), false, "x");
  EXPECT_TRUE(has(none, "--no-pci"));
  EXPECT_EQ(value_of(none, "--vdev"), "net_null0 net_ring0");
  const auto both = eal_arguments(with_devices({"0000:3b:00.0", "net_null0"}), true, "x");
  EXPECT_FALSE(has(both, "--no-pci"));
  EXPECT_EQ(value_of(both, "-a"), "0000:3b:00.0");
}

TEST(EalArguments, TheOperatorsOwnComeLast) {
  auto config = with_devices({"net_null0"});
  config.dataplane.eal_args = {"--log-level", "pmd.net.af_xdp:debug"};
  const auto arguments = eal_arguments(config, false, "x");
  EXPECT_EQ(arguments.back(), "pmd.net.af_xdp:debug");
}

TEST(Devices, PciAddressesAreToldFromVdevs) {
  for (const char* device : {"0000:3b:00.0", "3b:00.1", "0000:FF:1f.7"}) EXPECT_TRUE(is_pci_address(device)) << device;
  for (const char* device : {"net_null0", "0000:3b:00.8", "3b:00", "", "0000:3b:00.0,x"}) {
    EXPECT_FALSE(is_pci_address(device)) << device;
  }
}

TEST(Devices, KernelInterfaceOfPortsThatShareOne) {
  EXPECT_EQ(kernel_interface("net_af_packet0,iface=eth1"), "eth1");
  EXPECT_EQ(kernel_interface("net_af_packet0,qpairs=2,iface=eth1,framesz=2048"), "eth1");
  EXPECT_EQ(kernel_interface("net_af_xdp3,iface=ens5f0"), "ens5f0");
  for (const char* device : {"net_tap0,iface=tap0", "net_null0", "net_af_packet0", "0000:3b:00.0"}) {
    EXPECT_EQ(kernel_interface(device), std::nullopt) << device;
  }
}

TEST(Devices, AfPacketGetsAQueueAWorkerUnlessTheOperatorSaysOtherwise) {
  config::Port port{.device = "net_af_packet0,iface=e"};
  EXPECT_EQ(vdev_string(port, 1), "net_af_packet0,iface=e");
  EXPECT_EQ(vdev_string(port, 4), "net_af_packet0,iface=e,qpairs=4");
  port.device = "net_af_packet0,iface=e,qpairs=2";
  EXPECT_EQ(vdev_string(port, 4), port.device);
  port = {.device = "net_af_packet0,iface=e", .mtu = 9000};
  EXPECT_EQ(vdev_string(port, 1), "net_af_packet0,iface=e,blocksz=12288,framesz=12288");
  port = {.device = "net_af_xdp0,iface=e"};
  EXPECT_EQ(vdev_string(port, 2), "net_af_xdp0,iface=e,queue_count=2");
  port = {.device = "net_ring0"};
  EXPECT_EQ(vdev_string(port, 2), "net_ring0");
}

TEST(FrameRoom, HoldsTheMtuAndItsTunnel) {
  EXPECT_EQ(frame_room(1500), 2048U);
  EXPECT_EQ(frame_room(1900), 2048U);
  EXPECT_EQ(frame_room(1901), 4096U);
  for (std::uint32_t mtu = 576; mtu <= 9000; ++mtu) {
    EXPECT_GE(frame_room(static_cast<std::uint16_t>(mtu)), mtu + kFrameOverhead);
  }
}

TEST(MempoolShape, IsWithinAThirdOfTheMemoryAndHoldsTheLargestMtu) {
  auto config = with_devices({"net_null0", "net_null1"}, {1, 2});
  config.ports[1].mtu = 9000;
  for (const std::uint32_t mib : {64U, 512U, 8192U}) {
    config.dataplane.memory_mib = mib;
    const MempoolShape shape = mempool_shape(config, 64);
    EXPECT_EQ(shape.private_octets, 64);
    EXPECT_GE(shape.data_octets, 9000 + RTE_PKTMBUF_HEADROOM);
    EXPECT_LE(std::uint64_t{shape.buffers} * shape.data_octets, (std::uint64_t{mib} << 20U) / 3);
  }
  const std::uint32_t two = mempool_shape(config, 64).buffers;
  config.dataplane.workers = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_GT(mempool_shape(config, 64).buffers, two);
}

}  // namespace
}  // namespace dataplane::eal
