// Each kind of vdev that a configuration may name carries frames both ways through Port. The far end is a raw socket on
// the interface, the other memif, the same ring, or a capture file.

#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <sys/socket.h>

#include "tests/unit/dp_eal/environment.hpp"

namespace dataplane::eal {
namespace {

using Frame = std::vector<std::uint8_t>;

constexpr std::uint16_t kOurEtherType = 0x88B5;  // for experiments (RFC 9542 §3)
constexpr std::size_t kFrameOctets = 100;
const std::array<const char*, 7> kDevices = {"net_af_packet0,iface=apnear",
                                             "net_af_xdp0,iface=xdnear",
                                             "net_pcap0,iface=pcnear",
                                             "net_tap0,iface=tapfar",
                                             "net_memif0,role=server,id=7",
                                             "net_memif1,role=client,id=7",
                                             "net_ring0"};
constexpr std::uint16_t kMemifServer = 4, kMemifClient = 5, kRing = 6;

/// A broadcast of the experimental kind; `mark` tells one from another.
Frame frame(std::uint8_t mark) {
  Frame octets(kFrameOctets, mark);
  std::fill_n(octets.begin(), 6, std::uint8_t{0xFF});
  const std::array<std::uint8_t, 8> rest = {2, 0, 0, 0, 0, mark, kOurEtherType >> 8U, kOurEtherType & 0xFFU};
  std::ranges::copy(rest, octets.begin() + 6);
  return octets;
}

std::vector<config::Port> ports() {
  const std::string socket = ",socket-abstract=yes,socket=portcullis-test-" + std::to_string(::getpid());
  std::vector<config::Port> all;
  for (const std::string device : kDevices)
    all.push_back(
        {.name = device.substr(0, device.find(',')), .device = device + (device.contains("memif") ? socket : "")});
  return all;
}

test::Environment& eal = *static_cast<test::Environment*>(::testing::AddGlobalTestEnvironment(new test::Environment(
    {test::veth("apnear", "apfar"), test::veth("xdnear", "xdfar"), test::veth("pcnear", "pcfar")}, ports(), 1, 128)));

/// The wire's other end: a raw socket on an interface of the kernel.
class FarEnd {
 public:
  explicit FarEnd(const char* interface) : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(kOurEtherType))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(kOurEtherType);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << interface;
  }
  ~FarEnd() { ::close(fd_); }
  FarEnd(const FarEnd&) = delete;
  FarEnd& operator=(const FarEnd&) = delete;
  void send(const Frame& octets) const { EXPECT_EQ(::send(fd_, octets.data(), octets.size(), 0), octets.size()); }
  [[nodiscard]] Frame take() const {
    Frame octets(2048);
    const auto got = ::recv(fd_, octets.data(), octets.size(), 0);
    octets.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return octets;
  }

 private:
  int fd_;
};

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!eal.runtime) GTEST_SKIP() << "needs a network namespace of its own";
  }
  static Port open(std::uint16_t index) {
    auto port = eal.open(index);
    if (!port) throw std::runtime_error(port.error());
    return std::move(*port);
  }
  static bool soon(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  static void send(Port& port, const Frame& octets) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(eal.pool->get());
    ASSERT_NE(mbuf, nullptr);
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(octets.size())), octets.data(), octets.size());
    EXPECT_TRUE(soon([&] { return rte_eth_tx_burst(port.port_id(), 0, &mbuf, 1) == 1; }));
    EXPECT_TRUE(soon([&] { return port.tx_drained(0); }));
  }
  /// The next frame of the experimental kind; what the kernel itself says on a new interface is passed over.
  static Frame receive(const Port& port) {
    Frame found;
    EXPECT_TRUE(soon([&] {
      rte_mbuf* mbuf = nullptr;
      if (rte_eth_rx_burst(port.port_id(), 0, &mbuf, 1) == 0) return false;
      const auto* octets = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
      if (mbuf->data_len >= 14 && octets[12] == kOurEtherType >> 8U && octets[13] == (kOurEtherType & 0xFFU))
        found.assign(octets, octets + mbuf->data_len);
      rte_pktmbuf_free(mbuf);
      return !found.empty();
    }));
    return found;
  }
  static void exchange(std::uint16_t index, const char* far_interface) {
    Port port = open(index);
    const FarEnd far(far_interface);
    EXPECT_TRUE(soon([&] { return port.link_up(); }));
    far.send(frame(1));
    EXPECT_EQ(receive(port), frame(1));
    send(port, frame(2));
    Frame got;
    EXPECT_TRUE(soon([&] { return (got = far.take()) == frame(2); })) << got.size();
  }
};

TEST_F(DriverTest, AfPacket) { exchange(0, "apfar"); }
TEST_F(DriverTest, AfXdp) { exchange(1, "xdfar"); }
TEST_F(DriverTest, PcapOnAnInterface) { exchange(2, "pcfar"); }
TEST_F(DriverTest, Tap) { exchange(3, "tapfar"); }

TEST_F(DriverTest, MemifBothRoles) {
  Port server = open(kMemifServer);
  Port client = open(kMemifClient);
  EXPECT_TRUE(soon([&] { return server.link_up() && client.link_up(); }));
  // A client lends its buffers to the server when it polls, which a worker does all the time.
  rte_mbuf* none = nullptr;
  EXPECT_EQ(rte_eth_rx_burst(client.port_id(), 0, &none, 1), 0);
  send(server, frame(3));
  EXPECT_EQ(receive(client), frame(3));
  send(client, frame(4));
  EXPECT_EQ(receive(server), frame(4));
}

TEST_F(DriverTest, RingIsItsOwnFarEnd) {
  Port port = open(kRing);
  send(port, frame(5));
  EXPECT_EQ(receive(port), frame(5));
}

}  // namespace
}  // namespace dataplane::eal
