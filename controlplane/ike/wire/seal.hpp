#pragma once
// Messages with an Encrypted payload: sealing and opening, whole (SK, RFC 7296 §3.14) or in fragments (SKF, RFC 7383).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.hpp"
#include "controlplane/crypto/sk_cipher.hpp"
#include "controlplane/ike/wire/message.hpp"
#include "controlplane/ike/wire/writer.hpp"

namespace controlplane::ike::wire {

/// One message whose only payload is SK. next_payload and length of the header are filled in.
/// @param iv  see crypto::SkCipher::seal; one is used
/// @error bad_length  more than 65,535 octets
[[nodiscard]] Result<common::Bytes> seal_message(IkeHeader header, const PayloadWriter& inner,
                                                 const crypto::SkCipher& cipher, std::uint64_t iv);

/// The same, as one message where it fits, else as SKF fragments of at most that size.
/// @param max_octets  of each IKE message: the datagram without IP and UDP headers and without the non-ESP marker
/// @param first_iv    first_iv .. first_iv + result.size() - 1 are used
/// @error bad_length  max_octets leaves no room for content, or more than 65,535 octets or fragments
/// @source RFC 7383 §2.5
[[nodiscard]] Result<std::vector<common::Bytes>> seal_fragments(IkeHeader header, const PayloadWriter& inner,
                                                                const crypto::SkCipher& cipher, std::uint64_t first_iv,
                                                                std::size_t max_octets);

/// Opens SK or one SKF: the decrypted octets without padding. Parse them with parse_payloads(first_inner, ...), or give
/// them to a Reassembly.
/// @error cannot_decrypt
[[nodiscard]] Result<common::Bytes> open(const Encrypted& encrypted, const crypto::SkCipher& cipher);

/// Collects the fragments of one message of one direction of one SA. A value: bounded, without clock or I/O. Only
/// fragments whose ICV was good are given to it (RFC 7383 §2.6).
class Reassembly {
 public:
  struct Whole {
    PayloadType first_inner = PayloadType::none;
    common::Bytes payloads;
  };
  enum class Outcome : std::uint8_t {
    stored,     ///< more are to come
    complete,   ///< take() has the message
    duplicate,  ///< that number was there already: the first one stands
    stale,      ///< belongs to an older message id, or to a smaller total than the one that is collected: dropped
    refused,    ///< number or total out of bounds, or too many octets
  };

  /// Adds a fragment. One of a newer message id, or of a larger total for the same id (the peer found a smaller path
  /// MTU), discards what was collected (RFC 7383 §2.6.1).
  /// @param plain  its decrypted octets
  [[nodiscard]] Outcome add(std::uint32_t message_id, const Encrypted& fragment, common::Bytes plain);

  /// The message once `add` said complete; the collector is empty afterwards.
  [[nodiscard]] std::optional<Whole> take();
  /// Whether fragment number 1 of that message has arrived, which is what a responder answers retransmissions by
  /// (RFC 7383 §2.6.1).
  [[nodiscard]] bool collecting(std::uint32_t message_id) const noexcept {
    return total_ != 0 && message_id_ == message_id;
  }
  [[nodiscard]] std::size_t octets() const noexcept { return octets_; }
  void clear() noexcept;

 private:
  std::uint32_t message_id_ = 0;
  std::uint16_t total_ = 0;  ///< 0: empty
  std::uint16_t received_ = 0;
  std::size_t octets_ = 0;
  PayloadType first_inner_ = PayloadType::none;
  std::vector<std::optional<common::Bytes>> parts_;
};

}  // namespace controlplane::ike::wire
