// Suites that exist, that do not yet, and keys from birth to wiping.

#include "dataplane/crypto/suite.hpp"

#include <algorithm>
#include <memory_resource>

#include <gtest/gtest.h>

namespace dataplane::crypto {
namespace {

using common::Suite;

TEST(Suites, OnlyGcmIsComputed) {
  for (const common::SuiteFacts& facts : common::kSuites) {
    const bool is_gcm = facts.suite == Suite::aes_gcm_16_128 || facts.suite == Suite::aes_gcm_16_256;
    const auto ops = find_ops(facts.suite);
    ASSERT_EQ(ops.has_value(), is_gcm) << facts.name;
    if (ops) {
      EXPECT_EQ((*ops)->facts.suite, facts.suite);
      EXPECT_EQ(*ops, find_ops(facts.suite).value()) << "one table for each suite";
      EXPECT_EQ((*ops)->schedule_octets % Key::kScheduleAlignment, 0);
    } else {
      EXPECT_EQ(ops.error(), CryptoError::unsupported_suite) << facts.name;
    }
  }
  EXPECT_EQ(find_ops(static_cast<Suite>(999)).error(), CryptoError::unknown_suite);
  EXPECT_EQ(find_ops(static_cast<Suite>(0)).error(), CryptoError::unknown_suite);
}

TEST(Keys, WrongLengthsAreRefused) {
  for (const std::size_t octets : {std::size_t{0}, std::size_t{16}, std::size_t{19}, std::size_t{21}, std::size_t{36}})
    EXPECT_EQ(Key::make(Suite::aes_gcm_16_128, common::Bytes(octets), {}).error(), CryptoError::bad_key_length);
  EXPECT_EQ(Key::make(Suite::aes_gcm_16_256, common::Bytes(20), {}).error(), CryptoError::bad_key_length);
  EXPECT_EQ(Key::make(Suite::aes_gcm_16_128, common::Bytes(20), common::Bytes(32)).error(),
            CryptoError::bad_key_length);
  EXPECT_EQ(Key::make(Suite::chacha20_poly1305, common::Bytes(36), {}).error(), CryptoError::unsupported_suite);
  EXPECT_EQ(Key::make(static_cast<Suite>(77), common::Bytes(36), {}).error(), CryptoError::unknown_suite);
}

TEST(Keys, SaltIsTheEndOfKeymat) {
  common::Bytes keymat(20, 0x11);
  keymat[16] = 1, keymat[17] = 2, keymat[18] = 3, keymat[19] = 4;
  const auto key = Key::make(Suite::aes_gcm_16_128, keymat, {});
  ASSERT_TRUE(key);
  EXPECT_EQ(key->salt(), (std::array<std::uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(key->schedule()) % Key::kScheduleAlignment, 0);
}

/// Looks at memory when it comes back.
class Watching final : public std::pmr::memory_resource {
 public:
  int allocated = 0;
  int wiped = 0;

 private:
  void* do_allocate(std::size_t octets, std::size_t alignment) override {
    ++allocated;
    return std::pmr::new_delete_resource()->allocate(octets, alignment);
  }
  void do_deallocate(void* memory, std::size_t octets, std::size_t alignment) override {
    const auto* octet = static_cast<const std::uint8_t*>(memory);
    if (std::all_of(octet, octet + octets, [](std::uint8_t value) { return value == 0; })) ++wiped;
    std::pmr::new_delete_resource()->deallocate(memory, octets, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(Keys, AreWipedWhenFreed) {
  Watching memory;
  {
    Key kept;
    {
      auto key = Key::make(Suite::aes_gcm_16_256, common::Bytes(36, 0xA5), {}, memory);
      ASSERT_TRUE(key);
      kept = std::move(*key);
      EXPECT_FALSE(key->is_set());
    }
    EXPECT_TRUE(kept.is_set());
    EXPECT_EQ(memory.wiped, 0) << "moving frees nothing";
    kept = std::move(Key::make(Suite::aes_gcm_16_128, common::Bytes(20, 0x5A), {}, memory).value());
    EXPECT_EQ(memory.wiped, 1);
  }
  EXPECT_EQ(memory.allocated, 2);
  EXPECT_EQ(memory.wiped, 2);
}

TEST(Keys, NoMemoryIsAnError) {
  EXPECT_EQ(Key::make(Suite::aes_gcm_16_128, common::Bytes(20), {}, *std::pmr::null_memory_resource()).error(),
            CryptoError::no_memory);
}

}  // namespace
}  // namespace dataplane::crypto
