#pragma once
// The network as the client and the accounting sender see it, so that tests and the simulator can be it. Pure.

#include <cstdint>
#include <functional>
#include <optional>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/strong.hpp"

namespace controlplane::radius {

/// One local UDP port, connected to one server.
using WireId = common::Strong<std::uint32_t, struct WireIdTag>;

class Wires {
 public:
  Wires() = default;
  Wires(const Wires&) = delete;
  Wires& operator=(const Wires&) = delete;
  virtual ~Wires() = default;

  /// A fresh local port towards a server; nullopt: the system gives none, or there is no route.
  [[nodiscard]] virtual std::optional<WireId> open(const common::Endpoint& server) = 0;
  virtual void close(WireId wire) = 0;
  /// Never fails: what is lost is sent again.
  virtual void send(WireId wire, common::ByteView packet) = 0;
  [[nodiscard]] virtual std::uint16_t local_port(WireId wire) const = 0;
  /// The address from which packets to that server leave.
  [[nodiscard]] virtual std::optional<common::IpAddress> local_address(const common::IpAddress& server) = 0;
};

/// Fills with random octets; the real one is the operating system's.
using Random = std::function<void(common::MutableByteView)>;

}  // namespace controlplane::radius
