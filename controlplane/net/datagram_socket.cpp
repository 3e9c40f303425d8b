// The socket's life: open and bind, a read loop that is woken by the kernel and drains a bounded number of batches a
// turn, and a send queue for the rare moment when the kernel has no room.

#include "controlplane/net/datagram_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

#include "controlplane/net/batch.hpp"
#include "controlplane/net/sockaddr.hpp"

namespace controlplane::net {
namespace {

/// Batches a turn of the loop: others want their turn as well.
constexpr int kBatchesPerTurn = 16;
/// ENOBUFS is the device's queue, which no poll reports: try again so much later.
constexpr std::chrono::milliseconds kNoBufferPause{5};

/// A file descriptor until Asio owns it.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[nodiscard]] SocketError failure(std::string what) {
  const int code = errno;
  std::array<char, 128> text{};
  return {code, std::move(what) + ": " + ::strerror_r(code, text.data(), text.size())};
}

[[nodiscard]] bool set_flag(int fd, int level, int name, int value) noexcept {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/// Buffers are a wish: the privileged form first, then what the kernel grants anybody.
void set_buffers(int fd, const SocketOptions& options) noexcept {
  if (!set_flag(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receive_buffer))
    (void)set_flag(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
  if (!set_flag(fd, SOL_SOCKET, SO_SNDBUFFORCE, options.send_buffer))
    (void)set_flag(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer);
  (void)set_flag(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
}

[[nodiscard]] std::optional<SocketError> set_options(int fd, const SocketOptions& options) {
  const bool v6 = options.bind.address.is_v6();
  if (v6 && !set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) return failure("IPV6_V6ONLY");
  const bool informed = v6 ? set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set_flag(fd, IPPROTO_IP, IP_PKTINFO, 1);
  if (!informed) return failure("IP_PKTINFO");
  if (options.reuse_address && !set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return failure("SO_REUSEADDR");
  if (!options.device.empty() && ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options.device.data(),
                                              static_cast<socklen_t>(options.device.size())) != 0)
    return failure("bind to device " + options.device);
  set_buffers(fd, options);
  return std::nullopt;
}

[[nodiscard]] bool is_unreachable(int code) noexcept {
  return code == ENETUNREACH || code == EHOSTUNREACH || code == ENETDOWN || code == EHOSTDOWN || code == ENETRESET ||
         code == EADDRNOTAVAIL;
}

/// What waits for room in the kernel, with its own copy of the octets.
struct Waiting {
  OutDatagram datagram;
  common::Bytes octets;
};

}  // namespace

OutDatagram answer(const Datagram& question, common::ByteView bytes) noexcept {
  return {question.local, question.remote, bytes, question.scope};
}

class DatagramSocket::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& io, int fd, common::Endpoint local, const SocketOptions& options)
      : descriptor_(io, fd),
        retry_(io),
        local_(local),
        connected_(options.connect.has_value()),
        send_queue_(options.send_queue),
        receive_(std::clamp<std::size_t>(options.batch, 1, 64), std::max<std::size_t>(options.max_datagram, 1)),
        send_(64) {}

  void start(Handler handler) {
    handler_ = std::make_shared<Handler>(std::move(handler));
    resume();
  }

  void resume() {
    if (closed_ || reading_ || !handler_) return;
    reading_ = true;
    wait_readable();
  }

  void pause() noexcept { reading_ = false; }

  void close() {
    if (closed_) return;
    closed_ = true;
    reading_ = false;
    waiting_.clear();
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    retry_.cancel();
  }

  void send(std::span<const OutDatagram> datagrams) {
    if (closed_) return;
    if (waiting_.empty()) datagrams = datagrams.subspan(send_now(datagrams));
    for (const OutDatagram& datagram : datagrams) enqueue(datagram);
    if (!waiting_.empty()) wait_writable();
  }

  [[nodiscard]] bool reading() const noexcept { return reading_; }
  [[nodiscard]] std::size_t backlog() const noexcept { return waiting_.size(); }
  [[nodiscard]] const common::Endpoint& local() const noexcept { return local_; }
  [[nodiscard]] const SocketCounters& counters() const noexcept { return counters_; }

 private:
  void wait_readable() {
    if (closed_ || !reading_ || read_armed_) return;
    read_armed_ = true;
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             self->read_armed_ = false;
                             if (!error) self->read();
                           });
  }

  void read() {
    for (int batch = 0; batch < kBatchesPerTurn && reading_ && !closed_; ++batch)
      if (!read_batch()) break;
    wait_readable();
  }

  /// @return whether there may be more
  bool read_batch() {
    const auto slots = receive_.prepare();
    const int received = ::recvmmsg(descriptor_.native_handle(), slots.data(), static_cast<unsigned>(slots.size()),
                                    MSG_DONTWAIT, nullptr);
    if (received <= 0) return on_receive_error(errno);
    const auto datagrams = receive_.parse(static_cast<std::size_t>(received), local_, kernel_drops_);
    ++counters_.receive_calls;
    counters_.kernel_drops = kernel_drops_;
    for (const Datagram& datagram : datagrams) {
      ++counters_.received;
      counters_.received_octets += datagram.bytes.size();
      if (datagram.truncated) ++counters_.truncated;
    }
    // Kept alive by its own reference: the handler may start another one, or destroy the socket.
    const auto handler = handler_;
    if (!datagrams.empty()) (*handler)(datagrams);
    return static_cast<std::size_t>(received) == slots.size();
  }

  bool on_receive_error(int code) noexcept {
    if (code == EAGAIN || code == EWOULDBLOCK) return false;
    if (code == EINTR) return true;
    // A connected socket's pending ICMP error; reading it cleared it, datagrams may wait behind it.
    if (code == ECONNREFUSED)
      ++counters_.refused;
    else
      ++counters_.receive_errors;
    return true;
  }

  /// Sends from the front until the kernel has no room. @return datagrams that are done with, sent or not
  std::size_t send_now(std::span<const OutDatagram> datagrams) {
    std::size_t done = 0;
    while (done < datagrams.size()) {
      const auto slots = send_.prepare(datagrams.subspan(done), connected_);
      const int sent = ::sendmmsg(descriptor_.native_handle(), slots.data(), static_cast<unsigned>(slots.size()),
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        for (const mmsghdr& slot : slots.first(static_cast<std::size_t>(sent))) counters_.sent_octets += slot.msg_len;
        counters_.sent += static_cast<std::uint64_t>(sent);
        done += static_cast<std::size_t>(sent);
      } else if (const Verdict verdict = judge_send_error(errno); verdict == Verdict::wait) {
        break;
      } else if (verdict == Verdict::skip) {
        ++done;
      }
    }
    return done;
  }

  enum class Verdict : std::uint8_t { again, wait, skip };

  /// sendmmsg fails only for its first datagram; errors of later ones end the call early and come up next time.
  Verdict judge_send_error(int code) noexcept {
    if (code == EINTR) return Verdict::again;
    if (code == EAGAIN || code == EWOULDBLOCK) return Verdict::wait;
    if (code == ENOBUFS || code == ENOMEM) {
      ++counters_.no_buffers;
      pause_sending_ = true;
      return Verdict::wait;
    }
    // The error of an earlier datagram; this one was not tried yet.
    if (code == ECONNREFUSED) {
      ++counters_.refused;
      return Verdict::again;
    }
    ++(is_unreachable(code) ? counters_.unreachable : counters_.send_errors);
    return Verdict::skip;
  }

  void enqueue(const OutDatagram& datagram) {
    if (waiting_.size() >= send_queue_) {
      ++counters_.send_queue_full;
      return;
    }
    ++counters_.queued;
    waiting_.push_back({datagram, common::Bytes(datagram.bytes.begin(), datagram.bytes.end())});
    waiting_.back().datagram.bytes = waiting_.back().octets;
  }

  void wait_writable() {
    if (closed_ || write_armed_) return;
    write_armed_ = true;
    auto flush = [self = shared_from_this()](const boost::system::error_code& error) {
      self->write_armed_ = false;
      if (!error && !self->closed_) self->flush();
    };
    if (std::exchange(pause_sending_, false)) {
      retry_.expires_after(kNoBufferPause);
      retry_.async_wait(std::move(flush));
    } else {
      descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_write, std::move(flush));
    }
  }

  void flush() {
    while (!waiting_.empty()) {
      std::vector<OutDatagram> front;
      for (const Waiting& waiting : waiting_) {
        front.push_back(waiting.datagram);
        front.back().bytes = waiting.octets;
        if (front.size() == 64) break;
      }
      const std::size_t done = send_now(front);
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(done));
      if (done < front.size()) {
        wait_writable();
        return;
      }
    }
  }

  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer retry_;
  common::Endpoint local_;
  bool connected_;
  std::size_t send_queue_;
  ReceiveBatch receive_;
  SendBatch send_;
  std::shared_ptr<Handler> handler_;
  std::deque<Waiting> waiting_;
  SocketCounters counters_;
  std::uint32_t kernel_drops_ = 0;
  bool reading_ = false;
  bool read_armed_ = false;
  bool write_armed_ = false;
  bool pause_sending_ = false;
  bool closed_ = false;
};

