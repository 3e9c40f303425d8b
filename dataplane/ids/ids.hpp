#pragma once
// The indexes by which the rooms of the dataplane name each other's things. An index that can be reused travels with
// the generation of the thing it meant, so that a reader notices when the place has changed hands.

#include <bit>
#include <cstdint>

#include "common/ids.hpp"
#include "common/strong.hpp"

namespace dataplane::ids {

/// Place of a session in the session table, 0 .. capacity - 1.
using SessionIndex = common::Strong<std::uint32_t, struct SessionIndexTag>;
/// Place of an inbound SA in the SA table; the low bits of its SPI.
using SaIndex = common::Strong<std::uint32_t, struct SaIndexTag>;
/// Place of a next hop (port, MAC addresses) in the adjacency table.
using AdjacencyIndex = common::Strong<std::uint32_t, struct AdjacencyIndexTag>;
/// Place of an address pool in the configuration.
using PoolIndex = common::Strong<std::uint32_t, struct PoolIndexTag>;
/// A worker, 0 .. workers - 1: the position in dataplane.workers, not the CPU.
using WorkerIndex = common::Strong<std::uint16_t, struct WorkerIndexTag>;

/// A session as a packet in flight names it. Generation 0 is nobody.
struct SessionRef {
  SessionIndex index;
  std::uint32_t generation = 0;

  [[nodiscard]] constexpr bool is_nobody() const noexcept { return generation == 0; }
  friend constexpr bool operator==(const SessionRef&, const SessionRef&) noexcept = default;
};

/// How an inbound SPI is made: the low `index_bits` are the SA's place, the rest is the place's generation, which is
/// never 0, so that no SPI is below 256 (RFC 4303 §2.1).
struct SpiLayout {
  unsigned index_bits = 16;  ///< 8..24

  [[nodiscard]] static constexpr SpiLayout for_places(std::uint32_t places) noexcept {
    const auto bits = static_cast<unsigned>(std::bit_width(places - 1));
    return {bits < 8 ? 8U : bits};
  }
  [[nodiscard]] constexpr SaIndex index(common::Spi spi) const noexcept {
    return SaIndex{spi.value() & ((1U << index_bits) - 1U)};
  }
  [[nodiscard]] constexpr std::uint32_t generation(common::Spi spi) const noexcept { return spi.value() >> index_bits; }
  [[nodiscard]] constexpr std::uint32_t max_generation() const noexcept { return (1U << (32 - index_bits)) - 1U; }
  [[nodiscard]] constexpr common::Spi spi(SaIndex index, std::uint32_t generation) const noexcept {
    return common::Spi{generation << index_bits | index.value()};
  }
};

}  // namespace dataplane::ids
