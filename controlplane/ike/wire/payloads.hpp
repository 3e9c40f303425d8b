#pragma once
// The payloads of IKEv2 as values. One struct serves reading and writing. Views point into the octets that were parsed
// (or that the writer of the struct keeps) and live as long as they do: copy what must live longer.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/ids.hpp"
#include "controlplane/ike/wire/numbers.hpp"

namespace controlplane::ike::wire {

using common::ByteView;

/// Limits on what is read from a peer; far above what real peers send (Libreswan and Windows: 18 proposals).
inline constexpr std::size_t kMaxPayloads = 64;
inline constexpr std::size_t kMaxProposals = 64;
inline constexpr std::size_t kMaxTransforms = 128;  ///< in one proposal
inline constexpr std::size_t kMaxSelectors = 64;
inline constexpr std::size_t kMaxCpAttributes = 64;
inline constexpr std::size_t kMaxDeletedSpis = 1024;
inline constexpr std::size_t kMinNonceOctets = 16;  // RFC 7296 §3.9
inline constexpr std::size_t kMaxNonceOctets = 256;

/// RFC 7296 §3.3.2
struct Transform {
  TransformType type = TransformType::encr;
  std::uint16_t id = 0;
  std::uint16_t key_bits = 0;      ///< Key Length attribute, 0: absent
  bool unknown_attribute = false;  ///< carries one that we do not know: must not be chosen (RFC 7296 §3.3.6)
  friend bool operator==(const Transform&, const Transform&) noexcept = default;
};

/// RFC 7296 §3.3.1
struct Proposal {
  std::uint8_t number = 1;
  ProtocolId protocol = ProtocolId::ike;
  ByteView spi;  ///< 0 or 8 octets for IKE, 4 for ESP and AH
  std::vector<Transform> transforms;
  /// Four octets of SPI as a number. nullopt for another size.
  [[nodiscard]] std::optional<common::Spi> esp_spi() const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> ike_spi() const noexcept;
};

struct Sa {
  std::vector<Proposal> proposals;
};

struct Ke {
  std::uint16_t group = 0;
  ByteView data;
};

/// IDi, IDr
struct Id {
  IdType type = IdType::fqdn;
  ByteView data;
  ByteView octets;  ///< as received: type, three reserved octets, data: what AUTH covers (RFC 7296 §2.15). Not written.
};

struct Cert {
  CertEncoding encoding = CertEncoding::x509_signature;
  ByteView data;
};

struct CertReq {
  CertEncoding encoding = CertEncoding::x509_signature;
  ByteView authorities;  ///< SHA-1 hashes of SubjectPublicKeyInfo, concatenated (RFC 7296 §3.7)
};

struct Auth {
  std::uint8_t method = 0;  ///< crypto::AuthMethod, or any other octet
  ByteView data;
};

struct Nonce {
  ByteView data;  ///< 16..256 octets
};

struct Notify {
  NotifyType type = NotifyType::invalid_syntax;
  ProtocolId protocol = ProtocolId::none;
  ByteView spi;
  ByteView data;
};

struct Delete {
  ProtocolId protocol = ProtocolId::ike;
  std::vector<common::Spi> spis;  ///< ESP and AH; empty for IKE
};

struct Vendor {
  ByteView data;
};

/// One traffic selector of addresses (RFC 7296 §3.13.1). Ranges are inclusive; OPAQUE is 65535..0.
struct Selector {
  std::uint8_t ip_protocol = 0;  ///< 0: any
  std::uint16_t start_port = 0;
  std::uint16_t end_port = 65535;
  common::IpAddress first;
  common::IpAddress last;  ///< same family as first
  friend bool operator==(const Selector&, const Selector&) noexcept = default;
};

/// TSi, TSr. Selectors of other types are counted and left out.
struct Ts {
  std::vector<Selector> selectors;
  std::size_t unknown = 0;  ///< not written
};

struct CpAttribute {
  CpAttributeType type = CpAttributeType::internal_ip4_address;
  ByteView value;  ///< empty in a request: "give me one"
};

struct Cp {
  CpType type = CpType::request;
  std::vector<CpAttribute> attributes;
  [[nodiscard]] const CpAttribute* find(CpAttributeType wanted) const noexcept;
};

/// One whole EAP packet (RFC 3748 §4), its Length checked.
struct Eap {
  ByteView packet;
  [[nodiscard]] std::uint8_t code() const noexcept { return packet[0]; }
  [[nodiscard]] std::uint8_t identifier() const noexcept { return packet[1]; }
  /// Type of a Request or Response, 0 for Success and Failure.
  [[nodiscard]] std::uint8_t type() const noexcept { return packet.size() > 4 ? packet[4] : std::uint8_t{0}; }
};

/// All payloads of a message, or of what was encrypted in it. A payload that may come once is an optional.
struct Payloads {
  std::optional<Sa> sa;
  std::optional<Ke> ke;
  std::optional<Id> idi;
  std::optional<Id> idr;
  std::vector<Cert> certs;
  std::vector<CertReq> certreqs;
  std::optional<Auth> auth;
  std::optional<Nonce> nonce;
  std::vector<Notify> notifies;
  std::vector<Delete> deletes;
  std::vector<Vendor> vendors;
  std::optional<Ts> tsi;
  std::optional<Ts> tsr;
  std::vector<Cp> cps;
  std::optional<Eap> eap;
  std::size_t unknown = 0;         ///< unknown payloads without the critical bit: skipped (RFC 7296 §2.5)
  std::vector<PayloadType> order;  ///< every payload, unknown ones too, as they came

  [[nodiscard]] const Notify* find(NotifyType type) const noexcept;
  [[nodiscard]] bool has(NotifyType type) const noexcept { return find(type) != nullptr; }
  /// The first notification of an error type.
  [[nodiscard]] const Notify* error() const noexcept;
  [[nodiscard]] const Cp* find(CpType type) const noexcept;
};

}  // namespace controlplane::ike::wire
