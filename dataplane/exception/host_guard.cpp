// Puts up the nft table by nft itself, which is given its rules on standard input.

#include "dataplane/exception/host_guard.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <ifaddrs.h>
#include <spawn.h>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "dataplane/exception/interface.hpp"

extern char** environ;

namespace dataplane::exception {

namespace {

/// Reads what is left in a pipe; nft says little.
std::string read_all(int fd) {
  std::string text;
  std::array<char, 512> buffer{};
  for (ssize_t got = 0; (got = read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// Runs nft with `rules` on its standard input. Empty, or what it complained of.
std::string run_nft(const std::string& rules) {
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  if (pipe2(input.data(), O_CLOEXEC) != 0) return std::strerror(errno);
  if (pipe2(output.data(), O_CLOEXEC) != 0) {
    close(input[0]), close(input[1]);
    return std::strerror(errno);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDERR_FILENO);
  std::array<std::string, 3> words = {"nft", "-f", "-"};
  std::array<char*, 4> argv = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = -1;
  // Services often have a PATH without sbin.
  const char* nft = access("/usr/sbin/nft", X_OK) == 0 ? "/usr/sbin/nft" : "nft";
  const int error = posix_spawnp(&child, nft, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]), close(output[1]);
  std::string complaint;
  if (error != 0) {
    complaint = fmt::format("nft does not start: {}", std::strerror(error));
  } else {
    const bool written = write(input[1], rules.data(), rules.size()) == std::ssize(rules);
    close(std::exchange(input[1], -1));
    complaint = read_all(output[0]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const bool good = written && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (good) complaint.clear();
    if (!good && complaint.empty()) complaint = "nft failed without a word";
  }
  if (input[1] >= 0) close(input[1]);
  close(output[0]);
  return complaint;
}

std::string ipv6_knob(const std::string& interface) { return fmt::format("ipv6/conf/{}/disable_ipv6", interface); }

std::vector<std::string> addresses_on(const std::string& interface) {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (interface != at->ifa_name || at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    found.push_back(common::IpAddress::v4(ntohl(address->sin_addr.s_addr)).to_string());
  }
  freeifaddrs(list);
  return found;
}

struct Offload {
  std::string_view name;
  std::uint32_t set;
  std::uint32_t get;
};
constexpr std::array<Offload, 4> kOffloads = {{{"tso", ETHTOOL_STSO, ETHTOOL_GTSO},
                                               {"gso", ETHTOOL_SGSO, ETHTOOL_GGSO},
                                               {"gro", ETHTOOL_SGRO, ETHTOOL_GGRO},
                                               {"tx", ETHTOOL_STXCSUM, ETHTOOL_GTXCSUM}}};

/// What stays on is a warning: the operator's ethtool may know a way.
void switch_off_offloads(const std::string& interface, std::vector<std::string>& warnings) {
  for (const Offload& offload : kOffloads) {
    if (get_ethtool_value(interface, offload.get) == 0) continue;
    (void)set_ethtool_value(interface, offload.set, 0);
    if (get_ethtool_value(interface, offload.get) != 0) {
      warnings.push_back(fmt::format("offload {} is on and would not go off: ethtool -K {} {} off", offload.name,
                                     interface, offload.name));
    }
  }
  const std::uint32_t flags = get_ethtool_value(interface, ETHTOOL_GFLAGS);
  if ((flags & ETH_FLAG_LRO) != 0 &&
      set_ethtool_value(interface, ETHTOOL_SFLAGS, flags & ~std::uint32_t{ETH_FLAG_LRO}) != 0) {
    warnings.push_back(fmt::format("offload lro is on and would not go off: ethtool -K {} lro off", interface));
  }
}

}  // namespace

std::string guard_table_name(const std::string& interface) {
  std::string name = "portcullis_";
  bool lost = false;
  for (const char c : interface) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    lost = lost || !plain;
    name += plain ? c : '_';
  }
  // "eth0.1" and "eth0-1" must not share a table.
  if (lost) {
    std::uint32_t hash = 2166136261U;  // FNV-1a
    for (const char c : interface) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    name += fmt::format("_{:08x}", hash);
  }
  return name;
}

std::string guard_rules(const std::string& interface) {
  const std::string table = guard_table_name(interface);
  return fmt::format(
      "table netdev {0}\n"
      "delete table netdev {0}\n"
      "table netdev {0} {{\n"
      "  chain ingress {{\n"
      "    type filter hook ingress device \"{1}\" priority -500; policy drop;\n"
      "  }}\n"
      "}}\n",
      table, interface);
}

std::expected<HostGuard, std::string> HostGuard::put_up(const std::string& interface) {
  if (if_nametoindex(interface.c_str()) == 0) {
    return std::unexpected(fmt::format("{}: no such interface in this network namespace", interface));
  }
  if (const std::string complaint = run_nft(guard_rules(interface)); !complaint.empty()) {
    return std::unexpected(fmt::format("{}: the kernel cannot be made deaf there, nft says: {}", interface, complaint));
  }
  HostGuard guard;
  guard.interface_ = interface;
  guard.table_ = guard_table_name(interface);
  guard.ipv6_before_ = read_sysctl(ipv6_knob(interface));
  if (guard.ipv6_before_ == "0") write_sysctl(ipv6_knob(interface), "1");
  write_sysctl(fmt::format("ipv4/conf/{}/forwarding", interface), "0");
  write_sysctl(fmt::format("ipv4/conf/{}/arp_ignore", interface), "8");  // never answers
  switch_off_offloads(interface, guard.warnings_);
  for (const std::string& address : addresses_on(interface)) {
    guard.warnings_.push_back(
        fmt::format("address {} on {} is out of reach: put it on the port's TAP", address, interface));
  }
  if (const int error = set_interface_up(interface); error != 0) {
    return std::unexpected(fmt::format("{}: does not go up: {}", interface, std::strerror(error)));
  }
  return guard;
}

HostGuard::HostGuard(HostGuard&& other) noexcept
    : interface_(std::exchange(other.interface_, {})),
      table_(std::move(other.table_)),
      ipv6_before_(std::move(other.ipv6_before_)),
      warnings_(std::move(other.warnings_)) {}

HostGuard::~HostGuard() {
  if (interface_.empty()) return;
  (void)run_nft(fmt::format("delete table netdev {}\n", table_));
  if (ipv6_before_ == "0") write_sysctl(ipv6_knob(interface_), "0");
}

}  // namespace dataplane::exception
