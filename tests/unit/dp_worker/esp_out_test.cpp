// Packets for peers: what is sealed, what is refused, and what the sender is told.

#include <gtest/gtest.h>

#include "dataplane/esp/encapsulate.hpp"
#include "dataplane/packet/headers.hpp"
#include "tests/unit/dp_worker/world.hpp"

namespace dataplane::worker {
namespace {

using common::DropReason;
using test::Bytes;
using test::frame_to;
using test::kHost;
using test::kInside;
using test::kOutside;
using test::Packet;
using test::Peer;
using test::World;

[[nodiscard]] Packet to(const Peer& peer) { return {.source = kHost, .destination = peer.inner}; }

struct Tunnel {
  common::Suite suite;
  bool udp_encap;
  bool esn;
};

class EspOut : public testing::TestWithParam<Tunnel> {};

TEST_P(EspOut, PacketsReachThePeer) {
  World world;
  const Peer peer =
      world.install(1, {.suite = GetParam().suite, .udp_encap = GetParam().udp_encap, .esn = GetParam().esn});
  std::uint64_t octets = 0;
  std::uint64_t packets = 0;
  for (std::size_t size = 28; size <= 1438; size += 11) {
    Packet packet = to(peer);
    packet.octets = size;
    packet.tos = static_cast<std::uint8_t>(size);
    packet.dont_fragment = size % 2 == 0;
    world.inject(kInside, frame_to(kInside, packet.ip()));
    world.run();
    const auto frames = world.sent(kOutside);
    ASSERT_EQ(frames.size(), 1U) << size;
    const auto outer = packet::parse_ipv4(common::ByteView(frames[0]).subspan(14));
    ASSERT_TRUE(outer);
    EXPECT_EQ(outer->header->tos, packet.tos) << "DSCP and ECN (RFC 6040 §4.1)";
    EXPECT_EQ(outer->header->dont_fragment(), packet.dont_fragment);
    const auto inner = peer.open(frames[0]);
    ASSERT_TRUE(inner) << size;
    packet.ttl = 63;
    ASSERT_EQ(*inner, packet.ip());
    octets += size;
    ++packets;
  }
  const sa::Totals totals = world.totals(1);
  EXPECT_EQ(totals.out_packets, packets);
  EXPECT_EQ(totals.out_octets, octets);
  EXPECT_EQ(totals.in_packets, 0U);
  EXPECT_NE(totals.last_out_tsc, 0U);
}

INSTANTIATE_TEST_SUITE_P(Tunnels, EspOut,
                         testing::Values(Tunnel{common::Suite::aes_gcm_16_128, true, false},
                                         Tunnel{common::Suite::aes_gcm_16_128, false, true},
                                         Tunnel{common::Suite::aes_gcm_16_256, true, true},
                                         Tunnel{common::Suite::aes_gcm_16_256, false, false}));

void expect_drop(World& world, const Packet& packet, DropReason reason, std::uint64_t session) {
  const auto index = static_cast<std::size_t>(reason);
  const std::uint64_t before = world.dropped(reason);
  const std::uint64_t session_before = session == 0 ? 0 : world.totals(session).out_drops[index];
  world.inject(kInside, frame_to(kInside, packet.ip()));
  world.run();
  EXPECT_EQ(world.dropped(reason), before + 1) << common::to_string(reason);
  EXPECT_TRUE(world.sent(kOutside).empty()) << common::to_string(reason);
  if (session != 0) {
    EXPECT_EQ(world.totals(session).out_drops[index], session_before + 1) << common::to_string(reason);
  }
}

TEST(EspOutDrops, Reasons) {
  World world;
  const Peer peer = world.install(1, {.local_first = 0x0A010000, .local_last = 0x0A0100FF});
  Packet nobody = to(peer);
  nobody.destination = peer.inner + 7;
  expect_drop(world, nobody, DropReason::no_session, 0);
  Packet foreign = to(peer);
  foreign.source = 0x0A010102;
  expect_drop(world, foreign, DropReason::selector_out, 1);
  Packet spoofed = to(peer);
  spoofed.source = peer.inner;
  expect_drop(world, spoofed, DropReason::spoofed_source, 0);

  world.writer->set_forwarding(false);
  expect_drop(world, to(peer), DropReason::orphaned, 1);
  world.writer->set_forwarding(true);
  world.session(1).end_tsc = 1;
  expect_drop(world, to(peer), DropReason::sa_expired, 1);
  world.session(1).end_tsc = sa::kNeverTsc;
  sa::OutboundSa* outbound = world.session(1).outbound.exchange(nullptr);
  expect_drop(world, to(peer), DropReason::no_outbound_sa, 1);
  world.session(1).outbound = outbound;

  world.set_route(test::kPeerNet, 24, {route::ResultType::drop, static_cast<unsigned>(DropReason::no_route)});
  expect_drop(world, to(peer), DropReason::no_route, 1);
  world.set_route(test::kPeerNet, 24, {route::ResultType::glean, kOutside.value()});
  expect_drop(world, to(peer), DropReason::neighbour_unresolved, 1);
  const auto event = world.event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, sa::EventKind::neighbour_needed);
  EXPECT_EQ(event->address_v4, peer.address) << "the outer destination";
  EXPECT_EQ(event->port, kOutside);
}

TEST(EspOutSequence, StopsHardAndSaysSoBefore) {
  World world;
  const Peer peer = world.install(1, {.esn = false});
  sa::OutboundSa& sa = *world.session(1).outbound.load();
  EXPECT_EQ(sa.last_sequence, 0xFFFFFFFFU);
  sa.sequence = 0xFFFFFFFFU - (1U << 28U) - 1;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(world.event());
    world.inject(kInside, frame_to(kInside, to(peer).ip()));
    world.run();
    ASSERT_EQ(world.sent(kOutside).size(), 1U);
  }
  const auto event = world.event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, sa::EventKind::child_expiring);
  EXPECT_EQ(event->sa, world.tables.spi_layout().index(peer.to_gateway));
  sa.sequence = 0xFFFFFFFEU;
  world.inject(kInside, frame_to(kInside, to(peer).ip()));
  world.run();
  EXPECT_EQ(world.sent(kOutside).size(), 1U) << "the last number is used";
  expect_drop(world, to(peer), DropReason::sequence_exhausted, 1);
  expect_drop(world, to(peer), DropReason::sequence_exhausted, 1);
  EXPECT_FALSE(world.event()) << "once";
}

