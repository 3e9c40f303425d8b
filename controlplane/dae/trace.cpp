// The document's lines. Its attribute rows begin with an address in IOS's memory, which tells nothing and would be one
// of ours: zeros stand there. Values are printed as text with unprintable octets replaced; shared secrets and
// authenticators never appear, and of unknown attributes only the length (promise P6).

#include "controlplane/dae/trace.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "controlplane/dae/reply.hpp"
#include "controlplane/radius/wire/text.hpp"

namespace controlplane::dae {
namespace {

namespace attribute = radius::wire::attribute;
using radius::wire::ErrorCause;

/// IOS's own number of the attribute, beside its name.
constexpr int kAuditSessionIdNumber = 819;

[[nodiscard]] std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c > 0x7e; }, '.');
  return out;
}

[[nodiscard]] std::string row(std::string_view name, std::size_t octets, std::string_view value) {
  return fmt::format("{:012X} 0 {:08X} {} {} {}", 0, 0x89, name, octets, printable(value));
}

[[nodiscard]] std::string value_text(const radius::wire::Attribute& item) {
  switch (item.type) {
    case attribute::kUserName:
    case attribute::kCallingStationId:
    case attribute::kAcctSessionId:
    case attribute::kNasIdentifier:
      return std::string(item.text());
    case attribute::kFramedIpAddress:
    case attribute::kNasIpAddress:
    case attribute::kNasIpv6Address:
      if (const auto address = item.address()) return address->to_string();
      return "*";
    case attribute::kServiceType:
    case attribute::kAcctTerminateCause:
    case attribute::kNasPortType:
    case attribute::kEventTimestamp:
      if (const auto number = item.number()) return std::to_string(*number);
      return "*";
    default:
      return "*";
  }
}

void attribute_rows(const radius::wire::Attribute& item, std::vector<std::string>& out) {
  if (item.type != attribute::kVendorSpecific) {
    out.push_back(row(fmt::format("{}({})", radius::wire::attribute_name(item.type), item.type), item.value.size(),
                      value_text(item)));
    return;
  }
  const auto parts = radius::wire::parse_vendor(item);
  if (!parts) {
    out.push_back(row("Vendor-Specific(26)", item.value.size(), "*"));
    return;
  }
  for (const radius::wire::VendorAttribute& part : *parts) {
    const bool cisco = part.vendor == radius::wire::vendor::kCisco && part.type == radius::wire::cisco::kAvPair;
    const auto pair = cisco ? radius::wire::split_avpair(part.text()) : std::nullopt;
    if (pair && pair->name == "audit-session-id")
      out.push_back(row(fmt::format("audit-session-id({})", kAuditSessionIdNumber), pair->value.size(), pair->value));
    else
      out.push_back(row(pair ? printable(pair->name) : fmt::format("vendor {}({})", part.vendor, part.type),
                        pair ? pair->value.size() : part.value.size(), "*"));
  }
}

[[nodiscard]] std::string_view kind(const Request& request) { return request.coa ? "COA" : "POD"; }

[[nodiscard]] std::string sending(const Request& request, std::string_view what) {
  return fmt::format("{}: Sending {} from port {} to {}/{}", kind(request), what, request.local_port,
                     request.key.client.address.to_string(), request.key.client.port);
}

/// "user 0.0.0.0i sessid 0x0 key 0x0": the ids that IOS knows beside the AVPair.
[[nodiscard]] std::string ids(const Request& request) {
  const auto& selector = request.selector;
  std::string session = "0";
  if (selector.acct_session_id) {
    session = printable(*selector.acct_session_id);
    session.erase(0, std::min(session.find_first_not_of('0'), session.size() - 1));
  }
  return fmt::format("user {}i sessid 0x{} key 0x0",
                     selector.framed_ip_address ? selector.framed_ip_address->to_string() : "0.0.0.0", session);
}

}  // namespace

std::vector<std::string> received_lines(const Request& request, const radius::wire::PacketView& packet) {
  const std::string source = request.key.client.address.to_string();
  const std::string_view name = kind(request);
  std::vector<std::string> out;
  out.push_back(fmt::format("RADIUS: {} received from id {} {}:{}, {} Request, len {}", name, request.key.identifier,
                            source, request.key.client.port, request.coa ? "CoA" : "POD", packet.octets.size()));
  out.push_back(fmt::format("{}: {} request queued", name, source));
  out.push_back(fmt::format("++++++ {} Attribute List ++++++", request.coa ? "CoA" : "POD"));
  for (const radius::wire::Attribute item : packet.attributes) attribute_rows(item, out);
  out.emplace_back();
  return out;
}

std::string ack_line(const Request& request) { return sending(request, "ACK"); }

std::vector<std::string> nak_lines(const Request& request, const Refusal& refusal) {
  const std::string source = request.key.client.address.to_string();
  const std::string_view name = kind(request);
  const NakForm form = nak_form(request, refusal.cause);
  std::vector<std::string> out;
  // In the document the attribute which named the session counts as unsupported when there is no such session.
  const bool no_session = refusal.cause == ErrorCause::session_context_not_found;
  const int unsupported = no_session && request.vendor_id ? attribute::kVendorSpecific : refusal.attribute;
  if (unsupported != 0)
    out.push_back(fmt::format("{}: {} Unsupported attribute type {} for component", name, source, unsupported));
  out.push_back(fmt::format("{}: {} {} DROPPED", name, source, ids(request)));
  if (form.reply_message) out.push_back(fmt::format("{}: Added Reply Message: {}", name, kNoMatchingSession));
  out.push_back(fmt::format("{}: Added NACK Error Cause: {}", name, error_cause_text(form.cause)));
  out.push_back(sending(request, "NAK"));
  if (form.reply_message) {
    const std::string_view text = kNoMatchingSession;
    std::string hex;
    for (const char c : text) hex += fmt::format("{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out.push_back(fmt::format("RADIUS: {} {} {}", attribute::kReplyMessage, text.size() + 2, hex));
  }
  out.push_back(fmt::format("RADIUS: {} 6 {:08X}", attribute::kErrorCause, static_cast<unsigned>(form.cause)));
  return out;
}

std::string discard_line(const common::IpAddress& source, Discard why, std::size_t octets) {
  return fmt::format("POD: {} discarded: {}, len {}", source.to_string(), to_string(why), octets);
}

std::string_view error_cause_text(ErrorCause cause) noexcept {
  switch (cause) {
    case ErrorCause::residual_context_removed:
      return "Residual Session Context Removed";
    case ErrorCause::unsupported_attribute:
      return "Unsupported Attribute";
    case ErrorCause::missing_attribute:
      return "Missing Attribute";
    case ErrorCause::nas_identification_mismatch:
      return "NAS Identification Mismatch";
    case ErrorCause::invalid_request:
      return "Invalid Request";
    case ErrorCause::unsupported_service:
      return "Unsupported Service";
    case ErrorCause::unsupported_extension:
      return "Unsupported Extension";
    case ErrorCause::invalid_attribute_value:
      return "Invalid Attribute Value";
    case ErrorCause::administratively_prohibited:
      return "Administratively Prohibited";
    case ErrorCause::session_context_not_found:
      return "Session Context Not Found";
    case ErrorCause::session_context_not_removable:
      return "Session Context Not Removable";
    case ErrorCause::resources_unavailable:
      return "Resources Unavailable";
    case ErrorCause::request_initiated:
      return "Request Initiated";
    case ErrorCause::multiple_session_selection_unsupported:
      return "Multiple Session Selection Unsupported";
  }
  return "Unknown";
}

}  // namespace controlplane::dae
