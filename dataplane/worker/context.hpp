#pragma once
// What the stages of one worker share during a turn. Not for other rooms.

#include <array>
#include <cstdint>
#include <vector>

#include <rte_mbuf.h>

#include "common/drop_reason.hpp"
#include "dataplane/crypto/batch.hpp"
#include "dataplane/packet/burst.hpp"
#include "dataplane/packet/drops.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/packet/icmp.hpp"
#include "dataplane/packet/metadata.hpp"
#include "dataplane/policy/rate.hpp"
#include "dataplane/route/adjacencies.hpp"
#include "dataplane/route/fib.hpp"
#include "dataplane/sa/tables.hpp"
#include "dataplane/worker/environment.hpp"

namespace dataplane::worker {

using common::DropReason;
using packet::add_owned;
using packet::kBurst;
static_assert(kBurst <= crypto::kMaxBatch);

/// Frames that look like ESP: what classify found out about each, as structure of arrays.
struct EspCandidates {
  std::size_t count = 0;
  std::array<rte_mbuf*, kBurst> mbuf;             ///< whole frames
  std::array<common::Spi, kBurst> spi;            ///
  std::array<std::uint16_t, kBurst> offset;       ///< of the SPI in the frame
  std::array<std::uint16_t, kBurst> octets;       ///< from there to the end of the ESP packet
  std::array<std::uint32_t, kBurst> source;       ///< outer, host order
  std::array<std::uint32_t, kBurst> destination;  ///< outer, host order
  std::array<std::uint16_t, kBurst> source_port;  ///< of UDP; 0: native ESP
  std::array<std::uint8_t, kBurst> tos;           ///< of the outer header
};

/// Inner packets for tunnels whose session is ours.
struct TunnelCandidates {
  std::size_t count = 0;
  std::array<rte_mbuf*, kBurst> mbuf;  ///< from the IP header on; Metadata::destination is the session
  std::array<sa::Session*, kBurst> session;
};

/// Frames that wait for one port until the end of the turn. What is to be counted stands beside them, because an mbuf
/// that a port has taken is no longer ours to look into (DESIGN chapter 3).
struct TxBuffer {
  struct Record {
    ids::SessionRef source;
    ids::SessionRef destination;
    std::uint32_t source_octets = 0;
    std::uint32_t destination_octets = 0;
    std::uint32_t frame_octets = 0;
  };
  std::size_t count = 0;
  std::array<rte_mbuf*, kBurst> mbuf;
  std::array<Record, kBurst> record;
};

struct Context {
  explicit Context(Environment given);

  /// The one place where a packet ends without having been forwarded: counts for the worker and for the sessions that
  /// the packet belongs to, and frees it.
  void drop(rte_mbuf* mbuf, DropReason reason) noexcept;
  void tell(const sa::Event& event) noexcept;
  [[nodiscard]] PortBinding& port_of(rte_mbuf* mbuf) noexcept { return env.ports[packet::metadata(mbuf).port.value()]; }

  Environment env;
  sa::Tables& tables;
  const route::Fib& fib;
  route::Adjacencies& adjacencies;
  Statistics& statistics;
  const std::uint64_t cycles_per_second;
  std::uint64_t now = 0;   ///< TSC at the start of the turn
  bool forwarding = true;  ///< false: orphaned

  packet::Burst frames;      ///< what came in, for classify
  EspCandidates esp;         ///< classify -> esp_in
  packet::Burst to_route;    ///< inner and clear packets from the IP header on: classify, esp_in -> route
  TunnelCandidates tunnels;  ///< route -> tunnel
  packet::Burst made;        ///< ICMP errors for the next round through route
  crypto::Batch batch;
  std::vector<TxBuffer> tx;  ///< by PortIndex
  std::array<policy::PacketLimit, eal::kHostClasses> punt_limits;
  policy::PacketLimit icmp_limit;
};

/// The IP header of a packet that begins with it.
[[nodiscard]] inline packet::Ipv4Header& ip_header(rte_mbuf* mbuf) noexcept {
  return *rte_pktmbuf_mtod(mbuf, packet::Ipv4Header*);
}
/// Such a packet's octets.
[[nodiscard]] inline common::MutableByteView octets_of(rte_mbuf* mbuf) noexcept {
  return {rte_pktmbuf_mtod(mbuf, std::uint8_t*), mbuf->data_len};
}

// The stages, in the order of the picture. Each empties the list that it reads.

/// frames -> esp | to_route | host | drop
void classify(Context& context) noexcept;
/// esp -> to_route (decrypted) | hand-off | drop
void esp_in(Context& context) noexcept;
/// to_route -> tunnels | a port | host | hand-off | drop
void route_packets(Context& context) noexcept;
/// tunnels -> a port | drop
void tunnel(Context& context) noexcept;
/// Sends what waits and counts what the ports took (P2).
void transmit(Context& context) noexcept;

// What stages do with single packets.

/// To the host stack. The mbuf is a whole frame.
void punt_frame(Context& context, rte_mbuf* mbuf, eal::HostClass host_class) noexcept;
/// To the host stack. The mbuf begins with its IPv4 header; its class is found out here.
void punt_packet(Context& context, rte_mbuf* mbuf) noexcept;
/// A whole frame onto a port, as it is.
void send_frame(Context& context, common::PortIndex port, rte_mbuf* mbuf) noexcept;
/// An IPv4 packet to a neighbour: puts the Ethernet header in front. @pre resolved
void send_packet(Context& context, const route::Adjacency& adjacency, rte_mbuf* mbuf) noexcept;
/// To the worker that owns the packet's session.
void hand_off(Context& context, ids::WorkerIndex owner, rte_mbuf* mbuf) noexcept;
/// Answers a packet that begins with its IPv4 header, if rules and rates allow it. The packet stays the caller's.
/// @param source  our address, host order; 0: none known
void answer(Context& context, rte_mbuf* offending, packet::IcmpError error, std::uint32_t source,
            std::uint32_t mtu) noexcept;

}  // namespace dataplane::worker
