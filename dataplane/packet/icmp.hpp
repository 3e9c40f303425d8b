#pragma once
// ICMP errors that a router owes the sender of a packet it cannot forward.

#include <cstddef>
#include <cstdint>

#include "common/bytes.hpp"
#include "dataplane/packet/headers.hpp"

namespace dataplane::packet {

enum class IcmpError : std::uint8_t {
  time_exceeded,         ///< type 11 code 0 (RFC 792)
  fragmentation_needed,  ///< type 3 code 4 with the next hop's MTU (RFC 1191 §4)
};

/// Octets of the largest error that is made: as much of the offending packet as fits (RFC 1812 §4.3.2.3).
inline constexpr std::size_t kMaxIcmpErrorOctets = 576;

/// May this packet be answered with an error? Not one of ICMP's own errors, not a fragment behind the first, not from
/// or to an address that is no single host's (RFC 1812 §4.3.2.7).
[[nodiscard]] bool may_answer(const Ipv4View& offending) noexcept;

/// Writes the error as a whole IPv4 packet.
/// @param out        kMaxIcmpErrorOctets of room
/// @param offending  the packet as it was received
/// @param source     one of our addresses, host order
/// @param mtu        of the next hop; used with fragmentation_needed only
/// @return           octets written, 0 where `out` is too small
[[nodiscard]] std::size_t write_icmp_error(common::MutableByteView out, const Ipv4View& offending, IcmpError error,
                                           std::uint32_t source, std::uint16_t mtu) noexcept;

}  // namespace dataplane::packet
