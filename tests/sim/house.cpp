// The disk, the dataplane and the RADIUS ports of the simulated house.

#include "tests/sim/house.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace sim {
namespace {

using namespace std::chrono_literals;
using channel::Status;

const common::IpAddress kAccessAddress = common::IpAddress::v4(0x0A0A0001);
const common::IpAddress kAccountingAddress = common::IpAddress::v4(0x0A0A0002);

radius::Random random_of(World& world) {
  return [&world](common::MutableByteView out) { world.random(out); };
}

}  // namespace

// --- wires -----------------------------------------------------------------------------------------------------------

void SimWires::receive(Receiver receiver) {
  world_.attach(own_, [this, receiver = std::move(receiver)](const Endpoint& from, const Endpoint& to, ByteView bytes) {
    const radius::WireId wire(to.port - 20000U);
    const auto known = servers_.find(wire);
    if (known != servers_.end() && known->second == from) receiver(wire, bytes);  // as a connected socket
  });
}

std::optional<radius::WireId> SimWires::open(const Endpoint& server) {
  const radius::WireId wire(++last_);
  servers_.emplace(wire, server);
  return wire;
}

void SimWires::send(radius::WireId wire, ByteView packet) {
  world_.carry({own_, local_port(wire)}, servers_.at(wire), packet);
}

// --- dataplane -------------------------------------------------------------------------------------------------------

template <class Done, class Value>
void SimLink::later(Done done, Value value) {
  world_.after(std::chrono::milliseconds(1 + world_.chance() % 10),
               [done = std::move(done), value = std::move(value)]() mutable { done(std::move(value)); });
}

void SimLink::connect() {
  channel::HelloReply reply{};
  reply.workers = 1;
  reply.boot_id = 1;
  hello_ = reply;
  events_.on_connected(reply);
}

bool SimLink::lives(common::SessionId id) const {
  const auto found = sessions.find(id);
  return found != sessions.end() && !found->second.removed;
}

channel::SessionCounters SimLink::now_of(common::SessionId id) const {
  const auto found = sessions.find(id);
  channel::SessionCounters counters{};
  counters.session_id = id.value();
  if (found == sessions.end() || found->second.forgotten) {
    counters.status = static_cast<std::uint16_t>(Status::unknown_session);
    return counters;
  }
  if (found->second.removed) return found->second.counters;
  const auto age = static_cast<std::uint64_t>((world_.now() - found->second.installed) / 10ms);
  counters.in_packets = age;
  counters.in_octets = age * 100;
  counters.out_packets = 2 * age;
  counters.out_octets = age * 1000;
  return counters;
}

void SimLink::install(channel::InstallSession session, ByteView, dataplane::LinkCallback<Status> done) {
  const bool refused = world_.chance() % 100 < refusals;
  if (!refused) {
    sessions[common::SessionId{session.session_id}].installed = world_.now();
    reserved.erase(common::Spi{session.child.inbound_spi});  // a refused one stays reserved, and is given back
  }
  later(std::move(done), dataplane::LinkResult<Status>(refused ? Status::no_capacity : Status::ok));
}

void SimLink::rekey_child(const channel::RekeyChild& rekey, dataplane::LinkCallback<Status> done) {
  const bool ended = !lives(common::SessionId{rekey.session_id});
  if (!ended) reserved.erase(common::Spi{rekey.child.inbound_spi});
  later(std::move(done), dataplane::LinkResult<Status>(ended ? Status::ended : Status::ok));
}

void SimLink::delete_child(common::SessionId, common::Spi, dataplane::LinkCallback<Status> done) {
  later(std::move(done), dataplane::LinkResult<Status>(Status::ok));
}

void SimLink::remove(std::vector<channel::RemoveSession> all,
                     std::move_only_function<void(std::vector<channel::SessionCounters>)> done) {
  const auto delay = std::chrono::milliseconds(1 + world_.chance() % 10);
  world_.after(delay, [this, all = std::move(all), done = std::move(done)]() mutable {
    std::vector<channel::SessionCounters> counters;
    for (const auto& one : all) {
      const common::SessionId id{one.session_id};
      auto final_counters = now_of(id);
      final_counters.final_ = 1;
      if (lives(id)) {
        sessions[id].counters = final_counters;
        sessions[id].removed = true;
      }
      counters.push_back(final_counters);
    }
    done(std::move(counters));
  });
}

