// The trie against the naive model, its memory, and the edges of prefixes.

#include "dataplane/route/fib.hpp"

#include <array>
#include <random>

#include <gtest/gtest.h>

#include "common/drop_reason.hpp"
#include "tests/unit/dp_route/model.hpp"

namespace dataplane::route::test {
namespace {

constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24U | b << 16U | c << 8U | d; }
Result adjacency(std::uint32_t index) { return {ResultType::adjacency, index}; }

TEST(Fib, EmptyTableAnswersNoRoute) {
  Deferred deferred;
  const Fib fib(deferred.hook());
  for (const std::uint32_t address : {0U, ip(10, 0, 0, 1), 0xFFFFFFFFU}) {
    EXPECT_EQ(fib.lookup(address).type(), ResultType::drop);
    EXPECT_EQ(fib.lookup(address).index(), static_cast<std::uint32_t>(common::DropReason::no_route));
  }
}

TEST(Fib, LongestPrefixWinsAtEveryLength) {
  Deferred deferred;
  Fib fib(deferred.hook());
  const std::uint32_t address = ip(198, 51, 100, 77);
  for (std::uint8_t length = 0; length <= 32; ++length) {
    Prefix4 prefix{address, length};
    prefix.address &= prefix.mask();
    fib.set(prefix, adjacency(length));
    EXPECT_EQ(fib.lookup(address), adjacency(length)) << unsigned{length};
    if (length > 0) {
      const std::uint32_t outside = address ^ (1U << (32U - length));
      EXPECT_EQ(fib.lookup(outside), adjacency(length - 1U)) << unsigned{length};
    }
  }
  EXPECT_EQ(fib.routes(), 33U);
  for (int length = 32; length > 0; --length) {
    Prefix4 prefix{address, static_cast<std::uint8_t>(length)};
    prefix.address &= prefix.mask();
    EXPECT_TRUE(fib.remove(prefix));
    EXPECT_EQ(fib.lookup(address), adjacency(static_cast<std::uint32_t>(length) - 1));
  }
  EXPECT_TRUE(fib.remove({0, 0}));
  EXPECT_EQ(fib.lookup(address), no_route());
}

TEST(Fib, LaterShorterPrefixLeavesLongerOnesAlone) {
  Deferred deferred;
  Fib fib(deferred.hook());
  fib.set({ip(10, 1, 2, 3), 32}, adjacency(32));
  fib.set({ip(10, 1, 2, 0), 24}, adjacency(24));
  fib.set({ip(10, 0, 0, 0), 8}, adjacency(8));
  EXPECT_EQ(fib.lookup(ip(10, 1, 2, 3)), adjacency(32));
  EXPECT_EQ(fib.lookup(ip(10, 1, 2, 4)), adjacency(24));
  EXPECT_EQ(fib.lookup(ip(10, 1, 3, 4)), adjacency(8));
  EXPECT_EQ(fib.lookup(ip(10, 255, 255, 255)), adjacency(8));
  EXPECT_EQ(fib.lookup(ip(11, 0, 0, 0)), no_route());
}

TEST(Fib, RemovingWhatIsNotThereChangesNothing) {
  Deferred deferred;
  Fib fib(deferred.hook());
  fib.set({ip(10, 0, 0, 0), 8}, adjacency(1));
  EXPECT_FALSE(fib.remove({ip(10, 0, 0, 0), 9}));
  EXPECT_FALSE(fib.remove({ip(11, 0, 0, 0), 8}));
  EXPECT_EQ(fib.lookup(ip(10, 0, 0, 1)), adjacency(1));
  EXPECT_EQ(fib.find({ip(10, 0, 0, 0), 8}), adjacency(1));
  EXPECT_EQ(fib.find({ip(10, 0, 0, 0), 9}), std::nullopt);
}

TEST(Fib, FewRoutesCostLessThanAMebibyte) {
  Deferred deferred;
  Fib fib(deferred.hook());
  fib.set({0, 0}, adjacency(0));
  for (unsigned i = 0; i < 16; ++i) fib.set({ip(10, i, 7, 9), 32}, adjacency(i));
  EXPECT_LE(fib.memory_octets(), 1U << 20U);
}

TEST(Fib, GroupsAreUsedAgainOnlyAfterTheGracePeriod) {
  Deferred deferred;
  Fib fib(deferred.hook());
  const Prefix4 wide{ip(10, 1, 0, 0), 17};
  fib.set({ip(10, 1, 2, 3), 32}, adjacency(9));
  for (int i = 0; i < 400; ++i) fib.set(wide, adjacency(static_cast<std::uint32_t>(i)));  // copies, all waiting
  const std::size_t at_rest = fib.memory_octets();
  EXPECT_GT(deferred.waiting(), 0U);
  deferred.end_grace_period();
  for (int i = 0; i < 400; ++i) {
    fib.set(wide, adjacency(static_cast<std::uint32_t>(i)));
    deferred.end_grace_period();
  }
  EXPECT_EQ(fib.memory_octets(), at_rest);
  EXPECT_EQ(fib.lookup(ip(10, 1, 2, 3)), adjacency(9));
}

TEST(Fib, RemovingEverythingGivesEveryGroupBack) {
  Deferred deferred;
  Fib fib(deferred.hook());
  std::mt19937 random(7);
  std::vector<Prefix4> prefixes;
  const auto fill = [&] {
    for (const Prefix4& prefix : prefixes) fib.set(prefix, adjacency(1));
    deferred.end_grace_period();
    for (const Prefix4& prefix : prefixes) EXPECT_TRUE(fib.remove(prefix));
    deferred.end_grace_period();
  };
  std::map<Prefix4, int> once;
  for (int i = 0; i < 2000; ++i) {
    Prefix4 prefix{static_cast<std::uint32_t>(random()), static_cast<std::uint8_t>(random() % 33)};
    prefix.address &= prefix.mask();
    if (once.emplace(prefix, 0).second) prefixes.push_back(prefix);
  }
  fill();
  const std::size_t after_first = fib.memory_octets();
  for (int lap = 0; lap < 5; ++lap) fill();
  EXPECT_EQ(fib.memory_octets(), after_first) << "groups leak";
  EXPECT_EQ(fib.routes(), 0U);
  for (const Prefix4& prefix : prefixes) EXPECT_EQ(fib.lookup(prefix.address), no_route());
}

// Prefixes in a small corner of the space, so that they nest and replace each other at all lengths.
TEST(Fib, AgreesWithTheNaiveModelUnderRandomChanges) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    std::mt19937 random(seed);
    Deferred deferred;
    Fib fib(deferred.hook());
    Model model;
    const auto corner = [&] {
      static constexpr std::array<std::uint32_t, 4> kBytes = {0, 1, 127, 255};
      std::uint32_t address = 0;
      for (int i = 0; i < 4; ++i) address = address << 8U | kBytes[random() % kBytes.size()];
      return address ^ (random() % 8 == 0 ? 1U << random() % 32 : 0U);
    };
    for (int step = 0; step < 4000; ++step) {
      Prefix4 prefix{corner(), static_cast<std::uint8_t>(random() % 4 == 0 ? random() % 33 : 12 + random() % 21)};
      prefix.address &= prefix.mask();
      if (random() % 5 < 3) {
        const Result result = adjacency(static_cast<std::uint32_t>(step) + 1);
        fib.set(prefix, result);
        model.set(prefix, result);
      } else {
        EXPECT_EQ(fib.remove(prefix), model.routes().contains(prefix));
        model.remove(prefix);
      }
      if (random() % 16 == 0) deferred.end_grace_period();
      for (int probe = 0; probe < 24; ++probe) {
        const std::uint32_t address = probe % 2 == 0
                                          ? corner()
                                          : prefix.address + static_cast<std::uint32_t>(random()) %
                                                                 (prefix.length == 0 ? ~0U : ~prefix.mask() + 1);
        ASSERT_EQ(fib.lookup(address).word(), model.lookup(address).word()) << std::hex << address << " step " << step;
      }
    }
  }
}

TEST(Fib, BurstAnswersAsSingleLookupsDo) {
  Deferred deferred;
  Fib fib(deferred.hook());
  std::mt19937 random(3);
  for (std::uint32_t i = 0; i < 300; ++i) {
    Prefix4 prefix{static_cast<std::uint32_t>(random()), static_cast<std::uint8_t>(random() % 33)};
    prefix.address &= prefix.mask();
    fib.set(prefix, adjacency(i));
  }
  for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 200U}) {
    std::vector<std::uint32_t> addresses(size);
    for (auto& address : addresses) address = static_cast<std::uint32_t>(random());
    std::vector<Result> results(size);
    fib.lookup_burst(addresses, results);
    for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(results[i], fib.lookup(addresses[i]));
  }
}

}  // namespace
}  // namespace dataplane::route::test
