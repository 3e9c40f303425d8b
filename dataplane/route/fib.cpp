// The trie's writer. Every place of the trie (a root entry, or an entry of a group) has a tag on the writer's side: the
// length of the prefix that filled it. A change fills exactly those places whose tag is not longer than its own prefix,
// so that more specific routes stay. A group that readers can see is changed in at most one place, by one store; where
// more must change it is copied, and the copy published by one store into the place that leads to it.

#include "dataplane/route/fib.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include <rte_prefetch.h>

#include "common/drop_reason.hpp"

namespace dataplane::route {

namespace {

constexpr std::uint32_t kDeeper = 1U << 31U;  // the rest of the word is a group
constexpr std::uint32_t kRootPlaces = 1U << 16U;
constexpr std::uint32_t kGroupPlaces = 256;
constexpr std::uint32_t kChunkGroups = 64;
constexpr std::uint32_t kMaxChunks = 1U << 13U;  // 524,288 groups: far above a full Internet table
constexpr std::size_t kBurstAhead = 64;

using Word = std::atomic<std::uint32_t>;

struct alignas(64) Group {
  std::array<Word, kGroupPlaces> words;
};

/// The writer's side of a group.
struct Tags {
  std::array<std::uint8_t, kGroupPlaces> lengths;
};

struct Chunk {
  std::array<Group, kChunkGroups> groups;
  std::array<Tags, kChunkGroups> tags;
};

}  // namespace

/// The trie's memory. Shared with deferred work, which may outlive the table.
class Groups {
 public:
  Groups() : root(std::make_unique<Word[]>(kRootPlaces)), root_tags(kRootPlaces, 0) {}

  [[nodiscard]] Group& group(std::uint32_t index) const noexcept {
    return chunks_[index / kChunkGroups].load(std::memory_order_acquire)->groups[index % kChunkGroups];
  }
  [[nodiscard]] Tags& tags(std::uint32_t index) const noexcept {
    return chunks_[index / kChunkGroups].load(std::memory_order_relaxed)->tags[index % kChunkGroups];
  }

  /// A group whose content is undefined; its index. 0 is never given.
  [[nodiscard]] std::uint32_t take() {
    if (free_.empty()) grow();
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void give_back(const std::vector<std::uint32_t>& groups) { free_.insert(free_.end(), groups.begin(), groups.end()); }

  [[nodiscard]] std::size_t memory_octets() const noexcept {
    return sizeof(*this) + kRootPlaces * (sizeof(Word) + 1) + owned_.size() * sizeof(Chunk);
  }

  std::unique_ptr<Word[]> root;
  std::vector<std::uint8_t> root_tags;

 private:
  void grow() {
    const auto at = static_cast<std::uint32_t>(owned_.size());
    assert(at < kMaxChunks);
    owned_.push_back(std::make_unique<Chunk>());
    chunks_[at].store(owned_.back().get(), std::memory_order_release);
    for (std::uint32_t i = kChunkGroups; i-- > 0;) free_.push_back(at * kChunkGroups + i);
  }

  std::array<std::atomic<Chunk*>, kMaxChunks> chunks_{};
  std::vector<std::unique_ptr<Chunk>> owned_;
  std::vector<std::uint32_t> free_;
};

/// One set or remove: what is filled with what, and the groups that it replaces.
struct Fib::Change {
  Groups& groups;
  Prefix4 prefix;
  std::uint32_t word;
  std::uint8_t tag;  ///< length of the prefix that `word` belongs to: shorter than `prefix` at a removal
  std::vector<std::uint32_t> replaced;

  /// What is at one place of the trie, writer's view.
  struct Place {
    std::uint32_t word;
    std::uint8_t tag;
  };

  /// The place as it must become. `base` and `depth_bits` say which addresses it stands for: the first `depth_bits` of
  /// `base`.
  [[nodiscard]] Place changed(Place place, std::uint32_t base, unsigned depth_bits) {
    const bool whole = prefix.length <= depth_bits;
    if ((place.word & kDeeper) == 0) {
      if (whole) return place.tag <= prefix.length ? Place{word, tag} : place;
      return changed_group(uniform(place), base, depth_bits);
    }
    if (prefix.length >= depth_bits + 8) return changed_in_sight(place, base, depth_bits);
    return changed_group(copy(place.word & ~kDeeper), base, depth_bits);
  }

 private:
  /// Changes the one place of a published group that the prefix concerns.
  [[nodiscard]] Place changed_in_sight(Place place, std::uint32_t base, unsigned depth_bits) {
    const std::uint32_t index = place.word & ~kDeeper;
    const unsigned shift = 24 - depth_bits;
    const std::uint32_t i = prefix.address >> shift & 0xFFU;
    Word& entry = groups.group(index).words[i];
    std::uint8_t& length = groups.tags(index).lengths[i];
    const Place before{entry.load(std::memory_order_relaxed), length};
    const Place after = changed(before, base | i << shift, depth_bits + 8);
    if (after.word != before.word) entry.store(after.word, std::memory_order_release);
    length = after.tag;
    if (!is_uniform(index, depth_bits)) return place;
    replaced.push_back(index);
    return {after.word, after.tag};
  }

  [[nodiscard]] std::uint32_t uniform(Place place) {
    const std::uint32_t index = groups.take();
    for (Word& entry : groups.group(index).words) entry.store(place.word, std::memory_order_relaxed);
    groups.tags(index).lengths.fill(place.tag);
    return index;
  }

