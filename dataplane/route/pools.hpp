#pragma once
// Address pools: which pool an inner address belongs to, and its place there. Fixed at start, read by all threads.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/address.hpp"
#include "config/schema.hpp"
#include "dataplane/ids/ids.hpp"
#include "dataplane/route/fib.hpp"

namespace dataplane::route {

struct PoolRange {
  std::uint32_t first_host = 0;
  std::uint32_t last_host = 0;  ///< inclusive

  [[nodiscard]] constexpr bool contains(std::uint32_t address) const noexcept {
    return address >= first_host && address <= last_host;
  }
  /// Position of an address. @pre contains(address)
  [[nodiscard]] constexpr std::uint32_t offset(std::uint32_t address) const noexcept { return address - first_host; }
  [[nodiscard]] constexpr std::uint64_t size() const noexcept { return std::uint64_t{last_host} - first_host + 1; }
  friend constexpr bool operator==(const PoolRange&, const PoolRange&) noexcept = default;
};

/// IPv4 pools by PoolIndex, which is the position in the configuration; IPv6 pools keep their place with an empty
/// range.
class Pools {
 public:
  explicit Pools(std::span<const config::Pool> pools);

  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(ranges_.size()); }
  [[nodiscard]] const PoolRange& at(ids::PoolIndex index) const noexcept { return ranges_[index.value()]; }
  [[nodiscard]] std::optional<ids::PoolIndex> find(std::uint32_t address_host) const noexcept;
  /// Does a pool contain the whole prefix? Then no route of the kernel may take its place (P1).
  [[nodiscard]] bool covers(Prefix4 prefix) const noexcept;

  /// Makes every address of every pool resolve to `pool`.
  void install(Fib& fib) const;

 private:
  std::vector<PoolRange> ranges_;
};

/// The fewest prefixes that make up a range, in ascending order.
[[nodiscard]] std::vector<Prefix4> prefixes_of(std::uint32_t first_host, std::uint32_t last_host);

}  // namespace dataplane::route
