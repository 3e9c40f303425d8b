#pragma once
// One IKE SA: its keys, its state, its two windows of message ids, and how it seals and opens messages. Who it belongs
// to is peer.hpp.

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/ids.hpp"
#include "controlplane/ike/keys.hpp"
#include "controlplane/ike/state.hpp"
#include "controlplane/ike/wire/message.hpp"
#include "controlplane/ike/wire/seal.hpp"
#include "controlplane/ike/wire/writer.hpp"

namespace controlplane::ike {

/// Where the peer is, and what lies between.
struct Path {
  common::Endpoint local;
  common::Endpoint remote;
  bool nat_supported = false;
  bool nat_local = false;   ///< we are behind a NAT
  bool nat_remote = false;  ///< the peer is
};

/// The peer's requests: a window of one (RFC 7296 §2.3). The answer is kept, octet for octet, until the next request.
struct Requests {
  std::uint32_t expected = 0;  ///< message id of the next one
  bool answering = false;      ///< `expected - 1` waits for its answer
  wire::ExchangeType exchange = wire::ExchangeType::ike_sa_init;
  common::Endpoint local;  ///< where the last one arrived: that is where its answer leaves
  common::Endpoint remote;
  std::vector<common::Bytes> answer;
  wire::Reassembly fragments;
};

/// Why we ask.
enum class Purpose : std::uint8_t { liveness, delete_ike };

/// Our own requests: one at a time, repeated until answered (RFC 7296 §2.1).
struct Questions {
  struct Pending {
    std::uint32_t message_id = 0;
    Purpose purpose = Purpose::liveness;
    std::vector<common::Bytes> datagrams;
    std::uint32_t transmissions = 1;
    common::MonotonicTime again{};
  };
  std::uint32_t next = 0;
  std::optional<Pending> pending;
  std::optional<Purpose> waiting;  ///< asked for when the window is free again
  wire::Reassembly fragments;
};

struct IkeSa {
  IkeSa(std::uint32_t number, std::uint64_t initiator, std::uint64_t responder, const IkeSuite& negotiated,
        IkeKeys derived, common::Epoch since)
      : id(number),
        initiator_spi(initiator),
        responder_spi(responder),
        suite(negotiated),
        keys(std::move(derived)),
        epoch(since) {}

  std::uint32_t id;  ///< "SA ID"
  std::uint64_t initiator_spi;
  std::uint64_t responder_spi;
  IkeSuite suite;
  IkeKeys keys;
  State state = State::half_open;
  Path path;
  Requests requests;
  Questions questions;
  bool fragmentation = false;  ///< both sides can (RFC 7383)
  std::size_t max_octets = 0;  ///< of an IKE message without IP, UDP and marker
  bool peer_deleted = false;   ///< it sent Delete: ours would be noise
  common::MonotonicTime created{};
  common::MonotonicTime last_inbound{};
  std::optional<common::MonotonicTime> state_ends;  ///< when Event::expired is due
  common::Epoch epoch;
  std::uint32_t sealed = 0;  ///< explicit IVs used: the low half of the next one (P7)

  /// @return what goes into one UDP payload each, without the non-ESP marker; empty where sealing failed or the IVs of
  ///         this SA are used up (the SA must end then)
  [[nodiscard]] std::vector<common::Bytes> seal(wire::ExchangeType exchange, bool response, std::uint32_t message_id,
                                                const wire::PayloadWriter& payloads);
};

/// Octets of an IKE message that fit a datagram of `datagram_octets` with its IP and UDP headers and the marker.
[[nodiscard]] std::size_t message_room(std::size_t datagram_octets, const Path& path, std::uint16_t nat_port);

}  // namespace controlplane::ike
