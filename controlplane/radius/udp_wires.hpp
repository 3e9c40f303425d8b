#pragma once
// Wires over real UDP sockets, each connected to its server, so that the kernel discards strangers and reports "port
// unreachable". Thread: the one that runs the io_context.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "controlplane/net/datagram_socket.hpp"
#include "controlplane/net/timer.hpp"
#include "controlplane/radius/wires.hpp"

namespace controlplane::radius {

class UdpWires final : public Wires {
 public:
  struct Handlers {
    std::function<void(WireId, common::ByteView)> datagram;
    std::function<void(WireId)> refused;
  };
  explicit UdpWires(boost::asio::io_context& io);
  ~UdpWires() override;
  /// Before the first open().
  void handle(Handlers handlers) { handlers_ = std::move(handlers); }

  [[nodiscard]] std::optional<WireId> open(const common::Endpoint& server) override;
  void close(WireId wire) override;
  void send(WireId wire, common::ByteView packet) override;
  [[nodiscard]] std::uint16_t local_port(WireId wire) const override;
  [[nodiscard]] std::optional<common::IpAddress> local_address(const common::IpAddress& server) override;

 private:
  struct Wire {
    std::unique_ptr<net::DatagramSocket> socket;
    std::uint64_t refused = 0;  ///< of the socket's counter, as last seen
  };
  void look_for_refusals();

  boost::asio::io_context& io_;
  Handlers handlers_;
  std::uint32_t next_ = 1;
  std::map<WireId, Wire> wires_;
  std::set<WireId> sent_;  ///< since the last look for refusals
  net::Timer refusals_;
};

}  // namespace controlplane::radius
