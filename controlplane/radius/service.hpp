#pragma once
// RADIUS as main uses it: the client and the accounting sender over real UDP sockets and timers of one io_context.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/clock.hpp"
#include "config/schema.hpp"
#include "controlplane/radius/access.hpp"
#include "controlplane/radius/store.hpp"

namespace boost::asio {
class io_context;
}

namespace controlplane::radius {

/// One configured server as `show` and the metrics print it.
struct ServerStatus {
  std::string name;
  common::IpAddress address;
  bool auth_dead = false;
  bool acct_dead = false;
  std::uint64_t access_requests = 0;  ///< first transmissions
  std::uint64_t access_retransmissions = 0;
  std::uint64_t access_accepts = 0;
  std::uint64_t access_rejects = 0;
  std::uint64_t access_challenges = 0;
  std::uint64_t access_timeouts = 0;      ///< requests that were given up here
  std::uint64_t accounting_requests = 0;  ///< first transmissions
  std::uint64_t accounting_retransmissions = 0;
  std::uint64_t accounting_responses = 0;
  std::uint64_t malformed = 0;
  std::uint64_t bad_authenticators = 0;
  std::uint64_t missing_message_authenticators = 0;
  std::uint64_t unexpected = 0;  ///< answers to nothing that is in flight
};

struct AccountingStatus {
  std::size_t waiting = 0;  ///< loaded from the spool, not acknowledged
  std::size_t in_flight = 0;
  std::uint64_t acknowledged = 0;
};

/// Thread: the one that runs the io_context. The spool, the outbox (one Store is both) and the clock outlive it.
class Service {
 public:
  Service(boost::asio::io_context& io, std::shared_ptr<const config::Config> config, Spool& spool, Outbox& outbox,
          const common::Clock& clock);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] AccessClient& client() noexcept;
  /// Begins to send what the spool holds. Call it when the start-up reconciliation has spooled its Stops.
  void start_accounting();
  /// Accounting-On: tells RADIUS that no session of before lives any more. Call it only when the dataplane reports no
  /// session of an earlier epoch. It is spooled when every Stop that waits now is acknowledged, or after 30 s (DESIGN
  /// chapter 6b). Accounting-Off is an AccountingRecord given to Spool::spool at the orderly end of all sessions.
  void accounting_on(AccountingIdentity nas);
  /// SIGHUP: servers that stay keep their state and what is in flight.
  void reconfigure(std::shared_ptr<const config::Config> config);

  [[nodiscard]] std::vector<ServerStatus> servers() const;
  [[nodiscard]] AccountingStatus accounting() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace controlplane::radius
