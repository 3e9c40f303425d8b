#pragma once
// What a route lookup answers: one 32-bit word whose type says what its index means.

#include <cstdint>

namespace dataplane::route {

enum class ResultType : std::uint8_t {
  drop = 0,  ///< nobody: a pool address without a session, a blackhole, no route at all (index: common::DropReason)
  adjacency = 1,  ///< next hop with known MAC (index: AdjacencyIndex)
  glean = 2,   ///< on a connected network, or via a gateway, whose MAC is not known yet (index: position of the port)
  tunnel = 3,  ///< prefix behind a peer (index: SessionIndex; its generation is compared in the session table)
  pool = 4,    ///< address pool: the session is found by `address - first` (index: PoolIndex)
  local = 5,   ///< an address of the gateway itself: to the host stack
};

/// Trivially copyable; a FIB entry is one of these, so that it is published by one store.
class Result {
 public:
  constexpr Result() noexcept = default;
  constexpr Result(ResultType type, std::uint32_t index) noexcept
      : word_(static_cast<std::uint32_t>(type) << kIndexBits | (index & kIndexMask)) {}
  [[nodiscard]] static constexpr Result from_word(std::uint32_t word) noexcept {
    Result result;
    result.word_ = word;
    return result;
  }

  [[nodiscard]] constexpr ResultType type() const noexcept { return static_cast<ResultType>(word_ >> kIndexBits & 7U); }
  [[nodiscard]] constexpr std::uint32_t index() const noexcept { return word_ & kIndexMask; }
  [[nodiscard]] constexpr std::uint32_t word() const noexcept { return word_; }
  friend constexpr bool operator==(const Result&, const Result&) noexcept = default;

 private:
  static constexpr unsigned kIndexBits = 28;  // bit 31 is the FIB's own (a deeper group follows)
  static constexpr std::uint32_t kIndexMask = (1U << kIndexBits) - 1U;
  std::uint32_t word_ = 0;
};

static_assert(sizeof(Result) == 4);

}  // namespace dataplane::route