TEST(EspOutPolicer, Rate) {
  World world;
  const Peer peer = world.install(1, {.policy = {.output_rate_bits = 8'000}});
  Packet packet = to(peer);
  packet.octets = 1000;
  for (int i = 0; i < 10; ++i) world.inject(kInside, frame_to(kInside, packet.ip()));
  world.run();
  EXPECT_EQ(world.sent(kOutside).size(), 1U);
  EXPECT_EQ(world.dropped(DropReason::policed), 9U);
  EXPECT_EQ(world.session(1).outbound.load()->sequence, 1U) << "a refused packet uses no number";
}

/// The one ICMP error that has left a port.
[[nodiscard]] Bytes icmp_in(const std::vector<Bytes>& frames) {
  EXPECT_EQ(frames.size(), 1U);
  return frames.empty() ? Bytes(64) : Bytes(frames[0].begin() + 14, frames[0].end());
}

TEST(EspOutMtu, TooBigIsToldToTheSender) {
  World world;
  const Peer peer = world.install(1);
  const std::uint32_t room = 1438;  // of 1,500 with UDP
  Packet packet = to(peer);
  packet.octets = room;
  world.inject(kInside, frame_to(kInside, packet.ip()));
  world.run();
  EXPECT_EQ(world.sent(kOutside).size(), 1U);

  packet.octets = room + 1;
  world.inject(kInside, frame_to(kInside, packet.ip()));
  world.run();
  EXPECT_TRUE(world.sent(kOutside).empty());
  EXPECT_EQ(world.dropped(DropReason::too_big), 1U);
  const Bytes icmp = icmp_in(world.sent(kInside));
  const auto ip = packet::parse_ipv4(icmp);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header->source.host(), test::kGatewayIn);
  EXPECT_EQ(ip->header->destination.host(), kHost);
  EXPECT_EQ(common::to_hex(ip->payload.first(2)), "0304");
  EXPECT_EQ(ip->payload[6] << 8U | ip->payload[7], room);
  EXPECT_EQ(ip->payload[28 - 20], 0x45) << "the packet itself is quoted";

  packet.dont_fragment = false;
  expect_drop(world, packet, DropReason::too_big_fragmentable, 1);
  EXPECT_TRUE(world.sent(kInside).empty()) << "nothing is said to who allows fragments";

  world.inside_address = 0;
  packet.dont_fragment = true;
  world.inject(kInside, frame_to(kInside, packet.ip()));
  world.run();
  const Bytes other = icmp_in(world.sent(kInside));
  EXPECT_EQ(packet::parse_ipv4(other)->header->source.host(), test::kGateway) << "the tunnel's own end";
}

TEST(EspOutTtl, ExpiredIsToldToTheSender) {
  World world;
  const Peer peer = world.install(1);
  Packet packet = to(peer);
  packet.ttl = 1;
  world.inject(kInside, frame_to(kInside, packet.ip()));
  world.run();
  EXPECT_EQ(world.dropped(DropReason::ttl_expired), 1U);
  const Bytes icmp = icmp_in(world.sent(kInside));
  const auto ip = packet::parse_ipv4(icmp);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header->destination.host(), kHost);
  EXPECT_EQ(common::to_hex(ip->payload.first(2)), "0b00");
  EXPECT_EQ(ip->payload[8 + 8], 1) << "quoted as it came";
}

TEST(EspOutIcmp, IsLimited) {
  World world;
  const Peer peer = world.install(1);
  Packet packet = to(peer);
  packet.ttl = 1;
  for (int i = 0; i < 1000; ++i) world.inject(kInside, frame_to(kInside, packet.ip()));
  world.run();
  const auto sent = world.sent(kInside).size();
  EXPECT_GE(sent, 50U);
  EXPECT_LE(sent, 300U);
  EXPECT_EQ(world.statistics[0]->icmp_sent, sent);
  EXPECT_EQ(world.statistics[0]->icmp_sent + world.statistics[0]->icmp_withheld, 1000U);
}

TEST(Hairpin, FromPeerToPeer) {
  World world;
  Peer alice = world.install(1);
  const Peer bob = world.install(2);
  Packet packet{.source = alice.inner, .destination = bob.inner};
  world.inject(kOutside, alice.seal(packet.ip()));
  world.run();
  const auto frames = world.sent(kOutside);
  ASSERT_EQ(frames.size(), 1U);
  const auto inner = bob.open(frames[0]);
  ASSERT_TRUE(inner);
  packet.ttl = 63;
  EXPECT_EQ(*inner, packet.ip());
  EXPECT_EQ(world.totals(1).in_packets, 1U);
  EXPECT_EQ(world.totals(1).out_packets, 0U);
  EXPECT_EQ(world.totals(2).out_packets, 1U);
  EXPECT_EQ(world.totals(2).out_octets, packet.octets);

  Packet lost = packet;
  lost.ttl = 64;
  world.session(2).end_tsc = 1;
  world.inject(kOutside, alice.seal(lost.ip()));
  world.run();
  const auto expired = static_cast<std::size_t>(DropReason::sa_expired);
  EXPECT_EQ(world.totals(1).in_drops[expired], 1U) << "received from Alice, not forwarded";
  EXPECT_EQ(world.totals(2).out_drops[expired], 1U) << "meant for Bob";
  EXPECT_EQ(world.dropped(DropReason::sa_expired), 1U) << "one packet";
}

TEST(Hairpin, ErrorsGoBackThroughTheTunnel) {
  World world;
  Peer peer = world.install(1);
  Packet packet{.source = peer.inner, .destination = kHost, .ttl = 1};
  world.inject(kOutside, peer.seal(packet.ip()));
  world.run();
  const auto frames = world.sent(kOutside);
  ASSERT_EQ(frames.size(), 1U);
  const auto inner = peer.open(frames[0]);
  ASSERT_TRUE(inner);
  const auto ip = packet::parse_ipv4(*inner);
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->header->source.host(), test::kGatewayIn);
  EXPECT_EQ(common::to_hex(ip->payload.first(2)), "0b00");
  EXPECT_EQ(world.totals(1).out_packets, 1U);
  EXPECT_EQ(world.totals(1).in_drops[static_cast<std::size_t>(DropReason::ttl_expired)], 1U);
}

TEST(TxFull, WhatThePortRefusesIsNotForwarded) {
  World world;
  const Peer peer = world.install(1);
  constexpr unsigned kPackets = 4096 + 64;  // a ring of 4,096 holds one less
  for (unsigned i = 0; i < kPackets; ++i) {
    world.inject(kInside, frame_to(kInside, to(peer).ip()));
    if (i % 64 == 63) world.run();
  }
  world.run();
  const sa::Totals totals = world.totals(1);
  EXPECT_EQ(totals.out_packets, 4095U);
  EXPECT_EQ(totals.out_drops[static_cast<std::size_t>(DropReason::tx_full)], kPackets - 4095);
  EXPECT_EQ(world.statistics[0]->tx_packets, 4095U);
  EXPECT_EQ(world.sent(kOutside).size(), 4095U);
}

}  // namespace
}  // namespace dataplane::worker
