// Puts the rooms together. Each step needs the ones before it; the destructor undoes them from the end.

#include "dataplane/process.hpp"

#include <algorithm>
#include <filesystem>
#include <new>
#include <pwd.h>
#include <unistd.h>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <spdlog/spdlog.h>

namespace dataplane {

namespace {

constexpr std::uint32_t kAdjacencies = 65'536;
constexpr unsigned kHandoffEntries = 2048;
constexpr std::size_t kEvents = 1024;

/// The worker's lcore runs this.
struct Launch {
  worker::Worker* worker;
  const std::atomic<bool>* stop;
};

std::vector<sa::PoolRange> table_pools(const route::Pools& pools) {
  std::vector<sa::PoolRange> ranges;
  for (std::uint32_t i = 0; i < pools.size(); ++i) {
    const route::PoolRange& range = pools.at(ids::PoolIndex{i});
    ranges.push_back({range.first_host, range.last_host});
  }
  return ranges;
}

/// Makes the folder of the sockets where nobody has: the channel belongs to its owner, the control plane.
std::string make_run_directory(const config::Gateway& gateway) {
  std::error_code error;
  if (!std::filesystem::create_directories(gateway.run_dir, error)) {
    return error ? fmt::format("{}: {}", gateway.run_dir.string(), error.message()) : "";
  }
  if (gateway.user.empty()) return {};
  const passwd* user = getpwnam(gateway.user.c_str());
  if (user == nullptr) return fmt::format("gateway.user = {}: no such user", gateway.user);
  if (chown(gateway.run_dir.c_str(), user->pw_uid, user->pw_gid) != 0) {
    return fmt::format("{}: cannot be given to {}", gateway.run_dir.string(), gateway.user);
  }
  return {};
}

}  // namespace

bool RelaySessions::is_live(const ids::SessionRef& session) noexcept {
  return tables_.find_session(session) != nullptr;
}

void RelaySessions::on_delivered(const packet::Metadata& metadata) noexcept {
  sa::Session* session = tables_.find_counters(metadata.source);
  if (session == nullptr) return;
  session->foreign.count_in(1, metadata.source_octets);
  session->foreign.last_in_tsc.raise(rte_rdtsc());
}

void RelaySessions::drop(rte_mbuf* mbuf, common::DropReason reason) noexcept {
  drops_.add(reason);
  if (sa::Session* session = tables_.find_counters(packet::metadata(mbuf).source)) session->foreign.drop_in(reason);
  rte_pktmbuf_free(mbuf);
}

Process::Process(const config::Config& config) : config_(config) {}

Process::~Process() {
  manager_.reset();  // first: the channel is closed before anything stops forwarding
  stop_workers();
}

std::expected<std::unique_ptr<Process>, std::string> Process::start(const config::Config& config) {
  std::unique_ptr<Process> process(new Process(config));
  for (const auto step : {&Process::put_up_guards, &Process::open_ports, &Process::make_tables, &Process::make_rings,
                          &Process::start_relay, &Process::start_workers, &Process::start_manager}) {
    try {
      if (std::string problem = ((*process).*step)(); !problem.empty()) return std::unexpected(std::move(problem));
    } catch (const std::bad_alloc&) {  // the tables take all their memory now
      return std::unexpected(fmt::format("not enough memory for {} sessions (dataplane.sessions, dataplane.memory)",
                                         config.dataplane.sessions));
    }
  }
  return process;
}

Process::Step Process::put_up_guards() {
  // Before EAL opens the interfaces: from the first frame on, the kernel and the port must not both take it.
  for (const config::Port& port : config_.ports) {
    const auto interface = eal::kernel_interface(port.device);
    if (!interface) continue;
    auto guard = exception::HostGuard::put_up(*interface);
    if (!guard) return fmt::format("port {}: {}", port.name, guard.error());
    for (const std::string& warning : guard->warnings()) spdlog::warn("port {}: {}", port.name, warning);
    guards_.push_back(std::move(*guard));
  }
  return {};
}

Process::Step Process::open_ports() {
  auto runtime = eal::Runtime::start(config_);
  if (!runtime) return runtime.error();
  runtime_ = std::make_unique<eal::Runtime>(std::move(*runtime));
  if (!runtime_->memory_locked()) spdlog::warn("memory is not locked (RLIMIT_MEMLOCK): pages may be swapped out");
  auto pool = eal::Mempool::create("packets", eal::mempool_shape(config_, packet::kMetadataOctets));
  if (!pool) return pool.error();
  pool_ = std::make_unique<eal::Mempool>(std::move(*pool));
  const auto workers = static_cast<unsigned>(config_.dataplane.workers.size());
  for (std::size_t i = 0; i < config_.ports.size(); ++i) {
    const config::Port& wanted = config_.ports[i];
    auto port = eal::Port::open(wanted, common::PortIndex{static_cast<std::uint16_t>(i)}, workers, pool_->get());
    if (!port) return port.error();
    ports_.push_back(std::make_unique<eal::Port>(std::move(*port)));
    auto tap = exception::Tap::create(wanted.tap.empty() ? wanted.name : wanted.tap, ports_.back()->mac(), wanted.mtu);
    if (!tap) return tap.error();
    taps_.push_back(std::make_unique<exception::Tap>(std::move(*tap)));
    spdlog::info("port {}: {} ({}), MAC {}, MTU {}, TAP {}", wanted.name, wanted.device, ports_.back()->driver(),
                 ports_.back()->mac().to_string(), ports_.back()->mtu(), taps_.back()->name());
  }
  return {};
}

Process::Step Process::make_tables() {
  const auto workers = static_cast<unsigned>(config_.dataplane.workers.size());
  readers_ = std::make_unique<sa::Readers>(workers + 1);  // and the relay
  reclaimer_ = std::make_unique<sa::Reclaimer>(readers_->get());
  pools_ = std::make_unique<route::Pools>(config_.pools);
  tables_ = std::make_unique<sa::Tables>(sa::Limits{
      .sessions = config_.dataplane.sessions,
      .workers = static_cast<std::uint16_t>(workers),
      .pools = table_pools(*pools_),
      .replay_packets = config_.dataplane.replay_window,
      .memory = runtime_->hugepages() ? sa::MemorySource::hugepages : sa::MemorySource::ordinary,
  });
  const route::Defer defer = [this](std::move_only_function<void()> work) { reclaimer_->defer(std::move(work)); };
  fib_ = std::make_unique<route::Fib>(defer);
  adjacencies_ = std::make_unique<route::Adjacencies>(kAdjacencies, defer);
  std::vector<route::MirrorPort> mirrored;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    mirrored.push_back({ports_[i]->index(), taps_[i]->name(), ports_[i]->mac()});
  }
  auto mirror = route::Mirror::open(std::move(mirrored), *fib_, *adjacencies_, *pools_);
  if (!mirror) return mirror.error();
  mirror_ = std::move(*mirror);
  return {};
}

