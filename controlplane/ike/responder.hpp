#pragma once
// IKEv2 (RFC 7296) as responder: the door of the room. Bytes and time go in, datagrams and calls of session::Door come
// out; there are no sockets, timers or threads inside, so the simulator runs the very same object.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "config/schema.hpp"
#include "controlplane/ike/environment.hpp"
#include "controlplane/ike/listing.hpp"
#include "controlplane/ike/statistics.hpp"
#include "controlplane/session/door.hpp"

namespace controlplane::ike {

/// Not thread-safe: the control thread's. Peer input changes counters and its own SA, never more, and ends nothing.
class Responder {
 public:
  /// Loads the trustpoints' certificates and keys; what cannot be loaded is logged, and its profiles cannot be used.
  /// @param config       shared, never changed
  /// @param environment  outlives this object
  /// @param door         outlives this object
  /// @param epoch        high half of every explicit IV of an AEAD packet (P7): never used by an earlier start
  Responder(std::shared_ptr<const config::Config> config, Environment& environment, session::Door& door,
            common::Epoch epoch);
  /// Answers of the Door that come later are ignored; the Door must not use its PeerHandles any more.
  ~Responder();
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  /// One UDP payload that arrived on port 500 or 4500, with the non-ESP marker on the latter.
  void on_datagram(const Datagram& datagram);
  /// Does what is due at Environment::clock(). Calling it early or twice is harmless.
  void on_timer();
  /// When on_timer() wants to be called next; nullopt: nothing is waiting.
  [[nodiscard]] std::optional<common::MonotonicTime> next_deadline() const;

  /// New logins use this configuration from now on; sessions keep what they have.
  void reload(std::shared_ptr<const config::Config> config);

  /// No new logins from now on; logins in progress end with AUTHENTICATION_FAILED, every session is given to
  /// Door::terminate(nas_reboot).
  /// @param done  called once, from on_datagram, on_timer or a callback, when no IKE SA is left or 10 s have passed
  void shutdown(std::function<void()> done);

  [[nodiscard]] const Statistics& statistics() const noexcept;
  /// Every IKE SA in the order of its SA ID.
  [[nodiscard]] std::vector<SaListing> list() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace controlplane::ike
