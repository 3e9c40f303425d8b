#include "common/secret.hpp"

#include <type_traits>

#include <gtest/gtest.h>

namespace common {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);

TEST(SecretBytes, MovesAndLeavesNothingBehind) {
  SecretBytes first(as_bytes(std::string_view("cisco")));
  const SecretBytes second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): that is the promise
  EXPECT_EQ(as_text(second.view()), "cisco");
}

TEST(SecretBytes, ComparesByContent) {
  const SecretBytes a(as_bytes(std::string_view("one")));
  const SecretBytes b(as_bytes(std::string_view("two")));
  EXPECT_TRUE(a.equals(a.clone()));
  EXPECT_FALSE(a.equals(b));
  EXPECT_FALSE(a.equals(SecretBytes{}));
}

TEST(Wipe, OverwritesEveryOctet) {
  Bytes octets = {1, 2, 3};
  wipe(octets);
  EXPECT_EQ(octets, Bytes(3));
}

}  // namespace
}  // namespace common
