// Each payload body: a good one field by field, and every way in which it can be wrong.

#include <gtest/gtest.h>

#include "controlplane/ike/wire/message.hpp"
#include "controlplane/ike/wire/writer.hpp"
#include "samples.hpp"

namespace controlplane::ike::wire {
namespace {

using common::Bytes;
using enum WireError;

Bytes hex(std::string_view text) { return common::parse_hex(text).value(); }

/// The octets that a parsed payload views live here.
struct Parsed {
  Bytes octets;
  Result<Payloads> payloads;
};

Parsed parse_body(PayloadType type, const Bytes& body) {
  PayloadWriter writer;
  writer.add_raw(type, body);
  Parsed parsed{Bytes(writer.view().begin(), writer.view().end()), {}};
  parsed.payloads = parse_payloads(type, parsed.octets);
  return parsed;
}
Parsed parse_body(PayloadType type, std::string_view body) { return parse_body(type, hex(body)); }

/// A value that no error has: the body was accepted.
constexpr WireError kGood{99};
WireError error(PayloadType type, std::string_view body) {
  const auto parsed = parse_body(type, body);
  if (parsed.payloads) return kGood;
  EXPECT_EQ(parsed.payloads.error().payload, type);
  return parsed.payloads.error().what;
}

// One proposal of IKE, no SPI, one transform AES-GCM-16 with a key of 256 bits.
constexpr std::string_view kProposal = "00 00 0014 01 01 00 01  00 00 000c 01 00 0014 800e0100";

TEST(SaBody, Fields) {
  const auto parsed = parse_body(PayloadType::sa, kProposal);
  ASSERT_TRUE(parsed.payloads);
  ASSERT_EQ(parsed.payloads->sa->proposals.size(), 1U);
  const Proposal& proposal = parsed.payloads->sa->proposals[0];
  EXPECT_EQ(proposal.number, 1);
  EXPECT_EQ(proposal.protocol, ProtocolId::ike);
  ASSERT_EQ(proposal.transforms.size(), 1U);
  EXPECT_EQ(proposal.transforms[0], samples::aes_gcm(256));
}

TEST(SaBody, Spis) {
  const auto rekey = parse_body(PayloadType::sa, "00 00 0018 01 01 08 01 0102030405060708 00 00 0008 02 00 0005");
  ASSERT_TRUE(rekey.payloads);
  EXPECT_EQ(rekey.payloads->sa->proposals[0].ike_spi(), 0x0102030405060708U);
  EXPECT_FALSE(rekey.payloads->sa->proposals[0].esp_spi());
  const auto esp = parse_body(PayloadType::sa, "00 00 0014 01 03 04 01 c0ffee01 00 00 0008 05 00 0001");
  ASSERT_TRUE(esp.payloads);
  EXPECT_EQ(esp.payloads->sa->proposals[0].esp_spi(), common::Spi(0xC0FFEE01));
  EXPECT_EQ(error(PayloadType::sa, "00 00 0010 01 03 00 01 00 00 0008 05 00 0001"), bad_length);  // ESP without
  EXPECT_EQ(error(PayloadType::sa, "00 00 0014 01 01 04 01 c0ffee01 00 00 0008 02 00 0005"), bad_length);  // IKE with 4
  EXPECT_EQ(error(PayloadType::sa, "00 00 0012 01 07 02 01 c0ff 00 00 0008 02 00 0005"), kGood);  // unknown protocol
}

TEST(SaBody, Attributes) {
  const auto with = [](std::string_view attributes) {
    auto body = hex(kProposal);
    body.resize(16);
    const auto extra = hex(attributes);
    body.insert(body.end(), extra.begin(), extra.end());
    body[3] = static_cast<std::uint8_t>(body.size());
    body[11] = static_cast<std::uint8_t>(body.size() - 8);
    return parse_body(PayloadType::sa, body);
  };
  const auto transform = [&](std::string_view attributes) {
    return with(attributes).payloads->sa->proposals[0].transforms[0];
  };
  EXPECT_EQ(transform("").key_bits, 0);
  EXPECT_EQ(transform("800e0080").key_bits, 128);
  EXPECT_FALSE(transform("800e0080").unknown_attribute);
  EXPECT_TRUE(transform("80110080").unknown_attribute);
  EXPECT_TRUE(transform("000e0002 0080").unknown_attribute);  // Key Length in the long form does not exist
  EXPECT_TRUE(transform("00110000").unknown_attribute);
  EXPECT_EQ(with("800e0000").payloads.error().what, bad_value);
  EXPECT_EQ(with("800e00").payloads.error().what, truncated);
  EXPECT_EQ(with("00110003 0102").payloads.error().what, truncated);
}

TEST(SaBody, Errors) {
  const auto e = [](std::string_view body) { return error(PayloadType::sa, body); };
  EXPECT_EQ(e(""), truncated);
  EXPECT_EQ(e("000000"), truncated);
  EXPECT_EQ(e("00 00 0007 01 01 00"), bad_length);
  EXPECT_EQ(e("00 00 0014 01 01 00 01"), truncated);                                 // proposal over the end
  EXPECT_EQ(e("00 00 0008 01 01 09 00"), truncated);                                 // SPI over the end
  EXPECT_EQ(e("01 00 0010 01 01 00 01 00 00 0008 02 00 0005"), bad_value);           // Last: 0 or 2
  EXPECT_EQ(e("02 00 0010 01 01 00 01 00 00 0008 02 00 0005"), truncated);           // one more is promised
  EXPECT_EQ(e("00 00 0010 01 01 00 01 00 00 0008 02 00 0005 00"), trailing_octets);  // behind the last
  EXPECT_EQ(e("00 00 0010 01 01 00 01 03 00 0008 02 00 0005"), bad_value);           // Last of the last transform
  EXPECT_EQ(e("00 00 0010 01 01 00 01 01 00 0008 02 00 0005"), bad_value);           // 0 or 3
  EXPECT_EQ(e("00 00 0010 01 01 00 02 03 00 0008 02 00 0005"), truncated);           // two are promised
  EXPECT_EQ(e("00 00 0011 01 01 00 01 00 00 0008 02 00 0005 00"), trailing_octets);  // inside the proposal
  EXPECT_EQ(e("00 00 000f 01 01 00 01 00 00 0007 02 00 00"), bad_length);            // transform of 7
  EXPECT_EQ(e("00 00 0010 01 01 00 01 00 00 0009 02 00 0005"), truncated);           // transform over the end
  EXPECT_EQ(e("00 00 000c 01 01 00 01 00 00 0008"), truncated);
  EXPECT_EQ(e("00 00 0008 01 01 00 00"), kGood);  // no transforms: well formed, chosen by nobody
}

TEST(SaBody, CountsAreBounded) {
  PayloadWriter writer;
  Sa sa;
  sa.proposals.resize(kMaxProposals);
  writer.add(sa);
  EXPECT_TRUE(parse_payloads(writer.first(), writer.view()));
  sa.proposals.emplace_back();
  PayloadWriter more;
  more.add(sa);
  EXPECT_EQ(parse_payloads(more.first(), more.view()).error().what, too_many);
  Sa wide;
  wide.proposals.resize(1);
  wide.proposals[0].transforms.resize(kMaxTransforms);
  PayloadWriter full;
  full.add(wide);
  EXPECT_TRUE(parse_payloads(full.first(), full.view()));
  wide.proposals[0].transforms.emplace_back();
  PayloadWriter over;
  over.add(wide);
  EXPECT_EQ(parse_payloads(over.first(), over.view()).error().what, too_many);
}

TEST(KeBody, FieldsAndErrors) {
  const auto parsed = parse_body(PayloadType::ke, "001f 0000 aabb");
  EXPECT_EQ(parsed.payloads->ke->group, 31);
  EXPECT_EQ(common::to_hex(parsed.payloads->ke->data), "aabb");
  EXPECT_EQ(error(PayloadType::ke, "001f00"), truncated);
  EXPECT_EQ(error(PayloadType::ke, "001f0000"), bad_length);
}

TEST(IdBody, FieldsAndErrors) {
  for (const PayloadType type : {PayloadType::idi, PayloadType::idr}) {
    const auto parsed = parse_body(type, "02 010203 6777");  // reserved octets as they came: AUTH covers them
    const Id& id = type == PayloadType::idi ? *parsed.payloads->idi : *parsed.payloads->idr;
    EXPECT_EQ(id.type, IdType::fqdn);
    EXPECT_EQ(common::as_text(id.data), "gw");
    EXPECT_EQ(common::to_hex(id.octets), "020102036777");
    EXPECT_EQ(error(type, "020000"), truncated);
    EXPECT_EQ(error(type, "02000000"), bad_length);
    EXPECT_EQ(error(type, "01000000c00002"), bad_length);
    EXPECT_EQ(error(type, "01000000c0000201"), kGood);
    EXPECT_EQ(error(type, "05000000c0000201"), bad_length);
    EXPECT_EQ(error(type, "0d000000"), kGood);  // ID_NULL (RFC 7619 §2.1)
    EXPECT_EQ(error(type, "c8000000ff"), kGood);
  }
}

TEST(CertBodies, FieldsAndErrors) {
  EXPECT_EQ(parse_body(PayloadType::cert, "04 30").payloads->certs[0].encoding, CertEncoding::x509_signature);
  EXPECT_EQ(error(PayloadType::cert, ""), truncated);
  EXPECT_EQ(error(PayloadType::cert, "04"), bad_length);
  EXPECT_EQ(parse_body(PayloadType::certreq, "04 0102").payloads->certreqs[0].authorities.size(), 2U);
  EXPECT_EQ(error(PayloadType::certreq, ""), truncated);
  EXPECT_EQ(error(PayloadType::certreq, "04"), kGood);
}

TEST(AuthBody, FieldsAndErrors) {
  const auto parsed = parse_body(PayloadType::auth, "0e 000000 ff");
  EXPECT_EQ(parsed.payloads->auth->method, 14);
  EXPECT_EQ(parsed.payloads->auth->data.size(), 1U);
  EXPECT_EQ(error(PayloadType::auth, "0e0000"), truncated);
  EXPECT_EQ(error(PayloadType::auth, "0e000000"), bad_length);
}

TEST(NonceBody, Sizes) {  // RFC 7296 §3.9
  const auto with = [](std::size_t octets) {
    return parse_body(PayloadType::nonce, Bytes(octets)).payloads.has_value();
  };
  EXPECT_FALSE(with(15));
  EXPECT_TRUE(with(16));
  EXPECT_TRUE(with(256));
  EXPECT_FALSE(with(257));
}

TEST(NotifyBody, FieldsAndErrors) {
  const auto parsed = parse_body(PayloadType::notify, "03 04 4009 c0ffee01 aa");
  const Notify& notify = parsed.payloads->notifies[0];
  EXPECT_EQ(notify.type, NotifyType::rekey_sa);
  EXPECT_EQ(notify.protocol, ProtocolId::esp);
  EXPECT_EQ(common::to_hex(notify.spi), "c0ffee01");
  EXPECT_EQ(common::to_hex(notify.data), "aa");
  EXPECT_EQ(parsed.payloads->error(), nullptr);
  EXPECT_EQ(error(PayloadType::notify, "030440"), truncated);
  EXPECT_EQ(error(PayloadType::notify, "03044009 c0ffee"), truncated);
  EXPECT_EQ(parse_body(PayloadType::notify, "0000000e").payloads->error()->type, NotifyType::no_proposal_chosen);
}

TEST(DeleteBody, FieldsAndErrors) {
  const auto parsed = parse_body(PayloadType::delete_, "03 04 0002 c0ffee01 c0ffee02");
  const Delete& deletion = parsed.payloads->deletes[0];
  EXPECT_EQ(deletion.protocol, ProtocolId::esp);
  EXPECT_EQ(deletion.spis, (std::vector{common::Spi(0xC0FFEE01), common::Spi(0xC0FFEE02)}));
  EXPECT_EQ(error(PayloadType::delete_, "01000000"), kGood);
  EXPECT_EQ(error(PayloadType::delete_, "010000"), truncated);
  EXPECT_EQ(error(PayloadType::delete_, "01040001 c0ffee01"), bad_length);
  EXPECT_EQ(error(PayloadType::delete_, "01000001"), bad_length);
  EXPECT_EQ(error(PayloadType::delete_, "03040000"), bad_length);
  EXPECT_EQ(error(PayloadType::delete_, "03080001 c0ffee01c0ffee02"), bad_length);
  EXPECT_EQ(error(PayloadType::delete_, "03040002 c0ffee01"), truncated);
  EXPECT_EQ(error(PayloadType::delete_, "03040001 c0ffee01 00"), trailing_octets);
  EXPECT_EQ(error(PayloadType::delete_, "09040001 c0ffee01"), bad_value);
  EXPECT_EQ(error(PayloadType::delete_, "03040401 c0ffee01"), too_many);
}

constexpr std::string_view kSelector = "07 11 0010 0035 0035 0a000001 0a0000ff";

TEST(TsBody, FieldsAndErrors) {
  const auto e = [](std::string_view body) { return error(PayloadType::tsi, body); };
  const std::string one = std::string("01000000") + std::string(kSelector);
  const auto parsed = parse_body(PayloadType::tsr, one);
  const Selector& selector = parsed.payloads->tsr->selectors[0];
  EXPECT_EQ(selector.ip_protocol, 17);
  EXPECT_EQ(selector.start_port, 53);
  EXPECT_EQ(selector.first.to_string(), "10.0.0.1");
  EXPECT_EQ(selector.last.to_string(), "10.0.0.255");
  EXPECT_EQ(e("010000"), truncated);
  EXPECT_EQ(e("00000000"), bad_value);
  EXPECT_EQ(e("ff000000"), too_many);
  EXPECT_EQ(e("01000000"), truncated);
  EXPECT_EQ(e("01000000 07110003"), bad_length);
  EXPECT_EQ(e("01000000 07110010 0000ffff 0a000001"), truncated);
  EXPECT_EQ(e("01000000 0711000c 0000ffff 0a000001"), bad_length);
  EXPECT_EQ(e("01000000 08110010 0000ffff 0a000001 0a0000ff"), bad_length);  // IPv6 of IPv4's size
  EXPECT_EQ(e(one + "00"), trailing_octets);
  EXPECT_EQ(e("02000000" + std::string(kSelector)), truncated);
  EXPECT_EQ(e("01000000 07110010 0002 0001 0a000001 0a0000ff"), bad_value);
  EXPECT_EQ(e("01000000 07110010 0000 ffff 0a000002 0a000001"), bad_value);
  EXPECT_EQ(e("01000000 07000010 ffff 0000 0a000001 0a000001"), kGood);  // OPAQUE (RFC 7296 §3.13.1)
}

TEST(TsBody, OtherTypesAreCountedAndLeftOut) {
  const auto parsed = parse_body(PayloadType::tsi, "02000000 09000008 aabbccdd" + std::string(kSelector));
  ASSERT_TRUE(parsed.payloads);
  EXPECT_EQ(parsed.payloads->tsi->selectors.size(), 1U);
  EXPECT_EQ(parsed.payloads->tsi->unknown, 1U);
}

TEST(CpBody, FieldsAndErrors) {
  const auto parsed = parse_body(PayloadType::cp, "01 000000 8001 0000 0003 0004 08080808");
  const Cp& cp = parsed.payloads->cps[0];
  EXPECT_EQ(parsed.payloads->find(CpType::request), &cp);
  EXPECT_EQ(parsed.payloads->find(CpType::reply), nullptr);
  ASSERT_EQ(cp.attributes.size(), 2U);
  EXPECT_TRUE(cp.find(CpAttributeType::internal_ip4_address)->value.empty());  // the reserved bit is ignored
  EXPECT_EQ(cp.find(CpAttributeType::internal_ip4_dns)->value.size(), 4U);
  EXPECT_EQ(cp.find(CpAttributeType::internal_ip6_dns), nullptr);
  EXPECT_EQ(error(PayloadType::cp, "010000"), truncated);
  EXPECT_EQ(error(PayloadType::cp, "01000000"), kGood);
  EXPECT_EQ(error(PayloadType::cp, "01000000 000100"), truncated);
  EXPECT_EQ(error(PayloadType::cp, "01000000 00010004 0a0000"), truncated);
  Bytes many = hex("01000000");
  many.resize(4 + 4 * kMaxCpAttributes);
  EXPECT_TRUE(parse_body(PayloadType::cp, many).payloads);
  many.resize(many.size() + 4);
  EXPECT_EQ(parse_body(PayloadType::cp, many).payloads.error().what, too_many);
}

TEST(EapBody, FieldsAndErrors) {  // RFC 3748 §4
  const auto parsed = parse_body(PayloadType::eap, "02 07 0006 01 61");
  EXPECT_EQ(parsed.payloads->eap->code(), 2);
  EXPECT_EQ(parsed.payloads->eap->identifier(), 7);
  EXPECT_EQ(parsed.payloads->eap->type(), 1);
  EXPECT_EQ(parse_body(PayloadType::eap, "03070004").payloads->eap->type(), 0);
  EXPECT_EQ(error(PayloadType::eap, "0307"), truncated);
  EXPECT_EQ(error(PayloadType::eap, "03070005"), truncated);
  EXPECT_EQ(error(PayloadType::eap, "0207000501 61"), trailing_octets);
  EXPECT_EQ(error(PayloadType::eap, "02070004"), bad_length);    // no Type
  EXPECT_EQ(error(PayloadType::eap, "0307000501"), bad_length);  // Success is 4 octets
  EXPECT_EQ(error(PayloadType::eap, "00070004"), bad_value);
  EXPECT_EQ(error(PayloadType::eap, "05070004"), bad_value);
}

TEST(Writers, WhatTheyWriteIsReadBack) {
  for (const PayloadWriter& writer :
       {samples::init_request(), samples::windows_init_request(), samples::auth_request(true),
        samples::auth_request(false), samples::eap_response(), samples::rekey_request(), samples::delete_request()}) {
    const auto parsed = parse_payloads(writer.first(), writer.view());
    ASSERT_TRUE(parsed) << to_string(parsed.error().what);
    EXPECT_EQ(parsed->unknown, 0U);
  }
  const auto octets = samples::auth_request(true);
  const auto parsed = parse_payloads(octets.first(), octets.view());
  EXPECT_EQ(common::as_text(parsed->idi->data), "alice@example.org");
  EXPECT_EQ(parsed->certs.size(), 2U);
  EXPECT_EQ(parsed->tsi->selectors, samples::everything().selectors);
  EXPECT_EQ(common::to_hex(id_octets(*parsed->idi)), common::to_hex(parsed->idi->octets));
  EXPECT_TRUE(parsed->has(NotifyType::eap_only_authentication));
}

}  // namespace
}  // namespace controlplane::ike::wire
