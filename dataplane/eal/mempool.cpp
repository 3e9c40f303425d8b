// Sizes and makes the pools of packet buffers.

#include "dataplane/eal/mempool.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>
#include <rte_errno.h>

#include "dataplane/eal/frame_room.hpp"
#include "dataplane/eal/port.hpp"

namespace dataplane::eal {

namespace {

constexpr std::uint32_t kCache = 256;
constexpr std::uint32_t kPerWorkerOnRings = 4096;  // hand-off and host rings, half full
constexpr std::uint32_t kSmallest = 4095;
constexpr std::uint32_t kLargest = 262'143;

std::uint32_t largest_room(const config::Config& config) {
  std::uint32_t room = kUsualFrameRoom;
  for (const config::Port& port : config.ports) room = std::max(room, frame_room(port.mtu));
  return room;
}

}  // namespace

MempoolShape mempool_shape(const config::Config& config, std::uint16_t private_octets) {
  const auto workers = static_cast<std::uint32_t>(config.dataplane.workers.size());
  const auto ports = static_cast<std::uint32_t>(config.ports.size());
  MempoolShape shape;
  shape.private_octets = private_octets;
  shape.data_octets =
      static_cast<std::uint16_t>(std::min<std::uint32_t>(largest_room(config) + RTE_PKTMBUF_HEADROOM, 65'535));

  const std::uint32_t wanted =
      workers * (ports * (kRxDescriptors + kTxDescriptors) + kPerWorkerOnRings + kCache) + kCache;
  const std::uint64_t element = sizeof(rte_mbuf) + private_octets + shape.data_octets + 64U;
  const std::uint64_t affordable = (std::uint64_t{config.dataplane.memory_mib} << 20U) / 3 / element;
  // One less than a power of two uses the mempool's ring best.
  const std::uint32_t rounded = std::bit_ceil(std::clamp(wanted, kSmallest, kLargest)) - 1;
  shape.buffers = static_cast<std::uint32_t>(std::min<std::uint64_t>(rounded, affordable));
  return shape;
}

std::expected<Mempool, std::string> Mempool::create(const std::string& name, const MempoolShape& shape) {
  const std::uint32_t cache = std::min<std::uint32_t>(kCache, shape.buffers / 8);
  rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), shape.buffers, cache, shape.private_octets,
                                              shape.data_octets, SOCKET_ID_ANY);
  if (pool == nullptr) {
    return std::unexpected(fmt::format("no pool of {} buffers of {} octets: {} (see dataplane.memory-mib)",
                                       shape.buffers, shape.data_octets, rte_strerror(rte_errno)));
  }
  return Mempool(pool);
}

}  // namespace dataplane::eal
