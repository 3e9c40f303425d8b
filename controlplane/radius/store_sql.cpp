// The statements. Every one is a literal, prepared once; values are only ever bound.

#include "controlplane/radius/store_sql.hpp"

#include <algorithm>

namespace controlplane::radius::sql {
namespace {

using Step = Statement::Step;

[[nodiscard]] std::int64_t nanoseconds(common::WallTime time) noexcept { return time.time_since_epoch().count(); }
[[nodiscard]] common::WallTime wall_time(std::int64_t value) noexcept {
  return common::WallTime(common::Duration(value));
}

[[nodiscard]] std::optional<bool> has_open_session(Database& db, common::SessionId session) {
  auto statement = db.prepare("SELECT 1 FROM open_sessions WHERE session=?");
  const Step step = statement.bind(session.value()).step();
  if (step == Step::failed) return std::nullopt;
  return step == Step::row;
}

/// Inserts one spool row; a second Start or Stop of a session is passed over.
[[nodiscard]] bool insert_record(Database& db, const AccountingRecord& record, Changes& changes) {
  const common::Bytes octets = encode_record(record);
  auto statement = db.prepare("INSERT OR IGNORE INTO spool(session, kind, record) VALUES(?,?,?) RETURNING id");
  statement.bind(record.identity.session.value()).bind(static_cast<std::int64_t>(record.kind)).bind(octets);
  const Step step = statement.step();
  if (step == Step::row) {
    changes.added = true;
    ++changes.spooled;
    return statement.run();
  }
  return step == Step::done;
}

[[nodiscard]] bool drop_interims(Database& db, common::SessionId session, Changes& changes) {
  auto statement = db.prepare("DELETE FROM spool WHERE session=? AND kind=2 RETURNING id");
  statement.bind(session.value());
  Step step = statement.step();
  for (; step == Step::row; step = statement.step()) {
    changes.dropped.emplace_back(statement.number(0));
    --changes.spooled;
  }
  return step == Step::done;
}

[[nodiscard]] bool delete_open_session(Database& db, common::SessionId session, Changes& changes) {
  auto statement = db.prepare("DELETE FROM open_sessions WHERE session=? RETURNING 1");
  const Step step = statement.bind(session.value()).step();
  if (step == Step::row) --changes.open_sessions;
  return step == Step::row ? statement.run() : step == Step::done;
}

[[nodiscard]] bool put_reply(Database& db, const StoredReply& reply, common::WallTime now) {
  auto expire = db.prepare("DELETE FROM replies WHERE expires<=?");
  if (!expire.bind(nanoseconds(now)).run()) return false;
  auto insert = db.prepare(
      "INSERT OR REPLACE INTO replies(client, client_port, local_port, identifier, authenticator, reply, expires) "
      "VALUES(?,?,?,?,?,?,?)");
  insert.bind(reply.client.address.bytes())
      .bind(std::int64_t{reply.client.port})
      .bind(std::int64_t{reply.local_port})
      .bind(std::int64_t{reply.identifier})
      .bind(common::ByteView(reply.authenticator))
      .bind(common::ByteView(reply.reply))
      .bind(nanoseconds(reply.expires));
  return insert.run();
}

[[nodiscard]] std::optional<std::vector<OpenSession>> read_open_sessions(Database& db, std::size_t& unreadable) {
  std::vector<OpenSession> found;
  auto statement = db.prepare(
      "SELECT identity, started, in_octets, in_packets, out_octets, out_packets, counters_read, start_spooled "
      "FROM open_sessions ORDER BY session");
  Step step = statement.step();
  for (; step == Step::row; step = statement.step()) {
    auto identity = decode_identity(statement.octets(0));
    if (!identity) {
      ++unreadable;
      continue;
    }
    OpenSession& session = found.emplace_back();
    session.identity = *std::move(identity);
    session.started = wall_time(statement.integer(1));
    session.counters = {statement.number(2), statement.number(3), statement.number(4), statement.number(5)};
    session.counters_read = wall_time(statement.integer(6));
    session.start_spooled = statement.integer(7) != 0;
  }
  if (step == Step::failed) return std::nullopt;
  return found;
}

[[nodiscard]] std::optional<std::vector<StoredReply>> read_replies(Database& db, common::WallTime now) {
  std::vector<StoredReply> found;
  auto statement = db.prepare(
      "SELECT client, client_port, local_port, identifier, authenticator, reply, expires FROM replies WHERE expires>?");
  statement.bind(nanoseconds(now));
  Step step = statement.step();
  for (; step == Step::row; step = statement.step()) {
    const auto address = common::IpAddress::from_bytes(statement.octets(0));
    const auto authenticator = statement.octets(4);
    if (!address || authenticator.size() != wire::kAuthenticatorOctets) continue;
    StoredReply& reply = found.emplace_back();
    reply.client = {*address, static_cast<std::uint16_t>(statement.integer(1))};
    reply.local_port = static_cast<std::uint16_t>(statement.integer(2));
    reply.identifier = static_cast<std::uint8_t>(statement.integer(3));
    std::ranges::copy(authenticator, reply.authenticator.begin());
    const auto octets = statement.octets(5);
    reply.reply.assign(octets.begin(), octets.end());
    reply.expires = wall_time(statement.integer(6));
  }
  if (step == Step::failed) return std::nullopt;
  return found;
}

}  // namespace

bool put_open_session(Database& db, const OpenSession& session, Changes& changes) {
  const auto known = has_open_session(db, session.identity.session);
  if (!known) return false;
  const common::Bytes identity = encode_identity(session.identity);
  auto statement = db.prepare("INSERT OR REPLACE INTO open_sessions VALUES(?,?,?,?,?,?,?,?,?)");
  statement.bind(session.identity.session.value())
      .bind(common::ByteView(identity))
      .bind(nanoseconds(session.started))
      .bind(session.counters.in_octets)
      .bind(session.counters.in_packets)
      .bind(session.counters.out_octets)
      .bind(session.counters.out_packets)
      .bind(nanoseconds(session.counters_read))
      .bind(std::int64_t{session.start_spooled});
  if (!*known) ++changes.open_sessions;
  return statement.run();
}

bool put_counters(Database& db, std::span<const CounterUpdate> updates) {
  return std::ranges::all_of(updates, [&](const CounterUpdate& update) {
    auto statement = db.prepare(
        "UPDATE open_sessions SET in_octets=?, in_packets=?, out_octets=?, out_packets=?, counters_read=? "
        "WHERE session=?");
    return statement.bind(update.counters.in_octets)
        .bind(update.counters.in_packets)
        .bind(update.counters.out_octets)
        .bind(update.counters.out_packets)
        .bind(nanoseconds(update.read))
        .bind(update.session.value())
        .run();
  });
}

bool put_record(Database& db, const AccountingRecord& record, Changes& changes) {
  const common::SessionId session = record.identity.session;
  if (record.kind == RecordKind::interim) {
    const auto open = has_open_session(db, session);
    if (!open) return false;
    if (!*open) return true;  // after Stop, no Interim (P3)
    if (!drop_interims(db, session, changes)) return false;
  }
  if (record.kind == RecordKind::start) {
    auto mark = db.prepare("UPDATE open_sessions SET start_spooled=1 WHERE session=?");
    if (!mark.bind(session.value()).run()) return false;
  }
  return insert_record(db, record, changes);
}

bool put_stops(Database& db, const StopBatch& batch, common::WallTime now, Changes& changes) {
  for (const AccountingRecord& stop : batch.stops) {
    const common::SessionId session = stop.identity.session;
    if (!delete_open_session(db, session, changes) || !drop_interims(db, session, changes) ||
        !insert_record(db, stop, changes))
      return false;
  }
  for (const common::SessionId session : batch.closed_silently)
    if (!delete_open_session(db, session, changes)) return false;
  return !batch.reply || put_reply(db, *batch.reply, now);
}

bool remove_records(Database& db, std::span<const SpoolId> records, Changes& changes) {
  return std::ranges::all_of(records, [&](SpoolId id) {
    auto statement = db.prepare("DELETE FROM spool WHERE id=? RETURNING 1");
    const Step step = statement.bind(id.value()).step();
    if (step == Step::row) --changes.spooled;
    return step == Step::row ? statement.run() : step == Step::done;
  });
}

std::optional<std::uint64_t> advance_counter(Database& db, std::string_view name, std::uint64_t floor,
                                             std::uint64_t by) {
  const auto stored = read_counter(db, name);
  if (!stored) return std::nullopt;
  const std::uint64_t value = std::max(*stored, floor) + by;
  auto statement = db.prepare("INSERT OR REPLACE INTO counters(name, value) VALUES(?,?)");
  if (!statement.bind(name).bind(value).run()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> read_counter(Database& db, std::string_view name) {
  auto statement = db.prepare("SELECT value FROM counters WHERE name=?");
  const Step step = statement.bind(name).step();
  if (step == Step::failed) return std::nullopt;
  return step == Step::row ? statement.number(0) : 0;
}

std::optional<Page> read_spool(Database& db, SpoolId after, std::size_t limit) {
  Page page;
  auto statement = db.prepare("SELECT id, record FROM spool WHERE id>? ORDER BY id");
  statement.bind(after.value());
  Step step = statement.step();
  for (; step == Step::row && page.records.size() < limit; step = statement.step()) {
    if (auto record = decode_record(statement.octets(1)))
      page.records.push_back({SpoolId(statement.number(0)), *std::move(record)});
    else
      ++page.unreadable;
  }
  if (step == Step::failed) return std::nullopt;
  return page;
}

std::optional<Recovered> read_recovered(Database& db, common::WallTime now, std::size_t& unreadable) {
  Recovered recovered;
  auto open = read_open_sessions(db, unreadable);
  auto replies = read_replies(db, now);
  if (!open || !replies) return std::nullopt;
  recovered.open = *std::move(open);
  recovered.replies = *std::move(replies);
  auto stops = db.prepare("SELECT session FROM spool WHERE kind=3 ORDER BY id");
  Step step = stops.step();
  for (; step == Step::row; step = stops.step()) recovered.stops.emplace_back(stops.number(0));
  if (step == Step::failed) return std::nullopt;
  auto count = db.prepare("SELECT count(*) FROM spool");
  if (count.step() != Step::row) return std::nullopt;
  recovered.spooled = static_cast<std::size_t>(count.number(0));
  return recovered;
}

}  // namespace controlplane::radius::sql
