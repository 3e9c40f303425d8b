// Names of the numbers, for logs.

#include "controlplane/ike/wire/numbers.hpp"

#include "controlplane/ike/wire/error.hpp"

namespace controlplane::ike::wire {
namespace {

struct NotifyName {
  NotifyType type;
  std::string_view name;
};

using enum NotifyType;
constexpr NotifyName kNotifyNames[] = {
    {unsupported_critical_payload, "UNSUPPORTED_CRITICAL_PAYLOAD"},
    {invalid_ike_spi, "INVALID_IKE_SPI"},
    {invalid_major_version, "INVALID_MAJOR_VERSION"},
    {invalid_syntax, "INVALID_SYNTAX"},
    {invalid_message_id, "INVALID_MESSAGE_ID"},
    {invalid_spi, "INVALID_SPI"},
    {no_proposal_chosen, "NO_PROPOSAL_CHOSEN"},
    {invalid_ke_payload, "INVALID_KE_PAYLOAD"},
    {authentication_failed, "AUTHENTICATION_FAILED"},
    {single_pair_required, "SINGLE_PAIR_REQUIRED"},
    {no_additional_sas, "NO_ADDITIONAL_SAS"},
    {internal_address_failure, "INTERNAL_ADDRESS_FAILURE"},
    {failed_cp_required, "FAILED_CP_REQUIRED"},
    {ts_unacceptable, "TS_UNACCEPTABLE"},
    {invalid_selectors, "INVALID_SELECTORS"},
    {unacceptable_addresses, "UNACCEPTABLE_ADDRESSES"},
    {unexpected_nat_detected, "UNEXPECTED_NAT_DETECTED"},
    {temporary_failure, "TEMPORARY_FAILURE"},
    {child_sa_not_found, "CHILD_SA_NOT_FOUND"},
    {initial_contact, "INITIAL_CONTACT"},
    {set_window_size, "SET_WINDOW_SIZE"},
    {additional_ts_possible, "ADDITIONAL_TS_POSSIBLE"},
    {ipcomp_supported, "IPCOMP_SUPPORTED"},
    {nat_detection_source_ip, "NAT_DETECTION_SOURCE_IP"},
    {nat_detection_destination_ip, "NAT_DETECTION_DESTINATION_IP"},
    {cookie, "COOKIE"},
    {use_transport_mode, "USE_TRANSPORT_MODE"},
    {http_cert_lookup_supported, "HTTP_CERT_LOOKUP_SUPPORTED"},
    {rekey_sa, "REKEY_SA"},
    {esp_tfc_padding_not_supported, "ESP_TFC_PADDING_NOT_SUPPORTED"},
    {non_first_fragments_also, "NON_FIRST_FRAGMENTS_ALSO"},
    {mobike_supported, "MOBIKE_SUPPORTED"},
    {additional_ip4_address, "ADDITIONAL_IP4_ADDRESS"},
    {additional_ip6_address, "ADDITIONAL_IP6_ADDRESS"},
    {no_additional_addresses, "NO_ADDITIONAL_ADDRESSES"},
    {update_sa_addresses, "UPDATE_SA_ADDRESSES"},
    {cookie2, "COOKIE2"},
    {no_nats_allowed, "NO_NATS_ALLOWED"},
    {auth_lifetime, "AUTH_LIFETIME"},
    {multiple_auth_supported, "MULTIPLE_AUTH_SUPPORTED"},
    {another_auth_follows, "ANOTHER_AUTH_FOLLOWS"},
    {redirect_supported, "REDIRECT_SUPPORTED"},
    {redirect, "REDIRECT"},
    {redirected_from, "REDIRECTED_FROM"},
    {eap_only_authentication, "EAP_ONLY_AUTHENTICATION"},
    {childless_ikev2_supported, "CHILDLESS_IKEV2_SUPPORTED"},
    {ikev2_fragmentation_supported, "IKEV2_FRAGMENTATION_SUPPORTED"},
    {signature_hash_algorithms, "SIGNATURE_HASH_ALGORITHMS"},
};

}  // namespace

std::string_view to_string(ExchangeType type) noexcept {
  switch (type) {
    case ExchangeType::ike_sa_init:
      return "IKE_SA_INIT";
    case ExchangeType::ike_auth:
      return "IKE_AUTH";
    case ExchangeType::create_child_sa:
      return "CREATE_CHILD_SA";
    case ExchangeType::informational:
      return "INFORMATIONAL";
  }
  return "?";
}

std::string_view to_string(PayloadType type) noexcept {
  constexpr std::string_view kNames[] = {"SA",     "KE", "IDi",    "IDr", "CERT", "CERTREQ", "AUTH", "NONCE",
                                         "NOTIFY", "D",  "VENDOR", "TSi", "TSr",  "SK",      "CP",   "EAP"};
  const auto number = static_cast<std::uint8_t>(type);
  if (number >= 33 && number <= 48) return kNames[number - 33];
  if (type == PayloadType::skf) return "SKF";
  return type == PayloadType::none ? "none" : "?";
}

std::string_view to_string(NotifyType type) noexcept {
  for (const auto& [number, name] : kNotifyNames)
    if (number == type) return name;
  return "?";
}

std::string_view to_string(WireError error) noexcept {
  switch (error) {
    case WireError::truncated:
      return "truncated";
    case WireError::trailing_octets:
      return "trailing octets";
    case WireError::bad_length:
      return "bad length";
    case WireError::bad_version:
      return "bad version";
    case WireError::bad_value:
      return "bad value";
    case WireError::too_many:
      return "too many";
    case WireError::duplicate:
      return "duplicate payload";
    case WireError::missing:
      return "missing payload";
    case WireError::not_allowed:
      return "payload not allowed";
    case WireError::unsupported_critical:
      return "unsupported critical payload";
    case WireError::cannot_decrypt:
      return "cannot decrypt";
    case WireError::bad_fragment:
      return "bad fragment";
  }
  return "?";
}

std::optional<NotifyType> notify_for(const ParseError& error) noexcept {
  switch (error.what) {
    case WireError::unsupported_critical:
      return unsupported_critical_payload;
    case WireError::bad_version:
      return invalid_major_version;
    case WireError::cannot_decrypt:
    case WireError::bad_fragment:
      return std::nullopt;
    default:
      return invalid_syntax;
  }
}

}  // namespace controlplane::ike::wire
