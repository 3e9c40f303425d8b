// The end of sessions, and what time brings about.

#include <algorithm>
#include <utility>

#include "dataplane/sa/writer.hpp"

namespace dataplane::sa {

Removal TableWriter::begin_removal(common::SessionId id, std::uint16_t cause) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return Removal::unknown;
  SessionRecord& record = records_[found->second];
  if (record.state == SessionState::ended) return Removal::ended;
  if (record.state == SessionState::removing) return Removal::joined;
  record.state = SessionState::removing;
  record.cause = cause;  // the first one wins
  --usage_.live;
  ++usage_.removing;

  // `counting` stays: packets in flight are still dropped and counted in this session's name.
  Session& session = tables_.sessions_[found->second];
  session.generation.store(0, std::memory_order_release);
  session.outbound.store(nullptr, std::memory_order_release);
  for (const ChildRecord& child : record.children) unpublish_inbound(child);
  if (record.pool) {
    const std::uint32_t offset = *record.inner_v4 - tables_.ranges_[record.pool->value()].first;
    (*tables_.pools_[record.pool->value()])[offset].store(0, std::memory_order_release);
  }
  rounds_.add(ids::SessionIndex{found->second});
  return Removal::begun;
}

void TableWriter::finish_removal(SessionRecord& record) {
  Session& session = tables_.sessions_[place_of(record)];
  record.final = total(session.own, session.foreign);
  session.counting.store(0, std::memory_order_release);
  for (ChildRecord& child : record.children) {
    poison(child.inbound);
    spis_.release(child.inbound);
  }
  // One child stays as a name for `list`, its keys do not.
  for (ChildRecord& child : record.children) {
    child.inbound_key.reset();
    child.outbound_key.reset();
  }
  record.state = SessionState::ended;
  --usage_.removing;
  ++usage_.tombstones;
}

Status TableWriter::forget(common::SessionId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return Status::unknown_session;
  SessionRecord& record = records_[found->second];
  if (record.state != SessionState::ended) return Status::not_ended;
  ended_ids_.add(id);
  free_.push_back(found->second);
  by_id_.erase(found);
  const std::uint32_t generation = record.generation;  // survives reuse of the place
  record = SessionRecord{};
  record.generation = generation;
  --usage_.tombstones;
  return Status::ok;
}

std::vector<common::SessionId> TableWriter::poll(const Now& now) {
  spis_.expire(now.monotonic);
  reclaimer_.poll();
  while (!due_.empty() && due_.top().at <= now.monotonic) {
    const Due due = due_.top();
    due_.pop();
    if (SessionRecord* record = find_live(due.session)) poll_children(*record, now);
  }
  std::vector<common::SessionId> finished;
  for (const ids::SessionIndex place : rounds_.poll(now.monotonic)) {
    finish_removal(records_[place.value()]);
    finished.push_back(records_[place.value()].id);
  }
  return finished;
}

std::vector<Notice> TableWriter::watch(std::uint32_t places, const Now& now) {
  std::vector<Notice> notices;
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(places, tables_.session_places()); ++i) {
    SessionRecord& record = records_[watched_];
    watched_ = watched_ + 1 == tables_.session_places() ? 0 : watched_ + 1;
    if (record.state == SessionState::live) watch_session(record, now, notices);
  }
  return notices;
}

void TableWriter::announce_again() noexcept {
  for (SessionRecord& record : records_) {
    record.end_announced = false;
    record.idle_announced = false;
    for (ChildRecord& child : record.children) child.end_announced = false;
  }
}

void TableWriter::watch_session(SessionRecord& record, const Now& now, std::vector<Notice>& notices) const {
  constexpr std::chrono::seconds kSeenInterval{5};
  const std::uint64_t now_ms = common::unix_milliseconds(now.wall);
  const Session& session = tables_.sessions_[place_of(record)];
  const std::uint64_t end = record.policy.session_end_unix_ms;
  bool all_children_ended = !record.children.empty();
  for (ChildRecord& child : record.children) {
    const bool ended = child.end_unix_ms != 0 && child.end_unix_ms <= now_ms;
    all_children_ended = all_children_ended && ended;
    if (ended && !std::exchange(child.end_announced, true) && !child.leave_at)
      notices.push_back({Notice::Kind::child_expired, record.id, child.inbound});
  }
  if (((end != 0 && end <= now_ms) || all_children_ended) && !std::exchange(record.end_announced, true))
    notices.push_back({Notice::Kind::lifetime_reached, record.id, {}});

  const std::uint64_t last_in = std::max(session.own.last_in_tsc.get(), session.foreign.last_in_tsc.get());
  const std::uint64_t last_out = std::max(session.own.last_out_tsc.get(), session.foreign.last_out_tsc.get());
  if (last_in != record.seen_in_tsc && now.monotonic - record.seen_in_at >= kSeenInterval) {
    record.seen_in_tsc = last_in;
    record.seen_in_at = now.monotonic;
    notices.push_back({Notice::Kind::inbound_seen, record.id, {}});
  }
  if (record.policy.idle_timeout_s == 0 || record.idle_announced) return;
  const std::uint64_t last_ms = std::max(record.installed_unix_ms, now.unix_ms_at(std::max(last_in, last_out)));
  if (now_ms >= last_ms + std::uint64_t{record.policy.idle_timeout_s} * 1000U) {
    record.idle_announced = true;
    notices.push_back({Notice::Kind::idle_expired, record.id, {}});
  }
}

}  // namespace dataplane::sa
