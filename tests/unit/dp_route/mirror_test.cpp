// The mirror against a real kernel, in a network namespace of this process's own.

#include "dataplane/route/mirror.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <sched.h>
#include <string>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/unit/dp_route/model.hpp"

namespace dataplane::route::test {
namespace {

using namespace std::chrono_literals;

constexpr int kReceiveOctets = 64 << 10;  // small, so that a test can overflow it

std::uint32_t ip(const char* text) { return common::IpAddress::parse(text)->v4_host(); }

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 256> buffer{};
  while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) text += buffer.data();
  if (pipe != nullptr) pclose(pipe);
  return text;
}

class MirrorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs a network namespace of its own";
    run("link set lo up");
    run("link add inside type veth peer name far");
    run("link set inside up");
    run("link set far up");
    run("address add 192.0.2.1/24 dev inside");
    run("route add 10.0.0.0/8 via 192.0.2.254");
    mirror = std::move(*Mirror::open({{common::PortIndex{0}, "inside", {{2, 0, 0, 0, 0, 1}}}}, fib, adjacencies, pools,
                                     kReceiveOctets));
    ASSERT_TRUE(until([&] { return mirror->synchronized(); }));
  }
  static void run(const std::string& arguments) { ASSERT_EQ(std::system(("ip " + arguments).c_str()), 0) << arguments; }
  /// Works as the manager does until something holds, for at most 20 s.
  template <class Condition>
  bool until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      pollfd poller{mirror->fd(), POLLIN, 0};
      poll(&poller, 1, 20);
      mirror->work(64, std::chrono::steady_clock::now());
      mirror->on_timer(std::chrono::steady_clock::now());
      deferred.end_grace_period();
    }
    return true;
  }
  ResultType type_at(const char* address) { return fib.lookup(ip(address)).type(); }
  bool resolved_at(const char* address) {
    const Result result = fib.lookup(ip(address));
    return result.type() == ResultType::adjacency && adjacencies.at(ids::AdjacencyIndex{result.index()}).resolved;
  }

  Deferred deferred;
  Fib fib{deferred.hook()};
  Adjacencies adjacencies{64, deferred.hook()};
  Pools pools{{}};
  std::unique_ptr<Mirror> mirror;
};

TEST_F(MirrorTest, ReadsWhatIsThereAndFollowsChanges) {
  EXPECT_EQ(type_at("192.0.2.1"), ResultType::local);
  EXPECT_EQ(type_at("192.0.2.255"), ResultType::local);
  EXPECT_EQ(type_at("192.0.2.7"), ResultType::glean);
  EXPECT_EQ(type_at("10.1.2.3"), ResultType::adjacency);
  EXPECT_FALSE(resolved_at("10.1.2.3"));
  EXPECT_EQ(type_at("127.0.0.1"), ResultType::drop);
  EXPECT_EQ(mirror->address_v4(common::PortIndex{0}).load(), ip("192.0.2.1"));

  run("neighbour add 192.0.2.7 lladdr 02:00:00:00:00:07 dev inside");
  EXPECT_TRUE(until([&] { return resolved_at("192.0.2.7"); }));
  run("neighbour add 192.0.2.254 lladdr 02:00:00:00:00:fe dev inside");
  EXPECT_TRUE(until([&] { return resolved_at("10.1.2.3"); }));
  run("neighbour del 192.0.2.7 dev inside");
  EXPECT_TRUE(until([&] { return type_at("192.0.2.7") == ResultType::glean; }));
  run("route add blackhole 10.9.0.0/16");
  EXPECT_TRUE(until([&] { return type_at("10.9.0.1") == ResultType::drop; }));
  run("route del 10.0.0.0/8");
  EXPECT_TRUE(until([&] { return type_at("10.1.2.3") == ResultType::drop; }));
  run("address add 192.0.2.2/24 dev inside");
  EXPECT_TRUE(until([&] { return type_at("192.0.2.2") == ResultType::local; }));
}

