#pragma once
// The gateway's memory on disk: one SQLite file (WAL) with the epoch, the id counters, the open-session rows, the
// accounting spool and the replies of the duplicate window. All writing happens on one thread of its own; whatever has
// gathered there becomes one transaction with one fsync (group commit), and completions are posted to the control
// thread.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "config/schema.hpp"
#include "controlplane/radius/records.hpp"
#include "controlplane/radius/spool.hpp"

namespace controlplane::radius {

/// Orders spool rows: a later event has a larger one.
using SpoolId = common::Strong<std::uint64_t, struct SpoolIdTag>;

struct SpooledRecord {
  SpoolId id;
  AccountingRecord record;
};

/// The sender's side of the spool.
class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  virtual ~Outbox() = default;

  using Loaded = std::move_only_function<void(std::vector<SpooledRecord>)>;
  /// Up to `limit` records with an id above `after`, in their order.
  virtual void load(SpoolId after, std::size_t limit, Loaded done) = 0;
  /// A server has acknowledged them: the rows go with the next commit.
  virtual void acknowledge(std::span<const SpoolId> records) = 0;
  /// One listener. `added`: something new can be loaded. `dropped`: rows that are no longer to be sent (an Interim that
  /// a newer one or the Stop has overtaken).
  virtual void on_change(std::function<void(bool added, std::span<const SpoolId> dropped)> listener) = 0;
};

/// What the last run left behind.
struct Recovered {
  bool created = false;  ///< there was no database: ids start from the clock
  std::vector<OpenSession> open;
  std::vector<common::SessionId> stops;  ///< sessions whose Stop waits in the spool
  std::vector<StoredReply> replies;      ///< not yet expired
  std::size_t spooled = 0;               ///< records of all kinds that no server has acknowledged
};

struct StoreError {
  enum class Kind : std::uint8_t { cannot_open, read_only, corrupt, newer_version, full, other };
  Kind kind = Kind::other;
  std::string text;  ///< with the file's name and what to do
};

struct StoreStatistics {
  std::uint64_t commits = 0;     ///< transactions that became durable
  std::uint64_t operations = 0;  ///< calls that were made durable by them
  std::uint64_t failures = 0;    ///< transactions that failed
  std::size_t open_sessions = 0;
  std::size_t spooled = 0;
  bool writable = true;
  std::string last_error;
};

class Store final : public Spool, public Outbox {
 public:
  /// Runs a function on the control thread, later; must be callable from any thread.
  using Post = std::function<void(std::move_only_function<void()>)>;

  struct Options {
    std::filesystem::path file;
    config::Durability durability = config::Durability::fsync;
    std::uint32_t id_block = 4096;             ///< ids reserved at once
    std::uint64_t reserve_per_session = 4096;  ///< octets of disk that must be free for each open session
    std::uint64_t reserve_base = 8U << 20U;    ///< and beside them
  };

  /// Opens or creates the database, and takes the next epoch in it. Blocks; call it at start-up.
  [[nodiscard]] static std::expected<std::unique_ptr<Store>, StoreError> open(Options options,
                                                                              const common::Clock& clock, Post post);
  /// Writes what has been asked for, then closes. Completions that were not posted before are dropped.
  ~Store() override;

  /// The epoch of this run. With `seen` (the dataplane's in `Hello`) at or above it, a newer one is made durable first.
  /// Blocks for one commit in that case.
  [[nodiscard]] std::optional<common::Epoch> epoch(common::Epoch seen = common::Epoch{0});
  [[nodiscard]] const Recovered& recovered() const noexcept;
  [[nodiscard]] StoreStatistics statistics() const;

  [[nodiscard]] common::SessionId next_session_id() override;
  [[nodiscard]] std::uint32_t next_acct_session_id() override;
  [[nodiscard]] std::uint32_t next_unique_id() override;
  void raise_ids(common::SessionId session, std::uint32_t acct_session_id, std::uint32_t unique_id) override;
  [[nodiscard]] bool admits() const override;
  [[nodiscard]] bool writable() const override;
  void open_session(OpenSession session, Done done) override;
  void refresh_counters(std::vector<CounterUpdate> updates, Done done) override;
  void spool(AccountingRecord record, Done done) override;
  void commit_stop(StopBatch batch, Done done) override;

  void load(SpoolId after, std::size_t limit, Loaded done) override;
  void acknowledge(std::span<const SpoolId> records) override;
  void on_change(std::function<void(bool added, std::span<const SpoolId> dropped)> listener) override;

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace controlplane::radius
