// Prefixes behind peers.

#include "dataplane/manager/tunnels.hpp"

#include <algorithm>

#include "common/drop_reason.hpp"

namespace dataplane::manager {

std::optional<std::vector<route::Prefix4>> Tunnels::prefixes_of(const sa::SessionSpec& spec) const {
  std::vector<route::Prefix4> prefixes;
  if (spec.inner_v4) {
    if (!pools_.find(*spec.inner_v4)) prefixes.push_back({*spec.inner_v4, 32});
    return prefixes;
  }
  for (std::uint32_t i = 0; i < spec.child.selectors.remote_used; ++i) {
    const sa::SelectorV4& selector = spec.child.selectors.remote[i];
    for (const route::Prefix4& prefix : route::prefixes_of(selector.first, selector.last)) {
      if (prefix.length == 0) return std::nullopt;
      if (std::ranges::find(prefixes, prefix) == prefixes.end()) prefixes.push_back(prefix);
    }
  }
  for (const route::Prefix4& prefix : prefixes)
    for (std::uint32_t pool = 0; pool < pools_.size(); ++pool) {
      const route::PoolRange& range = pools_.at(ids::PoolIndex{pool});
      if (range.first_host <= range.last_host && prefix.address <= range.last_host && prefix.last() >= range.first_host)
        return std::nullopt;
    }
  return prefixes;
}

bool Tunnels::is_taken(const std::vector<route::Prefix4>& prefixes) const {
  return std::ranges::any_of(prefixes, [&](const route::Prefix4& wanted) {
    // Those that contain it: one of each length. Those that it contains: neighbours in the map.
    for (std::uint8_t length = 0; length <= wanted.length; ++length) {
      route::Prefix4 wider{wanted.address, length};
      wider.address &= wider.mask();
      if (const auto found = owners_.find(wider); found != owners_.end() && found->second) return true;
    }
    for (auto each = owners_.lower_bound(wanted); each != owners_.end() && wanted.contains(each->first.address); ++each)
      if (each->second && wanted.contains(each->first)) return true;
    return false;
  });
}

void Tunnels::give(const std::vector<route::Prefix4>& prefixes, ids::SessionIndex session) {
  if (prefixes.empty()) return;
  for (const route::Prefix4& prefix : prefixes) {
    // What dropped inside it belongs to the new owner now, and to `drop` again with it.
    for (auto each = owners_.lower_bound(prefix); each != owners_.end() && prefix.contains(each->first.address);) {
      if (each->first != prefix && prefix.contains(each->first)) {
        fib_.remove(each->first);
        each = owners_.erase(each);
      } else {
        ++each;
      }
    }
    owners_[prefix] = session;
    fib_.set(prefix, route::Result(route::ResultType::tunnel, session.value()));
  }
  by_session_[session] = prefixes;
}

void Tunnels::take_away(ids::SessionIndex session) {
  const auto found = by_session_.find(session);
  if (found == by_session_.end()) return;
  for (const route::Prefix4& prefix : found->second) {
    owners_[prefix] = std::nullopt;
    fib_.set(prefix,
             route::Result(route::ResultType::drop, static_cast<std::uint32_t>(common::DropReason::no_session)));
  }
  by_session_.erase(found);
}

}  // namespace dataplane::manager