void SimLink::forget(std::vector<common::SessionId> all) {
  for (const common::SessionId id : all)
    if (const auto found = sessions.find(id); found != sessions.end()) found->second.forgotten = true;
}

void SimLink::update_peer(const channel::UpdatePeer&, dataplane::LinkCallback<Status> done) {
  later(std::move(done), dataplane::LinkResult<Status>(Status::ok));
}
void SimLink::set_policy(const channel::SetPolicy&, dataplane::LinkCallback<Status> done) {
  later(std::move(done), dataplane::LinkResult<Status>(Status::ok));
}
void SimLink::put_blob(common::SessionId, ByteView, dataplane::LinkCallback<Status> done) {
  later(std::move(done), dataplane::LinkResult<Status>(Status::ok));
}

void SimLink::read_counters(std::vector<common::SessionId> all,
                            dataplane::LinkCallback<std::vector<channel::SessionCounters>> done) {
  std::vector<channel::SessionCounters> counters;
  for (const common::SessionId id : all) counters.push_back(now_of(id));
  later(std::move(done), dataplane::LinkResult<std::vector<channel::SessionCounters>>(std::move(counters)));
}

void SimLink::list(dataplane::LinkCallback<std::vector<dataplane::ListedSession>> done) {
  later(std::move(done), dataplane::LinkResult<std::vector<dataplane::ListedSession>>());
}

std::optional<common::Spi> SimLink::take_spi() { return *reserved.insert(common::Spi{++last_spi_}).first; }

// --- disk ------------------------------------------------------------------------------------------------------------

void SimSpool::commit(Done done, std::move_only_function<void()> write) {
  const bool works = world_.chance() % 100 >= failures;
  disk_free_ = std::max(disk_free_, world_.now()) + std::chrono::milliseconds(1 + world_.chance() % 5);
  world_.after(disk_free_ - world_.now(), [done = std::move(done), write = std::move(write), works]() mutable {
    if (works) write();
    done(works ? radius::StoreStatus::ok : radius::StoreStatus::failed);
  });
}

void SimSpool::add(radius::AccountingRecord record) {
  rows.emplace(radius::SpoolId{++last_row_}, std::move(record));
  if (listener_) listener_(true, {});
}

void SimSpool::drop_interims(common::SessionId session) {
  std::vector<radius::SpoolId> dropped;
  for (const auto& [id, row] : rows)
    if (row.identity.session == session && row.kind == radius::RecordKind::interim) dropped.push_back(id);
  for (const radius::SpoolId id : dropped) rows.erase(id);
  if (listener_ && !dropped.empty()) listener_(false, dropped);
}

void SimSpool::open_session(radius::OpenSession session, Done done) {
  commit(std::move(done), [this, id = session.identity.session] { open[id] = false; });
}

void SimSpool::refresh_counters(std::vector<radius::CounterUpdate>, Done done) {
  commit(std::move(done), [] {});
}

void SimSpool::spool(radius::AccountingRecord record, Done done) {
  commit(std::move(done), [this, record = std::move(record)] {
    const common::SessionId id = record.identity.session;
    if (record.kind == radius::RecordKind::start) {
      open[id] = true;
      started.emplace(id, record.identity);
    } else if (record.kind == radius::RecordKind::interim) {
      if (!open.contains(id)) return;
      drop_interims(id);
    }
    add(record);
  });
}

void SimSpool::commit_stop(radius::StopBatch batch, Done done) {
  commit(std::move(done), [this, batch = std::move(batch)] {
    for (const auto& stop : batch.stops) {
      const common::SessionId id = stop.identity.session;
      open.erase(id);
      drop_interims(id);
      if (durable.emplace(id, stop).second) add(stop);
    }
    for (const common::SessionId id : batch.closed_silently) open.erase(id);
  });
}

