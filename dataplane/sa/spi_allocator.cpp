// SPIs: a queue of free places and a queue of reservations, both oldest first.

#include "dataplane/sa/spi_allocator.hpp"

#include <random>

namespace dataplane::sa {

SpiAllocator::SpiAllocator(ids::SpiLayout layout, std::uint32_t places, std::uint64_t seed)
    : layout_(layout), places_(places) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::uint32_t> generations(1, layout_.max_generation());
  for (std::uint32_t i = 0; i < places; ++i) {
    places_[i].generation = generations(random);
    free_.push_back(i);
  }
}

bool SpiAllocator::is(common::Spi spi, State state) const noexcept {
  const std::uint32_t index = layout_.index(spi).value();
  return index < places_.size() && places_[index].state == state &&
         places_[index].generation == layout_.generation(spi);
}

std::optional<common::Spi> SpiAllocator::reserve(common::MonotonicTime now) {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t index = free_.front();
  free_.pop_front();
  Place& place = places_[index];
  place.generation = place.generation == layout_.max_generation() ? 1 : place.generation + 1;  // never 0: SPI >= 256
  place.state = State::reserved;
  ++reserved_;
  const common::Spi spi = layout_.spi(ids::SaIndex{index}, place.generation);
  reservations_.push_back({spi, now + kReservationTime});
  return spi;
}

bool SpiAllocator::is_reserved(common::Spi spi) const noexcept { return is(spi, State::reserved); }

bool SpiAllocator::take(common::Spi spi) noexcept {
  if (!is(spi, State::reserved)) return false;
  places_[layout_.index(spi).value()].state = State::used;
  --reserved_;
  ++used_;
  return true;
}

bool SpiAllocator::give_back(common::Spi spi) {
  if (!is(spi, State::reserved)) return false;
  const std::uint32_t index = layout_.index(spi).value();
  places_[index].state = State::free;
  free_.push_back(index);
  --reserved_;
  return true;
}

void SpiAllocator::release(common::Spi spi) {
  if (!is(spi, State::used)) return;
  const std::uint32_t index = layout_.index(spi).value();
  places_[index].state = State::free;
  free_.push_back(index);
  --used_;
}

void SpiAllocator::expire(common::MonotonicTime now) {
  while (!reservations_.empty() && reservations_.front().until <= now) {
    give_back(reservations_.front().spi);
    reservations_.pop_front();
  }
}

}  // namespace dataplane::sa
