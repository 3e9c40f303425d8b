// The replay window against a model that remembers everything, and the edges of extended sequence numbers.

#include "dataplane/esp/replay.hpp"

#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace dataplane::esp {
namespace {

struct Window {
  explicit Window(std::uint32_t packets) : words(ReplayWindow::words_for(packets), ~0ULL), window(words, packets) {}
  std::vector<std::uint64_t> words;
  ReplayWindow window;
};

/// Remembers every number.
class Model {
 public:
  explicit Model(std::uint64_t width) : width_(width) {}
  [[nodiscard]] Replay check(std::uint64_t sequence) const {
    if (sequence == 0) return Replay::old;
    if (sequence > highest_) return Replay::advances;
    if (highest_ - sequence >= width_) return Replay::old;
    return seen_.contains(sequence) ? Replay::duplicate : Replay::within;
  }
  Replay check_and_set(std::uint64_t sequence) {
    const Replay verdict = check(sequence);
    if (is_fresh(verdict)) seen_.insert(sequence);
    highest_ = std::max(highest_, is_fresh(verdict) ? sequence : 0);
    return verdict;
  }
  [[nodiscard]] std::uint64_t highest() const { return highest_; }

 private:
  std::uint64_t width_;
  std::uint64_t highest_ = 0;
  std::set<std::uint64_t> seen_;
};

class ReplayWidths : public testing::TestWithParam<std::uint32_t> {};

TEST_P(ReplayWidths, AgreesWithTheModel) {
  Window ours(GetParam());
  Model model(GetParam());
  std::mt19937_64 random(GetParam());
  for (int i = 0; i < 50'000; ++i) {
    const std::uint64_t near = GetParam() + GetParam() / 4;
    std::uint64_t sequence = model.highest() + near / 2 - random() % near;
    if (random() % 500 == 0) sequence = model.highest() + 1 + random() % (std::uint64_t{GetParam()} * 40);
    if (static_cast<std::int64_t>(sequence) < 0) sequence = random() % 4;
    ASSERT_EQ(ours.window.check(sequence), model.check(sequence)) << sequence << " of " << model.highest();
    ASSERT_EQ(ours.window.check_and_set(sequence), model.check_and_set(sequence)) << sequence;
    ASSERT_EQ(ours.window.highest(), model.highest());
  }
}

TEST_P(ReplayWidths, Edges) {
  Window of(GetParam());
  ReplayWindow& window = of.window;
  const std::uint64_t width = GetParam();
  EXPECT_EQ(window.check_and_set(0), Replay::old) << "numbers begin with 1 (RFC 4303 §2.2)";
  EXPECT_EQ(window.check_and_set(1), Replay::advances);
  EXPECT_EQ(window.check_and_set(1), Replay::duplicate);
  EXPECT_EQ(window.check_and_set(width + 1), Replay::advances);
  EXPECT_EQ(window.check(1), Replay::old) << "one left of the window";
  EXPECT_EQ(window.check_and_set(2), Replay::within) << "the window's left edge";
  EXPECT_EQ(window.check_and_set(2), Replay::duplicate);
  const std::uint64_t far = std::uint64_t{1} << 40U;
  EXPECT_EQ(window.check_and_set(far), Replay::advances) << "a jump across the whole ring clears it";
  for (std::uint64_t back = 1; back < width; ++back) ASSERT_EQ(window.check_and_set(far - back), Replay::within);
  for (std::uint64_t back = 0; back < width; ++back) ASSERT_EQ(window.check(far - back), Replay::duplicate);
  EXPECT_EQ(window.check(far - width), Replay::old);
  EXPECT_EQ(window.check_and_set(~0ULL), Replay::advances) << "the last number there is";
  EXPECT_EQ(window.check_and_set(~0ULL), Replay::duplicate);
}

INSTANTIATE_TEST_SUITE_P(Packets, ReplayWidths, testing::Values(64U, 128U, 1024U, 4096U));

TEST(Replay, StorageFollowsTheWidth) {
  EXPECT_EQ(ReplayWindow::words_for(0), 0U);
  EXPECT_EQ(ReplayWindow::words_for(64), 2U);
  EXPECT_EQ(ReplayWindow::words_for(128), 4U);
  EXPECT_EQ(ReplayWindow::words_for(1024), 32U);
  EXPECT_EQ(ReplayWindow::words_for(4096), 128U);
}

TEST(Replay, CheckChangesNothing) {
  Window of(64);
  EXPECT_EQ(of.window.check(7), Replay::advances);
  EXPECT_EQ(of.window.check(7), Replay::advances);
  EXPECT_EQ(of.window.highest(), 0U);
}

TEST(Replay, WithoutAntiReplayOnlyZeroIsOld) {
  ReplayWindow window;
  EXPECT_EQ(window.check_and_set(0), Replay::old);
  EXPECT_EQ(window.check_and_set(5), Replay::advances);
  EXPECT_EQ(window.check_and_set(5), Replay::within);
  EXPECT_EQ(window.check_and_set(1), Replay::within);
}

/// A window whose highest number is `top`.
[[nodiscard]] Window at(std::uint32_t packets, std::uint64_t top) {
  Window window(packets);
  EXPECT_EQ(window.window.check_and_set(top), Replay::advances);
  return window;
}

TEST(Esn, InferenceAfterAppendixA) {
  constexpr std::uint64_t kSubspace = std::uint64_t{1} << 32U;
  // Case A: the window lies within one subspace.
  EXPECT_EQ(at(64, 5 * kSubspace + 1000).window.infer_esn(1001), 5 * kSubspace + 1001);
  EXPECT_EQ(at(64, 5 * kSubspace + 1000).window.infer_esn(1000 - 63), 5 * kSubspace + 1000 - 63);
  EXPECT_EQ(at(64, 5 * kSubspace + 1000).window.infer_esn(1000 - 64), 6 * kSubspace + 1000 - 64)
      << "left of the window means the next subspace";
  EXPECT_EQ(at(64, 5 * kSubspace + 63).window.infer_esn(0), 5 * kSubspace) << "the smallest top of case A";
  EXPECT_EQ(at(64, 5 * kSubspace + 0xFFFF'FFFF).window.infer_esn(0), 6 * kSubspace);
  // Case B: the window straddles two.
  EXPECT_EQ(at(64, 5 * kSubspace + 10).window.infer_esn(11), 5 * kSubspace + 11);
  EXPECT_EQ(at(64, 5 * kSubspace + 10).window.infer_esn(0), 5 * kSubspace);
  EXPECT_EQ(at(64, 5 * kSubspace + 10).window.infer_esn(0xFFFF'FFFF), 4 * kSubspace + 0xFFFF'FFFF);
  EXPECT_EQ(at(64, 5 * kSubspace + 10).window.infer_esn(static_cast<std::uint32_t>(10 - 63)), 5 * kSubspace + 10 - 63);
  EXPECT_EQ(at(64, 5 * kSubspace + 10).window.infer_esn(static_cast<std::uint32_t>(10 - 64)),
            5 * kSubspace + static_cast<std::uint32_t>(10 - 64));
}

TEST(Esn, BeforeTheFirstSubspaceIsNothing) {
  Window fresh(64);
  EXPECT_EQ(fresh.window.infer_esn(1), 1U);
  EXPECT_EQ(fresh.window.infer_esn(0xFFFF'FFFF), std::nullopt);
  EXPECT_EQ(at(64, 10).window.infer_esn(0xFFFF'FFF0), std::nullopt);
  EXPECT_EQ(at(64, 10).window.infer_esn(200), 200U);
}

TEST(Esn, FollowsASenderAcrossSubspaces) {
  // Whatever is within the window of the truth is inferred rightly, over the boundary as well.
  std::mt19937_64 random(7);
  Window of(1024);
  std::uint64_t sent = (std::uint64_t{3} << 32U) - 40'000;
  ASSERT_EQ(of.window.check_and_set(sent), Replay::advances);
  for (int i = 0; i < 100'000; ++i) {
    sent = std::max(sent, of.window.highest()) + 1;
    const std::uint64_t late = sent - random() % 900;
    const auto inferred = of.window.infer_esn(static_cast<std::uint32_t>(late));
    ASSERT_EQ(inferred, late);
    (void)of.window.check_and_set(*inferred);
  }
  EXPECT_GT(of.window.highest() >> 32U, 2U);
}

}  // namespace
}  // namespace dataplane::esp
