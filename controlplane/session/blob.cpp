// The session blob's two parts.

#include "controlplane/session/blob.hpp"

#include <algorithm>

namespace controlplane::session {
namespace {

constexpr std::uint32_t kMagic = 0x50435331;  // "PCS1"

struct Parts {
  common::ByteView accounting;
  common::ByteView ike;
};

std::optional<Parts> split(common::ByteView blob) {
  common::ByteReader in(blob);
  const auto magic = in.be32();
  const auto octets = in.be32();
  if (!magic || !octets || *magic != kMagic) return std::nullopt;
  const auto accounting = in.take(*octets);
  if (!accounting) return std::nullopt;
  return Parts{*accounting, in.rest()};
}

}  // namespace

common::SecretBytes write_blob(const BlobAccounting& accounting, common::ByteView ike) {
  const common::Bytes identity = radius::encode_identity(accounting.identity);
  common::ByteWriter head(16 + identity.size());
  head.be32(kMagic);
  head.be32(static_cast<std::uint32_t>(8 + identity.size()));
  head.be64(common::unix_milliseconds(accounting.started));
  head.bytes(identity);
  common::SecretBytes blob(head.size() + ike.size());
  std::ranges::copy(head.view(), blob.mutable_view().begin());
  std::ranges::copy(ike, blob.mutable_view().subspan(head.size()).begin());
  return blob;
}

std::optional<BlobAccounting> read_blob_accounting(common::ByteView blob) {
  const auto parts = split(blob);
  if (!parts) return std::nullopt;
  common::ByteReader in(parts->accounting);
  const auto started_ms = in.be64();
  if (!started_ms || *started_ms > 1ULL << 48U) return std::nullopt;
  auto identity = radius::decode_identity(in.rest());
  if (!identity) return std::nullopt;
  return BlobAccounting{std::move(*identity), common::WallTime(std::chrono::milliseconds(*started_ms))};
}

common::ByteView read_blob_ike(common::ByteView blob) {
  const auto parts = split(blob);
  return parts ? parts->ike : common::ByteView{};
}

}  // namespace controlplane::session
