#pragma once
// What each frame of the control plane does to the tables, and what is answered when.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/clock.hpp"
#include "dataplane/manager/channel_server.hpp"
#include "dataplane/manager/tunnels.hpp"
#include "dataplane/sa/writer.hpp"

namespace dataplane::manager {

/// Takes one named value of `read_statistics`: "drop.bad_icv", "port.outside.rx_packets", "worker.0.turns".
using StatisticsSink = std::function<void(std::string_view name, std::uint64_t value)>;

/// What `Requests` asks of the manager around it.
struct RequestContext {
  sa::TableWriter* writer = nullptr;
  Tunnels* tunnels = nullptr;
  std::function<sa::Now()> now;
  std::function<void(const StatisticsSink&)> statistics;
  /// The control plane has come, or gone.
  std::function<void(bool present)> presence;
  std::uint32_t capacity = 0;
  std::uint16_t workers = 0;
  std::uint64_t boot_id = 0;
};

class Requests final : public Handler {
 public:
  explicit Requests(RequestContext context) : context_(std::move(context)) {}
  /// Answers go out here. Set before the first frame comes in.
  void set_server(ChannelServer* server) noexcept { server_ = server; }

  [[nodiscard]] common::channel::HelloReply on_hello(common::Epoch epoch) override;
  void on_control_plane(ConnectionId connection) override;
  [[nodiscard]] bool on_request(ConnectionId connection, const common::channel::Frame& frame) override;
  void on_gone(ConnectionId connection) override;

  /// The removal of these is complete: answers who waited for them.
  void on_removed(const std::vector<common::SessionId>& sessions);
  /// Goes on with long answers (list_sessions) as far as their reader keeps up.
  void work();
  [[nodiscard]] bool has_work() const noexcept { return !listings_.empty(); }

  /// Events; lost where no control plane is there.
  void tell(const sa::Notice& notice);
  void tell_peer_moved(common::SessionId id);

  [[nodiscard]] common::Epoch epoch() const noexcept { return epoch_; }

 private:
  /// One remove_sessions request: answered when the last of its sessions has come to its end.
  struct PendingRemoval {
    ConnectionId connection;
    std::uint32_t request_id;
    std::vector<std::pair<common::SessionId, common::channel::Status>> sessions;
    std::size_t missing = 0;
  };
  struct Listing {
    ConnectionId connection;
    std::uint32_t request_id;
    std::uint32_t next_place;
  };

  template <class R, class Fn>
  [[nodiscard]] bool answer_each(ConnectionId connection, const common::channel::Frame& frame, Fn fn);
  [[nodiscard]] bool install(ConnectionId connection, const common::channel::Frame& frame);
  [[nodiscard]] bool rekey(ConnectionId connection, const common::channel::Frame& frame);
  [[nodiscard]] bool remove(ConnectionId connection, const common::channel::Frame& frame);
  [[nodiscard]] bool read_counters(ConnectionId connection, const common::channel::Frame& frame);
  [[nodiscard]] bool list(ConnectionId connection, const common::channel::Frame& frame);
  [[nodiscard]] bool reserve(ConnectionId connection, const common::channel::Frame& frame);
  [[nodiscard]] bool release(ConnectionId connection, const common::channel::Frame& frame);
  [[nodiscard]] bool statistics(ConnectionId connection, const common::channel::Frame& frame);
  [[nodiscard]] bool change(ConnectionId connection, const common::channel::Frame& frame);

  [[nodiscard]] common::channel::Status install_one(const common::channel::InstallSession& wire, common::ByteView blob);
  void answer(const PendingRemoval& removal);
  [[nodiscard]] common::channel::SessionCounters counters_of(common::SessionId id,
                                                             common::channel::Status status) const;
  [[nodiscard]] common::channel::SessionListing listing_of(const sa::SessionRecord& record) const;
  template <class R>
  void send_event(common::channel::Type type, const R& record);

  RequestContext context_;
  ChannelServer* server_ = nullptr;
  common::Epoch epoch_;  ///< the highest that said hello
  std::unordered_multimap<common::SessionId, std::shared_ptr<PendingRemoval>> waiting_;
  std::vector<Listing> listings_;
};

}  // namespace dataplane::manager
