#pragma once
// Random octets from the library's generator. Any thread. Ends the process when there are none to be had.

#include <cstddef>

#include "common/bytes.hpp"
#include "common/secret.hpp"

namespace controlplane::crypto {

void random(common::MutableByteView out) noexcept;
[[nodiscard]] common::Bytes random_bytes(std::size_t octets);

}  // namespace controlplane::crypto
