#pragma once
// Messages as real clients shape them, made by our own writers: for tests, and as seeds for the fuzzer.

#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "controlplane/ike/wire/writer.hpp"

namespace samples {

using namespace controlplane::ike::wire;

inline common::Bytes filled(std::size_t octets, std::uint8_t with) { return common::Bytes(octets, with); }

inline Transform aes_gcm(std::uint16_t bits) { return {TransformType::encr, transform::kEncrAesGcm16, bits}; }
inline Transform dh(std::uint16_t group) { return {TransformType::dh, group}; }
inline Transform prf(std::uint16_t id) { return {TransformType::prf, id}; }

/// IKE_SA_INIT as strongSwan sends it: one AEAD and one CBC proposal, x25519, NAT detection, fragmentation, hashes.
inline PayloadWriter init_request() {
  PayloadWriter out;
  Sa sa;
  sa.proposals.push_back({.number = 1,
                          .protocol = ProtocolId::ike,
                          .transforms = {aes_gcm(256), aes_gcm(128), prf(5), prf(7), dh(31), dh(19)}});
  sa.proposals.push_back({.number = 2,
                          .protocol = ProtocolId::ike,
                          .transforms = {{TransformType::encr, transform::kEncrAesCbc, 256},
                                         {TransformType::integ, transform::kIntegHmacSha2_256_128},
                                         prf(5),
                                         dh(14)}});
  out.add(sa);
  const auto key = filled(32, 0x4B);
  out.add(Ke{31, key});
  const auto nonce = filled(32, 0x4E);
  out.add(Nonce{nonce});
  const auto hash = filled(20, 0x48);
  out.add(NotifyType::nat_detection_source_ip, {hash});
  out.add(NotifyType::nat_detection_destination_ip, {hash});
  out.add(NotifyType::ikev2_fragmentation_supported);
  const common::Bytes hashes = {0, 2, 0, 3, 0, 4};
  out.add(NotifyType::signature_hash_algorithms, {hashes});
  out.add(NotifyType::redirect_supported);
  return out;
}

/// IKE_SA_INIT as Windows sends it: MODP-2048, AES-256-CBC, vendor ids, no fragment of RFC 7427.
inline PayloadWriter windows_init_request() {
  PayloadWriter out;
  Sa sa;
  for (std::uint8_t number = 1; number <= 6; ++number)
    sa.proposals.push_back({.number = number,
                            .protocol = ProtocolId::ike,
                            .transforms = {{TransformType::encr, transform::kEncrAesCbc, 256},
                                           {TransformType::integ, static_cast<std::uint16_t>(11 + number)},
                                           prf(number),
                                           dh(14)}});
  out.add(sa);
  const auto key = filled(256, 0x4B);
  out.add(Ke{14, key});
  const auto nonce = filled(48, 0x4E);
  out.add(Nonce{nonce});
  const auto hash = filled(20, 0x48);
  out.add(NotifyType::nat_detection_source_ip, {hash});
  out.add(NotifyType::nat_detection_destination_ip, {hash});
  out.add(Vendor{
      common::as_bytes(std::string_view("\x1e\x2b\x51\x69\x05\x99\x1c\x7d\x7c\x96\xfc\xbf\xb5\x87\xe4\x61", 16))});
  out.add(Vendor{common::as_bytes("MS-MamieExists..")});
  return out;
}

inline Ts everything() {
  return {.selectors = {{.first = common::IpAddress::v4(0), .last = common::IpAddress::v4(0xFFFFFFFF)},
                        {.first = *common::IpAddress::parse("::"),
                         .last = *common::IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}}};
}

inline Sa esp_proposals() {
  static const common::Bytes spi = {0xC0, 0xFF, 0xEE, 0x01};
  Sa sa;
  sa.proposals.push_back(
      {.number = 1,
       .protocol = ProtocolId::esp,
       .spi = spi,
       .transforms = {
           aes_gcm(256), {TransformType::esn, transform::kEsnYes}, {TransformType::esn, transform::kEsnNo}}});
  return sa;
}

/// The first IKE_AUTH request of a road warrior: EAP (no AUTH) or with a certificate.
inline PayloadWriter auth_request(bool with_certificate) {
  PayloadWriter out;
  out.add_idi({IdType::rfc822, common::as_bytes("alice@example.org"), {}});
  const auto certificate = filled(700, 0x30);
  const auto authorities = filled(60, 0xCA);
  if (with_certificate) {
    out.add(Cert{CertEncoding::x509_signature, certificate});
    out.add(Cert{CertEncoding::x509_signature, certificate});
  }
  out.add(CertReq{CertEncoding::x509_signature, authorities});
  out.add_idr({IdType::fqdn, common::as_bytes("gw.example.org"), {}});
  const auto signature = filled(72, 0x53);
  if (with_certificate) out.add(Auth{14, signature});
  out.add(Cp{.type = CpType::request,
             .attributes = {{CpAttributeType::internal_ip4_address, {}},
                            {CpAttributeType::internal_ip4_dns, {}},
                            {CpAttributeType::internal_ip6_address, {}}}});
  out.add(esp_proposals());
  out.add_tsi(everything());
  out.add_tsr(everything());
  out.add(NotifyType::initial_contact);
  out.add(NotifyType::mobike_supported);
  out.add(NotifyType::eap_only_authentication);
  return out;
}

inline PayloadWriter eap_response() {
  PayloadWriter out;
  out.add(
      Eap{common::as_bytes(std::string_view("\x02\x01\x00\x0a\x01"
                                            "alice",
                                            10))});
  return out;
}

/// CREATE_CHILD_SA that replaces a child SA, with PFS.
inline PayloadWriter rekey_request() {
  PayloadWriter out;
  const common::Bytes old_spi = {0xC0, 0xFF, 0xEE, 0x00};
  out.add(Notify{NotifyType::rekey_sa, ProtocolId::esp, old_spi, {}});
  out.add(esp_proposals());
  const auto nonce = filled(32, 0x4E);
  out.add(Nonce{nonce});
  const auto key = filled(64, 0x4B);
  out.add(Ke{19, key});
  out.add_tsi(everything());
  out.add_tsr(everything());
  return out;
}

inline PayloadWriter delete_request() {
  PayloadWriter out;
  out.add(Delete{ProtocolId::esp, {common::Spi(0xC0FFEE01), common::Spi(0xC0FFEE02)}});
  out.add(Delete{ProtocolId::ike, {}});
  return out;
}

inline IkeHeader header(ExchangeType exchange, std::uint32_t message_id = 0) {
  return {.initiator_spi = 0x1122334455667788,
          .responder_spi = exchange == ExchangeType::ike_sa_init ? 0 : 0x99AABBCCDDEEFF00,
          .exchange = exchange,
          .from_initiator = true,
          .message_id = message_id};
}

}  // namespace samples
