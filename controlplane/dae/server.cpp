// Glue. A datagram goes through three turns of the control thread: its socket's drain (steps 1 to 13), the commit of
// everything that this drain brought (step 14, and the registry's revoke), and the registry's completion (step 15). The
// answers of a turn are gathered and leave together.

#include "controlplane/dae/server.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "controlplane/dae/debug.hpp"

namespace controlplane::dae {
namespace {

/// Where a socket is bound.
using Place = std::tuple<std::string, common::Endpoint>;

/// Where an answer goes to.
struct Way {
  common::Endpoint local;
  common::Endpoint remote;
  std::uint32_t scope = 0;
};

struct Outgoing {
  Way way;
  common::Bytes octets;
};

/// One socket with the answers that wait for the end of the turn.
struct Door {
  std::string device;
  std::unique_ptr<net::DatagramSocket> socket;
  std::vector<Outgoing> out;
};

/// A request that passed step 13.
struct Waiting {
  std::weak_ptr<Door> door;
  Way way;
  std::shared_ptr<const Request> request;
};

[[nodiscard]] std::set<Place> places(const config::DynamicAuthor& config) {
  std::set<std::string> devices;
  for (const config::DaeClient& client : config.clients) devices.insert(client.vrf);
  std::vector<common::IpAddress> addresses = config.addresses;
  if (addresses.empty()) addresses = {common::IpAddress::v4(0), common::IpAddress::v6({})};
  std::set<Place> out;
  for (const std::string& device : devices)
    for (const std::uint16_t port : config.ports)
      for (const common::IpAddress& address : addresses) out.insert({device, {address, port}});
  return out;
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, std::shared_ptr<const config::Config> config, session::Registry& sessions,
       const common::Clock& clock, Limits limits)
      : io_(io),
        config_(std::move(config)),
        sessions_(sessions),
        clock_(clock),
        pipeline_(config_->dynamic_author, nas_names(*config_), trace_, limits) {}

  /// Opens what is missing for `config`, then closes what it no longer has. On failure nothing has changed.
  [[nodiscard]] common::Result<void, net::SocketError> listen(const config::DynamicAuthor& config) {
    const std::set<Place> wanted = places(config);
    const bool several_devices = std::ranges::any_of(
        wanted, [&](const Place& place) { return std::get<0>(place) != std::get<0>(*wanted.begin()); });
    std::map<Place, std::shared_ptr<Door>> fresh;
    for (const Place& place : wanted) {
      if (doors_.contains(place)) continue;
      auto door = open_door(place, several_devices);
      if (door) {
        fresh.emplace(place, std::move(*door));
      } else if (!(config.addresses.empty() && is_without_ipv6(place, door.error()))) {
        return std::unexpected(door.error());
      }
    }
    std::erase_if(doors_, [&](const auto& entry) { return !wanted.contains(entry.first); });
    doors_.merge(fresh);
    return {};
  }

  void start_reading() {
    started_ = true;
    for (const auto& [place, door] : doors_) start_door(door);
  }

  void set_ready(bool ready) {
    ready_ = ready;
    if (!started_) return;
    for (const auto& [place, door] : doors_) ready ? door->socket->resume() : door->socket->pause();
    if (ready) schedule_commit();
  }

  [[nodiscard]] common::Result<void, net::SocketError> reload(std::shared_ptr<const config::Config> config) {
    if (auto listening = listen(config->dynamic_author); !listening) return listening;
    config_ = std::move(config);
    pipeline_.reload(config_->dynamic_author, nas_names(*config_));
    if (started_) start_reading();
    return {};
  }

  [[nodiscard]] std::vector<Listener> listeners() const {
    std::vector<Listener> out;
    for (const auto& [place, door] : doors_)
      out.push_back({door->socket->local(), door->device, door->socket->counters()});
    return out;
  }

  [[nodiscard]] Now now() const { return {clock_.monotonic(), clock_.wall()}; }
  [[nodiscard]] Pipeline& pipeline() noexcept { return pipeline_; }
  [[nodiscard]] session::Registry& sessions() noexcept { return sessions_; }

