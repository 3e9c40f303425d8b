#pragma once
// Pools of packet buffers.

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "config/schema.hpp"

namespace dataplane::eal {

struct MempoolShape {
  std::uint32_t buffers = 0;
  std::uint16_t private_octets = 0;  ///< packet::kMetadataOctets
  std::uint16_t data_octets = 0;     ///< headroom included
};

/// What the configuration needs: every receive and transmit ring full, every ring between threads half full, and the
/// caches of all threads, within a third of `memory_mib`; data room for the largest MTU and what a tunnel adds.
[[nodiscard]] MempoolShape mempool_shape(const config::Config& config, std::uint16_t private_octets);

/// Owns a pool of mbufs. Freed when the last port that receives into it is closed, before EAL ends.
class Mempool {
 public:
  /// @pre EAL runs. @error what DPDK said, with the size that was asked for
  [[nodiscard]] static std::expected<Mempool, std::string> create(const std::string& name, const MempoolShape& shape);

  [[nodiscard]] rte_mempool* get() const noexcept { return pool_.get(); }

 private:
  struct Free {
    void operator()(rte_mempool* pool) const noexcept { rte_mempool_free(pool); }
  };
  explicit Mempool(rte_mempool* pool) noexcept : pool_(pool) {}

  std::unique_ptr<rte_mempool, Free> pool_;
};

}  // namespace dataplane::eal
