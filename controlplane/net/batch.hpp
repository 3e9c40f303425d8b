#pragma once
// The kernel's structures for recvmmsg and sendmmsg, allocated once a socket.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "controlplane/net/datagram_socket.hpp"

namespace controlplane::net {

/// Room for one message's ancillary data: packet information of either family and the kernel's drop counter.
struct ControlBuffer {
  alignas(cmsghdr) std::uint8_t octets[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(std::uint32_t))];
};

class ReceiveBatch {
 public:
  ReceiveBatch(std::size_t datagrams, std::size_t octets_each);

  /// Readies every slot for the next recvmmsg.
  [[nodiscard]] std::span<mmsghdr> prepare() noexcept;
  /// Reads `received` slots into datagrams; those from a family we do not know are left out.
  /// @param drops  the kernel's total of lost datagrams, where it said one
  [[nodiscard]] std::span<const Datagram> parse(std::size_t received, const common::Endpoint& bound,
                                                std::uint32_t& drops);

 private:
  [[nodiscard]] bool parse_one(std::size_t slot, const common::Endpoint& bound, std::uint32_t& drops, Datagram& out);

  std::size_t octets_each_;
  std::vector<std::uint8_t> octets_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_storage> names_;
  std::vector<ControlBuffer> controls_;
  std::vector<mmsghdr> headers_;
  std::vector<Datagram> datagrams_;
};

class SendBatch {
 public:
  explicit SendBatch(std::size_t datagrams);

  /// Fills slots from the front of `datagrams`, as many as there are slots.
  /// @param connected  no destination is given then
  [[nodiscard]] std::span<mmsghdr> prepare(std::span<const OutDatagram> datagrams, bool connected) noexcept;

 private:
  void prepare_one(std::size_t slot, const OutDatagram& datagram, bool connected) noexcept;

  std::vector<iovec> vectors_;
  std::vector<sockaddr_storage> names_;
  std::vector<ControlBuffer> controls_;
  std::vector<mmsghdr> headers_;
};

}  // namespace controlplane::net
