// RADIUS packets from anybody, Access-Accepts from a server that we believe, and rows of a database that was damaged.
// The first octet chooses which of the three the rest is.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "controlplane/radius/records.hpp"
#include "controlplane/radius/reply.hpp"
#include "controlplane/radius/wire/authenticator.hpp"
#include "controlplane/radius/wire/hiding.hpp"
#include "controlplane/radius/wire/packet.hpp"
#include "controlplane/radius/wire/text.hpp"

namespace {

using namespace controlplane::radius;

constexpr std::string_view kSecret = "a shared secret";

void require(bool condition) {
  if (!condition) std::abort();
}

void packet(common::ByteView octets) {
  const auto packet = wire::parse_packet(octets);
  if (!packet) return;
  // What was accepted adds up: walking it again gives every octet back.
  std::size_t walked = wire::kHeaderOctets;
  std::size_t eap = 0;
  for (const wire::Attribute attribute : packet->attributes) {
    walked += attribute.value.size() + 2;
    if (attribute.type == wire::attribute::kEapMessage) eap += attribute.value.size();
    (void)wire::parse_vendor(attribute);
    (void)wire::reveal_mppe_key(attribute.value, packet->authenticator, common::as_bytes(kSecret));
    (void)wire::reveal_password(attribute.value, packet->authenticator, common::as_bytes(kSecret));
  }
  require(walked == packet->octets.size());
  require(wire::join_eap(*packet).size() == eap);
  for (const std::string& line : wire::attribute_lines(*packet))
    for (const char c : line) require(c >= 0x20 && c < 0x7F);  // nothing of a peer's reaches a terminal
  for (const std::string_view pair : wire::cisco_avpairs(*packet)) (void)wire::split_avpair(pair);
  (void)wire::verify_request(*packet, common::as_bytes(kSecret));
  (void)wire::check_message_authenticator(*packet, packet->authenticator, common::as_bytes(kSecret));
}

void reply(common::ByteView octets) {
  const auto packet = wire::parse_packet(octets);
  if (!packet) return;
  const auto parsed = parse_reply(*packet, {}, common::as_bytes(kSecret));
  require(parsed.reply.msk.empty() || parsed.reply.msk.size() == 64);
  require(!parsed.reply.grant.interim_interval || parsed.reply.grant.interim_interval->count() >= 60);
}

void row(common::ByteView octets) {
  if (const auto record = decode_record(octets)) {
    const auto again = encode_record(*record);
    require(common::as_text(again) == common::as_text(octets));
  }
  if (const auto identity = decode_identity(octets))
    require(common::as_text(encode_identity(*identity)) == common::as_text(octets));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const common::ByteView octets(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      packet(octets);
      break;
    case 1:
      reply(octets);
      break;
    default:
      row(octets);
      break;
  }
  return 0;
}
