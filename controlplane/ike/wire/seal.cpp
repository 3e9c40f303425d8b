// Sealing and opening of the Encrypted payload. The prefix that the ICV covers is written first with every length
// final; IV, ciphertext and ICV follow it.

#include "controlplane/ike/wire/seal.hpp"

#include <algorithm>

namespace controlplane::ike::wire {
namespace {

constexpr std::size_t kPayloadHeaderOctets = 4;
constexpr std::size_t kFragmentFieldOctets = 4;

std::unexpected<ParseError> fail(WireError what, PayloadType type = PayloadType::sk) noexcept {
  return std::unexpected(ParseError{what, type});
}

struct Piece {
  PayloadType first_inner = PayloadType::none;
  std::uint16_t fragment = 0;  ///< 0: SK
  std::uint16_t total = 0;
  ByteView plain;
};

Result<common::Bytes> seal_piece(IkeHeader header, const Piece& piece, const crypto::SkCipher& cipher,
                                 std::uint64_t iv) {
  const std::size_t fields = piece.fragment == 0 ? 0 : kFragmentFieldOctets;
  const std::size_t payload = kPayloadHeaderOctets + fields + cipher.sealed_octets(piece.plain.size());
  if (kHeaderOctets + payload > kMaxMessageOctets) return fail(WireError::bad_length);
  header.next_payload = piece.fragment == 0 ? PayloadType::sk : PayloadType::skf;
  header.length = static_cast<std::uint32_t>(kHeaderOctets + payload);

  common::ByteWriter out(header.length);
  write_header(out, header);
  out.u8(static_cast<std::uint8_t>(piece.first_inner));
  out.u8(0);
  out.be16(static_cast<std::uint16_t>(payload));
  if (piece.fragment != 0) {
    out.be16(piece.fragment);
    out.be16(piece.total);
  }
  const auto sealed = cipher.seal(out.view(), piece.plain, iv);
  if (!sealed) return fail(WireError::bad_value);
  out.bytes(*sealed);
  return out.take();
}

}  // namespace

Result<common::Bytes> seal_message(IkeHeader header, const PayloadWriter& inner, const crypto::SkCipher& cipher,
                                   std::uint64_t iv) {
  return seal_piece(header, {.first_inner = inner.first(), .plain = inner.view()}, cipher, iv);
}

Result<std::vector<common::Bytes>> seal_fragments(IkeHeader header, const PayloadWriter& inner,
                                                  const crypto::SkCipher& cipher, std::uint64_t first_iv,
                                                  std::size_t max_octets) {
  std::vector<common::Bytes> messages;
  const std::size_t whole = kHeaderOctets + kPayloadHeaderOctets + cipher.sealed_octets(inner.size());
  if (whole <= max_octets) {
    auto message = seal_message(header, inner, cipher, first_iv);
    if (!message) return std::unexpected(message.error());
    messages.push_back(std::move(*message));
    return messages;
  }
  const std::size_t overhead = kHeaderOctets + kPayloadHeaderOctets + kFragmentFieldOctets;
  const std::size_t room = max_octets > overhead ? cipher.plain_octets_that_fit(max_octets - overhead) : 0;
  if (room == 0) return fail(WireError::bad_length, PayloadType::skf);
  const std::size_t total = (inner.size() + room - 1) / room;
  if (total > kMaxFragments) return fail(WireError::bad_length, PayloadType::skf);
  for (std::size_t i = 0; i < total; ++i) {
    const std::size_t start = i * room;
    auto message = seal_piece(header,
                              {.first_inner = i == 0 ? inner.first() : PayloadType::none,  // RFC 7383 §2.5
                               .fragment = static_cast<std::uint16_t>(i + 1),
                               .total = static_cast<std::uint16_t>(total),
                               .plain = inner.view().subspan(start, std::min(room, inner.size() - start))},
                              cipher, first_iv + i);
    if (!message) return std::unexpected(message.error());
    messages.push_back(std::move(*message));
  }
  return messages;
}

Result<common::Bytes> open(const Encrypted& encrypted, const crypto::SkCipher& cipher) {
  auto plain = cipher.open(encrypted.prefix, encrypted.body);
  if (!plain) return fail(WireError::cannot_decrypt, encrypted.fragment == 0 ? PayloadType::sk : PayloadType::skf);
  return std::move(*plain);
}

}  // namespace controlplane::ike::wire
