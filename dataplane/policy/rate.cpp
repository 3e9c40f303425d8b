// Limits of rate.

#include "dataplane/policy/rate.hpp"

#include <algorithm>

namespace dataplane::policy {

PacketLimit::PacketLimit(std::uint32_t packets_per_second, std::uint32_t burst,
                         std::uint64_t cycles_per_second) noexcept {
  if (packets_per_second == 0) return;
  cost_ = std::max<std::uint64_t>(cycles_per_second / packets_per_second, 1);
  tolerance_ = burst == 0 ? 0 : cost_ * (burst - 1U);
}

}  // namespace dataplane::policy
