// portcullis-dataplane: from the configuration to running workers, relay and manager, and their end in the reverse
// order.

#include <atomic>
#include <csignal>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config/read.hpp"
#include "dataplane/eal/mempool.hpp"
#include "dataplane/eal/port.hpp"
#include "dataplane/eal/runtime.hpp"
#include "dataplane/exception/host_guard.hpp"
#include "dataplane/exception/relay.hpp"
#include "dataplane/exception/tap.hpp"
#include "dataplane/manager/manager.hpp"
#include "dataplane/route/mirror.hpp"
#include "dataplane/worker/worker.hpp"

namespace {

using namespace dataplane;

constexpr unsigned kHandoffRing = 4096;
constexpr std::size_t kEventQueue = 4096;
constexpr std::uint32_t kAdjacencies = 65'536;
constexpr int kTurnMs = 100;  ///< the manager's longest sleep: signals are looked at that often

std::atomic<bool> stop_asked{false};
std::atomic<bool> reload_asked{false};

/// Start-up only: carries the reason to main.
struct StartError {
  std::string what;
};

template <class T>
[[nodiscard]] T must(std::expected<T, std::string> made, std::string_view doing) {
  if (!made) throw StartError{fmt::format("{}: {}", doing, made.error())};
  return std::move(*made);
}

/// What the relay asks of the session table.
class RelaySessions final : public exception::Sessions {
 public:
  explicit RelaySessions(sa::Tables& tables) : tables_(tables) {}

  bool is_live(const ids::SessionRef& session) noexcept override { return tables_.find_session(session) != nullptr; }
  void on_delivered(const packet::Metadata& metadata) noexcept override {
    if (sa::Session* session = tables_.find_counters(metadata.source)) {
      session->foreign.count_in(1, metadata.source_octets);
      session->foreign.last_in_tsc.raise(rte_rdtsc());
    }
  }
  void drop(rte_mbuf* mbuf, common::DropReason reason) noexcept override {
    drops_.add(reason);
    if (sa::Session* session = tables_.find_counters(packet::metadata(mbuf).source)) session->foreign.drop_in(reason);
    rte_pktmbuf_free(mbuf);
  }
  [[nodiscard]] const packet::DropCounters& drops() const noexcept { return drops_; }

 private:
  sa::Tables& tables_;
  packet::DropCounters drops_;
};

[[nodiscard]] sa::Limits limits_of(const config::Config& config, const route::Pools& pools, bool hugepages) {
  sa::Limits limits;
  limits.sessions = config.dataplane.sessions;
  limits.workers = static_cast<std::uint16_t>(config.dataplane.workers.size());
  for (std::uint32_t i = 0; i < pools.size(); ++i) {
    const route::PoolRange& range = pools.at(ids::PoolIndex{i});
    limits.pools.push_back({range.first_host, range.last_host});
  }
  limits.replay_packets = config.dataplane.replay_window;
  limits.memory = hugepages ? sa::MemorySource::hugepages : sa::MemorySource::ordinary;
  return limits;
}

/// One worker with everything that is only its own.
struct WorkerPlace {
  std::unique_ptr<eal::HostRings> host;
  std::unique_ptr<sa::EventQueue> events = std::make_unique<sa::EventQueue>(kEventQueue);
  std::unique_ptr<worker::Statistics> statistics = std::make_unique<worker::Statistics>();
  std::unique_ptr<worker::Worker> worker;
};

/// The whole process. Members are in the order of their making; their end is the reverse: manager, relay, workers,
/// tables, ports, buffers, EAL, and last the guards, so that the kernel hears nothing before the ports are closed.
class Dataplane {
 public:
  explicit Dataplane(const config::Config& config)
      : config_(config),
        guards_(guards_of(config)),
        runtime_(must(eal::Runtime::start(config), "EAL")),
        pool_(must(eal::Mempool::create("packets", eal::mempool_shape(config, packet::kMetadataOctets)),
                   "packet buffers")),
        readers_(static_cast<unsigned>(config.dataplane.workers.size()) + 1),
        reclaimer_(readers_.get()),
        pools_(config.pools),
        tables_(limits_of(config, pools_, runtime_.hugepages())),
        fib_(defer()),
        adjacencies_(kAdjacencies, defer()),
        relay_sessions_(tables_) {
    open_ports();
    make_rings();
    mirror_ = must(route::Mirror::open(mirror_ports(), fib_, adjacencies_, pools_), "netlink");
    start_relay();
    make_workers();
    make_manager();
    launch();
  }
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;
  ~Dataplane() {
    manager_.reset();
    stop_workers_.store(true, std::memory_order_release);
    rte_eal_mp_wait_lcore();
    relay_.reset();
  }

