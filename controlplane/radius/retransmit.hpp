#pragma once
// How long to wait before sending again (RFC 5080 §2.2.1).

#include <algorithm>
#include <array>
#include <chrono>

#include "common/clock.hpp"
#include "controlplane/radius/wires.hpp"

namespace controlplane::radius {

inline constexpr std::chrono::seconds kMaxRetransmissionTime{16};      // MRT
inline constexpr std::chrono::seconds kMaxRetransmissionDuration{30};  // MRD

/// RAND: between -0.1 and +0.1.
[[nodiscard]] inline double jitter(const Random& random) {
  std::array<std::uint8_t, 2> octets{};
  random(octets);
  return (static_cast<double>(octets[0] * 256 + octets[1]) / 65535.0 - 0.5) * 0.2;
}

/// RT of the first transmission: IRT + RAND * IRT.
[[nodiscard]] inline common::Duration first_timeout(common::Duration irt, const Random& random) {
  return irt + std::chrono::duration_cast<common::Duration>(irt * jitter(random));
}

/// RT of every further one: 2 * RTprev + RAND * RTprev, at most MRT + RAND * MRT.
[[nodiscard]] inline common::Duration next_timeout(common::Duration previous, const Random& random) {
  const double rand = jitter(random);
  const auto doubled = 2 * previous + std::chrono::duration_cast<common::Duration>(previous * rand);
  if (doubled <= kMaxRetransmissionTime) return doubled;
  return kMaxRetransmissionTime + std::chrono::duration_cast<common::Duration>(kMaxRetransmissionTime * rand);
}

}  // namespace controlplane::radius
