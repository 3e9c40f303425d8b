// The sockets under KernelView. One socket hears what changes, the other asks for everything there is: links, then
// routes, then neighbours. While a dump runs, changes wait in their socket: the kernel makes each part of a dump when
// we read it, so whatever changed after that part is told later, and nothing that is gone can come back.

#include "dataplane/route/mirror.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dataplane/route/kernel_view.hpp"
#include "dataplane/route/netlink.hpp"

namespace dataplane::route {

namespace {

constexpr std::chrono::seconds kProbeInterval{1};
constexpr std::chrono::seconds kRefreshInterval{5};  // the kernel takes a neighbour for stale after 15 s at the least
constexpr std::size_t kProbesRemembered = 4096;
constexpr unsigned kProbesPerSecond = 1000;
constexpr std::array<std::uint16_t, 3> kDumps = {RTM_GETLINK, RTM_GETROUTE, RTM_GETNEIGH};

constexpr unsigned group(unsigned number) { return 1U << (number - 1); }

class Socket {
 public:
  Socket() = default;
  Socket(Socket&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (socket_ != nullptr) mnl_socket_close(socket_);
  }
  [[nodiscard]] bool open(unsigned groups, int octets) {
    socket_ = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket_ == nullptr || mnl_socket_bind(socket_, groups, MNL_SOCKET_AUTOPID) < 0) return false;
    if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof(octets)) != 0) {
      setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
    }
    return true;
  }
  [[nodiscard]] int fd() const noexcept { return mnl_socket_get_fd(socket_); }
  bool send(const std::vector<std::byte>& message) const noexcept {
    return mnl_socket_sendto(socket_, message.data(), message.size()) >= 0;
  }
  ssize_t receive(std::span<char> buffer) const noexcept {
    return mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
  }

 private:
  mnl_socket* socket_ = nullptr;
};

}  // namespace

struct Mirror::Impl {
  Impl(std::vector<MirrorPort> ports, Fib& fib, Adjacencies& adjacencies, const Pools& pools)
      : view(std::move(ports), fib, adjacencies, pools) {}
  ~Impl() {
    if (epoll >= 0) close(epoll);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] bool open(int receive_octets);
  void start_dump();
  void ask_next_dump();
  bool read_dump(unsigned& budget);
  bool read_changes(unsigned& budget);
  void on_dump_done(bool interrupted);
  void apply(const netlink::Event& event);
  void forbid_forwarding(unsigned interface_index);
  bool may_probe(const NextHop& next_hop, common::MonotonicTime now);

  KernelView view;
  Socket changes;
  Socket dump;
  int epoll = -1;
  std::array<char, 32'768> buffer{};
  std::uint32_t sequence = 0;
  std::size_t dump_step = 0;  // position in kDumps; kDumps.size(): none runs
  bool dump_interrupted = false;
  bool resync_wanted = false;
  bool synchronized = false;
  MirrorStatistics statistics;
  std::map<NextHop, common::MonotonicTime> probes;
  common::MonotonicTime probe_second{};
  unsigned probes_this_second = 0;
  common::MonotonicTime last_refresh{};
};

bool Mirror::Impl::open(int receive_octets) {
  const unsigned groups = group(RTNLGRP_LINK) | group(RTNLGRP_NEIGH) | group(RTNLGRP_IPV4_IFADDR) |
                          group(RTNLGRP_IPV4_ROUTE) | group(RTNLGRP_IPV4_NETCONF);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || !changes.open(groups, receive_octets) || !dump.open(0, receive_octets)) return false;
  epoll_event event{};
  event.events = EPOLLIN;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, changes.fd(), &event) == 0 &&
         epoll_ctl(epoll, EPOLL_CTL_ADD, dump.fd(), &event) == 0;
}

void Mirror::Impl::start_dump() {
  resync_wanted = false;
  dump_interrupted = false;
  dump_step = 0;
  view.begin_resync();
  ask_next_dump();
}

void Mirror::Impl::ask_next_dump() {
  if (!dump.send(netlink::write_dump(kDumps[dump_step], ++sequence))) {
    dump_step = kDumps.size();
    resync_wanted = true;  // tried again on the timer
  }
}

/// @return true while the socket may hold more
bool Mirror::Impl::read_dump(unsigned& budget) {
  const ssize_t octets = dump.receive(buffer);
  if (octets < 0) {
    if (errno == EINTR) return true;
    if (errno != EAGAIN) resync_wanted = true;
    return false;
  }
  int left = static_cast<int>(octets);
  for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(message, left);
       message = mnl_nlmsg_next(message, &left)) {
    budget -= std::min(budget, 1U);
    const bool of_dump = message->nlmsg_seq == sequence && dump_step < kDumps.size();
    if (of_dump && (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) dump_interrupted = true;
    if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
      // An error without a dump answers a neighbour request: the kernel knows better, the next packet asks again.
      if (of_dump) on_dump_done(message->nlmsg_type == NLMSG_ERROR);
      continue;
    }
    if (of_dump) apply(netlink::read(*message));
  }
  return true;
}

void Mirror::Impl::on_dump_done(bool failed) {
  dump_interrupted = dump_interrupted || failed;
  if (++dump_step < kDumps.size()) {
    ask_next_dump();
    return;
  }
  // An interrupted dump may lack something: what it did not say must not be taken for gone.
  if (dump_interrupted) {
    resync_wanted = true;
    return;
  }
  view.end_resync();
  synchronized = true;
}

