// A message: header, then the chain of payloads, each naming the type of the next (RFC 7296 §3.1, §3.2). The chain ends
// with type 0, or with an Encrypted payload, whose Next Payload field names the first payload inside.

#include "controlplane/ike/wire/message.hpp"

#include <utility>

#include "controlplane/ike/wire/read.hpp"

namespace controlplane::ike::wire {
namespace {

using common::ByteReader;

constexpr std::uint8_t kFlagInitiator = 0x08;
constexpr std::uint8_t kFlagVersion = 0x10;
constexpr std::uint8_t kFlagResponse = 0x20;
constexpr std::uint8_t kFlagCritical = 0x80;

struct Raw {
  PayloadType type = PayloadType::none;
  PayloadType next = PayloadType::none;
  bool critical = false;
  ByteView body;  ///< points into the caller's octets
};

std::unexpected<ParseError> fail(WireError what, PayloadType payload = PayloadType::none) noexcept {
  return std::unexpected(ParseError{what, payload});
}

/// The generic payload header and the octets that it claims.
Result<Raw> read_raw(ByteReader& in, PayloadType type) noexcept {
  const auto next = in.u8();
  const auto flags = in.u8();
  const auto length = in.be16();
  if (!next || !flags || !length) return fail(WireError::truncated, type);
  if (*length < 4) return fail(WireError::bad_length, type);
  const auto body = in.take(*length - 4U);
  if (!body) return fail(WireError::truncated, type);
  return Raw{type, PayloadType{*next}, (*flags & kFlagCritical) != 0, *body};
}

template <class T>
Result<void> once(std::optional<T>& slot, BodyResult<T> value, PayloadType type) {
  if (!value) return fail(value.error(), type);
  if (slot) return fail(WireError::duplicate, type);
  slot = std::move(*value);
  return {};
}

template <class T>
Result<void> append(std::vector<T>& list, BodyResult<T> value, PayloadType type) {
  if (!value) return fail(value.error(), type);
  list.push_back(std::move(*value));
  return {};
}

Result<void> add_payload(Payloads& out, const Raw& raw) {
  using enum PayloadType;
  switch (raw.type) {
    case sa:
      return once(out.sa, read_sa(raw.body), raw.type);
    case ke:
      return once(out.ke, read_ke(raw.body), raw.type);
    case idi:
      return once(out.idi, read_id(raw.body), raw.type);
    case idr:
      return once(out.idr, read_id(raw.body), raw.type);
    case cert:
      return append(out.certs, read_cert(raw.body), raw.type);
    case certreq:
      return append(out.certreqs, read_certreq(raw.body), raw.type);
    case auth:
      return once(out.auth, read_auth(raw.body), raw.type);
    case nonce:
      return once(out.nonce, read_nonce(raw.body), raw.type);
    case notify:
      return append(out.notifies, read_notify(raw.body), raw.type);
    case delete_:
      return append(out.deletes, read_delete(raw.body), raw.type);
    case vendor:
      return append(out.vendors, BodyResult<Vendor>(Vendor{raw.body}), raw.type);
    case tsi:
      return once(out.tsi, read_ts(raw.body), raw.type);
    case tsr:
      return once(out.tsr, read_ts(raw.body), raw.type);
    case cp:
      return append(out.cps, read_cp(raw.body), raw.type);
    case eap:
      return once(out.eap, read_eap(raw.body), raw.type);
    default:  // RFC 7296 §2.5: skipped unless critical; the flag of a known type is ignored
      if (raw.critical) return fail(WireError::unsupported_critical, raw.type);
      ++out.unknown;
      return {};
  }
}

/// The fragment fields stand before the IV and are covered by the ICV (RFC 7383 §2.5).
Result<Encrypted> read_encrypted(const Raw& raw, ByteView octets) noexcept {
  Encrypted encrypted{.first_inner = raw.next, .body = raw.body};
  if (raw.type == PayloadType::skf) {
    ByteReader in(raw.body);
    const auto fragment = in.be16();
    const auto total = in.be16();
    if (!fragment || !total) return fail(WireError::truncated, raw.type);
    if (*fragment == 0 || *total == 0 || *fragment > *total || *total > kMaxFragments)
      return fail(WireError::bad_fragment, raw.type);
    encrypted.fragment = *fragment;
    encrypted.total = *total;
    encrypted.body = in.rest();
  }
  encrypted.prefix = octets.first(octets.size() - encrypted.body.size());
  return encrypted;
}

}  // namespace

Result<IkeHeader> parse_header(ByteView datagram) noexcept {
  ByteReader in(datagram);
  if (in.remaining() < kHeaderOctets) return fail(WireError::truncated);
  IkeHeader header;
  header.initiator_spi = *in.be64();
  header.responder_spi = *in.be64();
  header.next_payload = PayloadType{*in.u8()};
  const std::uint8_t version = *in.u8();
  header.major = version >> 4U;
  header.minor = version & 0x0FU;
  header.exchange = ExchangeType{*in.u8()};
  const std::uint8_t flags = *in.u8();
  header.from_initiator = (flags & kFlagInitiator) != 0;
  header.higher_version = (flags & kFlagVersion) != 0;
  header.response = (flags & kFlagResponse) != 0;
  header.message_id = *in.be32();
  header.length = *in.be32();
  if (header.length < kHeaderOctets) return fail(WireError::bad_length);
  if (header.length > datagram.size()) return fail(WireError::truncated);
  if (header.length < datagram.size()) return fail(WireError::trailing_octets);
  return header;
}

Result<Message> parse_message(ByteView datagram) {
  const auto header = parse_header(datagram);
  if (!header) return std::unexpected(header.error());
  if (header->major != 2) return fail(WireError::bad_version);
  Message message{.header = *header, .octets = datagram};
  ByteReader in(datagram.subspan(kHeaderOctets));
  PayloadType type = header->next_payload;
  while (type != PayloadType::none && !message.encrypted) {
    if (message.clear.order.size() == kMaxPayloads) return fail(WireError::too_many);
    const auto raw = read_raw(in, type);
    if (!raw) return std::unexpected(raw.error());
    if (type == PayloadType::sk || type == PayloadType::skf) {
      // It is the last one (RFC 7296 §3.14): octets behind it belong to nothing.
      if (!in.empty()) return fail(WireError::trailing_octets, type);
      const auto encrypted = read_encrypted(*raw, datagram);
      if (!encrypted) return std::unexpected(encrypted.error());
      message.encrypted = *encrypted;
      break;
    }
    message.clear.order.push_back(type);
    if (const auto added = add_payload(message.clear, *raw); !added) return std::unexpected(added.error());
    type = raw->next;
  }
  if (!in.empty()) return fail(WireError::trailing_octets);
  return message;
}

Result<Payloads> parse_payloads(PayloadType first, ByteView octets) {
  ByteReader in(octets);
  Payloads payloads;
  for (PayloadType type = first; type != PayloadType::none;) {
    if (payloads.order.size() == kMaxPayloads) return fail(WireError::too_many);
    const auto raw = read_raw(in, type);
    if (!raw) return std::unexpected(raw.error());
    if (type == PayloadType::sk || type == PayloadType::skf) return fail(WireError::not_allowed, type);
    payloads.order.push_back(type);
    if (const auto added = add_payload(payloads, *raw); !added) return std::unexpected(added.error());
    type = raw->next;
  }
  if (!in.empty()) return fail(WireError::trailing_octets);
  return payloads;
}

}  // namespace controlplane::ike::wire
