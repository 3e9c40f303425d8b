// Frames that are no ESP for us: routed, refused, or given to the host stack.

#include <gtest/gtest.h>

#include "dataplane/packet/headers.hpp"
#include "tests/unit/dp_worker/world.hpp"

namespace dataplane::worker {
namespace {

using common::DropReason;
using eal::HostClass;
using test::Bytes;
using test::frame_to;
using test::kGateway;
using test::kHost;
using test::kInside;
using test::kOutside;
using test::Packet;
using test::World;

constexpr std::uint32_t kOutsideHost = test::kPeerNet + 200;

void expect_drop(World& world, const Bytes& frame, DropReason reason) {
  const std::uint64_t before = world.dropped(reason);
  const std::uint64_t all_before = world.dropped_total();
  world.inject(kOutside, frame);
  world.run();
  EXPECT_EQ(world.dropped(reason), before + 1) << common::to_string(reason);
  EXPECT_EQ(world.dropped_total(), all_before + 1) << common::to_string(reason);
  EXPECT_TRUE(world.sent(kInside).empty());
  EXPECT_TRUE(world.sent(kOutside).empty());
}

/// Injects a frame, expects it unchanged at the host stack in one class.
void expect_punt(World& world, const Bytes& frame, HostClass host_class) {
  world.inject(kOutside, frame);
  world.run();
  for (std::size_t i = 0; i < eal::kHostClasses; ++i) {
    const auto frames = world.punted(static_cast<HostClass>(i));
    if (static_cast<HostClass>(i) != host_class) {
      EXPECT_TRUE(frames.empty()) << i;
    } else {
      ASSERT_EQ(frames.size(), 1U);
      EXPECT_EQ(frames[0], frame);
    }
  }
  EXPECT_EQ(world.dropped_total(), 0U);
}

TEST(Classify, WhatTheHostStackGets) {
  const auto to_us = [](std::uint16_t from, std::uint16_t port, const Bytes& payload) {
    return frame_to(kOutside, test::udp(kOutsideHost, from, kGateway, port, payload));
  };
  World world;
  expect_punt(world, frame_to(kOutside, Bytes(46, 1), 0x0806), HostClass::neighbour);
  expect_punt(world, to_us(500, 500, Bytes(200, 1)), HostClass::ike);
  expect_punt(world, to_us(4500, 4500, Bytes(200, 0)), HostClass::ike);
  expect_punt(world, to_us(1812, 40000, Bytes(60, 3)), HostClass::radius);
  expect_punt(world, to_us(40000, 3799, Bytes(60, 3)), HostClass::radius);
  expect_punt(world, to_us(40000, 53, Bytes(60, 3)), HostClass::other);
  Bytes nd(72, 0);
  nd[0] = 0x60;
  nd[6] = 58;
  nd[40] = 135;
  expect_punt(world, frame_to(kOutside, nd, 0x86DD), HostClass::neighbour);
  nd[40] = 128;
  expect_punt(world, frame_to(kOutside, nd, 0x86DD), HostClass::other);
  // Link-layer groups are never forwarded.
  Bytes broadcast = frame_to(kOutside, test::udp(kOutsideHost, 68, 0xFFFFFFFF, 67, Bytes(50, 0)));
  std::fill_n(broadcast.begin(), 6, 0xFF);
  expect_punt(world, broadcast, HostClass::other);
  Bytes to_host = frame_to(kOutside, Packet{.source = kOutsideHost, .destination = kHost}.ip());
  std::fill_n(to_host.begin(), 6, 0xFF);
  expect_punt(world, to_host, HostClass::other);
}

TEST(Classify, FragmentsForTheHostStack) {
  World world;
  Bytes fragment = Packet{.source = kOutsideHost, .destination = kGateway, .dont_fragment = false}.ip();
  fragment[6] = 0x20;  // more fragments; the checksum with it
  fragment[10] = static_cast<std::uint8_t>(fragment[10] - 0x20);
  ASSERT_TRUE(packet::parse_ipv4(fragment));
  expect_punt(world, frame_to(kOutside, fragment), HostClass::other);
  fragment[9] = 50;  // 17 - 50 = -33
  const unsigned sum = (fragment[10] << 8U | fragment[11]) - 33U;
  fragment[10] = static_cast<std::uint8_t>(sum >> 8U);
  fragment[11] = static_cast<std::uint8_t>(sum);
  ASSERT_TRUE(packet::parse_ipv4(fragment));
  expect_drop(world, frame_to(kOutside, fragment), DropReason::fragment);
}

TEST(Classify, Refusals) {
  World world;
  const Bytes ip = Packet{.source = kOutsideHost, .destination = kHost}.ip();
  expect_drop(world, Bytes(13, 0), DropReason::truncated);
  Bytes frame = frame_to(kOutside, ip);
  std::copy_n(frame.begin(), 6, frame.begin() + 6);
  expect_drop(world, frame, DropReason::own_source_mac);
  frame = frame_to(kOutside, ip);
  frame[5] ^= 0x70;
  expect_drop(world, frame, DropReason::not_for_us);
  expect_drop(world, frame_to(kOutside, ip, 0x8100), DropReason::unsupported_protocol);
  expect_drop(world, frame_to(kOutside, ip, 0x0026), DropReason::unsupported_protocol);
  for (std::size_t cut = 1; cut < ip.size(); cut += 9)
    expect_drop(world, frame_to(kOutside, common::ByteView(ip).first(ip.size() - cut)), DropReason::truncated);
  Bytes bad = ip;
  bad[0] = 0x55;
  expect_drop(world, frame_to(kOutside, bad), DropReason::bad_header);
  bad = ip;
  bad[11] ^= 1;
  expect_drop(world, frame_to(kOutside, bad), DropReason::bad_checksum);
}

TEST(Classify, Udp4500ToUs) {
  World world;
  const auto to_us = [](const Bytes& payload) {
    return frame_to(kOutside, test::udp(kOutsideHost, 4500, kGateway, 4500, payload));
  };
  expect_drop(world, to_us({0xFF}), DropReason::keepalive);
  expect_drop(world, to_us({0xFE}), DropReason::truncated);
  expect_drop(world, to_us({}), DropReason::truncated);
  expect_drop(world, to_us({1, 2, 3, 4, 5}), DropReason::truncated);
  expect_drop(world, to_us(Bytes(60, 0xC0)), DropReason::unknown_spi);
  Bytes native = test::udp(kOutsideHost, 1, kGateway, 2, Bytes(60, 0xC0));
  native[9] = 50;
  const unsigned sum = (native[10] << 8U | native[11]) - 33U;
  native[10] = static_cast<std::uint8_t>(sum >> 8U);
  native[11] = static_cast<std::uint8_t>(sum);
  expect_drop(world, frame_to(kOutside, native), DropReason::unknown_spi);
}

TEST(Route, FromPortToPort) {
  World world;
  Packet packet{.source = kOutsideHost, .destination = kHost};
  Bytes frame = frame_to(kOutside, packet.ip());
  frame.resize(frame.size() + 20);  // padding of the link
  world.inject(kOutside, frame);
  world.run();
  const auto frames = world.sent(kInside);
  ASSERT_EQ(frames.size(), 1U);
  packet.ttl = 63;
  EXPECT_EQ(Bytes(frames[0].begin() + 14, frames[0].end()), packet.ip());
}

TEST(Route, Refusals) {
  World world;
  const auto to = [](std::uint32_t destination) {
    return frame_to(kOutside, Packet{.source = kOutsideHost, .destination = destination}.ip());
  };
  expect_drop(world, to(0x08080808), DropReason::no_route);
  EXPECT_FALSE(world.event());
  expect_drop(world, to(test::kUnresolved), DropReason::neighbour_unresolved);
  const auto event = world.event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->address_v4, test::kUnresolved);
  EXPECT_EQ(event->port, kOutside);
  expect_drop(world, to(test::kUnresolved + 1), DropReason::neighbour_unresolved);
  EXPECT_TRUE(world.event()) << "a gateway without MAC address";
  expect_drop(world, to(test::kPoolFirst + 9), DropReason::no_session);
  expect_drop(world, frame_to(kOutside, Packet{.source = test::kPoolFirst + 1, .destination = kHost}.ip()),
              DropReason::spoofed_source);
  expect_drop(world, frame_to(kOutside, Packet{.source = test::kPoolFirst + 1, .destination = kGateway}.ip()),
              DropReason::spoofed_source);
}

TEST(Route, TtlAndMtu) {
  World world;
  world.inject(kOutside, frame_to(kOutside, Packet{.source = kOutsideHost, .destination = kHost, .ttl = 1}.ip()));
  world.run();
  EXPECT_EQ(world.dropped(DropReason::ttl_expired), 1U);
  EXPECT_EQ(world.sent(kOutside).size(), 1U) << "the sender is told";
  Packet large{.source = kOutsideHost, .destination = kHost, .octets = 1501};
  world.inject(kOutside, frame_to(kOutside, large.ip()));
  world.run();
  EXPECT_EQ(world.dropped(DropReason::too_big), 1U);
  const auto told = world.sent(kOutside);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0][14 + 20 + 6] << 8U | told[0][14 + 20 + 7], 1500);
  large.dont_fragment = false;
  expect_drop(world, frame_to(kOutside, large.ip()), DropReason::too_big_fragmentable);
}

TEST(Punt, ClassesAreLimitedApart) {
  World world;
  const Bytes ike = frame_to(kOutside, test::udp(kOutsideHost, 500, kGateway, 500, Bytes(100, 1)));
  for (int i = 0; i < 3000; ++i) {
    world.inject(kOutside, ike);
    if (i % 64 == 0) world.run();
  }
  world.run();
  EXPECT_GT(world.dropped(DropReason::punt_full), 1000U) << "the ring of 1,024 is full";
  const std::uint64_t flood_drops = world.dropped(DropReason::punt_full);
  world.inject(kOutside, frame_to(kOutside, test::udp(kOutsideHost, 40000, kGateway, 3799, Bytes(84, 1))));
  world.run();
  EXPECT_EQ(world.punted(HostClass::radius).size(), 1U) << "a flood of IKE delays no revocation";
  EXPECT_EQ(world.dropped(DropReason::punt_full), flood_drops);
}

}  // namespace
}  // namespace dataplane::worker
