// The send queue, where the kernel really has no room: datagrams to a neighbour that nobody has resolved yet wait in
// the kernel and fill the socket's buffer. A TAP device in a network namespace of the test's own is the wire; the test
// itself is the neighbour. Skipped without the privilege to make one.

#include <array>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sched.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include "controlplane/net/datagram_socket.hpp"
#include "controlplane/net/sockaddr.hpp"
#include "tests/unit/cp_net/loop.hpp"

namespace controlplane::net {
namespace {

using namespace std::chrono_literals;

[[nodiscard]] common::IpAddress ip(std::string_view text) { return common::IpAddress::parse(text).value(); }

/// A TAP device with 192.0.2.1/24, alone in the calling thread's new network namespace.
class Wire {
 public:
  [[nodiscard]] bool open() {
    if (::unshare(CLONE_NEWNET) != 0) return false;
    tap_ = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    control_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (tap_ < 0 || control_ < 0) return false;
    ifreq request = named();
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(tap_, TUNSETIFF, &request) != 0) return false;
    return set_address(SIOCSIFADDR, "192.0.2.1") && set_address(SIOCSIFNETMASK, "255.255.255.0") && up();
  }
  ~Wire() {
    if (tap_ >= 0) ::close(tap_);
    if (control_ >= 0) ::close(control_);
  }

  /// The next frame that the kernel sent; nullopt: none now.
  [[nodiscard]] std::optional<common::Bytes> read() const {
    common::Bytes frame(2000);
    const ssize_t length = ::read(tap_, frame.data(), frame.size());
    if (length <= 0) return std::nullopt;
    frame.resize(static_cast<std::size_t>(length));
    return frame;
  }
  /// Answers an ARP request (RFC 826): whoever is asked for lives at 02:00:00:00:00:02.
  void answer_arp(common::Bytes frame) const {
    constexpr std::array<std::uint8_t, 6> kMac{2, 0, 0, 0, 0, 2};
    const common::Bytes asked(frame.begin() + 38, frame.begin() + 42);
    std::copy_n(frame.begin() + 6, 6, frame.begin());  // to who asked
    std::copy(kMac.begin(), kMac.end(), frame.begin() + 6);
    frame[21] = 2;                                            // reply
    std::copy_n(frame.begin() + 22, 10, frame.begin() + 32);  // target: the sender
    std::copy(kMac.begin(), kMac.end(), frame.begin() + 22);
    std::copy(asked.begin(), asked.end(), frame.begin() + 28);
    ASSERT_EQ(::write(tap_, frame.data(), frame.size()), static_cast<ssize_t>(frame.size()));
  }
  [[nodiscard]] static bool is_arp_request(const common::Bytes& frame) {
    return frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 1;
  }
  [[nodiscard]] static bool is_udp(const common::Bytes& frame) {
    return frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x00 && frame[23] == IPPROTO_UDP;
  }

 private:
  [[nodiscard]] static ifreq named() {
    ifreq request{};
    std::memcpy(request.ifr_name, "tap0", 5);
    return request;
  }
  [[nodiscard]] bool set_address(unsigned long what, std::string_view text) const {
    ifreq request = named();
    const SocketAddress address = to_socket_address({ip(text), 0});
    std::memcpy(&request.ifr_addr, &address.storage, sizeof request.ifr_addr);
    return ::ioctl(control_, what, &request) == 0;
  }
  [[nodiscard]] bool up() const {
    ifreq request = named();
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return ::ioctl(control_, SIOCSIFFLAGS, &request) == 0;
  }

  int tap_ = -1;
  int control_ = -1;
};

/// Runs `test` on a thread of its own, which alone changes its network namespace.
template <class Test>
void with_wire(Test&& test) {
  bool made = false;
  std::thread([&] {
    Wire wire;
    made = wire.open();
    if (made) test(wire);
  }).join();
  if (!made) GTEST_SKIP() << "cannot make a network namespace with a TAP device";
}

[[nodiscard]] std::unique_ptr<DatagramSocket> open_small(boost::asio::io_context& io, std::size_t queue) {
  SocketOptions options;
  options.bind.address = ip("192.0.2.1");
  options.send_buffer = 1;  // the kernel's minimum
  options.send_queue = queue;
  auto socket = DatagramSocket::open(io, options);
  EXPECT_TRUE(socket.has_value());
  return socket ? std::move(*socket) : nullptr;
}

TEST(SendQueue, KeepsWhatTheKernelHasNoRoomForAndItsOrder) {
  with_wire([](Wire& wire) {
    constexpr std::size_t kCount = 60;
    boost::asio::io_context io;
    const auto socket = open_small(io, 1000);
    ASSERT_TRUE(socket);
    std::vector<common::Bytes> texts;
    for (std::size_t i = 0; i < kCount; ++i) texts.push_back(common::Bytes(400, static_cast<std::uint8_t>(i)));
    std::vector<OutDatagram> out;
    for (const common::Bytes& text : texts) out.push_back({{}, {ip("192.0.2.2"), 9}, text, 0});
    socket->send(out);
    EXPECT_GT(socket->send_backlog(), 0U);
    EXPECT_EQ(socket->counters().queued, socket->send_backlog());
    out.clear();
    texts.clear();  // the queue has copies of its own
    std::vector<std::uint8_t> seen;
    ASSERT_TRUE(run_until(io, [&] {
      while (auto frame = wire.read()) {
        if (Wire::is_arp_request(*frame)) wire.answer_arp(*frame);
        if (Wire::is_udp(*frame)) seen.push_back((*frame)[42]);
      }
      return seen.size() == kCount;
    })) << seen.size();
    for (std::size_t i = 0; i < kCount; ++i) EXPECT_EQ(seen[i], i);
    EXPECT_EQ(socket->send_backlog(), 0U);
    EXPECT_EQ(socket->counters().sent, kCount);
    EXPECT_EQ(socket->counters().send_queue_full, 0U);
  });
}

TEST(SendQueue, IsBounded) {
  with_wire([](Wire&) {
    boost::asio::io_context io;
    const auto socket = open_small(io, 5);
    ASSERT_TRUE(socket);
    const common::Bytes text(400);
    for (int i = 0; i < 60; ++i) socket->send({{}, {ip("192.0.2.2"), 9}, text, 0});
    EXPECT_EQ(socket->send_backlog(), 5U);
    const SocketCounters& counters = socket->counters();
    EXPECT_EQ(counters.queued, 5U);
    EXPECT_GT(counters.send_queue_full, 0U);
    EXPECT_EQ(counters.sent + counters.queued + counters.send_queue_full, 60U);
  });
}

}  // namespace
}  // namespace controlplane::net
