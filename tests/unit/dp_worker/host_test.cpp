// What the host stack sends, and what peers send to it.

#include <gtest/gtest.h>

#include "dataplane/packet/headers.hpp"
#include "tests/unit/dp_worker/world.hpp"

namespace dataplane::worker {
namespace {

using common::DropReason;
using eal::HostClass;
using test::Bytes;
using test::kGateway;
using test::kHost;
using test::kInside;
using test::kOutside;
using test::Packet;
using test::Peer;
using test::World;

/// A frame as the kernel makes it: from our MAC address to its neighbour's.
[[nodiscard]] Bytes host_frame(const Bytes& payload, std::uint16_t type = 0x0800) {
  Bytes frame = test::frame_to(kOutside, payload, type);
  std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
  return frame;
}

void expect_raw(World& world, const Bytes& frame) {
  world.from_host(kOutside, frame);
  world.run();
  const auto frames = world.sent(kOutside);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0], frame);
}

TEST(FromHost, LeavesAsItIs) {
  World world;
  expect_raw(world, host_frame(Bytes(46, 1), 0x0806));
  expect_raw(world, host_frame(Bytes(60, 0x60), 0x86DD));
  expect_raw(world, host_frame(Packet{.source = kGateway, .destination = test::kPeerNet + 5, .ttl = 1}.ip()));
  expect_raw(world, host_frame(Packet{.source = kGateway, .destination = test::kUnresolved}.ip()));
  Bytes group = host_frame(Packet{.source = kGateway, .destination = 0xE0000005}.ip());
  group[0] = 0x01;
  expect_raw(world, group);
  EXPECT_EQ(world.dropped_total(), 0U);
}

TEST(FromHost, GoesThroughTheTunnelOrNowhere) {
  World world;
  const Peer peer = world.install(1);
  const Packet packet{.source = kGateway, .destination = peer.inner, .ttl = 64};
  world.from_host(kOutside, host_frame(packet.ip()));
  world.run();
  const auto frames = world.sent(kOutside);
  ASSERT_EQ(frames.size(), 1U);
  const auto inner = peer.open(frames[0]);
  ASSERT_TRUE(inner);
  EXPECT_EQ(*inner, packet.ip()) << "the gateway's own packet: no hop was passed";
  EXPECT_EQ(world.totals(1).out_packets, 1U);

  world.from_host(kOutside, host_frame(Packet{.source = kGateway, .destination = peer.inner + 1}.ip()));
  world.from_host(kOutside, host_frame(Packet{.source = kGateway, .destination = 0x08080808}.ip()));
  world.from_host(kOutside, host_frame(Packet{.source = kGateway, .destination = test::kGatewayIn}.ip()));
  world.from_host(kOutside, Bytes(13, 1));
  world.from_host(kOutside, host_frame(Bytes(30, 0x45)));
  world.run();
  EXPECT_TRUE(world.sent(kOutside).empty()) << "nothing leaves in clear text";
  EXPECT_EQ(world.dropped(DropReason::no_session), 1U);
  EXPECT_EQ(world.dropped(DropReason::no_route), 2U);
  EXPECT_EQ(world.dropped_total(), 5U);
}

TEST(FromHost, IsToldOfTheTunnelsSize) {
  World world;
  const Peer peer = world.install(1);
  world.from_host(kOutside, host_frame(Packet{.source = kGateway, .destination = peer.inner, .octets = 1500}.ip()));
  world.run();
  EXPECT_EQ(world.dropped(DropReason::too_big), 1U);
  const auto frames = world.punted(HostClass::other);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(common::to_hex(common::ByteView(frames[0]).first(6)), "020000000001") << "to the TAP's own address";
  const auto ip = packet::parse_ipv4(common::ByteView(frames[0]).subspan(14));
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header->source.host(), peer.inner) << "the kernel would not believe its own address";
  EXPECT_EQ(ip->header->destination.host(), kGateway);
  EXPECT_EQ(common::to_hex(ip->payload.first(2)), "0304");
}

TEST(ToHost, FromPeersThroughTheTunnel) {
  World world;
  Peer peer = world.install(1);
  const Packet packet{.source = peer.inner, .destination = kGateway, .destination_port = 53, .ttl = 1};
  world.inject(kOutside, peer.seal(packet.ip()));
  world.run();
  const auto frames = world.punted(HostClass::other);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(common::to_hex(common::ByteView(frames[0]).first(6)), "020000000001");
  EXPECT_EQ(frames[0][12] << 8U | frames[0][13], 0x0800);
  EXPECT_EQ(Bytes(frames[0].begin() + 14, frames[0].end()), packet.ip()) << "nothing is forwarded: TTL stays";
  EXPECT_EQ(world.totals(1).in_packets, 0U) << "counted by the relay when the kernel has taken it";
  EXPECT_EQ(world.dropped_total(), 0U);
}

TEST(ToHost, MulticastOfPeersGoesNowhere) {
  World world;
  Peer peer = world.install(1);
  world.inject(kOutside, peer.seal(Packet{.source = peer.inner, .destination = 0xE00000FB}.ip()));
  world.run();
  EXPECT_EQ(world.dropped(DropReason::no_route), 1U);
  EXPECT_EQ(world.totals(1).in_drops[static_cast<std::size_t>(DropReason::no_route)], 1U);
}

}  // namespace
}  // namespace dataplane::worker