 private:
  [[nodiscard]] common::Result<std::shared_ptr<Door>, net::SocketError> open_door(const Place& place, bool shared) {
    net::SocketOptions options;
    options.bind = std::get<1>(place);
    options.device = std::get<0>(place);
    // Sockets of several VRFs on one port are told apart by their device, but the kernel binds them only so.
    options.reuse_address = shared;
    options.max_datagram = radius::wire::kMaxPacketOctets;  // what is longer is padding or refused by its Length
    auto socket = net::DatagramSocket::open(io_, options);
    if (!socket) return std::unexpected(socket.error());
    auto door = std::make_shared<Door>();
    door->device = options.device;
    door->socket = std::move(*socket);
    return door;
  }

  /// "Any address" where the machine has no IPv6 is IPv4 alone.
  [[nodiscard]] static bool is_without_ipv6(const Place& place, const net::SocketError& error) {
    return std::get<1>(place).address.is_v6() && (error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL);
  }

  void start_door(const std::shared_ptr<Door>& door) {
    if (door->socket->reading()) return;
    door->socket->start([this, weak = std::weak_ptr(door)](std::span<const net::Datagram> batch) {
      if (const auto alive = weak.lock()) on_batch(alive, batch);
    });
    if (!ready_) door->socket->pause();
  }

  void on_batch(const std::shared_ptr<Door>& door, std::span<const net::Datagram> batch) {
    const Now time = now();
    for (const net::Datagram& datagram : batch) {
      Decision decision = pipeline_.receive({datagram.remote, datagram.local.port, door->device, datagram.bytes}, time);
      const Way way{datagram.local, datagram.remote, datagram.scope};
      if (auto* answer = std::get_if<Answer>(&decision)) {
        queue(door, way, std::move(answer->reply));
      } else if (auto* disconnect = std::get_if<Disconnect>(&decision)) {
        waiting_.push_back({door, way, std::move(disconnect->request)});
      }
    }
    if (!waiting_.empty()) schedule_commit();
  }

  void schedule_commit() {
    if (std::exchange(commit_scheduled_, true)) return;
    boost::asio::post(io_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->commit_scheduled_ = false;
      self->commit();
    });
  }

  /// Everything that was read since the last turn, given to the registry at once.
  void commit() {
    if (!ready_) return;
    for (Waiting& waiting : std::exchange(waiting_, {})) decide(std::move(waiting));
  }

  void decide(Waiting waiting) {
    const Request& request = *waiting.request;
    const auto sessions = request.contradictory ? std::vector<common::SessionId>{} : sessions_.find(request.selector);
    auto outcome = pipeline_.choose(request, sessions.size());
    if (auto* answer = std::get_if<Answer>(&outcome)) queue(waiting.door.lock(), waiting.way, std::move(answer->reply));
    if (auto* approval = std::get_if<Approval>(&outcome)) revoke(std::move(waiting), sessions, std::move(*approval));
  }

  void revoke(Waiting waiting, const std::vector<common::SessionId>& sessions, Approval approval) {
    const bool early = config_->dynamic_author.ack_mode == config::AckMode::early;
    if (early) {
      // A test aid and what IOS does (FACTS A1.11): the ACK promises what has not happened yet.
      const auto door = waiting.door.lock();
      queue(door, waiting.way, pipeline_.acknowledge(*waiting.request, approval.ack, sessions.size()).reply);
      if (door) flush(*door);
    }
    sessions_.revoke(sessions, session::Cause::admin_reset, std::move(approval.durable),
                     [weak = weak_from_this(), early, count = sessions.size(), waiting = std::move(waiting),
                      ack = std::move(approval.ack)](session::Revocation result) mutable {
                       const auto self = weak.lock();
                       if (self && !early) self->on_revoked(waiting, std::move(ack), count, result);
                     });
  }

