// Reads and writes rtnetlink with libmnl. The kernel is trusted to tell the truth, not to be free of mistakes: nothing
// is read beyond a message's end.

#include "dataplane/route/netlink.hpp"

#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace dataplane::route::netlink {

namespace {

constexpr std::size_t kMostAttributes = 64;
using Attributes = std::array<const nlattr*, kMostAttributes>;

/// The attributes in a block by type; those above `kMostAttributes` are of no use to us.
Attributes attributes_in(const void* begin, const void* end) {
  Attributes attributes{};
  const auto* at = static_cast<const nlattr*>(begin);
  const auto left = [&] { return static_cast<int>(static_cast<const char*>(end) - reinterpret_cast<const char*>(at)); };
  for (; mnl_attr_ok(at, left()); at = mnl_attr_next(at)) {
    const std::uint16_t type = mnl_attr_get_type(at);
    if (type < kMostAttributes) attributes[type] = at;
  }
  return attributes;
}

Attributes attributes_of(const nlmsghdr& message, std::size_t header_octets) {
  return attributes_in(mnl_nlmsg_get_payload_offset(&message, header_octets), mnl_nlmsg_get_payload_tail(&message));
}

bool holds(const nlmsghdr& message, std::size_t header_octets) {
  return mnl_nlmsg_get_payload_len(&message) >= header_octets;
}

std::optional<std::uint32_t> read_u32(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(std::uint32_t)) return std::nullopt;
  return mnl_attr_get_u32(attribute);
}

std::optional<std::uint32_t> read_address(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != sizeof(std::uint32_t)) return std::nullopt;
  return ntohl(mnl_attr_get_u32(attribute));
}

Event read_link(const nlmsghdr& message) {
  if (!holds(message, sizeof(ifinfomsg))) return Nothing{};
  const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  if (header->ifi_family != AF_UNSPEC) return Nothing{};  // a bridge's word about its ports
  if (message.nlmsg_type == RTM_DELLINK) return LinkGone{static_cast<unsigned>(header->ifi_index)};
  const Attributes attributes = attributes_of(message, sizeof(ifinfomsg));
  const nlattr* name = attributes[IFLA_IFNAME];
  if (name == nullptr || mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0) return Nothing{};
  return KernelLink{static_cast<unsigned>(header->ifi_index), mnl_attr_get_str(name),
                    (header->ifi_flags & IFF_UP) != 0};
}

std::optional<KernelTable> table_of(std::uint32_t table) {
  switch (table) {
    case RT_TABLE_LOCAL:
      return KernelTable::local;
    case RT_TABLE_MAIN:
      return KernelTable::main;
    case RT_TABLE_DEFAULT:
      return KernelTable::fallback;
    default:
      return std::nullopt;
  }
}

KernelRouteType type_of(std::uint8_t type) {
  switch (type) {
    case RTN_UNICAST:
      return KernelRouteType::unicast;
    case RTN_LOCAL:
      return KernelRouteType::local;
    case RTN_BROADCAST:
    case RTN_ANYCAST:
    case RTN_MULTICAST:
      return KernelRouteType::broadcast;
    default:
      return KernelRouteType::reject;
  }
}

/// Of several next hops the first: packets of one flow must not be spread without a hash, and one path is always right.
void read_first_hop(const nlattr* multipath, KernelRoute& route) {
  if (multipath == nullptr || mnl_attr_get_payload_len(multipath) < sizeof(rtnexthop)) return;
  const auto* hop = static_cast<const rtnexthop*>(mnl_attr_get_payload(multipath));
  if (hop->rtnh_len < sizeof(rtnexthop) || hop->rtnh_len > mnl_attr_get_payload_len(multipath)) return;
  route.interface_index = static_cast<unsigned>(hop->rtnh_ifindex);
  const char* end = reinterpret_cast<const char*>(hop) + hop->rtnh_len;
  const Attributes attributes = attributes_in(RTNH_DATA(hop), end);
  route.gateway = read_address(attributes[RTA_GATEWAY]).value_or(0);
  if (attributes[RTA_VIA] != nullptr) route.interface_index = 0;
}

