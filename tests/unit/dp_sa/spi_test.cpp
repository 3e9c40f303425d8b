// Inbound SPIs: order, generations, reservations; and the latch of ended ids.

#include <set>

#include <gtest/gtest.h>

#include "dataplane/sa/ended_ids.hpp"
#include "dataplane/sa/spi_allocator.hpp"
#include "dataplane/sa/tables.hpp"

namespace dataplane::sa {
namespace {

constexpr ids::SpiLayout kLayout{8};
constexpr std::uint32_t kPlaces = 256;

TEST(Spi, NoneIsBelow256AndAllDiffer) {
  common::ManualClock clock;
  SpiAllocator spis(kLayout, kPlaces, 1);
  std::set<common::Spi> seen;
  for (std::uint32_t i = 0; i < kPlaces; ++i) {
    const auto spi = spis.reserve(clock.monotonic());
    ASSERT_TRUE(spi.has_value());
    EXPECT_GE(spi->value(), 256U);
    EXPECT_TRUE(seen.insert(*spi).second);
  }
  EXPECT_FALSE(spis.reserve(clock.monotonic()).has_value()) << "every place is taken";
  EXPECT_EQ(spis.reserved(), kPlaces);
}

TEST(Spi, OldestPlaceFirstAndItsGenerationSurvives) {
  common::ManualClock clock;
  SpiAllocator spis(kLayout, kPlaces, 1);
  const auto first = *spis.reserve(clock.monotonic());
  ASSERT_TRUE(spis.take(first));
  spis.release(first);
  // All other places come before it is given again.
  for (std::uint32_t i = 1; i < kPlaces; ++i)
    EXPECT_NE(kLayout.index(*spis.reserve(clock.monotonic())), kLayout.index(first));
  const auto again = *spis.reserve(clock.monotonic());
  EXPECT_EQ(kLayout.index(again), kLayout.index(first));
  EXPECT_NE(kLayout.generation(again), kLayout.generation(first));
  EXPECT_FALSE(spis.is_reserved(first));
}

TEST(Spi, GenerationWrapsPastZero) {
  common::ManualClock clock;
  constexpr ids::SpiLayout wide{24};  // 255 generations
  SpiAllocator spis(wide, 1, 3);
  std::set<std::uint32_t> generations;
  for (int i = 0; i < 600; ++i) {
    const auto spi = *spis.reserve(clock.monotonic());
    EXPECT_NE(wide.generation(spi), 0U);
    generations.insert(wide.generation(spi));
    EXPECT_TRUE(spis.give_back(spi));
  }
  EXPECT_EQ(generations.size(), 255U);
}

TEST(Spi, ReservationsExpire) {
  common::ManualClock clock;
  SpiAllocator spis(kLayout, kPlaces, 1);
  const auto kept = *spis.reserve(clock.monotonic());
  ASSERT_TRUE(spis.take(kept));
  clock.advance(std::chrono::seconds(1));
  const auto lost = *spis.reserve(clock.monotonic());
  clock.advance(SpiAllocator::kReservationTime - std::chrono::milliseconds(1));
  spis.expire(clock.monotonic());
  EXPECT_TRUE(spis.is_reserved(lost));
  clock.advance(std::chrono::milliseconds(1));
  spis.expire(clock.monotonic());
  EXPECT_FALSE(spis.is_reserved(lost));
  EXPECT_FALSE(spis.take(lost));
  EXPECT_EQ(spis.used(), 1U) << "what was taken does not expire";
  EXPECT_EQ(spis.free_places(), kPlaces - 1);
}

TEST(Spi, WrongOnesAreRefused) {
  common::ManualClock clock;
  SpiAllocator spis(kLayout, kPlaces, 1);
  const auto spi = *spis.reserve(clock.monotonic());
  EXPECT_FALSE(spis.take(common::Spi{spi.value() + 256}));
  EXPECT_FALSE(spis.give_back(common::Spi{0}));
  EXPECT_TRUE(spis.take(spi));
  EXPECT_FALSE(spis.take(spi)) << "used already";
  EXPECT_FALSE(spis.give_back(spi)) << "used, not reserved";
  spis.release(spi);
  spis.release(spi);
  EXPECT_EQ(spis.free_places(), kPlaces) << "a second release changes nothing";
}

TEST(Places, RoomForRekeysAndReservations) {
  EXPECT_GE(sa_places(1), 256U);
  EXPECT_GE(sa_places(10'000), 24'096U);
  EXPECT_EQ(std::popcount(sa_places(10'000)), 1);
  EXPECT_GE(sa_places(1'000'000), 2'000'000U);
  EXPECT_LE(ids::SpiLayout::for_places(sa_places(1'000'000)).index_bits, 24U);
}

TEST(EndedIds, RemembersAndRefusesWhatIsOlder) {
  EndedIds ended(2);
  EXPECT_FALSE(ended.contains(common::SessionId{1}));
  for (const std::uint64_t id : {10U, 30U, 20U}) ended.add(common::SessionId{id});
  EXPECT_TRUE(ended.contains(common::SessionId{10})) << "fell out of the list, but lies on the floor";
  EXPECT_TRUE(ended.contains(common::SessionId{9}));
  EXPECT_TRUE(ended.contains(common::SessionId{20}));
  EXPECT_TRUE(ended.contains(common::SessionId{30}));
  EXPECT_FALSE(ended.contains(common::SessionId{11}));
  EXPECT_FALSE(ended.contains(common::SessionId{31}));
}

}  // namespace
}  // namespace dataplane::sa
