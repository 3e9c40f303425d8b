#pragma once
// A real FreeRADIUS on loopback, with a configuration of its own in a directory that goes away.

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <sstream>
#include <string>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/unit/cp_radius/samples.hpp"

namespace controlplane::radius::test {

inline constexpr const char* kFreeRadius = "/usr/sbin/freeradius";

/// A UDP port of loopback that was free a moment ago.
[[nodiscard]] inline std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(fd, reinterpret_cast<const sockaddr*>(&address), length);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(fd);
  return ntohs(address.sin_port);
}

class FreeRadius {
 public:
  FreeRadius() : auth_port_(free_port()), acct_port_(free_port()) { write_configuration(); }
  ~FreeRadius() { stop(); }
  FreeRadius(const FreeRadius&) = delete;
  FreeRadius& operator=(const FreeRadius&) = delete;

  [[nodiscard]] std::uint16_t auth_port() const { return auth_port_; }
  [[nodiscard]] std::uint16_t acct_port() const { return acct_port_; }

  /// False: it did not come up within ten seconds.
  [[nodiscard]] bool start() {
    pid_ = ::fork();
    if (pid_ == 0) {
      const int log = ::open((directory_ / "stdout").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(log, STDOUT_FILENO);
      ::dup2(log, STDERR_FILENO);
      ::execl(kFreeRadius, kFreeRadius, "-f", "-l", "stdout", "-d", (directory_ / "").c_str(), nullptr);
      ::_exit(127);
    }
    return wait_for([&] { return ended() || (bound(auth_port_) && bound(acct_port_)); }) && !ended();
  }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// What it wrote about the accounting requests it got, as attribute lines.
  [[nodiscard]] std::string detail() const { return read("detail"); }
  [[nodiscard]] std::string output() const { return read("stdout"); }

 private:
  template <class Condition>
  [[nodiscard]] static bool wait_for(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      ::usleep(10'000);
    }
    return true;
  }
  [[nodiscard]] bool ended() {
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ <= 0;
  }
  /// Somebody else owns the port.
  [[nodiscard]] static bool bound(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool taken = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
    ::close(fd);
    return taken;
  }
  [[nodiscard]] std::string read(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(directory_ / name).rdbuf();
    return text.str();
  }
  void write_configuration() const;

  TemporaryDirectory directory_;
  std::uint16_t auth_port_;
  std::uint16_t acct_port_;
  pid_t pid_ = -1;
};

inline void FreeRadius::write_configuration() const {
  const std::string here = (directory_ / "").string();
  std::ofstream(directory_ / "radiusd.conf") << R"(
prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = )" << here << R"(
run_dir = )" << here << R"(
logdir = )" << here << R"(
max_request_time = 5
cleanup_delay = 2
max_requests = 16384
security {
  reject_delay = 0
  status_server = yes
}
client loopback {
  ipaddr = 127.0.0.1
  secret = "a shared secret"
}
thread pool {
  start_servers = 1
  max_servers = 2
  min_spare_servers = 1
  max_spare_servers = 1
  max_requests_per_server = 0
}
modules {
  pap {
  }
  detail {
    filename = )" << here << R"(detail
    permissions = 0600
    header = "%t"
  }
  files {
    filename = )" << here << R"(users
  }
  eap {
    default_eap_type = md5
    timer_expire = 60
    ignore_unknown_eap_types = no
    max_sessions = 1024
    md5 {
    }
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = )" << auth_port_ << R"(
  }
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = )" << acct_port_ << R"(
  }
  authorize {
    eap {
      ok = return
    }
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    eap
  }
  preacct {
  }
  accounting {
    detail
  }
}
)";
  std::ofstream(directory_ / "dictionary") << "$INCLUDE /usr/share/freeradius/dictionary\n";
  std::ofstream(directory_ / "users") << R"(
alice Cleartext-Password := "wonderland"
	Class = 0xabcdef,
	Session-Timeout = 3600,
	Framed-IP-Address = 10.1.2.3,
	User-Name = "alice@example.org"
gateway.example.org Cleartext-Password := "cisco"
	Framed-Pool = "staff"
)";
}

}  // namespace controlplane::radius::test
