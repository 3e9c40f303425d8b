#pragma once
// Headers as they lie on the wire, and bounds-checked ways to see them in a packet.

#include <array>
#include <cstdint>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/drop_reason.hpp"
#include "common/ids.hpp"
#include "common/result.hpp"

namespace dataplane::packet {

inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherIpv6 = 0x86DD;

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolIpv4 = 4;  ///< next header of tunnelled IPv4
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIpv6 = 41;
inline constexpr std::uint8_t kProtocolEsp = 50;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kProtocolNone = 59;  ///< ESP dummy packets (RFC 4303 §2.6)

inline constexpr std::uint16_t kPortIke = 500;
inline constexpr std::uint16_t kPortIkeNat = 4500;

struct EthernetHeader {
  common::MacAddress destination;
  common::MacAddress source;
  common::Be16 type;
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);

/// RFC 791 §3.1
struct Ipv4Header {
  static constexpr std::uint16_t kDontFragment = 0x4000;
  static constexpr std::uint16_t kMoreFragments = 0x2000;
  static constexpr std::uint16_t kOffsetMask = 0x1FFF;

  std::uint8_t version_ihl;
  std::uint8_t tos;  ///< DSCP (6 bits), ECN (2 bits)
  common::Be16 total_length;
  common::Be16 id;
  common::Be16 fragment;  ///< flags (3 bits), offset in units of 8 octets
  std::uint8_t ttl;
  std::uint8_t protocol;
  common::Be16 checksum;
  common::Be32 source;
  common::Be32 destination;

  [[nodiscard]] constexpr std::size_t header_octets() const noexcept { return (version_ihl & 0x0FU) * 4U; }
  [[nodiscard]] constexpr bool is_fragment() const noexcept {
    return (fragment.host() & (kMoreFragments | kOffsetMask)) != 0;
  }
  [[nodiscard]] constexpr bool dont_fragment() const noexcept { return (fragment.host() & kDontFragment) != 0; }
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

/// RFC 768
struct UdpHeader {
  common::Be16 source_port;
  common::Be16 destination_port;
  common::Be16 length;
  common::Be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

/// RFC 4303 §2
struct EspHeader {
  common::Be32 spi;
  common::Be32 sequence;
};
static_assert(sizeof(EspHeader) == 8 && alignof(EspHeader) == 1);

/// RFC 792
struct IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  common::Be16 checksum;
  common::Be16 rest_high;
  common::Be16 rest_low;  ///< next-hop MTU in "fragmentation needed" (RFC 1191 §4)
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

/// Sees a wire struct at the start of `octets`; nullptr where they are too few.
template <class Header>
  requires(alignof(Header) == 1)
[[nodiscard]] const Header* view_as(common::ByteView octets) noexcept {
  return octets.size() < sizeof(Header) ? nullptr : reinterpret_cast<const Header*>(octets.data());
}

/// An IPv4 packet whose header was checked. Points into the caller's octets.
struct Ipv4View {
  const Ipv4Header* header = nullptr;
  common::ByteView packet;   ///< header and payload, total_length octets: link padding is cut off
  common::ByteView payload;  ///< behind the options
};

/// Checks everything in front of the payload that a router must look at (RFC 1812 §5.2.2). The checksum is part of it
/// unless `trusted` says that it was covered by an ICV or verified by the port.
/// @error truncated     fewer octets than the headers say (also a super-packet that a veth joined)
/// @error bad_header    version, header length or total length are impossible
/// @error bad_checksum
[[nodiscard]] common::Result<Ipv4View, common::DropReason> parse_ipv4(common::ByteView octets,
                                                                      bool trusted = false) noexcept;

/// A UDP datagram inside an unfragmented IPv4 packet. The checksum is not verified: ESP has its own, and the host stack
/// verifies what goes to it.
struct UdpView {
  const UdpHeader* header = nullptr;
  common::ByteView payload;
};

/// @error truncated   shorter than its length field
/// @error bad_header  length field below 8
[[nodiscard]] common::Result<UdpView, common::DropReason> parse_udp(common::ByteView octets) noexcept;

/// What a datagram on UDP 4500 is (RFC 3948 §2.2, §2.3).
enum class NatTraversal : std::uint8_t { esp, ike, keepalive, malformed };
[[nodiscard]] NatTraversal classify_nat_traversal(common::ByteView udp_payload) noexcept;

/// The header of an ESP packet, and what the ICV covers behind it.
struct EspView {
  common::Spi spi;
  std::uint32_t sequence_low = 0;
  common::ByteView body;  ///< IV, payload, padding, trailer, ICV
};

/// @error truncated  shorter than an ESP header
[[nodiscard]] common::Result<EspView, common::DropReason> parse_esp(common::ByteView octets) noexcept;

}  // namespace dataplane::packet