common::Result<std::unique_ptr<DatagramSocket>, SocketError> DatagramSocket::open(boost::asio::io_context& io,
                                                                                  const SocketOptions& options) {
  const int family = options.bind.address.is_v6() ? AF_INET6 : AF_INET;
  Descriptor fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return std::unexpected(failure("socket"));
  if (auto error = set_options(fd.get(), options)) return std::unexpected(std::move(*error));
  const SocketAddress bind_to = to_socket_address(options.bind);
  if (::bind(fd.get(), bind_to.get(), bind_to.length) != 0)
    return std::unexpected(failure("bind " + options.bind.to_string()));
  if (options.connect) {
    const SocketAddress peer = to_socket_address(*options.connect);
    if (::connect(fd.get(), peer.get(), peer.length) != 0)
      return std::unexpected(failure("connect " + options.connect->to_string()));
  }
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  if (::getsockname(fd.get(), bound.get(), &bound.length) != 0) return std::unexpected(failure("getsockname"));
  const auto local = to_endpoint(bound.storage);
  if (!local) return std::unexpected(SocketError{EAFNOSUPPORT, "getsockname: neither IPv4 nor IPv6"});
  auto impl = std::make_shared<Impl>(io, fd.release(), *local, options);
  return std::unique_ptr<DatagramSocket>(new DatagramSocket(std::move(impl)));
}

