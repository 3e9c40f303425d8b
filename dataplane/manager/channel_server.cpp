// Sockets and framing. The order that matters: the newest Hello wins, but only after the last octet that the control
// plane before it had sent is read and handled (DESIGN chapter 6b): a blob that was put before a crash counts.

#include "dataplane/manager/channel_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace dataplane::manager {
namespace {

using common::channel::Frame;
using common::channel::HelloReply;
using common::channel::Status;
using common::channel::Type;

constexpr std::size_t kReadOctets = 64U << 10U;
constexpr std::size_t kReadSlice = 1U << 20U;
constexpr std::size_t kLastWords = 16U << 20U;  // more than a socket can hold
constexpr std::size_t kMaxConnections = 8;

std::string error_text(const char* what, const std::filesystem::path& path) {
  return fmt::format("channel {}: {}: {}", path.string(), what, std::strerror(errno));
}

}  // namespace

struct ChannelServer::Connection {
  enum class State : std::uint8_t { expects_hello, active, closing };

  ~Connection() {
    if (fd >= 0) ::close(fd);
  }

  ConnectionId id = 0;
  int fd = -1;
  State state = State::expects_hello;
  bool gone = false;                     ///< end of stream, or an error: nothing more is read or written
  bool deaf = false;                     ///< it takes no answers any more; what it said before still counts
  std::optional<std::uint32_t> watched;  ///< what epoll was told
  common::channel::FrameReader in;
  common::channel::Buffer out;
  std::size_t sent = 0;  ///< octets of `out` that the kernel has
};

std::expected<std::unique_ptr<ChannelServer>, std::string> ChannelServer::listen(const std::filesystem::path& path,
                                                                                 Handler& handler) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) return std::unexpected("channel " + text + ": path is too long");
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);

  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) return std::unexpected(error_text("socket", path));
  struct stat directory{};
  const bool known = ::stat(path.parent_path().c_str(), &directory) == 0;
  ::unlink(text.c_str());
  const mode_t old_mask = ::umask(0177);
  const bool bound = ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::umask(old_mask);
  const uid_t owner = known ? directory.st_uid : ::geteuid();
  if (!bound || ::listen(listener, 4) != 0 ||
      (owner != ::geteuid() && ::chown(text.c_str(), owner, static_cast<gid_t>(-1)) != 0)) {
    auto error = error_text("cannot listen", path);
    ::close(listener);
    return std::unexpected(std::move(error));
  }
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
  if (epoll < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
    auto error = error_text("epoll", path);
    ::close(listener);
    if (epoll >= 0) ::close(epoll);
    return std::unexpected(std::move(error));
  }
  return std::unique_ptr<ChannelServer>(new ChannelServer(epoll, listener, path, owner, handler));
}

ChannelServer::ChannelServer(int epoll, int listener, std::filesystem::path path, uid_t owner, Handler& handler)
    : epoll_(epoll), listener_(listener), path_(std::move(path)), owner_(owner), handler_(handler) {}

ChannelServer::~ChannelServer() {
  ::unlink(path_.c_str());
  ::close(listener_);
  ::close(epoll_);
}

ChannelServer::Connection* ChannelServer::find(ConnectionId connection) const noexcept {
  const auto found = std::ranges::find(connections_, connection, [](const auto& each) { return each->id; });
  return found == connections_.end() ? nullptr : found->get();
}

void ChannelServer::work() {
  std::array<epoll_event, kMaxConnections + 1> ready{};
  const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const auto& event = ready[static_cast<std::size_t>(i)];
    if (event.data.u64 == 0) {
      accept_all();
      continue;
    }
    Connection* connection = find(event.data.u64);
    if (connection == nullptr || connection->gone) continue;
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_from(*connection, kReadSlice, true);
    if (!connection->gone) flush(connection->id);
  }
  sweep();
}

void ChannelServer::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (!is_welcome(fd) || connections_.size() >= kMaxConnections) {
      ++counters_.refused_peers;
      ::close(fd);
      continue;
    }
    ++counters_.accepted;
    auto connection = std::make_unique<Connection>();
    connection->id = next_id_++;
    connection->fd = fd;
    watch(*connection);
    connections_.push_back(std::move(connection));
  }
}

bool ChannelServer::is_welcome(int fd) const {
  ucred peer{};
  socklen_t octets = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &octets) != 0) return false;
  if (peer.uid == 0 || peer.uid == ::geteuid() || peer.uid == owner_) return true;
  spdlog::warn("channel: user {} (process {}) may not connect", peer.uid, peer.pid);
  return false;
}

void ChannelServer::read_from(Connection& connection, std::size_t budget, bool back_pressure) {
  using State = Connection::State;
  while (!connection.gone && connection.state != State::closing && budget > 0 &&
         (!back_pressure || connection.out.size() - connection.sent < kBackPressure)) {
    const auto room = connection.in.space(kReadOctets);
    const ssize_t octets = ::recv(connection.fd, room.data(), room.size(), 0);
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (octets <= 0) {
      connection.gone = true;
      break;
    }
    connection.in.commit(static_cast<std::size_t>(octets));
    budget -= std::min(budget, static_cast<std::size_t>(octets));
    handle_frames(connection);
  }
}

