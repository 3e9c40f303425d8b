// The relay with real TAPs, a real kernel and real rings: exactly once to the host, exactly once back, and what a
// removal relies on.

#include "dataplane/exception/relay.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sched.h>
#include <set>
#include <thread>
#include <unistd.h>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <sys/socket.h>

#include "dataplane/eal/mempool.hpp"
#include "dataplane/eal/runtime.hpp"

namespace dataplane::exception {
namespace {

using namespace std::chrono_literals;

constexpr common::MacAddress kMac{{2, 0, 0, 0, 0, 0x10}};
constexpr common::MacAddress kFarMac{{2, 0, 0, 0, 0, 0x20}};

class Eal : public ::testing::Environment {
 public:
  void SetUp() override {
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) return;
    config::Config config;
    config.dataplane.workers = {0};
    config.dataplane.hugepages = config::Hugepages::off;
    config.dataplane.memory_mib = 64;
    auto started = eal::Runtime::start(config);
    if (!started) {
      ADD_FAILURE() << started.error();
      return;
    }
    runtime = std::make_unique<eal::Runtime>(std::move(*started));
    pool = std::make_unique<eal::Mempool>(
        std::move(*eal::Mempool::create("relay", {2047, packet::kMetadataOctets, 2176})));
  }
  void TearDown() override {
    pool.reset();
    runtime.reset();
  }
  std::unique_ptr<eal::Runtime> runtime;
  std::unique_ptr<eal::Mempool> pool;
};
Eal& eal_environment = *static_cast<Eal*>(::testing::AddGlobalTestEnvironment(new Eal));

/// Sessions of generation 1 live; all calls are remembered.
class FakeSessions final : public Sessions {
 public:
  bool is_live(const ids::SessionRef& session) noexcept override { return session.generation == 1; }
  void on_delivered(const packet::Metadata& metadata) noexcept override { delivered_octets += metadata.source_octets; }
  void drop(rte_mbuf* mbuf, common::DropReason reason) noexcept override {
    drops[static_cast<std::size_t>(reason)].fetch_add(1);
    rte_pktmbuf_free(mbuf);
  }
  [[nodiscard]] unsigned dropped(common::DropReason reason) const {
    return drops[static_cast<std::size_t>(reason)].load();
  }

