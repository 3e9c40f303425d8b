#pragma once
// The anti-replay window of an inbound SA, and the upper half of extended sequence numbers that the wire leaves out.

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <optional>
#include <span>

namespace dataplane::esp {

/// What the window says of one sequence number.
enum class Replay : std::uint8_t {
  advances,   ///< above every number seen so far
  within,     ///< in the window and not seen yet
  old,        ///< left of the window, or 0
  duplicate,  ///< in the window and seen before
};

[[nodiscard]] constexpr bool is_fresh(Replay verdict) noexcept { return verdict <= Replay::within; }

/// A sliding window as a ring of 64-bit words (RFC 6479): sliding clears whole words and never shifts. The words belong
/// to the caller (the SA table allocates them all at start) and must outlive the window.
/// Thread: one writer, the SA's owning worker.
class ReplayWindow {
 public:
  static constexpr std::uint32_t kMinPackets = 64;
  static constexpr std::uint32_t kMaxPackets = 4096;

  /// Words of storage that a window of so many packets needs: a power of two, one word more than the window is wide at
  /// least (RFC 6479 §2.1). 0 packets, "no anti-replay", needs none.
  [[nodiscard]] static constexpr std::size_t words_for(std::uint32_t packets) noexcept {
    if (packets == 0) return 0;
    std::size_t words = 2;
    while ((words - 1) * 64 < packets) words *= 2;
    return words;
  }

  /// Without anti-replay: every number but 0 is fresh.
  constexpr ReplayWindow() noexcept = default;

  /// @param words    words_for(packets) words; cleared here
  /// @param packets  width, kMinPackets..kMaxPackets, or 0: no anti-replay
  constexpr ReplayWindow(std::span<std::uint64_t> words, std::uint32_t packets) noexcept
      : words_(words.data()), packets_(packets), word_mask_(static_cast<std::uint32_t>(words_for(packets)) - 1U) {
    assert(words.size() >= words_for(packets) && packets <= kMaxPackets);
    std::ranges::fill(words.first(words_for(packets)), 0U);
  }

  /// Highest number that passed the integrity check so far; 0: none.
  [[nodiscard]] constexpr std::uint64_t highest() const noexcept { return highest_; }
  [[nodiscard]] constexpr std::uint32_t packets() const noexcept { return packets_; }

  /// The 64-bit sequence number whose lower half the packet carries (RFC 4303 Appendix A2.2). Nothing is changed.
  /// nullopt where it would lie before the first subspace: such a packet is older than the SA.
  [[nodiscard]] constexpr std::optional<std::uint64_t> infer_esn(std::uint32_t low) const noexcept {
    // Without a window of its own the widest one decides: ESN needs some window.
    const std::uint32_t width = packets_ == 0 ? kMaxPackets : packets_;
    const auto top_low = static_cast<std::uint32_t>(highest_);
    const std::uint64_t top_high = highest_ >> 32U;
    const std::uint32_t bottom_low = top_low - width + 1U;  // wraps where the window straddles two subspaces
    if (top_low >= width - 1U) return (low >= bottom_low ? top_high : top_high + 1U) << 32U | low;
    if (low < bottom_low) return top_high << 32U | low;
    if (top_high == 0) return std::nullopt;
    return (top_high - 1U) << 32U | low;
  }

  /// Looks without changing anything: the check before the integrity check (RFC 4303 §3.4.3).
  [[nodiscard]] constexpr Replay check(std::uint64_t sequence) const noexcept {
    if (sequence == 0) return Replay::old;
    if (sequence > highest_) return Replay::advances;
    if (packets_ == 0) return Replay::within;
    if (highest_ - sequence >= packets_) return Replay::old;
    return (words_[word_of(sequence)] & bit_of(sequence)) != 0 ? Replay::duplicate : Replay::within;
  }

  /// Looks again and remembers: the step after the integrity check. Of two equal numbers in one burst the second is
  /// a duplicate.
  constexpr Replay check_and_set(std::uint64_t sequence) noexcept {
    const Replay verdict = check(sequence);
    if (!is_fresh(verdict)) return verdict;
    if (verdict == Replay::advances) advance(sequence);
    if (packets_ != 0) words_[word_of(sequence)] |= bit_of(sequence);
    return verdict;
  }

  /// Fetches the word that `sequence` will touch.
  void prefetch(std::uint64_t sequence) const noexcept {
    if (packets_ != 0) __builtin_prefetch(&words_[word_of(sequence)], 1);
  }

 private:
  [[nodiscard]] constexpr std::size_t word_of(std::uint64_t sequence) const noexcept {
    return (sequence >> 6U) & word_mask_;
  }
  [[nodiscard]] static constexpr std::uint64_t bit_of(std::uint64_t sequence) noexcept {
    return std::uint64_t{1} << (sequence & 63U);
  }
  constexpr void advance(std::uint64_t sequence) noexcept {
    if (packets_ != 0) {
      const std::uint64_t ring_words = std::uint64_t{word_mask_} + 1U;
      const std::uint64_t steps = std::min((sequence >> 6U) - (highest_ >> 6U), ring_words);
      for (std::uint64_t i = 1; i <= steps; ++i) words_[((highest_ >> 6U) + i) & word_mask_] = 0;
    }
    highest_ = sequence;
  }

  std::uint64_t highest_ = 0;
  std::uint64_t* words_ = nullptr;
  std::uint32_t packets_ = 0;
  std::uint32_t word_mask_ = 0;
};

static_assert(sizeof(ReplayWindow) == 24);

}  // namespace dataplane::esp