bool Mirror::Impl::read_changes(unsigned& budget) {
  const ssize_t octets = changes.receive(buffer);
  if (octets < 0) {
    if (errno == EINTR) return true;
    if (errno == ENOBUFS) {  // some changes were lost
      ++statistics.resyncs;
      resync_wanted = true;
      return true;
    }
    return false;
  }
  int left = static_cast<int>(octets);
  for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(message, left);
       message = mnl_nlmsg_next(message, &left)) {
    budget -= std::min(budget, 1U);
    apply(netlink::read(*message));
  }
  return true;
}

void Mirror::Impl::apply(const netlink::Event& event) {
  ++statistics.messages;
  if (const auto* link = std::get_if<KernelLink>(&event)) {
    // A link that goes down takes its routes along silently.
    if (!link->up && dump_step == kDumps.size()) resync_wanted = true;
    view.on_link(*link);
  } else if (const auto* gone = std::get_if<netlink::LinkGone>(&event)) {
    view.on_link_gone(gone->index);
    resync_wanted = true;
  } else if (const auto* route = std::get_if<KernelRoute>(&event)) {
    view.on_route(*route);
  } else if (const auto* route_gone = std::get_if<netlink::RouteGone>(&event)) {
    view.on_route_gone(route_gone->route);
  } else if (const auto* neighbour = std::get_if<KernelNeighbour>(&event)) {
    view.on_neighbour(*neighbour);
  } else if (std::holds_alternative<netlink::FlushedSilently>(event)) {
    resync_wanted = true;
  } else if (const auto* forwarding = std::get_if<netlink::ForwardingOn>(&event)) {
    forbid_forwarding(forwarding->interface_index);
  }
}

/// `sysctl net.ipv4.ip_forward=1`, which routing daemons set, switches it on for every interface: ours go off again.
void Mirror::Impl::forbid_forwarding(unsigned interface_index) {
  const auto port = view.port_of(interface_index);
  if (!port) return;
  const auto tap = std::ranges::find(view.ports(), *port, &MirrorPort::port);
  std::ofstream(fmt::format("/proc/sys/net/ipv4/conf/{}/forwarding", tap->tap)) << "0";
}

bool Mirror::Impl::may_probe(const NextHop& next_hop, common::MonotonicTime now) {
  if (now - probe_second >= kProbeInterval) {
    probe_second = now;
    probes_this_second = 0;
  }
  if (probes_this_second >= kProbesPerSecond) return false;
  if (probes.size() >= kProbesRemembered) {
    std::erase_if(probes, [&](const auto& probe) { return now - probe.second >= kProbeInterval; });
    if (probes.size() >= kProbesRemembered) return false;
  }
  const auto [at, fresh] = probes.try_emplace(next_hop, now);
  if (!fresh && now - at->second < kProbeInterval) return false;
  at->second = now;
  ++probes_this_second;
  return true;
}

std::expected<std::unique_ptr<Mirror>, std::string> Mirror::open(std::vector<MirrorPort> ports, Fib& fib,
                                                                 Adjacencies& adjacencies, const Pools& pools,
                                                                 int receive_octets) {
  auto impl = std::make_unique<Impl>(std::move(ports), fib, adjacencies, pools);
  if (!impl->open(receive_octets)) return std::unexpected(fmt::format("netlink: {}", std::strerror(errno)));
  impl->start_dump();
  return std::unique_ptr<Mirror>(new Mirror(std::move(impl)));
}

Mirror::Mirror(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mirror::~Mirror() = default;

int Mirror::fd() const noexcept { return impl_->epoll; }

bool Mirror::work(unsigned messages, common::MonotonicTime now) {
  (void)now;
  unsigned budget = messages;
  bool more = true;
  while (budget > 0 && more) {
    if (impl_->dump_step == kDumps.size() && impl_->resync_wanted) impl_->start_dump();
    const bool dump_had_some = impl_->read_dump(budget);
    const bool dumping = impl_->dump_step < kDumps.size();
    more = dump_had_some || (!dumping && budget > 0 && impl_->read_changes(budget));
  }
  impl_->statistics.routes = impl_->view.routes();
  impl_->statistics.neighbours = impl_->view.resolved_neighbours();
  impl_->statistics.refused = impl_->view.refused();
  return more;
}

void Mirror::on_timer(common::MonotonicTime now) {
  if (impl_->resync_wanted && impl_->dump_step == kDumps.size()) impl_->start_dump();
  if (now - impl_->last_refresh < kRefreshInterval) return;
  impl_->last_refresh = now;
  for (const NextHop& next_hop : impl_->view.take_used()) {
    if (impl_->dump.send(netlink::write_use(next_hop, false))) ++impl_->statistics.refreshes;
  }
}

void Mirror::on_neighbour_needed(common::PortIndex port, const common::IpAddress& destination,
                                 common::MonotonicTime now) {
  if (!destination.is_v4()) return;
  const auto next_hop = impl_->view.next_hop(destination.v4_host());
  // The route may have moved to another port since the worker asked: then the question is out of date.
  if (!next_hop || impl_->view.port_of(next_hop->interface_index) != port) return;
  if (!impl_->may_probe(*next_hop, now)) return;
  if (impl_->dump.send(netlink::write_use(*next_hop, true))) ++impl_->statistics.probes;
}

const std::atomic<std::uint32_t>& Mirror::address_v4(common::PortIndex port) const noexcept {
  return impl_->view.address_v4(port);
}

bool Mirror::synchronized() const noexcept { return impl_->synchronized; }
const MirrorStatistics& Mirror::statistics() const noexcept { return impl_->statistics; }

}  // namespace dataplane::route
