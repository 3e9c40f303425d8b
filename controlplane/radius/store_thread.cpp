// Group commit. One fsync serves all operations that came while the last one was under way, so a storm of revocations
// costs a handful of them. An operation that makes a transaction fail is found by running each alone.

#include "controlplane/radius/store_thread.hpp"

#include <chrono>
#include <future>
#include <span>
#include <utility>

#include "controlplane/radius/debug.hpp"

namespace controlplane::radius {
namespace {

/// How often a database that refused a write is asked whether it takes them again, and the disk how full it is.
constexpr std::chrono::seconds kProbeInterval{1};

}  // namespace

StoreThread::StoreThread(Database database, std::int64_t open_sessions, std::int64_t spooled, Changed changed,
                         FreeSpace free_space)
    : database_(std::move(database)),
      changed_(std::move(changed)),
      free_space_(std::move(free_space)),
      open_sessions_(open_sessions),
      spooled_(spooled) {
  look_at_disk();
  thread_ = std::thread([this] { loop(); });
}

StoreThread::~StoreThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StoreThread::push(Operation operation) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(operation));
  }
  wake_.notify_one();
}

bool StoreThread::run_now(std::move_only_function<bool(Database&, sql::Changes&)> run) {
  std::promise<bool> promise;
  auto answer = promise.get_future();
  push({std::move(run), [&promise](bool ok) { promise.set_value(ok); }});
  return answer.get();
}

StoreStatistics StoreThread::statistics() const {
  StoreStatistics statistics;
  statistics.commits = commits_.load(std::memory_order_relaxed);
  statistics.operations = operations_.load(std::memory_order_relaxed);
  statistics.failures = failures_.load(std::memory_order_relaxed);
  statistics.open_sessions = static_cast<std::size_t>(open_sessions_.load(std::memory_order_relaxed));
  statistics.spooled = static_cast<std::size_t>(spooled_.load(std::memory_order_relaxed));
  statistics.writable = healthy();
  const std::lock_guard lock(mutex_);
  statistics.last_error = last_error_;
  return statistics;
}

void StoreThread::loop() {
  std::vector<Operation> batch;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kProbeInterval, [this] { return stop_ || !queue_.empty(); });
      if (stop_ && queue_.empty()) return;
      batch.swap(queue_);
    }
    if (batch.empty()) {
      probe();
      continue;
    }
    commit(batch);
    batch.clear();
  }
}

void StoreThread::commit(std::vector<Operation>& batch) {
  if (transact(batch)) {
    for (Operation& operation : batch) operation.finished(true);
    return;
  }
  if (batch.size() == 1) {
    batch.front().finished(false);
    return;
  }
  for (Operation& operation : batch) operation.finished(transact({&operation, 1}));
}

/// One transaction: all of it is durable at `true`, nothing of it was written at `false`.
bool StoreThread::transact(std::span<Operation> operations) {
  sql::Changes changes;
  const std::int64_t before = database_.rows_written();
  bool good = database_.execute("BEGIN IMMEDIATE");
  for (Operation& operation : operations) good = good && operation.run(database_, changes);
  good = good && database_.execute("COMMIT");
  if (!good) {
    const StoreError error = database_.error();
    (void)database_.execute("ROLLBACK");  // fails where SQLite has rolled back by itself
    failures_.fetch_add(1, std::memory_order_relaxed);
    if (healthy_.exchange(false, std::memory_order_relaxed)) log().error("{}", error.text);
    const std::lock_guard lock(mutex_);
    last_error_ = error.text;
    return false;
  }
  if (database_.rows_written() == before) return true;  // it only read, and says nothing about writes
  if (!healthy_.exchange(true, std::memory_order_relaxed)) log().warn("the database takes writes again");
  commits_.fetch_add(1, std::memory_order_relaxed);
  operations_.fetch_add(operations.size(), std::memory_order_relaxed);
  open_sessions_.fetch_add(changes.open_sessions, std::memory_order_relaxed);
  spooled_.fetch_add(changes.spooled, std::memory_order_relaxed);
  look_at_disk();
  if (changes.added || !changes.dropped.empty()) changed_(changes);
  return true;
}

/// Nothing to do for a while: look at the disk, and when the last write failed, try another one.
void StoreThread::probe() {
  look_at_disk();
  if (healthy()) return;
  Operation write{[](Database& db, sql::Changes&) { return sql::advance_counter(db, "probe", 0, 1).has_value(); }, {}};
  (void)transact({&write, 1});
}

}  // namespace controlplane::radius
