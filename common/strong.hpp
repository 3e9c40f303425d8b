#pragma once
// A value with a name of its own: an SPI cannot be passed where a port is expected.

#include <compare>
#include <cstddef>
#include <functional>

namespace common {

/// A distinct type over a plain one. Converts neither way; `.value()` is the only way out.
/// @tparam T    the representation, trivially copyable
/// @tparam Tag  an incomplete struct that names the type
template <class T, class Tag>
class Strong {
 public:
  using Value = T;

  constexpr Strong() noexcept = default;
  constexpr explicit Strong(T value) noexcept : value_(value) {}

  [[nodiscard]] constexpr T value() const noexcept { return value_; }

  friend constexpr auto operator<=>(const Strong&, const Strong&) noexcept = default;

 private:
  T value_{};
};

}  // namespace common

template <class T, class Tag>
struct std::hash<common::Strong<T, Tag>> {
  [[nodiscard]] std::size_t operator()(const common::Strong<T, Tag>& strong) const noexcept {
    return std::hash<T>{}(strong.value());
  }
};
