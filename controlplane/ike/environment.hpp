#pragma once
// What the IKE room asks of the world: time, chance, and a way to send. The real one is glued by main, the simulator
// has its own. Thread: the control thread only.

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/clock.hpp"

namespace controlplane::ike {

/// A UDP payload that arrived, exactly as the socket gave it: on the NAT port with its non-ESP marker (RFC 3948 §2.2).
struct Datagram {
  common::Endpoint local;   ///< where it arrived; the port tells which of our two sockets
  common::Endpoint remote;  ///< who sent it
  common::ByteView bytes;   ///< lives until the call returns
};

class Environment {
 public:
  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  virtual ~Environment() = default;

  [[nodiscard]] virtual const common::Clock& clock() const = 0;
  /// Fills with unpredictable octets (nonces, SPIs, cookie secrets).
  virtual void random(common::MutableByteView out) = 0;
  /// Sends one UDP payload from `local` (address and port) to `remote`. It may be lost; nothing is reported.
  /// The non-ESP marker is already in `bytes` where it belongs.
  virtual void send(const common::Endpoint& local, const common::Endpoint& remote, common::ByteView bytes) = 0;
  /// Responder::next_deadline() may have moved: arm the timer again before the loop sleeps.
  virtual void deadline_changed() = 0;
};

}  // namespace controlplane::ike
