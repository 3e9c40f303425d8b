// Collects the fragments of one message (RFC 7383 §2.6). It holds one message at a time: at most kMaxFragments parts
// and kMaxMessageOctets octets.

#include "controlplane/ike/wire/reassembly.hpp"

#include <algorithm>

namespace controlplane::ike::wire {

Reassembly::Outcome Reassembly::judge(std::uint32_t message_id, const Encrypted& fragment) const noexcept {
  if (fragment.fragment == 0 || fragment.fragment > fragment.total || fragment.total > kMaxFragments)
    return Outcome::refused;
  if (total_ == 0 || message_id > message_id_) return Outcome::stored;
  if (message_id < message_id_ || fragment.total < total_) return Outcome::stale;
  if (fragment.total == total_ && parts_[fragment.fragment - 1U]) return Outcome::duplicate;
  return Outcome::stored;
}

Reassembly::Outcome Reassembly::add(std::uint32_t message_id, const Encrypted& fragment, common::Bytes plain) {
  const Outcome judged = judge(message_id, fragment);
  if (judged != Outcome::stored) return judged;
  if (total_ != fragment.total || message_id_ != message_id) {
    clear();
    message_id_ = message_id;
    total_ = fragment.total;
    parts_.resize(total_);
  }
  if (octets_ + plain.size() > kMaxMessageOctets) return Outcome::refused;
  octets_ += plain.size();
  parts_[fragment.fragment - 1U] = std::move(plain);
  if (fragment.fragment == 1) first_inner_ = fragment.first_inner;
  ++received_;
  return received_ == total_ ? Outcome::complete : Outcome::stored;
}

std::optional<Reassembly::Whole> Reassembly::take() {
  if (total_ == 0 || received_ != total_) return std::nullopt;
  Whole whole{.first_inner = first_inner_};
  whole.payloads.reserve(octets_);
  for (const auto& part : parts_) whole.payloads.insert(whole.payloads.end(), part->begin(), part->end());
  clear();
  return whole;
}

void Reassembly::clear() noexcept { *this = Reassembly(); }

}  // namespace controlplane::ike::wire