Process::Step Process::make_rings() {
  const std::size_t workers = config_.dataplane.workers.size();
  for (std::size_t from = 0; from < workers; ++from) {
    auto host = eal::HostRings::create(ids::WorkerIndex{static_cast<std::uint16_t>(from)});
    if (!host) return host.error();
    host_rings_.push_back(std::move(*host));
    handoffs_.emplace_back(workers);
    for (std::size_t to = 0; to < workers; ++to) {
      if (from == to) continue;
      auto ring = eal::Ring::create(fmt::format("handoff_{}_{}", from, to), kHandoffEntries, eal::Producers::one);
      if (!ring) return ring.error();
      handoffs_[from][to] = std::move(*ring);
    }
    statistics_.emplace_back();
    events_.push_back(std::make_unique<sa::EventQueue>(kEvents));
  }
  return {};
}

Process::Step Process::start_relay() {
  relay_sessions_ = std::make_unique<RelaySessions>(*tables_);
  exception::RelayEnvironment environment;
  for (const auto& tap : taps_) environment.taps.push_back(tap.get());
  for (const eal::HostRings& rings : host_rings_) environment.workers.push_back(&rings);
  environment.pool = pool_->get();
  environment.qsbr = readers_->get();
  environment.reader = static_cast<unsigned>(host_rings_.size());
  environment.sessions = relay_sessions_.get();
  auto relay = exception::Relay::start(std::move(environment));
  if (!relay) return relay.error();
  relay_ = std::move(*relay);
  return {};
}

