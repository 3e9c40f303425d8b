// Opening the database so that it is ours alone, whole, and of a version we know.

#include "controlplane/radius/database.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace controlplane::radius {
namespace {

constexpr int kSchemaVersion = 1;

// Numbers of 64 bits are stored as SQLite's signed ones, bit for bit. Times are nanoseconds since 1970.
constexpr const char* kSchema = R"(
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE open_sessions(
  session INTEGER PRIMARY KEY, identity BLOB NOT NULL, started INTEGER NOT NULL,
  in_octets INTEGER NOT NULL, in_packets INTEGER NOT NULL, out_octets INTEGER NOT NULL, out_packets INTEGER NOT NULL,
  counters_read INTEGER NOT NULL, start_spooled INTEGER NOT NULL);
CREATE TABLE spool(id INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL, kind INTEGER NOT NULL,
  record BLOB NOT NULL);
CREATE UNIQUE INDEX spool_once ON spool(session, kind) WHERE kind IN (1, 3);
CREATE INDEX spool_session ON spool(session);
CREATE TABLE replies(client BLOB NOT NULL, client_port INTEGER NOT NULL, local_port INTEGER NOT NULL,
  identifier INTEGER NOT NULL, authenticator BLOB NOT NULL, reply BLOB NOT NULL, expires INTEGER NOT NULL,
  PRIMARY KEY(client, client_port, local_port, identifier, authenticator)) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

/// Creates the file so that only we can read it: it holds who was connected when.
[[nodiscard]] bool touch(const std::filesystem::path& file, bool& created) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  created = fd >= 0;
  if (fd >= 0) ::close(fd);
  return fd >= 0 || errno == EEXIST;
}

[[nodiscard]] StoreError::Kind kind_of(int code) noexcept {
  switch (code & 0xFF) {
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return StoreError::Kind::read_only;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return StoreError::Kind::corrupt;
    case SQLITE_FULL:
      return StoreError::Kind::full;
    case SQLITE_CANTOPEN:
      return StoreError::Kind::cannot_open;
    default:
      return StoreError::Kind::other;
  }
}

[[nodiscard]] std::string_view advice(int code) noexcept {
  switch (code & 0xFF) {
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return ": make the file and its directory writable for this user";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ": move the file away to start with an empty one; Stop records that wait in it are lost unless it is "
             "repaired (sqlite3 FILE .recover)";
    case SQLITE_FULL:
      return ": free space on its file system";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ": another control plane uses it";
    default:
      return "";
  }
}

}  // namespace

Statement& Statement::bind(std::int64_t value) noexcept {
  if (statement_ != nullptr && sqlite3_bind_int64(statement_, ++bound_, value) != SQLITE_OK) bind_failed_ = true;
  return *this;
}

Statement& Statement::bind(common::ByteView octets) noexcept {
  // A null pointer would bind NULL: an empty value points somewhere.
  const void* data = octets.empty() ? static_cast<const void*>("") : octets.data();
  if (statement_ != nullptr &&
      sqlite3_bind_blob64(statement_, ++bound_, data, octets.size(), SQLITE_STATIC) != SQLITE_OK)
    bind_failed_ = true;
  return *this;
}

Statement& Statement::bind(std::string_view text) noexcept {
  if (statement_ != nullptr && sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(), text.size(),
                                                   SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
    bind_failed_ = true;
  return *this;
}

Statement::Step Statement::step() noexcept {
  if (statement_ == nullptr || bind_failed_) return Step::failed;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return Step::row;
  return code == SQLITE_DONE ? Step::done : Step::failed;
}

bool Statement::run() noexcept {
  Step last = step();
  while (last == Step::row) last = step();
  return last == Step::done;
}

common::ByteView Statement::octets(int column) const noexcept {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? common::ByteView{} : common::ByteView{data, static_cast<std::size_t>(size)};
}

Statement Database::prepare(const char* sql) {
  auto& kept = statements_[sql];
  if (!kept) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) == SQLITE_OK)
      kept.reset(statement);
  }
  return Statement(kept.get());
}

bool Database::execute(const char* sql) noexcept {
  return sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

StoreError Database::error() const {
  const int code = db_ ? sqlite3_extended_errcode(db_.get()) : SQLITE_CANTOPEN;
  const char* text = db_ ? sqlite3_errmsg(db_.get()) : "cannot open";
  return {kind_of(code), fmt::format("database {}: {}{}", file_.string(), text, advice(code))};
}

std::expected<Database, StoreError> Database::open(const std::filesystem::path& file, config::Durability durability) {
  Database database;
  database.file_ = file;
  if (!touch(file, database.created_))
    return std::unexpected(
        StoreError{errno == EROFS || errno == EACCES ? StoreError::Kind::read_only : StoreError::Kind::cannot_open,
                   fmt::format("database {}: cannot create it: {}", file.string(), std::strerror(errno))});
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  database.db_.reset(db);
  if (code != SQLITE_OK) return std::unexpected(database.error());
  if (auto done = database.set_up(durability); !done) return std::unexpected(done.error());
  return database;
}

std::expected<void, StoreError> Database::set_up(config::Durability durability) {
  sqlite3_extended_result_codes(db_.get(), 1);
  sqlite3_busy_timeout(db_.get(), 1000);
  // Exclusive: a second control plane on the same file would hand out the same ids.
  if (!execute("PRAGMA locking_mode=EXCLUSIVE") || !execute("PRAGMA journal_mode=WAL") ||
      !execute(durability == config::Durability::fsync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL") ||
      !execute("PRAGMA trusted_schema=OFF"))
    return std::unexpected(error());
  // SQLite opens a file without write permission all the same; take the write lock now rather than at the first Stop.
  if (!execute("BEGIN IMMEDIATE")) return std::unexpected(error());
  if (!execute("COMMIT")) return std::unexpected(error());
  if (sqlite3_db_readonly(db_.get(), "main") == 1)
    return std::unexpected(
        StoreError{StoreError::Kind::read_only,
                   fmt::format("database {}: it is read-only{}", file_.string(), advice(SQLITE_READONLY))});
  return check_version();
}

std::expected<void, StoreError> Database::check_version() {
  int version = 0;
  {
    auto statement = prepare("PRAGMA user_version");
    if (statement.step() != Statement::Step::row) return std::unexpected(error());
    version = static_cast<int>(statement.integer(0));
  }
  if (version > kSchemaVersion)
    return std::unexpected(StoreError{StoreError::Kind::newer_version,
                                      fmt::format("database {}: written by a newer version ({}, this one knows {})",
                                                  file_.string(), version, kSchemaVersion)});
  if (version == 0) {
    // A crash between creating the file and this commit leaves an empty one: that is created as well.
    created_ = true;
    if (!execute("BEGIN IMMEDIATE") || !execute(kSchema) || !execute("COMMIT")) return std::unexpected(error());
    return {};
  }
  auto check = prepare("PRAGMA quick_check(1)");
  if (check.step() != Statement::Step::row) return std::unexpected(error());
  if (check.text(0) != "ok")
    return std::unexpected(StoreError{StoreError::Kind::corrupt, fmt::format("database {}: {}{}", file_.string(),
                                                                             check.text(0), advice(SQLITE_CORRUPT))});
  return {};
}

}  // namespace controlplane::radius
