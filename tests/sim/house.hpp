#pragma once
// The whole control plane in virtual time: the real Responder, Sessions, radius::Client and radius::Accounting, before
// a disk and a dataplane that answer late and sometimes fail. What stands between them and the world in the product
// (sockets, SQLite, the channel) is all that is missing.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controlplane/dataplane/link.hpp"
#include "controlplane/ike/responder.hpp"
#include "controlplane/radius/accounting.hpp"
#include "controlplane/radius/client.hpp"
#include "controlplane/session/sessions.hpp"
#include "tests/sim/gateway.hpp"
#include "tests/sim/radius_server.hpp"
#include "tests/sim/world.hpp"

namespace sim {

namespace dataplane = controlplane::dataplane;
namespace radius = controlplane::radius;

/// UDP ports of the gateway towards RADIUS servers, on an address of their own.
class SimWires final : public radius::Wires {
 public:
  SimWires(World& world, common::IpAddress own) : world_(world), own_(own) {}
  ~SimWires() override { world_.detach(own_); }

  using Receiver = std::function<void(radius::WireId, ByteView)>;
  void receive(Receiver receiver);

  [[nodiscard]] std::optional<radius::WireId> open(const Endpoint& server) override;
  void close(radius::WireId wire) override { servers_.erase(wire); }
  void send(radius::WireId wire, ByteView packet) override;
  [[nodiscard]] std::uint16_t local_port(radius::WireId wire) const override {
    return static_cast<std::uint16_t>(20000 + wire.value());
  }
  [[nodiscard]] std::optional<common::IpAddress> local_address(const common::IpAddress&) override { return own_; }

 private:
  World& world_;
  common::IpAddress own_;
  std::uint32_t last_ = 0;
  std::map<radius::WireId, Endpoint> servers_;
};

/// The dataplane: traffic flows by itself while a session is installed.
class SimLink final : public dataplane::Link {
 public:
  explicit SimLink(World& world) : world_(world) {}

  struct Entry {
    common::MonotonicTime installed{};
    channel::SessionCounters counters{};
    bool removed = false;
    bool forgotten = false;
  };
  std::map<common::SessionId, Entry> sessions;  ///< all that were ever installed
  std::set<common::Spi> reserved;               ///< SPIs taken, neither installed nor given back
  unsigned refusals = 0;                        ///< per cent of installs that are refused

  void connect();
  [[nodiscard]] bool lives(common::SessionId id) const;

  [[nodiscard]] bool ready() const noexcept override { return hello_.has_value(); }
  [[nodiscard]] const std::optional<channel::HelloReply>& hello() const noexcept override { return hello_; }
  void set_events(dataplane::LinkEvents to) override { events_ = std::move(to); }
  void install(channel::InstallSession session, ByteView blob, dataplane::LinkCallback<channel::Status> done) override;
  void rekey_child(const channel::RekeyChild& rekey, dataplane::LinkCallback<channel::Status> done) override;
  void delete_child(common::SessionId, common::Spi, dataplane::LinkCallback<channel::Status> done) override;
  void remove(std::vector<channel::RemoveSession> all,
              std::move_only_function<void(std::vector<channel::SessionCounters>)> done) override;
  void forget(std::vector<common::SessionId> all) override;
  void update_peer(const channel::UpdatePeer&, dataplane::LinkCallback<channel::Status> done) override;
  void set_policy(const channel::SetPolicy&, dataplane::LinkCallback<channel::Status> done) override;
  void read_counters(std::vector<common::SessionId> all,
                     dataplane::LinkCallback<std::vector<channel::SessionCounters>> done) override;
  void list(dataplane::LinkCallback<std::vector<dataplane::ListedSession>> done) override;
  void put_blob(common::SessionId, ByteView, dataplane::LinkCallback<channel::Status> done) override;
  void read_statistics(dataplane::LinkCallback<std::vector<dataplane::NamedValue>>) override {}
  [[nodiscard]] std::optional<common::Spi> take_spi() override;
  /// As in the dataplane, one that is not reserved (any more) is no error.
  void give_back_spi(common::Spi spi) override { reserved.erase(spi); }

