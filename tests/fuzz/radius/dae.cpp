// The whole pipeline of the Disconnect server. The first octet chooses: raw octets as they would come from anybody, or
// attributes which the fuzzer signs as a client would, so that everything behind the authenticators is reached.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "controlplane/dae/pipeline.hpp"
#include "controlplane/radius/wire/authenticator.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace {

using namespace controlplane;

constexpr std::string_view kSecret = "a long shared secret";

class CountingTrace final : public dae::Trace {
 public:
  [[nodiscard]] bool wants_lines() const noexcept override { return true; }
  void line(std::string_view text) override { octets_ += text.size(); }
  void note(std::string_view text) override { octets_ += text.size(); }

 private:
  std::size_t octets_ = 0;
};

[[nodiscard]] config::DynamicAuthor configuration() {
  config::DynamicAuthor config;
  config.enabled = true;
  for (std::uint32_t i = 0; i < 4; ++i) {
    config::DaeClient client;
    client.address = {common::IpAddress::v4(0x0a000001 + i), 32};
    client.key = common::SecretBytes(common::as_bytes(kSecret));
    client.profile = (i & 1U) != 0 ? config::DaeProfile::rfc5176 : config::DaeProfile::cisco;
    client.require_message_authenticator = i == 2;
    client.max_sessions_per_request = i + 1;
    config.clients.push_back(std::move(client));
  }
  return config;
}

/// A packet of `code` with these attributes; where there is a Message-Authenticator of 16 octets it is made right.
[[nodiscard]] common::Bytes sign(std::uint8_t code, std::uint8_t identifier, common::ByteView attributes) {
  common::ByteWriter writer;
  writer.u8(code);
  writer.u8(identifier);
  writer.be16(static_cast<std::uint16_t>(20 + attributes.size()));
  writer.zeros(16);
  writer.bytes(attributes);
  common::Bytes packet = writer.take();
  const auto view = radius::wire::parse_packet(packet);
  if (view)
    if (const auto found = view->find(radius::wire::attribute::kMessageAuthenticator);
        found && found->value.size() == 16) {
      const auto at = static_cast<std::size_t>(found->value.data() - packet.data());
      if (const auto value = radius::wire::message_authenticator(packet, at, {}, common::as_bytes(kSecret)))
        std::copy(value->begin(), value->end(), packet.begin() + static_cast<std::ptrdiff_t>(at));
    }
  if (const auto value = radius::wire::request_authenticator(packet, common::as_bytes(kSecret)))
    std::copy(value->begin(), value->end(), packet.begin() + 4);
  return packet;
}

void require(bool condition) {
  if (!condition) std::abort();
}

/// Any answer is a well-formed packet of the right kind that its client can verify.
void check_answer(common::ByteView reply, common::ByteView asked) {
  const auto request = radius::wire::parse_packet(asked);
  const auto answer = radius::wire::parse_packet(reply);
  require(request.has_value() && answer.has_value());
  require(answer->identifier == request->identifier);
  require(answer->code == request->code + 1 || answer->code == request->code + 2);
  require(radius::wire::verify_response(*answer, request->authenticator, common::as_bytes(kSecret)));
  require(answer->count(radius::wire::attribute::kProxyState) == request->count(radius::wire::attribute::kProxyState));
}

void run(common::ByteView packet, std::uint8_t how) {
  static const config::DynamicAuthor config = configuration();
  static CountingTrace trace;
  dae::Pipeline pipeline(config, {{common::IpAddress::v4(0xc0a8ca01)}, "portcullis"}, trace, {8, 8});
  common::ManualClock clock;
  const dae::Now now{clock.monotonic(), clock.wall()};
  const dae::Arrival arrival{{common::IpAddress::v4(0x0a000001 + (how & 3U)), 50567}, 1812, {}, packet};
  dae::Decision decision = pipeline.receive(arrival, now);
  common::Bytes reply;
  if (const auto* answer = std::get_if<dae::Answer>(&decision)) reply = answer->reply;
  if (const auto* disconnect = std::get_if<dae::Disconnect>(&decision)) {
    require(disconnect->request->contradictory || !disconnect->request->selector.empty());
    auto outcome = pipeline.choose(*disconnect->request, (how >> 2U) & 3U);
    if (const auto* refused = std::get_if<dae::Answer>(&outcome)) reply = refused->reply;
    if (auto* approval = std::get_if<dae::Approval>(&outcome))
      reply = pipeline.acknowledge(*disconnect->request, approval->ack, 1).reply;
  }
  if (std::holds_alternative<dae::Silence>(decision)) {
    require(pipeline.remembered() == 0);
    return;
  }
  check_answer(reply, packet);
  // A retransmission gets the same octets.
  decision = pipeline.receive(arrival, now);
  const auto* again = std::get_if<dae::Answer>(&decision);
  require(again != nullptr && again->reply == reply);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::uint8_t how = data[0];
  const common::ByteView rest(data + 1, size - 1);
  if ((how & 0x80U) != 0) {
    run(rest, how);
  } else if (rest.size() - 1 <= radius::wire::kMaxPacketOctets - radius::wire::kHeaderOctets) {
    const auto code = static_cast<std::uint8_t>((how & 0x40U) != 0 ? 43 : 40);
    run(sign(code, rest[0], rest.subspan(1)), how);
  }
  return 0;
}
