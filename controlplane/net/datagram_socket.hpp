#pragma once
// A UDP socket which works in batches: recvmmsg in, sendmmsg out, and each answer leaves from the address at which its
// question arrived. Asio's headers stay inside the .cpp.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/result.hpp"

namespace boost::asio {
class io_context;
}

namespace controlplane::net {

/// One datagram as it came.
struct Datagram {
  common::Endpoint local;  ///< the address it was sent to (IP_PKTINFO, IPV6_RECVPKTINFO) and our port
  common::Endpoint remote;
  common::ByteView bytes;       ///< points into the socket's buffers: valid until the handler returns
  std::uint32_t interface = 0;  ///< index of the device at which it arrived
  bool truncated = false;       ///< it was longer than SocketOptions::max_datagram
  std::uint32_t scope = 0;      ///< IPv6 scope of a link-local sender, else 0
};

/// One datagram to send. The octets are copied where they cannot be sent at once.
struct OutDatagram {
  common::Endpoint local;   ///< source address; an unspecified one lets the route decide. Its port is ignored
  common::Endpoint remote;  ///< ignored by a connected socket
  common::ByteView bytes;
  std::uint32_t scope = 0;  ///< IPv6 scope of a link-local receiver, else 0
};

/// An answer to `question`: from the address at which it arrived, to its sender. The device follows from the socket
/// (SocketOptions::device), for IPv6 link-local peers from the scope, else from the route.
[[nodiscard]] OutDatagram answer(const Datagram& question, common::ByteView bytes) noexcept;

struct SocketOptions {
  /// Address (0.0.0.0 or :: for any) and port (0: the kernel chooses). The address's family is the socket's: an IPv6
  /// socket takes no IPv4 (IPV6_V6ONLY), who wants both opens two.
  common::Endpoint bind;
  /// Only this peer: the kernel discards other senders, and says ECONNREFUSED when nobody listens there.
  std::optional<common::Endpoint> connect;
  std::string device;  ///< SO_BINDTODEVICE: a VRF or an interface; empty: none. Needs CAP_NET_RAW on old kernels
  /// SO_REUSEADDR lets two UDP sockets of the host own one port, and the later one silently takes the datagrams of the
  /// other. So it is off, and a second gateway fails at start; turn it on only to bind an address beside a wildcard.
  bool reuse_address = false;
  int receive_buffer =
      4 * 1024 * 1024;  ///< octets asked of the kernel, which caps it (net.core.rmem_max) unless privileged
  int send_buffer = 1024 * 1024;
  std::size_t batch = 64;             ///< datagrams a system call, 1..64
  std::size_t max_datagram = 65'535;  ///< octets; the rest of a longer one is lost and `truncated` says so
  std::size_t send_queue = 4096;      ///< datagrams kept while the kernel has no room, further ones are dropped
};

/// Why a socket could not be opened.
struct SocketError {
  int code = 0;      ///< errno
  std::string what;  ///< "bind 192.0.2.1:3799: Address already in use"
};

/// Totals since the socket was opened.
struct SocketCounters {
  std::uint64_t received = 0;  ///< datagrams
  std::uint64_t received_octets = 0;
  std::uint64_t receive_calls = 0;  ///< recvmmsg that brought at least one
  std::uint64_t truncated = 0;
  std::uint64_t kernel_drops = 0;  ///< lost in front of us because the receive buffer was full (SO_RXQ_OVFL)
  std::uint64_t receive_errors = 0;
  std::uint64_t refused = 0;  ///< ICMP "port unreachable" for something sent before, seen by either direction
  std::uint64_t sent = 0;     ///< datagrams the kernel took
  std::uint64_t sent_octets = 0;
  std::uint64_t queued = 0;           ///< had to wait (EAGAIN, ENOBUFS)
  std::uint64_t no_buffers = 0;       ///< ENOBUFS seen
  std::uint64_t unreachable = 0;      ///< no route, host or network down: dropped
  std::uint64_t send_errors = 0;      ///< dropped for another reason (EMSGSIZE, EPERM, EINVAL…)
  std::uint64_t send_queue_full = 0;  ///< dropped
};

/// A bound UDP socket. Thread: the one that runs the io_context. After close() or the destructor no handler runs.
class DatagramSocket {
 public:
  /// Called with 1..SocketOptions::batch datagrams. May send, pause, close or destroy the socket.
  using Handler = std::move_only_function<void(std::span<const Datagram>)>;

  /// Opens and binds; nothing is read before start().
  /// @param io  outlives the socket
  [[nodiscard]] static common::Result<std::unique_ptr<DatagramSocket>, SocketError> open(boost::asio::io_context& io,
                                                                                         const SocketOptions& options);
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;
  ~DatagramSocket();

  /// Reads from now on. What arrived since open() waits in the kernel.
  void start(Handler handler);
  /// Stops reading; what arrives waits in the kernel's receive buffer. The handler stays.
  void pause();
  /// Reads on. @pre start() was called
  void resume();
  [[nodiscard]] bool reading() const noexcept;

  /// Sends at once what the kernel takes, in order; keeps what it has no room for and sends that when it has. Errors
  /// are counted, never reported: UDP's users retransmit.
  void send(std::span<const OutDatagram> datagrams);
  void send(const OutDatagram& datagram) { send(std::span(&datagram, 1)); }
  /// Datagrams that wait for room in the kernel.
  [[nodiscard]] std::size_t send_backlog() const noexcept;

  void close();

  [[nodiscard]] const common::Endpoint& local() const noexcept;  ///< as bound, with the port the kernel chose
  [[nodiscard]] const SocketCounters& counters() const noexcept;

 private:
  class Impl;
  explicit DatagramSocket(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;
};

/// The local address which the kernel would choose towards `remote` ("Best Local IP-Address"), optionally within a
/// device's VRF. Sends nothing. nullopt: no route.
[[nodiscard]] std::optional<common::IpAddress> best_local_address(const common::IpAddress& remote,
                                                                  const std::string& device = {});

}  // namespace controlplane::net
