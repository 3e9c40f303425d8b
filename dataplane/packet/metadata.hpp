#pragma once
// What a packet carries about itself from stage to stage and from worker to worker: the private area of its mbuf.

#include <cstdint>

#include <rte_mbuf.h>

#include "common/ids.hpp"
#include "dataplane/ids/ids.hpp"

namespace dataplane::packet {

/// Why a packet is on a ring, or where it has come from. On a hand-off ring a `wire` packet is a whole Ethernet frame,
/// all others begin with their IP header.
enum class Origin : std::uint8_t {
  wire,       ///< received on a port, not looked at by its owner yet
  decrypted,  ///< came out of a tunnel: `source` says whose, every consumer checks it against the session table (DESIGN
              ///< chapter 3)
  host,       ///< the kernel sent it on a TAP
  gateway,    ///< made here (ICMP errors): never answered with another one
  clear,      ///< received on a port, its headers checked, not ESP for us
};

/// Lives in the private area of every mbuf of ours. Its content is undefined when a port has just received the mbuf:
/// the rx stage resets it. Never holds a pointer.
struct Metadata {
  ids::SessionRef source;                ///< session that it was decrypted for; nobody for clear packets
  ids::SessionRef destination;           ///< session whose tunnel it was encrypted for; nobody else
  std::uint32_t source_octets = 0;       ///< inner IP length to be counted as input of `source`
  std::uint32_t destination_octets = 0;  ///< inner IP length to be counted as output of `destination`
  common::PortIndex port;                ///< where it was received; where it is to be sent, once routed
  Origin origin = Origin::wire;
  std::uint8_t outer_ecn = 0;  ///< ECN bits of the outer header that was stripped (RFC 6040)
};

static_assert(sizeof(Metadata) <= 64);

/// Size of the private area that every mempool of the dataplane is created with.
inline constexpr std::uint16_t kMetadataOctets = 64;

[[nodiscard]] inline Metadata& metadata(rte_mbuf* mbuf) noexcept {
  return *static_cast<Metadata*>(rte_mbuf_to_priv(mbuf));
}

}  // namespace dataplane::packet
