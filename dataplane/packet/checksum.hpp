#pragma once
// The internet checksum, whole and incremental.

#include <cstdint>

#include "common/bytes.hpp"

namespace dataplane::packet {

/// Folds a sum of 16-bit words to 16 bits, carries added back in (RFC 1071 §1).
[[nodiscard]] constexpr std::uint16_t fold(std::uint64_t sum) noexcept {
  while (sum >> 16U != 0) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

/// Ones' complement sum of big-endian 16-bit words, not complemented; an odd last octet counts as the high half.
[[nodiscard]] constexpr std::uint16_t ones_sum(common::ByteView octets, std::uint64_t start = 0) noexcept {
  std::uint64_t sum = start;
  std::size_t i = 0;
  for (; i + 1 < octets.size(); i += 2) sum += static_cast<std::uint64_t>(octets[i]) << 8U | octets[i + 1];
  if (i < octets.size()) sum += static_cast<std::uint64_t>(octets[i]) << 8U;
  return fold(sum);
}

/// The checksum field for octets whose own checksum field is 0 (RFC 1071).
[[nodiscard]] constexpr std::uint16_t checksum(common::ByteView octets) noexcept {
  return static_cast<std::uint16_t>(~ones_sum(octets));
}

/// True where octets that contain their checksum add up to 0xFFFF.
[[nodiscard]] constexpr bool checksum_holds(common::ByteView octets) noexcept { return ones_sum(octets) == 0xFFFFU; }

/// The checksum after one 16-bit word has changed: HC' = ~(~HC + ~m + m') (RFC 1624 §3, equation 3).
[[nodiscard]] constexpr std::uint16_t update_checksum(std::uint16_t old_checksum, std::uint16_t old_word,
                                                      std::uint16_t new_word) noexcept {
  const std::uint32_t sum = static_cast<std::uint16_t>(~old_checksum) +
                            std::uint32_t{static_cast<std::uint16_t>(~old_word)} + std::uint32_t{new_word};
  return static_cast<std::uint16_t>(~fold(sum));
}

}  // namespace dataplane::packet
