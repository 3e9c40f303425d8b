#pragma once
// One packet through a suite, for tests.

#include <algorithm>
#include <cstdint>

#include "common/bytes.hpp"
#include "dataplane/crypto/suite.hpp"

namespace dataplane::crypto {

struct Sealed {
  common::Bytes ciphertext;
  common::Bytes icv;
};

/// Appends one packet whose payload and ICV are the caller's buffers.
inline void append(Batch& batch, const Key& key, common::ByteView nonce, common::ByteView aad,
                   common::MutableByteView payload, std::uint8_t* icv) {
  const std::size_t at = batch.count++;
  batch.schedule[at] = key.schedule();
  batch.payload[at] = payload.data();
  batch.octets[at] = static_cast<std::uint32_t>(payload.size());
  batch.icv[at] = icv;
  batch.aad_octets[at] = static_cast<std::uint8_t>(aad.size());
  std::ranges::copy(nonce, batch.nonce[at].octets.begin());
  std::ranges::copy(aad, batch.aad[at].octets.begin());
}

inline Sealed seal(const Key& key, common::ByteView nonce, common::ByteView aad, common::ByteView plain) {
  Sealed sealed{{plain.begin(), plain.end()}, common::Bytes(16)};
  sealed.ciphertext.reserve(16);  // a pointer even where there is nothing to encrypt
  Batch batch;
  append(batch, key, nonce, aad, sealed.ciphertext, sealed.icv.data());
  key.ops()->encrypt(batch);
  return sealed;
}

struct Opened {
  bool intact = false;
  common::Bytes plain;
};

inline Opened open(const Key& key, common::ByteView nonce, common::ByteView aad, const Sealed& sealed) {
  Opened opened{false, sealed.ciphertext};
  opened.plain.reserve(16);
  common::Bytes icv = sealed.icv;
  Batch batch;
  append(batch, key, nonce, aad, opened.plain, icv.data());
  key.ops()->decrypt(batch);
  opened.intact = batch.intact[0] != 0;
  return opened;
}

}  // namespace dataplane::crypto
