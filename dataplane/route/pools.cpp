// Pools as ranges, and ranges as prefixes.

#include "dataplane/route/pools.hpp"

#include <algorithm>
#include <bit>

namespace dataplane::route {

std::vector<Prefix4> prefixes_of(std::uint32_t first, std::uint32_t last) {
  std::vector<Prefix4> prefixes;
  std::uint64_t at = first;
  while (at <= last) {
    // The largest block that starts here and does not pass the end.
    const unsigned aligned = at == 0 ? 32U : static_cast<unsigned>(std::countr_zero(at));
    const auto fits = static_cast<unsigned>(std::bit_width(std::uint64_t{last} - at + 1) - 1);
    const unsigned bits = std::min({aligned, fits, 32U});
    prefixes.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint8_t>(32U - bits)});
    at += std::uint64_t{1} << bits;
  }
  return prefixes;
}

Pools::Pools(std::span<const config::Pool> pools) {
  for (const config::Pool& pool : pools) {
    // An IPv6 pool's range contains nothing: it begins after its end.
    ranges_.push_back(pool.first.is_v4() ? PoolRange{pool.first.v4_host(), pool.last.v4_host()} : PoolRange{1, 0});
  }
}

std::optional<ids::PoolIndex> Pools::find(std::uint32_t address) const noexcept {
  const auto at = std::ranges::find_if(ranges_, [&](const PoolRange& range) { return range.contains(address); });
  if (at == ranges_.end()) return std::nullopt;
  return ids::PoolIndex{static_cast<std::uint32_t>(at - ranges_.begin())};
}

bool Pools::covers(Prefix4 prefix) const noexcept {
  return std::ranges::any_of(
      ranges_, [&](const PoolRange& range) { return range.contains(prefix.address) && range.contains(prefix.last()); });
}

void Pools::install(Fib& fib) const {
  for (std::uint32_t i = 0; i < size(); ++i) {
    if (ranges_[i].first_host > ranges_[i].last_host) continue;
    for (const Prefix4& prefix : prefixes_of(ranges_[i].first_host, ranges_[i].last_host)) {
      fib.set(prefix, {ResultType::pool, i});
    }
  }
}

}  // namespace dataplane::route