TEST_F(MirrorTest, LinkDownTakesRoutesThatTheKernelFlushesSilently) {
  run("link set inside down");
  EXPECT_TRUE(
      until([&] { return type_at("10.1.2.3") == ResultType::drop && type_at("192.0.2.7") == ResultType::drop; }));
  run("link set inside up");
  run("route add 10.0.0.0/8 via 192.0.2.254");
  EXPECT_TRUE(
      until([&] { return type_at("192.0.2.7") == ResultType::glean && type_at("10.1.2.3") == ResultType::adjacency; }));
}

TEST_F(MirrorTest, AddressThatGoesTakesItsRoutes) {
  run("address del 192.0.2.1/24 dev inside");
  EXPECT_TRUE(
      until([&] { return type_at("192.0.2.1") == ResultType::drop && type_at("10.1.2.3") == ResultType::drop; }));
  EXPECT_TRUE(until([&] { return mirror->address_v4(common::PortIndex{0}).load() == 0; }));
}

TEST_F(MirrorTest, AsksTheKernelForANeighbourAtMostOnceASecond) {
  const auto now = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i)
    mirror->on_neighbour_needed(common::PortIndex{0}, common::IpAddress::v4(ip("192.0.2.9")), now);
  EXPECT_EQ(mirror->statistics().probes, 1U);
  mirror->on_neighbour_needed(common::PortIndex{0}, common::IpAddress::v4(ip("10.1.1.1")), now);
  EXPECT_EQ(mirror->statistics().probes, 2U);
  mirror->on_neighbour_needed(common::PortIndex{0}, common::IpAddress::v4(ip("192.0.2.9")), now + 1s);
  EXPECT_EQ(mirror->statistics().probes, 3U);
  mirror->on_neighbour_needed(common::PortIndex{3}, common::IpAddress::v4(ip("192.0.2.10")), now);
  EXPECT_EQ(mirror->statistics().probes, 3U) << "the route leads elsewhere";
  const auto known = [] { return output_of("ip neighbour show dev inside nud all"); };
  EXPECT_TRUE(until([&] {
    return known().find("192.0.2.9 ") != std::string::npos && known().find("192.0.2.254 ") != std::string::npos;
  })) << known();
  EXPECT_NE(known().find("INCOMPLETE"), std::string::npos) << known();
}

TEST_F(MirrorTest, RefreshesAStaleNeighbourThatIsUsed) {
  run("neighbour add 192.0.2.7 lladdr 02:00:00:00:00:07 dev inside nud stale");
  ASSERT_TRUE(until([&] { return resolved_at("192.0.2.7"); }));
  adjacencies.mark_used(ids::AdjacencyIndex{fib.lookup(ip("192.0.2.7")).index()});
  mirror->on_timer(std::chrono::steady_clock::now() + 10s);
  EXPECT_EQ(mirror->statistics().refreshes, 1U);
  EXPECT_TRUE(until([&] {
    const std::string shown = output_of("ip neighbour show 192.0.2.7 dev inside");
    return shown.find("DELAY") != std::string::npos || shown.find("PROBE") != std::string::npos;
  }));
}

TEST_F(MirrorTest, ReadsEverythingAgainWhenChangesWereLost) {
  // More changes than the socket's buffer holds, while nobody reads.
  std::string batch =
      "for i in $(seq 0 3); do for j in $(seq 0 255); do echo route add 172.16.$i.$j/32 dev inside; done; done";
  ASSERT_EQ(std::system(("(" + batch + ") | ip -batch -").c_str()), 0);
  EXPECT_TRUE(until([&] { return type_at("172.16.3.255") == ResultType::glean; }));
  EXPECT_GE(mirror->statistics().resyncs, 1U);
  EXPECT_GE(mirror->statistics().routes, 1024U);
}

}  // namespace
}  // namespace dataplane::route::test
