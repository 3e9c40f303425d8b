// The sender. `pump` is its heart: whatever happens, it is called afterwards, and sends what may be sent.

#include "controlplane/radius/accounting.hpp"

#include <algorithm>
#include <utility>

#include "controlplane/radius/debug.hpp"
#include "controlplane/radius/encode.hpp"
#include "controlplane/radius/retransmit.hpp"
#include "controlplane/radius/trace.hpp"
#include "controlplane/radius/wire/authenticator.hpp"

namespace controlplane::radius {
namespace {

constexpr std::size_t kMostPorts = 64;       // local ports towards one server
constexpr std::size_t kMostInFlight = 2048;  // more would only wait in the server's receive buffer
constexpr std::size_t kMostLoaded = 8192;    // records in memory; the others wait on disk
constexpr std::size_t kLoadAtOnce = 1024;
constexpr std::size_t kAnswerable = 4;          // `document`: transmissions whose late answer counts
constexpr std::chrono::seconds kFenceWait{30};  // DESIGN chapter 6b
constexpr std::chrono::milliseconds kAcknowledgeDelay{20};

[[nodiscard]] bool is_fence(const AccountingRecord& record) noexcept {
  return record.kind == RecordKind::on || record.kind == RecordKind::off;
}

}  // namespace

Accounting::Accounting(const config::Config& config, Outbox& outbox, Wires& wires, const common::Clock& clock,
                       Random random, std::function<void()> deadline_changed)
    : outbox_(outbox),
      wires_(wires),
      clock_(clock),
      random_(std::move(random)),
      deadline_changed_(std::move(deadline_changed)) {
  reconfigure(config);
}

Accounting::~Accounting() {
  outbox_.on_change({});
  flush_acknowledgements();
}

void Accounting::reconfigure(const config::Config& config) {
  std::vector<std::unique_ptr<Server>> next;
  for (const config::RadiusServer& wanted : config.radius.servers) {
    const auto known = std::ranges::find_if(
        servers_, [&](const auto& server) { return server && server->is(wanted, wanted.acct_port); });
    if (known != servers_.end()) {
      (*known)->apply(wanted);
      next.push_back(std::move(*known));
    } else {
      next.push_back(std::make_unique<Server>(ServerId(next_server_++), wanted, wanted.acct_port, wires_, kMostPorts));
    }
  }
  // What is in flight to servers that went away is sent again elsewhere.
  for (auto& [id, item] : items_)
    if (std::ranges::any_of(servers_, [&](const auto& server) { return server && server.get() == item.server; }))
      take_back(id, item);
  servers_ = std::move(next);
  if (started_) pump();
}

void Accounting::start() {
  started_ = true;
  more_ = true;
  outbox_.on_change([this](bool added, std::span<const SpoolId> dropped) { on_change(added, dropped); });
  pump();
}

void Accounting::on_change(bool added, std::span<const SpoolId> dropped) {
  for (const SpoolId id : dropped) {
    drop(id);
    // It may be on its way to us: what was read before it was dropped arrives after we have heard of that.
    if (loading_) dropped_while_loading_.insert(id);
  }
  more_ = more_ || added;
  pump();
}

void Accounting::load_more() {
  if (!more_ || loading_ || items_.size() + kLoadAtOnce > kMostLoaded) return;
  loading_ = true;
  more_ = false;
  outbox_.load(loaded_up_to_, kLoadAtOnce, [this, weak = std::weak_ptr(alive_)](std::vector<SpooledRecord> records) {
    if (weak.lock()) on_loaded(std::move(records), kLoadAtOnce);
  });
}

void Accounting::on_loaded(std::vector<SpooledRecord> records, std::size_t asked) {
  loading_ = false;
  more_ = more_ || records.size() >= asked;
  for (SpooledRecord& each : records) {
    loaded_up_to_ = std::max(loaded_up_to_, each.id);
    if (!dropped_while_loading_.contains(each.id)) add(std::move(each));
  }
  dropped_while_loading_.clear();
  pump();
}

void Accounting::add(SpooledRecord loaded) {
  const auto [entry, fresh] = items_.try_emplace(loaded.id);
  if (!fresh) return;
  Item& item = entry->second;
  item.record = std::move(loaded.record);
  item.loaded = clock_.monotonic();
  if (is_fence(item.record)) {
    fences_.insert(loaded.id);
    ready_.insert(loaded.id);
    deadlines_.set({Timer::item, loaded.id.value()}, item.loaded + kFenceWait);
    return;
  }
  auto& queue = sessions_[item.record.identity.session];
  queue.push_back(loaded.id);
  if (queue.size() == 1) ready_.insert(loaded.id);
}

/// Whether a fence before it, or its being one, holds this record back.
bool Accounting::fenced(SpoolId id, const Item& item) const {
  if (!fences_.empty() && *fences_.begin() < id) return true;
  if (!is_fence(item.record)) return false;
  return items_.begin()->first != id && clock_.monotonic() - item.loaded < kFenceWait;
}

/// The oldest record behind `after` that may be sent now.
Accounting::Items::iterator Accounting::next_ready(SpoolId after) {
  for (auto id = ready_.upper_bound(after); id != ready_.end(); ++id) {
    const auto item = items_.find(*id);
    if (!fenced(*id, item->second)) return item;
    if (!is_fence(item->second.record)) break;  // everything behind waits too
  }
  return items_.end();
}

/// The first living server; behind the one that has used up its transmissions of this record, when there is another.
Server* Accounting::living(ServerId exhausted) const {
  Server* first = nullptr;
  bool behind = false;
  for (const auto& server : servers_) {
    if (server->health == Server::Health::alive) {
      if (behind || exhausted == ServerId(0)) return server.get();
      if (first == nullptr) first = server.get();
    }
    behind = behind || server->id == exhausted;
  }
  return first;
}

Server* Accounting::find(WireId wire) const noexcept {
  for (const auto& server : servers_)
    if (server->ports.owns(wire)) return server.get();
  return nullptr;
}

void Accounting::pump() {
  if (!started_) return;
  load_more();
  prove_servers();  // before the living take everything, or a preferred server would never come back
  while (in_flight_ < kMostInFlight) {
    const auto item = next_ready(SpoolId(0));
    if (item == items_.end()) break;
    Server* server = living(item->second.exhausted);
    if (server == nullptr) break;
    if (!send_first(item, *server, false)) server_failed(*server, "no local port, or no route to it");
  }
  prove_servers();
  if (!acknowledged_.empty()) {
    const TimerKey key{Timer::whole, 0};
    if (acknowledged_.size() >= kLoadAtOnce)
      flush_acknowledgements();
    else if (!deadlines_.has(key))
      deadlines_.set(key, clock_.monotonic() + kAcknowledgeDelay);
  }
  deadline_changed_();
}

/// A server that is not alive is sent one record when its time has come: after its dead-time, or, while no server
/// lives, at intervals that double.
void Accounting::prove_servers() {
  const auto now = clock_.monotonic();
  const bool none_lives = living(ServerId(0)) == nullptr;
  for (const auto& server : servers_) {
    if (server->health == Server::Health::alive || server->ports.in_use() > 0) continue;
    // Each proof takes another record: one which the server cannot swallow must not keep it dead.
    auto item = next_ready(last_proof_);
    if (item == items_.end()) item = next_ready(SpoolId(0));
    if (item == items_.end()) return;
    const auto wait = none_lives ? proving_interval_[server->id] : std::max(server->dead_time, server->timeout);
    const auto at = server->died + wait;
    if (at <= now) last_proof_ = item->first;
    if (at <= now && send_first(item, *server, true)) continue;
    if (at <= now) server_failed(*server, "no local port, or no route to it");
    deadlines_.set({Timer::server, server->id.value()}, std::max(at, now + server->timeout / 2));
  }
}

bool Accounting::send_first(Items::iterator entry, Server& server, bool proving) {
  auto& [id, item] = *entry;
  item.server = &server;
  item.proving = proving;
  item.transmissions = 0;
  item.packet.clear();
  item.first_sent = clock_.monotonic();
  item.timeout = first_timeout(server.timeout, random_);
  if (!transmit(id, item)) {
    item.server = nullptr;
    return false;
  }
  ready_.erase(id);
  ++in_flight_;
  ++server.counters.requests;
  return true;
}

/// Makes the packet that is sent next; `extended` makes one for all transmissions to this server.
bool Accounting::encode(SpoolId id, Item& item) {
  if (!item.packet.empty() && item.record.identity.profile == config::AccountingProfile::extended) return true;
  const auto slot = item.server->ports.take(id.value(), random_);
  if (!slot) return !item.packet.empty();  // all Identifiers are in use: repeat what was sent rather than nothing
  const auto delay = std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::seconds>(clock_.wall() - item.record.event).count());
  auto packet =
      encode_accounting(item.record, slot->identifier, static_cast<std::uint32_t>(delay), item.server->key.view());
  if (!packet) {
    log().error("an Accounting-Request cannot be written: {}", wire::to_string(packet.error()));
    item.server->ports.give_back(*slot);
    return false;
  }
  item.packet = *std::move(packet);
  Sent sent{*slot, {}};
  std::copy_n(item.packet.begin() + 4, sent.authenticator.size(), sent.authenticator.begin());
  item.sent.push_back(sent);
  if (item.sent.size() > kAnswerable) {
    item.server->ports.give_back(item.sent.front().slot);
    item.sent.pop_front();
  }
  return true;
}

