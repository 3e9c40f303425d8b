// recvmmsg and sendmmsg structures: names, ancillary data, and their meaning. IP_PKTINFO is described in ip(7),
// IPV6_PKTINFO in RFC 3542 §6.

#include "controlplane/net/batch.hpp"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>

#include "controlplane/net/sockaddr.hpp"

namespace controlplane::net {
namespace {

template <class T>
[[nodiscard]] T read_control(const cmsghdr& header) noexcept {
  T value{};
  if (header.cmsg_len >= CMSG_LEN(sizeof value)) std::memcpy(&value, CMSG_DATA(&header), sizeof value);
  return value;
}

template <class T>
void write_control(msghdr& message, ControlBuffer& buffer, int level, int type, const T& value) noexcept {
  std::memset(buffer.octets, 0, sizeof buffer.octets);
  message.msg_control = buffer.octets;
  message.msg_controllen = CMSG_SPACE(sizeof value);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
}

}  // namespace

ReceiveBatch::ReceiveBatch(std::size_t datagrams, std::size_t octets_each)
    : octets_each_(octets_each),
      octets_(datagrams * octets_each),
      vectors_(datagrams),
      names_(datagrams),
      controls_(datagrams),
      headers_(datagrams) {
  datagrams_.reserve(datagrams);
}

std::span<mmsghdr> ReceiveBatch::prepare() noexcept {
  for (std::size_t i = 0; i < headers_.size(); ++i) {
    vectors_[i] = {octets_.data() + i * octets_each_, octets_each_};
    headers_[i] = {};
    msghdr& message = headers_[i].msg_hdr;
    message.msg_name = &names_[i];
    message.msg_namelen = sizeof names_[i];
    message.msg_iov = &vectors_[i];
    message.msg_iovlen = 1;
    message.msg_control = controls_[i].octets;
    message.msg_controllen = sizeof controls_[i].octets;
  }
  return headers_;
}

std::span<const Datagram> ReceiveBatch::parse(std::size_t received, const common::Endpoint& bound,
                                              std::uint32_t& drops) {
  datagrams_.clear();
  for (std::size_t i = 0; i < received; ++i) {
    Datagram datagram;
    if (parse_one(i, bound, drops, datagram)) datagrams_.push_back(datagram);
  }
  return datagrams_;
}

bool ReceiveBatch::parse_one(std::size_t slot, const common::Endpoint& bound, std::uint32_t& drops, Datagram& out) {
  msghdr& message = headers_[slot].msg_hdr;
  const auto remote = to_endpoint(names_[slot]);
  if (!remote) return false;
  out.remote = *remote;
  out.local = bound;
  out.truncated = (message.msg_flags & MSG_TRUNC) != 0;
  out.bytes = {octets_.data() + slot * octets_each_, std::min<std::size_t>(headers_[slot].msg_len, octets_each_)};
  if (remote->address.is_v6()) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &names_[slot], sizeof v6);
    out.scope = v6.sin6_scope_id;
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      const auto info = read_control<in_pktinfo>(*header);
      out.local.address = to_address(info.ipi_addr);
      out.interface = static_cast<std::uint32_t>(info.ipi_ifindex);
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      const auto info = read_control<in6_pktinfo>(*header);
      out.local.address = to_address(info.ipi6_addr);
      out.interface = info.ipi6_ifindex;
    } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_RXQ_OVFL) {
      drops = read_control<std::uint32_t>(*header);
    }
  }
  return true;
}

SendBatch::SendBatch(std::size_t datagrams)
    : vectors_(datagrams), names_(datagrams), controls_(datagrams), headers_(datagrams) {}

std::span<mmsghdr> SendBatch::prepare(std::span<const OutDatagram> datagrams, bool connected) noexcept {
  const std::size_t count = std::min(datagrams.size(), headers_.size());
  for (std::size_t i = 0; i < count; ++i) prepare_one(i, datagrams[i], connected);
  return std::span(headers_).first(count);
}

void SendBatch::prepare_one(std::size_t slot, const OutDatagram& datagram, bool connected) noexcept {
  // sendmmsg reads the octets only; iovec has no const form.
  vectors_[slot] = {const_cast<std::uint8_t*>(datagram.bytes.data()), datagram.bytes.size()};
  headers_[slot] = {};
  msghdr& message = headers_[slot].msg_hdr;
  message.msg_iov = &vectors_[slot];
  message.msg_iovlen = 1;
  if (!connected) {
    const SocketAddress name = to_socket_address(datagram.remote, datagram.scope);
    names_[slot] = name.storage;
    message.msg_name = &names_[slot];
    message.msg_namelen = name.length;
  }
  const common::IpAddress& source = datagram.local.address;
  if (source.is_unspecified() || (!connected && source.is_v4() != datagram.remote.address.is_v4())) return;
  if (source.is_v4()) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(source.v4_host());
    write_control(message, controls_[slot], IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, source.storage().data(), 16);
    info.ipi6_ifindex = datagram.scope;
    write_control(message, controls_[slot], IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

}  // namespace controlplane::net
