// ESP from peers: what gets through, what does not and why, and what is counted.

#include <gtest/gtest.h>

#include "dataplane/packet/headers.hpp"
#include "tests/unit/dp_worker/world.hpp"

namespace dataplane::worker {
namespace {

using common::DropReason;
using test::Bytes;
using test::kHost;
using test::kInside;
using test::kOutside;
using test::Packet;
using test::Peer;
using test::World;

[[nodiscard]] Packet from(const Peer& peer) { return {.source = peer.inner, .destination = kHost}; }
/// The IP packet in a frame.
[[nodiscard]] Bytes ip_of(const Bytes& frame) { return {frame.begin() + 14, frame.end()}; }

struct Tunnel {
  common::Suite suite;
  bool udp_encap;
  bool esn;
};

class EspIn : public testing::TestWithParam<Tunnel> {};

TEST_P(EspIn, PacketsReachTheHostBehindUs) {
  World world;
  Peer peer = world.install(1, {.suite = GetParam().suite, .udp_encap = GetParam().udp_encap, .esn = GetParam().esn});
  std::uint64_t octets = 0;
  for (std::size_t size = 28; size <= 1400; size += 7) {
    Packet packet = from(peer);
    packet.octets = size;
    world.inject(kOutside, peer.seal(packet.ip()));
    world.run();
    const auto frames = world.sent(kInside);
    ASSERT_EQ(frames.size(), 1U) << size;
    packet.ttl = 63;
    ASSERT_EQ(ip_of(frames[0]), packet.ip()) << "one hop, nothing else has changed";
    ASSERT_EQ(common::to_hex(common::ByteView(frames[0]).first(14)),
              "020000007701020000000002"
              "0800");
    octets += size;
  }
  const sa::Totals totals = world.totals(1);
  EXPECT_EQ(totals.in_packets, (1400U - 28) / 7 + 1);
  EXPECT_EQ(totals.in_octets, octets) << "inner IP lengths, no padding";
  EXPECT_EQ(totals.out_packets, 0U);
  EXPECT_NE(totals.last_in_tsc, 0U);
  EXPECT_EQ(world.dropped_total(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Tunnels, EspIn,
                         testing::Values(Tunnel{common::Suite::aes_gcm_16_128, true, false},
                                         Tunnel{common::Suite::aes_gcm_16_128, false, true},
                                         Tunnel{common::Suite::aes_gcm_16_256, true, true},
                                         Tunnel{common::Suite::aes_gcm_16_256, false, false}));

/// Injects one frame and expects exactly one drop, counted for the worker and, if `session`, for the session.
void expect_drop(World& world, const Bytes& frame, DropReason reason, std::uint64_t session) {
  const std::uint64_t before = world.dropped(reason);
  const std::uint64_t all_before = world.dropped_total();
  const auto index = static_cast<std::size_t>(reason);
  const std::uint64_t session_before = session == 0 ? 0 : world.totals(session).in_drops[index];
  world.inject(kOutside, frame);
  world.run();
  EXPECT_EQ(world.dropped(reason), before + 1) << common::to_string(reason);
  EXPECT_EQ(world.dropped_total(), all_before + 1) << common::to_string(reason);
  EXPECT_TRUE(world.sent(kInside).empty());
  EXPECT_TRUE(world.sent(kOutside).empty());
  if (session != 0) {
    EXPECT_EQ(world.totals(session).in_drops[index], session_before + 1) << common::to_string(reason);
  }
}

TEST(EspInDrops, BeforeDecryption) {
  World world;
  Peer peer = world.install(1);
  const Bytes good = peer.seal(from(peer).ip());
  const std::size_t spi_at = 14 + 20 + 8;

  Bytes bad = good;
  bad[spi_at] ^= 0x40;
  expect_drop(world, bad, DropReason::unknown_spi, 0);
  bad = good;
  bad.resize(bad.size() - 1);  // the datagram says more than there is
  expect_drop(world, bad, DropReason::truncated, 0);

  Peer native = world.install(2, {.udp_encap = false});
  native.udp_encap = true;
  expect_drop(world, native.seal(from(native).ip()), DropReason::wrong_outer, 0);
  Peer in_udp = world.install(3);
  in_udp.udp_encap = false;
  expect_drop(world, in_udp.seal(from(in_udp).ip()), DropReason::wrong_outer, 0);

  const Bytes short_esp =
      test::frame_to(kOutside, test::udp(peer.address, 4500, test::kGateway, 4500,
                                         common::ByteView(good).subspan(spi_at, 8 + 8 + 16)));  // no trailer
  expect_drop(world, short_esp, DropReason::truncated, 1);
  const Bytes odd_esp = test::frame_to(
      kOutside, test::udp(peer.address, 4500, test::kGateway, 4500, common::ByteView(good).subspan(spi_at, 51)));
  expect_drop(world, odd_esp, DropReason::truncated, 1);
}

TEST(EspInDrops, ReplayAndIntegrity) {
  World world;
  Peer peer = world.install(1);
  const Bytes ip = from(peer).ip();
  const Bytes first = peer.seal(ip, 100);
  world.inject(kOutside, first);
  world.run();
  ASSERT_EQ(world.sent(kInside).size(), 1U);
  expect_drop(world, first, DropReason::replay_duplicate, 1);

  Bytes forged = peer.seal(ip, 101);
  forged.back() ^= 1;
  expect_drop(world, forged, DropReason::bad_icv, 1);
  forged.back() ^= 1;
  world.inject(kOutside, forged);
  world.run();
  EXPECT_EQ(world.sent(kInside).size(), 1U) << "the forgery did not use up the number";

  Peer plain = world.install(2, {.esn = false});
  world.inject(kOutside, plain.seal(from(plain).ip(), 200));
  world.run();
  (void)world.sent(kInside);
  expect_drop(world, plain.seal(from(plain).ip(), 136), DropReason::replay_old, 2);
  expect_drop(world, plain.seal(from(plain).ip(), std::uint64_t{1} << 32U), DropReason::replay_old, 2);
  world.inject(kOutside, plain.seal(from(plain).ip(), 137));
  world.run();
  EXPECT_EQ(world.sent(kInside).size(), 1U) << "the window's left edge";
}

TEST(EspInDrops, TheSameNumberTwiceInOneBurst) {
  World world;
  Peer peer = world.install(1);
  const Bytes frame = peer.seal(from(peer).ip());
  for (int i = 0; i < 3; ++i) world.inject(kOutside, frame);
  world.run();
  EXPECT_EQ(world.sent(kInside).size(), 1U);
  EXPECT_EQ(world.dropped(DropReason::replay_duplicate), 2U);
  EXPECT_EQ(world.totals(1).in_packets, 1U);
}

TEST(EspInDrops, BehindTheIntegrityCheck) {
  World world;
  Peer peer = world.install(1, {.local_first = 0x0A010000, .local_last = 0x0A01FFFF});
  const Packet packet = from(peer);
  expect_drop(world, peer.seal(packet.ip(), 0, 59), DropReason::dummy, 1);
  EXPECT_EQ(world.totals(1).in_packets, 0U) << "dummies count nothing";
  expect_drop(world, peer.seal(packet.ip(), 0, 41), DropReason::unsupported_protocol, 1);
  expect_drop(world, peer.seal(Bytes(19, 0x45)), DropReason::bad_inner, 1);
  Bytes wrong_sum = packet.ip();
  wrong_sum[10] ^= 1;
  expect_drop(world, peer.seal(wrong_sum), DropReason::bad_inner, 1);

  Packet foreign_source = packet;
  foreign_source.source = peer.inner + 1;
  expect_drop(world, peer.seal(foreign_source.ip()), DropReason::selector_in, 1);
  Packet foreign_destination = packet;
  foreign_destination.destination = 0x08080808;
  expect_drop(world, peer.seal(foreign_destination.ip()), DropReason::selector_in, 1);

  peer.outer_tos = 3;  // CE over Not-ECT
  expect_drop(world, peer.seal(packet.ip()), DropReason::ecn_violation, 1);
}

TEST(EspInEcn, CongestionIsCarriedInside) {
  World world;
  Peer peer = world.install(1);
  Packet packet = from(peer);
  packet.tos = 0xB8 | 2;  // EF, ECT(0)
  peer.outer_tos = 0x00 | 3;
  world.inject(kOutside, peer.seal(packet.ip()));
  world.run();
  const auto frames = world.sent(kInside);
  ASSERT_EQ(frames.size(), 1U);
  const Bytes ip = ip_of(frames[0]);
  EXPECT_EQ(ip[1], 0xB8 | 3);
  EXPECT_TRUE(packet::parse_ipv4(ip)) << "with a right checksum";
}

TEST(EspInTfc, PaddingBehindTheInnerPacketIsCutOff) {
  World world;
  Peer peer = world.install(1);
  const Packet packet = from(peer);
  Bytes padded = packet.ip();
  padded.resize(900, 0);
  world.inject(kOutside, peer.seal(padded));
  world.run();
  const auto frames = world.sent(kInside);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].size(), 14 + packet.octets);
  EXPECT_EQ(world.totals(1).in_octets, packet.octets);
}

TEST(EspInDrops, OrphanAndExpired) {
  World world;
  Peer peer = world.install(1);
  world.writer->set_forwarding(false);
  expect_drop(world, peer.seal(from(peer).ip()), DropReason::orphaned, 1);
  world.writer->set_forwarding(true);
  world.session(1).end_tsc = 1;
  expect_drop(world, peer.seal(from(peer).ip()), DropReason::sa_expired, 1);
  world.session(1).end_tsc = sa::kNeverTsc;
  world.inject(kOutside, peer.seal(from(peer).ip()));
  world.run();
  EXPECT_EQ(world.sent(kInside).size(), 1U);
}

TEST(EspInDrops, Policer) {
  World world;
  Peer peer = world.install(1, {.policy = {.input_rate_bits = 8'000}});
  Packet packet = from(peer);
  packet.octets = 1000;
  for (int i = 0; i < 10; ++i) world.inject(kOutside, peer.seal(packet.ip()));
  world.run();
  EXPECT_EQ(world.sent(kInside).size(), 1U) << "a second's worth in one packet";
  EXPECT_EQ(world.dropped(DropReason::policed), 9U);
  const sa::Totals totals = world.totals(1);
  EXPECT_EQ(totals.in_packets + totals.in_drops[static_cast<std::size_t>(DropReason::policed)], 10U);
}

TEST(EspInEvents, PeerMovesOnlyWithAnAuthenticPacketThatAdvances) {
  World world;
  Peer peer = world.install(1);
  world.inject(kOutside, peer.seal(from(peer).ip(), 10));
  world.run();
  EXPECT_FALSE(world.event()) << "it is where it was";

  peer.port = 55555;
  Bytes forged = peer.seal(from(peer).ip(), 20);
  forged.back() ^= 1;
  world.inject(kOutside, forged);
  world.inject(kOutside, peer.seal(from(peer).ip(), 9));
  world.run();
  EXPECT_FALSE(world.event()) << "a forgery, and an old number";

  world.inject(kOutside, peer.seal(from(peer).ip(), 21));
  world.inject(kOutside, peer.seal(from(peer).ip(), 22));
  world.run();
  const auto event = world.event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, sa::EventKind::peer_moved);
  EXPECT_EQ(event->address_v4, peer.address);
  EXPECT_EQ(event->port_number, 55555);
  EXPECT_EQ(event->session, world.tables.pool_session(ids::PoolIndex{0}, 1));
  EXPECT_FALSE(world.event()) << "at most once a second";

  Peer fixed = world.install(2, {.nat = false});
  fixed.port = 44444;
  world.inject(kOutside, fixed.seal(from(fixed).ip()));
  world.run();
  EXPECT_FALSE(world.event()) << "no NAT was detected";
}

TEST(EspInEvents, FirstPacketOnANewChild) {
  World world;
  Peer peer = world.install(1);
  Peer old_child = world.install(2);
  world.rekey(peer);
  world.inject(kOutside, old_child.seal(from(old_child).ip()));
  world.run();
  EXPECT_FALSE(world.event());
  for (int i = 0; i < 3; ++i) world.inject(kOutside, peer.seal(from(peer).ip()));
  world.run();
  const auto event = world.event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, sa::EventKind::first_inbound);
  EXPECT_EQ(event->sa, world.tables.spi_layout().index(peer.to_gateway));
  EXPECT_FALSE(world.event()) << "once";
  EXPECT_EQ(world.sent(kInside).size(), 4U);
}

TEST(EspInBursts, ManySessionsAndSuitesAtOnce) {
  World world;
  std::vector<Peer> peers;
  for (std::uint64_t id = 1; id <= 8; ++id)
    peers.push_back(
        world.install(id, {.suite = id % 2 == 0 ? common::Suite::aes_gcm_16_128 : common::Suite::aes_gcm_16_256,
                           .udp_encap = id % 3 != 0,
                           .esn = id % 4 != 0}));
  for (int i = 0; i < 40; ++i)
    for (Peer& peer : peers) {
      Bytes frame = peer.seal(from(peer).ip());
      if (i % 10 == 3) frame.back() ^= 1;
      world.inject(kOutside, frame);
    }
  world.run();
  EXPECT_EQ(world.sent(kInside).size(), 8U * 36);
  EXPECT_EQ(world.dropped(DropReason::bad_icv), 8U * 4);
  for (std::uint64_t id = 1; id <= 8; ++id) {
    const sa::Totals totals = world.totals(id);
    EXPECT_EQ(totals.in_packets, 36U);
    EXPECT_EQ(totals.in_octets, 3600U);
    EXPECT_EQ(totals.in_drops[static_cast<std::size_t>(DropReason::bad_icv)], 4U);
  }
}

TEST(EspInTransit, EspOfOthersIsRouted) {
  World world;
  Peer peer = world.install(1);
  // To a host behind us, with an SPI that happens to be one of ours: not our packet.
  const Bytes esp = *common::parse_hex("deadbeef00000001");
  Bytes payload(64, 0x11);
  const std::uint32_t spi = peer.to_gateway.value();
  for (unsigned i = 0; i < 4; ++i) payload[i] = static_cast<std::uint8_t>(spi >> (24 - 8 * i));
  world.inject(kOutside, test::frame_to(kOutside, test::udp(peer.address, 4500, kHost, 4500, payload)));
  world.inject(kOutside, test::frame_to(kOutside, test::udp(peer.address, 4500, kHost, 4500, esp)));
  world.run();
  EXPECT_EQ(world.sent(kInside).size(), 2U);
  EXPECT_EQ(world.totals(1).in_packets, 0U);
}

}  // namespace
}  // namespace dataplane::worker
