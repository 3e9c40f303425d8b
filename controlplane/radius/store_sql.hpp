#pragma once
// The store's operations as statements, each to be run inside a transaction of the database thread. They may be run
// again after a rollback. False: the database refused, its error() says why.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "controlplane/radius/database.hpp"
#include "controlplane/radius/records.hpp"
#include "controlplane/radius/spool.hpp"
#include "controlplane/radius/store.hpp"

namespace controlplane::radius::sql {

/// What a transaction does to the totals and to the sender; applied only when it is durable.
struct Changes {
  bool added = false;  ///< spool rows
  std::vector<SpoolId> dropped;
  std::int64_t open_sessions = 0;
  std::int64_t spooled = 0;
};

[[nodiscard]] bool put_open_session(Database& db, const OpenSession& session, Changes& changes);
[[nodiscard]] bool put_counters(Database& db, std::span<const CounterUpdate> updates);
[[nodiscard]] bool put_record(Database& db, const AccountingRecord& record, Changes& changes);
[[nodiscard]] bool put_stops(Database& db, const StopBatch& batch, common::WallTime now, Changes& changes);
[[nodiscard]] bool remove_records(Database& db, std::span<const SpoolId> records, Changes& changes);

/// Raises a counter to at least `floor`, then by `by`.
/// @return its new value; nullopt: the database refused
[[nodiscard]] std::optional<std::uint64_t> advance_counter(Database& db, std::string_view name, std::uint64_t floor,
                                                           std::uint64_t by);
/// Its value, 0 when it was never advanced.
[[nodiscard]] std::optional<std::uint64_t> read_counter(Database& db, std::string_view name);

/// Records above `after`, up to `limit`. Rows that do not decode are passed over and counted.
struct Page {
  std::vector<SpooledRecord> records;
  std::size_t unreadable = 0;
};
[[nodiscard]] std::optional<Page> read_spool(Database& db, SpoolId after, std::size_t limit);
[[nodiscard]] std::optional<Recovered> read_recovered(Database& db, common::WallTime now, std::size_t& unreadable);

}  // namespace controlplane::radius::sql
