// [gateway], [admin], [dataplane], [[port]] and [[pool]].

#include <algorithm>
#include <bit>
#include <regex>

#include <fmt/format.h>

#include "config/reader.hpp"
#include "config/words.hpp"

namespace config {
namespace {

constexpr Words kHugepages{std::array{std::pair{std::string_view("auto"), Hugepages::automatic},
                                      std::pair{std::string_view("on"), Hugepages::on},
                                      std::pair{std::string_view("off"), Hugepages::off}}};
constexpr Words kIdle{
    std::array{std::pair{std::string_view("poll"), Idle::poll}, std::pair{std::string_view("sleep"), Idle::sleep}}};
constexpr Words kRoles{std::array{std::pair{std::string_view("outside"), Role::outside},
                                  std::pair{std::string_view("inside"), Role::inside}}};

[[nodiscard]] bool is_interface_name(std::string_view text) {
  return !text.empty() && text.size() <= 15 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

[[nodiscard]] bool is_device(const std::string& text) {
  static const std::regex pci("([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7](,.*)?");
  static const std::regex vdev("net_[a-z0-9_]+(,.*)?");
  return std::regex_match(text, pci) || std::regex_match(text, vdev);
}

void read_port(Section section, Port& port) {
  section.text("name", port.name);
  section.require("name", "a name for the port");
  if (!port.name.empty() && !is_interface_name(port.name))
    section.complain("name", "1 to 15 of a-z, 0-9, '-', '_' and '.', for it names counters and the TAP");
  section.require("role", kRoles.expected());
  section.parsed<Role>("role", port.role, kRoles.expected(), kRoles);
  section.require("device",
                  "a PCI address such as \"0000:01:00.0\" or a DPDK vdev such as \"net_af_packet0,iface=eth1\"");
  section.text("device", port.device);
  if (!port.device.empty() && !is_device(port.device))
    section.complain("device",
                     "a PCI address such as \"0000:01:00.0\" or a DPDK vdev such as \"net_af_packet0,iface=eth1\"");
  section.text("tap", port.tap);
  if (port.tap.empty()) port.tap = port.name;
  if (section.has("tap") && !is_interface_name(port.tap))
    section.complain("tap", "a network interface's name, at most 15 characters");
  section.integer("mtu", port.mtu, 576, 9000);
  section.parsed<common::MacAddress>("mac", port.mac, "a MAC address such as \"02:00:00:00:00:01\"",
                                     &common::MacAddress::parse);
  section.finish();
}

/// "10.99.0.10-10.99.0.250" or "10.99.0.0/24"; a prefix of up to 30 bits leaves out its network and broadcast address.
void read_range(Section& section, Pool& pool) {
  static constexpr std::string_view kExpected = "an IPv4 range \"10.99.0.10-10.99.0.250\" or prefix \"10.99.0.0/24\"";
  std::string text;
  section.require("range", kExpected);
  section.text("range", text);
  if (text.empty()) return;
  const auto dash = text.find('-');
  if (dash == std::string::npos) {
    const auto prefix = common::Prefix::parse(text);
    if (!prefix || !prefix->address.is_v4() || prefix->length < 8) return section.complain("range", kExpected);
    const std::uint32_t edge = prefix->length <= 30 ? 1 : 0;
    pool.first = common::IpAddress::v4(prefix->first().v4_host() + edge);
    pool.last = common::IpAddress::v4(prefix->last().v4_host() - edge);
    return;
  }
  const auto first = common::IpAddress::parse(text.substr(0, dash));
  const auto last = common::IpAddress::parse(text.substr(dash + 1));
  if (!first || !last || !first->is_v4() || !last->is_v4() || *last < *first ||
      last->v4_host() - first->v4_host() >= 1U << 24U)
    return section.complain("range", kExpected);
  pool.first = *first;
  pool.last = *last;
}

void read_pool(Section section, Pool& pool) {
  section.require("name", "a name for the pool");
  section.text("name", pool.name);
  read_range(section, pool);
  section.seconds("quarantine", pool.quarantine, 0, 86'400);
  section.addresses("dns", pool.dns);
  section.prefixes("subnets", pool.subnets);
  section.finish();
}

void read_admin(Section section, Admin& admin) {
  section.text("read-group", admin.read_group);
  section.text("write-group", admin.write_group);
  section.text("metrics-address", admin.metrics_address);
  if (!common::IpAddress::parse(admin.metrics_address)) section.complain("metrics-address", "an address to listen on");
  section.integer("metrics-port", admin.metrics_port, 0, 65'535);
  section.finish();
}

}  // namespace

void read_gateway(Section& root, Config& config) {
  if (auto section = root.section("gateway")) {
    section->text("name", config.gateway.name);
    section->path("state-dir", config.gateway.state_dir);
    section->path("run-dir", config.gateway.run_dir);
    section->text("user", config.gateway.user);
    section->parsed<std::string>("log-level", config.gateway.log_level,
                                 "one of \"trace\", \"debug\", \"info\", \"warning\", \"error\"",
                                 [](std::string_view text) -> std::optional<std::string> {
                                   for (const std::string_view level : {"trace", "debug", "info", "warning", "error"})
                                     if (level == text) return std::string(text);
                                   return std::nullopt;
                                 });
    if (config.gateway.channel_socket().native().size() > 100)
      section->complain("run-dir", "a path of at most 87 octets, for a Unix socket's name holds 107");
    section->finish();
  }
  if (auto section = root.section("admin")) read_admin(std::move(*section), config.admin);
}

void read_dataplane(Section& root, Config& config) {
  Dataplane& dataplane = config.dataplane;
  if (auto section = root.section("dataplane")) {
    section->integers("workers", dataplane.workers, 0, 1023);
    if (dataplane.workers.empty() || dataplane.workers.size() > 64)
      section->complain("workers", "the CPUs of 1 to 64 workers, such as [1, 2]");
    section->integer("main-cpu", dataplane.main_cpu, 0, 1023);
    section->parsed<Hugepages>("hugepages", dataplane.hugepages, kHugepages.expected(), kHugepages);
    section->integer("memory", dataplane.memory_mib, 64, 1 << 20);
    section->integer("sessions", dataplane.sessions, 1, 1'000'000);
    section->parsed<Idle>("idle", dataplane.idle, kIdle.expected(), kIdle);
    section->seconds("orphan-timeout", dataplane.orphan_timeout, 1, 86'400);
    section->milliseconds("worker-deadline", dataplane.worker_deadline, 100, 60'000);
    section->integer("replay-window", dataplane.replay_window, 64, 4096);
    if (!std::has_single_bit(dataplane.replay_window))
      section->complain("replay-window", "a power of two from 64 to 4096");
    section->texts("eal-args", dataplane.eal_args);
    section->finish();
  }
  for (Section& section : root.sections("port")) read_port(section, config.ports.emplace_back());
}

void read_pools(Section& root, Config& config) {
  for (Section& section : root.sections("pool")) read_pool(section, config.pools.emplace_back());
}

}  // namespace config