 private:
  [[nodiscard]] channel::SessionCounters now_of(common::SessionId id) const;
  template <class Done, class Value>
  void later(Done done, Value value);

  World& world_;
  std::optional<channel::HelloReply> hello_;
  dataplane::LinkEvents events_;
  std::uint32_t last_spi_ = 0x1000;
};

/// The disk: what is asked in a turn is durable some milliseconds later, in the order asked.
class SimSpool final : public radius::Spool, public radius::Outbox {
 public:
  explicit SimSpool(World& world) : world_(world) {}

  unsigned failures = 0;                                            ///< per cent of commits that fail
  std::map<radius::SpoolId, radius::AccountingRecord> rows;         ///< not acknowledged
  std::map<common::SessionId, radius::AccountingRecord> durable;    ///< every Stop ever written
  std::map<common::SessionId, bool> open;                           ///< open rows, and whether their Start is spooled
  std::map<common::SessionId, radius::AccountingIdentity> started;  ///< every Start ever written

  [[nodiscard]] common::SessionId next_session_id() override { return common::SessionId{++ids_}; }
  [[nodiscard]] std::uint32_t next_acct_session_id() override { return ++acct_; }
  [[nodiscard]] std::uint32_t next_unique_id() override { return ++unique_; }
  void raise_ids(common::SessionId, std::uint32_t, std::uint32_t) override {}
  [[nodiscard]] bool admits() const override { return true; }
  [[nodiscard]] bool writable() const override { return true; }
  void open_session(radius::OpenSession session, Done done) override;
  void refresh_counters(std::vector<radius::CounterUpdate>, Done done) override;
  void spool(radius::AccountingRecord record, Done done) override;
  void commit_stop(radius::StopBatch batch, Done done) override;

  void load(radius::SpoolId after, std::size_t limit, Loaded done) override;
  void acknowledge(std::span<const radius::SpoolId> records) override;
  void on_change(std::function<void(bool, std::span<const radius::SpoolId>)> listener) override {
    listener_ = std::move(listener);
  }

 private:
  void commit(Done done, std::move_only_function<void()> write);
  void add(radius::AccountingRecord record);
  void drop_interims(common::SessionId session);

  World& world_;
  std::uint64_t ids_ = 0;
  std::uint32_t acct_ = 0x20;
  std::uint32_t unique_ = 40;
  std::uint64_t last_row_ = 0;
  common::MonotonicTime disk_free_{};
  std::function<void(bool, std::span<const radius::SpoolId>)> listener_;
};

struct House {
  House(World& network, std::shared_ptr<config::Config> configuration);
  ~House();

  /// A Packet of Disconnect for all that agree with the selector. Records whether the promises held when it was
  /// answered.
  void pod(const session::Selector& selector);

  World& world;
  std::shared_ptr<config::Config> config;
  SimWires access_wires;
  SimWires accounting_wires;
  SimSpool spool;
  SimLink link;
  radius::Client access;
  radius::Accounting accounting;
  session::Sessions sessions;
  std::unique_ptr<controlplane::ike::Responder> responder;

  unsigned acks = 0, naks = 0;
  std::vector<std::string> broken;  ///< promises that did not hold

 private:
  void tick();
  [[nodiscard]] std::optional<common::MonotonicTime> next_deadline() const;
  void on_timer();
};

/// make_config() with a pool and two RADIUS servers at 10.10.0.20 and .21.
[[nodiscard]] std::shared_ptr<config::Config> make_house_config();
inline constexpr std::string_view kRadiusSecret = "a secret of the house";
inline const common::IpAddress kFirstServer = common::IpAddress::v4(0x0A0A0014);
inline const common::IpAddress kSecondServer = common::IpAddress::v4(0x0A0A0015);

}  // namespace sim
