// Wiping and comparing secrets.

#include "common/secret.hpp"

#include <string.h>

namespace common {

void wipe(MutableByteView octets) noexcept {
  if (!octets.empty()) explicit_bzero(octets.data(), octets.size());
}

bool constant_time_equal(ByteView a, ByteView b) noexcept {
  if (a.size() != b.size()) return false;
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace common
