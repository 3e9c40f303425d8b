#pragma once
// The dynamic-author server: sockets in front of the pipeline, the session registry behind it.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/clock.hpp"
#include "common/result.hpp"
#include "config/schema.hpp"
#include "controlplane/dae/pipeline.hpp"
#include "controlplane/net/datagram_socket.hpp"
#include "controlplane/radius/records.hpp"
#include "controlplane/session/registry.hpp"

namespace controlplane::dae {

/// One socket, for `show` and the metrics.
struct Listener {
  common::Endpoint local;
  std::string device;
  net::SocketCounters counters;
};

/// Answers Disconnect- and CoA-Requests. A drain of a socket (up to 1024 datagrams) becomes one batch: all its sessions
/// are looked up and given to the registry in one turn, and the ACKs of one turn leave by one sendmmsg per socket.
/// Thread: the one that runs the io_context. The references given to open() outlive the server.
class Server {
 public:
  /// Binds every configured port on every configured address, in the VRF of each client. Nothing is read before
  /// start(): what arrives during start-up waits in the kernel (DESIGN chapter 6b).
  /// @param config  its `dynamic_author` is enabled
  /// @error         a socket that cannot be bound
  [[nodiscard]] static common::Result<std::unique_ptr<Server>, net::SocketError> open(
      boost::asio::io_context& io, std::shared_ptr<const config::Config> config, session::Registry& sessions,
      const common::Clock& clock, Limits limits = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Answers of an earlier run that are still within their window. Call it before start().
  void restore(std::span<const radius::StoredReply> replies);
  /// Reads whenever the registry is ready, and becomes its `on_ready` listener.
  void start();
  /// For who must be the registry's listener itself and passes its word on. While false nothing is read and nothing is
  /// answered but what was asked before.
  void set_ready(bool ready);
  /// A NAS-IP(v6)-Address that was sent in a RADIUS packet: requests may name us by it.
  void add_nas_address(const common::IpAddress& address);
  /// Takes over a new configuration. Sockets that are in both stay as they are; counters and remembered answers too.
  /// @error a socket that cannot be bound; the old configuration stays
  [[nodiscard]] common::Result<void, net::SocketError> reload(std::shared_ptr<const config::Config> config);

  [[nodiscard]] const Pipeline& pipeline() const noexcept;
  [[nodiscard]] std::vector<Listener> listeners() const;

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// The names by which requests may call the gateway, as configured: radius.nas-ip-address, radius.nas-addresses, and
/// the address towards each RADIUS server.
[[nodiscard]] NasNames nas_names(const config::Config& config);

}  // namespace controlplane::dae
