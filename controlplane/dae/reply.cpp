// Writing of answers. Message-Authenticator stands first, as everywhere since the Blast-RADIUS attack. What the request
// gave is answered always (Proxy-State); what we add gives way when the packet would grow beyond 4096 octets.

#include "controlplane/dae/reply.hpp"

#include <utility>

#include "controlplane/radius/wire/writer.hpp"

namespace controlplane::dae {
namespace {

namespace attribute = radius::wire::attribute;
using radius::wire::Code;
using radius::wire::ErrorCause;
using radius::wire::PacketWriter;

/// Acct-Terminate-Cause "Admin Reset" (RFC 2866 §5.10).
constexpr std::uint32_t kAdminReset = 6;

enum class Fill : std::uint8_t { everything, error_cause_only, nothing };

void proxy_states(PacketWriter& writer, common::ByteView octets) {
  for (const radius::wire::Attribute item : radius::wire::Attributes(octets)) writer.octets(item.type, item.value);
}

[[nodiscard]] PacketWriter begin(const Request& request, Code code) {
  PacketWriter writer(code, request.key.identifier);
  if (request.message_authenticator) writer.message_authenticator();
  return writer;
}

[[nodiscard]] radius::wire::Result<common::Bytes> finish(PacketWriter& writer, const Request& request, Fill fill) {
  proxy_states(writer, request.proxy_states);
  if (request.event_timestamp && fill == Fill::everything)
    writer.number(attribute::kEventTimestamp, static_cast<std::uint32_t>(common::unix_seconds(request.received)));
  return writer.finish_response(request.key.authenticator, request.client->key.view());
}

[[nodiscard]] radius::wire::Result<common::Bytes> write_ack(const Request& request, Fill fill) {
  PacketWriter writer = begin(request, request.coa ? Code::coa_ack : Code::disconnect_ack);
  if (request.client->profile == config::DaeProfile::rfc5176 && !request.coa && fill == Fill::everything)
    writer.number(attribute::kAcctTerminateCause, kAdminReset);
  return finish(writer, request, fill);
}

[[nodiscard]] radius::wire::Result<common::Bytes> write_nak(const Request& request, ErrorCause cause, Fill fill) {
  PacketWriter writer = begin(request, request.coa ? Code::coa_nak : Code::disconnect_nak);
  const NakForm form = nak_form(request, cause);
  if (form.reply_message && fill == Fill::everything) writer.text(attribute::kReplyMessage, kNoMatchingSession);
  if (fill != Fill::nothing) writer.number(attribute::kErrorCause, static_cast<std::uint32_t>(form.cause));
  return finish(writer, request, fill);
}

template <class Write>
[[nodiscard]] common::Bytes largest_that_fits(Write&& write) {
  for (const Fill fill : {Fill::everything, Fill::error_cause_only, Fill::nothing}) {
    auto reply = write(fill);
    if (reply) return std::move(*reply);
    if (reply.error() != radius::wire::WireError::packet_too_long) break;
  }
  return {};
}

}  // namespace

NakForm nak_form(const Request& request, ErrorCause cause) noexcept {
  const bool as_the_document = request.client->profile == config::DaeProfile::cisco && !request.coa &&
                               cause == ErrorCause::session_context_not_found;
  if (as_the_document) return {ErrorCause::invalid_request, true};
  return {cause, false};
}

common::Bytes make_ack(const Request& request) {
  return largest_that_fits([&](Fill fill) { return write_ack(request, fill); });
}

common::Bytes make_nak(const Request& request, ErrorCause cause) {
  return largest_that_fits([&](Fill fill) { return write_nak(request, cause, fill); });
}

}  // namespace controlplane::dae
