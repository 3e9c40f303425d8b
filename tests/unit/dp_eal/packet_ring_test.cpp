// What waits in an af_packet ring is seen, kicked on, and gone when the interface has taken it. The rings are laid out
// as DPDK's driver lays out its own.

#include "dataplane/eal/packet_ring.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>

namespace dataplane::eal {
namespace {

constexpr std::uint32_t kFrameOctets = 2048;
constexpr std::uint32_t kFrames = 8;

class PacketRingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs a network namespace of its own";
    run("ip link add near type veth peer name far");
    run("ip link set near up");
    run("ip link set far up");
    socket_ = open_ring("near");
    ASSERT_GE(socket_, 0);
  }
  void TearDown() override {
    if (map_ != nullptr) munmap(map_, 2 * kFrameOctets * kFrames);
    if (socket_ >= 0) close(socket_);
  }
  static void run(const char* command) { ASSERT_EQ(std::system(command), 0) << command; }

  int open_ring(const char* interface) {
    const int fd = socket(AF_PACKET, SOCK_RAW, 0);
    const int version = TPACKET_V2;
    tpacket_req request{
        .tp_block_size = 4096, .tp_block_nr = kFrames / 2, .tp_frame_size = kFrameOctets, .tp_frame_nr = kFrames};
    setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version));
    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request));
    setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof(request));
    void* map = mmap(nullptr, 2 * kFrameOctets * kFrames, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return -1;
    map_ = static_cast<std::uint8_t*>(map);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? fd : -1;
  }
  /// Puts a frame into the transmit ring without telling the kernel.
  void put(std::uint32_t slot) {
    std::uint8_t* frame = map_ + (kFrames + slot) * kFrameOctets;
    auto* header = reinterpret_cast<tpacket2_hdr*>(frame);
    std::memset(frame + TPACKET2_HDRLEN - sizeof(sockaddr_ll), 0xFF, 60);
    header->tp_len = header->tp_snaplen = 60;
    __atomic_store_n(&header->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
  }
  static int far_socket() {
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex("far"));
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  static unsigned frames_of_ours(int fd) {
    unsigned count = 0;
    std::array<std::uint8_t, 2048> buffer{};
    for (ssize_t got = 0; (got = recv(fd, buffer.data(), buffer.size(), 0)) > 0;)
      count += got == 60 && buffer[20] == 0xFF;
    return count;
  }

  int socket_ = -1;
  std::uint8_t* map_ = nullptr;
};

TEST_F(PacketRingTest, FindsTheRingOfTheInterfaceAndNoOther) {
  const auto ring = PacketRing::find("near", kFrameOctets);
  ASSERT_TRUE(ring.has_value()) << ring.error();
  EXPECT_EQ(ring->queues(), 1U);
  EXPECT_FALSE(PacketRing::find("far", kFrameOctets).has_value());
  EXPECT_FALSE(PacketRing::find("nowhere", kFrameOctets).has_value());
}

TEST_F(PacketRingTest, AnEmptyRingIsDrained) {
  auto ring = PacketRing::find("near", kFrameOctets);
  ASSERT_TRUE(ring.has_value());
  EXPECT_TRUE(ring->drained());
}

TEST_F(PacketRingTest, WaitingFramesAreKickedOnAndArriveBeforeItSaysDrained) {
  auto ring = PacketRing::find("near", kFrameOctets);
  ASSERT_TRUE(ring.has_value());
  const int far = far_socket();
  for (std::uint32_t slot = 0; slot < 3; ++slot) put(slot);
  bool drained = false;
  for (int tries = 0; tries < 1000 && !drained; ++tries) drained = ring->drained();
  EXPECT_TRUE(drained);
  EXPECT_EQ(frames_of_ours(far), 3U);
  close(far);
}

TEST_F(PacketRingTest, WhatTheDeviceDoesNotTakeIsNotDrained) {
  auto ring = PacketRing::find("near", kFrameOctets);
  ASSERT_TRUE(ring.has_value());
  run("ip link set near down");
  put(0);
  for (int tries = 0; tries < 20; ++tries) EXPECT_FALSE(ring->drained());
  run("ip link set near up");
  bool drained = false;
  for (int tries = 0; tries < 1000 && !drained; ++tries) drained = ring->drained();
  EXPECT_TRUE(drained);
}

TEST_F(PacketRingTest, CountsWhatTheReceiveRingHadNoRoomFor) {
  auto ring = PacketRing::find("near", kFrameOctets);
  ASSERT_TRUE(ring.has_value());
  const int far = far_socket();
  std::array<std::uint8_t, 60> frame{};
  frame.fill(0xFF);
  for (unsigned i = 0; i < kFrames + 20; ++i) EXPECT_EQ(send(far, frame.data(), frame.size(), 0), 60);
  EXPECT_GE(ring->rx_missed(), 20U);
  const std::uint64_t missed = ring->rx_missed();
  EXPECT_EQ(ring->rx_missed(), missed) << "reading must not forget";
  close(far);
}

}  // namespace
}  // namespace dataplane::eal
