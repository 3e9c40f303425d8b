// Reading CFG_REQUEST, writing CFG_REPLY.

#include "controlplane/ike/configuration.hpp"

#include <vector>

namespace controlplane::ike {
namespace {

using Type = wire::CpAttributeType;

constexpr Type kSupported[] = {Type::internal_ip4_address, Type::internal_ip4_dns, Type::internal_ip4_subnet,
                               Type::supported_attributes};

struct Piece {
  Type type;
  std::size_t begin;
  std::size_t end;
};

[[nodiscard]] std::uint32_t mask_of(std::uint8_t length) {
  return length == 0 ? 0 : ~std::uint32_t{0} << (32U - length);
}

}  // namespace

Wish read_wish(const wire::Payloads& payloads) {
  Wish wish;
  const wire::Cp* request = payloads.find(wire::CpType::request);
  if (request == nullptr) return wish;
  wish.asked = true;
  wish.v4 = request->find(Type::internal_ip4_address) != nullptr;
  wish.v6 = request->find(Type::internal_ip6_address) != nullptr;
  wish.supported = request->find(Type::supported_attributes) != nullptr;
  return wish;
}

wire::Cp make_reply(const Wish& wish, const session::Assignment& assignment, common::ByteWriter& store) {
  std::vector<Piece> pieces;
  const auto piece = [&](Type type, auto&& write) {
    const std::size_t begin = store.size();
    write();
    pieces.push_back({type, begin, store.size()});
  };
  if (assignment.inner_v4) piece(Type::internal_ip4_address, [&] { store.bytes(assignment.inner_v4->bytes()); });
  for (const common::IpAddress& dns : assignment.dns)
    if (dns.is_v4()) piece(Type::internal_ip4_dns, [&] { store.bytes(dns.bytes()); });
  for (const common::Prefix& subnet : assignment.subnets) {
    if (!subnet.address.is_v4()) continue;
    piece(Type::internal_ip4_subnet, [&] {
      store.bytes(subnet.address.bytes());
      store.be32(mask_of(subnet.length));
    });
  }
  if (wish.supported)
    piece(Type::supported_attributes, [&] {
      for (const Type type : kSupported) store.be16(static_cast<std::uint16_t>(type));
    });
  wire::Cp reply{wire::CpType::reply, {}};
  for (const Piece& one : pieces)
    reply.attributes.push_back({one.type, store.view().subspan(one.begin, one.end - one.begin)});
  return reply;
}

}  // namespace controlplane::ike
