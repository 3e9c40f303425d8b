#pragma once
// rtnetlink messages to the values of KernelView, and the few requests that we make. No sockets.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include <linux/netlink.h>

#include "dataplane/route/kernel_view.hpp"

namespace dataplane::route::netlink {

struct LinkGone {
  unsigned index = 0;
};
struct RouteGone {
  KernelRoute route;
};
/// An address was taken away, or an interface went down: the kernel flushes routes then without naming them.
struct FlushedSilently {};
/// Forwarding was switched on for an interface.
struct ForwardingOn {
  unsigned interface_index = 0;
};
/// What we have no use for: other families, tables, multicast routes, cached clones.
struct Nothing {};

using Event =
    std::variant<Nothing, KernelLink, LinkGone, KernelRoute, RouteGone, KernelNeighbour, FlushedSilently, ForwardingOn>;

/// Reads one message. Every attribute's type and length is checked; a message that does not fit is `Nothing`.
[[nodiscard]] Event read(const nlmsghdr& message);

/// A request to dump links, IPv4 routes or IPv4 neighbours (type RTM_GETLINK, RTM_GETROUTE, RTM_GETNEIGH).
[[nodiscard]] std::vector<std::byte> write_dump(std::uint16_t type, std::uint32_t sequence);
/// A request to use a neighbour: the kernel resolves it, or confirms it when it is stale (NTF_USE).
/// @param create  resolve one that the kernel does not know
[[nodiscard]] std::vector<std::byte> write_use(const NextHop& next_hop, bool create);

}  // namespace dataplane::route::netlink
