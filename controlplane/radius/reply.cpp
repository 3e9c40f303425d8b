// What an Access-Accept grants. Attributes that are malformed or that this gateway cannot honour are noted, never
// fatal: the server has said yes, and what it said beside that is taken as far as it can be.

#include "controlplane/radius/reply.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "controlplane/radius/wire/hiding.hpp"

namespace controlplane::radius {
namespace {

namespace attribute = wire::attribute;

constexpr std::uint32_t kWispr = 14122;  // WISPr's bandwidths, bits per second
constexpr std::uint8_t kWisprMaxUp = 7;
constexpr std::uint8_t kWisprMaxDown = 8;
constexpr std::size_t kMskOctets = 64;             // RFC 3748 §7.10
constexpr std::chrono::seconds kLeastInterim{60};  // RFC 2869 §5.16: MUST NOT be smaller

/// Framed-IP-Address values that name no address (RFC 2865 §5.8): the user's choice, the NAS's choice.
[[nodiscard]] bool names_no_address(const common::IpAddress& address) noexcept {
  return address.is_v4() && (address.v4_host() >= 0xFFFFFFFEU || address.is_unspecified());
}

class Reader {
 public:
  Reader(ParsedReply& out, const wire::Authenticator& request, common::ByteView secret)
      : out_(out), request_(request), secret_(secret) {}

  void take(const wire::Attribute& attribute);
  void finish();

 private:
  void take_address(const wire::Attribute& attribute);
  void take_seconds(const wire::Attribute& attribute);
  void take_vendor(const wire::Attribute& attribute);
  void take_microsoft(const wire::VendorAttribute& inner);
  void take_wispr(const wire::VendorAttribute& inner);
  void take_avpair(std::string_view text);
  void note(std::string text) { out_.notes.push_back(std::move(text)); }

