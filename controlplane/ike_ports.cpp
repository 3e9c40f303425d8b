// Glue between net/ and ike/.

#include "controlplane/ike_ports.hpp"

#include <boost/asio/post.hpp>

#include "controlplane/crypto/random.hpp"

namespace controlplane {

IkePorts::IkePorts(boost::asio::io_context& io, const common::Clock& clock)
    : io_(io), clock_(clock), timer_(io, [this] {
        if (responder_ != nullptr) responder_->on_timer();
        follow();
      }) {}

std::expected<std::unique_ptr<IkePorts>, std::string> IkePorts::open(boost::asio::io_context& io,
                                                                     const config::Ike& config,
                                                                     const common::Clock& clock) {
  std::unique_ptr<IkePorts> ports(new IkePorts(io, clock));
  auto addresses = config.addresses;
  if (addresses.empty()) addresses.emplace_back();  // 0.0.0.0
  for (const common::IpAddress& address : addresses)
    for (const std::uint16_t port : {config.port, config.nat_port}) {
      net::SocketOptions options;
      options.bind = {address, port};
      auto socket = net::DatagramSocket::open(io, options);
      if (!socket) return std::unexpected(socket.error().what);
      ports->sockets_.push_back(std::move(*socket));
    }
  return ports;
}

void IkePorts::start(ike::Responder& responder) {
  responder_ = &responder;
  for (const auto& socket : sockets_)
    socket->start([this](std::span<const net::Datagram> batch) {
      for (const net::Datagram& datagram : batch)
        if (responder_ != nullptr && !datagram.truncated)
          responder_->on_datagram({datagram.local, datagram.remote, datagram.bytes});
    });
  deadline_changed();
}

void IkePorts::stop() {
  responder_ = nullptr;
  timer_.follow(std::nullopt);
  for (const auto& socket : sockets_) socket->close();
}

void IkePorts::random(common::MutableByteView out) { crypto::random(out); }

void IkePorts::send(const common::Endpoint& local, const common::Endpoint& remote, common::ByteView bytes) {
  // The socket of that very address, else the one that is bound to any.
  net::DatagramSocket* chosen = nullptr;
  for (const auto& socket : sockets_) {
    const common::Endpoint& bound = socket->local();
    if (bound.port != local.port || bound.address.is_v6() != local.address.is_v6()) continue;
    if (bound.address == local.address || (chosen == nullptr && bound.address.is_unspecified())) chosen = socket.get();
  }
  if (chosen != nullptr) chosen->send({.local = local, .remote = remote, .bytes = bytes});
}

/// Many deadlines move in one turn; the timer follows once, when the turn is over.
void IkePorts::deadline_changed() {
  if (following_) return;
  following_ = true;
  boost::asio::post(io_, [this] { follow(); });
}

void IkePorts::follow() {
  following_ = false;
  if (responder_ != nullptr) timer_.follow(responder_->next_deadline());
}

}  // namespace controlplane