DatagramSocket::DatagramSocket(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
DatagramSocket::~DatagramSocket() { impl_->close(); }

void DatagramSocket::start(Handler handler) { impl_->start(std::move(handler)); }
void DatagramSocket::pause() { impl_->pause(); }
void DatagramSocket::resume() { impl_->resume(); }
bool DatagramSocket::reading() const noexcept { return impl_->reading(); }
void DatagramSocket::send(std::span<const OutDatagram> datagrams) { impl_->send(datagrams); }
std::size_t DatagramSocket::send_backlog() const noexcept { return impl_->backlog(); }
void DatagramSocket::close() { impl_->close(); }
const common::Endpoint& DatagramSocket::local() const noexcept { return impl_->local(); }
const SocketCounters& DatagramSocket::counters() const noexcept { return impl_->counters(); }

std::optional<common::IpAddress> best_local_address(const common::IpAddress& remote, const std::string& device) {
  Descriptor fd(::socket(remote.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return std::nullopt;
  if (!device.empty() &&
      ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device.data(), static_cast<socklen_t>(device.size())) != 0)
    return std::nullopt;
  // Any port but 0 will do: connect of a datagram socket only looks up the route.
  const SocketAddress peer = to_socket_address({remote, 1812});
  if (::connect(fd.get(), peer.get(), peer.length) != 0) return std::nullopt;
  SocketAddress local;
  local.length = sizeof local.storage;
  if (::getsockname(fd.get(), local.get(), &local.length) != 0) return std::nullopt;
  const auto endpoint = to_endpoint(local.storage);
  if (!endpoint) return std::nullopt;
  return endpoint->address;
}

}  // namespace controlplane::net
