// A hash of requests and a heap of the times at which they may be forgotten. A request in progress whose time has come
// stays for another while.

#include "controlplane/dae/duplicates.hpp"

#include <cstring>
#include <functional>
#include <utility>

namespace controlplane::dae {

std::size_t DuplicateCache::Hash::operator()(const RequestKey& key) const noexcept {
  // The authenticator is an MD5 over the secret and was verified: as good as random.
  std::uint64_t head = 0;
  std::memcpy(&head, key.authenticator.data(), sizeof head);
  return static_cast<std::size_t>(head) ^ std::hash<common::Endpoint>{}(key.client) ^
         (static_cast<std::size_t>(key.identifier) << 16U);
}

DuplicateCache::Result DuplicateCache::admit(const RequestKey& key, common::Duration hold, common::MonotonicTime now) {
  purge(now);
  if (const auto found = entries_.find(key); found != entries_.end())
    return {found->second.done ? Seen::answered : Seen::in_progress, found->second.reply};
  if (entries_.size() >= capacity_) return {Seen::full, {}};
  entries_.emplace(key, Entry{false, hold, {}});
  expiries_.push({now + hold, key});
  ++in_progress_;
  return {Seen::fresh, {}};
}

void DuplicateCache::conclude(const RequestKey& key, common::Bytes reply) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.done) return;
  found->second.done = true;
  found->second.reply = std::move(reply);
  --in_progress_;
}

void DuplicateCache::restore(const RequestKey& key, common::Bytes reply, common::Duration hold,
                             common::MonotonicTime now) {
  if (admit(key, hold, now).seen == Seen::fresh) conclude(key, std::move(reply));
}

void DuplicateCache::purge(common::MonotonicTime now) {
  while (!expiries_.empty() && expiries_.top().at <= now) {
    Expiry expiry = expiries_.top();
    expiries_.pop();
    const auto found = entries_.find(expiry.key);
    if (found == entries_.end()) continue;
    if (found->second.done) {
      entries_.erase(found);
    } else {
      expiry.at = now + found->second.hold;
      expiries_.push(expiry);
    }
  }
}

}  // namespace controlplane::dae
