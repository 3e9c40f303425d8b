// Frames from ports, from peers and from the host stack through the real stages of a worker. An input is a row of
// events: kind (1 octet), length (2, big endian), octets. After each input every packet that came in or was made must
// have been sent, given to the host stack, or be a counted drop; and no buffer may be missing.

#include <algorithm>
#include <cstdlib>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "tests/unit/dp_worker/world.hpp"

namespace {

namespace test = dataplane::worker::test;
using common::Bytes;
using common::ByteView;

enum class Kind : std::uint8_t {
  frame_outside,      ///< octets are a frame
  frame_inside,       ///<
  frame_host,         ///< from the kernel's TAP
  ip_outside,         ///< octets are an IPv4 packet: link header and header checksum are put right
  ip_inside,          ///<
  ip_host,            ///<
  sealed_udp,         ///< octets are the inner packet of an authentic ESP packet in UDP
  sealed_native,      ///< the same without UDP; its next header is the last octet
  sealed_ip,          ///< the inner packet's checksum is put right
  sealed_and_forged,  ///< octet 0, 1: position; octet 2: changed bits; the rest as sealed_ip
  count_
};

struct Gateway {
  test::World world;
  test::Peer udp = world.install(1);
  test::Peer native = world.install(2, {.suite = common::Suite::aes_gcm_16_128, .udp_encap = false, .esn = false});
  std::uint64_t injected = 0;
};

void require(bool holds) {
  if (!holds) std::abort();
}

[[nodiscard]] Bytes with_checksum(ByteView octets) {
  Bytes packet(octets.begin(), octets.end());
  if (packet.size() < sizeof(dataplane::packet::Ipv4Header)) return packet;
  auto& ip = *reinterpret_cast<dataplane::packet::Ipv4Header*>(packet.data());
  ip.checksum.set(0);
  ip.checksum.set(dataplane::packet::checksum(ByteView(packet).first(std::min(packet.size(), ip.header_octets()))));
  return packet;
}

void play(Gateway& gateway, Kind kind, ByteView octets) {
  using test::kInside;
  using test::kOutside;
  test::World& world = gateway.world;
  ++gateway.injected;
  switch (kind) {
    case Kind::frame_outside:
      return world.inject(kOutside, octets);
    case Kind::frame_inside:
      return world.inject(kInside, octets);
    case Kind::frame_host:
      return world.from_host(kOutside, octets);
    case Kind::ip_outside:
      return world.inject(kOutside, test::frame_to(kOutside, with_checksum(octets)));
    case Kind::ip_inside:
      return world.inject(kInside, test::frame_to(kInside, with_checksum(octets)));
    case Kind::ip_host:
      return world.from_host(kInside, test::frame_to(kInside, with_checksum(octets)));
    case Kind::sealed_udp:
      return world.inject(kOutside, gateway.udp.seal(octets));
    case Kind::sealed_native:
      return world.inject(kOutside, gateway.native.seal(octets, 0, octets.empty() ? 4 : octets.back()));
    case Kind::sealed_ip:
      return world.inject(kOutside, gateway.udp.seal(with_checksum(octets)));
    case Kind::sealed_and_forged: {
      if (octets.size() < 3) break;
      Bytes frame = gateway.native.seal(with_checksum(octets.subspan(3)));
      frame[(octets[0] << 8U | octets[1]) % frame.size()] ^= octets[2];
      return world.inject(kOutside, frame);
    }
    case Kind::count_:
      break;
  }
  --gateway.injected;
}

[[nodiscard]] std::uint64_t balance(const Gateway& gateway) {
  const auto& statistics = *gateway.world.statistics[0];
  std::uint64_t out = statistics.tx_packets + gateway.world.dropped_total();
  for (const auto& punts : statistics.punts) out += punts;
  return gateway.injected + statistics.icmp_sent - out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Gateway gateway;
  static const std::size_t buffers = gateway.world.free_buffers();
  common::ByteReader in(ByteView(data, size));
  for (int events = 0; events < 32; ++events) {
    const auto kind = in.u8();
    const auto length = in.be16();
    if (!kind || !length) break;
    // Frames of ports with an MTU of 1,500 are not longer than this.
    const auto octets = in.take(std::min<std::size_t>({*length, in.remaining(), 1514}));
    play(gateway, static_cast<Kind>(*kind % static_cast<unsigned>(Kind::count_)), *octets);
  }
  test::World& world = gateway.world;
  world.run();
  require(balance(gateway) == 0);
  for (const auto port : {test::kOutside, test::kInside}) (void)world.sent(port);
  for (std::size_t i = 0; i < dataplane::eal::kHostClasses; ++i)
    (void)world.punted(static_cast<dataplane::eal::HostClass>(i));
  while (world.event()) {
  }
  require(world.free_buffers() == buffers);
  return 0;
}
