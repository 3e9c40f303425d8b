// Sessions: installed, moved, limited, counted. Children are writer_child.cpp, the end is writer_end.cpp.

#include "dataplane/sa/writer.hpp"

#include <algorithm>

#include "dataplane/esp/template.hpp"

namespace dataplane::sa {
namespace {

std::uint64_t packed_remote(const Path& path) noexcept {
  return path.remote.address.is_v4() ? Session::pack(path.remote.address.v4_host(), path.remote.port) : 0;
}

}  // namespace

std::uint64_t Now::tsc_at(std::uint64_t unix_ms) const noexcept {
  if (unix_ms == 0) return kNeverTsc;
  const std::uint64_t now_ms = common::unix_milliseconds(wall);
  if (unix_ms <= now_ms) return tsc;
  const auto cycles = static_cast<__uint128_t>(unix_ms - now_ms) * tsc_hz / 1000U + tsc;
  return cycles >= kNeverTsc ? kNeverTsc : static_cast<std::uint64_t>(cycles);
}

std::uint64_t Now::unix_ms_at(std::uint64_t then_tsc) const noexcept {
  if (then_tsc == 0) return 0;
  const std::uint64_t now_ms = common::unix_milliseconds(wall);
  const std::uint64_t ago =
      then_tsc >= tsc ? 0 : static_cast<std::uint64_t>(static_cast<__uint128_t>(tsc - then_tsc) * 1000U / tsc_hz);
  return ago >= now_ms ? 0 : now_ms - ago;
}

TableWriter::TableWriter(Tables& tables, Reclaimer& reclaimer, rte_rcu_qsbr* readers, Drain& drain, std::uint64_t seed)
    : tables_(tables),
      reclaimer_(reclaimer),
      spis_(tables.spi_layout(), static_cast<std::uint32_t>(tables.inbound_.size()), seed),
      rounds_(readers, drain),
      records_(tables.session_places()),
      ended_ids_(std::size_t{tables.session_places()} * 4) {
  for (std::uint32_t place = 0; place < tables.session_places(); ++place) free_.push_back(place);
}

std::optional<ids::PoolIndex> TableWriter::pool_of(std::uint32_t address_v4) const noexcept {
  for (std::uint32_t i = 0; i < tables_.ranges_.size(); ++i)
    if (address_v4 >= tables_.ranges_[i].first && address_v4 <= tables_.ranges_[i].last) return ids::PoolIndex{i};
  return std::nullopt;
}

SessionRecord* TableWriter::find_live(ids::SessionRef session) noexcept {
  if (session.index.value() >= records_.size()) return nullptr;
  SessionRecord& record = records_[session.index.value()];
  return record.state == SessionState::live && record.generation == session.generation ? &record : nullptr;
}

std::pair<SessionRecord*, Status> TableWriter::find_for_change(common::SessionId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return {nullptr, ended_ids_.contains(id) ? Status::ended : Status::unknown_session};
  SessionRecord& record = records_[found->second];
  return record.state == SessionState::live ? std::pair{&record, Status::ok} : std::pair{&record, Status::ended};
}

Status TableWriter::install(const SessionSpec& spec, const Now& now) {
  if (auto [record, status] = find_for_change(spec.id); record != nullptr || status == Status::ended) {
    if (status == Status::ended) return status;
    const ChildRecord* child = record->find_child(spec.child.inbound);
    return child != nullptr && child->key_id == spec.child.key_id ? Status::unchanged : Status::invalid;
  }
  if (free_.empty()) return Status::no_capacity;
  const auto pool = spec.inner_v4 ? pool_of(*spec.inner_v4) : std::nullopt;
  std::atomic<std::uint64_t>* pool_entry =
      pool ? &(*tables_.pools_[pool->value()])[*spec.inner_v4 - tables_.ranges_[pool->value()].first] : nullptr;
  if (pool_entry != nullptr && pool_entry->load(std::memory_order_relaxed) != 0) return Status::address_in_use;
  if (const Status status = check_child(spec.child, spec.path); status != Status::ok) return status;
  auto keys = make_keys(spec.child, key_memory(tables_.memory_));
  if (!keys) return keys.error();
  if (!spis_.take(spec.child.inbound)) return Status::unknown_spi;

  const std::uint32_t place = free_.front();
  free_.pop_front();
  by_id_.emplace(spec.id, place);
  SessionRecord& record = records_[place];
  const std::uint32_t generation = record.generation + 1 == 0 ? 1 : record.generation + 1;
  record = SessionRecord{};
  record.state = SessionState::live;
  record.generation = generation;
  record.id = spec.id;
  record.epoch = spec.epoch;
  record.path = spec.path;
  record.udp_encap = spec.child.udp_encap;
  record.inner_v4 = spec.inner_v4;
  record.pool = pool;
  record.policy = spec.policy;
  record.blob = common::SecretBytes(spec.blob);
  record.installed_unix_ms = common::unix_milliseconds(now.wall);
  record.installed = now.monotonic;
  max_id_ = std::max(max_id_, spec.id);
  ++usage_.live;

  // Nobody can find the session until its generation is stored, so everything else comes first.
  Session& session = tables_.sessions_[place];
  session.own.clear();
  session.foreign.clear();
  session.meter_in = {};
  session.meter_out = {};
  session.last_move_tsc = 0;
  session.owner = ids::WorkerIndex{static_cast<std::uint16_t>(place % tables_.workers_)};
  session.inner_v4.store(spec.inner_v4.value_or(0), std::memory_order_relaxed);
  session.remote_v4.store(packed_remote(spec.path), std::memory_order_relaxed);
  session.may_move.store(spec.path.nat && !spec.path.mobike, std::memory_order_relaxed);
  session.outbound.store(nullptr, std::memory_order_relaxed);
  publish_policy(record, now);
  session.counting.store(generation, std::memory_order_release);
  session.generation.store(generation, std::memory_order_release);
  add_child(record, spec.child, std::move(*keys), false, now);
  if (pool_entry != nullptr)
    pool_entry->store(Tables::pack({ids::SessionIndex{place}, generation}), std::memory_order_release);
  return Status::ok;
}

void TableWriter::publish_policy(const SessionRecord& record, const Now& now) noexcept {
  Session& session = tables_.sessions_[place_of(record)];
  session.end_tsc.store(now.tsc_at(record.policy.session_end_unix_ms), std::memory_order_relaxed);
  session.input_rate_bits.store(record.policy.input_rate_bits, std::memory_order_relaxed);
  session.output_rate_bits.store(record.policy.output_rate_bits, std::memory_order_relaxed);
}

Status TableWriter::set_policy(common::SessionId id, const common::channel::WirePolicy& policy, const Now& now) {
  auto [record, status] = find_for_change(id);
  if (status != Status::ok) return status;
  record->policy = policy;
  record->end_announced = false;
  record->idle_announced = false;
  publish_policy(*record, now);
  return Status::ok;
}

Status TableWriter::put_blob(common::SessionId id, common::ByteView blob) {
  auto [record, status] = find_for_change(id);
  if (status != Status::ok) return status;
  record->blob = common::SecretBytes(blob);
  return Status::ok;
}

Status TableWriter::update_path(common::SessionId id, const Path& path, bool udp_encap) {
  auto [record, status] = find_for_change(id);
  if (status != Status::ok) return status;
  const esp::Outer outer{path.local, path.remote, common::Spi{256}, udp_encap};
  if (!esp::make_template(outer)) return Status::invalid;
  record->path = path;
  record->udp_encap = udp_encap;
  publish_path(*record);
  return Status::ok;
}

/// Each outbound SA has two templates: the one that workers see, and a spare one, which is theirs no longer than a
/// grace period after a move. A move within that time waits for it; of several that wait only the last one counts.
void TableWriter::publish_path(SessionRecord& record) {
  const std::uint32_t place = place_of(record);
  Session& session = tables_.sessions_[place];
  session.remote_v4.store(packed_remote(record.path), std::memory_order_relaxed);
  session.may_move.store(record.path.nat && !record.path.mobike, std::memory_order_relaxed);
  for (const ChildRecord& child : record.children) {
    InboundSa& inbound = tables_.inbound_[tables_.layout_.index(child.inbound).value()];
    inbound.local_v4.store(record.path.local.address.v4_host(), std::memory_order_relaxed);
    inbound.udp_encap.store(record.udp_encap, std::memory_order_relaxed);
  }
  if (record.header_in_flight) {
    record.header_again = true;
    return;
  }
  for (ChildRecord& child : record.children) {
    const auto header = esp::make_template({record.path.local, record.path.remote, child.outbound, record.udp_encap});
    if (!header) continue;  // update_path has made one of the same path
    OutboundSa& outbound = tables_.outbound_[tables_.layout_.index(child.inbound).value()];
    child.template_used ^= 1U;
    outbound.templates[child.template_used] = *header;
    outbound.header.store(&outbound.templates[child.template_used], std::memory_order_release);
  }
  record.header_in_flight = true;
  reclaimer_.defer([this, alive = alive_, ref = ids::SessionRef{ids::SessionIndex{place}, record.generation}] {
    if (!*alive) return;
    SessionRecord* live = find_live(ref);
    if (live == nullptr) return;
    live->header_in_flight = false;
    if (std::exchange(live->header_again, false)) publish_path(*live);
  });
}

std::optional<common::SessionId> TableWriter::on_peer_moved(ids::SessionRef session, std::uint32_t address_v4,
                                                            std::uint16_t port) {
  SessionRecord* record = find_live(session);
  if (record == nullptr || !record->path.nat || record->path.mobike || !record->udp_encap) return std::nullopt;
  const common::Endpoint remote{common::IpAddress::v4(address_v4), port};
  if (remote == record->path.remote) return std::nullopt;
  if (!esp::make_template({record->path.local, remote, common::Spi{256}, record->udp_encap})) return std::nullopt;
  record->path.remote = remote;
  publish_path(*record);
  return record->id;
}

const SessionRecord* TableWriter::find(common::SessionId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &records_[found->second];
}

std::optional<ids::SessionIndex> TableWriter::index_of(common::SessionId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? std::nullopt : std::optional(ids::SessionIndex{found->second});
}

Totals TableWriter::counters(const SessionRecord& record) const {
  if (record.state == SessionState::ended) return record.final;
  const Session& session = tables_.sessions_[place_of(record)];
  return total(session.own, session.foreign);
}

void TableWriter::for_each(const std::function<void(const SessionRecord&)>& visit) const {
  for (const SessionRecord& record : records_)
    if (record.state != SessionState::free) visit(record);
}

Usage TableWriter::usage() const noexcept {
  Usage usage = usage_;
  usage.reserved_spis = spis_.reserved();
  usage.free_spis = spis_.free_places();
  usage.children = spis_.used();
  usage.removal_rounds = rounds_.rounds();
  return usage;
}

}  // namespace dataplane::sa
