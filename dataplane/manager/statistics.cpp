// The names by which counters are known outside this process.

#include "dataplane/manager/statistics.hpp"

#include <fmt/format.h>

namespace dataplane::manager {
namespace {

constexpr std::array<std::string_view, eal::kHostClasses> kHostClassNames = {"neighbour", "radius", "ike", "other"};

void write_drops(const Environment& environment, const StatisticsSink& sink) {
  for (std::size_t i = 0; i < common::kDropReasons; ++i) {
    const auto reason = static_cast<common::DropReason>(i);
    std::uint64_t sum = 0;
    for (const WorkerView& worker : environment.workers) sum += worker.statistics->drops.read(reason);
    for (const packet::DropCounters* drops : environment.other_drops) sum += drops->read(reason);
    sink(fmt::format("drop.{}", common::to_string(reason)), sum);
  }
}

void write_worker(std::size_t index, const worker::Statistics& worker, const StatisticsSink& sink) {
  const auto write = [&](std::string_view name, const worker::Statistics::Counter& counter) {
    sink(fmt::format("worker.{}.{}", index, name), counter.load(std::memory_order_relaxed));
  };
  write("turns", worker.turns);
  write("busy_turns", worker.busy_turns);
  write("busy_cycles", worker.busy_cycles);
  write("rx_packets", worker.rx_packets);
  write("tx_packets", worker.tx_packets);
  write("tx_octets", worker.tx_octets);
  write("esp_in", worker.esp_in);
  write("esp_out", worker.esp_out);
  write("handoffs_out", worker.handoffs_out);
  write("handoffs_in", worker.handoffs_in);
  write("from_host", worker.from_host);
  write("icmp_sent", worker.icmp_sent);
  write("icmp_withheld", worker.icmp_withheld);
  write("events_dropped", worker.events_dropped);
  for (std::size_t i = 0; i < eal::kHostClasses; ++i)
    write(fmt::format("punts.{}", kHostClassNames[i]), worker.punts[i]);
  sink(fmt::format("worker.{}.drops", index), worker.drops.total());
}

void write_port(const eal::Port& port, const StatisticsSink& sink) {
  const eal::PortStatistics counted = port.statistics();
  const auto write = [&](std::string_view name, std::uint64_t value) {
    sink(fmt::format("port.{}.{}", port.name(), name), value);
  };
  write("rx_packets", counted.rx_packets);
  write("rx_octets", counted.rx_octets);
  write("rx_missed", counted.rx_missed);
  write("rx_errors", counted.rx_errors);
  write("rx_no_buffer", counted.rx_no_buffer);
  write("tx_packets", counted.tx_packets);
  write("tx_octets", counted.tx_octets);
  write("tx_errors", counted.tx_errors);
  write("link_up", port.link_up() ? 1 : 0);
}

void write_relay(const exception::RelayStatistics& relay, const StatisticsSink& sink) {
  for (std::size_t i = 0; i < eal::kHostClasses; ++i)
    sink(fmt::format("relay.to_host.{}", kHostClassNames[i]), relay.to_host[i]);
  sink("relay.from_host", relay.from_host);
  sink("relay.write_failed", relay.write_failed);
  sink("relay.from_host_dropped", relay.from_host_dropped);
}

void write_routes(const route::MirrorStatistics& mirror, const StatisticsSink& sink) {
  sink("route.messages", mirror.messages);
  sink("route.resyncs", mirror.resyncs);
  sink("route.probes", mirror.probes);
  sink("route.refreshes", mirror.refreshes);
  sink("route.routes", mirror.routes);
  sink("route.neighbours", mirror.neighbours);
  sink("route.refused", mirror.refused);
}

}  // namespace

void write_statistics(const Environment& environment, const sa::TableWriter& writer, const ProcessDrain& drain,
                      const ChannelCounters& channel, const StatisticsSink& sink) {
  write_drops(environment, sink);
  for (std::size_t i = 0; i < environment.workers.size(); ++i)
    write_worker(i, *environment.workers[i].statistics, sink);
  for (const eal::Port* port : environment.ports) write_port(*port, sink);
  if (environment.relay != nullptr) write_relay(environment.relay->statistics(), sink);
  if (environment.mirror != nullptr) write_routes(environment.mirror->statistics(), sink);
  sink("route.fib_routes", environment.fib->routes());
  sink("route.fib_octets", environment.fib->memory_octets());
  const sa::Usage usage = writer.usage();
  sink("table.sessions", usage.live);
  sink("table.removing", usage.removing);
  sink("table.tombstones", usage.tombstones);
  sink("table.capacity", environment.tables->session_places());
  sink("table.children", usage.children);
  sink("table.reserved_spis", usage.reserved_spis);
  sink("table.free_spis", usage.free_spis);
  sink("table.removal_rounds", usage.removal_rounds);
  sink("table.forwarding", environment.tables->forwarding() ? 1 : 0);
  sink("manager.drain_alarms", drain.alarms());
  sink("channel.accepted", channel.accepted);
  sink("channel.refused_peers", channel.refused_peers);
  sink("channel.refused_hellos", channel.refused_hellos);
  sink("channel.broken_frames", channel.broken_frames);
  sink("channel.fenced", channel.fenced);
  sink("channel.overflows", channel.overflows);
}

}  // namespace dataplane::manager
