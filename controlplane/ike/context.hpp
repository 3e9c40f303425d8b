#pragma once
// What all exchanges share. Inside controlplane/ike only.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "controlplane/ike/cookies.hpp"
#include "controlplane/ike/environment.hpp"
#include "controlplane/ike/policy.hpp"
#include "controlplane/ike/sa.hpp"
#include "controlplane/ike/statistics.hpp"
#include "controlplane/session/door.hpp"

namespace controlplane::ike {

struct Peer;

/// Every peer, its IKE SAs by number and by SPI, and the deadlines of all of them.
class Table {
 public:
  struct Found {
    Peer* peer = nullptr;
    IkeSa* sa = nullptr;
  };

  Table();
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  [[nodiscard]] std::uint32_t next_number() noexcept { return ++last_number_; }
  Peer& add_peer(std::unique_ptr<Peer> peer);
  /// @pre the SA belongs to that peer already
  void add_sa(Peer& peer, IkeSa& sa);
  /// Forgets the SA's names and deadline; the caller frees it.
  void remove_sa(const IkeSa& sa);
  void remove_peer(std::uint32_t id);

  [[nodiscard]] Peer* find_peer(std::uint32_t id) const;
  [[nodiscard]] Found find_sa(std::uint32_t number) const;
  [[nodiscard]] Found find_spi(std::uint64_t responder_spi) const;
  /// The peer whose IKE_SA_INIT came from there, while it is not authenticated (RFC 7296 §2.1).
  [[nodiscard]] Found find_init(std::uint64_t initiator_spi, const common::Endpoint& remote) const;
  void add_init(std::uint64_t initiator_spi, const common::Endpoint& remote, std::uint32_t number);
  void remove_init(std::uint64_t initiator_spi, const common::Endpoint& remote);
  [[nodiscard]] const std::map<std::uint32_t, Found>& sas() const noexcept { return by_number_; }
  [[nodiscard]] const std::unordered_map<std::uint32_t, std::unique_ptr<Peer>>& peers() const noexcept {
    return peers_;
  }

  /// Wakes the SA at that time or earlier; an earlier appointment stands, and is looked at again when it comes.
  void wake(std::uint32_t number, common::MonotonicTime at);
  /// The next SA whose appointment is due; it is forgotten.
  [[nodiscard]] std::optional<std::uint32_t> take_due(common::MonotonicTime now);
  [[nodiscard]] std::optional<common::MonotonicTime> next_deadline() const;

 private:
  using InitKey = std::pair<std::uint64_t, common::Endpoint>;

  std::uint32_t last_number_ = 0;
  std::unordered_map<std::uint32_t, std::unique_ptr<Peer>> peers_;
  std::map<std::uint32_t, Found> by_number_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_spi_;
  std::map<InitKey, std::uint32_t> inits_;
  std::set<std::pair<common::MonotonicTime, std::uint32_t>> deadlines_;
  std::unordered_map<std::uint32_t, common::MonotonicTime> appointments_;
};

struct Context {
  Context(std::shared_ptr<const Policy> first, Environment& world, session::Door& sessions, common::Epoch since)
      : policy(std::move(first)), environment(world), door(sessions), epoch(since), cookies(world) {}

  std::shared_ptr<const Policy> policy;
  Environment& environment;
  session::Door& door;
  common::Epoch epoch;
  Statistics statistics;
  Cookies cookies;
  HalfOpen half_open;
  Table table;
  bool shutting_down = false;
  /// Answers of the Door that come after our end find it gone.
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);

  [[nodiscard]] common::MonotonicTime now() const { return environment.clock().monotonic(); }
  void count(Counter counter) noexcept { statistics.add(counter); }
  [[nodiscard]] std::uint64_t random_spi();
  /// Sends an IKE message, behind a non-ESP marker where it leaves from the NAT port (RFC 3948 §2.2).
  void send(const common::Endpoint& local, const common::Endpoint& remote, common::ByteView message);
};

}  // namespace controlplane::ike