  void on_revoked(const Waiting& waiting, common::Bytes ack, std::size_t count, session::Revocation result) {
    const auto refused = [&](radius::wire::ErrorCause cause) {
      auto outcome = pipeline_.refuse(*waiting.request, {cause, 0});
      if (auto* answer = std::get_if<Answer>(&outcome))
        queue(waiting.door.lock(), waiting.way, std::move(answer->reply));
    };
    switch (result) {
      case session::Revocation::ended:
        queue(waiting.door.lock(), waiting.way, pipeline_.acknowledge(*waiting.request, std::move(ack), count).reply);
        return;
      case session::Revocation::no_spool:  // P3: no room for its Stop, nothing was touched
        return refused(radius::wire::ErrorCause::resources_unavailable);
      case session::Revocation::not_removed:
        return refused(radius::wire::ErrorCause::session_context_not_found);
    }
  }

  /// @param door  null: its socket is gone (reload), and so is the way to the client, who asks again
  void queue(const std::shared_ptr<Door>& door, const Way& way, common::Bytes octets) {
    if (!door) return;
    door->out.push_back({way, std::move(octets)});
    if (std::exchange(flush_scheduled_, true)) return;
    boost::asio::post(io_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->flush_scheduled_ = false;
      for (const auto& [place, each] : self->doors_) self->flush(*each);
    });
  }

  void flush(Door& door) {
    if (door.out.empty()) return;
    std::vector<net::OutDatagram> datagrams;
    datagrams.reserve(door.out.size());
    for (const Outgoing& out : door.out)
      datagrams.push_back({out.way.local, out.way.remote, out.octets, out.way.scope});
    door.socket->send(datagrams);
    door.out.clear();
  }

  boost::asio::io_context& io_;
  std::shared_ptr<const config::Config> config_;
  session::Registry& sessions_;
  const common::Clock& clock_;
  LogTrace trace_;
  Pipeline pipeline_;
  std::map<Place, std::shared_ptr<Door>> doors_;
  std::vector<Waiting> waiting_;
  bool started_ = false;
  bool ready_ = false;
  bool commit_scheduled_ = false;
  bool flush_scheduled_ = false;
};

common::Result<std::unique_ptr<Server>, net::SocketError> Server::open(boost::asio::io_context& io,
                                                                       std::shared_ptr<const config::Config> config,
                                                                       session::Registry& sessions,
                                                                       const common::Clock& clock, Limits limits) {
  auto impl = std::make_shared<Impl>(io, config, sessions, clock, limits);
  if (auto listening = impl->listen(config->dynamic_author); !listening) return std::unexpected(listening.error());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

void Server::restore(std::span<const radius::StoredReply> replies) { impl_->pipeline().restore(replies, impl_->now()); }

void Server::start() {
  impl_->start_reading();
  impl_->sessions().on_ready([weak = std::weak_ptr(impl_)](bool ready) {
    if (const auto impl = weak.lock()) impl->set_ready(ready);
  });
  impl_->set_ready(impl_->sessions().ready());
}

void Server::set_ready(bool ready) { impl_->set_ready(ready); }
void Server::add_nas_address(const common::IpAddress& address) { impl_->pipeline().add_nas_address(address); }

common::Result<void, net::SocketError> Server::reload(std::shared_ptr<const config::Config> config) {
  return impl_->reload(std::move(config));
}

const Pipeline& Server::pipeline() const noexcept { return impl_->pipeline(); }
std::vector<Listener> Server::listeners() const { return impl_->listeners(); }

NasNames nas_names(const config::Config& config) {
  NasNames names;
  names.identifier = config.radius.nas_identifier.empty() ? config.gateway.name : config.radius.nas_identifier;
  names.addresses = config.radius.nas_addresses;
  if (config.radius.nas_ip_address) names.addresses.push_back(*config.radius.nas_ip_address);
  for (const config::RadiusServer& server : config.radius.servers)
    if (const auto local = net::best_local_address(server.address)) names.addresses.push_back(*local);
  return names;
}

}  // namespace controlplane::dae
