#pragma once
// What lies between one worker and the relay thread: frames for the kernel in four queues, and frames from it.

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "dataplane/eal/ring.hpp"
#include "dataplane/ids/ids.hpp"

namespace dataplane::eal {

/// Classes of frames for the host stack, the most urgent first. Each has its own ring, so that an IKE flood or the
/// routing daemon's table load delays no revocation (DESIGN chapter 1).
enum class HostClass : std::uint8_t {
  neighbour,  ///< ARP, IPv6 neighbour discovery
  radius,     ///< RADIUS answers and dynamic-author requests: UDP with a port of ours on either side
  ike,        ///< UDP 500, and 4500 with the non-ESP marker
  other,
  count_
};
inline constexpr std::size_t kHostClasses = static_cast<std::size_t>(HostClass::count_);

/// One per worker. mbufs on `to_host` are whole Ethernet frames whose packet::Metadata::port says which TAP they go to;
/// decrypted packets carry their session there as well. mbufs on `from_host` are frames that the kernel sent on the TAP
/// of Metadata::port, origin `host`.
struct HostRings {
  std::array<std::unique_ptr<Ring>, kHostClasses> to_host;  ///< worker -> relay
  std::unique_ptr<Ring> from_host;                          ///< relay -> worker

  [[nodiscard]] static std::expected<HostRings, std::string> create(ids::WorkerIndex worker);

  [[nodiscard]] Ring& queue(HostClass host_class) const noexcept {
    return *to_host[static_cast<std::size_t>(host_class)];
  }
};

}  // namespace dataplane::eal
