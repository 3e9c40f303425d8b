// Payload bodies with at most one level of lengths: key exchange, identities, certificates, AUTH, nonces,
// notifications, deletes, traffic selectors, configuration, EAP (RFC 7296 §3.4 to §3.16).

#include "controlplane/ike/wire/read.hpp"

#include <algorithm>

namespace controlplane::ike::wire {
namespace {

using common::ByteReader;

constexpr std::unexpected<WireError> fail(WireError error) noexcept { return std::unexpected(error); }

/// One selector (RFC 7296 §3.13.1). nullopt inside: of a type that is not an address range.
BodyResult<std::optional<Selector>> read_selector(ByteReader& in) noexcept {
  const auto type = in.u8();
  const auto ip_protocol = in.u8();
  const auto length = in.be16();
  if (!type || !ip_protocol || !length) return fail(WireError::truncated);
  if (*length < 4) return fail(WireError::bad_length);
  const auto body = in.take(*length - 4U);
  if (!body) return fail(WireError::truncated);
  const bool v4 = TsType{*type} == TsType::ipv4_range;
  if (!v4 && TsType{*type} != TsType::ipv6_range) return std::optional<Selector>{};

  const std::size_t address_octets = v4 ? 4 : 16;
  if (body->size() != 4 + 2 * address_octets) return fail(WireError::bad_length);
  ByteReader fields(*body);
  Selector selector{.ip_protocol = *ip_protocol, .start_port = *fields.be16(), .end_port = *fields.be16()};
  selector.first = *common::IpAddress::from_bytes(*fields.take(address_octets));
  selector.last = *common::IpAddress::from_bytes(*fields.take(address_octets));
  const bool opaque = selector.start_port == 65535 && selector.end_port == 0;
  if (!opaque && selector.start_port > selector.end_port) return fail(WireError::bad_value);
  if (selector.first > selector.last) return fail(WireError::bad_value);
  return std::optional(selector);
}

}  // namespace

BodyResult<Ke> read_ke(ByteView body) noexcept {  // RFC 7296 §3.4
  ByteReader in(body);
  const auto group = in.be16();
  if (!group || !in.skip(2)) return fail(WireError::truncated);
  if (in.empty()) return fail(WireError::bad_length);
  return Ke{*group, in.rest()};
}

BodyResult<Id> read_id(ByteView body) noexcept {  // RFC 7296 §3.5
  ByteReader in(body);
  const auto type = in.u8();
  if (!type || !in.skip(3)) return fail(WireError::truncated);
  const Id id{IdType{*type}, in.rest(), body};
  switch (id.type) {
    case IdType::ipv4:
      if (id.data.size() != 4) return fail(WireError::bad_length);
      break;
    case IdType::ipv6:
      if (id.data.size() != 16) return fail(WireError::bad_length);
      break;
    case IdType::null:  // RFC 7619 §2.1: an empty one
      break;
    default:
      if (id.data.empty()) return fail(WireError::bad_length);
  }
  return id;
}

BodyResult<Cert> read_cert(ByteView body) noexcept {  // RFC 7296 §3.6
  ByteReader in(body);
  const auto encoding = in.u8();
  if (!encoding) return fail(WireError::truncated);
  if (in.empty()) return fail(WireError::bad_length);
  return Cert{CertEncoding{*encoding}, in.rest()};
}

BodyResult<CertReq> read_certreq(ByteView body) noexcept {  // RFC 7296 §3.7; no authorities at all is seen in the field
  ByteReader in(body);
  const auto encoding = in.u8();
  if (!encoding) return fail(WireError::truncated);
  return CertReq{CertEncoding{*encoding}, in.rest()};
}

BodyResult<Auth> read_auth(ByteView body) noexcept {  // RFC 7296 §3.8
  ByteReader in(body);
  const auto method = in.u8();
  if (!method || !in.skip(3)) return fail(WireError::truncated);
  if (in.empty()) return fail(WireError::bad_length);
  return Auth{*method, in.rest()};
}

BodyResult<Nonce> read_nonce(ByteView body) noexcept {  // RFC 7296 §3.9
  if (body.size() < kMinNonceOctets || body.size() > kMaxNonceOctets) return fail(WireError::bad_length);
  return Nonce{body};
}

BodyResult<Notify> read_notify(ByteView body) noexcept {  // RFC 7296 §3.10
  ByteReader in(body);
  const auto protocol = in.u8();
  const auto spi_octets = in.u8();
  const auto type = in.be16();
  if (!protocol || !spi_octets || !type) return fail(WireError::truncated);
  const auto spi = in.take(*spi_octets);
  if (!spi) return fail(WireError::truncated);
  return Notify{NotifyType{*type}, ProtocolId{*protocol}, *spi, in.rest()};
}

BodyResult<Delete> read_delete(ByteView body) {  // RFC 7296 §3.11
  ByteReader in(body);
  const auto protocol = in.u8();
  const auto spi_octets = in.u8();
  const auto count = in.be16();
  if (!protocol || !spi_octets || !count) return fail(WireError::truncated);
  Delete deletion{.protocol = ProtocolId{*protocol}};
  switch (deletion.protocol) {
    case ProtocolId::ike:
      if (*spi_octets != 0 || *count != 0) return fail(WireError::bad_length);
      break;
    case ProtocolId::ah:
    case ProtocolId::esp:
      if (*spi_octets != 4 || *count == 0) return fail(WireError::bad_length);
      break;
    default:
      return fail(WireError::bad_value);
  }
  if (*count > kMaxDeletedSpis) return fail(WireError::too_many);
  deletion.spis.reserve(*count);
  for (std::uint16_t i = 0; i < *count; ++i) {
    const auto spi = in.be32();
    if (!spi) return fail(WireError::truncated);
    deletion.spis.emplace_back(*spi);
  }
  if (!in.empty()) return fail(WireError::trailing_octets);
  return deletion;
}

BodyResult<Ts> read_ts(ByteView body) {  // RFC 7296 §3.13
  ByteReader in(body);
  const auto count = in.u8();
  if (!count || !in.skip(3)) return fail(WireError::truncated);
  if (*count == 0) return fail(WireError::bad_value);
  if (*count > kMaxSelectors) return fail(WireError::too_many);
  Ts ts;
  for (std::uint8_t i = 0; i < *count; ++i) {
    const auto selector = read_selector(in);
    if (!selector) return fail(selector.error());
    if (*selector)
      ts.selectors.push_back(**selector);
    else
      ++ts.unknown;
  }
  if (!in.empty()) return fail(WireError::trailing_octets);
  return ts;
}

BodyResult<Cp> read_cp(ByteView body) {  // RFC 7296 §3.15
  ByteReader in(body);
  const auto type = in.u8();
  if (!type || !in.skip(3)) return fail(WireError::truncated);
  Cp cp{.type = CpType{*type}};
  while (!in.empty()) {
    if (cp.attributes.size() == kMaxCpAttributes) return fail(WireError::too_many);
    const auto attribute = in.be16();  // the highest bit is reserved and ignored (RFC 7296 §3.15.1)
    const auto length = in.be16();
    if (!attribute || !length) return fail(WireError::truncated);
    const auto value = in.take(*length);
    if (!value) return fail(WireError::truncated);
    cp.attributes.push_back({CpAttributeType{static_cast<std::uint16_t>(*attribute & 0x7FFFU)}, *value});
  }
  return cp;
}

BodyResult<Eap> read_eap(ByteView body) noexcept {  // RFC 7296 §3.16, RFC 3748 §4
  ByteReader in(body);
  const auto code = in.u8();
  const bool identifier = in.skip(1);
  const auto length = in.be16();
  if (!code || !identifier || !length) return fail(WireError::truncated);
  if (*length > body.size()) return fail(WireError::truncated);
  if (*length < body.size()) return fail(WireError::trailing_octets);
  const bool has_type = *code == 1 || *code == 2;  // Request, Response; Success (3) and Failure (4) are 4 octets
  if (has_type ? *length < 5 : *length != 4) return fail(WireError::bad_length);
  if (*code < 1 || *code > 4) return fail(WireError::bad_value);
  return Eap{body};
}

}  // namespace controlplane::ike::wire