  [[nodiscard]] std::uint32_t copy(std::uint32_t from) {
    const std::uint32_t index = groups.take();
    Group& fresh = groups.group(index);
    const Group& old = groups.group(from);
    for (std::uint32_t i = 0; i < kGroupPlaces; ++i) {
      fresh.words[i].store(old.words[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    groups.tags(index) = groups.tags(from);
    replaced.push_back(from);
    return index;
  }

  /// Changes a group that no reader sees yet; one that has become uniform turns back into a place.
  [[nodiscard]] Place changed_group(std::uint32_t index, std::uint32_t base, unsigned depth_bits) {
    const unsigned inner_bits = depth_bits + 8;
    const unsigned shift = 32 - inner_bits;
    std::uint32_t first = 0;
    std::uint32_t last = kGroupPlaces - 1;
    if (prefix.length > depth_bits) {
      first = prefix.address >> shift & 0xFFU;
      last = prefix.last() >> shift & 0xFFU;
    }
    Group& group = groups.group(index);
    Tags& tags = groups.tags(index);
    for (std::uint32_t i = first; i <= last; ++i) {
      const Place before{group.words[i].load(std::memory_order_relaxed), tags.lengths[i]};
      const Place after = changed(before, base | i << shift, inner_bits);
      group.words[i].store(after.word, std::memory_order_relaxed);
      tags.lengths[i] = after.tag;
    }
    return collapsed(index, depth_bits);
  }

  [[nodiscard]] Place collapsed(std::uint32_t index, unsigned depth_bits) {
    if (!is_uniform(index, depth_bits)) return {kDeeper | index, 0};
    const Place place{groups.group(index).words[0].load(std::memory_order_relaxed), groups.tags(index).lengths[0]};
    groups.give_back({index});  // no reader has ever seen it
    return place;
  }

  /// Says the group the same in every place, by a prefix that its parent could hold?
  [[nodiscard]] bool is_uniform(std::uint32_t index, unsigned depth_bits) const {
    const auto& lengths = groups.tags(index).lengths;
    if (lengths[0] > depth_bits || !std::ranges::all_of(lengths, [&](auto length) { return length == lengths[0]; })) {
      return false;
    }
    const auto& words = groups.group(index).words;
    const std::uint32_t first = words[0].load(std::memory_order_relaxed);
    return (first & kDeeper) == 0 &&
           std::ranges::all_of(words, [&](const Word& w) { return w.load(std::memory_order_relaxed) == first; });
  }
};

Result no_route() noexcept { return {ResultType::drop, static_cast<std::uint32_t>(common::DropReason::no_route)}; }

std::optional<Prefix4> Prefix4::from(const common::Prefix& prefix) noexcept {
  if (!prefix.address.is_v4()) return std::nullopt;
  return Prefix4{prefix.address.v4_host(), prefix.length};
}

Fib::Fib(Defer defer) : groups_(std::make_shared<Groups>()), defer_(std::move(defer)) {
  for (std::uint32_t i = 0; i < kRootPlaces; ++i) groups_->root[i].store(no_route().word(), std::memory_order_relaxed);
}

Fib::~Fib() = default;

Result Fib::lookup(std::uint32_t address) const noexcept {
  // Acquire: a group is seen with the content that it was published with.
  std::uint32_t word = groups_->root[address >> 16U].load(std::memory_order_acquire);
  if ((word & kDeeper) == 0) return Result::from_word(word);
  word = groups_->group(word & ~kDeeper).words[address >> 8U & 0xFFU].load(std::memory_order_acquire);
  if ((word & kDeeper) == 0) return Result::from_word(word);
  return Result::from_word(groups_->group(word & ~kDeeper).words[address & 0xFFU].load(std::memory_order_acquire));
}

void Fib::lookup_burst(std::span<const std::uint32_t> addresses, std::span<Result> results) const noexcept {
  assert(addresses.size() == results.size());
  for (std::size_t begin = 0; begin < addresses.size(); begin += kBurstAhead) {
    const std::size_t end = std::min(begin + kBurstAhead, addresses.size());
    for (std::size_t i = begin; i < end; ++i) rte_prefetch0(&groups_->root[addresses[i] >> 16U]);
    for (std::size_t i = begin; i < end; ++i) results[i] = lookup(addresses[i]);
  }
}

void Fib::set(Prefix4 prefix, Result result) {
  assert((prefix.address & ~prefix.mask()) == 0);
  routes_.insert_or_assign(prefix, result);
  apply(prefix, result, prefix.length);
}

bool Fib::remove(Prefix4 prefix) {
  if (routes_.erase(prefix) == 0) return false;
  for (std::uint8_t length = prefix.length; length-- > 0;) {
    Prefix4 shorter{prefix.address, length};
    shorter.address &= shorter.mask();
    if (const auto covering = routes_.find(shorter); covering != routes_.end()) {
      apply(prefix, covering->second, length);
      return true;
    }
  }
  apply(prefix, no_route(), 0);
  return true;
}

std::optional<Result> Fib::find(Prefix4 prefix) const {
  const auto at = routes_.find(prefix);
  return at == routes_.end() ? std::nullopt : std::optional(at->second);
}

void Fib::apply(Prefix4 prefix, Result result, std::uint8_t tag) {
  Change change{*groups_, prefix, result.word(), tag, {}};
  const std::uint32_t first = prefix.address >> 16U;
  const std::uint32_t last = prefix.last() >> 16U;
  for (std::uint32_t i = first; i <= last; ++i) {
    const Change::Place before{groups_->root[i].load(std::memory_order_relaxed), groups_->root_tags[i]};
    const Change::Place after = change.changed(before, i << 16U, 16);
    if (after.word != before.word) groups_->root[i].store(after.word, std::memory_order_release);
    groups_->root_tags[i] = after.tag;
  }
  if (change.replaced.empty()) return;
  defer_([groups = groups_, replaced = std::move(change.replaced)] { groups->give_back(replaced); });
}

std::size_t Fib::memory_octets() const noexcept { return groups_->memory_octets(); }

}  // namespace dataplane::route
