#pragma once
// The blob that the dataplane keeps beside a session: an accounting part, versioned apart so that every later release
// can at least end the session properly (DESIGN chapter 6b), then what ike/ put there.

#include <optional>

#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/secret.hpp"
#include "controlplane/radius/records.hpp"

namespace controlplane::session {

/// What a Stop needs where the database is lost.
struct BlobAccounting {
  radius::AccountingIdentity identity;
  common::WallTime started{};
};

/// Layout: "PCS1", length of the accounting part (be32), started in unix milliseconds (be64), encode_identity's octets;
/// then ike's octets to the end.
[[nodiscard]] common::SecretBytes write_blob(const BlobAccounting& accounting, common::ByteView ike);

/// @return nullopt: no blob of ours, or cut short
[[nodiscard]] std::optional<BlobAccounting> read_blob_accounting(common::ByteView blob);
/// ike's part; empty where the blob is not ours. Points into `blob`.
[[nodiscard]] common::ByteView read_blob_ike(common::ByteView blob);

}  // namespace controlplane::session
