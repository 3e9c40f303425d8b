#pragma once
// From an ESP packet to the packet inside, in place, in three steps: `check_length` before anything is believed,
// `decapsulate` for the whole batch's decryption, `open_payload` behind it.

#include <array>
#include <cstdint>

#include "common/bytes.hpp"
#include "common/drop_reason.hpp"
#include "common/result.hpp"
#include "common/suite.hpp"
#include "dataplane/crypto/suite.hpp"

namespace dataplane::esp {

/// Can so many octets, from the SPI on, be a packet of this suite? That is header, IV, whole blocks with a trailer in
/// them, ICV.
[[nodiscard]] constexpr bool is_possible_length(const common::SuiteFacts& facts, std::size_t octets) noexcept {
  const std::size_t fixed = 8U + facts.iv + facts.icv;
  if (octets < fixed + 2) return false;
  const std::size_t align = facts.block < 4 ? 4 : facts.block;
  return (octets - fixed) % align == 0;
}

/// One packet that is to be opened.
struct Incoming {
  std::uint8_t* esp = nullptr;  ///< the SPI's first octet
  std::uint32_t octets = 0;     ///< from there to the end of the ICV. @pre is_possible_length
  bool esn = false;
  std::uint64_t sequence = 0;  ///< upper half inferred once, before the integrity check
  std::array<std::uint8_t, 4> salt{};
  const crypto::SuiteOps* suite = nullptr;
  const void* schedule = nullptr;
};

/// Appends the packet to `batch`, whose decryption completes it.
/// @pre  batch.count < kMaxBatch, every packet of the batch has the same suite, an AEAD one
void decapsulate(const Incoming& packet, crypto::Batch& batch) noexcept;

/// What was inside.
struct Inner {
  std::uint8_t next_header = 0;    ///< 4: IPv4, 41: IPv6, anything else is not ours
  common::MutableByteView octets;  ///< payload without padding and trailer; may end in TFC padding (RFC 4303 §2.7)
};

/// Reads trailer and padding of a decrypted payload whose ICV was right.
/// @param payload  Batch::payload and Batch::octets
/// @error bad_padding  pad length beyond the payload, or padding that is not 1, 2, 3, ... (RFC 4303 §2.4)
/// @error dummy        next header 59 (RFC 4303 §2.6)
[[nodiscard]] common::Result<Inner, common::DropReason> open_payload(common::MutableByteView payload) noexcept;

}  // namespace dataplane::esp
