#pragma once
// The dataplane's end of the channel: a Unix socket, one control plane at a time, frames in and frames out. What they
// mean is Handler's matter. Nothing here blocks.

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/channel/codec.hpp"
#include "common/ids.hpp"

namespace dataplane::manager {

/// Names a connection; never used twice.
using ConnectionId = std::uint64_t;

/// Thread: the manager's. Calls come out of ChannelServer::work.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  /// Answers a Hello of a version that is ours: `reply.status` decides whether the connection goes on.
  [[nodiscard]] virtual common::channel::HelloReply on_hello(common::Epoch epoch) = 0;
  /// Its Hello was accepted, and every octet that the one before it had sent has been handled: it is the control plane.
  virtual void on_control_plane(ConnectionId connection) = 0;
  /// A request of the present control plane (or the last words of the one before).
  /// @return false: it makes no sense; the connection is closed
  [[nodiscard]] virtual bool on_request(ConnectionId connection, const common::channel::Frame& frame) = 0;
  /// The present control plane is gone.
  virtual void on_gone(ConnectionId connection) = 0;
};

struct ChannelCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused_peers = 0;   ///< SO_PEERCRED said somebody else
  std::uint64_t refused_hellos = 0;  ///< wrong version, fenced, or no Hello at all
  std::uint64_t broken_frames = 0;   ///< connections closed for what they sent
  std::uint64_t fenced = 0;          ///< control planes that made room for a newer one
  std::uint64_t overflows = 0;       ///< connections closed because they did not read
};

class ChannelServer {
 public:
  /// Octets that may wait for a control plane that does not read; more closes the connection.
  static constexpr std::size_t kMaxWaiting = 512U << 20U;
  /// While more than that waits, nothing further is read from it.
  static constexpr std::size_t kBackPressure = 64U << 20U;

  /// Listens, mode 0600, owned by whoever owns the directory, so that the control plane need not be root. A stale
  /// socket of a dead process is replaced.
  /// @param directory's owner, root, and our own user may connect (SO_PEERCRED)
  [[nodiscard]] static std::expected<std::unique_ptr<ChannelServer>, std::string> listen(
      const std::filesystem::path& path, Handler& handler);
  ChannelServer(const ChannelServer&) = delete;
  ChannelServer& operator=(const ChannelServer&) = delete;
  ~ChannelServer();  ///< closes, and removes the socket

  /// Readable when `work` has something to do.
  [[nodiscard]] int fd() const noexcept { return epoll_; }
  /// Handles what is ready, within a bounded slice.
  void work();

  [[nodiscard]] std::optional<ConnectionId> control_plane() const noexcept { return present_; }
  /// Where frames for a connection are appended, or nullptr: it is gone. Call `flush` when done.
  [[nodiscard]] common::channel::Buffer* output(ConnectionId connection) noexcept;
  /// Octets that the connection has not taken yet.
  [[nodiscard]] std::size_t waiting(ConnectionId connection) const noexcept;
  void flush(ConnectionId connection);

  [[nodiscard]] const ChannelCounters& counters() const noexcept { return counters_; }

 private:
  struct Connection;

  ChannelServer(int epoll, int listener, std::filesystem::path path, uid_t owner, Handler& handler);
  void accept_all();
  [[nodiscard]] bool is_welcome(int fd) const;
  [[nodiscard]] Connection* find(ConnectionId connection) const noexcept;
  /// @param budget         octets to read at most
  /// @param back_pressure  stop while too many answers wait
  void read_from(Connection& connection, std::size_t budget, bool back_pressure);
  void handle_frames(Connection& connection);
  void on_hello(Connection& connection, const common::channel::Frame& frame);
  void make_room();
  void refuse(Connection& connection);
  void watch(Connection& connection);
  void sweep();

  int epoll_;
  int listener_;
  std::filesystem::path path_;
  uid_t owner_;
  Handler& handler_;
  ConnectionId next_id_ = 1;
  std::optional<ConnectionId> present_;
  std::vector<std::unique_ptr<Connection>> connections_;
  ChannelCounters counters_;
};

}  // namespace dataplane::manager
