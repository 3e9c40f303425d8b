#pragma once
// The numbers of IKEv2 (IANA "IKEv2 Parameters"). Enums are open: a value without a name is one that a peer may send.

#include <cstdint>
#include <string_view>

namespace controlplane::ike::wire {

enum class ExchangeType : std::uint8_t {
  ike_sa_init = 34,
  ike_auth = 35,
  create_child_sa = 36,
  informational = 37,
};

enum class PayloadType : std::uint8_t {
  none = 0,
  sa = 33,
  ke = 34,
  idi = 35,
  idr = 36,
  cert = 37,
  certreq = 38,
  auth = 39,
  nonce = 40,
  notify = 41,
  delete_ = 42,
  vendor = 43,
  tsi = 44,
  tsr = 45,
  sk = 46,
  cp = 47,
  eap = 48,
  skf = 53,  ///< RFC 7383
};

enum class ProtocolId : std::uint8_t { none = 0, ike = 1, ah = 2, esp = 3 };

enum class TransformType : std::uint8_t { encr = 1, prf = 2, integ = 3, dh = 4, esn = 5 };

/// Transform ids that this gateway speaks of; any other number may come from a peer.
namespace transform {
inline constexpr std::uint16_t kEncrAesCbc = 12;            // RFC 3602
inline constexpr std::uint16_t kEncrAesGcm16 = 20;          // RFC 4106, RFC 5282
inline constexpr std::uint16_t kEncrChaCha20Poly1305 = 28;  // RFC 7634
inline constexpr std::uint16_t kPrfHmacSha2_256 = 5;        // RFC 4868
inline constexpr std::uint16_t kPrfHmacSha2_384 = 6;
inline constexpr std::uint16_t kPrfHmacSha2_512 = 7;
inline constexpr std::uint16_t kIntegNone = 0;
inline constexpr std::uint16_t kIntegHmacSha2_256_128 = 12;
inline constexpr std::uint16_t kIntegHmacSha2_384_192 = 13;
inline constexpr std::uint16_t kIntegHmacSha2_512_256 = 14;
inline constexpr std::uint16_t kDhNone = 0;
inline constexpr std::uint16_t kEsnNo = 0;
inline constexpr std::uint16_t kEsnYes = 1;
}  // namespace transform

enum class IdType : std::uint8_t {
  ipv4 = 1,
  fqdn = 2,
  rfc822 = 3,
  ipv6 = 5,
  der_asn1_dn = 9,
  der_asn1_gn = 10,
  key_id = 11,
  null = 13,  ///< RFC 7619
};

enum class CertEncoding : std::uint8_t {
  x509_signature = 4,
  crl = 7,
  hash_and_url = 12,
  ocsp = 14,
  raw_public_key = 15
};

/// Below 16384: errors. From there on: status (RFC 7296 §3.10.1).
enum class NotifyType : std::uint16_t {
  unsupported_critical_payload = 1,
  invalid_ike_spi = 4,
  invalid_major_version = 5,
  invalid_syntax = 7,
  invalid_message_id = 9,
  invalid_spi = 11,
  no_proposal_chosen = 14,
  invalid_ke_payload = 17,
  authentication_failed = 24,
  single_pair_required = 34,
  no_additional_sas = 35,
  internal_address_failure = 36,
  failed_cp_required = 37,
  ts_unacceptable = 38,
  invalid_selectors = 39,
  unacceptable_addresses = 40,
  unexpected_nat_detected = 41,
  temporary_failure = 43,
  child_sa_not_found = 44,
  initial_contact = 16384,
  set_window_size = 16385,
  additional_ts_possible = 16386,
  ipcomp_supported = 16387,
  nat_detection_source_ip = 16388,
  nat_detection_destination_ip = 16389,
  cookie = 16390,
  use_transport_mode = 16391,
  http_cert_lookup_supported = 16392,
  rekey_sa = 16393,
  esp_tfc_padding_not_supported = 16394,
  non_first_fragments_also = 16395,
  mobike_supported = 16396,
  additional_ip4_address = 16397,
  additional_ip6_address = 16398,
  no_additional_addresses = 16399,
  update_sa_addresses = 16400,
  cookie2 = 16401,
  no_nats_allowed = 16402,
  auth_lifetime = 16403,
  multiple_auth_supported = 16404,
  another_auth_follows = 16405,
  redirect_supported = 16406,
  redirect = 16407,
  redirected_from = 16408,
  eap_only_authentication = 16417,
  childless_ikev2_supported = 16418,
  ikev2_fragmentation_supported = 16430,
  signature_hash_algorithms = 16431,
};

[[nodiscard]] constexpr bool is_error(NotifyType type) noexcept { return static_cast<std::uint16_t>(type) < 16384; }

enum class CpType : std::uint8_t { request = 1, reply = 2, set = 3, ack = 4 };

enum class CpAttributeType : std::uint16_t {
  internal_ip4_address = 1,
  internal_ip4_netmask = 2,
  internal_ip4_dns = 3,
  internal_ip4_nbns = 4,
  internal_ip4_dhcp = 6,
  application_version = 7,
  internal_ip6_address = 8,
  internal_ip6_dns = 10,
  internal_ip6_dhcp = 12,
  internal_ip4_subnet = 13,
  supported_attributes = 14,
  internal_ip6_subnet = 15,
  internal_dns_domain = 25,  ///< RFC 8598
};

enum class TsType : std::uint8_t { ipv4_range = 7, ipv6_range = 8 };

/// Names as the RFCs spell them; "?" where the number has none here.
[[nodiscard]] std::string_view to_string(ExchangeType type) noexcept;
[[nodiscard]] std::string_view to_string(PayloadType type) noexcept;
[[nodiscard]] std::string_view to_string(NotifyType type) noexcept;

}  // namespace controlplane::ike::wire
