#pragma once
// Sends what the spool holds until a server has acknowledged it. A pure core: time, randomness, the network and the
// spool are given to it. Thread: the control thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/clock.hpp"
#include "config/schema.hpp"
#include "controlplane/radius/deadlines.hpp"
#include "controlplane/radius/server.hpp"
#include "controlplane/radius/store.hpp"
#include "controlplane/radius/wires.hpp"

namespace controlplane::radius {

/// The rules:
///  - Nothing is ever given up (RFC 5080 §2.2.1). A record is sent again after 2, 4, 8, 16 s; when its server has used
///  up
///    its transmissions it goes to the next living one.
///  - Records of one session go in their order, one at a time: an unacknowledged Start goes before the Stop. An Interim
///    that was overtaken is dropped.
///  - Accounting-On and -Off are fences: they go when all before them is acknowledged, or 30 s after they were read (a
///    RADIUS database closes every open row of this NAS when it sees one), and what comes after them waits for them.
///  - A silent server is dead for its dead-time. It is proved with a single record at a time, at intervals that double
///  up
///    to 16 s while no server lives, so that an outage ends soon but costs no flood.
///  - Repeating: `extended` sends the same octets, `document` a new Acct-Delay-Time under a new Identifier (RFC 2866
///    §5.2), of which the last four may still be answered.
class Accounting final {
 public:
  /// @param outbox, wires     outlive this
  /// @param deadline_changed  told when next_deadline() may have become earlier
  Accounting(const config::Config& config, Outbox& outbox, Wires& wires, const common::Clock& clock, Random random,
             std::function<void()> deadline_changed);
  ~Accounting();
  Accounting(const Accounting&) = delete;
  Accounting& operator=(const Accounting&) = delete;

  /// Reads the spool and sends from now on.
  void start();
  void on_datagram(WireId wire, common::ByteView octets);
  void on_refused(WireId wire);
  [[nodiscard]] std::optional<common::MonotonicTime> next_deadline() const { return deadlines_.next(); }
  void on_timer();
  void reconfigure(const config::Config& config);

  [[nodiscard]] const std::vector<std::unique_ptr<Server>>& servers() const noexcept { return servers_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return items_.size(); }
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
  [[nodiscard]] std::uint64_t acknowledged() const noexcept { return acknowledged_total_; }

 private:
  struct Sent {
    Slot slot;
    wire::Authenticator authenticator{};
  };
  struct Item {
    AccountingRecord record;
    Server* server = nullptr;  ///< where it is in flight, null: it waits
    ServerId exhausted;        ///< the last one that used up its transmissions
    bool proving = false;      ///< sent to a server that is not alive, once
    std::deque<Sent> sent;     ///< newest last
    common::Bytes packet;      ///< `extended`: the octets that are repeated
    std::uint32_t transmissions = 0;
    common::MonotonicTime first_sent{};
    common::Duration timeout{};
    common::MonotonicTime loaded{};
  };
  using Items = std::map<SpoolId, Item>;
  /// Timers: of an item; of a server that may be proved; of the whole (acknowledgements to write, a fence).
  enum class Timer : std::uint8_t { item, server, whole };
  using TimerKey = std::pair<Timer, std::uint64_t>;

  void load_more();
  void on_loaded(std::vector<SpooledRecord> records, std::size_t asked);
  void add(SpooledRecord loaded);
  void on_change(bool added, std::span<const SpoolId> dropped);
  void pump();
  void prove_servers();
  [[nodiscard]] bool fenced(SpoolId id, const Item& item) const;
  [[nodiscard]] Items::iterator next_ready(SpoolId after);
  [[nodiscard]] Server* living(ServerId exhausted) const;
  [[nodiscard]] Server* find(WireId wire) const noexcept;
  bool send_first(Items::iterator item, Server& server, bool proving);
  [[nodiscard]] bool transmit(SpoolId id, Item& item);
  [[nodiscard]] bool encode(SpoolId id, Item& item);
  void on_item_due(SpoolId id);
  void take_back(SpoolId id, Item& item);
  void server_failed(Server& server, const char* why);
  void on_acknowledged(Items::iterator item);
  void drop(SpoolId id);
  void remove(Items::iterator item);
  void flush_acknowledgements();

  Outbox& outbox_;
  Wires& wires_;
  const common::Clock& clock_;
  Random random_;
  std::function<void()> deadline_changed_;
  std::uint32_t next_server_ = 1;
  std::vector<std::unique_ptr<Server>> servers_;
  std::map<ServerId, common::Duration> proving_interval_;  ///< while no server lives

  Items items_;
  std::unordered_map<common::SessionId, std::deque<SpoolId>> sessions_;  ///< each one's records in order
  std::set<SpoolId> ready_;   ///< not in flight, and the first of their session
  std::set<SpoolId> fences_;  ///< Accounting-On and -Off
  std::size_t in_flight_ = 0;
  std::vector<SpoolId> acknowledged_;  ///< not yet told to the spool
  std::uint64_t acknowledged_total_ = 0;
  SpoolId loaded_up_to_;
  SpoolId last_proof_;
  std::set<SpoolId> dropped_while_loading_;
  bool started_ = false;
  bool loading_ = false;
  bool more_ = false;  ///< the spool has records that were not loaded
  Deadlines<TimerKey> deadlines_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< completions of the spool hold it weakly
};

}  // namespace controlplane::radius
