// The loop: the channel, netlink, workers' events, what is under way in the tables, and once in a while the time.

#include "dataplane/manager/manager.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <unistd.h>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "dataplane/manager/channel_server.hpp"
#include "dataplane/manager/drain.hpp"
#include "dataplane/manager/requests.hpp"
#include "dataplane/manager/statistics.hpp"
#include "dataplane/manager/tunnels.hpp"
#include "dataplane/manager/watchdog.hpp"
#include "dataplane/sa/writer.hpp"

namespace dataplane::manager {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kChannelMark = 1;
constexpr std::uint64_t kMirrorMark = 2;
constexpr auto kBusyWait = 20us;     // between two looks at a grace period
constexpr auto kWorkerWait = 1ms;    // workers' events have no descriptor to wait for
constexpr auto kSlowPeriod = 100ms;  // ends, idleness, watchdog
constexpr unsigned kNetlinkSlice = 256;
constexpr unsigned kEventSlice = 256;
constexpr std::uint32_t kWatchSlices = 10;  // every session is looked at once in so many slow periods

std::uint64_t random_word() {
  std::uint64_t word = 0;
  if (::getrandom(&word, sizeof word, 0) != sizeof word)
    word = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  return word;
}

[[noreturn]] void end_process(std::size_t worker) {
  spdlog::critical("worker {} does not answer: every SA dies with this process, for none could be revoked", worker);
  spdlog::default_logger()->flush();
  std::abort();
}

}  // namespace

struct Manager::Impl {
  explicit Impl(Environment given);
  ~Impl() {
    if (epoll >= 0) ::close(epoll);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] std::expected<void, std::string> open();
  [[nodiscard]] sa::Now now() const;
  void turn(int wait_ms);
  void wait(int wait_ms, bool& channel_ready, bool& mirror_ready);
  void take_events();
  void on_event(const sa::Event& event);
  void slow_work(common::MonotonicTime at);
  void check_workers(common::MonotonicTime at);
  void on_presence(bool present);

  Environment env;
  std::uint64_t tsc_hz;
  ProcessDrain drain;
  sa::TableWriter writer;
  Tunnels tunnels;
  Requests requests;
  std::unique_ptr<ChannelServer> server;
  Watchdog watchdog;
  int epoll = -1;
  bool mirror_has_more = false;
  bool present = false;
  common::MonotonicTime absent_since;
  common::MonotonicTime slow_at;
  common::MonotonicTime mirror_timer_at;
};

Manager::Impl::Impl(Environment given)
    : env(std::move(given)),
      tsc_hz(rte_get_tsc_hz() != 0 ? rte_get_tsc_hz() : 1'000'000'000U),  // 0: no EAL, no workers (tests)
      drain(env.rings, env.ports, env.relay),
      writer(*env.tables, *env.reclaimer, env.readers, drain, random_word()),
      tunnels(*env.fib, *env.pools),
      requests(
          {.writer = &writer,
           .tunnels = &tunnels,
           .now = [this] { return now(); },
           .statistics =
               [this](const StatisticsSink& sink) { write_statistics(env, writer, drain, server->counters(), sink); },
           .presence = [this](bool is_present) { on_presence(is_present); },
           .capacity = env.tables->session_places(),
           .workers = env.tables->workers(),
           .boot_id = random_word()}),
      watchdog(env.workers.size(), env.config->dataplane.worker_deadline),
      absent_since(env.clock->monotonic()),
      slow_at(absent_since),
      mirror_timer_at(absent_since) {
  if (!env.on_silent_worker) env.on_silent_worker = end_process;
}

std::expected<void, std::string> Manager::Impl::open() {
  auto listening = ChannelServer::listen(env.config->gateway.channel_socket(), requests);
  if (!listening) return std::unexpected(std::move(listening.error()));
  server = std::move(*listening);
  requests.set_server(server.get());
  epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event channel{.events = EPOLLIN, .data = {.u64 = kChannelMark}};
  epoll_event mirror{.events = EPOLLIN, .data = {.u64 = kMirrorMark}};
  if (epoll < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, server->fd(), &channel) != 0 ||
      (env.mirror != nullptr && ::epoll_ctl(epoll, EPOLL_CTL_ADD, env.mirror->fd(), &mirror) != 0))
    return std::unexpected(fmt::format("manager: epoll: {}", std::strerror(errno)));
  env.pools->install(*env.fib);
  return {};
}

sa::Now Manager::Impl::now() const { return {env.clock->monotonic(), env.clock->wall(), rte_rdtsc(), tsc_hz}; }

