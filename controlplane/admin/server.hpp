#pragma once
// HTTP on the Unix socket admin.sock, and /metrics on a TCP address where one is configured.

#include <filesystem>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "config/schema.hpp"
#include "controlplane/admin/api.hpp"

namespace controlplane::admin {

/// Listens from its construction on. Callers of the Unix socket are known by their credentials: our own user and root
/// may do everything, members of write-group as well, members of read-group may look. The TCP address serves only GET
/// /metrics. Thread: the one that runs `io`.
class Server {
 public:
  /// @error throws std::runtime_error where the socket or address cannot be had (start-up only)
  Server(boost::asio::io_context& io, const std::filesystem::path& socket, const config::Admin& admin, Sources sources);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace controlplane::admin