bool Accounting::transmit(SpoolId id, Item& item) {
  if (!encode(id, item)) return false;
  ++item.transmissions;
  deadlines_.set({Timer::item, id.value()}, clock_.monotonic() + item.timeout);
  const Slot& slot = item.sent.back().slot;
  trace::send(item.packet, item.server->endpoint, wires_.local_port(slot.wire), item.record.identity.unique_id);
  trace::timeout(item.record.identity.unique_id, item.timeout);
  wires_.send(slot.wire, item.packet);
  return true;
}

void Accounting::on_timer() {
  const auto now = clock_.monotonic();
  while (const auto due = deadlines_.take_due(now)) {
    if (due->first == Timer::item) on_item_due(SpoolId(due->second));
    if (due->first == Timer::whole) flush_acknowledgements();
    // Timer::server: pump proves it.
  }
  pump();
}

void Accounting::on_item_due(SpoolId id) {
  const auto found = items_.find(id);
  if (found == items_.end() || found->second.server == nullptr) return;  // a fence whose wait is over: pump sends it
  Item& item = found->second;
  Server& server = *item.server;
  const bool heard_since = server.last_heard && *server.last_heard >= item.first_sent;
  if (item.proving || item.transmissions >= server.transmissions) {
    ++server.counters.timeouts;
    item.exhausted = server.id;
    take_back(id, item);
    if (!heard_since) server_failed(server, "it does not answer");
    return;
  }
  item.timeout = next_timeout(item.timeout, random_);
  ++server.counters.retransmissions;
  if (!transmit(id, item)) deadlines_.set({Timer::item, id.value()}, clock_.monotonic() + item.timeout);
}

