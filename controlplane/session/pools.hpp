#pragma once
// Address pools. An address that was given back rests for the pool's quarantine before anybody else gets it (P1), so
// that packets under way to its last owner reach nobody. Its last owner may have it again at once: a user with a fixed
// address reconnects within seconds, and what was under way was his.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/address.hpp"
#include "common/clock.hpp"
#include "config/schema.hpp"

namespace controlplane::session {

/// Not thread-safe: the control thread's. Memory grows with the addresses ever used, not with the pool's size.
class Pools {
 public:
  /// @param pools  IPv4 ranges; others are left alone
  /// @param clock  outlives this object
  Pools(const std::vector<config::Pool>& pools, const common::Clock& clock);

  /// The next free address of a pool: never-used ones first, then the longest unused.
  /// @return nullopt: exhausted, or no such pool
  [[nodiscard]] std::optional<common::IpAddress> take(std::string_view pool, const std::string& owner);
  /// One particular address, as RADIUS gave it; it need not belong to a pool.
  /// @return false: in use, or resting after another owner
  [[nodiscard]] bool take_exact(const common::IpAddress& address, const std::string& owner);
  /// The session's Stop is durable. An address that nobody took is fine.
  void release(const common::IpAddress& address);

  /// Addresses that rest now.
  [[nodiscard]] std::size_t quarantined() const;
  /// Follows changed quarantine times, and ranges of new names; a range that is in use keeps its bounds.
  void reload(const std::vector<config::Pool>& pools);

 private:
  enum class Status : std::uint8_t { free, taken, resting };
  struct Address {
    Status status = Status::free;
    bool queued = false;  ///< stands in `returned`
    std::string owner;    ///< the present or the last one
    common::MonotonicTime rests_until{};
  };
  struct Rest {
    std::uint32_t offset = 0;
    common::MonotonicTime until{};
  };
  struct Range {
    std::string name;
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    config::Seconds quarantine{60};
    std::uint64_t fresh = 0;                               ///< offsets from here on were never handed out in turn
    std::unordered_map<std::uint32_t, Address> addresses;  ///< by offset, only those ever touched
    std::deque<std::uint32_t> returned;                    ///< free again, oldest first
    std::deque<Rest> resting;                              ///< in the order of release

    [[nodiscard]] bool contains(std::uint32_t host) const { return host >= first && host <= last; }
    [[nodiscard]] std::uint64_t size() const { return static_cast<std::uint64_t>(last) - first + 1; }
  };

  [[nodiscard]] Range* find_range(std::uint32_t host);
  static void wake(Range& range, common::MonotonicTime now);
  void release_outside(const common::IpAddress& freed);
  [[nodiscard]] static std::optional<std::uint32_t> next_free(Range& range);

  const common::Clock& clock_;
  std::vector<Range> ranges_;
  std::unordered_map<common::IpAddress, Address> outside_;  ///< addresses of no pool
  std::size_t purge_outside_at_ = 1024;                     ///< entries
};

}  // namespace controlplane::session
