// Building the constant part of outgoing ESP packets.

#include "dataplane/esp/template.hpp"

#include <cstring>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace dataplane::esp {

common::Result<HeaderTemplate, TemplateError> make_template(const Outer& outer) noexcept {
  if (outer.spi.value() < 256) return std::unexpected(TemplateError::bad_spi);
  if (!outer.local.address.is_v4() || !outer.remote.address.is_v4())
    return std::unexpected(TemplateError::unsupported_family);
  if (outer.local.address.is_unspecified() || outer.remote.address.is_unspecified())
    return std::unexpected(TemplateError::unspecified);
  if (outer.udp_encap && (outer.local.port == 0 || outer.remote.port == 0))
    return std::unexpected(TemplateError::unspecified);

  HeaderTemplate made;
  packet::Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.ttl = outer.ttl;
  ip.protocol = outer.udp_encap ? packet::kProtocolUdp : packet::kProtocolEsp;
  ip.source.set(outer.local.address.v4_host());
  ip.destination.set(outer.remote.address.v4_host());
  made.partial_sum = packet::ones_sum(common::as_bytes(ip));
  std::uint8_t* out = made.octets.data();
  std::memcpy(out, &ip, sizeof ip);
  out += sizeof ip;
  made.ip_octets = sizeof ip;
  if (outer.udp_encap) {
    packet::UdpHeader udp{};  // length is patched per packet; checksum stays 0 (RFC 3948 §2.1)
    udp.source_port.set(outer.local.port);
    udp.destination_port.set(outer.remote.port);
    std::memcpy(out, &udp, sizeof udp);
    out += sizeof udp;
    made.udp_octets = sizeof udp;
  }
  packet::EspHeader esp{};
  esp.spi.set(outer.spi.value());
  std::memcpy(out, &esp, sizeof esp);
  made.total_octets = static_cast<std::uint8_t>(made.ip_octets + made.udp_octets + sizeof esp);
  return made;
}

}  // namespace dataplane::esp
