// Makes rings, and the set of them that lies between a worker and the relay.

#include "dataplane/eal/ring.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>
#include <rte_errno.h>

#include "dataplane/eal/host_rings.hpp"

namespace dataplane::eal {

namespace {

struct QueueShape {
  std::string_view name;
  unsigned size;
};
// A revocation is never behind a flood: its class has a ring of its own. A long "other" queue only adds delay.
constexpr std::array<QueueShape, kHostClasses> kQueues = {
    {{"nd", 256}, {"radius", 1024}, {"ike", 1024}, {"other", 512}}};
constexpr unsigned kFromHostSize = 1024;

}  // namespace

std::expected<std::unique_ptr<Ring>, std::string> Ring::create(const std::string& name, unsigned size,
                                                               Producers producers) {
  const unsigned flags = RING_F_SC_DEQ | (producers == Producers::one ? RING_F_SP_ENQ : 0U);
  rte_ring* ring = rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, flags);
  if (ring == nullptr) {
    return std::unexpected(fmt::format("no ring {} of {} entries: {}", name, size, rte_strerror(rte_errno)));
  }
  return std::unique_ptr<Ring>(new Ring(ring));
}

std::expected<HostRings, std::string> HostRings::create(ids::WorkerIndex worker) {
  HostRings rings;
  for (std::size_t i = 0; i < kHostClasses; ++i) {
    auto ring =
        Ring::create(fmt::format("host_{}_{}", kQueues[i].name, worker.value()), kQueues[i].size, Producers::one);
    if (!ring) return std::unexpected(std::move(ring.error()));
    rings.to_host[i] = std::move(*ring);
  }
  auto from_host = Ring::create(fmt::format("host_from_{}", worker.value()), kFromHostSize, Producers::one);
  if (!from_host) return std::unexpected(std::move(from_host.error()));
  rings.from_host = std::move(*from_host);
  return rings;
}

}  // namespace dataplane::eal