  void run() {
    spdlog::info("ready: {} worker(s), {} port(s), {} sessions, {}", workers_.size(), ports_.size(),
                 config_.dataplane.sessions, runtime_.hugepages() ? "hugepages" : "ordinary pages");
    while (!stop_asked.load(std::memory_order_relaxed)) {
      manager_->turn(kTurnMs);
      if (reload_asked.exchange(false))
        spdlog::warn(
            "SIGHUP: nothing of the dataplane can change while it runs; ports, workers and pools want a restart");
    }
    spdlog::info("stopping");
  }

 private:
  [[nodiscard]] static std::vector<exception::HostGuard> guards_of(const config::Config& config) {
    std::vector<exception::HostGuard> guards;
    for (const config::Port& port : config.ports) {
      const auto interface = eal::kernel_interface(port.device);
      if (!interface) continue;
      guards.push_back(must(exception::HostGuard::put_up(*interface), port.name));
      for (const std::string& warning : guards.back().warnings()) spdlog::warn("port {}: {}", port.name, warning);
    }
    return guards;
  }
  [[nodiscard]] route::Defer defer() {
    return [this](std::move_only_function<void()> work) { reclaimer_.defer(std::move(work)); };
  }

  void open_ports() {
    for (std::size_t i = 0; i < config_.ports.size(); ++i) {
      const config::Port& port = config_.ports[i];
      const common::PortIndex index{static_cast<std::uint16_t>(i)};
      ports_.push_back(
          must(eal::Port::open(port, index, static_cast<unsigned>(config_.dataplane.workers.size()), pool_.get()),
               fmt::format("port {}", port.name)));
      taps_.push_back(
          must(exception::Tap::create(port.tap, ports_.back().mac(), port.mtu), fmt::format("TAP {}", port.tap)));
      spdlog::info("port {}: {} ({}), MAC {}, TAP {}", port.name, port.device, ports_.back().driver(),
                   ports_.back().mac().to_string(), port.tap);
    }
  }

  void make_rings() {
    const std::size_t workers = config_.dataplane.workers.size();
    for (std::size_t i = 0; i < workers; ++i) {
      WorkerPlace& place = workers_.emplace_back();
      place.host = std::make_unique<eal::HostRings>(
          must(eal::HostRings::create(ids::WorkerIndex{static_cast<std::uint16_t>(i)}), "rings to the host"));
    }
    handoffs_.resize(workers);
    for (std::size_t from = 0; from < workers; ++from)
      for (std::size_t to = 0; to < workers; ++to)
        handoffs_[from].push_back(from == to ? nullptr
                                             : must(eal::Ring::create(fmt::format("handoff{}_{}", from, to),
                                                                      kHandoffRing, eal::Producers::one),
                                                    "hand-off ring"));
  }

  [[nodiscard]] std::vector<route::MirrorPort> mirror_ports() const {
    std::vector<route::MirrorPort> ports;
    for (std::size_t i = 0; i < ports_.size(); ++i)
      ports.push_back({ports_[i].index(), taps_[i].name(), ports_[i].mac()});
    return ports;
  }

  void start_relay() {
    exception::RelayEnvironment environment;
    for (const exception::Tap& tap : taps_) environment.taps.push_back(&tap);
    for (const WorkerPlace& place : workers_) environment.workers.push_back(place.host.get());
    environment.pool = pool_.get();
    environment.qsbr = readers_.get();
    environment.reader = static_cast<unsigned>(workers_.size());
    environment.sessions = &relay_sessions_;
    relay_ = must(exception::Relay::start(std::move(environment)), "relay");
  }

  [[nodiscard]] std::vector<std::uint16_t> radius_ports() const {
    std::vector<std::uint16_t> ports = config_.dynamic_author.ports;
    for (const config::RadiusServer& server : config_.radius.servers) {
      ports.push_back(server.auth_port);
      ports.push_back(server.acct_port);
    }
    return ports;
  }

