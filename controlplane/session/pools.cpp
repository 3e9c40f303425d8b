// Address pools with quarantine. Free addresses are never enumerated: a counter walks the fresh part of the range, a
// queue holds what came back, and both skip what a RADIUS server has given away by name meanwhile.

#include "controlplane/session/pools.hpp"

#include <algorithm>
#include <iterator>

namespace controlplane::session {
namespace {
/// For an address of no pool; the default of the pools.
constexpr config::Seconds kOutsideQuarantine{60};
}  // namespace

Pools::Pools(const std::vector<config::Pool>& pools, const common::Clock& clock) : clock_(clock) { reload(pools); }

void Pools::reload(const std::vector<config::Pool>& pools) {
  for (const config::Pool& pool : pools) {
    if (!pool.first.is_v4() || !pool.last.is_v4() || pool.first > pool.last) continue;
    const auto known = std::ranges::find(ranges_, pool.name, &Range::name);
    if (known != ranges_.end()) {
      known->quarantine = pool.quarantine;
      continue;
    }
    Range range;
    range.name = pool.name;
    range.first = pool.first.v4_host();
    range.last = pool.last.v4_host();
    range.quarantine = pool.quarantine;
    ranges_.push_back(std::move(range));
  }
}

Pools::Range* Pools::find_range(std::uint32_t host) {
  const auto found = std::ranges::find_if(ranges_, [&](const Range& range) { return range.contains(host); });
  return found == ranges_.end() ? nullptr : &*found;
}

/// Moves addresses whose rest is over back to the free ones. Rests end in the order in which they began, unless the
/// quarantine was changed meanwhile: then some wait for those before them.
void Pools::wake(Range& range, common::MonotonicTime now) {
  while (!range.resting.empty() && range.resting.front().until <= now) {
    const std::uint32_t offset = range.resting.front().offset;
    range.resting.pop_front();
    Address& address = range.addresses[offset];
    if (address.status != Status::resting || address.rests_until > now) continue;  // taken again meanwhile
    address.status = Status::free;
    if (address.queued) continue;
    address.queued = true;
    range.returned.push_back(offset);
  }
}

std::optional<std::uint32_t> Pools::next_free(Range& range) {
  while (range.fresh < range.size()) {
    const auto offset = static_cast<std::uint32_t>(range.fresh++);
    const auto touched = range.addresses.find(offset);
    if (touched == range.addresses.end() || touched->second.status == Status::free) return offset;
  }
  while (!range.returned.empty()) {
    const std::uint32_t offset = range.returned.front();
    range.returned.pop_front();
    Address& address = range.addresses[offset];
    address.queued = false;
    if (address.status == Status::free) return offset;
  }
  return std::nullopt;
}

std::optional<common::IpAddress> Pools::take(std::string_view pool, const std::string& owner) {
  const auto range = std::ranges::find(ranges_, pool, &Range::name);
  if (range == ranges_.end()) return std::nullopt;
  wake(*range, clock_.monotonic());
  const auto offset = next_free(*range);
  if (!offset) return std::nullopt;
  Address& address = range->addresses[*offset];
  address.status = Status::taken;
  address.owner = owner;
  return common::IpAddress::v4(range->first + *offset);
}

bool Pools::take_exact(const common::IpAddress& wanted, const std::string& owner) {
  Address* address = nullptr;
  Range* range = wanted.is_v4() ? find_range(wanted.v4_host()) : nullptr;
  if (range != nullptr) {
    wake(*range, clock_.monotonic());
    address = &range->addresses[wanted.v4_host() - range->first];
  } else {
    address = &outside_[wanted];
  }
  if (address->status == Status::taken) return false;
  const bool rests = address->status == Status::resting && address->rests_until > clock_.monotonic();
  if (rests && (owner.empty() || address->owner != owner)) return false;
  address->status = Status::taken;
  address->owner = owner;
  return true;
}

void Pools::release(const common::IpAddress& freed) {
  Range* range = freed.is_v4() ? find_range(freed.v4_host()) : nullptr;
  if (range == nullptr) return release_outside(freed);
  const std::uint32_t offset = freed.v4_host() - range->first;
  const auto found = range->addresses.find(offset);
  if (found == range->addresses.end() || found->second.status != Status::taken) return;
  found->second.status = Status::resting;
  found->second.rests_until = clock_.monotonic() + range->quarantine;
  range->resting.push_back({offset, found->second.rests_until});
}

void Pools::release_outside(const common::IpAddress& freed) {
  const auto found = outside_.find(freed);
  if (found == outside_.end() || found->second.status != Status::taken) return;
  const auto now = clock_.monotonic();
  found->second.status = Status::resting;
  found->second.rests_until = now + kOutsideQuarantine;
  if (outside_.size() < purge_outside_at_) return;
  std::erase_if(outside_, [&](const auto& entry) {
    return entry.second.status == Status::resting && entry.second.rests_until <= now;
  });
  purge_outside_at_ = std::max<std::size_t>(1024, 2 * outside_.size());
}

std::size_t Pools::quarantined() const {
  const auto now = clock_.monotonic();
  std::size_t count = 0;
  for (const Range& range : ranges_)
    for (const Rest& rest : range.resting) {
      const Address& address = range.addresses.at(rest.offset);
      if (address.status == Status::resting && address.rests_until == rest.until && rest.until > now) ++count;
    }
  return count + static_cast<std::size_t>(std::ranges::count_if(outside_, [&](const auto& entry) {
           return entry.second.status == Status::resting && entry.second.rests_until > now;
         }));
}

}  // namespace controlplane::session
