#pragma once
// Keys and shared secrets in memory (promise P6): wiped when freed, moved but never copied, and without a way to print
// them.

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes.hpp"

namespace common {

/// Overwrites octets in a way the compiler may not drop.
void wipe(MutableByteView octets) noexcept;

/// Compares in time that depends on the lengths only. Different lengths are unequal.
[[nodiscard]] bool constant_time_equal(ByteView a, ByteView b) noexcept;

/// Octets that nobody may see. There is deliberately no operator<<, no formatter and no copy constructor; `clone` says
/// it aloud.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(ByteView octets) : octets_(octets.begin(), octets.end()) {}
  explicit SecretBytes(std::size_t octets) : octets_(octets) {}
  ~SecretBytes() { clear(); }

  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&& other) noexcept : octets_(std::move(other.octets_)) { other.octets_.clear(); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      clear();
      octets_ = std::move(other.octets_);
      other.octets_.clear();
    }
    return *this;
  }

  [[nodiscard]] SecretBytes clone() const { return SecretBytes(view()); }
  [[nodiscard]] ByteView view() const noexcept { return octets_; }
  [[nodiscard]] MutableByteView mutable_view() noexcept { return octets_; }
  [[nodiscard]] std::size_t size() const noexcept { return octets_.size(); }
  [[nodiscard]] bool empty() const noexcept { return octets_.empty(); }
  void clear() noexcept {
    wipe(octets_);
    octets_.clear();
  }
  [[nodiscard]] bool equals(const SecretBytes& other) const noexcept {
    return constant_time_equal(view(), other.view());
  }

 private:
  Bytes octets_;
};

}  // namespace common
