// Names and formats of attributes as IOS prints them; one table says both.

#include "controlplane/radius/wire/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

namespace controlplane::radius::wire {
namespace {

enum class Format : std::uint8_t { text, number, address, octets, secret, time };

struct Row {
  std::uint8_t type;
  std::string_view name;
  Format format;
};

namespace a = attribute;
constexpr std::array kRows = {
    Row{a::kUserName, "User-Name", Format::text},
    Row{a::kUserPassword, "User-Password", Format::secret},
    Row{a::kChapPassword, "CHAP-Password", Format::secret},
    Row{a::kNasIpAddress, "NAS-IP-Address", Format::address},
    Row{a::kNasPort, "NAS-Port", Format::number},
    Row{a::kServiceType, "Service-Type", Format::number},
    Row{a::kFramedProtocol, "Framed-Protocol", Format::number},
    Row{a::kFramedIpAddress, "Framed-IP-Address", Format::address},
    Row{a::kFramedIpNetmask, "Framed-IP-Netmask", Format::address},
    Row{a::kFilterId, "Filter-Id", Format::text},
    Row{a::kFramedMtu, "Framed-MTU", Format::number},
    Row{a::kReplyMessage, "Reply-Message", Format::text},
    Row{a::kFramedRoute, "Framed-Route", Format::text},
    Row{a::kState, "State", Format::octets},
    Row{a::kClass, "Class", Format::octets},
    Row{a::kSessionTimeout, "Session-Timeout", Format::number},
    Row{a::kIdleTimeout, "Idle-Timeout", Format::number},
    Row{a::kTerminationAction, "Termination-Action", Format::number},
    Row{a::kCalledStationId, "Called-Station-Id", Format::text},
    Row{a::kCallingStationId, "Calling-Station-Id", Format::text},
    Row{a::kNasIdentifier, "NAS-Identifier", Format::text},
    Row{a::kProxyState, "Proxy-State", Format::octets},
    Row{a::kAcctStatusType, "Acct-Status-Type", Format::number},
    Row{a::kAcctDelayTime, "Acct-Delay-Time", Format::number},
    Row{a::kAcctInputOctets, "Acct-Input-Octets", Format::number},
    Row{a::kAcctOutputOctets, "Acct-Output-Octets", Format::number},
    Row{a::kAcctSessionId, "Acct-Session-Id", Format::text},
    Row{a::kAcctAuthentic, "Acct-Authentic", Format::number},
    Row{a::kAcctSessionTime, "Acct-Session-Time", Format::number},
    Row{a::kAcctInputPackets, "Acct-Input-Packets", Format::number},
    Row{a::kAcctOutputPackets, "Acct-Output-Packets", Format::number},
    Row{a::kAcctTerminateCause, "Acct-Terminate-Cause", Format::number},
    Row{a::kAcctMultiSessionId, "Acct-Multi-Session-Id", Format::text},
    Row{a::kAcctInputGigawords, "Acct-Input-Giga-Word", Format::number},
    Row{a::kAcctOutputGigawords, "Acct-Output-Giga-Word", Format::number},
    Row{a::kEventTimestamp, "Event-Timestamp", Format::time},
    Row{a::kChapChallenge, "CHAP-Challenge", Format::octets},
    Row{a::kNasPortType, "NAS-Port-Type", Format::number},
    Row{a::kTunnelPassword, "Tunnel-Password", Format::secret},
    Row{a::kEapMessage, "EAP-Message", Format::secret},
    Row{a::kMessageAuthenticator, "Message-Authenticator", Format::secret},
    Row{a::kAcctInterimInterval, "Acct-Interim-Interval", Format::number},
    Row{a::kNasPortId, "NAS-Port-Id", Format::text},
    Row{a::kFramedPool, "Framed-Pool", Format::text},
    Row{a::kChargeableUserIdentity, "Chargeable-User-Identity", Format::octets},
    Row{a::kNasIpv6Address, "NAS-IPv6-Address", Format::address},
    Row{a::kFramedInterfaceId, "Framed-Interface-Id", Format::octets},
    Row{a::kFramedIpv6Prefix, "Framed-IPv6-Prefix", Format::octets},
    Row{a::kErrorCause, "Error-Cause", Format::number},
    Row{a::kSessionServerKey, "home-hl-prefix", Format::text},
    Row{a::kFramedIpv6Address, "Framed-IPv6-Address", Format::address},
    Row{a::kDnsServerIpv6Address, "DNS-Server-IPv6-Address", Format::address},
};

struct NamedValue {
  std::uint8_t type;
  std::uint32_t value;
  std::string_view name;
};

/// Values with a word of their own; RFC 2865, RFC 2866 and, for cause 0, IOS.
constexpr std::array kValues = {
    NamedValue{a::kServiceType, 1, "Login"},
    NamedValue{a::kServiceType, 2, "Framed"},
    NamedValue{a::kServiceType, 5, "Outbound"},
    NamedValue{a::kServiceType, 17, "Authorize Only"},
    NamedValue{a::kNasPortType, 5, "Virtual"},
    NamedValue{a::kAcctStatusType, 1, "Start"},
    NamedValue{a::kAcctStatusType, 2, "Stop"},
    NamedValue{a::kAcctStatusType, 3, "Watchdog"},
    NamedValue{a::kAcctStatusType, 7, "Accounting-On"},
    NamedValue{a::kAcctStatusType, 8, "Accounting-Off"},
    NamedValue{a::kAcctAuthentic, 1, "RADIUS"},
    NamedValue{a::kAcctAuthentic, 2, "Local"},
    NamedValue{a::kAcctAuthentic, 3, "Remote"},
    NamedValue{a::kAcctTerminateCause, 0, "none"},
    NamedValue{a::kAcctTerminateCause, 1, "user-request"},
    NamedValue{a::kAcctTerminateCause, 2, "lost-carrier"},
    NamedValue{a::kAcctTerminateCause, 4, "idle-timeout"},
    NamedValue{a::kAcctTerminateCause, 5, "session-timeout"},
    NamedValue{a::kAcctTerminateCause, 6, "admin-reset"},
    NamedValue{a::kAcctTerminateCause, 9, "nas-error"},
    NamedValue{a::kAcctTerminateCause, 11, "nas-reboot"},
    NamedValue{a::kAcctTerminateCause, 13, "port-preempted"},
};

[[nodiscard]] const Row* find_row(std::uint8_t type) noexcept {
  const auto* const found = std::ranges::find(kRows, type, &Row::type);
  return found == kRows.end() ? nullptr : found;
}

[[nodiscard]] std::string quoted(common::ByteView value) {
  std::string text = "\"";
  for (const std::uint8_t octet : value) {
    if (octet >= 0x20 && octet < 0x7F && octet != '"' && octet != '\\')
      text.push_back(static_cast<char>(octet));
    else
      text += fmt::format("\\x{:02X}", octet);
  }
  text.push_back('"');
  return text;
}

[[nodiscard]] std::string number_text(std::uint8_t type, std::uint32_t value) {
  for (const NamedValue& named : kValues)
    if (named.type == type && named.value == value) return fmt::format("{:<25} [{}]", named.name, value);
  return fmt::to_string(value);
}

[[nodiscard]] std::string value_text(const Attribute& attribute, Format format) {
  if (format == Format::secret) return "*";
  if (format == Format::text) return quoted(attribute.value);
  if (format == Format::address) {
    if (const auto address = attribute.address()) return address->to_string();
  } else if (format != Format::octets) {
    if (const auto number = attribute.number()) return number_text(attribute.type, *number);
  }
  return common::to_hex(attribute.value);
}

[[nodiscard]] std::string vendor_name(std::uint32_t vendor) {
  if (vendor == vendor::kCisco) return "Cisco";
  if (vendor == vendor::kMicrosoft) return "Microsoft";
  return fmt::format("{}", vendor);
}

[[nodiscard]] std::string vendor_line(const VendorAttribute& inner) {
  const std::size_t length = inner.value.size() + 2;
  if (inner.vendor == vendor::kCisco && inner.type == cisco::kAvPair)
    return fmt::format("  {:<18} [{}] {:>5}  {}", "Cisco AVpair", inner.type, length, quoted(inner.value));
  // Other vendors' values may be keys: only what is known to be harmless would be shown.
  return fmt::format("  {:<18} [{}] {:>5}  *", vendor_name(inner.vendor) + " attribute", inner.type, length);
}

}  // namespace

std::string code_name(std::uint8_t code) {
  switch (static_cast<Code>(code)) {
    case Code::access_request:
      return "Access-Request";
    case Code::access_accept:
      return "Access-Accept";
    case Code::access_reject:
      return "Access-Reject";
    case Code::accounting_request:
      return "Accounting-Request";
    case Code::accounting_response:
      return "Accounting-response";
    case Code::access_challenge:
      return "Access-Challenge";
    case Code::status_server:
      return "Status-Server";
    case Code::disconnect_request:
      return "Disconnect-Request";
    case Code::disconnect_ack:
      return "Disconnect-ACK";
    case Code::disconnect_nak:
      return "Disconnect-NAK";
    case Code::coa_request:
      return "CoA-Request";
    case Code::coa_ack:
      return "CoA-ACK";
    case Code::coa_nak:
      return "CoA-NAK";
  }
  return fmt::format("code {}", code);
}

std::string attribute_name(std::uint8_t type) {
  if (type == attribute::kVendorSpecific) return "Vendor-Specific";
  const Row* row = find_row(type);
  return row != nullptr ? std::string(row->name) : fmt::format("Attribute-{}", type);
}

std::string authenticator_line(const Authenticator& authenticator) {
  std::string text = "authenticator";
  for (std::size_t i = 0; i < authenticator.size(); ++i)
    text += fmt::format("{}{:02X}", i == 8 ? " - " : " ", authenticator[i]);
  return text;
}

std::vector<std::string> attribute_lines(const PacketView& packet) {
  std::vector<std::string> lines;
  for (const Attribute attribute : packet.attributes) {
    const std::size_t length = attribute.value.size() + 2;
    if (attribute.type == attribute::kVendorSpecific) {
      const auto inner = parse_vendor(attribute);
      const auto vendor = common::ByteReader(attribute.value).be32();
      lines.push_back(
          fmt::format("{:<20} [{}] {:>4}", "Vendor, " + vendor_name(vendor.value_or(0)), attribute.type, length));
      if (!inner) continue;
      for (const VendorAttribute& each : *inner) lines.push_back(vendor_line(each));
      continue;
    }
    const Row* row = find_row(attribute.type);
    lines.push_back(fmt::format("{:<20} [{}] {:>4}  {}", attribute_name(attribute.type), attribute.type, length,
                                value_text(attribute, row != nullptr ? row->format : Format::octets)));
  }
  return lines;
}

}  // namespace controlplane::radius::wire
