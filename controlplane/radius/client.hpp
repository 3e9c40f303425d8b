#pragma once
// Access-Requests: to which server, how often, and what counts as an answer. A pure core: time, randomness and the
// network are given to it. Thread: the control thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/clock.hpp"
#include "config/schema.hpp"
#include "controlplane/radius/access.hpp"
#include "controlplane/radius/deadlines.hpp"
#include "controlplane/radius/server.hpp"
#include "controlplane/radius/wires.hpp"

namespace controlplane::radius {

/// How a request goes on (RFC 5080 §2.2.1):
///  - It goes to the first living server. Without an answer after the first timeout it goes, unless it continues an EAP
///    conversation, to the next server as well, while the first is still asked: a login waits one timeout for a dead
///    server, not for all its retransmissions. The first believable answer wins.
///  - A server that stayed silent through all transmissions, that said "port unreachable", or that was silent when
///    another answered, is dead for its dead-time. Then it gets copies of what its successor is asked, and is alive
///    again with its first answer. Dead servers are asked when there is no other.
///  - A conversation never changes its server: its requests are sent there until the duration of 30 s is over.
class Client final : public AccessClient {
 public:
  /// @param wires             outlives the client
  /// @param deadline_changed  told when next_deadline() may have become earlier
  Client(const config::Config& config, Wires& wires, const common::Clock& clock, Random random,
         std::function<void()> deadline_changed);
  ~Client() override;

  RequestId request(AccessRequest request, Done done) override;
  void cancel(RequestId request) override;
  [[nodiscard]] NasIdentity nas_identity() override;

  void on_datagram(WireId wire, common::ByteView octets);
  /// The host of that wire's server said "port unreachable".
  void on_refused(WireId wire);
  [[nodiscard]] std::optional<common::MonotonicTime> next_deadline() const { return deadlines_.next(); }
  void on_timer();
  void reconfigure(const config::Config& config);

  [[nodiscard]] const std::vector<std::unique_ptr<Server>>& servers() const noexcept { return servers_; }
  [[nodiscard]] std::size_t in_flight() const noexcept { return pending_.size(); }

 private:
  /// One server being asked.
  struct Attempt {
    Server* server = nullptr;
    Slot slot;
    wire::Authenticator authenticator{};
    common::Bytes packet;
    std::uint32_t transmissions = 0;
    common::MonotonicTime first_sent{};
    common::Duration timeout{};
    bool over = false;  ///< sends no more, but may still be answered
  };
  struct Pending {
    AccessRequest request;
    Done done;
    std::vector<ServerId> candidates;  ///< not asked yet, best first
    std::vector<Attempt> attempts;
  };
  using AttemptKey = std::pair<std::uint64_t, std::size_t>;  ///< request, index of attempt; kNoAttempt: give up

  [[nodiscard]] std::vector<ServerId> candidates(common::MonotonicTime now) const;
  [[nodiscard]] Server* find(ServerId id) const noexcept;
  [[nodiscard]] Server* find(WireId wire) const noexcept;
  bool start_next(std::uint64_t id, Pending& pending);
  bool start(std::uint64_t id, Pending& pending, Server& server);
  void transmit(std::uint64_t id, std::size_t index, Attempt& attempt);
  void on_attempt_due(std::uint64_t id, std::size_t index);
  void end_attempt(std::uint64_t id, Pending& pending, std::size_t index);
  void on_answer(std::uint64_t id, Pending& pending, Attempt& attempt, const wire::PacketView& packet);
  [[nodiscard]] bool believable(Server& server, const Pending& pending, const Attempt& attempt,
                                const wire::PacketView& packet);
  void complain(Server& server, bool eap);
  void declare_dead(Server& server, const char* why);
  void finish(std::uint64_t id, AccessReply reply);
  void forget(std::uint64_t id, Pending& pending);
  void give_up_unless_asking(std::uint64_t id, Pending& pending);
  void linger(std::uint64_t id, Pending& pending);
  void end_lingering(std::uint64_t id);
  bool on_late_answer(std::uint64_t id, Server& server, const wire::PacketView& packet);

  Wires& wires_;
  const common::Clock& clock_;
  Random random_;
  std::function<void()> deadline_changed_;
  std::optional<common::IpAddress> nas_ip_address_;
  std::string nas_identifier_;
  std::uint32_t next_server_ = 1;
  std::vector<std::unique_ptr<Server>> servers_;  ///< in the order of preference
  std::list<std::unique_ptr<Server>> retired_;    ///< no longer configured, kept while something is in flight
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, Pending> pending_;
  std::map<std::uint64_t, Attempt> lingering_;  ///< by the id of a request that is over
  Deadlines<AttemptKey> deadlines_;
};

}  // namespace controlplane::radius
