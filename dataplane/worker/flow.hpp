#pragma once
// The five words of an inner packet that traffic selectors look at.

#include "dataplane/packet/headers.hpp"
#include "dataplane/sa/selectors.hpp"

namespace dataplane::worker {

struct Flow {
  sa::FlowEnd source;
  sa::FlowEnd destination;
  std::uint8_t protocol = 0;
};

/// Ports of TCP and UDP, where the packet has them: a fragment behind the first, or a header cut short, has none (0).
[[nodiscard]] inline Flow flow_of(const packet::Ipv4View& ip) noexcept {
  Flow flow{{ip.header->source.host(), 0}, {ip.header->destination.host(), 0}, ip.header->protocol};
  const bool has_ports = flow.protocol == packet::kProtocolTcp || flow.protocol == packet::kProtocolUdp;
  if (!has_ports || (ip.header->fragment.host() & packet::Ipv4Header::kOffsetMask) != 0 || ip.payload.size() < 4)
    return flow;
  flow.source.port = static_cast<std::uint16_t>(ip.payload[0] << 8U | ip.payload[1]);
  flow.destination.port = static_cast<std::uint16_t>(ip.payload[2] << 8U | ip.payload[3]);
  return flow;
}

}  // namespace dataplane::worker
