#pragma once
// One user's session as workers see it: line 0 is read by every packet, the blocks behind it are counted in.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/ids/ids.hpp"
#include "dataplane/sa/counters.hpp"
#include "dataplane/sa/sa.hpp"

namespace dataplane::sa {

/// State of a policer, for policy/: the owner's alone.
struct Meter {
  std::uint64_t credit = 0;
  std::uint64_t last_tsc = 0;
};

struct alignas(64) Session {
  // Line 0: written by the manager only, each member by one store.
  std::atomic<std::uint32_t> generation{0};  ///< of the session that lives here; 0: nobody, or it was removed
  /// Of the session whose packets may still be counted here: outlives `generation` until the counters are final.
  std::atomic<std::uint32_t> counting{0};
  std::atomic<OutboundSa*> outbound{nullptr};  ///< nullptr: no usable SA (no_outbound_sa)
  std::atomic<std::uint64_t> end_tsc{kNeverTsc};
  std::atomic<std::uint64_t> remote_v4{0};        ///< pack(address, port) of the peer's outer end as last known
  std::atomic<std::uint64_t> input_rate_bits{0};  ///< per second, 0: unlimited
  std::atomic<std::uint64_t> output_rate_bits{0};
  std::atomic<std::uint32_t> inner_v4{0};  ///< assigned address, host order; 0: none
  ids::WorkerIndex owner;                  ///< set before publication
  std::atomic<bool> may_move{false};       ///< NAT was detected and MOBIKE is not in use: report PeerMoved

  // The owner's.
  alignas(64) Meter meter_in;
  Meter meter_out;
  std::uint64_t last_move_tsc = 0;  ///< PeerMoved is reported at most once a second

  OwnCounters own;
  ForeignCounters foreign;

  /// An outer IPv4 endpoint as one comparable word.
  [[nodiscard]] static constexpr std::uint64_t pack(std::uint32_t address, std::uint16_t port) noexcept {
    return static_cast<std::uint64_t>(address) << 16U | port;
  }
};
static_assert(offsetof(Session, meter_in) == 64, "line 0 has only what the manager writes");

}  // namespace dataplane::sa
