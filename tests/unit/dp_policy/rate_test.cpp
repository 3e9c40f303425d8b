// Limits of rate under a clock that the test owns.

#include "dataplane/policy/rate.hpp"

#include <gtest/gtest.h>

namespace dataplane::policy {
namespace {

constexpr std::uint64_t kHz = 2'000'000'000;

TEST(PacketLimit, BurstThenRate) {
  PacketLimit limit(1000, 50, kHz);
  std::uint64_t now = 5 * kHz;
  int passed = 0;
  for (int i = 0; i < 200; ++i) passed += limit.take(now) ? 1 : 0;
  EXPECT_EQ(passed, 50);
  for (int second = 0; second < 3; ++second) {
    passed = 0;
    for (int i = 0; i < 10'000; ++i, now += kHz / 10'000) passed += limit.take(now) ? 1 : 0;
    EXPECT_NEAR(passed, 1000, 1);
  }
  now += 60 * kHz;
  passed = 0;
  for (int i = 0; i < 200; ++i) passed += limit.take(now) ? 1 : 0;
  EXPECT_EQ(passed, 50) << "a long rest gives no more than the burst";
}

TEST(PacketLimit, ZeroRateStopsAll) {
  PacketLimit none(0, 100, kHz);
  EXPECT_FALSE(none.take(kHz));
  EXPECT_FALSE(PacketLimit{}.take(kHz));
}

TEST(PacketLimit, BurstOfNothingIsOneAtATime) {
  PacketLimit limit(10, 0, kHz);
  EXPECT_TRUE(limit.take(kHz));
  EXPECT_FALSE(limit.take(kHz));
  EXPECT_TRUE(limit.take(kHz + kHz / 10));
}

TEST(Session, UnlimitedNeverStops) {
  sa::Meter meter;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(conforms(meter, 0, kHz, kHz, 65'535));
}

/// Bits that pass in ten seconds of packets of one size, offered at ten times the rate.
[[nodiscard]] double passed_bits(std::uint64_t rate, std::uint32_t octets) {
  sa::Meter meter;
  std::uint64_t now = 3 * kHz;
  const std::uint64_t step = std::uint64_t{octets} * 8 * kHz / (rate * 10);
  double bits = 0;
  for (const std::uint64_t end = now + 10 * kHz; now < end; now += step)
    if (conforms(meter, rate, kHz, now, octets)) bits += octets * 8;
  return bits;
}

TEST(Session, KeepsItsRate) {
  for (const std::uint64_t rate : {64'000ULL, 10'000'000ULL, 1'000'000'000ULL})
    for (const std::uint32_t octets : {64U, 1400U}) {
      const double allowed = static_cast<double>(rate) * 10;
      const double burst = static_cast<double>(rate) / kBurstPart + 2.0 * octets * 8;
      EXPECT_GE(passed_bits(rate, octets), allowed * 0.99) << rate << ' ' << octets;
      EXPECT_LE(passed_bits(rate, octets), allowed + burst) << rate << ' ' << octets;
    }
}

TEST(Session, ALargePacketPassesASmallRate) {
  sa::Meter meter;
  EXPECT_TRUE(conforms(meter, 1000, kHz, kHz, 1500)) << "12 seconds' worth, at once";
  EXPECT_FALSE(conforms(meter, 1000, kHz, 2 * kHz, 1500));
  EXPECT_TRUE(conforms(meter, 1000, kHz, 14 * kHz, 1500));
}

}  // namespace
}  // namespace dataplane::policy
