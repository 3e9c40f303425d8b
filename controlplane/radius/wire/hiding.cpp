// Both hidings are the same chain: each block of 16 octets is XORed with MD5(secret + the hidden block before it); they
// differ in what stands before the first one.

#include "controlplane/radius/wire/hiding.hpp"

#include <algorithm>

#include "controlplane/radius/wire/digest.hpp"

namespace controlplane::radius::wire {
namespace {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kMaxPassword = 128;  // RFC 2865 §5.2
constexpr std::size_t kSalt = 2;           // RFC 2548 §2.4.2

enum class Direction : std::uint8_t { hide, reveal };

/// @param first  what is hashed with the secret for the first block: the authenticator, and the salt behind it
[[nodiscard]] Result<void> run_chain(common::MutableByteView octets, Direction direction, const Authenticator& request,
                                     common::ByteView salt, common::ByteView secret) noexcept {
  auto mask = md5({secret, request, salt});
  for (std::size_t at = 0; at < octets.size(); at += kBlock) {
    if (!mask) return std::unexpected(mask.error());
    const auto block = octets.subspan(at, kBlock);
    Authenticator hidden{};
    if (direction == Direction::reveal) std::ranges::copy(block, hidden.begin());
    for (std::size_t i = 0; i < kBlock; ++i) block[i] ^= (*mask)[i];
    if (direction == Direction::hide) std::ranges::copy(block, hidden.begin());
    mask = md5({secret, hidden});
  }
  return {};
}

[[nodiscard]] constexpr std::size_t padded(std::size_t octets) noexcept {
  return (octets + kBlock - 1) / kBlock * kBlock;
}

}  // namespace

Result<common::Bytes> hide_password(common::ByteView password, const Authenticator& request, common::ByteView secret) {
  if (password.size() > kMaxPassword) return std::unexpected(WireError::value_too_long);
  common::Bytes hidden(std::max(kBlock, padded(password.size())));
  std::ranges::copy(password, hidden.begin());
  if (const auto done = run_chain(hidden, Direction::hide, request, {}, secret); !done) {
    common::wipe(hidden);
    return std::unexpected(done.error());
  }
  return hidden;
}

Result<common::SecretBytes> reveal_password(common::ByteView hidden, const Authenticator& request,
                                            common::ByteView secret) {
  if (hidden.empty() || hidden.size() > kMaxPassword || hidden.size() % kBlock != 0)
    return std::unexpected(WireError::bad_value);
  common::SecretBytes clear(hidden);
  if (const auto done = run_chain(clear.mutable_view(), Direction::reveal, request, {}, secret); !done)
    return std::unexpected(done.error());
  std::size_t length = clear.size();
  while (length > 0 && clear.view()[length - 1] == 0) --length;
  return common::SecretBytes(clear.view().first(length));
}

Result<common::SecretBytes> reveal_mppe_key(common::ByteView value, const Authenticator& request,
                                            common::ByteView secret) {
  if (value.size() < kSalt + kBlock || (value.size() - kSalt) % kBlock != 0)
    return std::unexpected(WireError::bad_value);
  common::SecretBytes clear(value.subspan(kSalt));
  if (const auto done = run_chain(clear.mutable_view(), Direction::reveal, request, value.first(kSalt), secret); !done)
    return std::unexpected(done.error());
  const std::size_t length = clear.view()[0];
  if (length == 0 || length > clear.size() - 1) return std::unexpected(WireError::bad_key);
  return common::SecretBytes(clear.view().subspan(1, length));
}

Result<common::Bytes> hide_mppe_key(common::ByteView key, std::uint16_t salt, const Authenticator& request,
                                    common::ByteView secret) {
  if (key.empty() || kSalt + padded(key.size() + 1) > kMaxValueOctets - 6)  // vendor's id, type and length
    return std::unexpected(WireError::value_too_long);
  common::ByteWriter out(kSalt + padded(key.size() + 1));
  out.be16(salt);
  out.u8(static_cast<std::uint8_t>(key.size()));
  out.bytes(key);
  out.zeros(padded(key.size() + 1) - key.size() - 1);
  const auto octets = out.mutable_view();
  if (const auto done = run_chain(octets.subspan(kSalt), Direction::hide, request, octets.first(kSalt), secret);
      !done) {
    common::wipe(octets);
    return std::unexpected(done.error());
  }
  return out.take();
}

}  // namespace controlplane::radius::wire
