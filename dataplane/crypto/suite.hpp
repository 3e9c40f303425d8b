#pragma once
// The ESP suites as a worker computes them: per suite a small table of functions, and keys that wipe themselves.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <utility>

#include "common/bytes.hpp"
#include "common/result.hpp"
#include "common/suite.hpp"
#include "dataplane/crypto/batch.hpp"

namespace dataplane::crypto {

enum class CryptoError : std::uint8_t {
  unknown_suite,      ///< a number that names no suite
  unsupported_suite,  ///< known, but this release cannot compute it
  bad_key_length,     ///< keying material of another length than the suite takes
  no_memory,          ///< the memory resource has no room
};

/// What a suite can do. Constant for the life of the process; one per suite, so that pointers can be compared to group
/// packets.
struct SuiteOps {
  common::SuiteFacts facts;
  std::uint32_t schedule_octets;  ///< memory of one key schedule, cache-line aligned

  /// Expands keying material (RFC 7296 §2.17 order, salt last) into `schedule`, which is schedule_octets long and
  /// aligned to 64.
  void (*expand)(common::ByteView encryption, common::ByteView integrity, void* schedule) noexcept;
  /// Encrypts every packet of the batch in place and writes its ICV. @pre octets is a multiple of facts.block
  void (*encrypt)(Batch&) noexcept;
  /// Decrypts every packet of the batch in place and says in `intact` whether its ICV was right. What was not intact is
  /// garbage afterwards.
  void (*decrypt)(Batch&) noexcept;
  /// Fetches what encrypting or decrypting so many octets will read of the schedule.
  void (*prefetch)(const void* schedule, std::uint32_t octets) noexcept;
};

/// The table of a suite.
/// @error unknown_suite, unsupported_suite
/// Thread: any; the first call detects the CPU.
[[nodiscard]] common::Result<const SuiteOps*, CryptoError> find_ops(common::Suite suite) noexcept;

/// An expanded key, wiped when it is freed (P6). Movable, not copyable.
class Key {
 public:
  static constexpr std::size_t kScheduleAlignment = 64;

  Key() = default;
  ~Key() { reset(); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  Key(Key&& other) noexcept
      : ops_(std::exchange(other.ops_, nullptr)),
        memory_(std::exchange(other.memory_, nullptr)),
        schedule_(std::exchange(other.schedule_, nullptr)),
        salt_(std::exchange(other.salt_, {})) {}
  Key& operator=(Key&& other) noexcept {
    if (this != &other) {
      reset();
      ops_ = std::exchange(other.ops_, nullptr);
      memory_ = std::exchange(other.memory_, nullptr);
      schedule_ = std::exchange(other.schedule_, nullptr);
      salt_ = std::exchange(other.salt_, {});
    }
    return *this;
  }

  /// Expands a key for one direction of a child SA.
  /// @param encryption  facts.encryption_keymat octets, salt last
  /// @param integrity   facts.integrity_keymat octets; empty for AEAD
  /// @param memory      where the schedule lives; must outlive the key
  /// @error unknown_suite, unsupported_suite, bad_key_length, no_memory
  [[nodiscard]] static common::Result<Key, CryptoError> make(
      common::Suite suite, common::ByteView encryption, common::ByteView integrity,
      std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());

  [[nodiscard]] bool is_set() const noexcept { return schedule_ != nullptr; }
  [[nodiscard]] const SuiteOps* ops() const noexcept { return ops_; }
  /// For Batch::schedule; lives as long as this key.
  [[nodiscard]] const void* schedule() const noexcept { return schedule_; }
  /// First four octets of the nonce (RFC 4106 §4); 0 where the suite has none.
  [[nodiscard]] std::array<std::uint8_t, 4> salt() const noexcept { return salt_; }
  /// Wipes and frees.
  void reset() noexcept;

 private:
  const SuiteOps* ops_ = nullptr;
  std::pmr::memory_resource* memory_ = nullptr;
  void* schedule_ = nullptr;
  std::array<std::uint8_t, 4> salt_{};
};

}  // namespace dataplane::crypto
