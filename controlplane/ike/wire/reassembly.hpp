#pragma once
// The fragments of one IKE message, until it is whole (RFC 7383 §2.6). Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/bytes.hpp"
#include "controlplane/ike/wire/message.hpp"

namespace controlplane::ike::wire {

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

  /// What `add` would say of that fragment (complete counts as stored): asked before its ICV is checked, so that
  /// repeats cost nothing (RFC 7383 §2.6).
  [[nodiscard]] Outcome judge(std::uint32_t message_id, const Encrypted& fragment) const noexcept;
  /// Adds a fragment. One of a newer message id, or of a larger total for the same id (the peer found a smaller path
  /// MTU), discards what was collected (RFC 7383 §2.6.1).
  /// @param plain  its decrypted octets
  [[nodiscard]] Outcome add(std::uint32_t message_id, const Encrypted& fragment, common::Bytes plain);

  /// The message once `add` said complete; the collector is empty afterwards.
  [[nodiscard]] std::optional<Whole> take();
  /// Whether fragments of that message are being collected.
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