void Manager::Impl::on_presence(bool is_present) {
  present = is_present;
  absent_since = env.clock->monotonic();
  if (!present || env.tables->forwarding()) return;
  spdlog::info("forwarding goes on");
  writer.set_forwarding(true);
}

/// Sleeps in epoll; for microseconds only while a grace period or a drain is under way.
void Manager::Impl::wait(int wait_ms, bool& channel_ready, bool& mirror_ready) {
  std::chrono::nanoseconds longest = std::chrono::milliseconds(wait_ms);
  if (writer.is_busy()) longest = std::min<std::chrono::nanoseconds>(longest, kBusyWait);
  if (!env.workers.empty()) longest = std::min<std::chrono::nanoseconds>(longest, kWorkerWait);
  longest = std::min<std::chrono::nanoseconds>(longest, kSlowPeriod);
  if (mirror_has_more || requests.has_work()) longest = 0ns;
  const timespec timeout{0, static_cast<long>(longest.count())};
  std::array<epoll_event, 2> ready{};
  const int count = ::epoll_pwait2(epoll, ready.data(), static_cast<int>(ready.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    channel_ready = channel_ready || ready[static_cast<std::size_t>(i)].data.u64 == kChannelMark;
    mirror_ready = mirror_ready || ready[static_cast<std::size_t>(i)].data.u64 == kMirrorMark;
  }
}

void Manager::Impl::turn(int wait_ms) {
  bool channel_ready = false;
  bool mirror_ready = mirror_has_more;
  wait(wait_ms, channel_ready, mirror_ready);
  const common::MonotonicTime at = env.clock->monotonic();
  if (channel_ready) server->work();
  take_events();
  requests.on_removed(writer.poll(now()));
  if (env.mirror != nullptr && mirror_ready) mirror_has_more = env.mirror->work(kNetlinkSlice, at);
  if (requests.has_work()) requests.work();
  if (at >= slow_at) slow_work(at);
}

void Manager::Impl::take_events() {
  for (const WorkerView& worker : env.workers) {
    for (unsigned i = 0; i < kEventSlice && worker.events != nullptr; ++i) {
      const auto event = worker.events->pop();
      if (!event) break;
      on_event(*event);
    }
  }
}

void Manager::Impl::on_event(const sa::Event& event) {
  switch (event.kind) {
    case sa::EventKind::neighbour_needed:
      if (env.mirror != nullptr)
        env.mirror->on_neighbour_needed(event.port, common::IpAddress::v4(event.address_v4), env.clock->monotonic());
      break;
    case sa::EventKind::peer_moved:
      if (const auto id = writer.on_peer_moved(event.session, event.address_v4, event.port_number))
        requests.tell_peer_moved(*id);
      break;
    case sa::EventKind::first_inbound:
      writer.on_first_inbound(event.session, event.sa);
      break;
    case sa::EventKind::child_expiring:
      if (const auto notice = writer.on_child_expiring(event.session, event.sa)) requests.tell(*notice);
      break;
  }
}

void Manager::Impl::slow_work(common::MonotonicTime at) {
  slow_at = at + kSlowPeriod;
  const std::uint32_t slice = env.tables->session_places() / kWatchSlices + 1;
  for (const sa::Notice& notice : writer.watch(slice, now())) requests.tell(notice);
  check_workers(at);
  if (!present && env.tables->forwarding() && at - absent_since >= env.config->dataplane.orphan_timeout) {
    spdlog::error("no control plane for {} s, nobody could revoke a session: forwarding stops",
                  env.config->dataplane.orphan_timeout.count());
    writer.set_forwarding(false);
  }
  if (env.mirror != nullptr && at >= mirror_timer_at) {
    mirror_timer_at = at + 1s;
    env.mirror->on_timer(at);
  }
}

void Manager::Impl::check_workers(common::MonotonicTime at) {
  std::vector<std::uint64_t> turns;
  for (const WorkerView& worker : env.workers)
    turns.push_back(worker.statistics->turns.load(std::memory_order_relaxed));
  if (const auto silent = watchdog.check(turns, at)) env.on_silent_worker(*silent);
}

Manager::Manager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Manager::~Manager() = default;

std::expected<std::unique_ptr<Manager>, std::string> Manager::create(Environment environment) {
  auto impl = std::make_unique<Impl>(std::move(environment));
  if (auto opened = impl->open(); !opened) return std::unexpected(std::move(opened.error()));
  return std::unique_ptr<Manager>(new Manager(std::move(impl)));
}

void Manager::run(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_acquire)) turn(100);
}

void Manager::turn(int wait_ms) { impl_->turn(wait_ms); }

}  // namespace dataplane::manager
