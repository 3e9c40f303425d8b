#pragma once
// The two security associations of a child, laid out by cache line: what every packet reads stands apart from what
// every packet writes. Entries are written by the manager before they are published and never while a worker can see
// them, but for the members that say so.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "common/ids.hpp"
#include "dataplane/crypto/suite.hpp"
#include "dataplane/esp/replay.hpp"
#include "dataplane/esp/template.hpp"
#include "dataplane/ids/ids.hpp"
#include "dataplane/sa/selectors.hpp"

namespace dataplane::sa {

/// A time that never comes.
inline constexpr std::uint64_t kNeverTsc = std::numeric_limits<std::uint64_t>::max();

/// What comes from the peer. Found by the low bits of the SPI that the gateway chose; one load of one line decides.
struct alignas(64) InboundSa {
  // Line 0: read by every packet. `spi` is 0 while the place is not published; everything else is written before it.
  std::atomic<std::uint32_t> spi{0};
  ids::WorkerIndex owner;       ///< the one worker that may touch the written line
  bool esn = false;             ///< 64-bit sequence numbers (RFC 4303 §2.2.1)
  bool announce_first = false;  ///< a rekey's: tell the manager of the first authenticated packet
  ids::SessionRef session;      ///< whose packets these are
  const crypto::SuiteOps* suite = nullptr;
  const void* schedule = nullptr;          ///< crypto::Key::schedule()
  std::array<std::uint8_t, 4> salt{};      ///< first octets of the nonce (RFC 4106 §4)
  std::atomic<std::uint32_t> local_v4{0};  ///< outer destination that packets must have, host order; may move
  std::uint64_t end_tsc = kNeverTsc;       ///< absolute end; later packets are drops (sa_expired)
  std::atomic<bool> udp_encap{false};      ///< only in UDP 4500, or only native (wrong_outer); may change

  // Line 1: the owner's.
  alignas(64) esp::ReplayWindow replay;
  std::uint64_t octets = 0;      ///< decrypted so far, for lifetimes by volume
  bool first_announced = false;  ///< the manager was told (announce_first)

  // Read by every packet after decryption.
  Selectors selectors;
};
static_assert(offsetof(InboundSa, replay) == 64, "what is read and what is written share no line");

/// What goes to the peer. Reached through Session::outbound.
struct alignas(64) OutboundSa {
  // Line 0: read by every packet.
  const crypto::SuiteOps* suite = nullptr;
  const void* schedule = nullptr;  ///< crypto::Key::schedule()
  /// Outer headers ready to be copied. Moves by one store when the peer's address does (NAT rebinding): load it once a
  /// packet, keep it no longer than a turn.
  std::atomic<const esp::HeaderTemplate*> header{nullptr};
  const Selectors* selectors = nullptr;
  std::uint64_t end_tsc = kNeverTsc;
  std::uint64_t last_sequence = 0;     ///< hard stop (P7): 2^32 - 1, or 2^64 - 1 with ESN
  std::array<std::uint8_t, 4> salt{};  ///< first octets of the nonce
  std::uint32_t spi = 0;               ///< chosen by the peer, host order
  ids::SaIndex index;                  ///< of the pair
  bool esn = false;

  // The written line: the owner's.
  alignas(64) std::uint64_t sequence = 0;  ///< last number used; 0: none yet. Never set back (P7)
  std::uint64_t octets = 0;                ///< encrypted so far, for lifetimes by volume
  bool expiry_announced = false;           ///< the manager was told that numbers run out

  // Room for the template in use and the next one.
  alignas(64) esp::HeaderTemplate templates[2];

  /// The next sequence number, or 0 when the last one is used up: the packet is a drop (sequence_exhausted).
  [[nodiscard]] std::uint64_t take_sequence() noexcept { return sequence < last_sequence ? ++sequence : 0; }
};
static_assert(offsetof(OutboundSa, sequence) == 64 && offsetof(OutboundSa, templates) == 128);

}  // namespace dataplane::sa
