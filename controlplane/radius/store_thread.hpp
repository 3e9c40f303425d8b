#pragma once
// The database thread: takes everything that has gathered in its queue, makes one transaction of it, and reports each
// operation when the transaction is durable (group commit).

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/radius/database.hpp"
#include "controlplane/radius/store_sql.hpp"

namespace controlplane::radius {

class StoreThread {
 public:
  struct Operation {
    /// Called on the database thread inside a transaction; again, alone, when a transaction of many has failed.
    std::move_only_function<bool(Database&, sql::Changes&)> run;
    /// Called on the database thread when it is durable, or has failed.
    std::move_only_function<void(bool ok)> finished;
  };
  /// Called on the database thread after each transaction that is durable and changed the spool.
  using Changed = std::move_only_function<void(const sql::Changes&)>;
  /// Octets that are free on the file system.
  using FreeSpace = std::function<std::uint64_t()>;

  StoreThread(Database database, std::int64_t open_sessions, std::int64_t spooled, Changed changed,
              FreeSpace free_space);
  /// Runs what is in the queue, then ends.
  ~StoreThread();
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  /// Any thread.
  void push(Operation operation);
  /// Any thread. Waits for this operation; false: it failed.
  [[nodiscard]] bool run_now(std::move_only_function<bool(Database&, sql::Changes&)> run);

  [[nodiscard]] bool healthy() const noexcept { return healthy_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t free_octets() const noexcept { return free_octets_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t open_sessions() const noexcept {
    return static_cast<std::uint64_t>(open_sessions_.load(std::memory_order_relaxed));
  }
  [[nodiscard]] StoreStatistics statistics() const;

 private:
  void loop();
  void commit(std::vector<Operation>& batch);
  [[nodiscard]] bool transact(std::span<Operation> operations);
  void probe();
  void look_at_disk() { free_octets_.store(free_space_(), std::memory_order_relaxed); }

  Database database_;
  Changed changed_;
  FreeSpace free_space_;
  std::atomic<bool> healthy_{true};
  std::atomic<std::uint64_t> free_octets_{0};
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> operations_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::int64_t> open_sessions_;
  std::atomic<std::int64_t> spooled_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Operation> queue_;  ///< guarded by mutex_
  std::string last_error_;        ///< guarded by mutex_
  bool stop_ = false;             ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace controlplane::radius
