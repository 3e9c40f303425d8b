#pragma once
// Limits of rate: of a session's octets, and of packets that cost us more than forwarding does.
//
// Both are the virtual scheduling form of the leaky bucket (ITU-T I.371, GCRA): one remembered time, no division where
// nothing is limited, and a bucket that is never too small for one packet.

#include <cstdint>

#include "dataplane/sa/session.hpp"

namespace dataplane::policy {

/// Lets packets through at a mean rate, and `burst` at once. Thread: one.
class PacketLimit {
 public:
  PacketLimit() = default;
  /// @param packets_per_second  0: nothing passes
  /// @param cycles_per_second   of the clock that `take` is asked with
  PacketLimit(std::uint32_t packets_per_second, std::uint32_t burst, std::uint64_t cycles_per_second) noexcept;

  [[nodiscard]] bool take(std::uint64_t now_tsc) noexcept {
    if (cost_ == 0) return false;
    const std::uint64_t start = due_ > now_tsc ? due_ : now_tsc;
    if (start - now_tsc > tolerance_) return false;
    due_ = start + cost_;
    return true;
  }

 private:
  std::uint64_t cost_ = 0;       ///< cycles between packets
  std::uint64_t tolerance_ = 0;  ///< cycles that a burst may be early
  std::uint64_t due_ = 0;        ///< when the next packet would be exactly on time
};

/// How long a session may send faster than its rate, as a part of a second: its burst is rate / kBurstPart.
inline constexpr std::uint64_t kBurstPart = 10;

/// Does one packet of a session conform to its rate?
/// @param meter              the direction's; the owning worker's alone
/// @param rate_bits          per second; 0: unlimited
/// @param cycles_per_second  of `now_tsc`
/// @param octets             the inner packet's IP length
/// @return false: the packet is over the rate (policed)
[[nodiscard]] inline bool conforms(sa::Meter& meter, std::uint64_t rate_bits, std::uint64_t cycles_per_second,
                                   std::uint64_t now_tsc, std::uint32_t octets) noexcept {
  if (rate_bits == 0) return true;
  const std::uint64_t start = meter.last_tsc > now_tsc ? meter.last_tsc : now_tsc;
  if (start - now_tsc > cycles_per_second / kBurstPart) return false;
  meter.last_tsc = start + std::uint64_t{octets} * 8U * cycles_per_second / rate_bits;
  return true;
}

}  // namespace dataplane::policy
