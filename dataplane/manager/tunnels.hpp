#pragma once
// Prefixes behind peers: what the FIB must know of sessions whose inner addresses lie in no pool (an address given by
// RADIUS, networks behind a site). A prefix that was ever given to a tunnel never falls back to a shorter route (P1):
// without an owner it leads to `drop`. Thread: the manager's.

#include <map>
#include <optional>
#include <vector>

#include "dataplane/ids/ids.hpp"
#include "dataplane/route/fib.hpp"
#include "dataplane/route/pools.hpp"
#include "dataplane/sa/spec.hpp"

namespace dataplane::manager {

class Tunnels {
 public:
  /// Both outlive it.
  Tunnels(route::Fib& fib, const route::Pools& pools) : fib_(fib), pools_(pools) {}

  /// The prefixes that a session needs in the FIB; none where its inner address lies in a pool.
  /// nullopt: they cannot be (a default route, a prefix that reaches into a pool).
  [[nodiscard]] std::optional<std::vector<route::Prefix4>> prefixes_of(const sa::SessionSpec& spec) const;
  /// Does another session own any address of these?
  [[nodiscard]] bool is_taken(const std::vector<route::Prefix4>& prefixes) const;
  /// @pre !is_taken
  void give(const std::vector<route::Prefix4>& prefixes, ids::SessionIndex session);
  /// From now on every address of the session is `drop` (no_session).
  void take_away(ids::SessionIndex session);

  [[nodiscard]] std::size_t size() const noexcept { return owners_.size(); }

 private:
  route::Fib& fib_;
  const route::Pools& pools_;
  std::map<route::Prefix4, std::optional<ids::SessionIndex>> owners_;  ///< nullopt: had one, drops now
  std::map<ids::SessionIndex, std::vector<route::Prefix4>> by_session_;
};

}  // namespace dataplane::manager
