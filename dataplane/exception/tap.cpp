// Makes the TAP twin and sets what the kernel must and must not do on it.

#include "dataplane/exception/tap.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "dataplane/exception/interface.hpp"

namespace dataplane::exception {

namespace {

/// The kernel never forwards user traffic. Answers ARP only for the interface's own addresses, from them. A decrypted
/// packet to the gateway comes in on one TAP and its answer may leave by another, so reverse path filtering is off, or
/// loose where `all` imposes it (the kernel takes the larger of the two).
void set_sysctls(const std::string& name) {
  write_sysctl(fmt::format("ipv4/conf/{}/forwarding", name), "0");
  write_sysctl(fmt::format("ipv6/conf/{}/forwarding", name), "0");
  write_sysctl(fmt::format("ipv4/conf/{}/arp_ignore", name), "1");
  write_sysctl(fmt::format("ipv4/conf/{}/arp_announce", name), "2");
  const bool imposed = read_sysctl("ipv4/conf/all/rp_filter") != "0";
  write_sysctl(fmt::format("ipv4/conf/{}/rp_filter", name), imposed ? "2" : "0");
}

}  // namespace

std::expected<Tap, std::string> Tap::create(const std::string& name, const common::MacAddress& mac, std::uint16_t mtu) {
  const auto failed = [&](const char* what, int error) {
    return std::unexpected(fmt::format("TAP {}: {}: {}", name, what, std::strerror(error)));
  };
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return failed("/dev/net/tun", errno);
  Tap tap(fd, name);
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) != 0) return failed("not created", errno);
  if (const int error = set_interface_mac(name, mac); error != 0) return failed("MAC address refused", error);
  if (const int error = set_interface_mtu(name, mtu); error != 0) return failed("MTU refused", error);
  set_sysctls(name);
  if (const int error = set_interface_up(name); error != 0) return failed("does not go up", error);
  return tap;
}

Tap::Tap(Tap&& other) noexcept : fd_(std::exchange(other.fd_, -1)), name_(std::move(other.name_)) {}

Tap::~Tap() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace dataplane::exception
