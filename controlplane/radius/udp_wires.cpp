// The socket counts refusals without telling anybody, so a while after each packet its counter is looked at.

#include "controlplane/radius/udp_wires.hpp"

#include <chrono>
#include <utility>

#include "controlplane/radius/debug.hpp"

namespace controlplane::radius {
namespace {

/// An ICMP error of a server on the same site is there by then.
constexpr std::chrono::milliseconds kRefusalDelay{20};

[[nodiscard]] common::IpAddress any_address(const common::IpAddress& like) noexcept {
  return like.is_v4() ? common::IpAddress{} : common::IpAddress::v6({});
}

}  // namespace

UdpWires::UdpWires(boost::asio::io_context& io) : io_(io), refusals_(io) {}
UdpWires::~UdpWires() = default;

std::optional<WireId> UdpWires::open(const common::Endpoint& server) {
  net::SocketOptions options;
  options.bind = {any_address(server.address), 0};
  options.connect = server;
  options.max_datagram = 4096;  // RFC 2865 §3
  auto socket = net::DatagramSocket::open(io_, options);
  if (!socket) {
    log().error("a socket towards RADIUS server {} cannot be opened: {}", server.to_string(), socket.error().what);
    return std::nullopt;
  }
  const WireId id(next_++);
  Wire& wire = wires_[id];
  wire.socket = *std::move(socket);
  wire.socket->start([this, id](std::span<const net::Datagram> datagrams) {
    for (const net::Datagram& datagram : datagrams) {
      if (!wires_.contains(id)) return;  // a handler closed it
      handlers_.datagram(id, datagram.bytes);
    }
  });
  return id;
}

void UdpWires::close(WireId wire) {
  sent_.erase(wire);
  wires_.erase(wire);
}

void UdpWires::send(WireId wire, common::ByteView packet) {
  const auto found = wires_.find(wire);
  if (found == wires_.end()) return;
  found->second.socket->send(net::OutDatagram{.bytes = packet});
  sent_.insert(wire);
  if (!refusals_.deadline()) refusals_.arm_after(kRefusalDelay, [this] { look_for_refusals(); });
}

void UdpWires::look_for_refusals() {
  const auto sent = std::exchange(sent_, {});
  for (const WireId id : sent) {
    const auto found = wires_.find(id);
    if (found == wires_.end()) continue;
    const std::uint64_t refused = found->second.socket->counters().refused;
    if (refused == found->second.refused) continue;
    found->second.refused = refused;
    handlers_.refused(id);
  }
}

std::uint16_t UdpWires::local_port(WireId wire) const {
  const auto found = wires_.find(wire);
  return found == wires_.end() ? std::uint16_t{0} : found->second.socket->local().port;
}

std::optional<common::IpAddress> UdpWires::local_address(const common::IpAddress& server) {
  return net::best_local_address(server);
}

}  // namespace controlplane::radius
