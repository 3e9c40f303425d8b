// The writer of the adjacency table. A place always points to an entry, so that readers need no test: a free place
// points to one that is not resolved.

#include "dataplane/route/adjacencies.hpp"

#include <utility>

namespace dataplane::route {

namespace {
constexpr Adjacency kNobody{};
}  // namespace

Adjacencies::Adjacencies(std::uint32_t capacity, Defer defer)
    : capacity_(capacity),
      places_(std::make_unique<std::atomic<const Adjacency*>[]>(capacity)),
      used_(std::make_unique<std::atomic<std::uint8_t>[]>(capacity)),
      free_(std::make_shared<std::vector<std::uint32_t>>()),
      defer_(std::move(defer)) {
  free_->reserve(capacity);
  for (std::uint32_t i = capacity; i-- > 0;) {
    places_[i].store(&kNobody, std::memory_order_relaxed);
    free_->push_back(i);
  }
}

Adjacencies::~Adjacencies() {
  for (std::uint32_t i = 0; i < capacity_; ++i) {
    if (const Adjacency* entry = places_[i].load(std::memory_order_relaxed); entry != &kNobody) delete entry;
  }
}

std::optional<ids::AdjacencyIndex> Adjacencies::add(const Adjacency& adjacency) {
  if (free_->empty()) return std::nullopt;
  const std::uint32_t index = free_->back();
  free_->pop_back();
  used_[index].store(0, std::memory_order_relaxed);
  places_[index].store(new Adjacency(adjacency), std::memory_order_release);
  return ids::AdjacencyIndex{index};
}

void Adjacencies::replace(ids::AdjacencyIndex index, const Adjacency& adjacency) {
  const Adjacency* old = places_[index.value()].exchange(new Adjacency(adjacency), std::memory_order_acq_rel);
  defer_([entry = std::unique_ptr<const Adjacency>(old)] {});
}

void Adjacencies::remove(ids::AdjacencyIndex index) {
  const Adjacency* old = places_[index.value()].exchange(&kNobody, std::memory_order_acq_rel);
  defer_([entry = std::unique_ptr<const Adjacency>(old), free = free_, index] { free->push_back(index.value()); });
}

}  // namespace dataplane::route
