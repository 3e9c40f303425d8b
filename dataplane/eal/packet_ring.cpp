// af_packet's driver reports a frame as sent once it stands in the ring it shares with the kernel, although the kernel
// may have refused it for want of socket memory: it then waits for the next burst (DESIGN chapter 11). A removal must
// not take such a frame for gone, so we look at the ring itself, read only.

#include "dataplane/eal/packet_ring.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

namespace dataplane::eal {

namespace {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

/// "socket:[1234]" to the mapping of that socket. Lines look like "7f00-7f10 rw-s 00000000 00:08 1234  socket:[1234]".
std::map<std::string, Mapping> socket_mappings() {
  std::map<std::string, Mapping> mappings;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto name = line.find("socket:[");
    const auto dash = line.find('-');
    if (name == std::string::npos || dash == std::string::npos) continue;
    Mapping mapping;
    std::from_chars(line.data(), line.data() + dash, mapping.begin, 16);
    std::from_chars(line.data() + dash + 1, line.data() + line.size(), mapping.end, 16);
    mappings.emplace(line.substr(name), mapping);
  }
  return mappings;
}

bool is_packet_socket_on(int fd, unsigned interface_index) {
  sockaddr_ll address{};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return false;
  return address.sll_family == AF_PACKET && std::cmp_equal(address.sll_ifindex, interface_index);
}

/// Room for every frame of the ring at once, so that neither a burst blocks in the driver's poll nor a frame waits.
void widen_send_buffer(int fd, std::uint64_t ring_octets) {
  const int octets = static_cast<int>(std::min<std::uint64_t>(ring_octets * 2, 256U << 20U));
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets, sizeof(octets)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));  // without CAP_NET_ADMIN: as far as it goes
  }
}

}  // namespace

std::expected<PacketRing, std::string> PacketRing::find(const std::string& interface, std::uint32_t frame_octets) {
  const unsigned interface_index = if_nametoindex(interface.c_str());
  const auto mappings = socket_mappings();
  PacketRing ring;
  ring.frame_octets_ = frame_octets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    const auto mapping = mappings.find(target);
    if (gone || mapping == mappings.end()) continue;
    const int fd = std::atoi(entry.path().filename().c_str());
    if (!is_packet_socket_on(fd, interface_index)) continue;
    // The driver maps the receive ring and, right behind it, the transmit ring of the same size.
    const std::size_t half = (mapping->second.end - mapping->second.begin) / 2;
    Queue queue;
    queue.fd = dup(fd);
    queue.transmit = reinterpret_cast<const volatile std::uint8_t*>(mapping->second.begin + half);
    queue.frames = static_cast<std::uint32_t>(half / frame_octets);
    widen_send_buffer(queue.fd, half);
    ring.queues_.push_back(queue);
  }
  if (ring.queues_.empty()) {
    return std::unexpected(fmt::format("{}: the ring that its driver shares with the kernel is not found", interface));
  }
  return ring;
}

PacketRing::PacketRing(PacketRing&& other) noexcept
    : queues_(std::exchange(other.queues_, {})), frame_octets_(other.frame_octets_), rx_missed_(other.rx_missed_) {}

PacketRing::~PacketRing() {
  for (const Queue& queue : queues_) close(queue.fd);
}

bool PacketRing::drained() noexcept {
  bool all = true;
  for (const Queue& queue : queues_) {
    // 0: the kernel found nothing to send, so all that stood there before has been given to the device.
    const bool nothing_waits = sendto(queue.fd, nullptr, 0, MSG_DONTWAIT, nullptr, 0) == 0;
    for (std::uint32_t i = 0; i < queue.frames; ++i) {
      const auto* status = reinterpret_cast<const volatile std::uint32_t*>(
          queue.transmit + std::size_t{i} * frame_octets_);  // tpacket2_hdr::tp_status stands first
      const std::uint32_t now = __atomic_load_n(status, __ATOMIC_ACQUIRE);
      // A request that the worker has written since the kick is not one that we wait for.
      if ((now & TP_STATUS_SENDING) != 0 || (!nothing_waits && (now & TP_STATUS_SEND_REQUEST) != 0)) all = false;
    }
  }
  return all;
}

std::uint64_t PacketRing::rx_missed() noexcept {
  for (const Queue& queue : queues_) {
    tpacket_stats statistics{};
    socklen_t length = sizeof(statistics);
    // Reading sets the kernel's counter back to 0.
    if (getsockopt(queue.fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0) {
      rx_missed_ += statistics.tp_drops;
    }
  }
  return rx_missed_;
}

}  // namespace dataplane::eal
