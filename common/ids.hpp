#pragma once
// The names by which both processes speak of the same thing.

#include <cstdint>

#include "common/strong.hpp"

namespace common {

/// Security Parameters Index, host order. 0 is never sent and 1..255 are reserved (RFC 4303 §2.1).
using Spi = Strong<std::uint32_t, struct SpiTag>;

/// One user's session, from its first IKE_AUTH to its Stop record. Never used twice by one gateway: its durable counter
/// lives in the control plane's database. 0 is no session.
using SessionId = Strong<std::uint64_t, struct SessionIdTag>;

/// Counts the starts of the control plane. The newest fences all older ones off the channel, and it is the high half of
/// every explicit IV of an IKE packet, so that no restart repeats a nonce (promise P7).
using Epoch = Strong<std::uint32_t, struct EpochTag>;

/// Names one pair of ESP keys; an install that is repeated with the same key id changes nothing (promise P7).
using KeyId = Strong<std::uint64_t, struct KeyIdTag>;

/// Position of a port in the configuration's [[port]] list, 0-based.
using PortIndex = Strong<std::uint16_t, struct PortIndexTag>;

}  // namespace common
