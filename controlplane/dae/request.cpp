// The attributes of a Disconnect-Request. RFC 5176 §2.3 makes each of them mandatory: what we cannot take into account
// is refused, because a session must never be chosen by a part of what was asked. The client's tolerance is the one
// exception.
//
// Ids we hold:   User-Name 1, Framed-IP-Address 8, Calling-Station-Id 31, Acct-Session-Id 44, the AVPair
// audit-session-id. Ids we do not: NAS-Port 5, Called-Station-Id 30, Acct-Multi-Session-Id 50, NAS-Port-Id 87,
// Chargeable-User-Identity 89,
//                Framed-Interface-Id 96, Framed-IPv6-Prefix 97: Error-Cause 401.
// Framed-IP-Address is an id by §3 and by the example of §7, though the table in §3.6 has no place for it.

#include "controlplane/dae/request.hpp"

#include <algorithm>
#include <string_view>

namespace controlplane::dae {
namespace {

namespace attribute = radius::wire::attribute;
using radius::wire::Attribute;
using radius::wire::ErrorCause;

constexpr std::string_view kAuditSessionId = "audit-session-id";

class DisconnectReader {
 public:
  DisconnectReader(const NasNames& names, Request& request, std::vector<Tolerated>& tolerated)
      : names_(names), request_(request), tolerated_(tolerated) {}

  /// The first thing that is wrong, in the order of FACTS B8a: unsupported attributes before NAS ids before session
  /// ids.
  [[nodiscard]] std::optional<Refusal> read(const radius::wire::PacketView& packet) {
    for (const Attribute item : packet.attributes)
      if (auto refusal = read_one(item)) return refusal;
    if (not_us_ != 0) return Refusal{ErrorCause::nas_identification_mismatch, not_us_};
    if (request_.selector.empty() && !request_.contradictory) return Refusal{ErrorCause::missing_attribute, 0};
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::optional<Refusal> read_one(const Attribute& item) {
    switch (item.type) {
      case attribute::kUserName:
        return text_id(request_.selector.user_name, item);
      case attribute::kCallingStationId:
        return text_id(request_.selector.calling_station_id, item);
      case attribute::kAcctSessionId:
        return text_id(request_.selector.acct_session_id, item);
      case attribute::kFramedIpAddress:
        return framed_ip_address(item);
      case attribute::kVendorSpecific:
        return vendor_specific(item);
      case attribute::kNasIpAddress:
        return nas_address(item, 4);
      case attribute::kNasIpv6Address:
        return nas_address(item, 16);
      case attribute::kNasIdentifier:
        if (item.text() != names_.identifier) not_us_ = item.type;
        return std::nullopt;
      case attribute::kProxyState:
      case attribute::kEventTimestamp:
      case attribute::kMessageAuthenticator:
        return std::nullopt;
      case attribute::kServiceType:
        // Authorize-Only turns the request into a question to RADIUS (RFC 3576 §3.2): tolerance must not make it an
        // end.
        if (request_.authorize_only) return Refusal{ErrorCause::unsupported_attribute, item.type};
        return other(item);
      default:
        return other(item);
    }
  }

  template <class T>
  void agree(std::optional<T>& id, T value) {
    if (id && *id != value) request_.contradictory = true;
    id = std::move(value);
  }

  [[nodiscard]] std::optional<Refusal> text_id(std::optional<std::string>& id, const Attribute& item) {
    // RFC 2865 §5: text and strings have at least one octet.
    if (item.value.empty()) return Refusal{ErrorCause::invalid_attribute_value, item.type};
    agree(id, std::string(item.text()));
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Refusal> framed_ip_address(const Attribute& item) {
    const auto address = item.address();
    if (!address || !address->is_v4()) return Refusal{ErrorCause::invalid_attribute_value, item.type};
    agree(request_.selector.framed_ip_address, *address);
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Refusal> nas_address(const Attribute& item, std::size_t octets) {
    const auto address = item.address();
    if (!address || item.value.size() != octets) return Refusal{ErrorCause::invalid_attribute_value, item.type};
    if (std::ranges::find(names_.addresses, *address) == names_.addresses.end()) not_us_ = item.type;
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Refusal> vendor_specific(const Attribute& item) {
    const auto parts = radius::wire::parse_vendor(item);
    if (!parts) {
      if (request_.client->tolerate.test(item.type)) return other(item);
      return Refusal{ErrorCause::invalid_request, item.type};  // §3.5: not formatted properly
    }
    for (const radius::wire::VendorAttribute& part : *parts) {
      const bool avpair = part.vendor == radius::wire::vendor::kCisco && part.type == radius::wire::cisco::kAvPair;
      if (!avpair) {
        if (auto refusal = other(item)) return refusal;
      } else if (auto refusal = cisco_avpair(item, part.text())) {
        return refusal;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Refusal> cisco_avpair(const Attribute& item, std::string_view text) {
    const auto pair = radius::wire::split_avpair(text);
    if (pair && pair->name == kAuditSessionId) {
      if (pair->value.empty()) return Refusal{ErrorCause::invalid_attribute_value, item.type};
      request_.vendor_id = true;
      agree(request_.selector.audit_session_id, std::string(pair->value));
      return std::nullopt;
    }
    if (!request_.client->tolerate_avpairs) return Refusal{ErrorCause::unsupported_attribute, item.type};
    tolerated_.push_back({item.type, std::string(pair ? pair->name : text)});
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Refusal> other(const Attribute& item) {
    if (!request_.client->tolerate.test(item.type)) return Refusal{ErrorCause::unsupported_attribute, item.type};
    tolerated_.push_back({item.type, {}});
    return std::nullopt;
  }

  const NasNames& names_;
  Request& request_;
  std::vector<Tolerated>& tolerated_;
  std::uint8_t not_us_ = 0;
};

}  // namespace

std::optional<Refusal> read_disconnect(const radius::wire::PacketView& packet, const NasNames& names, Request& request,
                                       std::vector<Tolerated>& tolerated) {
  return DisconnectReader(names, request, tolerated).read(packet);
}

void read_common(const radius::wire::PacketView& packet, Request& request) {
  for (const Attribute item : packet.attributes) {
    switch (item.type) {
      case attribute::kProxyState:
        request.proxy_states.push_back(item.type);
        request.proxy_states.push_back(static_cast<std::uint8_t>(item.value.size() + 2));
        request.proxy_states.insert(request.proxy_states.end(), item.value.begin(), item.value.end());
        break;
      case attribute::kEventTimestamp:
        request.event_timestamp = true;
        break;
      case attribute::kMessageAuthenticator:
        request.message_authenticator = true;
        break;
      case attribute::kServiceType:
        if (item.number() == static_cast<std::uint32_t>(radius::wire::ServiceType::authorize_only))
          request.authorize_only = true;
        break;
      default:
        break;
    }
  }
}

}  // namespace controlplane::dae
