// The Security Association payload: proposals, transforms, attributes, three lengths deep (RFC 7296 §3.3). Each level's
// octets are cut out first and must be used up exactly, so that no inner length reaches beyond its outer one.

#include "controlplane/ike/wire/read.hpp"

namespace controlplane::ike::wire {
namespace {

using common::ByteReader;

constexpr std::uint8_t kLast = 0;
constexpr std::uint8_t kMoreProposals = 2;
constexpr std::uint8_t kMoreTransforms = 3;
constexpr std::uint16_t kAttributeFormatTv = 0x8000;
constexpr std::uint16_t kKeyLength = 14;

/// Transform attributes (RFC 7296 §3.3.5). Only Key Length is known, and only in its short form.
BodyResult<void> read_attributes(ByteReader in, Transform& transform) noexcept {
  while (!in.empty()) {
    const auto type = in.be16();
    const auto value = in.be16();
    if (!type || !value) return std::unexpected(WireError::truncated);
    if ((*type & kAttributeFormatTv) == 0) {  // type, length, value
      if (!in.skip(*value)) return std::unexpected(WireError::truncated);
      transform.unknown_attribute = true;
    } else if ((*type & ~kAttributeFormatTv) == kKeyLength) {
      if (*value == 0) return std::unexpected(WireError::bad_value);
      transform.key_bits = *value;
    } else {
      transform.unknown_attribute = true;
    }
  }
  return {};
}

/// The header that proposals and transforms share: Last Substruc, a reserved octet, the length (RFC 7296 §3.3.1,
/// §3.3.2).
/// @param another  what Last Substruc says where one of the same kind follows
/// @param more     set to whether it says so
/// @return         what stands behind the header, four octets or more
BodyResult<ByteView> read_substructure(ByteReader& in, std::uint8_t another, bool& more) noexcept {
  const auto last = in.u8();
  const bool reserved = in.skip(1);
  const auto length = in.be16();
  if (!last || !reserved || !length) return std::unexpected(WireError::truncated);
  if (*length < 8) return std::unexpected(WireError::bad_length);
  const auto body = in.take(*length - 4U);
  if (!body) return std::unexpected(WireError::truncated);
  if (*last != kLast && *last != another) return std::unexpected(WireError::bad_value);
  more = *last == another;
  return *body;
}

BodyResult<Transform> read_transform(ByteReader& in, bool& more) noexcept {
  const auto body = read_substructure(in, kMoreTransforms, more);
  if (!body) return std::unexpected(body.error());
  ByteReader fields(*body);
  const std::uint8_t type = *fields.u8();
  fields = ByteReader(fields.rest().subspan(1));  // reserved
  Transform transform{.type = TransformType{type}, .id = *fields.be16()};
  if (const auto read = read_attributes(fields, transform); !read) return std::unexpected(read.error());
  return transform;
}

/// IKE negotiates without an SPI first and with 8 octets when it is rekeyed; ESP and AH have 4 (RFC 7296 §3.3.1).
bool spi_fits(ProtocolId protocol, std::size_t octets) noexcept {
  switch (protocol) {
    case ProtocolId::ike:
      return octets == 0 || octets == 8;
    case ProtocolId::ah:
    case ProtocolId::esp:
      return octets == 4;
    default:
      return true;
  }
}

BodyResult<void> read_transforms(ByteReader in, std::size_t count, Proposal& proposal) {
  if (count > kMaxTransforms) return std::unexpected(WireError::too_many);
  proposal.transforms.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    bool more = false;
    const auto transform = read_transform(in, more);
    if (!transform) return std::unexpected(transform.error());
    if (more != (i + 1 < count)) return std::unexpected(WireError::bad_value);
    proposal.transforms.push_back(*transform);
  }
  if (!in.empty()) return std::unexpected(WireError::trailing_octets);
  return {};
}

BodyResult<Proposal> read_proposal(ByteReader& in, bool& more) {
  const auto body = read_substructure(in, kMoreProposals, more);
  if (!body) return std::unexpected(body.error());
  ByteReader fields(*body);
  Proposal proposal;
  proposal.number = *fields.u8();
  proposal.protocol = ProtocolId{*fields.u8()};
  const std::size_t spi_octets = *fields.u8();
  const std::size_t transforms = *fields.u8();
  const auto spi = fields.take(spi_octets);
  if (!spi) return std::unexpected(WireError::truncated);
  if (!spi_fits(proposal.protocol, spi_octets)) return std::unexpected(WireError::bad_length);
  proposal.spi = *spi;
  if (const auto read = read_transforms(fields, transforms, proposal); !read) return std::unexpected(read.error());
  return proposal;
}

}  // namespace

BodyResult<Sa> read_sa(ByteView body) {
  ByteReader in(body);
  Sa sa;
  for (bool more = true; more;) {
    if (sa.proposals.size() == kMaxProposals) return std::unexpected(WireError::too_many);
    auto proposal = read_proposal(in, more);
    if (!proposal) return std::unexpected(proposal.error());
    sa.proposals.push_back(std::move(*proposal));
  }
  if (!in.empty()) return std::unexpected(WireError::trailing_octets);
  return sa;
}

}  // namespace controlplane::ike::wire
