#pragma once
// A gateway without a kernel: real workers, tables, FIB and rings, ports that end in rings, and peers who can seal and
// open. What the test does not turn does not move.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rte_ring.h>

#include "common/bytes.hpp"
#include "common/suite.hpp"
#include "dataplane/crypto/suite.hpp"
#include "dataplane/esp/template.hpp"
#include "dataplane/route/adjacencies.hpp"
#include "dataplane/route/fib.hpp"
#include "dataplane/sa/events.hpp"
#include "dataplane/sa/writer.hpp"
#include "dataplane/worker/worker.hpp"

namespace dataplane::worker::test {

using common::Bytes;
using common::ByteView;

inline constexpr common::PortIndex kOutside{0};
inline constexpr common::PortIndex kInside{1};
inline constexpr std::uint32_t kGateway = 0xC0000201;     // 192.0.2.1, outside
inline constexpr std::uint32_t kGatewayIn = 0x0A010001;   // 10.1.0.1, inside
inline constexpr std::uint32_t kHost = 0x0A010002;        // 10.1.0.2, behind the inside port
inline constexpr std::uint32_t kPoolFirst = 0x0A090000;   // 10.9.0.0/16
inline constexpr std::uint32_t kPeerNet = 0xC6336400;     // 198.51.100.0/24, behind the outside port
inline constexpr std::uint32_t kUnresolved = 0xCB007105;  // 203.0.113.5, a next hop without MAC address
inline constexpr std::uint16_t kMtu = 1500;

/// An inner or clear IPv4 packet with UDP in it.
struct Packet {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint16_t source_port = 1111;
  std::uint16_t destination_port = 2222;
  std::size_t octets = 100;  ///< of the IP packet
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  bool dont_fragment = true;
  Bytes payload{};  ///< of UDP; filled up to `octets`

  [[nodiscard]] Bytes ip() const;
};

/// An Ethernet frame to a port of ours.
[[nodiscard]] Bytes frame_to(common::PortIndex port, ByteView payload, std::uint16_t type = 0x0800);
/// A UDP datagram around a payload, between any addresses.
[[nodiscard]] Bytes udp(std::uint32_t source, std::uint16_t source_port, std::uint32_t destination,
                        std::uint16_t destination_port, ByteView payload);

/// The other end of a session.
struct Peer {
  std::uint64_t id = 0;
  std::uint32_t address = 0;  ///< outer
  std::uint16_t port = 4500;
  std::uint32_t inner = 0;
  common::Suite suite = common::Suite::aes_gcm_16_256;
  bool udp_encap = true;
  bool esn = true;
  common::Spi to_gateway;
  common::Spi to_peer;
  Bytes keymat_in;   ///< towards the gateway
  Bytes keymat_out;  ///< from it
  crypto::Key key_in;
  crypto::Key key_out;
  std::uint64_t sent = 0;  ///< last sequence number used
  std::uint8_t outer_tos = 0;

  /// A frame as it arrives at the outside port. @param sequence  0: the next one
  [[nodiscard]] Bytes seal(ByteView plain, std::uint64_t sequence = 0, std::uint8_t next_header = 4);
  /// What the gateway has sealed in a frame; nullopt: not for us, or not authentic.
  [[nodiscard]] std::optional<Bytes> open(ByteView frame) const;
};

struct PeerOptions {
  common::Suite suite = common::Suite::aes_gcm_16_256;
  bool udp_encap = true;
  bool esn = true;
  bool nat = true;
  std::uint32_t local_first = 0;  ///< selector of our side
  std::uint32_t local_last = 0xFFFFFFFF;
  std::uint64_t end_unix_ms = 0;
  common::channel::WirePolicy policy{};
};

class World {
 public:
  explicit World(unsigned count = 1, bool sleep_when_idle = false);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// A live session; its inner address is 10.9.0.<id>, its outer 198.51.100.<id>, its owner (id - 1) % workers if ids
  /// are installed in ascending order.
  [[nodiscard]] Peer install(std::uint64_t id, const PeerOptions& options = {});
  /// A second child for the peer's session; the peer uses it from now on.
  void rekey(Peer& peer);

  void inject(common::PortIndex port, ByteView frame, unsigned worker = 0);
  /// A frame from the kernel on a port's TAP.
  void from_host(common::PortIndex port, ByteView frame, unsigned worker = 0);
  /// One turn of each worker, again until nobody finds anything.
  void run();
  /// Frames that ports have taken since.
  [[nodiscard]] std::vector<Bytes> sent(common::PortIndex port);
  /// Frames for the host stack of one class. They are freed, and the ring told so.
  [[nodiscard]] std::vector<Bytes> punted(eal::HostClass host_class, unsigned worker = 0);
  [[nodiscard]] std::optional<sa::Event> event(unsigned worker = 0) { return events[worker]->pop(); }

  [[nodiscard]] sa::Now now() const;
  [[nodiscard]] sa::Totals totals(std::uint64_t id) const;
  [[nodiscard]] sa::Session& session(std::uint64_t id);
  [[nodiscard]] std::uint64_t dropped(common::DropReason reason) const;
  [[nodiscard]] std::uint64_t dropped_total() const;
  [[nodiscard]] std::size_t free_buffers() const;
  void set_route(std::uint32_t address, std::uint8_t length, route::Result result);

  sa::Readers readers;
  sa::Reclaimer reclaimer;
  sa::Tables tables;
  sa::NoDrain no_drain;
  std::unique_ptr<sa::TableWriter> writer;
  route::Fib fib;
  route::Adjacencies adjacencies;
  std::vector<std::unique_ptr<eal::Ring>> handoff;  ///< from * workers + to; nullptr on the diagonal
  std::vector<eal::HostRings> host;
  std::vector<std::unique_ptr<sa::EventQueue>> events;
  std::vector<std::unique_ptr<Statistics>> statistics;
  std::vector<std::unique_ptr<Worker>> workers;
  std::atomic<std::uint32_t> inside_address{kGatewayIn};

 private:
  void set_routes();
  void add_worker(unsigned index, unsigned count, bool sleep_when_idle);

  std::size_t buffers_at_start_ = 0;
};

}  // namespace dataplane::worker::test
