#pragma once
// What the manager asks of the table writer, in types: every field has been judged (manager/validate.hpp).

#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.hpp"
#include "common/channel/messages.hpp"
#include "common/clock.hpp"
#include "common/ids.hpp"
#include "common/secret.hpp"
#include "common/suite.hpp"
#include "dataplane/ids/ids.hpp"
#include "dataplane/sa/counters.hpp"
#include "dataplane/sa/selectors.hpp"

namespace dataplane::sa {

using common::channel::Status;

/// One moment in all clocks.
struct Now {
  common::MonotonicTime monotonic;
  common::WallTime wall;
  std::uint64_t tsc = 0;
  std::uint64_t tsc_hz = 1;

  /// When the counter of cycles will stand where the wall clock shows `unix_ms`; kNeverTsc for 0, never before now.
  [[nodiscard]] std::uint64_t tsc_at(std::uint64_t unix_ms) const noexcept;
  /// What the wall clock showed when the counter stood at `tsc`; 0 for 0.
  [[nodiscard]] std::uint64_t unix_ms_at(std::uint64_t then_tsc) const noexcept;
};

/// A pair of SAs. Keys are views into the caller's memory, in KEYMAT order.
struct ChildSpec {
  common::Spi inbound;   ///< reserved before
  common::Spi outbound;  ///< the peer's
  common::KeyId key_id;
  common::Suite suite = common::Suite::aes_gcm_16_128;
  bool esn = false;
  bool udp_encap = false;
  std::uint32_t replay_packets = 0;  ///< 0: none; more than the tables have memory for: as much as they have
  common::ByteView inbound_encryption;
  common::ByteView inbound_integrity;
  common::ByteView outbound_encryption;
  common::ByteView outbound_integrity;
  std::uint64_t end_unix_ms = 0;  ///< 0: none
  Selectors selectors;
};

struct Path {
  common::Endpoint local;
  common::Endpoint remote;
  bool nat = false;     ///< NAT was detected
  bool mobike = false;  ///< addresses move with MOBIKE only
};

struct SessionSpec {
  common::SessionId id;
  common::Epoch epoch;
  Path path;
  std::optional<std::uint32_t> inner_v4;  ///< host order
  common::channel::WirePolicy policy{};
  ChildSpec child;
  common::ByteView blob;
};

}  // namespace dataplane::sa
