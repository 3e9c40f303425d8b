#pragma once
// What the manager knows of a session beside what workers see of it.

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/crypto/suite.hpp"
#include "dataplane/sa/spec.hpp"

namespace dataplane::sa {

//  free ──install──▶ live ──begin_removal──▶ removing ──both phases, drain──▶ ended ──forget──▶ free
enum class SessionState : std::uint8_t { free, live, removing, ended };

/// One pair of SAs. A place in the SA table belongs to it until its keys are wiped.
struct ChildRecord {
  common::Spi inbound;
  common::Spi outbound;
  common::KeyId key_id;
  std::uint32_t serial = 0;  ///< order of installation within the session: outbound never goes back
  crypto::Key inbound_key;
  crypto::Key outbound_key;
  bool udp_encap = false;
  std::uint8_t template_used = 0;  ///< which of OutboundSa::templates workers see
  std::uint64_t end_unix_ms = 0;
  bool end_announced = false;
  std::optional<common::MonotonicTime> switch_at;  ///< outbound moves here then at the latest
  std::optional<common::MonotonicTime> leave_at;   ///< deleted: receives until then
};

struct SessionRecord {
  SessionState state = SessionState::free;
  std::uint32_t generation = 0;
  common::SessionId id;
  common::Epoch epoch;
  std::uint16_t cause = 0;  ///< of the removal that came first
  Path path;
  bool udp_encap = false;
  std::optional<std::uint32_t> inner_v4;
  std::optional<ids::PoolIndex> pool;  ///< that inner_v4 belongs to
  common::channel::WirePolicy policy{};
  common::SecretBytes blob;
  std::uint64_t installed_unix_ms = 0;
  common::MonotonicTime installed;
  std::uint32_t next_serial = 1;
  std::uint32_t outbound_serial = 0;  ///< of the child that outbound packets take, 0: none
  std::vector<ChildRecord> children;
  bool header_in_flight = false;  ///< the spare templates may still be read: a further move waits
  bool header_again = false;
  bool end_announced = false;
  bool idle_announced = false;
  std::uint64_t seen_in_tsc = 0;  ///< last_in_tsc as it was announced
  common::MonotonicTime seen_in_at;
  Totals final;  ///< ended: the counters, which cannot move any more

  [[nodiscard]] ChildRecord* find_child(common::Spi spi) noexcept {
    for (ChildRecord& child : children)
      if (child.inbound == spi) return &child;
    return nullptr;
  }
  /// The child that outbound packets take, or else the newest.
  [[nodiscard]] const ChildRecord* current_child() const noexcept {
    const ChildRecord* newest = nullptr;
    for (const ChildRecord& child : children) {
      if (child.serial == outbound_serial) return &child;
      if (newest == nullptr || child.serial > newest->serial) newest = &child;
    }
    return newest;
  }
};

}  // namespace dataplane::sa