  void make_workers() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      worker::Environment environment;
      environment.index = ids::WorkerIndex{static_cast<std::uint16_t>(i)};
      environment.tables = &tables_;
      environment.fib = &fib_;
      environment.adjacencies = &adjacencies_;
      for (const eal::Port& port : ports_)
        environment.ports.push_back({port.index(), port.port_id(), port.rx_queue(environment.index),
                                     port.tx_queue(environment.index), port.mtu(), port.mac(),
                                     &mirror_->address_v4(port.index())});
      for (std::size_t other = 0; other < workers_.size(); ++other) {
        environment.handoff_in.push_back(handoffs_[other][i].get());
        environment.handoff_out.push_back(handoffs_[i][other].get());
      }
      environment.host = workers_[i].host.get();
      environment.events = workers_[i].events.get();
      environment.pool = pool_.get();
      environment.qsbr = readers_.get();
      environment.statistics = workers_[i].statistics.get();
      environment.ike_port = config_.ike.port;
      environment.nat_port = config_.ike.nat_port;
      environment.radius_ports = radius_ports();
      environment.sleep_when_idle = config_.dataplane.idle == config::Idle::sleep;
      workers_[i].worker = std::make_unique<worker::Worker>(std::move(environment));
    }
  }

  void make_manager() {
    manager::Environment environment;
    environment.config = &config_;
    environment.tables = &tables_;
    environment.reclaimer = &reclaimer_;
    environment.readers = readers_.get();
    environment.fib = &fib_;
    environment.pools = &pools_;
    environment.mirror = mirror_.get();
    environment.relay = relay_.get();
    for (const WorkerPlace& place : workers_) {
      environment.workers.push_back({place.events.get(), place.statistics.get()});
      for (const auto& ring : place.host->to_host) environment.rings.push_back(ring.get());
      environment.rings.push_back(place.host->from_host.get());
    }
    for (const auto& row : handoffs_)
      for (const auto& ring : row)
        if (ring != nullptr) environment.rings.push_back(ring.get());
    for (eal::Port& port : ports_) environment.ports.push_back(&port);
    environment.other_drops = {&relay_sessions_.drops()};
    environment.clock = &clock_;
    manager_ = must(manager::Manager::create(std::move(environment)), "manager");
  }

  void launch() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      launches_.push_back({workers_[i].worker.get(), &stop_workers_});
      const unsigned lcore = eal::lcore_of(ids::WorkerIndex{static_cast<std::uint16_t>(i)});
      if (rte_eal_remote_launch(
              [](void* argument) {
                const auto& launch = *static_cast<Launch*>(argument);
                launch.worker->run(*launch.stop);
                return 0;
              },
              &launches_.back(), lcore) != 0)
        throw StartError{fmt::format("worker {}: lcore {} does not start", i, lcore)};
    }
  }

  struct Launch {
    worker::Worker* worker;
    const std::atomic<bool>* stop;
  };

  const config::Config& config_;
  common::SystemClock clock_;
  std::atomic<bool> stop_workers_{false};
  std::vector<exception::HostGuard> guards_;
  eal::Runtime runtime_;
  eal::Mempool pool_;
  std::deque<eal::Port> ports_;
  std::deque<exception::Tap> taps_;
  sa::Readers readers_;
  sa::Reclaimer reclaimer_;
  route::Pools pools_;
  sa::Tables tables_;
  route::Fib fib_;
  route::Adjacencies adjacencies_;
  std::vector<WorkerPlace> workers_;
  std::vector<std::vector<std::unique_ptr<eal::Ring>>> handoffs_;
  std::unique_ptr<route::Mirror> mirror_;
  RelaySessions relay_sessions_;
  std::unique_ptr<exception::Relay> relay_;
  std::unique_ptr<manager::Manager> manager_;
  std::deque<Launch> launches_;
};

/// Keys live in this process: no core dump, and nobody may attach (P6).
void hide_memory() {
  const rlimit none{0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)prctl(PR_SET_DUMPABLE, 0);
}

void set_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) { stop_asked.store(true, std::memory_order_relaxed); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  action.sa_handler = [](int) { reload_asked.store(true, std::memory_order_relaxed); };
  sigaction(SIGHUP, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The packet side of Portcullis: ESP on DPDK workers."};
  std::string file = "/etc/portcullis/portcullis.toml";
  bool check = false;
  app.add_option("--config", file, "the configuration")->capture_default_str();
  app.add_flag("--check", check, "judge the configuration and exit");
  app.set_version_flag("--version", PORTCULLIS_VERSION);
  CLI11_PARSE(app, argc, argv);

  spdlog::set_default_logger(spdlog::stderr_logger_mt("dataplane"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %l dataplane: %v");
  const auto reading = config::read_file(file);
  if (!reading) {
    for (const config::Problem& problem : reading.error()) fmt::print(stderr, "{}\n", problem.to_string());
    return 1;
  }
  for (const config::Problem& problem : reading->warnings) fmt::print(stderr, "warning: {}\n", problem.to_string());
  if (check) {
    fmt::print("{}: ok\n", file);
    return 0;
  }
  spdlog::set_level(spdlog::level::from_str(reading->config.gateway.log_level));
  spdlog::flush_on(spdlog::level::info);
  hide_memory();
  set_signals();
  try {
    Dataplane dataplane(reading->config);
    dataplane.run();
    return 0;
  } catch (const StartError& error) {
    spdlog::critical("{}", error.what);
  } catch (const std::bad_alloc&) {
    spdlog::critical("not enough memory for {} sessions (dataplane.sessions, dataplane.memory)",
                     reading->config.dataplane.sessions);
  }
  return 1;
}
