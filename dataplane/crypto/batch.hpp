#pragma once
// Many packets for one call of a suite, as structure of arrays.

#include <array>
#include <cstddef>
#include <cstdint>

namespace dataplane::crypto {

inline constexpr std::size_t kMaxBatch = 64;

/// Packets of one suite (keys may differ). Everything is in place; pointers must be valid during the call only.
/// Entries 0 .. count - 1 are used. Not cleared between uses: the caller writes every field that its suite reads.
struct Batch {
  /// Salt and explicit IV for AEAD suites (12 octets), the IV for CBC (16 octets).
  struct Nonce {
    alignas(16) std::array<std::uint8_t, 16> octets;
  };
  /// SPI and sequence number as the ICV covers them: 8 octets, 12 with ESN (RFC 4106 §5).
  struct Aad {
    alignas(16) std::array<std::uint8_t, 16> octets;
  };

  std::size_t count = 0;
  std::array<const void*, kMaxBatch> schedule;     ///< Key::schedule()
  std::array<std::uint8_t*, kMaxBatch> payload;    ///< first octet behind the explicit IV
  std::array<std::uint32_t, kMaxBatch> octets;     ///< of payload, padding and trailer, without ICV
  std::array<std::uint8_t*, kMaxBatch> icv;        ///< written by encrypt, compared by decrypt
  std::array<std::uint8_t, kMaxBatch> aad_octets;  ///< 8 or 12
  std::array<std::uint8_t, kMaxBatch> intact;      ///< out of decrypt: 1 where the ICV was right
  std::array<Nonce, kMaxBatch> nonce;
  std::array<Aad, kMaxBatch> aad;
};

}  // namespace dataplane::crypto
