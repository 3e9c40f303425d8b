// Payloads to bytes. Each payload leaves its Next Payload field 0; the one that follows fills it in. Lengths are
// patched when a structure ends, so that nested ones need no second pass.

#include "controlplane/ike/wire/writer.hpp"

namespace controlplane::ike::wire {
namespace {

void write_transform(common::ByteWriter& out, const Transform& transform, bool last) {
  out.u8(last ? 0 : 3);
  out.u8(0);
  out.be16(transform.key_bits == 0 ? 8 : 12);
  out.u8(static_cast<std::uint8_t>(transform.type));
  out.u8(0);
  out.be16(transform.id);
  if (transform.key_bits == 0) return;
  out.be16(0x8000U | 14U);  // Key Length, in the short form (RFC 7296 §3.3.5)
  out.be16(transform.key_bits);
}

void write_proposal(common::ByteWriter& out, const Proposal& proposal, bool last) {
  const std::size_t start = out.size();
  out.u8(last ? 0 : 2);
  out.u8(0);
  out.be16(0);  // length, patched below
  out.u8(proposal.number);
  out.u8(static_cast<std::uint8_t>(proposal.protocol));
  out.u8(static_cast<std::uint8_t>(proposal.spi.size()));
  out.u8(static_cast<std::uint8_t>(proposal.transforms.size()));
  out.bytes(proposal.spi);
  for (std::size_t i = 0; i < proposal.transforms.size(); ++i)
    write_transform(out, proposal.transforms[i], i + 1 == proposal.transforms.size());
  out.patch_be16(start + 2, static_cast<std::uint16_t>(out.size() - start));
}

}  // namespace

std::size_t PayloadWriter::begin(PayloadType type, bool critical) {
  if (out_.size() == 0)
    first_ = type;
  else
    out_.mutable_view()[last_] = static_cast<std::uint8_t>(type);
  last_ = out_.size();
  out_.u8(0);
  out_.u8(critical ? 0x80 : 0);
  out_.be16(0);
  return last_;
}

void PayloadWriter::end(std::size_t start) {
  out_.patch_be16(start + 2, static_cast<std::uint16_t>(out_.size() - start));
}

void PayloadWriter::add(const Sa& sa) {
  const std::size_t start = begin(PayloadType::sa);
  for (std::size_t i = 0; i < sa.proposals.size(); ++i)
    write_proposal(out_, sa.proposals[i], i + 1 == sa.proposals.size());
  end(start);
}

void PayloadWriter::add(const Ke& ke) {
  const std::size_t start = begin(PayloadType::ke);
  out_.be16(ke.group);
  out_.zeros(2);
  out_.bytes(ke.data);
  end(start);
}

void PayloadWriter::add_id(PayloadType type, const Id& id) { add_raw(type, id_octets(id)); }

void PayloadWriter::add(const Cert& cert) {
  const std::size_t start = begin(PayloadType::cert);
  out_.u8(static_cast<std::uint8_t>(cert.encoding));
  out_.bytes(cert.data);
  end(start);
}

void PayloadWriter::add(const CertReq& request) {
  const std::size_t start = begin(PayloadType::certreq);
  out_.u8(static_cast<std::uint8_t>(request.encoding));
  out_.bytes(request.authorities);
  end(start);
}

void PayloadWriter::add(const Auth& auth) {
  const std::size_t start = begin(PayloadType::auth);
  out_.u8(auth.method);
  out_.zeros(3);
  out_.bytes(auth.data);
  end(start);
}

void PayloadWriter::add(const Nonce& nonce) { add_raw(PayloadType::nonce, nonce.data); }

void PayloadWriter::add(const Notify& notify) {
  const std::size_t start = begin(PayloadType::notify);
  out_.u8(static_cast<std::uint8_t>(notify.protocol));
  out_.u8(static_cast<std::uint8_t>(notify.spi.size()));
  out_.be16(static_cast<std::uint16_t>(notify.type));
  out_.bytes(notify.spi);
  out_.bytes(notify.data);
  end(start);
}

void PayloadWriter::add(NotifyType type, std::initializer_list<ByteView> data) {
  const std::size_t start = begin(PayloadType::notify);
  out_.zeros(2);
  out_.be16(static_cast<std::uint16_t>(type));
  for (const ByteView part : data) out_.bytes(part);
  end(start);
}

void PayloadWriter::add(const Delete& deletion) {
  const std::size_t start = begin(PayloadType::delete_);
  out_.u8(static_cast<std::uint8_t>(deletion.protocol));
  out_.u8(deletion.protocol == ProtocolId::ike ? 0 : 4);
  out_.be16(static_cast<std::uint16_t>(deletion.spis.size()));
  for (const common::Spi spi : deletion.spis) out_.be32(spi.value());
  end(start);
}

void PayloadWriter::add(const Vendor& vendor) { add_raw(PayloadType::vendor, vendor.data); }

void PayloadWriter::add_ts(PayloadType type, const Ts& ts) {
  const std::size_t start = begin(type);
  out_.u8(static_cast<std::uint8_t>(ts.selectors.size()));
  out_.zeros(3);
  for (const Selector& selector : ts.selectors) {
    out_.u8(static_cast<std::uint8_t>(selector.first.is_v4() ? TsType::ipv4_range : TsType::ipv6_range));
    out_.u8(selector.ip_protocol);
    out_.be16(selector.first.is_v4() ? 16 : 40);
    out_.be16(selector.start_port);
    out_.be16(selector.end_port);
    out_.bytes(selector.first.bytes());
    out_.bytes(selector.last.bytes());
  }
  end(start);
}

void PayloadWriter::add(const Cp& cp) {
  const std::size_t start = begin(PayloadType::cp);
  out_.u8(static_cast<std::uint8_t>(cp.type));
  out_.zeros(3);
  for (const CpAttribute& attribute : cp.attributes) {
    out_.be16(static_cast<std::uint16_t>(attribute.type));
    out_.be16(static_cast<std::uint16_t>(attribute.value.size()));
    out_.bytes(attribute.value);
  }
  end(start);
}

void PayloadWriter::add(const Eap& eap) { add_raw(PayloadType::eap, eap.packet); }

void PayloadWriter::add_raw(PayloadType type, ByteView body, bool critical) {
  const std::size_t start = begin(type, critical);
  out_.bytes(body);
  end(start);
}

common::Bytes id_octets(const Id& id) {
  common::ByteWriter out(4 + id.data.size());
  out.u8(static_cast<std::uint8_t>(id.type));
  out.zeros(3);
  out.bytes(id.data);
  return out.take();
}

void write_header(common::ByteWriter& out, const IkeHeader& header) {
  out.be64(header.initiator_spi);
  out.be64(header.responder_spi);
  out.u8(static_cast<std::uint8_t>(header.next_payload));
  out.u8(static_cast<std::uint8_t>(header.major << 4U | header.minor));
  out.u8(static_cast<std::uint8_t>(header.exchange));
  out.u8(static_cast<std::uint8_t>((header.from_initiator ? 0x08U : 0U) | (header.higher_version ? 0x10U : 0U) |
                                   (header.response ? 0x20U : 0U)));
  out.be32(header.message_id);
  out.be32(header.length);
}

common::Bytes write_message(IkeHeader header, const PayloadWriter& payloads) {
  header.next_payload = payloads.first();
  header.length = static_cast<std::uint32_t>(kHeaderOctets + payloads.size());
  common::ByteWriter out(header.length);
  write_header(out, header);
  out.bytes(payloads.view());
  return out.take();
}

}  // namespace controlplane::ike::wire
