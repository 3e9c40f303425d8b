#pragma once
// Test vectors are written in hexadecimal.

#include <string_view>

#include "common/bytes.hpp"

/// @pre text is hexadecimal
inline common::Bytes hex(std::string_view text) { return common::parse_hex(text).value(); }
