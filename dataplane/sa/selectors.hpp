#pragma once
// Traffic selectors as a worker compares them: ranges of IPv4 addresses, ports, a protocol (RFC 7296 §3.13.1,
// RFC 4301 §4.4.1). IPv6 ranges will stand beside these.

#include <array>
#include <cstdint>
#include <span>

#include "common/channel/messages.hpp"

namespace dataplane::sa {

/// One end of an inner packet, host order.
struct FlowEnd {
  std::uint32_t address = 0;
  std::uint16_t port = 0;  ///< 0 where the protocol has none, or the packet is a fragment behind the first
};

struct SelectorV4 {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  ///< inclusive
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0xFFFF;
  std::uint8_t protocol = 0;  ///< 0: any

  [[nodiscard]] constexpr bool matches(FlowEnd end, std::uint8_t packet_protocol) const noexcept {
    return end.address - first <= last - first && (protocol == 0 || protocol == packet_protocol) &&
           end.port >= first_port && end.port <= last_port;
  }
  friend constexpr bool operator==(const SelectorV4&, const SelectorV4&) noexcept = default;
};

/// What may flow through one child SA. `remote` is the peer's side: sources of what comes in, destinations of what goes
/// out.
struct alignas(64) Selectors {
  std::uint32_t local_used = 0;
  std::uint32_t remote_used = 0;
  std::array<SelectorV4, common::channel::kMaxSelectors> local;
  std::array<SelectorV4, common::channel::kMaxSelectors> remote;

  [[nodiscard]] constexpr bool allow(FlowEnd local_end, FlowEnd remote_end, std::uint8_t protocol) const noexcept {
    return any(remote, remote_used, remote_end, protocol) && any(local, local_used, local_end, protocol);
  }

 private:
  [[nodiscard]] static constexpr bool any(const std::array<SelectorV4, common::channel::kMaxSelectors>& ranges,
                                          std::uint32_t used, FlowEnd end, std::uint8_t protocol) noexcept {
    for (std::uint32_t i = 0; i < used; ++i)
      if (ranges[i].matches(end, protocol)) return true;
    return false;
  }
};

}  // namespace dataplane::sa
