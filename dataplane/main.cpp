// portcullis-dataplane: reads the configuration, starts the dataplane, and turns the manager's loop until it is told to
// end. SIGTERM and SIGINT end it cleanly; SIGHUP reads the configuration again and takes over what can change.

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "config/read.hpp"
#include "dataplane/process.hpp"

namespace {

constexpr int kTurnMs = 100;
constexpr std::chrono::seconds kReadyDeadline{10};

std::atomic<bool> stop_requested{false};
std::atomic<bool> reload_requested{false};

void on_signal(int number) {
  if (number == SIGHUP) {
    reload_requested.store(true, std::memory_order_relaxed);
  } else {
    stop_requested.store(true, std::memory_order_relaxed);
  }
}

void catch_signals() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaction(number, &action, nullptr);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
}

/// No core dump has our keys in it, and no process of the same user may look into us (P6).
void hide_memory() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

void log_to_stderr() {
  auto logger = spdlog::stderr_logger_mt("dataplane");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

/// Tells a service manager that we serve, if one waits for it (sd_notify(3)).
void notify_ready() {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = variable == nullptr ? "" : variable;
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  constexpr std::string_view kReady = "READY=1";
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  (void)sendto(fd, kReady.data(), kReady.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
  close(fd);
}

void print(const std::vector<config::Problem>& problems, const char* kind) {
  for (const config::Problem& problem : problems) fmt::print(stderr, "{}: {}\n", kind, problem.to_string());
}

/// What a running dataplane has built upon: another value needs a restart.
bool same_foundation(const config::Config& a, const config::Config& b) {
  const auto port = [](const config::Port& x, const config::Port& y) {
    return x.name == y.name && x.role == y.role && x.device == y.device && x.tap == y.tap && x.mtu == y.mtu &&
           x.mac == y.mac;
  };
  const auto pool = [](const config::Pool& x, const config::Pool& y) { return x.first == y.first && x.last == y.last; };
  return a.gateway.run_dir == b.gateway.run_dir && a.dataplane.workers == b.dataplane.workers &&
         a.dataplane.main_cpu == b.dataplane.main_cpu && a.dataplane.memory_mib == b.dataplane.memory_mib &&
         a.dataplane.sessions == b.dataplane.sessions && a.dataplane.hugepages == b.dataplane.hugepages &&
         a.dataplane.idle == b.dataplane.idle && a.dataplane.orphan_timeout == b.dataplane.orphan_timeout &&
         a.dataplane.worker_deadline == b.dataplane.worker_deadline &&
         a.dataplane.replay_window == b.dataplane.replay_window && a.dataplane.eal_args == b.dataplane.eal_args &&
         a.ike.port == b.ike.port && a.ike.nat_port == b.ike.nat_port &&
         a.dynamic_author.ports == b.dynamic_author.ports && std::ranges::equal(a.ports, b.ports, port) &&
         std::ranges::equal(a.pools, b.pools, pool);
}

/// Takes over what can change while packets flow: the log level.
void reload(const std::filesystem::path& file, const config::Config& running) {
  const auto reading = config::read_file(file);
  if (!reading) {
    for (const config::Problem& problem : reading.error()) spdlog::error("{}", problem.to_string());
    spdlog::error("the configuration is not reloaded, the old one stays in force");
    return;
  }
  for (const config::Problem& problem : reading->warnings) spdlog::warn("{}", problem.to_string());
  spdlog::set_level(spdlog::level::from_str(reading->config.gateway.log_level));
  if (same_foundation(running, reading->config)) {
    spdlog::info("configuration reloaded");
  } else {
    spdlog::warn("configuration reloaded, but ports, pools, [dataplane], and UDP ports change only at a restart");
  }
}

int run(const std::filesystem::path& file, const config::Config& config) {
  catch_signals();
  auto process = dataplane::Process::start(config);
  if (!process) {
    spdlog::critical("{}", process.error());
    return 1;
  }
  hide_memory();  // the driver's rings are found by looking into /proc/self, which this closes to an unprivileged user
  const auto deadline = std::chrono::steady_clock::now() + kReadyDeadline;
  bool ready = false;
  while (!stop_requested.load(std::memory_order_relaxed)) {
    (*process)->turn(kTurnMs);
    if (reload_requested.exchange(false, std::memory_order_relaxed)) reload(file, config);
    if (ready) continue;
    if ((*process)->is_ready()) {
      ready = true;
      spdlog::info("ready");
      notify_ready();
    } else if (std::chrono::steady_clock::now() > deadline) {
      spdlog::critical("the kernel's routes are not told within {} s", kReadyDeadline.count());
      return 1;
    }
  }
  spdlog::info("ends");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);

  CLI::App app("The Portcullis dataplane: ESP between DPDK ports, under the control plane's command.");
  std::filesystem::path file = "/etc/portcullis/portcullis.toml";
  bool check = false;
  app.add_option("--config", file, "Configuration file (TOML)")->capture_default_str();
  app.add_flag("--check", check, "Judge the configuration and end: 0 good, 1 not");
  app.set_version_flag("--version", "portcullis-dataplane " PORTCULLIS_VERSION);
  CLI11_PARSE(app, argc, argv);

  const auto reading = config::read_file(file);
  if (!reading) {
    print(reading.error(), "error");
    return 1;
  }
  print(reading->warnings, "warning");
  if (check) {
    fmt::print("{}: good\n", file.string());
    return 0;
  }
  log_to_stderr();
  spdlog::set_level(spdlog::level::from_str(reading->config.gateway.log_level));
  return run(file, reading->config);
}
