// The store as the control thread sees it: ids from memory, everything else as an operation for the database thread.

#include "controlplane/radius/store.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "controlplane/radius/database.hpp"
#include "controlplane/radius/debug.hpp"
#include "controlplane/radius/store_sql.hpp"
#include "controlplane/radius/store_thread.hpp"

namespace controlplane::radius {
namespace {

constexpr std::string_view kEpoch = "epoch";
/// Seconds between 1970 and 2024: a counter that starts from the clock starts from there, and so has fewer digits.
constexpr std::uint64_t kSince2024 = 1'704'067'200;

[[nodiscard]] std::uint64_t free_octets(const std::filesystem::path& file) noexcept {
  struct statvfs info{};
  if (::statvfs(file.c_str(), &info) != 0) return 0;
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace

class Store::Impl {
 public:
  /// One durable counter: `next_` up to `limit_` may be given without asking the disk.
  struct Counter {
    std::string_view name;
    std::uint64_t next = 0;
    std::uint64_t limit = 0;  ///< exclusive; the database holds it or more
    bool refilling = false;
  };
  /// What completions reach; they hold it weakly, so that none outlives the store.
  struct Shared {
    std::array<Counter, 3> counters;
    std::function<void(bool, std::span<const SpoolId>)> listener;
  };

  Impl(Options options, const common::Clock& clock, Post post)
      : options_(std::move(options)), clock_(clock), post_(std::move(post)) {}

  [[nodiscard]] std::expected<void, StoreError> start();

  [[nodiscard]] std::uint64_t next_id(std::size_t which);
  void raise_id(std::size_t which, std::uint64_t given);
  void submit(std::move_only_function<bool(Database&, sql::Changes&)> run, Spool::Done done);
  void on_committed(const sql::Changes& changes);

  Options options_;
  const common::Clock& clock_;
  Post post_;
  Recovered recovered_;
  common::Epoch epoch_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::unique_ptr<StoreThread> thread_;

 private:
  [[nodiscard]] std::expected<void, StoreError> first_transaction(Database& database);
  [[nodiscard]] bool reserve_now(Counter& counter);
  void reserve_soon(std::size_t which);
};

std::expected<void, StoreError> Store::Impl::start() {
  auto database = Database::open(options_.file, options_.durability);
  if (!database) return std::unexpected(database.error());
  std::size_t unreadable = 0;
  auto recovered = sql::read_recovered(*database, clock_.wall(), unreadable);
  if (!recovered) return std::unexpected(database->error());
  if (unreadable > 0) log().error("database {}: {} open sessions cannot be read", options_.file.string(), unreadable);
  recovered_ = *std::move(recovered);
  recovered_.created = database->created();
  if (auto done = first_transaction(*database); !done) return done;
  thread_ = std::make_unique<StoreThread>(
      *std::move(database), static_cast<std::int64_t>(recovered_.open.size()),
      static_cast<std::int64_t>(recovered_.spooled), [this](const sql::Changes& changes) { on_committed(changes); },
      [file = options_.file] { return free_octets(file); });
  return {};
}

/// Takes the epoch of this run and the first block of each counter: a database that takes no writes is found out here.
std::expected<void, StoreError> Store::Impl::first_transaction(Database& database) {
  const auto now = static_cast<std::uint64_t>(common::unix_seconds(clock_.wall()));
  const std::array<std::pair<std::string_view, std::uint64_t>, 3> names{
      {{"session_id", common::unix_milliseconds(clock_.wall())},
       {"acct_session_id", now},
       {"unique_id", now > kSince2024 ? now - kSince2024 : now}}};
  if (!database.execute("BEGIN IMMEDIATE")) return std::unexpected(database.error());
  const auto epoch = sql::advance_counter(database, kEpoch, 0, 1);
  if (!epoch) return std::unexpected(database.error());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::uint64_t floor = recovered_.created ? names[i].second : 0;
    const auto limit = sql::advance_counter(database, names[i].first, floor, options_.id_block);
    if (!limit) return std::unexpected(database.error());
    shared_->counters[i] = {names[i].first, *limit - options_.id_block, *limit, false};
  }
  if (!database.execute("COMMIT")) return std::unexpected(database.error());
  epoch_ = common::Epoch(static_cast<std::uint32_t>(*epoch));
  return {};
}

bool Store::Impl::reserve_now(Counter& counter) {
  std::uint64_t limit = 0;
  const bool ok = thread_->run_now([&, block = options_.id_block](Database& db, sql::Changes&) {
    const auto value = sql::advance_counter(db, counter.name, counter.next, block);
    limit = value.value_or(0);
    return value.has_value();
  });
  if (ok) {
    // Another reservation may have been under way: what it reserved lies below and is skipped.
    counter.next = limit - options_.id_block;
    counter.limit = limit;
  }
  return ok;
}

/// Half of the block is gone: reserve the next one before it is needed.
void Store::Impl::reserve_soon(std::size_t which) {
  Counter& counter = shared_->counters[which];
  counter.refilling = true;
  auto limit = std::make_shared<std::uint64_t>(0);
  thread_->push(
      {[name = counter.name, floor = counter.limit, block = options_.id_block, limit](Database& db, sql::Changes&) {
         const auto value = sql::advance_counter(db, name, floor, block);
         *limit = value.value_or(0);
         return value.has_value();
       },
       [post = post_, weak = std::weak_ptr(shared_), which, limit, block = options_.id_block](bool ok) {
         post([weak, which, limit, ok, block] {
           const auto shared = weak.lock();
           if (!shared) return;
           Counter& filled = shared->counters[which];
           filled.refilling = false;
           // Only where it continues what we have; else the block is lost, which harms nobody.
           if (ok && *limit - block == filled.limit) filled.limit = *limit;
         });
       }});
}

std::uint64_t Store::Impl::next_id(std::size_t which) {
  Counter& counter = shared_->counters[which];
  if (counter.next + 1 > counter.limit && !reserve_now(counter)) return 0;
  const std::uint64_t id = ++counter.next;
  if (!counter.refilling && counter.limit - counter.next < options_.id_block / 2) reserve_soon(which);
  return id;
}

void Store::Impl::raise_id(std::size_t which, std::uint64_t given) {
  Counter& counter = shared_->counters[which];
  if (given <= counter.next) return;
  counter.next = given;
  counter.limit = std::max(counter.limit, given);
}

void Store::Impl::submit(std::move_only_function<bool(Database&, sql::Changes&)> run, Spool::Done done) {
  thread_->push(
      {std::move(run), [post = post_, weak = std::weak_ptr(shared_), done = std::move(done)](bool ok) mutable {
         post([weak, ok, done = std::move(done)]() mutable {
           if (weak.lock() && done) done(ok ? StoreStatus::ok : StoreStatus::failed);
         });
       }});
}

void Store::Impl::on_committed(const sql::Changes& changes) {
  post_([weak = std::weak_ptr(shared_), added = changes.added, dropped = changes.dropped] {
    const auto shared = weak.lock();
    if (shared && shared->listener) shared->listener(added, dropped);
  });
}

std::expected<std::unique_ptr<Store>, StoreError> Store::open(Options options, const common::Clock& clock, Post post) {
  auto impl = std::make_unique<Impl>(std::move(options), clock, std::move(post));
  if (auto started = impl->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

std::optional<common::Epoch> Store::epoch(common::Epoch seen) {
  if (seen < impl_->epoch_) return impl_->epoch_;
  std::optional<std::uint64_t> value;
  const bool ok = impl_->thread_->run_now([&](Database& db, sql::Changes&) {
    value = sql::advance_counter(db, kEpoch, seen.value(), 1);
    return value.has_value();
  });
  if (!ok) return std::nullopt;
  impl_->epoch_ = common::Epoch(static_cast<std::uint32_t>(*value));
  return impl_->epoch_;
}

const Recovered& Store::recovered() const noexcept { return impl_->recovered_; }

StoreStatistics Store::statistics() const {
  StoreStatistics statistics = impl_->thread_->statistics();
  statistics.writable = writable();
  return statistics;
}

common::SessionId Store::next_session_id() { return common::SessionId(impl_->next_id(0)); }

std::uint32_t Store::next_acct_session_id() {
  const std::uint64_t id = impl_->next_id(1);
  const auto low = static_cast<std::uint32_t>(id);
  return id != 0 && low == 0 ? static_cast<std::uint32_t>(impl_->next_id(1)) : low;  // 2^32 is passed over
}

std::uint32_t Store::next_unique_id() {
  const std::uint64_t id = impl_->next_id(2);
  const auto low = static_cast<std::uint32_t>(id);
  return id != 0 && low == 0 ? static_cast<std::uint32_t>(impl_->next_id(2)) : low;
}

void Store::raise_ids(common::SessionId session, std::uint32_t acct_session_id, std::uint32_t unique_id) {
  impl_->raise_id(0, session.value());
  impl_->raise_id(1, acct_session_id);
  impl_->raise_id(2, unique_id);
}

bool Store::admits() const {
  const std::uint64_t sessions = impl_->thread_->open_sessions();
  return impl_->thread_->healthy() &&
         impl_->thread_->free_octets() >=
             impl_->options_.reserve_base + (sessions + 1) * impl_->options_.reserve_per_session;
}

bool Store::writable() const {
  // The reserve is there to be used by Stops: they need less of it than the sessions set aside.
  return impl_->thread_->healthy() && impl_->thread_->free_octets() >= impl_->options_.reserve_base / 2;
}

void Store::open_session(OpenSession session, Done done) {
  impl_->submit([session = std::move(session)](
                    Database& db, sql::Changes& changes) { return sql::put_open_session(db, session, changes); },
                std::move(done));
}

void Store::refresh_counters(std::vector<CounterUpdate> updates, Done done) {
  impl_->submit([updates = std::move(updates)](Database& db, sql::Changes&) { return sql::put_counters(db, updates); },
                std::move(done));
}

void Store::spool(AccountingRecord record, Done done) {
  impl_->submit([record = std::move(record)](Database& db,
                                             sql::Changes& changes) { return sql::put_record(db, record, changes); },
                std::move(done));
}

void Store::commit_stop(StopBatch batch, Done done) {
  impl_->submit([batch = std::move(batch), now = impl_->clock_.wall()](
                    Database& db, sql::Changes& changes) { return sql::put_stops(db, batch, now, changes); },
                std::move(done));
}

void Store::load(SpoolId after, std::size_t limit, Loaded done) {
  auto page = std::make_shared<sql::Page>();
  impl_->thread_->push(
      {[after, limit, page](Database& db, sql::Changes&) {
         auto read = sql::read_spool(db, after, limit);
         if (!read) return false;
         *page = *std::move(read);
         return true;
       },
       [post = impl_->post_, weak = std::weak_ptr(impl_->shared_), page, done = std::move(done)](bool) mutable {
         if (page->unreadable > 0) log().error("{} spooled accounting records cannot be read", page->unreadable);
         post([weak, page, done = std::move(done)]() mutable {
           if (weak.lock()) done(std::move(page->records));
         });
       }});
}

void Store::acknowledge(std::span<const SpoolId> records) {
  impl_->submit([records = std::vector(records.begin(), records.end())](
                    Database& db, sql::Changes& changes) { return sql::remove_records(db, records, changes); },
                {});
}

void Store::on_change(std::function<void(bool added, std::span<const SpoolId> dropped)> listener) {
  impl_->shared_->listener = std::move(listener);
}

}  // namespace controlplane::radius
