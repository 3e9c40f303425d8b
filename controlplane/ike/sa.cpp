// Sealing of messages: one IV for each, of a counter that starts with the epoch (P7).

#include "controlplane/ike/sa.hpp"

#include <limits>
#include <utility>

namespace controlplane::ike {
namespace {

constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kMarker = 4;

}  // namespace

std::vector<common::Bytes> IkeSa::seal(wire::ExchangeType exchange, bool response, std::uint32_t message_id,
                                       const wire::PayloadWriter& payloads) {
  if (sealed > std::numeric_limits<std::uint32_t>::max() - wire::kMaxFragments) return {};
  wire::IkeHeader header;
  header.initiator_spi = initiator_spi;
  header.responder_spi = responder_spi;
  header.exchange = exchange;
  header.response = response;
  header.message_id = message_id;
  const std::uint64_t iv = static_cast<std::uint64_t>(epoch.value()) << 32U | sealed;
  std::vector<common::Bytes> sealed_messages;
  if (fragmentation) {
    auto fragments = wire::seal_fragments(header, payloads, keys.to_peer, iv, max_octets);
    if (fragments) sealed_messages = std::move(*fragments);
  } else if (auto message = wire::seal_message(header, payloads, keys.to_peer, iv)) {
    sealed_messages.push_back(std::move(*message));
  }
  sealed += static_cast<std::uint32_t>(sealed_messages.size());
  return sealed_messages;
}

std::size_t message_room(std::size_t datagram_octets, const Path& path, std::uint16_t nat_port) {
  const std::size_t ip = path.remote.address.is_v4() ? 20 : 40;
  return datagram_octets - ip - kUdpHeader - (path.local.port == nat_port ? kMarker : 0);
}

}  // namespace controlplane::ike
