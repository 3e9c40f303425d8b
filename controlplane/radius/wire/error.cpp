// Texts of the errors.

#include "controlplane/radius/wire/error.hpp"

namespace controlplane::radius::wire {

std::string_view to_string(WireError error) noexcept {
  switch (error) {
    case WireError::truncated:
      return "truncated";
    case WireError::bad_length:
      return "bad length";
    case WireError::bad_attribute:
      return "malformed attribute";
    case WireError::bad_vendor:
      return "malformed Vendor-Specific attribute";
    case WireError::bad_value:
      return "value of the wrong size";
    case WireError::bad_key:
      return "hidden value does not decrypt";
    case WireError::value_too_long:
      return "value longer than 253 octets";
    case WireError::packet_too_long:
      return "packet longer than 4096 octets";
    case WireError::crypto:
      return "MD5 is not available";
  }
  return "unknown error";
}

}  // namespace controlplane::radius::wire
