#pragma once
// One RADIUS server as one of our two senders sees it: how to reach it, whether it lives, what it did.

#include <cstdint>
#include <optional>
#include <string>

#include "common/address.hpp"
#include "common/clock.hpp"
#include "common/secret.hpp"
#include "config/schema.hpp"
#include "controlplane/radius/access.hpp"
#include "controlplane/radius/ports.hpp"

namespace controlplane::radius {

/// Totals of one sender towards one server.
struct ServerCounters {
  std::uint64_t requests = 0;  ///< first transmissions
  std::uint64_t retransmissions = 0;
  std::uint64_t accepts = 0;
  std::uint64_t rejects = 0;
  std::uint64_t challenges = 0;
  std::uint64_t responses = 0;  ///< accounting
  std::uint64_t timeouts = 0;   ///< requests that were given up here
  std::uint64_t malformed = 0;
  std::uint64_t bad_authenticators = 0;
  std::uint64_t missing_message_authenticators = 0;
  std::uint64_t unexpected = 0;  ///< answers to nothing that is in flight, or of a code that is no answer
};

struct Server {
  enum class Health : std::uint8_t {
    alive,
    dead,     ///< until `dead_until` it is only the last resort
    proving,  ///< its dead time is over: it gets copies of requests until it answers one
  };

  Server(ServerId server_id, const config::RadiusServer& from, std::uint16_t port, Wires& wires, std::size_t most_ports)
      : id(server_id), endpoint{from.address, port}, ports(wires, endpoint, most_ports) {
    apply(from);
  }
  /// Takes over what may change without losing what is in flight.
  void apply(const config::RadiusServer& from) {
    name = from.name;
    key = from.key.clone();
    timeout = from.timeout;
    transmissions = from.retransmit + 1;
    dead_time = from.dead_time;
    require = from.require_message_authenticator;
  }
  /// The key tells whether a reload means the same server.
  [[nodiscard]] bool is(const config::RadiusServer& from, std::uint16_t port) const noexcept {
    return endpoint == common::Endpoint{from.address, port} && key.equals(from.key);
  }
  void heard(common::MonotonicTime now) noexcept {
    last_heard = now;
    health = Health::alive;
  }
  /// @return whether it was not dead before
  bool declare_dead(common::MonotonicTime now) noexcept {
    const bool news = health == Health::alive;
    health = Health::dead;
    died = now;
    dead_until = now + dead_time;
    return news;
  }
  [[nodiscard]] Health health_at(common::MonotonicTime now) const noexcept {
    return health == Health::dead && now >= dead_until ? Health::proving : health;
  }

  ServerId id;
  std::string name;
  common::Endpoint endpoint;
  common::SecretBytes key;
  common::Duration timeout{};
  std::uint32_t transmissions = 4;
  common::Duration dead_time{};
  config::RequireMessageAuthenticator require = config::RequireMessageAuthenticator::yes;
  bool seen_message_authenticator = false;  ///< `auto`: from the first one on they are required
  Health health = Health::alive;
  common::MonotonicTime died{};
  common::MonotonicTime dead_until{};
  std::optional<common::MonotonicTime> last_heard;
  std::optional<common::MonotonicTime> last_complaint;  ///< about a missing Message-Authenticator
  ServerCounters counters;
  Ports ports;
};

}  // namespace controlplane::radius
