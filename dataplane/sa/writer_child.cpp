// Pairs of SAs: published, replaced, left, retired.

#include <algorithm>
#include <limits>

#include "dataplane/esp/template.hpp"
#include "dataplane/sa/writer.hpp"

namespace dataplane::sa {

Status TableWriter::check_child(const ChildSpec& spec, const Path& path) const {
  if (!spis_.is_reserved(spec.inbound)) return Status::unknown_spi;
  if (!path.local.address.is_v4() || !path.remote.address.is_v4()) return Status::invalid;
  if (!esp::make_template({path.local, path.remote, spec.outbound, spec.udp_encap})) return Status::invalid;
  return Status::ok;
}

std::expected<TableWriter::Pair, Status> TableWriter::make_keys(const ChildSpec& spec,
                                                                std::pmr::memory_resource& memory) {
  auto inbound = crypto::Key::make(spec.suite, spec.inbound_encryption, spec.inbound_integrity, memory);
  auto outbound = crypto::Key::make(spec.suite, spec.outbound_encryption, spec.outbound_integrity, memory);
  for (const auto* key : {&inbound, &outbound})
    if (!*key)
      return std::unexpected(key->error() == crypto::CryptoError::no_memory ? Status::no_capacity : Status::invalid);
  return Pair{std::move(*inbound), std::move(*outbound)};
}

void TableWriter::remind(const SessionRecord& record, common::MonotonicTime at) {
  due_.push({at, {ids::SessionIndex{place_of(record)}, record.generation}});
}

void TableWriter::fill_inbound(const SessionRecord& record, const ChildRecord& child, const ChildSpec& spec,
                               bool announce_first, const Now& now) {
  const std::uint32_t place = tables_.layout_.index(child.inbound).value();
  const std::uint32_t session = place_of(record);
  InboundSa& sa = tables_.inbound_[place];
  sa.owner = tables_.sessions_[session].owner;
  sa.esn = spec.esn;
  sa.announce_first = announce_first;
  sa.first_announced = false;
  sa.session = {ids::SessionIndex{session}, record.generation};
  sa.suite = child.inbound_key.ops();
  sa.schedule = child.inbound_key.schedule();
  sa.salt = child.inbound_key.salt();
  sa.end_tsc = now.tsc_at(spec.end_unix_ms);
  sa.octets = 0;
  const std::span words(&tables_.replay_memory_[place * tables_.replay_words_], tables_.replay_words_);
  sa.replay = esp::ReplayWindow(words, std::min(spec.replay_packets, tables_.replay_packets_));
  sa.selectors = spec.selectors;
  sa.local_v4.store(record.path.local.address.v4_host(), std::memory_order_relaxed);
  sa.udp_encap.store(spec.udp_encap, std::memory_order_relaxed);
}

void TableWriter::fill_outbound(const SessionRecord& record, const ChildRecord& child, const ChildSpec& spec,
                                const Now& now) {
  const ids::SaIndex place = tables_.layout_.index(child.inbound);
  OutboundSa& sa = tables_.outbound_[place.value()];
  sa.suite = child.outbound_key.ops();
  sa.schedule = child.outbound_key.schedule();
  sa.salt = child.outbound_key.salt();
  sa.selectors = &tables_.inbound_[place.value()].selectors;
  sa.end_tsc = now.tsc_at(spec.end_unix_ms);
  sa.last_sequence = spec.esn ? std::numeric_limits<std::uint64_t>::max() : std::numeric_limits<std::uint32_t>::max();
  sa.spi = spec.outbound.value();
  sa.index = place;
  sa.esn = spec.esn;
  sa.sequence = 0;
  sa.octets = 0;
  sa.expiry_announced = false;
  if (const auto header = esp::make_template({record.path.local, record.path.remote, spec.outbound, spec.udp_encap}))
    sa.templates[0] = *header;
  sa.header.store(&sa.templates[0], std::memory_order_relaxed);
}

/// @pre the place is this child's alone: no reader can hold it
void TableWriter::add_child(SessionRecord& record, const ChildSpec& spec, Pair keys, bool rekeyed, const Now& now) {
  ChildRecord& child = record.children.emplace_back();
  child.inbound = spec.inbound;
  child.outbound = spec.outbound;
  child.key_id = spec.key_id;
  child.serial = record.next_serial++;
  child.inbound_key = std::move(keys.inbound);
  child.outbound_key = std::move(keys.outbound);
  child.udp_encap = spec.udp_encap;
  child.end_unix_ms = spec.end_unix_ms;
  fill_inbound(record, child, spec, rekeyed, now);
  fill_outbound(record, child, spec, now);
  tables_.inbound_[tables_.layout_.index(spec.inbound).value()].spi.store(spec.inbound.value(),
                                                                          std::memory_order_release);
  if (rekeyed && record.outbound_serial != 0) {
    child.switch_at = now.monotonic + kSwitchTime;
    remind(record, *child.switch_at);
  } else {
    use_outbound(record, &child);
  }
}

void TableWriter::use_outbound(SessionRecord& record, const ChildRecord* child) noexcept {
  OutboundSa* sa = child != nullptr ? &tables_.outbound_[tables_.layout_.index(child->inbound).value()] : nullptr;
  record.outbound_serial = child != nullptr ? child->serial : 0;
  tables_.sessions_[place_of(record)].outbound.store(sa, std::memory_order_release);
}

/// Outbound moves to the newest child that is there to stay; without one it ends (no_outbound_sa).
void TableWriter::leave_outbound(SessionRecord& record, const ChildRecord& child) noexcept {
  if (record.outbound_serial != child.serial) return;
  ChildRecord* best = nullptr;
  for (ChildRecord& other : record.children)
    if (&other != &child && !other.leave_at && (best == nullptr || other.serial > best->serial)) best = &other;
  if (best != nullptr) best->switch_at.reset();
  use_outbound(record, best);
}

Status TableWriter::rekey(common::SessionId id, common::Spi old_inbound, const ChildSpec& spec, const Now& now) {
  auto [record, status] = find_for_change(id);
  if (status != Status::ok) return status;
  if (const ChildRecord* again = record->find_child(spec.inbound))
    return again->key_id == spec.key_id ? Status::unchanged : Status::invalid;
  if (record->find_child(old_inbound) == nullptr) return Status::unknown_spi;
  if (record->children.size() >= kMaxChildren) return Status::no_capacity;
  if (const Status checked = check_child(spec, record->path); checked != Status::ok) return checked;
  auto keys = make_keys(spec, key_memory(tables_.memory_));
  if (!keys) return keys.error();
  if (!spis_.take(spec.inbound)) return Status::unknown_spi;
  add_child(*record, spec, std::move(*keys), true, now);
  return Status::ok;
}

Status TableWriter::delete_child(common::SessionId id, common::Spi inbound, const Now& now) {
  auto [record, status] = find_for_change(id);
  if (status != Status::ok) return status;
  ChildRecord* child = record->find_child(inbound);
  if (child == nullptr) return Status::unknown_spi;
  if (child->leave_at) return Status::unchanged;
  child->leave_at = now.monotonic + kLeaveTime;
  child->switch_at.reset();
  leave_outbound(*record, *child);
  remind(*record, *child->leave_at);
  return Status::ok;
}

ChildRecord* TableWriter::find_child(SessionRecord& record, ids::SaIndex pair) const noexcept {
  for (ChildRecord& child : record.children)
    if (tables_.layout_.index(child.inbound) == pair) return &child;
  return nullptr;
}

void TableWriter::on_first_inbound(ids::SessionRef session, ids::SaIndex pair) {
  SessionRecord* record = find_live(session);
  ChildRecord* child = record != nullptr ? find_child(*record, pair) : nullptr;
  if (child == nullptr || child->leave_at || !child->switch_at) return;
  child->switch_at.reset();
  if (child->serial > record->outbound_serial) use_outbound(*record, child);
}

std::optional<Notice> TableWriter::on_child_expiring(ids::SessionRef session, ids::SaIndex pair) {
  SessionRecord* record = find_live(session);
  ChildRecord* child = record != nullptr ? find_child(*record, pair) : nullptr;
  if (child == nullptr || std::exchange(child->end_announced, true)) return std::nullopt;
  return Notice{Notice::Kind::child_expired, record->id, child->inbound};
}

void TableWriter::poll_children(SessionRecord& record, const Now& now) {
  for (ChildRecord& child : record.children) {
    if (!child.switch_at || *child.switch_at > now.monotonic) continue;
    child.switch_at.reset();
    if (child.serial > record.outbound_serial) use_outbound(record, &child);
  }
  for (std::size_t i = 0; i < record.children.size();) {
    if (record.children[i].leave_at && *record.children[i].leave_at <= now.monotonic)
      retire_child(record, record.children[i].inbound);
    else
      ++i;
  }
}

void TableWriter::unpublish_inbound(const ChildRecord& child) noexcept {
  tables_.inbound_[tables_.layout_.index(child.inbound).value()].spi.store(0, std::memory_order_release);
}

void TableWriter::retire_child(SessionRecord& record, common::Spi inbound) {
  const auto found = std::ranges::find(record.children, inbound, &ChildRecord::inbound);
  leave_outbound(record, *found);
  unpublish_inbound(*found);
  // No reader that starts a turn now finds it; keys and place are free when those that are in one have ended it.
  reclaimer_.defer([this, alive = alive_, child = std::move(*found)]() mutable {
    if (!*alive) return;
    poison(child.inbound);
    child.inbound_key.reset();
    child.outbound_key.reset();
    spis_.release(child.inbound);
  });
  record.children.erase(found);
}

/// Debug builds: whoever still looks at the place after its time crashes, or counts what no packet can.
void TableWriter::poison([[maybe_unused]] common::Spi inbound) noexcept {
#ifndef NDEBUG
  constexpr std::uintptr_t kNowhere = 0xDEAD'DEAD'0000;
  const std::uint32_t place = tables_.layout_.index(inbound).value();
  InboundSa& in = tables_.inbound_[place];
  in.suite = reinterpret_cast<const crypto::SuiteOps*>(kNowhere);
  in.schedule = reinterpret_cast<const void*>(kNowhere);
  in.replay = esp::ReplayWindow();
  in.session = {};
  in.selectors = {};
  OutboundSa& out = tables_.outbound_[place];
  out.suite = reinterpret_cast<const crypto::SuiteOps*>(kNowhere);
  out.schedule = reinterpret_cast<const void*>(kNowhere);
  out.header.store(nullptr, std::memory_order_relaxed);
  out.sequence = out.last_sequence;  // P7: no number is left to take
#endif
}

}  // namespace dataplane::sa
