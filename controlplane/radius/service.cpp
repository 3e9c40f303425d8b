// The two cores over real sockets and one timer.

#include "controlplane/radius/service.hpp"

#include <algorithm>
#include <cstdlib>

#include <boost/asio/io_context.hpp>
#include <openssl/rand.h>

#include "controlplane/net/timer.hpp"
#include "controlplane/radius/accounting.hpp"
#include "controlplane/radius/client.hpp"
#include "controlplane/radius/debug.hpp"
#include "controlplane/radius/udp_wires.hpp"

namespace controlplane::radius {
namespace {

void random_octets(common::MutableByteView out) {
  // A Request Authenticator that can be guessed lets answers be forged (RFC 2865 §3): rather none than a weak one.
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) == 1) return;
  log().critical("the operating system gives no random numbers");
  std::abort();
}

[[nodiscard]] std::optional<common::MonotonicTime> earlier(std::optional<common::MonotonicTime> a,
                                                           std::optional<common::MonotonicTime> b) noexcept {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

class Service::Impl {
 public:
  Impl(boost::asio::io_context& io, const config::Config& config, Spool& spool, Outbox& outbox,
       const common::Clock& clock)
      : spool_(spool),
        auth_wires_(io),
        acct_wires_(io),
        timer_(io, [this] { on_timer(); }),
        client_(config, auth_wires_, clock, random_octets, [this] { follow(); }),
        accounting_(config, outbox, acct_wires_, clock, random_octets, [this] { follow(); }),
        clock_(clock) {
    auth_wires_.handle({[this](WireId wire, common::ByteView octets) { client_.on_datagram(wire, octets); },
                        [this](WireId wire) { client_.on_refused(wire); }});
    acct_wires_.handle({[this](WireId wire, common::ByteView octets) { accounting_.on_datagram(wire, octets); },
                        [this](WireId wire) { accounting_.on_refused(wire); }});
    built_ = true;
  }

  void follow() {
    if (built_) timer_.follow(earlier(client_.next_deadline(), accounting_.next_deadline()));
  }
  void on_timer() {
    client_.on_timer();
    accounting_.on_timer();
    follow();
  }

  Spool& spool_;
  bool built_ = false;
  UdpWires auth_wires_;
  UdpWires acct_wires_;
  net::DeadlineTimer timer_;
  Client client_;
  Accounting accounting_;
  const common::Clock& clock_;
};

Service::Service(boost::asio::io_context& io, std::shared_ptr<const config::Config> config, Spool& spool,
                 Outbox& outbox, const common::Clock& clock)
    : impl_(std::make_unique<Impl>(io, *config, spool, outbox, clock)) {}

Service::~Service() = default;

AccessClient& Service::client() noexcept { return impl_->client_; }

void Service::start_accounting() { impl_->accounting_.start(); }

void Service::accounting_on(AccountingIdentity nas) {
  AccountingRecord on;
  on.kind = RecordKind::on;
  on.identity = std::move(nas);
  on.identity.session = common::SessionId(0);
  on.event = impl_->clock_.wall();
  impl_->spool_.spool(std::move(on), [](StoreStatus status) {
    if (status != StoreStatus::ok) log().error("Accounting-On could not be spooled");
  });
}

void Service::reconfigure(std::shared_ptr<const config::Config> config) {
  impl_->client_.reconfigure(*config);
  impl_->accounting_.reconfigure(*config);
}

std::vector<ServerStatus> Service::servers() const {
  std::vector<ServerStatus> all;
  for (const auto& server : impl_->client_.servers()) {
    ServerStatus& status = all.emplace_back();
    status.name = server->name;
    status.address = server->endpoint.address;
    status.auth_dead = server->health != Server::Health::alive;
    status.access_requests = server->counters.requests;
    status.access_retransmissions = server->counters.retransmissions;
    status.access_accepts = server->counters.accepts;
    status.access_rejects = server->counters.rejects;
    status.access_challenges = server->counters.challenges;
    status.access_timeouts = server->counters.timeouts;
    status.malformed = server->counters.malformed;
    status.bad_authenticators = server->counters.bad_authenticators;
    status.missing_message_authenticators = server->counters.missing_message_authenticators;
    status.unexpected = server->counters.unexpected;
  }
  // Both lists are the configuration's, in its order.
  for (std::size_t i = 0; i < impl_->accounting_.servers().size() && i < all.size(); ++i) {
    const Server& server = *impl_->accounting_.servers()[i];
    all[i].acct_dead = server.health != Server::Health::alive;
    all[i].accounting_requests = server.counters.requests;
    all[i].accounting_retransmissions = server.counters.retransmissions;
    all[i].accounting_responses = server.counters.responses;
    all[i].malformed += server.counters.malformed;
    all[i].bad_authenticators += server.counters.bad_authenticators;
    all[i].unexpected += server.counters.unexpected;
  }
  return all;
}

AccountingStatus Service::accounting() const {
  return {impl_->accounting_.waiting(), impl_->accounting_.in_flight(), impl_->accounting_.acknowledged()};
}

}  // namespace controlplane::radius