  std::atomic<std::uint64_t> delivered_octets{0};
  std::array<std::atomic<unsigned>, common::kDropReasons> drops{};
};

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!eal_environment.runtime) GTEST_SKIP() << "needs a network namespace of its own";
    tap = std::make_unique<Tap>(std::move(*Tap::create("twin", kMac, 1500)));
    run("ip address add 192.0.2.1/24 dev twin");
    run("ip neighbour add 192.0.2.9 lladdr 02:00:00:00:00:20 dev twin");
    rings = std::move(*eal::HostRings::create(ids::WorkerIndex{0}));
    qsbr_memory.reset(static_cast<std::byte*>(std::aligned_alloc(64, (rte_rcu_qsbr_get_memsize(2) + 63) / 64 * 64)));
    rte_rcu_qsbr_init(qsbr(), 2);
    buffers_before = rte_mempool_avail_count(eal_environment.pool->get());
  }
  void TearDown() override {
    if (!tap) return;
    relay.reset();
    void* object = nullptr;
    while (rings.from_host->dequeue(&object, 1) == 1) rte_pktmbuf_free(static_cast<rte_mbuf*>(object));
    EXPECT_EQ(rte_mempool_avail_count(eal_environment.pool->get()), buffers_before) << "buffers leak";
  }
  void start() {
    auto started = Relay::start({.taps = {tap.get()},
                                 .workers = {&rings},
                                 .pool = eal_environment.pool->get(),
                                 .qsbr = qsbr(),
                                 .reader = 1,
                                 .sessions = &sessions});
    ASSERT_TRUE(started.has_value()) << started.error();
    relay = std::move(*started);
  }
  static void run(const char* command) { ASSERT_EQ(std::system(command), 0) << command; }
  rte_rcu_qsbr* qsbr() { return reinterpret_cast<rte_rcu_qsbr*>(qsbr_memory.get()); }
  template <class Condition>
  static bool until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }

  /// A UDP datagram from 192.0.2.9 to 192.0.2.1:5000 as a frame for the TAP.
  static rte_mbuf* datagram(std::uint32_t number) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(eal_environment.pool->get());
    constexpr std::uint16_t kOctets = sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr) + sizeof(number);
    auto* ethernet = reinterpret_cast<rte_ether_hdr*>(rte_pktmbuf_append(mbuf, sizeof(rte_ether_hdr) + kOctets));
    std::memcpy(&ethernet->dst_addr, kMac.octets.data(), 6);
    std::memcpy(&ethernet->src_addr, kFarMac.octets.data(), 6);
    ethernet->ether_type = htons(RTE_ETHER_TYPE_IPV4);
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(ethernet + 1);
    *ip = {.version_ihl = 0x45,
           .total_length = htons(kOctets),
           .time_to_live = 64,
           .next_proto_id = IPPROTO_UDP,
           .src_addr = inet_addr("192.0.2.9"),
           .dst_addr = inet_addr("192.0.2.1")};
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    auto* udp = reinterpret_cast<rte_udp_hdr*>(ip + 1);
    *udp = {.src_port = htons(6000), .dst_port = htons(5000), .dgram_len = htons(kOctets - sizeof(rte_ipv4_hdr))};
    std::memcpy(udp + 1, &number, sizeof(number));
    udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
    packet::metadata(mbuf) = {};
    return mbuf;
  }
  void enqueue(rte_mbuf* mbuf, eal::HostClass host_class = eal::HostClass::other) {
    void* object = mbuf;
    ASSERT_EQ(rings.queue(host_class).enqueue(&object, 1), 1U);
  }
  static int host_socket() {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(5000), .sin_addr = {inet_addr("192.0.2.1")}};
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  FakeSessions sessions;
  std::unique_ptr<Tap> tap;
  eal::HostRings rings;
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> qsbr_memory;
  std::unique_ptr<Relay> relay;
  unsigned buffers_before = 0;
};

TEST_F(RelayTest, EveryFrameReachesTheHostExactlyOnce) {
  const int fd = host_socket();
  start();
  constexpr std::uint32_t kCount = 200;
  std::multiset<std::uint32_t> got;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    enqueue(datagram(i), static_cast<eal::HostClass>(i % eal::kHostClasses));
    std::uint32_t number = 0;
    ASSERT_EQ(recv(fd, &number, sizeof(number), 0), static_cast<ssize_t>(sizeof(number))) << i;
    got.insert(number);
  }
  std::uint32_t extra = 0;
  EXPECT_LT(recv(fd, &extra, sizeof(extra), MSG_DONTWAIT), 0) << "a datagram came twice";
  for (std::uint32_t i = 0; i < kCount; ++i) EXPECT_EQ(got.count(i), 1U) << i;
  EXPECT_TRUE(until([&] { return relay->statistics().to_host[0] == kCount / eal::kHostClasses; }));
  EXPECT_EQ(sessions.delivered_octets.load(), 0U) << "nobody's";
  close(fd);
}

TEST_F(RelayTest, PacketsOfARemovedSessionAreNotDelivered) {
  const int fd = host_socket();
  rte_mbuf* dead = datagram(1);
  packet::metadata(dead) = {
      .source = {ids::SessionIndex{3}, 2}, .source_octets = 32, .origin = packet::Origin::decrypted};
  rte_mbuf* live = datagram(2);
  packet::metadata(live) = {
      .source = {ids::SessionIndex{3}, 1}, .source_octets = 32, .origin = packet::Origin::decrypted};
  enqueue(dead);
  enqueue(live);
  const std::uint32_t mark = rings.queue(eal::HostClass::other).enqueued();
  start();
  std::uint32_t number = 0;
  ASSERT_EQ(recv(fd, &number, sizeof(number), 0), static_cast<ssize_t>(sizeof(number)));
  EXPECT_EQ(number, 2U);
  EXPECT_TRUE(until([&] { return rings.queue(eal::HostClass::other).reached(mark); }));
  EXPECT_LT(recv(fd, &number, sizeof(number), MSG_DONTWAIT), 0);
  EXPECT_EQ(sessions.dropped(common::DropReason::session_ended), 1U);
  EXPECT_EQ(sessions.delivered_octets.load(), 32U) << "counted when the kernel took it";
  close(fd);
}