/// Back among those that wait. Its Identifiers are free again: an answer that comes later is not counted.
void Accounting::take_back(SpoolId id, Item& item) {
  if (item.server == nullptr) return;
  for (const Sent& sent : item.sent) item.server->ports.give_back(sent.slot);
  item.sent.clear();
  item.packet.clear();
  item.server = nullptr;
  deadlines_.clear({Timer::item, id.value()});
  ready_.insert(id);
  --in_flight_;
}

/// Everything in flight there is sent elsewhere by the next pump, or waits until a server is proved.
void Accounting::server_failed(Server& server, const char* why) {
  const bool first = server.health == Server::Health::alive;
  if (server.declare_dead(clock_.monotonic()))
    log().warn("RADIUS accounting server {} ({}) is dead: {}", server.name, server.endpoint.to_string(), why);
  auto& interval = proving_interval_[server.id];
  interval = first || interval == common::Duration{} ? first_timeout(server.timeout, random_)
                                                     : next_timeout(interval, random_);
  for (auto& [id, item] : items_)
    if (item.server == &server) take_back(id, item);
}

void Accounting::on_refused(WireId wire) {
  Server* server = find(wire);
  if (server == nullptr || server->ports.in_use() == 0) return;
  server_failed(*server, "port unreachable");
  pump();
}

void Accounting::on_datagram(WireId wire, common::ByteView octets) {
  Server* server = find(wire);
  if (server == nullptr) return;
  const auto packet = wire::parse_packet(octets);
  if (!packet) {
    ++server->counters.malformed;
    return;
  }
  const Slot slot{wire, packet->identifier};
  const auto owner = server->ports.owner(slot);
  const auto item = owner ? items_.find(SpoolId(*owner)) : items_.end();
  if (item == items_.end() || !packet->is(wire::Code::accounting_response)) {
    ++server->counters.unexpected;
    return;
  }
  const auto sent = std::ranges::find(item->second.sent, slot, &Sent::slot);
  if (sent == item->second.sent.end()) {
    ++server->counters.unexpected;
    return;
  }
  if (!wire::verify_response(*packet, sent->authenticator, server->key.view()) ||
      wire::check_message_authenticator(*packet, sent->authenticator, server->key.view()) ==
          wire::MessageAuthenticator::invalid) {
    ++server->counters.bad_authenticators;
    return;
  }
  trace::receive(packet->octets, server->endpoint, wires_.local_port(wire));
  if (server->health != Server::Health::alive)
    log().info("RADIUS accounting server {} ({}) is alive again", server->name, server->endpoint.to_string());
  server->heard(clock_.monotonic());
  ++server->counters.responses;
  on_acknowledged(item);
  pump();
}

void Accounting::on_acknowledged(Items::iterator item) {
  acknowledged_.push_back(item->first);
  ++acknowledged_total_;
  remove(item);
}

/// The spool has dropped it: an Interim that was overtaken.
void Accounting::drop(SpoolId id) {
  const auto item = items_.find(id);
  if (item != items_.end()) remove(item);
}

void Accounting::remove(Items::iterator entry) {
  auto& [id, item] = *entry;
  take_back(id, item);
  deadlines_.clear({Timer::item, id.value()});
  ready_.erase(id);
  fences_.erase(id);
  if (const auto queue = sessions_.find(item.record.identity.session);
      queue != sessions_.end() && !is_fence(item.record)) {
    std::erase(queue->second, id);
    if (queue->second.empty()) {
      sessions_.erase(queue);
    } else if (const SpoolId next = queue->second.front(); items_.at(next).server == nullptr) {
      ready_.insert(next);
    }
  }
  items_.erase(entry);
}

void Accounting::flush_acknowledgements() {
  if (!acknowledged_.empty()) outbox_.acknowledge(acknowledged_);
  acknowledged_.clear();
}

}  // namespace controlplane::radius
