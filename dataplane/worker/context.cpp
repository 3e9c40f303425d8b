// What every stage uses: dropping, events, hand-offs.

#include "dataplane/worker/context.hpp"

#include <utility>

#include <rte_cycles.h>

namespace dataplane::worker {

Context::Context(Environment given)
    : env(std::move(given)),
      tables(*env.tables),
      fib(*env.fib),
      adjacencies(*env.adjacencies),
      statistics(*env.statistics),
      cycles_per_second(rte_get_tsc_hz()),
      tx(env.ports.size()),
      icmp_limit(env.icmp_limit.packets_per_second, env.icmp_limit.burst, cycles_per_second) {
  for (std::size_t i = 0; i < punt_limits.size(); ++i)
    punt_limits[i] =
        policy::PacketLimit(env.punt_limits[i].packets_per_second, env.punt_limits[i].burst, cycles_per_second);
}

void Context::drop(rte_mbuf* mbuf, DropReason reason) noexcept {
  statistics.drops.add(reason);
  const packet::Metadata& about = packet::metadata(mbuf);
  if (sa::Session* session = tables.find_counters(about.source)) {
    if (session->owner == env.index)
      session->own.drop_in(reason);
    else
      session->foreign.drop_in(reason);
  }
  if (sa::Session* session = tables.find_counters(about.destination)) {
    if (session->owner == env.index)
      session->own.drop_out(reason);
    else
      session->foreign.drop_out(reason);
  }
  rte_pktmbuf_free(mbuf);
}

void Context::tell(const sa::Event& event) noexcept {
  if (!env.events->push(event)) add_owned(statistics.events_dropped, 1);
}

void hand_off(Context& context, ids::WorkerIndex owner, rte_mbuf* mbuf) noexcept {
  // Destination and SA are found again by the owner: between here and there they may end (DESIGN chapter 3).
  eal::Ring* ring = owner.value() < context.env.handoff_out.size() ? context.env.handoff_out[owner.value()] : nullptr;
  void* object = mbuf;
  if (ring == nullptr || ring->enqueue(&object, 1) != 1) {
    context.drop(mbuf, DropReason::handoff_full);
    return;
  }
  add_owned(context.statistics.handoffs_out, 1);
}

}  // namespace dataplane::worker
