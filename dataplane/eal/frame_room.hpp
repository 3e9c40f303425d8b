#pragma once
// How many octets a buffer must have for a frame: what EAL's arguments, the af_packet ring and the mempools agree on.

#include <cstdint>

namespace dataplane::eal {

inline constexpr std::uint32_t kUsualFrameRoom = 2048;
/// Ethernet header, two VLAN tags, af_packet's own header, and what a tunnel puts around a packet of that size.
inline constexpr std::uint32_t kFrameOverhead = 148;

/// Octets for a frame of a port with that MTU: 2048, or the next multiple of 4096 that holds it.
[[nodiscard]] constexpr std::uint32_t frame_room(std::uint16_t mtu) noexcept {
  const std::uint32_t needed = mtu + kFrameOverhead;
  return needed <= kUsualFrameRoom ? kUsualFrameRoom : (needed + 4095U) / 4096U * 4096U;
}

}  // namespace dataplane::eal
