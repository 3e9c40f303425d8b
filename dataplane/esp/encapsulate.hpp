#pragma once
// From an inner packet to an ESP packet, in place: room in front and behind is the caller's.

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/suite.hpp"
#include "dataplane/crypto/suite.hpp"
#include "dataplane/esp/template.hpp"

namespace dataplane::esp {

inline constexpr std::uint32_t kTrailerOctets = 2;  ///< pad length, next header (RFC 4303 §2.5, §2.6)

/// Octets that are put in front of the inner packet: outer headers and IV.
[[nodiscard]] constexpr std::uint32_t front_octets(const HeaderTemplate& header,
                                                   const common::SuiteFacts& facts) noexcept {
  return std::uint32_t{header.total_octets} + facts.iv;
}

/// Padding that makes payload and trailer a multiple of the cipher's block, and of 4 (RFC 4303 §2.4).
[[nodiscard]] constexpr std::uint32_t padding_octets(const common::SuiteFacts& facts,
                                                     std::uint32_t inner_octets) noexcept {
  const std::uint32_t align = std::max<std::uint32_t>(facts.block, 4);
  return (align - (inner_octets + kTrailerOctets) % align) % align;
}

/// Octets that are put behind the inner packet: padding, trailer, ICV.
[[nodiscard]] constexpr std::uint32_t back_octets(const common::SuiteFacts& facts,
                                                  std::uint32_t inner_octets) noexcept {
  return padding_octets(facts, inner_octets) + kTrailerOctets + facts.icv;
}

/// The largest inner packet whose ESP packet fits into an IP packet of `outer_mtu` octets; 0: none does.
[[nodiscard]] constexpr std::uint32_t inner_mtu(const HeaderTemplate& header, const common::SuiteFacts& facts,
                                                std::uint32_t outer_mtu) noexcept {
  const std::uint32_t fixed = front_octets(header, facts) + facts.icv;
  if (outer_mtu <= fixed) return 0;
  const std::uint32_t align = std::max<std::uint32_t>(facts.block, 4);
  const std::uint32_t room = (outer_mtu - fixed) / align * align;
  return room < kTrailerOctets ? 0 : room - kTrailerOctets;
}

/// One packet that is to be sealed.
struct Outgoing {
  std::uint8_t* inner = nullptr;  ///< front_octets of room before it, back_octets behind its end
  std::uint32_t inner_octets = 0;
  std::uint8_t next_header = 0;  ///< 4: IPv4, 41: IPv6, 59: dummy
  std::uint8_t outer_tos = 0;    ///< encapsulated_tos of the inner header
  bool dont_fragment = false;    ///< DF of the outer header: that of the inner one (RFC 4301 §8.1)
  bool esn = false;
  std::uint64_t sequence = 0;  ///< never used before with this key (P7)
  std::array<std::uint8_t, 4> salt{};
  const HeaderTemplate* header = nullptr;
  const crypto::SuiteOps* suite = nullptr;
  const void* schedule = nullptr;
};

/// Writes everything of the ESP packet but ciphertext and ICV, and appends the packet to `batch`, whose encryption
/// completes it. The outer IP packet starts front_octets before `inner`. The explicit IV is the 64-bit sequence number,
/// so it cannot repeat under one key (RFC 4106 §3.1).
/// @pre  batch.count < kMaxBatch, every packet of the batch has the same suite, an AEAD one; the outer packet is at
///       most 65,535 octets
/// @return octets of the outer IP packet
std::uint32_t encapsulate(const Outgoing& packet, crypto::Batch& batch) noexcept;

}  // namespace dataplane::esp
