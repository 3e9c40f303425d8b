// Finding a suite's functions, and keys from birth to wiping.

#include "dataplane/crypto/suite.hpp"

#include <algorithm>
#include <new>

#include "common/secret.hpp"
#include "dataplane/crypto/gcm.hpp"

namespace dataplane::crypto {

common::Result<const SuiteOps*, CryptoError> find_ops(common::Suite suite) noexcept {
  if (!common::find_suite(suite)) return std::unexpected(CryptoError::unknown_suite);
  const SuiteOps* ops = gcm_ops(suite);  // further suites ask their own files here
  if (ops == nullptr) return std::unexpected(CryptoError::unsupported_suite);
  return ops;
}

common::Result<Key, CryptoError> Key::make(common::Suite suite, common::ByteView encryption, common::ByteView integrity,
                                           std::pmr::memory_resource& memory) {
  const auto ops = find_ops(suite);
  if (!ops) return std::unexpected(ops.error());
  const common::SuiteFacts& facts = (*ops)->facts;
  if (encryption.size() != facts.encryption_keymat || integrity.size() != facts.integrity_keymat)
    return std::unexpected(CryptoError::bad_key_length);
  Key key;
  try {
    key.schedule_ = memory.allocate((*ops)->schedule_octets, kScheduleAlignment);
  } catch (const std::bad_alloc&) {
    return std::unexpected(CryptoError::no_memory);
  }
  key.ops_ = *ops;
  key.memory_ = &memory;
  (*ops)->expand(encryption, integrity, key.schedule_);
  std::ranges::copy(encryption.last(facts.salt), key.salt_.begin());
  return key;
}

void Key::reset() noexcept {
  if (schedule_ != nullptr) {
    common::wipe({static_cast<std::uint8_t*>(schedule_), ops_->schedule_octets});
    memory_->deallocate(schedule_, ops_->schedule_octets, kScheduleAlignment);
  }
  common::wipe(salt_);
  ops_ = nullptr;
  memory_ = nullptr;
  schedule_ = nullptr;
}

}  // namespace dataplane::crypto
