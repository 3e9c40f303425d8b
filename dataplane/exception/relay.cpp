// The relay's loop. A round takes from the workers' rings in the order of urgency, a bounded number of each class, then
// from the TAPs. It sleeps, offline, when a round found nothing: workers do not wake it, because they make no system
// calls, so its sleep is short.

#include "dataplane/exception/relay.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <limits>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

namespace dataplane::exception {

namespace {

/// Frames of one class and worker in one round: a frame of an urgent class waits for at most the sum of the others.
constexpr std::array<unsigned, eal::kHostClasses> kQuantum = {32, 64, 32, 16};
constexpr unsigned kLargestQuantum = 64;
constexpr unsigned kReadsPerTap = 32;
constexpr unsigned kRoundsUntilDeepSleep = 256;
constexpr long kShortSleepNs = 50'000;
constexpr long kDeepSleepNs = 500'000;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t by) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

/// Packets of one flow stay in order on one worker; what is not IPv4 goes to the first.
std::size_t worker_of(const rte_mbuf* mbuf, std::size_t workers) noexcept {
  constexpr std::size_t kSource = sizeof(rte_ether_hdr) + 12;
  if (workers == 1 || rte_pktmbuf_data_len(mbuf) < kSource + 8) return 0;
  const auto* ethernet = rte_pktmbuf_mtod(mbuf, const rte_ether_hdr*);
  if (ethernet->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) return 0;
  std::array<std::uint32_t, 2> addresses{};
  std::memcpy(addresses.data(), rte_pktmbuf_mtod_offset(mbuf, const std::uint8_t*, kSource), sizeof(addresses));
  return (addresses[0] ^ addresses[1]) * 2654435761U % workers;
}

/// True when the kernel took the whole frame.
bool write_frame(int fd, const rte_mbuf* mbuf) noexcept {
  std::array<iovec, 8> parts{};
  std::size_t count = 0;
  for (const rte_mbuf* segment = mbuf; segment != nullptr; segment = segment->next) {
    if (count == parts.size()) return false;
    parts[count++] = {rte_pktmbuf_mtod(segment, void*), segment->data_len};
  }
  ssize_t written = 0;
  do {
    written = writev(fd, parts.data(), static_cast<int>(count));
  } while (written < 0 && errno == EINTR);
  return std::cmp_equal(written, mbuf->pkt_len);
}

}  // namespace

struct Relay::Impl {
  explicit Impl(RelayEnvironment given) : environment(std::move(given)) {}
  ~Impl() {
    thread = {};  // asks it to stop, and joins
    drop_what_is_left();
    if (epoll >= 0) close(epoll);
    if (waker >= 0) close(waker);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::string open();
  void run(const std::stop_token& stop) noexcept;
  unsigned to_host() noexcept;
  void deliver(rte_mbuf* mbuf, std::size_t host_class) noexcept;
  unsigned from_host() noexcept;
  unsigned read_tap(std::size_t port) noexcept;
  void sleep(bool deeply) noexcept;
  void drop_what_is_left() noexcept;

  RelayEnvironment environment;
  int epoll = -1;
  int waker = -1;
  std::array<std::atomic<std::uint64_t>, eal::kHostClasses> to_host_frames{};
  std::atomic<std::uint64_t> from_host_frames{0};
  std::atomic<std::uint64_t> write_failed{0};
  std::atomic<std::uint64_t> from_host_dropped{0};
  std::jthread thread;
};

std::string Relay::Impl::open() {
  epoll = epoll_create1(EPOLL_CLOEXEC);
  waker = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (epoll < 0 || waker < 0) return std::strerror(errno);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, waker, &event) != 0) return std::strerror(errno);
  for (const Tap* tap : environment.taps) {
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, tap->fd(), &event) != 0) return std::strerror(errno);
  }
  return {};
}

void Relay::Impl::run(const std::stop_token& stop) noexcept {
  rte_rcu_qsbr* qsbr = environment.qsbr;
  const unsigned reader = environment.reader;
  const bool registered = rte_thread_register() == 0;  // a mempool cache of its own; without one it is only slower
  rte_rcu_qsbr_thread_register(qsbr, reader);
  rte_rcu_qsbr_thread_online(qsbr, reader);
  unsigned idle_rounds = 0;
  while (!stop.stop_requested()) {
    const unsigned done = to_host() + from_host();
    rte_rcu_qsbr_quiescent(qsbr, reader);
    idle_rounds = done == 0 ? idle_rounds + 1 : 0;
    if (done == 0) sleep(idle_rounds > kRoundsUntilDeepSleep);
  }
  rte_rcu_qsbr_thread_offline(qsbr, reader);
  rte_rcu_qsbr_thread_unregister(qsbr, reader);
  if (registered) rte_thread_unregister();
}

unsigned Relay::Impl::to_host() noexcept {
  unsigned done = 0;
  std::array<void*, kLargestQuantum> frames{};
  for (std::size_t host_class = 0; host_class < eal::kHostClasses; ++host_class) {
    for (const eal::HostRings* worker : environment.workers) {
      eal::Ring& ring = *worker->to_host[host_class];
      const unsigned count = ring.dequeue(frames.data(), kQuantum[host_class]);
      for (unsigned i = 0; i < count; ++i) deliver(static_cast<rte_mbuf*>(frames[i]), host_class);
      if (count > 0) ring.finished(count);  // after the writes: a removal may rely on it
      done += count;
    }
  }
  return done;
}

