#pragma once
// Bytes to an IKE message. Pure functions over the caller's octets; nothing is logged, nothing is believed. Any thread.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/bytes.hpp"
#include "controlplane/ike/wire/error.hpp"
#include "controlplane/ike/wire/numbers.hpp"
#include "controlplane/ike/wire/payloads.hpp"

namespace controlplane::ike::wire {

inline constexpr std::size_t kHeaderOctets = 28;
inline constexpr std::size_t kMaxMessageOctets = 65'535;
inline constexpr std::size_t kMaxFragments = 64;  ///< that we collect for one message (RFC 7383 §4 allows any limit)

/// RFC 7296 §3.1
struct IkeHeader {
  std::uint64_t initiator_spi = 0;
  std::uint64_t responder_spi = 0;
  PayloadType next_payload = PayloadType::none;
  std::uint8_t major = 2;
  std::uint8_t minor = 0;
  ExchangeType exchange = ExchangeType::ike_sa_init;
  bool from_initiator = false;  ///< flag I: sent by the original initiator of the IKE SA
  bool higher_version = false;  ///< flag V
  bool response = false;        ///< flag R
  std::uint32_t message_id = 0;
  std::uint32_t length = 0;  ///< octets with this header; the writers fill it in
};

/// The Encrypted payload (SK, or SKF: one fragment of it) with all that is needed to open it.
struct Encrypted {
  PayloadType first_inner = PayloadType::none;  ///< of SKF, only fragment 1 says it
  std::uint16_t fragment = 0;                   ///< 1..total; 0: not a fragment (SK)
  std::uint16_t total = 0;
  ByteView prefix;  ///< the message up to the IV: what the ICV covers besides
  ByteView body;    ///< IV | ciphertext | ICV
};

struct Message {
  IkeHeader header;
  ByteView octets;                     ///< the whole message
  Payloads clear;                      ///< payloads outside of the encrypted one
  std::optional<Encrypted> encrypted;  ///< always the last payload
};

/// Reads the header alone: enough to find an SA, or to answer INVALID_MAJOR_VERSION.
/// @error truncated        fewer than 28 octets, or fewer than Length
/// @error trailing_octets  more than Length
/// @error bad_length       Length below 28
/// @source RFC 7296 §3.1
[[nodiscard]] Result<IkeHeader> parse_header(ByteView datagram) noexcept;

/// Reads a message without its non-ESP marker: header and every payload in clear. The table of payloads per exchange
/// (table.hpp) is not applied yet.
/// @error bad_version, and those of parse_header and parse_payloads
[[nodiscard]] Result<Message> parse_message(ByteView datagram);

/// Reads a chain of payloads that fills `octets` exactly, such as the decrypted ones.
/// @param first  type of the first payload; none only where octets is empty
/// @error truncated, trailing_octets, bad_length, bad_value, too_many, duplicate, unsupported_critical, not_allowed (an
///        Encrypted payload within)
[[nodiscard]] Result<Payloads> parse_payloads(PayloadType first, ByteView octets);

}  // namespace controlplane::ike::wire
