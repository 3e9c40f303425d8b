#pragma once
// AES-GCM-16 (RFC 4106): the only door into gcm.cpp.

#include "dataplane/crypto/suite.hpp"

namespace dataplane::crypto {

/// nullptr for any suite but aes_gcm_16_128 and aes_gcm_16_256, or where the processor has no AES instructions.
[[nodiscard]] const SuiteOps* gcm_ops(common::Suite suite) noexcept;

}  // namespace dataplane::crypto
