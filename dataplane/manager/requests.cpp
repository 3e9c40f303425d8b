// From frames to calls of the table writer, and back. A frame whose records do not add up closes the connection; a
// record that is wrong in itself is answered `invalid`.

#include "dataplane/manager/requests.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <spdlog/spdlog.h>

#include "common/channel/convert.hpp"
#include "dataplane/manager/validate.hpp"

namespace dataplane::manager {
namespace {

using namespace common::channel;
using common::SessionId;
using common::Spi;

constexpr std::uint32_t kMaxReservations = 4096;
constexpr std::size_t kListingAhead = 4U << 20U;  // octets of a listing that may wait for their reader
constexpr std::uint32_t kListingSlice = 256;      // places looked at in one go

SessionStatus status_of(std::uint64_t id, Status status) noexcept {
  return {id, static_cast<std::uint16_t>(status), 0, 0};
}

void copy_drops(const std::array<std::uint64_t, common::kDropReasons>& from,
                std::array<std::uint64_t, kDropSlots>& to) noexcept {
  std::ranges::copy(from, to.begin());
}

}  // namespace

/// One record, one SessionStatus.
template <class R, class Fn>
bool Requests::answer_each(ConnectionId connection, const Frame& frame, Fn fn) {
  auto records = Records<R>::read(frame);
  Buffer* out = server_->output(connection);
  if (!records || out == nullptr) return false;
  {
    FrameWriter writer(*out, frame.type(), kReply, frame.header.request_id);
    while (auto record = records->next()) {
      writer.add(status_of(record->fixed.session_id, fn(*record)));
      common::wipe({reinterpret_cast<std::uint8_t*>(&record->fixed), sizeof record->fixed});
    }
  }
  server_->flush(connection);
  return true;
}

HelloReply Requests::on_hello(common::Epoch epoch) {
  const sa::Usage usage = context_.writer->usage();
  HelloReply reply{};
  reply.version = kVersion;
  reply.status = static_cast<std::uint16_t>(epoch < epoch_ ? Status::fenced : Status::ok);
  reply.workers = context_.workers;
  reply.epoch = epoch_.value();
  reply.sessions = usage.live + usage.removing;
  reply.tombstones = usage.tombstones;
  reply.capacity = context_.capacity;
  reply.boot_id = context_.boot_id;
  reply.max_session_id = context_.writer->max_session_id().value();
  if (epoch >= epoch_) epoch_ = epoch;
  return reply;
}

void Requests::on_control_plane(ConnectionId) {
  spdlog::info("control plane is here, epoch {}", epoch_.value());
  listings_.clear();
  context_.writer->announce_again();
  context_.presence(true);
}

void Requests::on_gone(ConnectionId) {
  spdlog::warn("control plane is gone");
  listings_.clear();
  context_.presence(false);
}

bool Requests::on_request(ConnectionId connection, const Frame& frame) {
  switch (frame.type()) {
    case Type::install_session:
      return install(connection, frame);
    case Type::rekey_child:
      return rekey(connection, frame);
    case Type::remove_sessions:
      return remove(connection, frame);
    case Type::read_counters:
      return read_counters(connection, frame);
    case Type::list_sessions:
      return list(connection, frame);
    case Type::reserve_spis:
      return reserve(connection, frame);
    case Type::release_spis:
      return release(connection, frame);
    case Type::read_statistics:
      return statistics(connection, frame);
    default:
      return change(connection, frame);
  }
}

Status Requests::install_one(const InstallSession& wire, common::ByteView blob) {
  const auto spec = read_session(wire, blob, epoch_);
  if (!spec) return Status::invalid;
  const auto prefixes = context_.tunnels->prefixes_of(*spec);
  if (!prefixes) return Status::invalid;
  const bool is_new = context_.writer->find(spec->id) == nullptr;
  if (is_new && context_.tunnels->is_taken(*prefixes)) return Status::address_in_use;
  const Status status = context_.writer->install(*spec, context_.now());
  if (status == Status::ok) {
    if (const auto index = context_.writer->index_of(spec->id)) context_.tunnels->give(*prefixes, *index);
  }
  return status;
}

bool Requests::install(ConnectionId connection, const Frame& frame) {
  return answer_each<InstallSession>(
      connection, frame, [&](const Record<InstallSession>& record) { return install_one(record.fixed, record.blob); });
}

bool Requests::rekey(ConnectionId connection, const Frame& frame) {
  return answer_each<RekeyChild>(connection, frame, [&](const Record<RekeyChild>& record) {
    const auto child = read_child(record.fixed.child);
    if (!child || record.fixed.zero != 0) return Status::invalid;
    return context_.writer->rekey(SessionId{record.fixed.session_id}, Spi{record.fixed.old_inbound_spi}, *child,
                                  context_.now());
  });
}

/// Requests whose only answer is a status.
bool Requests::change(ConnectionId connection, const Frame& frame) {
  sa::TableWriter& writer = *context_.writer;
  switch (frame.type()) {
    case Type::delete_child:
      return answer_each<DeleteChild>(connection, frame, [&](const Record<DeleteChild>& record) {
        if (record.fixed.zero != 0) return Status::invalid;
        return writer.delete_child(SessionId{record.fixed.session_id}, Spi{record.fixed.inbound_spi}, context_.now());
      });
    case Type::forget_sessions:
      return answer_each<SessionRef>(connection, frame, [&](const Record<SessionRef>& record) {
        return writer.forget(SessionId{record.fixed.session_id});
      });
    case Type::update_peer:
      return answer_each<UpdatePeer>(connection, frame, [&](const Record<UpdatePeer>& record) {
        const auto path = read_path(record.fixed.local, record.fixed.remote, record.fixed.flags);
        if (!path || record.fixed.udp_encap > 1) return Status::invalid;
        return writer.update_path(SessionId{record.fixed.session_id}, *path, record.fixed.udp_encap != 0);
      });
    case Type::set_policy:
      return answer_each<SetPolicy>(connection, frame, [&](const Record<SetPolicy>& record) {
        if (!is_valid(record.fixed.policy)) return Status::invalid;
        return writer.set_policy(SessionId{record.fixed.session_id}, record.fixed.policy, context_.now());
      });
    case Type::put_blob:
      return answer_each<PutBlob>(connection, frame, [&](const Record<PutBlob>& record) {
        if (record.fixed.zero != 0) return Status::invalid;
        return writer.put_blob(SessionId{record.fixed.session_id}, record.blob);
      });
    default:
      return false;
  }
}

bool Requests::remove(ConnectionId connection, const Frame& frame) {
  auto records = Records<RemoveSession>::read(frame);
  if (!records) return false;
  auto removal = std::make_shared<PendingRemoval>(connection, frame.header.request_id);
  while (const auto record = records->next()) {
    const SessionId id{record->fixed.session_id};
    Status status = Status::ok;
    switch (context_.writer->begin_removal(id, record->fixed.cause)) {
      case sa::Removal::begun:
        // Phase 1 takes its routes along; those that it reserved lead to `drop` from now on.
        if (const auto index = context_.writer->index_of(id)) context_.tunnels->take_away(*index);
        [[fallthrough]];
      case sa::Removal::joined:
        ++removal->missing;
        waiting_.emplace(id, removal);
        break;
      case sa::Removal::ended:
        status = Status::unchanged;
        break;
      case sa::Removal::unknown:
        status = Status::unknown_session;
        break;
    }
    removal->sessions.emplace_back(id, status);
  }
  if (removal->missing == 0) answer(*removal);
  return true;
}

void Requests::on_removed(const std::vector<SessionId>& sessions) {
  for (const SessionId id : sessions) {
    const auto [first, last] = waiting_.equal_range(id);
    std::vector<std::shared_ptr<PendingRemoval>> done;
    for (auto each = first; each != last; ++each)
      if (--each->second->missing == 0) done.push_back(each->second);
    waiting_.erase(first, last);
    for (const auto& removal : done) answer(*removal);
  }
}

void Requests::answer(const PendingRemoval& removal) {
  Buffer* out = server_->output(removal.connection);
  if (out == nullptr) return;  // who comes after it asks again, and meets the tombstones
  {
    FrameWriter writer(*out, Type::remove_sessions, kReply, removal.request_id);
    for (const auto& [id, status] : removal.sessions) writer.add(counters_of(id, status));
  }
  server_->flush(removal.connection);
}

SessionCounters Requests::counters_of(SessionId id, Status status) const {
  SessionCounters counters{};
  counters.session_id = id.value();
  const sa::SessionRecord* record = context_.writer->find(id);
  if (record == nullptr) {
    counters.status = static_cast<std::uint16_t>(Status::unknown_session);
    return counters;
  }
  const sa::Totals totals = context_.writer->counters(*record);
  const sa::Now now = context_.now();
  counters.status = static_cast<std::uint16_t>(status);
  counters.cause = record->cause;
  counters.final_ = record->state == sa::SessionState::ended ? 1 : 0;
  counters.in_octets = totals.in_octets;
  counters.in_packets = totals.in_packets;
  counters.out_octets = totals.out_octets;
  counters.out_packets = totals.out_packets;
  counters.last_in_unix_ms = now.unix_ms_at(totals.last_in_tsc);
  counters.last_out_unix_ms = now.unix_ms_at(totals.last_out_tsc);
  copy_drops(totals.in_drops, counters.in_drops);
  copy_drops(totals.out_drops, counters.out_drops);
  return counters;
}

bool Requests::read_counters(ConnectionId connection, const Frame& frame) {
  auto records = Records<SessionRef>::read(frame);
  Buffer* out = server_->output(connection);
  if (!records || out == nullptr) return false;
  {
    FrameWriter writer(*out, frame.type(), kReply, frame.header.request_id);
    while (const auto record = records->next()) {
      const SessionId id{record->fixed.session_id};
      const sa::SessionRecord* found = context_.writer->find(id);
      const bool ended = found != nullptr && found->state == sa::SessionState::ended;
      writer.add(counters_of(id, ended ? Status::unchanged : Status::ok));
    }
  }
  server_->flush(connection);
  return true;
}

SessionListing Requests::listing_of(const sa::SessionRecord& record) const {
  SessionListing listing{};
  const bool ended = record.state == sa::SessionState::ended;
  listing.counters = counters_of(record.id, ended ? Status::unchanged : Status::ok);
  listing.installed_unix_ms = record.installed_unix_ms;
  listing.epoch = record.epoch.value();
  if (const sa::ChildRecord* child = record.current_child()) {
    listing.inbound_spi = child->inbound.value();
    listing.outbound_spi = child->outbound.value();
  }
  listing.ended = ended ? 1 : 0;
  listing.local = to_wire(record.path.local);
  listing.remote = to_wire(record.path.remote);
  return listing;
}

bool Requests::list(ConnectionId connection, const Frame& frame) {
  if (frame.header.count != 0 || !frame.payload.empty()) return false;
  listings_.push_back({connection, frame.header.request_id, 0});
  work();
  return true;
}

/// A listing of many sessions is long: it goes out in slices, so that the loop's other work is never far.
void Requests::work() {
  for (Listing& listing : listings_) {
    if (server_->waiting(listing.connection) > kListingAhead) continue;
    Buffer* out = server_->output(listing.connection);
    if (out == nullptr) {
      listing.next_place = context_.capacity + 1;
      continue;
    }
    const std::uint32_t end = std::min(context_.capacity, listing.next_place + kListingSlice);
    const bool last = end == context_.capacity;
    {
      FrameWriter writer(*out, Type::list_sessions, last ? kReply : std::uint16_t{kReply | kMore}, listing.request_id);
      for (; listing.next_place < end; ++listing.next_place)
        if (const sa::SessionRecord* record = context_.writer->at(listing.next_place))
          writer.add(listing_of(*record), record->blob.view());
    }
    if (last) ++listing.next_place;
    server_->flush(listing.connection);
  }
  std::erase_if(listings_, [&](const Listing& listing) { return listing.next_place > context_.capacity; });
}

bool Requests::reserve(ConnectionId connection, const Frame& frame) {
  auto records = Records<ReserveSpis>::read(frame);
  Buffer* out = server_->output(connection);
  const auto wanted = records && records->size() == 1 ? records->next() : std::nullopt;
  if (!wanted || out == nullptr) return false;
  const bool valid = wanted->fixed.zero == 0 && wanted->fixed.count <= kMaxReservations;
  {
    FrameWriter writer(*out, frame.type(), kReply, frame.header.request_id);
    for (std::uint32_t i = 0; valid && i < wanted->fixed.count; ++i) {
      const auto spi = context_.writer->reserve_spi(context_.now());
      if (!spi) break;  // fewer than asked for: the table is full
      writer.add(ReservedSpi{spi->value(), 0});
    }
  }
  server_->flush(connection);
  return true;
}

bool Requests::release(ConnectionId connection, const Frame& frame) {
  auto records = Records<ReservedSpi>::read(frame);
  Buffer* out = server_->output(connection);
  if (!records || out == nullptr) return false;
  {
    FrameWriter writer(*out, frame.type(), kReply, frame.header.request_id);
    while (const auto record = records->next())
      writer.add(status_of(record->fixed.spi, context_.writer->give_back_spi(Spi{record->fixed.spi})));
  }
  server_->flush(connection);
  return true;
}

bool Requests::statistics(ConnectionId connection, const Frame& frame) {
  Buffer* out = server_->output(connection);
  if (frame.header.count != 0 || !frame.payload.empty() || out == nullptr) return false;
  {
    FrameWriter writer(*out, frame.type(), kReply, frame.header.request_id);
    context_.statistics([&](std::string_view name, std::uint64_t value) {
      NamedValue named{};
      std::memcpy(named.name.data(), name.data(), std::min(name.size(), named.name.size() - 1));
      named.value = value;
      writer.add(named);
    });
  }
  server_->flush(connection);
  return true;
}

template <class R>
void Requests::send_event(Type type, const R& record) {
  const auto connection = server_->control_plane();
  Buffer* out = connection ? server_->output(*connection) : nullptr;
  if (out == nullptr) return;
  FrameWriter(*out, type, 0, 0).add(record);
  server_->flush(*connection);
}

void Requests::tell(const sa::Notice& notice) {
  using enum sa::Notice::Kind;
  const SessionEvent session{notice.id.value()};
  switch (notice.kind) {
    case lifetime_reached:
      send_event(Type::event_lifetime_reached, session);
      break;
    case idle_expired:
      send_event(Type::event_idle_expired, session);
      break;
    case inbound_seen:
      send_event(Type::event_inbound_seen, session);
      break;
    case child_expired:
      send_event(Type::event_child_expired, ChildEvent{notice.id.value(), notice.inbound.value(), 0});
      break;
  }
}

void Requests::tell_peer_moved(SessionId id) {
  if (const sa::SessionRecord* record = context_.writer->find(id))
    send_event(Type::event_peer_moved, PeerMoved{id.value(), to_wire(record->path.remote)});
}

}  // namespace dataplane::manager
