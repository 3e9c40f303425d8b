#pragma once
// A value or a named error. Each room has its own error enum; nothing is thrown after start-up.

#include <expected>

namespace common {

template <class T, class E>
using Result = std::expected<T, E>;

}  // namespace common