worker::Environment Process::environment_of(ids::WorkerIndex index) {
  worker::Environment environment;
  environment.index = index;
  environment.tables = tables_.get();
  environment.fib = fib_.get();
  environment.adjacencies = adjacencies_.get();
  for (const auto& port : ports_) {
    environment.ports.push_back({.index = port->index(),
                                 .port_id = port->port_id(),
                                 .rx_queue = port->rx_queue(index),
                                 .tx_queue = port->tx_queue(index),
                                 .mtu = port->mtu(),
                                 .mac = port->mac(),
                                 .address_v4 = &mirror_->address_v4(port->index())});
  }
  for (std::size_t other = 0; other < handoffs_.size(); ++other) {
    environment.handoff_in.push_back(handoffs_[other][index.value()].get());
    environment.handoff_out.push_back(handoffs_[index.value()][other].get());
  }
  environment.host = &host_rings_[index.value()];
  environment.events = events_[index.value()].get();
  environment.pool = pool_->get();
  environment.qsbr = readers_->get();
  environment.statistics = &statistics_[index.value()];
  environment.ike_port = config_.ike.port;
  environment.nat_port = config_.ike.nat_port;
  for (const config::RadiusServer& server : config_.radius.servers) {
    environment.radius_ports.push_back(server.auth_port);
    environment.radius_ports.push_back(server.acct_port);
  }
  for (const std::uint16_t port : config_.dynamic_author.ports) environment.radius_ports.push_back(port);
  environment.sleep_when_idle = config_.dataplane.idle == config::Idle::sleep;
  return environment;
}

Process::Step Process::start_workers() {
  for (std::size_t i = 0; i < config_.dataplane.workers.size(); ++i) {
    const ids::WorkerIndex index{static_cast<std::uint16_t>(i)};
    workers_.push_back(std::make_unique<worker::Worker>(environment_of(index)));
    const auto run = [](void* argument) {
      const std::unique_ptr<Launch> launch(static_cast<Launch*>(argument));
      launch->worker->run(*launch->stop);
      return 0;
    };
    auto launch = std::make_unique<Launch>(workers_.back().get(), &stop_workers_);
    if (const int error = rte_eal_remote_launch(run, launch.get(), eal::lcore_of(index)); error != 0) {
      return fmt::format("worker {} does not start: {}", i, rte_strerror(-error));
    }
    (void)launch.release();  // the lcore's now
  }
  return {};
}

void Process::stop_workers() {
  stop_workers_.store(true, std::memory_order_relaxed);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    rte_eal_wait_lcore(eal::lcore_of(ids::WorkerIndex{static_cast<std::uint16_t>(i)}));
  }
}

Process::Step Process::start_manager() {
  if (std::string problem = make_run_directory(config_.gateway); !problem.empty()) return problem;
  manager::Environment environment;
  environment.config = &config_;
  environment.tables = tables_.get();
  environment.reclaimer = reclaimer_.get();
  environment.readers = readers_->get();
  environment.fib = fib_.get();
  environment.pools = pools_.get();
  environment.mirror = mirror_.get();
  environment.relay = relay_.get();
  for (std::size_t i = 0; i < workers_.size(); ++i) environment.workers.push_back({events_[i].get(), &statistics_[i]});
  for (const eal::HostRings& rings : host_rings_) {
    for (const auto& ring : rings.to_host) environment.rings.push_back(ring.get());
    environment.rings.push_back(rings.from_host.get());
  }
  for (const auto& from : handoffs_) {
    for (const auto& ring : from) {
      if (ring != nullptr) environment.rings.push_back(ring.get());
    }
  }
  for (const auto& port : ports_) environment.ports.push_back(port.get());
  environment.other_drops.push_back(&relay_sessions_->drops());
  environment.clock = &clock_;
  auto manager = manager::Manager::create(std::move(environment));
  if (!manager) return manager.error();
  manager_ = std::move(*manager);
  return {};
}

}  // namespace dataplane
