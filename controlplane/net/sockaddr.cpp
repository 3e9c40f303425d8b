// Endpoints to and from the kernel's socket addresses. Unions of the kernel are copied, never cast, so that no aliasing
// rule is bent.

#include "controlplane/net/sockaddr.hpp"

#include <array>
#include <cstring>

#include <arpa/inet.h>

namespace controlplane::net {

SocketAddress to_socket_address(const common::Endpoint& endpoint, std::uint32_t scope) noexcept {
  SocketAddress out;
  if (endpoint.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    v4.sin_addr.s_addr = htonl(endpoint.address.v4_host());
    std::memcpy(&out.storage, &v4, sizeof v4);
    out.length = sizeof v4;
    return out;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  v6.sin6_scope_id = scope;
  std::memcpy(&v6.sin6_addr, endpoint.address.storage().data(), 16);
  std::memcpy(&out.storage, &v6, sizeof v6);
  out.length = sizeof v6;
  return out;
}

std::optional<common::Endpoint> to_endpoint(const sockaddr_storage& address) noexcept {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return common::Endpoint{to_address(v4.sin_addr), ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    return common::Endpoint{to_address(v6.sin6_addr), ntohs(v6.sin6_port)};
  }
  return std::nullopt;
}

common::IpAddress to_address(const in_addr& address) noexcept { return common::IpAddress::v4(ntohl(address.s_addr)); }

common::IpAddress to_address(const in6_addr& address) noexcept {
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), &address, octets.size());
  return common::IpAddress::v6(octets);
}

}  // namespace controlplane::net