void SimSpool::load(radius::SpoolId after, std::size_t limit, Loaded done) {
  std::vector<radius::SpooledRecord> loaded;
  for (auto row = rows.upper_bound(after); row != rows.end() && loaded.size() < limit; ++row)
    loaded.push_back({row->first, row->second});
  world_.after(1ms, [done = std::move(done), loaded = std::move(loaded)]() mutable { done(std::move(loaded)); });
}

void SimSpool::acknowledge(std::span<const radius::SpoolId> records) {
  for (const radius::SpoolId id : records) rows.erase(id);
}

// --- the house -------------------------------------------------------------------------------------------------------

std::shared_ptr<config::Config> make_house_config() {
  auto config = make_config();
  config->pools.push_back({"clients", common::IpAddress::v4(0x0A630001), common::IpAddress::v4(0x0A63FFFF)});
  for (config::IkeProfile& profile : config->ike.profiles) profile.pool = "clients";
  for (const common::IpAddress& address : {kFirstServer, kSecondServer}) {
    config::RadiusServer& server = config->radius.servers.emplace_back();
    server.name = address.to_string();
    server.address = address;
    server.key = common::SecretBytes(common::as_bytes(kRadiusSecret));
  }
  return config;
}

House::House(World& network, std::shared_ptr<config::Config> configuration)
    : world(network),
      config(std::move(configuration)),
      access_wires(network, kAccessAddress),
      accounting_wires(network, kAccountingAddress),
      spool(network),
      link(network),
      access(*config, access_wires, network.clock(), random_of(network), [] {}),
      accounting(*config, spool, accounting_wires, network.clock(), random_of(network), [] {}),
      sessions(
          config,
          {.clock = network.clock(),
           .post = [this](std::move_only_function<void()> work) { world.after(common::Duration(0), std::move(work)); },
           .link = link,
           .spool = spool,
           .access = access,
           .fenced = {}}) {
  spdlog::set_level(spdlog::level::off);
  access_wires.receive([this](radius::WireId wire, ByteView bytes) { access.on_datagram(wire, bytes); });
  accounting_wires.receive([this](radius::WireId wire, ByteView bytes) { accounting.on_datagram(wire, bytes); });
  world.set_timer([this] { return next_deadline(); }, [this] { on_timer(); });
  sessions.start(common::Epoch{7}, {}, [this] {
    accounting.start();
    responder = std::make_unique<controlplane::ike::Responder>(config, world, sessions, common::Epoch{7});
    world.attach(kGatewayAddress, [this](const Endpoint& from, const Endpoint& to, ByteView bytes) {
      responder->on_datagram({to, from, bytes});
    });
  });
  link.connect();
  tick();
  world.run([this] { return responder != nullptr; }, 1s);
}

House::~House() {
  world.detach(kGatewayAddress);
  world.set_timer({}, {});
}

void House::tick() {
  sessions.on_timer();
  world.after(250ms, [this] { tick(); });
}

std::optional<common::MonotonicTime> House::next_deadline() const {
  std::optional<common::MonotonicTime> next;
  for (const auto& one :
       {responder ? responder->next_deadline() : std::nullopt, access.next_deadline(), accounting.next_deadline()})
    if (one && (!next || *one < *next)) next = one;
  return next;
}

void House::on_timer() {
  if (responder) responder->on_timer();
  access.on_timer();
  accounting.on_timer();
}

void House::pod(const session::Selector& selector) {
  const auto found = sessions.find(selector);
  if (found.empty()) return void(++naks);
  sessions.revoke(found, session::Cause::admin_reset, std::nullopt, [this, found](session::Revocation result) {
    if (result != session::Revocation::ended) return void(broken.push_back("a POD was refused"));
    ++acks;
    for (const common::SessionId id : found) {
      if (link.lives(id)) broken.push_back(fmt::format("P1: session {} flows after its ACK", id.value()));
      if (spool.started.contains(id) && !spool.durable.contains(id))
        broken.push_back(fmt::format("P3: no Stop of session {} at its ACK", id.value()));
    }
  });
}

}  // namespace sim
