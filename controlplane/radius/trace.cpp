// Spelled as in the reference document, so that whoever knows IOS finds his way.

#include "controlplane/radius/trace.hpp"

#include <chrono>

#include "controlplane/radius/debug.hpp"
#include "controlplane/radius/wire/text.hpp"

namespace controlplane::radius::trace {
namespace {

void attributes(const wire::PacketView& packet) {
  log().debug("RADIUS:  {}", wire::authenticator_line(packet.authenticator));
  for (const std::string& line : wire::attribute_lines(packet)) log().debug("RADIUS:  {}", line);
}

}  // namespace

void send(common::ByteView octets, const common::Endpoint& server, std::uint16_t local_port, std::uint32_t unique_id) {
  if (!debug_enabled()) return;
  const auto packet = wire::parse_packet(octets);
  if (!packet) return;
  log().debug("RADIUS/ENCODE({:08X}):Orig. component type = VPN IPSEC", unique_id);
  log().debug("RADIUS({:08X}): Send {} to {} id {}/{}, len {}", unique_id, wire::code_name(packet->code),
              server.to_string(), local_port, packet->identifier, octets.size());
  attributes(*packet);
  log().debug("RADIUS({:08X}): Sending a {} Radius Packet", unique_id, server.address.is_v4() ? "IPv4" : "IPv6");
}

void timeout(std::uint32_t unique_id, common::Duration timeout) {
  if (!debug_enabled()) return;
  log().debug("RADIUS({:08X}): Started {} sec timeout", unique_id,
              std::chrono::round<std::chrono::seconds>(timeout).count());
}

void receive(common::ByteView octets, const common::Endpoint& server, std::uint16_t local_port) {
  if (!debug_enabled()) return;
  const auto packet = wire::parse_packet(octets);
  if (!packet) return;
  log().debug("RADIUS: Received from id {}/{} {}, {}, len {}", local_port, packet->identifier, server.to_string(),
              wire::code_name(packet->code), octets.size());
  attributes(*packet);
}

void best_local_address(const common::IpAddress& local, const common::IpAddress& server) {
  if (!debug_enabled()) return;
  log().debug("RADIUS/ENCODE: Best Local IP-Address {} for Radius-Server {}", local.to_string(), server.to_string());
}

}  // namespace controlplane::radius::trace
