#pragma once
// The internet checksum, whole and incremental.

#include <bit>
#include <cstdint>
#include <cstring>

#include "common/bytes.hpp"

namespace dataplane::packet {

static_assert(std::endian::native == std::endian::little);

/// Folds a sum of 16-bit words to 16 bits, carries added back in (RFC 1071 §1).
[[nodiscard]] constexpr std::uint16_t fold(std::uint64_t sum) noexcept {
  while (sum >> 16U != 0) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

/// Ones' complement sum of big-endian 16-bit words, not complemented; an odd last octet counts as the high half.
/// Adds whole machine words: the sum does not care how its words are grouped, nor, but for one swap at the end, in
/// which byte order they are read (RFC 1071 §2).
[[nodiscard]] inline std::uint16_t ones_sum(common::ByteView octets) noexcept {
  std::uint64_t sum = 0;
  const std::uint8_t* at = octets.data();
  std::size_t left = octets.size();
  for (; left >= 4; at += 4, left -= 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, sizeof word);
    sum += word;
  }
  if (left != 0) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, left);
    sum += word;
  }
  return std::byteswap(fold(sum));
}

/// The checksum field for octets whose own checksum field is 0 (RFC 1071).
[[nodiscard]] inline std::uint16_t checksum(common::ByteView octets) noexcept {
  return static_cast<std::uint16_t>(~ones_sum(octets));
}

/// True where octets that contain their checksum add up to 0xFFFF.
[[nodiscard]] inline bool checksum_holds(common::ByteView octets) noexcept { return ones_sum(octets) == 0xFFFFU; }

/// The checksum after one 16-bit word has changed: HC' = ~(~HC + ~m + m') (RFC 1624 §3, equation 3).
[[nodiscard]] constexpr std::uint16_t update_checksum(std::uint16_t old_checksum, std::uint16_t old_word,
                                                      std::uint16_t new_word) noexcept {
  const std::uint32_t sum = static_cast<std::uint16_t>(~old_checksum) +
                            std::uint32_t{static_cast<std::uint16_t>(~old_word)} + std::uint32_t{new_word};
  return static_cast<std::uint16_t>(~fold(sum));
}

}  // namespace dataplane::packet
