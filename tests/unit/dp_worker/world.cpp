// The gateway without a kernel.

#include "tests/unit/dp_worker/world.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "dataplane/esp/decapsulate.hpp"
#include "dataplane/esp/encapsulate.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/packet/metadata.hpp"

namespace dataplane::worker::test {
namespace {

constexpr unsigned kMaxWorkers = 2;
constexpr unsigned kPorts = 2;
constexpr unsigned kRingSize = 4096;
constexpr unsigned kBuffers = 8191;
constexpr std::array<common::MacAddress, kPorts> kMacs = {{{{0x02, 0, 0, 0, 0, 0x01}}, {{0x02, 0, 0, 0, 0, 0x02}}}};
constexpr common::MacAddress kNeighbourMac{{0x02, 0, 0, 0, 0x77, 0x01}};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "test world: %s\n", what);
  std::abort();
}

/// What a process makes once: EAL, a pool, ports whose queues are rings.
struct Machine {
  Machine() {
    std::vector<std::string> words = {
        "test", "--no-huge", "-m",          "128", "--no-pci",      "--no-telemetry",
        "-l",   "0",         "--log-level", "4",   "--file-prefix", fmt::format("dpworker{}", getpid())};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    require(rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0, "EAL did not start");
    pool = rte_pktmbuf_pool_create("packets", kBuffers, 0, packet::kMetadataOctets, 2048 + RTE_PKTMBUF_HEADROOM, 0);
    require(pool != nullptr, "no pool");
    for (unsigned port = 0; port < kPorts; ++port) add_port(port);
  }

  void add_port(unsigned port) {
    for (unsigned queue = 0; queue < kMaxWorkers; ++queue) {
      rx[port][queue] = rte_ring_create(fmt::format("rx{}_{}", port, queue).c_str(), kRingSize, 0, 0);
      tx[port][queue] = rte_ring_create(fmt::format("tx{}_{}", port, queue).c_str(), kRingSize, 0, 0);
    }
    const int id = rte_eth_from_rings(fmt::format("port{}", port).c_str(), rx[port].data(), kMaxWorkers,
                                      tx[port].data(), kMaxWorkers, 0);
    require(id >= 0, "no ring port");
    ids[port] = static_cast<std::uint16_t>(id);
    const rte_eth_conf conf{};
    require(rte_eth_dev_configure(ids[port], kMaxWorkers, kMaxWorkers, &conf) == 0, "configure");
    for (std::uint16_t queue = 0; queue < kMaxWorkers; ++queue) {
      require(rte_eth_rx_queue_setup(ids[port], queue, 512, 0, nullptr, pool) == 0, "rx queue");
      require(rte_eth_tx_queue_setup(ids[port], queue, 512, 0, nullptr) == 0, "tx queue");
    }
    require(rte_eth_dev_start(ids[port]) == 0, "start");
  }

  rte_mempool* pool = nullptr;
  std::array<std::array<rte_ring*, kMaxWorkers>, kPorts> rx{};
  std::array<std::array<rte_ring*, kMaxWorkers>, kPorts> tx{};
  std::array<std::uint16_t, kPorts> ids{};
};

[[nodiscard]] Machine& machine() {
  static Machine the_machine;
  return the_machine;
}

[[nodiscard]] rte_mbuf* buffer_with(ByteView octets) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(machine().pool);
  require(mbuf != nullptr, "no buffer left");
  char* room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(octets.size()));
  require(room != nullptr, "frame too large");
  if (!octets.empty()) std::memcpy(room, octets.data(), octets.size());
  // What a driver leaves in the private area is anything.
  std::memset(rte_mbuf_to_priv(mbuf), 0xA5, packet::kMetadataOctets);
  return mbuf;
}

[[nodiscard]] Bytes take(rte_mbuf* mbuf) {
  const auto* octets = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  Bytes copy(octets, octets + mbuf->data_len);
  rte_pktmbuf_free(mbuf);
  return copy;
}

