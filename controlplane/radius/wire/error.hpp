#pragma once
// Why octets are no RADIUS packet, or a packet cannot be written.

#include <cstdint>
#include <string_view>

#include "common/result.hpp"

namespace controlplane::radius::wire {

enum class WireError : std::uint8_t {
  truncated,        ///< fewer octets than a header, or than its Length says (RFC 2865 §3: silently discard)
  bad_length,       ///< Length below 20 or above 4096 (RFC 2865 §3)
  bad_attribute,    ///< an attribute's Length is below 2 or runs over the end (RFC 2865 §5)
  bad_vendor,       ///< a Vendor-Specific attribute whose inner lengths do not add up (RFC 2865 §5.26)
  bad_value,        ///< an attribute of the wrong size for its type
  bad_key,          ///< a hidden value that does not decrypt to a sensible length (RFC 2548 §2.4.2)
  value_too_long,   ///< writing: more than 253 octets in one attribute
  packet_too_long,  ///< writing: more than 4096 octets
  crypto,           ///< the cryptographic library refused (MD5 switched off)
};

template <class T>
using Result = common::Result<T, WireError>;

[[nodiscard]] std::string_view to_string(WireError error) noexcept;

}  // namespace controlplane::radius::wire