Event read_route(const nlmsghdr& message) {
  if (!holds(message, sizeof(rtmsg))) return Nothing{};
  const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
  if (header->rtm_family != AF_INET || header->rtm_dst_len > 32 || (header->rtm_flags & RTM_F_CLONED) != 0 ||
      header->rtm_tos != 0) {
    return Nothing{};
  }
  const Attributes attributes = attributes_of(message, sizeof(rtmsg));
  const auto table = table_of(read_u32(attributes[RTA_TABLE]).value_or(header->rtm_table));
  if (!table) return Nothing{};
  KernelRoute route;
  route.prefix = {read_address(attributes[RTA_DST]).value_or(0), header->rtm_dst_len};
  route.prefix.address &= route.prefix.mask();
  route.table = *table;
  route.metric = read_u32(attributes[RTA_PRIORITY]).value_or(0);
  route.type = type_of(header->rtm_type);
  route.interface_index = read_u32(attributes[RTA_OIF]).value_or(0);
  route.gateway = read_address(attributes[RTA_GATEWAY]).value_or(0);
  read_first_hop(attributes[RTA_MULTIPATH], route);
  // A gateway of the other family has no place here: nothing is better than a wrong next hop.
  if (attributes[RTA_VIA] != nullptr) route.interface_index = 0;
  if (message.nlmsg_type == RTM_DELROUTE) return RouteGone{route};
  return route;
}

Event read_neighbour(const nlmsghdr& message) {
  if (!holds(message, sizeof(ndmsg))) return Nothing{};
  const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(&message));
  if (header->ndm_family != AF_INET) return Nothing{};
  const Attributes attributes = attributes_of(message, sizeof(ndmsg));
  const auto address = read_address(attributes[NDA_DST]);
  if (!address) return Nothing{};
  KernelNeighbour neighbour{static_cast<unsigned>(header->ndm_ifindex), *address, std::nullopt};
  constexpr std::uint16_t kUsable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
  const nlattr* mac = attributes[NDA_LLADDR];
  if (message.nlmsg_type == RTM_NEWNEIGH && (header->ndm_state & kUsable) != 0 && mac != nullptr &&
      mnl_attr_get_payload_len(mac) == 6) {
    common::MacAddress value;
    std::memcpy(value.octets.data(), mnl_attr_get_payload(mac), value.octets.size());
    neighbour.mac = value;
  }
  return neighbour;
}

Event read_netconf(const nlmsghdr& message) {
  if (!holds(message, sizeof(netconfmsg))) return Nothing{};
  const auto* header = static_cast<const netconfmsg*>(mnl_nlmsg_get_payload(&message));
  if (header->ncm_family != AF_INET) return Nothing{};
  const Attributes attributes = attributes_of(message, MNL_ALIGN(sizeof(netconfmsg)));
  const auto index = read_u32(attributes[NETCONFA_IFINDEX]);
  const auto forwarding = read_u32(attributes[NETCONFA_FORWARDING]);
  if (!index || !forwarding || *forwarding == 0 || static_cast<std::int32_t>(*index) <= 0) return Nothing{};
  return ForwardingOn{*index};
}

std::vector<std::byte> finished(const std::array<char, 256>& buffer) {
  const auto length = reinterpret_cast<const nlmsghdr*>(buffer.data())->nlmsg_len;
  const auto* begin = reinterpret_cast<const std::byte*>(buffer.data());
  return {begin, begin + length};
}

}  // namespace

Event read(const nlmsghdr& message) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return read_link(message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return read_route(message);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return read_neighbour(message);
    case RTM_DELADDR:
      return FlushedSilently{};
    case RTM_NEWNETCONF:
      return read_netconf(message);
    default:
      return Nothing{};
  }
}

std::vector<std::byte> write_dump(std::uint16_t type, std::uint32_t sequence) {
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message->nlmsg_seq = sequence;
  // Headers of all three begin with the family; older kernels read only that.
  auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  header->rtm_family = type == RTM_GETLINK ? AF_UNSPEC : AF_INET;
  return finished(buffer);
}

std::vector<std::byte> write_use(const NextHop& next_hop, bool create) {
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_NEWNEIGH;
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | (create ? NLM_F_CREATE : 0));
  auto* header = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ndmsg)));
  header->ndm_family = AF_INET;
  header->ndm_ifindex = static_cast<int>(next_hop.interface_index);
  header->ndm_state = NUD_NONE;
  header->ndm_flags = NTF_USE;
  mnl_attr_put_u32(message, NDA_DST, htonl(next_hop.address));
  return finished(buffer);
}

}  // namespace dataplane::route::netlink