[[nodiscard]] sa::Limits limits(unsigned workers) {
  return {.sessions = 64,
          .workers = static_cast<std::uint16_t>(workers),
          .pools = {{kPoolFirst, kPoolFirst + 0xFFFF}},
          .replay_packets = 128};
}

[[nodiscard]] Bytes ip_around(std::uint8_t protocol, std::uint32_t source, std::uint32_t destination, ByteView payload,
                              std::uint8_t ttl = 64, std::uint8_t tos = 0, bool dont_fragment = true) {
  packet::Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.tos = tos;
  ip.total_length.set(static_cast<std::uint16_t>(sizeof ip + payload.size()));
  ip.fragment.set(dont_fragment ? packet::Ipv4Header::kDontFragment : 0);
  ip.ttl = ttl;
  ip.protocol = protocol;
  ip.source.set(source);
  ip.destination.set(destination);
  ip.checksum.set(packet::checksum(common::as_bytes(ip)));
  Bytes out(common::as_bytes(ip).begin(), common::as_bytes(ip).end());
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

[[nodiscard]] Bytes udp_around(std::uint16_t source_port, std::uint16_t destination_port, ByteView payload) {
  packet::UdpHeader header{};
  header.source_port.set(source_port);
  header.destination_port.set(destination_port);
  header.length.set(static_cast<std::uint16_t>(sizeof header + payload.size()));
  Bytes out(common::as_bytes(header).begin(), common::as_bytes(header).end());
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

}  // namespace

Bytes Packet::ip() const {
  Bytes filled = payload;
  filled.resize(std::max(octets, payload.size() + 28) - 28, 0x55);
  return ip_around(17, source, destination, udp_around(source_port, destination_port, filled), ttl, tos, dont_fragment);
}

Bytes frame_to(common::PortIndex port, ByteView payload, std::uint16_t type) {
  const packet::EthernetHeader link{kMacs[port.value()], kNeighbourMac, common::Be16{type}};
  Bytes out(common::as_bytes(link).begin(), common::as_bytes(link).end());
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

Bytes udp(std::uint32_t source, std::uint16_t source_port, std::uint32_t destination, std::uint16_t destination_port,
          ByteView payload) {
  return ip_around(17, source, destination, udp_around(source_port, destination_port, payload));
}

Bytes Peer::seal(ByteView plain, std::uint64_t sequence, std::uint8_t next_header) {
  if (sequence == 0) sequence = ++sent;
  const auto header = esp::make_template({.local = {common::IpAddress::v4(address), port},
                                          .remote = {common::IpAddress::v4(kGateway), 4500},
                                          .spi = to_gateway,
                                          .udp_encap = udp_encap});
  require(header.has_value(), "peer's template");
  constexpr std::size_t kRoom = 96;
  Bytes buffer(kRoom + plain.size() + kRoom);
  std::ranges::copy(plain, buffer.begin() + kRoom);
  crypto::Batch batch;
  const std::uint32_t octets = esp::encapsulate({.inner = buffer.data() + kRoom,
                                                 .inner_octets = static_cast<std::uint32_t>(plain.size()),
                                                 .next_header = next_header,
                                                 .outer_tos = outer_tos,
                                                 .dont_fragment = true,
                                                 .esn = esn,
                                                 .sequence = sequence,
                                                 .salt = key_in.salt(),
                                                 .header = &*header,
                                                 .suite = key_in.ops(),
                                                 .schedule = key_in.schedule()},
                                                batch);
  key_in.ops()->encrypt(batch);
  const std::uint8_t* start = buffer.data() + kRoom - esp::front_octets(*header, key_in.ops()->facts);
  return frame_to(kOutside, {start, octets});
}

std::optional<Bytes> Peer::open(ByteView frame) const {
  if (frame.size() < 14) return std::nullopt;
  const auto ip = packet::parse_ipv4(frame.subspan(14));
  if (!ip || ip->header->destination.host() != address || ip->header->source.host() != kGateway) return std::nullopt;
  ByteView payload = ip->payload;
  if (udp_encap) {
    const auto datagram = packet::parse_udp(payload);
    if (!datagram || datagram->header->destination_port.host() != port) return std::nullopt;
    payload = datagram->payload;
  }
  Bytes esp(payload.begin(), payload.end());
  const auto header = packet::parse_esp(esp);
  if (!header || header->spi != to_peer || !esp::is_possible_length(key_out.ops()->facts, esp.size()))
    return std::nullopt;
  crypto::Batch batch;
  esp::decapsulate({.esp = esp.data(),
                    .octets = static_cast<std::uint32_t>(esp.size()),
                    .esn = esn,
                    .sequence = header->sequence_low,
                    .salt = key_out.salt(),
                    .suite = key_out.ops(),
                    .schedule = key_out.schedule()},
                   batch);
  key_out.ops()->decrypt(batch);
  if (batch.intact[0] == 0) return std::nullopt;
  const auto opened = esp::open_payload({batch.payload[0], batch.octets[0]});
  if (!opened || opened->next_header != 4) return std::nullopt;
  return Bytes(opened->octets.begin(), opened->octets.end());
}

World::World(unsigned count, bool sleep_when_idle)
    : readers((static_cast<void>(machine()), count)),
      reclaimer(readers.get()),
      tables(limits(count)),
      writer(std::make_unique<sa::TableWriter>(tables, reclaimer, readers.get(), no_drain, 7)),
      fib([this](std::move_only_function<void()> work) { reclaimer.defer(std::move(work)); }),
      adjacencies(64, [this](std::move_only_function<void()> work) { reclaimer.defer(std::move(work)); }),
      buffers_at_start_(rte_mempool_avail_count(machine().pool)) {
  require(count <= kMaxWorkers, "too many workers");
  static unsigned worlds = 0;
  ++worlds;
  for (unsigned from = 0; from < count; ++from)
    for (unsigned to = 0; to < count; ++to)
      handoff.push_back(
          from == to
              ? nullptr
              : std::move(
                    eal::Ring::create(fmt::format("ho{}_{}_{}", worlds, from, to), 256, eal::Producers::one).value()));
  host.reserve(count);  // workers keep pointers into it
  for (unsigned worker = 0; worker < count; ++worker) add_worker(worker, count, sleep_when_idle);
  set_routes();
}

void World::add_worker(unsigned index, unsigned count, bool sleep_when_idle) {
  host.push_back(std::move(eal::HostRings::create(ids::WorkerIndex{static_cast<std::uint16_t>(index)}).value()));
  events.push_back(std::make_unique<sa::EventQueue>(256));
  statistics.push_back(std::make_unique<Statistics>());
  Environment environment;
  environment.index = ids::WorkerIndex{static_cast<std::uint16_t>(index)};
  environment.tables = &tables;
  environment.fib = &fib;
  environment.adjacencies = &adjacencies;
  for (std::uint16_t port = 0; port < kPorts; ++port)
    environment.ports.push_back({.index = common::PortIndex{port},
                                 .port_id = machine().ids[port],
                                 .rx_queue = static_cast<std::uint16_t>(index),
                                 .tx_queue = static_cast<std::uint16_t>(index),
                                 .mtu = kMtu,
                                 .mac = kMacs[port],
                                 .address_v4 = port == 1 ? &inside_address : nullptr});
  for (unsigned other = 0; other < count; ++other) {
    environment.handoff_in.push_back(handoff[other * count + index].get());
    environment.handoff_out.push_back(handoff[index * count + other].get());
  }
  environment.host = &host[index];
  environment.events = events[index].get();
  environment.pool = machine().pool;
  environment.qsbr = readers.get();
  environment.statistics = statistics[index].get();
  environment.sleep_when_idle = sleep_when_idle;
  environment.radius_ports = {1812, 1813, 3799};
  workers.push_back(std::make_unique<Worker>(std::move(environment)));
}

World::~World() {
  for (auto& port : machine().rx)
    for (rte_ring* ring : port)
      for (void* object = nullptr; rte_ring_dequeue(ring, &object) == 0;)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(object));
  for (const common::PortIndex port : {kOutside, kInside}) (void)sent(port);
  for (unsigned worker = 0; worker < workers.size(); ++worker)
    for (std::size_t i = 0; i < eal::kHostClasses; ++i) (void)punted(static_cast<eal::HostClass>(i), worker);
  for (auto& ring : handoff)
    for (void* object = nullptr; ring != nullptr && ring->dequeue(&object, 1) == 1;)
      rte_pktmbuf_free(static_cast<rte_mbuf*>(object));
  for (eal::HostRings& rings : host)
    for (void* object = nullptr; rings.from_host->dequeue(&object, 1) == 1;)
      rte_pktmbuf_free(static_cast<rte_mbuf*>(object));
  require(free_buffers() == buffers_at_start_, "a packet buffer was lost or freed twice");
}

void World::set_routes() {
  const auto adjacency = [&](common::PortIndex port, bool resolved = true) {
    route::Adjacency made{.port = port, .resolved = resolved};
    std::ranges::copy(kNeighbourMac.octets, made.ethernet.begin());
    std::ranges::copy(kMacs[port.value()].octets, made.ethernet.begin() + 6);
    return route::Result{route::ResultType::adjacency, adjacencies.add(made).value().value()};
  };
  set_route(kPeerNet, 24, adjacency(kOutside));
  set_route(kHost & 0xFFFF0000U, 16, adjacency(kInside));
  set_route(kUnresolved & 0xFFFFFF00U, 24, {route::ResultType::glean, kOutside.value()});
  set_route(kUnresolved + 1, 32, adjacency(kOutside, false));
  set_route(kGateway, 32, {route::ResultType::local, 0});
  set_route(kGatewayIn, 32, {route::ResultType::local, 0});
  set_route(kPoolFirst, 16, {route::ResultType::pool, 0});
}

void World::set_route(std::uint32_t address, std::uint8_t length, route::Result result) {
  fib.set({address, length}, result);
}

Peer World::install(std::uint64_t id, const PeerOptions& options) {
  Peer peer;
  peer.id = id;
  peer.address = kPeerNet + static_cast<std::uint32_t>(id);
  peer.inner = kPoolFirst + static_cast<std::uint32_t>(id);
  peer.suite = options.suite;
  peer.udp_encap = options.udp_encap;
  peer.esn = options.esn;
  peer.to_gateway = writer->reserve_spi(now()).value();
  peer.to_peer = common::Spi{0xC0000000U + static_cast<std::uint32_t>(id)};
  const std::size_t octets = common::find_suite(options.suite)->encryption_keymat;
  peer.keymat_in = Bytes(octets, static_cast<std::uint8_t>(id));
  peer.keymat_out = Bytes(octets, static_cast<std::uint8_t>(id + 100));
  peer.key_in = std::move(crypto::Key::make(options.suite, peer.keymat_in, {}).value());
  peer.key_out = std::move(crypto::Key::make(options.suite, peer.keymat_out, {}).value());

  sa::SessionSpec spec;
  spec.id = common::SessionId{id};
  spec.epoch = common::Epoch{1};
  spec.path = {.local = {common::IpAddress::v4(kGateway), 4500},
               .remote = {common::IpAddress::v4(peer.address), peer.port},
               .nat = options.nat};
  spec.inner_v4 = peer.inner;
  spec.policy = options.policy;
  spec.child.inbound = peer.to_gateway;
  spec.child.outbound = peer.to_peer;
  spec.child.key_id = common::KeyId{id};
  spec.child.suite = options.suite;
  spec.child.esn = options.esn;
  spec.child.udp_encap = options.udp_encap;
  spec.child.replay_packets = 64;
  spec.child.inbound_encryption = peer.keymat_in;
  spec.child.outbound_encryption = peer.keymat_out;
  spec.child.end_unix_ms = options.end_unix_ms;
  spec.child.selectors.local_used = 1;
  spec.child.selectors.local[0] = {options.local_first, options.local_last, 0, 0xFFFF, 0};
  spec.child.selectors.remote_used = 1;
  spec.child.selectors.remote[0] = {peer.inner, peer.inner, 0, 0xFFFF, 0};
  require(writer->install(spec, now()) == sa::Status::ok, "install");
  return peer;
}

void World::rekey(Peer& peer) {
  sa::ChildSpec child;
  const common::Spi old = peer.to_gateway;
  peer.to_gateway = writer->reserve_spi(now()).value();
  peer.to_peer = common::Spi{peer.to_peer.value() + 0x1000};
  peer.keymat_in.assign(peer.keymat_in.size(), static_cast<std::uint8_t>(peer.id + 50));
  peer.keymat_out.assign(peer.keymat_out.size(), static_cast<std::uint8_t>(peer.id + 150));
  peer.key_in = std::move(crypto::Key::make(peer.suite, peer.keymat_in, {}).value());
  peer.key_out = std::move(crypto::Key::make(peer.suite, peer.keymat_out, {}).value());
  peer.sent = 0;
  child.inbound = peer.to_gateway;
  child.outbound = peer.to_peer;
  child.key_id = common::KeyId{peer.id + 1000};
  child.suite = peer.suite;
  child.esn = peer.esn;
  child.udp_encap = peer.udp_encap;
  child.replay_packets = 64;
  child.inbound_encryption = peer.keymat_in;
  child.outbound_encryption = peer.keymat_out;
  child.selectors.local_used = child.selectors.remote_used = 1;
  child.selectors.local[0] = {0, 0xFFFFFFFF, 0, 0xFFFF, 0};
  child.selectors.remote[0] = {peer.inner, peer.inner, 0, 0xFFFF, 0};
  require(writer->rekey(common::SessionId{peer.id}, old, child, now()) == sa::Status::ok, "rekey");
}

void World::inject(common::PortIndex port, ByteView frame, unsigned worker) {
  require(rte_ring_enqueue(machine().rx[port.value()][worker], buffer_with(frame)) == 0, "rx ring full");
}

void World::from_host(common::PortIndex port, ByteView frame, unsigned worker) {
  rte_mbuf* mbuf = buffer_with(frame);
  packet::metadata(mbuf).port = port;
  void* object = mbuf;
  require(host[worker].from_host->enqueue(&object, 1) == 1, "from_host full");
}

void World::run() {
  for (bool busy = true; busy;) {
    busy = false;
    for (auto& worker : workers) busy = worker->turn() != 0 || busy;
  }
}

std::vector<Bytes> World::sent(common::PortIndex port) {
  std::vector<Bytes> frames;
  for (rte_ring* ring : machine().tx[port.value()])
    for (void* object = nullptr; rte_ring_dequeue(ring, &object) == 0;)
      frames.push_back(take(static_cast<rte_mbuf*>(object)));
  return frames;
}

std::vector<Bytes> World::punted(eal::HostClass host_class, unsigned worker) {
  std::vector<Bytes> frames;
  eal::Ring& ring = host[worker].queue(host_class);
  for (void* object = nullptr; ring.dequeue(&object, 1) == 1; ring.finished(1))
    frames.push_back(take(static_cast<rte_mbuf*>(object)));
  return frames;
}

sa::Now World::now() const {
  const common::SystemClock clock;
  return {clock.monotonic(), clock.wall(), rte_rdtsc(), rte_get_tsc_hz()};
}

sa::Totals World::totals(std::uint64_t id) const { return writer->counters(*writer->find(common::SessionId{id})); }

sa::Session& World::session(std::uint64_t id) {
  return *tables.find_session(tables.pool_session(ids::PoolIndex{0}, static_cast<std::uint32_t>(id)));
}

std::uint64_t World::dropped(common::DropReason reason) const {
  std::uint64_t sum = 0;
  for (const auto& of_worker : statistics) sum += of_worker->drops.read(reason);
  return sum;
}

std::uint64_t World::dropped_total() const {
  std::uint64_t sum = 0;
  for (const auto& of_worker : statistics) sum += of_worker->drops.total();
  return sum;
}

std::size_t World::free_buffers() const { return rte_mempool_avail_count(machine().pool); }

}  // namespace dataplane::worker::test
