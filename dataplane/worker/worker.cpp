// The loop: rx burst -> classify -> {esp-in | clear | punt} -> route -> tunnel -> tx, to completion, then the quiescent
// report. Nothing of a packet, key or SA is kept from one turn to the next.

#include "dataplane/worker/worker.hpp"

#include <span>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "dataplane/worker/context.hpp"

namespace dataplane::worker {
namespace {

constexpr unsigned kEmptyTurnsBeforeSleep = 64;
constexpr long kSleepNanoseconds = 50'000;

/// What came in runs through all stages; what it made us say (ICMP errors) runs through once more, and makes us say
/// nothing.
void run_stages(Context& context) noexcept {
  classify(context);
  esp_in(context);
  route_packets(context);
  tunnel(context);
  if (context.made.empty()) return;
  for (rte_mbuf* mbuf : context.made.all()) context.to_route.push(mbuf);
  context.made.clear();
  route_packets(context);
  tunnel(context);
}

/// Starts the loads of what every packet of a burst is asked for first.
template <class Packets>
void prefetch_all(const Packets& packets) noexcept {
  for (auto* packet : packets) {
    auto* mbuf = static_cast<rte_mbuf*>(packet);
    rte_prefetch0(rte_mbuf_to_priv(mbuf));
    rte_prefetch0(rte_pktmbuf_mtod(mbuf, void*));
  }
}

unsigned receive(Context& context, const PortBinding& port) noexcept {
  if (!port.rx_queue) return 0;
  const std::uint16_t count = rte_eth_rx_burst(port.port_id, *port.rx_queue, context.frames.room(), kBurst);
  if (count == 0) return 0;
  context.frames.set_size(count);
  prefetch_all(context.frames.all());
  for (rte_mbuf* mbuf : context.frames.all()) packet::metadata(mbuf) = packet::Metadata{.port = port.index};
  add_owned(context.statistics.rx_packets, count);
  run_stages(context);
  return count;
}

/// Packets from another worker: frames for SAs of ours, and packets for tunnels of ours.
unsigned take_handoffs(Context& context, eal::Ring& ring) noexcept {
  std::array<void*, kBurst> objects;
  const unsigned count = ring.dequeue(objects.data(), kBurst);
  for (unsigned i = 0; i < count; ++i) rte_prefetch0(objects[i]);
  prefetch_all(std::span(objects).first(count));
  for (unsigned i = 0; i < count; ++i) {
    auto* mbuf = static_cast<rte_mbuf*>(objects[i]);
    packet::Metadata& about = packet::metadata(mbuf);
    about.destination = {};
    if (about.origin == packet::Origin::wire)
      context.frames.push(mbuf);
    else if (about.origin == packet::Origin::decrypted && context.tables.find_session(about.source) == nullptr)
      context.drop(mbuf, DropReason::session_ended);
    else
      context.to_route.push(mbuf);
  }
  if (count == 0) return 0;
  add_owned(context.statistics.handoffs_in, count);
  run_stages(context);
  return count;
}

/// Frames that the kernel sent on a TAP: IPv4 to a single host is routed, or it would leave in clear text what belongs
/// into a tunnel; everything else goes out as it is.
unsigned take_host_frames(Context& context) noexcept {
  std::array<void*, kBurst> objects;
  const unsigned count = context.env.host->from_host->dequeue(objects.data(), kBurst);
  prefetch_all(std::span(objects).first(count));
  for (unsigned i = 0; i < count; ++i) {
    auto* mbuf = static_cast<rte_mbuf*>(objects[i]);
    const common::PortIndex port = packet::metadata(mbuf).port;
    packet::metadata(mbuf) = packet::Metadata{.port = port, .origin = packet::Origin::host};
    const auto* link = packet::view_as<packet::EthernetHeader>(octets_of(mbuf));
    if (link == nullptr) {
      context.drop(mbuf, DropReason::truncated);
      continue;
    }
    const bool group = (link->destination.octets[0] & 1U) != 0;
    if (group || link->type.host() != packet::kEtherIpv4) {
      send_frame(context, port, mbuf);
      continue;
    }
    const auto ip = packet::parse_ipv4(octets_of(mbuf).subspan(sizeof(packet::EthernetHeader)));
    if (!ip) {
      context.drop(mbuf, ip.error());
      continue;
    }
    rte_pktmbuf_trim(mbuf,
                     static_cast<std::uint16_t>(mbuf->data_len - sizeof(packet::EthernetHeader) - ip->packet.size()));
    rte_pktmbuf_adj(mbuf, sizeof(packet::EthernetHeader));
    context.to_route.push(mbuf);
  }
  if (count == 0) return 0;
  add_owned(context.statistics.from_host, count);
  run_stages(context);
  return count;
}

}  // namespace

struct Worker::Impl {
  explicit Impl(Environment environment) : context(std::move(environment)), taken(context.env.handoff_in.size()) {}

  Context context;
  std::vector<unsigned> taken;  ///< this turn, from each hand-off ring
};

Worker::Worker(Environment environment) : impl_(std::make_unique<Impl>(std::move(environment))) {}
Worker::~Worker() = default;

unsigned Worker::reader() const noexcept { return impl_->context.env.index.value(); }

unsigned Worker::turn() noexcept {
  Context& context = impl_->context;
  context.now = rte_rdtsc();
  context.forwarding = context.tables.forwarding();
  unsigned packets = 0;
  for (const PortBinding& port : context.env.ports) packets += receive(context, port);
  for (std::size_t from = 0; from < context.env.handoff_in.size(); ++from)
    if (eal::Ring* ring = context.env.handoff_in[from]) packets += impl_->taken[from] = take_handoffs(context, *ring);
  const unsigned host_frames = take_host_frames(context);
  packets += host_frames;
  transmit(context);

  // What was taken from rings is dealt with now, and a removal that waits for it may go on (DESIGN chapter 4).
  for (std::size_t from = 0; from < context.env.handoff_in.size(); ++from)
    if (impl_->taken[from] != 0) context.env.handoff_in[from]->finished(impl_->taken[from]);
  if (host_frames != 0) context.env.host->from_host->finished(host_frames);
  rte_rcu_qsbr_quiescent(context.env.qsbr, reader());
  add_owned(context.statistics.turns, 1);
  if (packets != 0) {
    add_owned(context.statistics.busy_turns, 1);
    add_owned(context.statistics.busy_cycles, rte_rdtsc() - context.now);
  }
  return packets;
}

void Worker::run(const std::atomic<bool>& stop) noexcept {
  rte_rcu_qsbr* qsbr = impl_->context.env.qsbr;
  rte_rcu_qsbr_thread_register(qsbr, reader());
  rte_rcu_qsbr_thread_online(qsbr, reader());
  unsigned empty_turns = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    empty_turns = turn() != 0 ? 0 : empty_turns + 1;
    if (!impl_->context.env.sleep_when_idle || empty_turns < kEmptyTurnsBeforeSleep) continue;
    // Nobody waits for a reader that sleeps.
    rte_rcu_qsbr_thread_offline(qsbr, reader());
    const timespec nap{.tv_sec = 0, .tv_nsec = kSleepNanoseconds};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
    rte_rcu_qsbr_thread_online(qsbr, reader());
  }
  rte_rcu_qsbr_thread_offline(qsbr, reader());
  rte_rcu_qsbr_thread_unregister(qsbr, reader());
}

}  // namespace dataplane::worker
