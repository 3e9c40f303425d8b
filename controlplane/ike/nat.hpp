#pragma once
// NAT detection (RFC 7296 §2.23).

#include <array>
#include <cstdint>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"

namespace controlplane::ike {

using NatHash = std::array<std::uint8_t, 20>;

/// SHA-1(SPIi | SPIr | IP | port), as NAT_DETECTION_SOURCE_IP and _DESTINATION_IP carry it.
[[nodiscard]] NatHash nat_hash(std::uint64_t initiator_spi, std::uint64_t responder_spi,
                               const common::Endpoint& endpoint);

struct NatFound {
  bool supported = false;  ///< the peer sent both hashes
  bool local = false;      ///< we are behind a NAT: its destination hash is not our address
  bool remote = false;     ///< the peer is: none of its source hashes is the address that we see
};

/// What the notifications of an IKE_SA_INIT request say.
/// @param sources       data of every NAT_DETECTION_SOURCE_IP (a multihomed peer sends several)
/// @param destinations  data of NAT_DETECTION_DESTINATION_IP
[[nodiscard]] NatFound detect_nat(std::uint64_t initiator_spi, const common::Endpoint& local,
                                  const common::Endpoint& remote, const std::vector<common::ByteView>& sources,
                                  const std::vector<common::ByteView>& destinations);

}  // namespace controlplane::ike
