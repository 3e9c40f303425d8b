#pragma once
// What the tests of this room share: requests to build, a pipeline with a clock to push, lines to read back.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "common/clock.hpp"
#include "controlplane/dae/pipeline.hpp"
#include "controlplane/radius/wire/authenticator.hpp"
#include "controlplane/radius/wire/packet.hpp"
#include "controlplane/radius/wire/writer.hpp"

namespace controlplane::dae {

namespace attribute = radius::wire::attribute;
using radius::wire::Code;
using radius::wire::ErrorCause;
using radius::wire::PacketView;
using radius::wire::PacketWriter;

inline constexpr std::string_view kSecret = "a long shared secret";
inline constexpr std::string_view kAuditId = "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B";  // the document's

[[nodiscard]] inline common::IpAddress ip(std::string_view text) { return common::IpAddress::parse(text).value(); }
[[nodiscard]] inline common::Prefix prefix(std::string_view text) { return common::Prefix::parse(text).value(); }

/// A Disconnect-Request (or CoA-Request) with the attributes that `fill` writes.
[[nodiscard]] inline common::Bytes make_request(std::uint8_t identifier, const std::function<void(PacketWriter&)>& fill,
                                                Code code = Code::disconnect_request,
                                                std::string_view secret = kSecret) {
  PacketWriter writer(code, identifier);
  fill(writer);
  return writer.finish_request(common::as_bytes(secret)).value();
}
/// The document's request: one AVPair.
[[nodiscard]] inline common::Bytes golden_request(std::uint8_t identifier = 216, std::string_view id = kAuditId) {
  return make_request(identifier, [&](PacketWriter& writer) { writer.avpair("audit-session-id", id); });
}

[[nodiscard]] inline config::DaeClient make_client(std::string_view address,
                                                   config::DaeProfile profile = config::DaeProfile::cisco) {
  config::DaeClient client;
  client.address = prefix(address);
  client.key = common::SecretBytes(common::as_bytes(kSecret));
  client.profile = profile;
  return client;
}

class RecordingTrace final : public Trace {
 public:
  bool on = true;
  std::vector<std::string> lines;
  std::vector<std::string> notes;
  [[nodiscard]] bool wants_lines() const noexcept override { return on; }
  void line(std::string_view text) override { lines.emplace_back(text); }
  void note(std::string_view text) override { notes.emplace_back(text); }
};

/// A pipeline with one client of each profile: 9.45.15.144 is `cisco`, 9.45.15.145 is `rfc5176`.
class PipelineTest : public testing::Test {
 protected:
  static constexpr std::string_view kCisco = "9.45.15.144";
  static constexpr std::string_view kRfc = "9.45.15.145";

  PipelineTest() {
    config_.enabled = true;
    config_.clients.push_back(make_client(kCisco));
    config_.clients.push_back(make_client(kRfc, config::DaeProfile::rfc5176));
  }

  [[nodiscard]] Pipeline& pipeline() {
    if (!pipeline_)
      pipeline_.emplace(config_, NasNames{{ip("192.168.202.1"), ip("2001:db8::1")}, "portcullis"}, trace_, limits_);
    return *pipeline_;
  }
  [[nodiscard]] Now now() const { return {clock_.monotonic(), clock_.wall()}; }
  [[nodiscard]] Decision receive(common::ByteView octets, std::string_view from = kCisco, std::uint16_t port = 50567) {
    return pipeline().receive({{ip(from), port}, 1812, device_, octets}, now());
  }
  /// Steps 1 to 14. nullopt: silence. With `matches` sessions found and all of them ended.
  [[nodiscard]] std::optional<common::Bytes> answer(common::ByteView octets, std::size_t matches = 1,
                                                    std::string_view from = kCisco, std::uint16_t port = 50567) {
    Decision decision = receive(octets, from, port);
    if (auto* answer = std::get_if<Answer>(&decision)) return std::move(answer->reply);
    auto* disconnect = std::get_if<Disconnect>(&decision);
    if (disconnect == nullptr) return std::nullopt;
    auto outcome = pipeline().choose(*disconnect->request, matches);
    if (auto* refused = std::get_if<Answer>(&outcome)) return std::move(refused->reply);
    auto* approval = std::get_if<Approval>(&outcome);
    if (approval == nullptr) return std::nullopt;
    return pipeline().acknowledge(*disconnect->request, std::move(approval->ack), matches).reply;
  }
  [[nodiscard]] const ClientCounters& counters(std::string_view of = kCisco) {
    return (*pipeline().clients().find(ip(of), device_))->counters;
  }
  [[nodiscard]] std::uint32_t unix_now() const {
    return static_cast<std::uint32_t>(common::unix_seconds(clock_.wall()));
  }

  config::DynamicAuthor config_;
  Limits limits_;
  std::string device_;
  common::ManualClock clock_;
  RecordingTrace trace_;

 private:
  std::optional<Pipeline> pipeline_;
};

/// Reads a reply and checks both of its authenticators against the request's.
[[nodiscard]] inline PacketView parse_reply(const common::Bytes& reply, const common::Bytes& request) {
  const auto asked = radius::wire::parse_packet(request);
  const auto answered = radius::wire::parse_packet(reply);
  EXPECT_TRUE(asked.has_value());
  EXPECT_TRUE(answered.has_value());
  if (!asked || !answered) return {};
  EXPECT_EQ(answered->identifier, asked->identifier);
  EXPECT_TRUE(radius::wire::verify_response(*answered, asked->authenticator, common::as_bytes(kSecret)));
  EXPECT_NE(radius::wire::check_message_authenticator(*answered, asked->authenticator, common::as_bytes(kSecret)),
            radius::wire::MessageAuthenticator::invalid);
  return *answered;
}

/// The Error-Cause of a NAK; nullopt: no answer, an ACK, or a NAK without one.
[[nodiscard]] inline std::optional<std::uint32_t> cause_of(const std::optional<common::Bytes>& reply) {
  if (!reply) return std::nullopt;
  const auto packet = radius::wire::parse_packet(*reply);
  if (!packet || !(packet->is(Code::disconnect_nak) || packet->is(Code::coa_nak))) return std::nullopt;
  const auto cause = packet->find(attribute::kErrorCause);
  return cause ? cause->number() : std::nullopt;
}
[[nodiscard]] inline bool is_ack(const std::optional<common::Bytes>& reply) {
  return reply && !reply->empty() && (*reply)[0] == static_cast<std::uint8_t>(Code::disconnect_ack);
}

}  // namespace controlplane::dae
