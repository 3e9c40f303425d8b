#pragma once
// The kernel's sockets, clock and chance for the IKE responder.

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "common/clock.hpp"
#include "config/schema.hpp"
#include "controlplane/ike/environment.hpp"
#include "controlplane/ike/responder.hpp"
#include "controlplane/net/datagram_socket.hpp"
#include "controlplane/net/timer.hpp"

namespace controlplane {

/// One socket per configured address and port (500 and 4500). Answers leave from the address at which their question
/// arrived. On the NAT port ESP never reaches us, the dataplane takes it; a NAT keepalive is the responder's to count,
/// and none is ever sent back. Thread: the control thread.
class IkePorts final : public ike::Environment {
 public:
  /// Binds; nothing is read before `start`.
  /// @error "bind 192.0.2.1:500: Address already in use"
  [[nodiscard]] static std::expected<std::unique_ptr<IkePorts>, std::string> open(boost::asio::io_context& io,
                                                                                  const config::Ike& config,
                                                                                  const common::Clock& clock);
  /// @param responder  outlives the reading: call stop() before it goes
  void start(ike::Responder& responder);
  void stop();
  [[nodiscard]] const std::vector<std::unique_ptr<net::DatagramSocket>>& sockets() const noexcept { return sockets_; }

  // ike::Environment
  [[nodiscard]] const common::Clock& clock() const override { return clock_; }
  void random(common::MutableByteView out) override;
  void send(const common::Endpoint& local, const common::Endpoint& remote, common::ByteView bytes) override;
  void deadline_changed() override;

 private:
  IkePorts(boost::asio::io_context& io, const common::Clock& clock);
  void follow();

  boost::asio::io_context& io_;
  const common::Clock& clock_;
  net::DeadlineTimer timer_;
  std::vector<std::unique_ptr<net::DatagramSocket>> sockets_;
  ike::Responder* responder_ = nullptr;
  bool following_ = false;
};

}  // namespace controlplane
