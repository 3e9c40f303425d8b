#pragma once
// The forwarding table for IPv4: longest prefix match in a trie of 16, 8 and 8 bits.
//
// Readers (workers, relay) load at most three words and take no lock; what they find stays as it is until their next
// quiescent report. The one writer copies the groups that a change touches, publishes each by one release store, and
// gives the old ones to `defer`, so that a lookup of an address that a change does not concern never sees anything
// else than its own route (DESIGN chapter 3).

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/address.hpp"
#include "dataplane/route/result.hpp"

namespace dataplane::route {

/// Takes work that may be done only when every reader has passed a quiescent state, and does it then, on the writer's
/// thread. The work holds what it needs: it may run after the table's end.
using Defer = std::function<void(std::move_only_function<void()>)>;

/// What an address without any route gets.
[[nodiscard]] Result no_route() noexcept;

/// An IPv4 prefix in host order, its host bits 0.
struct Prefix4 {
  std::uint32_t address = 0;
  std::uint8_t length = 0;

  [[nodiscard]] static std::optional<Prefix4> from(const common::Prefix& prefix) noexcept;
  [[nodiscard]] constexpr std::uint32_t mask() const noexcept { return length == 0 ? 0 : ~0U << (32U - length); }
  [[nodiscard]] constexpr std::uint32_t last() const noexcept { return address | ~mask(); }
  [[nodiscard]] constexpr bool contains(std::uint32_t candidate) const noexcept {
    return (candidate & mask()) == address;
  }
  [[nodiscard]] constexpr bool contains(const Prefix4& other) const noexcept {
    return other.length >= length && contains(other.address);
  }
  friend constexpr auto operator<=>(const Prefix4&, const Prefix4&) noexcept = default;
};

class Groups;

/// A table with few routes takes about 0.6 MiB; each further group of 256 results 1.25 KiB.
class Fib {
 public:
  explicit Fib(Defer defer);
  ~Fib();  ///< @pre no reader is left
  Fib(const Fib&) = delete;
  Fib& operator=(const Fib&) = delete;

  /// The route of an address. Thread: any that reports quiescent states.
  [[nodiscard]] Result lookup(std::uint32_t address_host) const noexcept;
  /// The same for a burst, with the first loads of all started before any is used. @pre spans of one length
  void lookup_burst(std::span<const std::uint32_t> addresses_host, std::span<Result> results) const noexcept;

  /// Adds a prefix or gives it another result. Writer's thread.
  void set(Prefix4 prefix, Result result);
  /// Takes a prefix away; its addresses fall back to the next shorter one. Returns false when it was not there.
  /// Writer's thread.
  bool remove(Prefix4 prefix);
  /// What was set for exactly this prefix. Writer's thread.
  [[nodiscard]] std::optional<Result> find(Prefix4 prefix) const;
  [[nodiscard]] std::size_t routes() const noexcept { return routes_.size(); }
  /// Octets of memory that readers' structures take, groups that wait for readers included.
  [[nodiscard]] std::size_t memory_octets() const noexcept;

 private:
  struct Change;

  void apply(Prefix4 prefix, Result result, std::uint8_t tag);

  std::shared_ptr<Groups> groups_;
  Defer defer_;
  std::map<Prefix4, Result> routes_;
};

}  // namespace dataplane::route