void ChannelServer::handle_frames(Connection& connection) {
  using State = Connection::State;
  while (!connection.gone && connection.state != State::closing) {
    const auto frame = connection.in.next();
    if (!frame) {
      spdlog::error("channel: {}", to_string(frame.error()));
      ++counters_.broken_frames;
      connection.gone = true;
      return;
    }
    if (!*frame) return;
    if (connection.state == State::expects_hello) {
      on_hello(connection, **frame);
      continue;
    }
    const bool sense = !(*frame)->is_reply() && !(*frame)->has_more() && !is_event((*frame)->type()) &&
                       (*frame)->type() != Type::hello && handler_.on_request(connection.id, **frame);
    if (!sense) {
      spdlog::error("channel: a request of type {} makes no sense", (*frame)->header.type);
      ++counters_.broken_frames;
      connection.gone = true;
    }
  }
}

void ChannelServer::on_hello(Connection& connection, const Frame& frame) {
  auto records = common::channel::Records<common::channel::Hello>::read(frame);
  const auto hello = records && records->size() == 1 ? records->next() : std::nullopt;
  if (frame.type() != Type::hello || frame.is_reply() || !hello) {
    ++counters_.broken_frames;
    connection.gone = true;
    return;
  }
  HelloReply reply{};
  if (hello->fixed.version != common::channel::kVersion) {
    reply.version = common::channel::kVersion;
    reply.status = static_cast<std::uint16_t>(Status::wrong_version);
  } else {
    // Last words of the one before: they count, and only then is the reply true.
    if (Connection* before = present_ ? find(*present_) : nullptr) read_from(*before, kLastWords, false);
    reply = handler_.on_hello(common::Epoch{hello->fixed.epoch});
  }
  const bool accepted = reply.status == static_cast<std::uint16_t>(Status::ok);
  if (accepted) make_room();
  common::channel::FrameWriter(connection.out, Type::hello, common::channel::kReply, frame.header.request_id)
      .add(reply);
  if (!accepted) {
    ++counters_.refused_hellos;
    refuse(connection);
    return;
  }
  connection.state = Connection::State::active;
  present_ = connection.id;
  handler_.on_control_plane(connection.id);
}

/// The control plane so far makes room for a newer one, and is told why.
void ChannelServer::make_room() {
  Connection* before = present_ ? find(*present_) : nullptr;
  present_.reset();
  if (before == nullptr || before->gone) return;
  ++counters_.fenced;
  HelloReply reply{};
  reply.version = common::channel::kVersion;
  reply.status = static_cast<std::uint16_t>(Status::fenced);
  common::channel::FrameWriter(before->out, Type::hello, common::channel::kReply, 0).add(reply);
  refuse(*before);
}

/// Nothing more is read; the connection ends when what waits is sent.
void ChannelServer::refuse(Connection& connection) {
  connection.state = Connection::State::closing;
  flush(connection.id);
}

common::channel::Buffer* ChannelServer::output(ConnectionId connection) noexcept {
  Connection* found = find(connection);
  return found == nullptr || found->gone || found->state == Connection::State::closing ? nullptr : &found->out;
}

std::size_t ChannelServer::waiting(ConnectionId connection) const noexcept {
  const Connection* found = find(connection);
  return found == nullptr ? 0 : found->out.size() - found->sent;
}

void ChannelServer::flush(ConnectionId id) {
  Connection* connection = find(id);
  if (connection == nullptr || connection->gone) return;
  while (connection->sent < connection->out.size()) {
    const ssize_t octets = ::send(connection->fd, connection->out.data() + connection->sent,
                                  connection->out.size() - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (octets < 0) {
      connection->deaf = true;
      break;
    }
    connection->sent += static_cast<std::size_t>(octets);
  }
  if (connection->deaf || connection->sent == connection->out.size()) {
    common::wipe(connection->out);
    connection->out.clear();
    connection->sent = 0;
    if (connection->state == Connection::State::closing) connection->gone = true;
  } else if (connection->out.size() - connection->sent > kMaxWaiting) {
    spdlog::error("channel: {} octets wait for a control plane that does not read", kMaxWaiting);
    ++counters_.overflows;
    connection->gone = true;
  }
  if (!connection->gone) watch(*connection);
}

/// Tells epoll what this connection waits for.
void ChannelServer::watch(Connection& connection) {
  const std::size_t waiting = connection.out.size() - connection.sent;
  std::uint32_t wanted = waiting > 0 ? static_cast<std::uint32_t>(EPOLLOUT) : 0U;
  if (connection.state != Connection::State::closing && waiting < kBackPressure) wanted |= EPOLLIN;
  if (wanted == connection.watched) return;
  epoll_event event{.events = wanted, .data = {.u64 = connection.id}};
  ::epoll_ctl(epoll_, connection.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection.fd, &event);
  connection.watched = wanted;
}

/// Connections end here and nowhere else, so that no reference to one outlives it.
void ChannelServer::sweep() {
  for (std::size_t i = 0; i < connections_.size();) {
    if (!connections_[i]->gone) {
      ++i;
      continue;
    }
    const ConnectionId id = connections_[i]->id;
    connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
    if (present_ == id) {
      present_.reset();
      handler_.on_gone(id);
    }
  }
}

}  // namespace dataplane::manager