void Relay::Impl::deliver(rte_mbuf* mbuf, std::size_t host_class) noexcept {
  const packet::Metadata& metadata = packet::metadata(mbuf);
  const bool decrypted = !metadata.source.is_nobody();
  // The session may have been removed while the packet lay on the ring (P1).
  if (decrypted && !environment.sessions->is_live(metadata.source)) {
    environment.sessions->drop(mbuf, common::DropReason::session_ended);
    return;
  }
  const std::size_t port = metadata.port.value();
  if (port >= environment.taps.size() || !write_frame(environment.taps[port]->fd(), mbuf)) {
    add(write_failed, 1);
    environment.sessions->drop(mbuf, common::DropReason::host_write_failed);
    return;
  }
  if (decrypted) environment.sessions->on_delivered(metadata);
  add(to_host_frames[host_class], 1);
  rte_pktmbuf_free(mbuf);  // the kernel has it
}

unsigned Relay::Impl::from_host() noexcept {
  unsigned done = 0;
  for (std::size_t port = 0; port < environment.taps.size(); ++port) done += read_tap(port);
  return done;
}

unsigned Relay::Impl::read_tap(std::size_t port) noexcept {
  const int fd = environment.taps[port]->fd();
  unsigned frames = 0;
  for (; frames < kReadsPerTap; ++frames) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(environment.pool);
    if (mbuf == nullptr) {
      std::array<std::uint8_t, 64> discarded{};  // a TAP gives one frame a read, whole or cut
      if (read(fd, discarded.data(), discarded.size()) <= 0) return frames;
      add(from_host_dropped, 1);
      continue;
    }
    const ssize_t octets = read(fd, rte_pktmbuf_mtod(mbuf, void*), rte_pktmbuf_tailroom(mbuf));
    if (octets <= 0) {
      rte_pktmbuf_free(mbuf);  // nothing was read into it
      return frames;
    }
    mbuf->data_len = static_cast<std::uint16_t>(octets);
    mbuf->pkt_len = static_cast<std::uint32_t>(octets);
    packet::metadata(mbuf) = {};
    packet::metadata(mbuf).port = common::PortIndex{static_cast<std::uint16_t>(port)};
    packet::metadata(mbuf).origin = packet::Origin::host;
    void* object = mbuf;
    if (environment.workers[worker_of(mbuf, environment.workers.size())]->from_host->enqueue(&object, 1) == 1) {
      add(from_host_frames, 1);
    } else {
      add(from_host_dropped, 1);
      environment.sessions->drop(mbuf, common::DropReason::handoff_full);
    }
  }
  return frames;
}

void Relay::Impl::sleep(bool deeply) noexcept {
  rte_rcu_qsbr_thread_offline(environment.qsbr, environment.reader);
  const timespec timeout{.tv_sec = 0, .tv_nsec = deeply ? kDeepSleepNs : kShortSleepNs};
  epoll_event event{};
  (void)epoll_pwait2(epoll, &event, 1, &timeout, nullptr);
  std::uint64_t ignored = 0;
  (void)!read(waker, &ignored, sizeof(ignored));
  rte_rcu_qsbr_thread_online(environment.qsbr, environment.reader);
}

void Relay::Impl::drop_what_is_left() noexcept {
  std::array<void*, kLargestQuantum> frames{};
  for (const eal::HostRings* worker : environment.workers) {
    for (const auto& ring : worker->to_host) {
      while (const unsigned count = ring->dequeue(frames.data(), frames.size())) {
        for (unsigned i = 0; i < count; ++i) {
          environment.sessions->drop(static_cast<rte_mbuf*>(frames[i]), common::DropReason::punt_full);
        }
        ring->finished(count);
      }
    }
  }
}

std::expected<std::unique_ptr<Relay>, std::string> Relay::start(RelayEnvironment environment) {
  auto impl = std::make_unique<Impl>(std::move(environment));
  if (const std::string problem = impl->open(); !problem.empty()) {
    return std::unexpected(fmt::format("relay: {}", problem));
  }
  Impl* raw = impl.get();
  impl->thread = std::jthread([raw](const std::stop_token& stop) { raw->run(stop); });
  return std::unique_ptr<Relay>(new Relay(std::move(impl)));
}

Relay::Relay(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Relay::~Relay() {
  impl_->thread.request_stop();
  wake();
}

RelayStatistics Relay::statistics() const noexcept {
  RelayStatistics statistics;
  for (std::size_t i = 0; i < eal::kHostClasses; ++i) {
    statistics.to_host[i] = impl_->to_host_frames[i].load(std::memory_order_relaxed);
  }
  statistics.from_host = impl_->from_host_frames.load(std::memory_order_relaxed);
  statistics.write_failed = impl_->write_failed.load(std::memory_order_relaxed);
  statistics.from_host_dropped = impl_->from_host_dropped.load(std::memory_order_relaxed);
  return statistics;
}

void Relay::wake() noexcept {
  const std::uint64_t one = 1;
  (void)!write(impl_->waker, &one, sizeof(one));
}

}  // namespace dataplane::exception
