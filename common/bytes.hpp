#pragma once
// Octets: views, bounds-checked reading and writing, big-endian fields of wire structs, hexadecimal text.

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace common {

using Bytes = std::vector<std::uint8_t>;
/// Octets that belong to somebody else and live as long as they say.
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

/// An unsigned integer in network order, for fields of packed wire structs. There is no implicit way in or out.
template <std::unsigned_integral T>
class BigEndian {
 public:
  constexpr BigEndian() noexcept = default;
  constexpr explicit BigEndian(T host) noexcept { set(host); }

  [[nodiscard]] constexpr T host() const noexcept {
    T value = 0;
    for (const std::uint8_t octet : octets_) value = static_cast<T>((value << 8U) | octet);
    return value;
  }
  constexpr void set(T host) noexcept {
    for (std::size_t i = sizeof(T); i-- > 0; host = static_cast<T>(static_cast<std::uint64_t>(host) >> 8U))
      octets_[i] = static_cast<std::uint8_t>(host);
  }
  friend constexpr bool operator==(const BigEndian&, const BigEndian&) noexcept = default;

 private:
  std::array<std::uint8_t, sizeof(T)> octets_{};
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
using Be64 = BigEndian<std::uint64_t>;
static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1 && sizeof(Be64) == 8);

/// Takes octets off the front of a view. A read that finds too few octets returns nullopt and consumes nothing.
/// Not thread-safe; the views it returns point into the original octets.
class ByteReader {
 public:
  constexpr explicit ByteReader(ByteView in) noexcept : in_(in) {}

  [[nodiscard]] constexpr std::size_t remaining() const noexcept { return in_.size(); }
  [[nodiscard]] constexpr bool empty() const noexcept { return in_.empty(); }
  [[nodiscard]] constexpr ByteView rest() const noexcept { return in_; }

  [[nodiscard]] constexpr std::optional<std::uint8_t> u8() noexcept { return big_endian<std::uint8_t>(); }
  [[nodiscard]] constexpr std::optional<std::uint16_t> be16() noexcept { return big_endian<std::uint16_t>(); }
  [[nodiscard]] constexpr std::optional<std::uint32_t> be32() noexcept { return big_endian<std::uint32_t>(); }
  [[nodiscard]] constexpr std::optional<std::uint64_t> be64() noexcept { return big_endian<std::uint64_t>(); }

  [[nodiscard]] constexpr std::optional<ByteView> take(std::size_t octets) noexcept {
    if (octets > in_.size()) return std::nullopt;
    const ByteView taken = in_.first(octets);
    in_ = in_.subspan(octets);
    return taken;
  }
  [[nodiscard]] constexpr bool skip(std::size_t octets) noexcept { return take(octets).has_value(); }

 private:
  template <std::unsigned_integral T>
  [[nodiscard]] constexpr std::optional<T> big_endian() noexcept {
    const auto octets = take(sizeof(T));
    if (!octets) return std::nullopt;
    T value = 0;
    for (const std::uint8_t octet : *octets) value = static_cast<T>((static_cast<std::uint64_t>(value) << 8U) | octet);
    return value;
  }

  ByteView in_;
};

/// Appends octets to a growing buffer; lengths that are known only afterwards are patched in.
class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(std::size_t expected_octets) { out_.reserve(expected_octets); }

  void u8(std::uint8_t value) { out_.push_back(value); }
  void be16(std::uint16_t value) { big_endian(value); }
  void be32(std::uint32_t value) { big_endian(value); }
  void be64(std::uint64_t value) { big_endian(value); }
  void bytes(ByteView octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }
  void text(std::string_view octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }
  void zeros(std::size_t octets) { out_.resize(out_.size() + octets); }

  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
  [[nodiscard]] ByteView view() const noexcept { return out_; }
  [[nodiscard]] MutableByteView mutable_view() noexcept { return out_; }
  /// Overwrites two octets that were written before. @pre at + 2 <= size()
  void patch_be16(std::size_t at, std::uint16_t value) noexcept {
    out_[at] = static_cast<std::uint8_t>(value >> 8U);
    out_[at + 1] = static_cast<std::uint8_t>(value);
  }
  /// Overwrites four octets that were written before. @pre at + 4 <= size()
  void patch_be32(std::size_t at, std::uint32_t value) noexcept {
    patch_be16(at, static_cast<std::uint16_t>(value >> 16U));
    patch_be16(at + 2, static_cast<std::uint16_t>(value));
  }
  [[nodiscard]] Bytes take() noexcept { return std::move(out_); }

 private:
  template <std::unsigned_integral T>
  void big_endian(T value) {
    for (std::size_t shift = sizeof(T) * 8; shift > 0;) {
      shift -= 8;
      out_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  }

  Bytes out_;
};

/// Views any trivially copyable object as octets. Text, literals included, takes the overload below: its octets without
/// the closing NUL.
template <class T>
  requires(std::is_trivially_copyable_v<T> && !std::is_convertible_v<const T&, std::string_view>)
[[nodiscard]] ByteView as_bytes(const T& object) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(&object), sizeof(T)};
}
[[nodiscard]] inline ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(ByteView octets) noexcept {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

/// Lower-case hexadecimal without separators.
[[nodiscard]] std::string to_hex(ByteView octets);
/// Reads hexadecimal of either case; white space between octets is ignored. nullopt for any other character or half an
/// octet.
[[nodiscard]] std::optional<Bytes> parse_hex(std::string_view text);

}  // namespace common