  ParsedReply& out_;
  const wire::Authenticator& request_;
  common::ByteView secret_;
  common::SecretBytes send_key_;
  common::SecretBytes recv_key_;
};

void Reader::take(const wire::Attribute& attribute) {
  Grant& grant = out_.reply.grant;
  switch (attribute.type) {
    case attribute::kUserName:
      grant.user_name = attribute.text();
      break;
    case attribute::kClass:
      grant.classes.emplace_back(attribute.value.begin(), attribute.value.end());
      break;
    case attribute::kFramedIpAddress:
      take_address(attribute);
      break;
    case attribute::kFramedPool:
      grant.framed_pool = attribute.text();
      break;
    case attribute::kSessionTimeout:
    case attribute::kIdleTimeout:
    case attribute::kAcctInterimInterval:
      take_seconds(attribute);
      break;
    case attribute::kReplyMessage:
      out_.reply.reply_message += attribute.text();
      break;
    case attribute::kState:
      out_.reply.state.assign(attribute.value.begin(), attribute.value.end());
      break;
    case attribute::kVendorSpecific:
      take_vendor(attribute);
      break;
    case attribute::kFilterId:
      note(fmt::format("Filter-Id \"{}\" is ignored: this gateway has no filters by name", attribute.text()));
      break;
    default:
      break;
  }
}

void Reader::take_address(const wire::Attribute& attribute) {
  const auto address = attribute.address();
  if (!address || !address->is_v4()) return note("Framed-IP-Address of the wrong size is ignored");
  if (!names_no_address(*address)) out_.reply.grant.framed_ip_address = address;
}

void Reader::take_seconds(const wire::Attribute& attribute) {
  const auto number = attribute.number();
  if (!number) return note(fmt::format("attribute {} of the wrong size is ignored", attribute.type));
  const std::chrono::seconds seconds(*number);
  Grant& grant = out_.reply.grant;
  if (attribute.type == attribute::kSessionTimeout) grant.session_timeout = seconds;
  if (attribute.type == attribute::kIdleTimeout) grant.idle_timeout = seconds;
  if (attribute.type != attribute::kAcctInterimInterval) return;
  if (seconds < kLeastInterim) note(fmt::format("Acct-Interim-Interval {} is raised to 60", *number));
  grant.interim_interval = std::max(seconds, kLeastInterim);
}

void Reader::take_vendor(const wire::Attribute& attribute) {
  const auto found = wire::parse_vendor(attribute);
  if (!found) return note("a malformed Vendor-Specific attribute is ignored");
  for (const wire::VendorAttribute& inner : *found) {
    if (inner.vendor == wire::vendor::kMicrosoft) take_microsoft(inner);
    if (inner.vendor == wire::vendor::kCisco && inner.type == wire::cisco::kAvPair) take_avpair(inner.text());
    if (inner.vendor == kWispr) take_wispr(inner);
  }
}

void Reader::take_microsoft(const wire::VendorAttribute& inner) {
  if (inner.type == wire::microsoft::kPrimaryDnsServer || inner.type == wire::microsoft::kSecondaryDnsServer) {
    const auto address = inner.address();
    if (!address) return note("a DNS server of the wrong size is ignored");
    auto& dns = out_.reply.grant.dns;
    // The primary goes first, in whichever order they stand.
    dns.insert(inner.type == wire::microsoft::kPrimaryDnsServer ? dns.begin() : dns.end(), *address);
    return;
  }
  if (inner.type != wire::microsoft::kMppeSendKey && inner.type != wire::microsoft::kMppeRecvKey) return;
  auto key = wire::reveal_mppe_key(inner.value, request_, secret_);
  if (!key) return note(fmt::format("an MPPE key is ignored: {}", wire::to_string(key.error())));
  (inner.type == wire::microsoft::kMppeSendKey ? send_key_ : recv_key_) = *std::move(key);
}

void Reader::take_wispr(const wire::VendorAttribute& inner) {
  const auto bits = inner.number();
  if (!bits || *bits == 0) return;
  if (inner.type == kWisprMaxUp) out_.reply.grant.rate_in_bits = *bits;
  if (inner.type == kWisprMaxDown) out_.reply.grant.rate_out_bits = *bits;
}

void Reader::take_avpair(std::string_view text) {
  const auto pair = wire::split_avpair(text);
  if (!pair) return note(fmt::format("Cisco AVPair \"{}\" is ignored: it has no value", text));
  if (pair->name == "ipsec:addr-pool") {
    if (out_.reply.grant.framed_pool.empty()) out_.reply.grant.framed_pool = pair->value;
  } else if (pair->name == "ipsec:dns-servers") {
    std::string_view rest = pair->value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(" ,"), rest.size());
      if (const auto address = common::IpAddress::parse(rest.substr(0, end)))
        out_.reply.grant.dns.push_back(*address);
      else if (end != 0)
        note(fmt::format("ipsec:dns-servers names no address: \"{}\"", rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  } else {
    note(fmt::format("Cisco AVPair \"{}\" is not known here and is ignored", pair->name));
  }
}

/// MSK = MS-MPPE-Recv-Key || MS-MPPE-Send-Key (RFC 5216 §2.3, RFC 3079), filled up with zeros: EAP-MSCHAPv2 gives two
/// keys of 16 octets, TLS methods two of 32.
void Reader::finish() {
  if (recv_key_.empty() || send_key_.empty()) return;
  if (recv_key_.size() + send_key_.size() > kMskOctets) return note("MPPE keys longer than an MSK are ignored");
  common::SecretBytes msk(kMskOctets);
  const auto out = msk.mutable_view();
  std::ranges::copy(recv_key_.view(), out.begin());
  std::ranges::copy(send_key_.view(), out.begin() + static_cast<std::ptrdiff_t>(recv_key_.size()));
  out_.reply.msk = std::move(msk);
}

}  // namespace

ParsedReply parse_reply(const wire::PacketView& packet, const wire::Authenticator& request, common::ByteView secret) {
  ParsedReply parsed;
  parsed.reply.eap = wire::join_eap(packet);
  if (packet.is(wire::Code::access_accept)) {
    parsed.reply.kind = AccessReply::Kind::accept;
    Reader reader(parsed, request, secret);
    for (const wire::Attribute attribute : packet.attributes) reader.take(attribute);
    reader.finish();
    parsed.reply.state.clear();  // nothing to give it back to
    return parsed;
  }
  parsed.reply.kind =
      packet.is(wire::Code::access_challenge) ? AccessReply::Kind::challenge : AccessReply::Kind::reject;
  for (const wire::Attribute attribute : packet.attributes) {
    if (attribute.type == attribute::kReplyMessage) parsed.reply.reply_message += attribute.text();
    if (attribute.type == attribute::kState) parsed.reply.state.assign(attribute.value.begin(), attribute.value.end());
  }
  return parsed;
}

}  // namespace controlplane::radius
