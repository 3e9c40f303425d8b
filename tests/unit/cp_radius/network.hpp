#pragma once
// A network without sockets: what the cores send is kept, and a test answers it as a RADIUS server would.

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/schema.hpp"
#include "controlplane/radius/wire/authenticator.hpp"
#include "controlplane/radius/wire/packet.hpp"
#include "controlplane/radius/wire/writer.hpp"
#include "controlplane/radius/wires.hpp"

namespace controlplane::radius::test {

inline constexpr std::string_view kKey = "a shared secret";

struct Datagram {
  WireId wire;
  common::Endpoint server;
  common::Bytes octets;

  [[nodiscard]] wire::PacketView packet() const { return wire::parse_packet(octets).value(); }
};

class FakeWires final : public Wires {
 public:
  [[nodiscard]] std::optional<WireId> open(const common::Endpoint& server) override {
    if (!routable) return std::nullopt;
    const WireId wire(next_++);
    open_wires.emplace(wire, server);
    return wire;
  }
  void close(WireId wire) override { open_wires.erase(wire); }
  void send(WireId wire, common::ByteView packet) override {
    sent.push_back({wire, open_wires.at(wire), {packet.begin(), packet.end()}});
  }
  [[nodiscard]] std::uint16_t local_port(WireId wire) const override {
    return static_cast<std::uint16_t>(1645 + wire.value());
  }
  [[nodiscard]] std::optional<common::IpAddress> local_address(const common::IpAddress&) override { return local; }

  /// Takes the oldest datagram; fails the test where none was sent.
  [[nodiscard]] Datagram take() {
    EXPECT_FALSE(sent.empty()) << "nothing was sent";
    if (sent.empty()) return {};
    Datagram first = std::move(sent.front());
    sent.pop_front();
    return first;
  }

  std::deque<Datagram> sent;
  std::map<WireId, common::Endpoint> open_wires;
  bool routable = true;
  std::optional<common::IpAddress> local = common::IpAddress::v4(0xC0A8CA01);

 private:
  std::uint32_t next_ = 1;
};

/// Random numbers that repeat from run to run; jitter around zero.
[[nodiscard]] inline Random fake_random() {
  return [state = std::uint32_t{1}](common::MutableByteView out) mutable {
    for (std::uint8_t& octet : out) {
      state = state * 1664525 + 1013904223;
      octet = static_cast<std::uint8_t>(state >> 24U);
    }
  };
}

/// Servers s1, s2, … at 192.0.2.1, .2, …
[[nodiscard]] inline config::Config config_with_servers(std::size_t servers) {
  config::Config config;
  config.gateway.name = "gateway";
  for (std::size_t i = 1; i <= servers; ++i) {
    config::RadiusServer& server = config.radius.servers.emplace_back();
    server.name = "s" + std::to_string(i);
    server.address = common::IpAddress::v4(0xC0000200U + static_cast<std::uint32_t>(i));
    server.key = common::SecretBytes(common::as_bytes(kKey));
  }
  return config;
}

[[nodiscard]] inline common::ByteView key() { return common::as_bytes(kKey); }

/// Finishes a response to `request`.
[[nodiscard]] inline common::Bytes answer(wire::PacketWriter&& out, const Datagram& request) {
  return out.finish_response(request.packet().authenticator, key()).value();
}

}  // namespace controlplane::radius::test
