#pragma once
// Endpoints to and from the kernel's socket addresses.

#include <optional>

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/address.hpp"

namespace controlplane::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

/// @param scope  sin6_scope_id, 0 for none
[[nodiscard]] SocketAddress to_socket_address(const common::Endpoint& endpoint, std::uint32_t scope = 0) noexcept;
/// nullopt for a family that is neither IPv4 nor IPv6.
[[nodiscard]] std::optional<common::Endpoint> to_endpoint(const sockaddr_storage& address) noexcept;
[[nodiscard]] common::IpAddress to_address(const in_addr& address) noexcept;
[[nodiscard]] common::IpAddress to_address(const in6_addr& address) noexcept;

}  // namespace controlplane::net
