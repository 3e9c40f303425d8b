// The table of payloads per exchange, and the two checks that read it. Source: RFC 7296 Appendix C.

#include "controlplane/ike/wire/table.hpp"

#include <algorithm>

namespace controlplane::ike::wire {
namespace {

constexpr std::uint8_t kMany = kMaxPayloads;

using enum Form;
using enum PayloadType;

constexpr Rule kRules[] = {
    // RFC 7296 §C.1
    {init_request, sa, 1, 1},
    {init_request, ke, 1, 1},
    {init_request, nonce, 1, 1},
    {init_response, sa, 1, 1},
    {init_response, ke, 1, 1},
    {init_response, nonce, 1, 1},
    {init_response, certreq, 0, kMany},
    // §C.2, §C.3: without AUTH the initiator asks for EAP (§2.16)
    {auth_first_request, idi, 1, 1},
    {auth_first_request, cert, 0, kMany},
    {auth_first_request, certreq, 0, kMany},
    {auth_first_request, idr, 0, 1},
    {auth_first_request, auth, 0, 1},
    {auth_first_request, cp, 0, 1},
    {auth_first_request, sa, 1, 1},
    {auth_first_request, tsi, 1, 1},
    {auth_first_request, tsr, 1, 1},
    {auth_later_request, eap, 0, 1},
    {auth_later_request, auth, 0, 1},
    {auth_response, idr, 0, 1},
    {auth_response, cert, 0, kMany},
    {auth_response, auth, 0, 1},
    {auth_response, eap, 0, 1},
    {auth_response, cp, 0, 1},
    {auth_response, sa, 0, 1},
    {auth_response, tsi, 0, 1},
    {auth_response, tsr, 0, 1},
    // §C.4 (child: selectors), §C.5 (IKE: none)
    {child_request, sa, 1, 1},
    {child_request, nonce, 1, 1},
    {child_request, ke, 0, 1},
    {child_request, cp, 0, 1},
    {child_request, tsi, 0, 1},
    {child_request, tsr, 0, 1},
    {child_response, sa, 1, 1},
    {child_response, nonce, 1, 1},
    {child_response, ke, 0, 1},
    {child_response, cp, 0, 1},
    {child_response, tsi, 0, 1},
    {child_response, tsr, 0, 1},
    // §C.6
    {informational_request, delete_, 0, kMany},
    {informational_request, cp, 0, 1},
    {informational_response, delete_, 0, kMany},
    {informational_response, cp, 0, 1},
};

bool is_response(Form form) noexcept {
  return form == init_response || form == auth_response || form == child_response || form == informational_response;
}

/// Payload types that the table is about. Others (Notify, Vendor, unknown) may stand anywhere; SK never gets here.
bool is_ruled(PayloadType type) noexcept {
  return (type >= sa && type <= nonce) || type == delete_ || type == tsi || type == tsr || type == cp || type == eap;
}

const Rule* find_rule(Form form, PayloadType type) noexcept {
  const auto it =
      std::ranges::find_if(kRules, [&](const Rule& rule) { return rule.form == form && rule.type == type; });
  return it == std::end(kRules) ? nullptr : it;
}

}  // namespace

std::optional<Form> form_of(const IkeHeader& header) noexcept {
  switch (header.exchange) {
    case ExchangeType::ike_sa_init:
      return header.response ? init_response : init_request;
    case ExchangeType::ike_auth:
      if (header.response) return auth_response;
      return header.message_id <= 1 ? auth_first_request : auth_later_request;
    case ExchangeType::create_child_sa:
      return header.response ? child_response : child_request;
    case ExchangeType::informational:
      return header.response ? informational_response : informational_request;
    default:
      return std::nullopt;
  }
}

std::span<const Rule> rules() noexcept { return kRules; }

bool must_be_encrypted(Form form) noexcept { return form != init_request && form != init_response; }

Result<void> check_payloads(Form form, const Payloads& payloads) noexcept {
  for (const PayloadType type : payloads.order) {
    if (!is_ruled(type)) continue;
    const Rule* rule = find_rule(form, type);
    if (rule == nullptr) return std::unexpected(ParseError{WireError::not_allowed, type});
    if (std::ranges::count(payloads.order, type) > rule->max)
      return std::unexpected(ParseError{WireError::duplicate, type});
  }
  const bool refusal =
      is_response(form) && (payloads.error() != nullptr || (form == init_response && payloads.has(NotifyType::cookie)));
  if (refusal) return {};
  for (const Rule& rule : kRules)
    if (rule.form == form && std::ranges::count(payloads.order, rule.type) < rule.min)
      return std::unexpected(ParseError{WireError::missing, rule.type});
  return {};
}

Result<void> check_outer(Form form, const Message& message) noexcept {
  if (!must_be_encrypted(form)) {
    if (message.encrypted) return std::unexpected(ParseError{WireError::not_allowed, sk});
    return {};
  }
  if (!message.encrypted) return std::unexpected(ParseError{WireError::missing, sk});
  if (!message.clear.order.empty())
    return std::unexpected(ParseError{WireError::not_allowed, message.clear.order.front()});
  return {};
}

}  // namespace controlplane::ike::wire