TEST_F(RelayTest, WhatTheKernelRefusesIsACountedDrop) {
  run("ip link set twin down");
  rte_mbuf* mbuf = datagram(1);
  packet::metadata(mbuf).source = {ids::SessionIndex{3}, 1};
  packet::metadata(mbuf).source_octets = 32;
  enqueue(mbuf);
  rte_mbuf* nowhere = datagram(2);
  packet::metadata(nowhere).port = common::PortIndex{7};
  enqueue(nowhere);
  start();
  EXPECT_TRUE(until([&] { return sessions.dropped(common::DropReason::host_write_failed) == 2; }));
  EXPECT_EQ(sessions.delivered_octets.load(), 0U);
  EXPECT_EQ(relay->statistics().write_failed, 2U);
}

TEST_F(RelayTest, FramesOfTheKernelReachTheWorkerOnceWithTheirPort) {
  start();
  const int fd = host_socket();
  const sockaddr_in far{.sin_family = AF_INET, .sin_port = htons(7000), .sin_addr = {inet_addr("192.0.2.9")}};
  for (std::uint32_t i = 0; i < 50; ++i) {
    EXPECT_EQ(sendto(fd, &i, sizeof(i), 0, reinterpret_cast<const sockaddr*>(&far), sizeof(far)), 4);
  }
  std::multiset<std::uint32_t> got;
  EXPECT_TRUE(until([&] {
    void* object = nullptr;
    while (rings.from_host->dequeue(&object, 1) == 1) {
      auto* mbuf = static_cast<rte_mbuf*>(object);
      const auto* ethernet = rte_pktmbuf_mtod(mbuf, const rte_ether_hdr*);
      const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(ethernet + 1);
      const auto* udp = reinterpret_cast<const rte_udp_hdr*>(ip + 1);
      if (ethernet->ether_type == htons(RTE_ETHER_TYPE_IPV4) && ip->next_proto_id == IPPROTO_UDP &&
          udp->dst_port == htons(7000)) {
        EXPECT_EQ(packet::metadata(mbuf).origin, packet::Origin::host);
        EXPECT_EQ(packet::metadata(mbuf).port, common::PortIndex{0});
        EXPECT_TRUE(packet::metadata(mbuf).source.is_nobody());
        EXPECT_EQ(rte_ipv4_udptcp_cksum_verify(ip, udp), 0) << "a partial checksum came through the TAP";
        std::uint32_t number = 0;
        std::memcpy(&number, udp + 1, sizeof(number));
        got.insert(number);
      }
      rte_pktmbuf_free(mbuf);
    }
    return got.size() >= 50;
  }));
  for (std::uint32_t i = 0; i < 50; ++i) EXPECT_EQ(got.count(i), 1U) << i;
  close(fd);
}

TEST_F(RelayTest, AnIdleRelayHoldsUpNoGracePeriod) {
  start();
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t token = rte_rcu_qsbr_start(qsbr());
    EXPECT_TRUE(until([&] { return rte_rcu_qsbr_check(qsbr(), token, false) == 1; }));
  }
}

TEST_F(RelayTest, TheEndDropsWhatIsStillOnTheRings) {
  enqueue(datagram(1));
  start();
  relay.reset();
  enqueue(datagram(2));
  start();
  relay.reset();
  // Delivered or dropped: TearDown sees that no buffer is lost.
  EXPECT_TRUE(rings.queue(eal::HostClass::other).empty());
}

}  // namespace
}  // namespace dataplane::exception
