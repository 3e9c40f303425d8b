// ioctls and sysctls on network interfaces of the calling thread's namespace.

#include "dataplane/exception/interface.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace dataplane::exception {

namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

int control(unsigned long command, ifreq& request) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int error = ioctl(fd, command, &request) == 0 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

std::string read_sysctl(const std::string& path) {
  std::ifstream file("/proc/sys/net/" + path);
  std::string value;
  std::getline(file, value);
  return value;
}

bool write_sysctl(const std::string& path, const std::string& value) {
  std::ofstream file("/proc/sys/net/" + path);
  file << value << std::flush;
  return file.good();
}

int set_interface_up(const std::string& name) {
  ifreq request = request_for(name);
  if (const int error = control(SIOCGIFFLAGS, request); error != 0) return error;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  return control(SIOCSIFFLAGS, request);
}

int set_interface_mtu(const std::string& name, std::uint16_t mtu) {
  ifreq request = request_for(name);
  request.ifr_mtu = mtu;
  return control(SIOCSIFMTU, request);
}

int set_interface_mac(const std::string& name, const common::MacAddress& mac) {
  ifreq request = request_for(name);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.octets.data(), mac.octets.size());
  return control(SIOCSIFHWADDR, request);
}

int set_ethtool_value(const std::string& name, std::uint32_t command, std::uint32_t value) {
  struct ::ethtool_value exchange{.cmd = command, .data = value};
  ifreq request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&exchange);
  return control(SIOCETHTOOL, request);
}

std::uint32_t get_ethtool_value(const std::string& name, std::uint32_t command) {
  struct ::ethtool_value exchange{.cmd = command, .data = 0};
  ifreq request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&exchange);
  return control(SIOCETHTOOL, request) == 0 ? exchange.data : 0;
}

}  // namespace dataplane::exception
