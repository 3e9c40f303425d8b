#pragma once
// RAII over SQLite, for the store's own use: a connection, prepared statements, and what an error code means.

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

#include "common/bytes.hpp"
#include "config/schema.hpp"
#include "controlplane/radius/store.hpp"

namespace controlplane::radius {

/// A statement in use: bind in order, step, read columns. Reset when it goes out of scope. Not thread-safe.
class Statement {
 public:
  /// @param statement  may be null (it could not be prepared): then every step fails
  explicit Statement(sqlite3_stmt* statement) noexcept : statement_(statement) {}
  ~Statement() {
    if (statement_ != nullptr) sqlite3_reset(statement_);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t value) noexcept;
  Statement& bind(std::uint64_t value) noexcept { return bind(static_cast<std::int64_t>(value)); }
  /// The octets must live until the statement is reset.
  Statement& bind(common::ByteView octets) noexcept;
  Statement& bind(std::string_view text) noexcept;

  enum class Step : std::uint8_t { row, done, failed };
  [[nodiscard]] Step step() noexcept;
  /// Runs to its end; rows are ignored.
  [[nodiscard]] bool run() noexcept;

  [[nodiscard]] std::int64_t integer(int column) const noexcept { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::uint64_t number(int column) const noexcept { return static_cast<std::uint64_t>(integer(column)); }
  /// Lives until the next step.
  [[nodiscard]] common::ByteView octets(int column) const noexcept;
  [[nodiscard]] std::string_view text(int column) const noexcept { return common::as_text(octets(column)); }

 private:
  sqlite3_stmt* statement_;
  int bound_ = 0;
  bool bind_failed_ = false;
};

/// One connection. Not thread-safe; used by the thread that opens the store, then by the database thread alone.
class Database {
 public:
  /// Opens or creates the file (mode 0600), takes it for this process alone, checks it, brings its schema up.
  [[nodiscard]] static std::expected<Database, StoreError> open(const std::filesystem::path& file,
                                                                config::Durability durability);

  [[nodiscard]] bool created() const noexcept { return created_; }
  /// A prepared statement, kept for the next time. `sql` must be a literal.
  [[nodiscard]] Statement prepare(const char* sql);
  [[nodiscard]] bool execute(const char* sql) noexcept;
  /// Rows that this connection has ever written; tells a transaction that wrote from one that only read.
  [[nodiscard]] std::int64_t rows_written() const noexcept { return sqlite3_total_changes64(db_.get()); }
  /// What the last failure was about.
  [[nodiscard]] StoreError error() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  Database() = default;
  [[nodiscard]] std::expected<void, StoreError> set_up(config::Durability durability);
  [[nodiscard]] std::expected<void, StoreError> check_version();

  std::filesystem::path file_;
  bool created_ = false;
  std::unique_ptr<sqlite3, Close> db_;
  std::unordered_map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

}  // namespace controlplane::radius
