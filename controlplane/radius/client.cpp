// The life of an Access-Request. See client.hpp for the rules; every transition is driven by one of four events: a
// request, a datagram, "port unreachable", and the time.

#include "controlplane/radius/client.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "controlplane/radius/debug.hpp"
#include "controlplane/radius/encode.hpp"
#include "controlplane/radius/reply.hpp"
#include "controlplane/radius/retransmit.hpp"
#include "controlplane/radius/trace.hpp"
#include "controlplane/radius/wire/authenticator.hpp"

namespace controlplane::radius {
namespace {

constexpr std::size_t kNoAttempt = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kLingering = kNoAttempt - 1;
constexpr std::size_t kMostPorts = 64;  // 16,384 logins in flight towards one server
constexpr std::chrono::seconds kComplaintInterval{60};

[[nodiscard]] bool is_answer(const wire::PacketView& packet) noexcept {
  return packet.is(wire::Code::access_accept) || packet.is(wire::Code::access_reject) ||
         packet.is(wire::Code::access_challenge);
}

}  // namespace

Client::Client(const config::Config& config, Wires& wires, const common::Clock& clock, Random random,
               std::function<void()> deadline_changed)
    : wires_(wires), clock_(clock), random_(std::move(random)), deadline_changed_(std::move(deadline_changed)) {
  reconfigure(config);
}

Client::~Client() = default;

void Client::reconfigure(const config::Config& config) {
  nas_ip_address_ = config.radius.nas_ip_address;
  nas_identifier_ = config.radius.nas_identifier.empty() ? config.gateway.name : config.radius.nas_identifier;
  std::vector<std::unique_ptr<Server>> next;
  for (const config::RadiusServer& wanted : config.radius.servers) {
    const auto known = std::ranges::find_if(
        servers_, [&](const auto& server) { return server && server->is(wanted, wanted.auth_port); });
    if (known != servers_.end()) {
      (*known)->apply(wanted);
      next.push_back(std::move(*known));
    } else {
      next.push_back(std::make_unique<Server>(ServerId(next_server_++), wanted, wanted.auth_port, wires_, kMostPorts));
    }
  }
  for (auto& server : servers_)
    if (server) retired_.push_back(std::move(server));
  servers_ = std::move(next);
  retired_.remove_if([](const auto& server) { return server->ports.in_use() == 0; });
}

Server* Client::find(ServerId id) const noexcept {
  for (const auto& server : servers_)
    if (server->id == id) return server.get();
  for (const auto& server : retired_)
    if (server->id == id) return server.get();
  return nullptr;
}

Server* Client::find(WireId wire) const noexcept {
  for (const auto& server : servers_)
    if (server->ports.owns(wire)) return server.get();
  for (const auto& server : retired_)
    if (server->ports.owns(wire)) return server.get();
  return nullptr;
}

NasIdentity Client::nas_identity() {
  NasIdentity nas{nas_ip_address_, nas_identifier_};
  for (const auto& server : servers_) {
    if (nas.address) break;
    nas.address = wires_.local_address(server->endpoint.address);
    if (nas.address) trace::best_local_address(*nas.address, server->endpoint.address);
  }
  return nas;
}

/// Living servers in the order of the configuration, then those that prove themselves, then the dead.
std::vector<ServerId> Client::candidates(common::MonotonicTime now) const {
  std::vector<ServerId> order;
  for (const auto wanted : {Server::Health::alive, Server::Health::proving, Server::Health::dead})
    for (const auto& server : servers_)
      if (server->health_at(now) == wanted) order.push_back(server->id);
  return order;
}

RequestId Client::request(AccessRequest request, Done done) {
  const std::uint64_t id = next_request_++;
  Pending& pending = pending_[id];
  pending.request = std::move(request);
  pending.done = std::move(done);
  if (!pending.request.nas.address || pending.request.nas.identifier.empty()) {
    NasIdentity ours = nas_identity();
    if (!pending.request.nas.address) pending.request.nas.address = ours.address;
    if (pending.request.nas.identifier.empty()) pending.request.nas.identifier = std::move(ours.identifier);
  }
  const auto now = clock_.monotonic();
  if (pending.request.server != ServerId(0))
    pending.candidates = {pending.request.server};
  else
    pending.candidates = candidates(now);
  const bool asked = start_next(id, pending);
  if (asked && pending.attempts.back().server->health_at(now) == Server::Health::alive) {
    // Servers whose dead time is over get a copy at once: they prove themselves without making anybody wait.
    const auto others = std::exchange(pending.candidates, {});
    for (const ServerId other : others) {
      Server* server = find(other);
      if (server != nullptr && server->health_at(now) == Server::Health::proving && server->ports.in_use() == 0)
        (void)start(id, pending, *server);
      else
        pending.candidates.push_back(other);
    }
  }
  if (!asked) deadlines_.set({id, kNoAttempt}, now);  // the caller hears of it after this call has returned
  deadline_changed_();
  return RequestId(id);
}

/// Asks the best candidate that can be asked; false: none is left.
bool Client::start_next(std::uint64_t id, Pending& pending) {
  while (!pending.candidates.empty()) {
    Server* server = find(pending.candidates.front());
    pending.candidates.erase(pending.candidates.begin());
    if (server != nullptr && start(id, pending, *server)) return true;
  }
  return false;
}

bool Client::start(std::uint64_t id, Pending& pending, Server& server) {
  Attempt attempt;
  attempt.server = &server;
  random_(attempt.authenticator);
  const auto slot = server.ports.take(id, random_);
  if (!slot) {
    log().error("RADIUS server {}: no local port or Identifier is free", server.name);
    return false;
  }
  attempt.slot = *slot;
  auto packet = encode_access(pending.request, slot->identifier, attempt.authenticator, server.key.view());
  if (!packet) {
    log().error("an Access-Request cannot be written: {}", wire::to_string(packet.error()));
    server.ports.give_back(*slot);
    return false;
  }
  attempt.packet = *std::move(packet);
  attempt.first_sent = clock_.monotonic();
  attempt.timeout = first_timeout(server.timeout, random_);
  ++server.counters.requests;
  pending.attempts.push_back(std::move(attempt));
  transmit(id, pending.attempts.size() - 1, pending.attempts.back());
  return true;
}

void Client::transmit(std::uint64_t id, std::size_t index, Attempt& attempt) {
  ++attempt.transmissions;
  deadlines_.set({id, index}, clock_.monotonic() + attempt.timeout);
  const std::uint32_t label = pending_[id].request.unique_id;
  trace::send(attempt.packet, attempt.server->endpoint, wires_.local_port(attempt.slot.wire), label);
  trace::timeout(label, attempt.timeout);
  wires_.send(attempt.slot.wire, attempt.packet);
}

void Client::on_timer() {
  const auto now = clock_.monotonic();
  while (const auto due = deadlines_.take_due(now)) {
    const auto [id, index] = *due;
    if (index == kNoAttempt)
      finish(id, {});
    else if (index == kLingering)
      end_lingering(id);
    else
      on_attempt_due(id, index);
  }
  deadline_changed_();
}

void Client::on_attempt_due(std::uint64_t id, std::size_t index) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Pending& pending = found->second;
  const auto now = clock_.monotonic();
  const bool first_timeout = pending.attempts[index].transmissions == 1;
  if (pending.attempts[index].transmissions >= pending.attempts[index].server->transmissions ||
      now - pending.attempts[index].first_sent >= kMaxRetransmissionDuration) {
    end_attempt(id, pending, index);
    return;
  }
  Attempt& attempt = pending.attempts[index];
  attempt.timeout = next_timeout(attempt.timeout, random_);
  ++attempt.server->counters.retransmissions;
  transmit(id, index, attempt);
  if (first_timeout) (void)start_next(id, pending);  // may move pending.attempts: nothing is touched behind it
}

/// This server is asked no more for this request; the next one is, when none is being asked already.
void Client::end_attempt(std::uint64_t id, Pending& pending, std::size_t index) {
  Attempt& attempt = pending.attempts[index];
  attempt.over = true;
  deadlines_.clear({id, index});
  Server& server = *attempt.server;
  ++server.counters.timeouts;
  if (!server.last_heard || *server.last_heard < attempt.first_sent) declare_dead(server, "it does not answer");
  give_up_unless_asking(id, pending);
}

void Client::give_up_unless_asking(std::uint64_t id, Pending& pending) {
  const bool asking = std::ranges::any_of(pending.attempts, [](const Attempt& attempt) { return !attempt.over; });
  if (!asking && !start_next(id, pending)) deadlines_.set({id, kNoAttempt}, clock_.monotonic());
}

void Client::declare_dead(Server& server, const char* why) {
  if (server.declare_dead(clock_.monotonic()))
    log().warn("RADIUS server {} ({}) is dead: {}", server.name, server.endpoint.to_string(), why);
}

/// Only a hint (anybody on the path can forge it), so the request stays alive there; but the next server is asked now.
void Client::on_refused(WireId wire) {
  Server* server = find(wire);
  if (server == nullptr) return;
  declare_dead(*server, "port unreachable");
  for (auto& [id, pending] : pending_) {
    const bool concerned = std::ranges::any_of(
        pending.attempts, [&](const Attempt& attempt) { return attempt.server == server && !attempt.over; });
    const bool elsewhere = std::ranges::any_of(
        pending.attempts, [&](const Attempt& attempt) { return attempt.server != server && !attempt.over; });
    if (concerned && !elsewhere) (void)start_next(id, pending);
  }
  deadline_changed_();
}

void Client::on_datagram(WireId wire, common::ByteView octets) {
  Server* server = find(wire);
  if (server == nullptr) return;
  const auto packet = wire::parse_packet(octets);
  if (!packet) {
    ++server->counters.malformed;
    return;
  }
  const Slot slot{wire, packet->identifier};
  const auto owner = server->ports.owner(slot);
  if (owner && on_late_answer(*owner, *server, *packet)) return;
  const auto found = owner ? pending_.find(*owner) : pending_.end();
  if (found == pending_.end() || !is_answer(*packet)) {
    ++server->counters.unexpected;
    return;
  }
  const auto attempt = std::ranges::find(found->second.attempts, slot, &Attempt::slot);
  if (attempt == found->second.attempts.end()) {
    ++server->counters.unexpected;
    return;
  }
  on_answer(found->first, found->second, *attempt, *packet);
  deadline_changed_();
}

void Client::on_answer(std::uint64_t id, Pending& pending, Attempt& attempt, const wire::PacketView& packet) {
  Server& server = *attempt.server;
  if (!believable(server, pending, attempt, packet)) return;
  trace::receive(packet.octets, server.endpoint, wires_.local_port(attempt.slot.wire));
  server.heard(clock_.monotonic());
  for (const Attempt& other : pending.attempts) {
    // It had its whole first timeout and was silent, while this one has answered.
    if (other.server != &server && other.transmissions > 1 &&
        (!other.server->last_heard || *other.server->last_heard < other.first_sent))
      declare_dead(*other.server, "it was silent when another answered");
  }
  ParsedReply parsed = parse_reply(packet, attempt.authenticator, server.key.view());
  for (const std::string& note : parsed.notes) log().info("RADIUS server {}: {}", server.name, note);
  if (parsed.reply.kind == AccessReply::Kind::accept) ++server.counters.accepts;
  if (parsed.reply.kind == AccessReply::Kind::reject) ++server.counters.rejects;
  if (parsed.reply.kind == AccessReply::Kind::challenge) ++server.counters.challenges;
  parsed.reply.server = server.id;
  finish(id, std::move(parsed.reply));
}

/// Message-Authenticator before anything else (Blast-RADIUS): with EAP always (RFC 3579 §3.2), else as configured.
bool Client::believable(Server& server, const Pending& pending, const Attempt& attempt,
                        const wire::PacketView& packet) {
  using config::RequireMessageAuthenticator;
  const auto present = wire::check_message_authenticator(packet, attempt.authenticator, server.key.view());
  if (present == wire::MessageAuthenticator::invalid ||
      !wire::verify_response(packet, attempt.authenticator, server.key.view())) {
    ++server.counters.bad_authenticators;
    return false;
  }
  if (present == wire::MessageAuthenticator::valid) {
    server.seen_message_authenticator = true;
    return true;
  }
  const bool required = !pending.request.eap.empty() || packet.find(wire::attribute::kEapMessage) ||
                        server.require == RequireMessageAuthenticator::yes ||
                        (server.require == RequireMessageAuthenticator::automatic && server.seen_message_authenticator);
  if (!required) return true;
  ++server.counters.missing_message_authenticators;
  complain(server, !pending.request.eap.empty() || packet.find(wire::attribute::kEapMessage).has_value());
  return false;
}

void Client::complain(Server& server, bool eap) {
  const auto now = clock_.monotonic();
  if (server.last_complaint && now - *server.last_complaint < kComplaintInterval) return;
  server.last_complaint = now;
  log().error("RADIUS server {} ({}) answered without a Message-Authenticator; the answer is discarded. {}",
              server.name, server.endpoint.to_string(),
              eap ? "With EAP it is always required (RFC 3579 §3.2)."
                  : "Have the server send one, or set require-message-authenticator = \"auto\" or \"no\" for it in "
                    "[[radius.server]].");
}

void Client::cancel(RequestId request) {
  const auto found = pending_.find(request.value());
  if (found == pending_.end()) return;
  forget(found->first, found->second);
  pending_.erase(found);
}

void Client::forget(std::uint64_t id, Pending& pending) {
  for (std::size_t index = 0; index < pending.attempts.size(); ++index) {
    deadlines_.clear({id, index});
    pending.attempts[index].server->ports.give_back(pending.attempts[index].slot);
  }
  deadlines_.clear({id, kNoAttempt});
  retired_.remove_if([](const auto& server) { return server->ports.in_use() == 0; });
}

/// A copy that a dead server was sent outlives its request: a late answer still proves that the server lives again.
void Client::linger(std::uint64_t id, Pending& pending) {
  for (std::size_t index = 0; index < pending.attempts.size(); ++index) {
    Attempt& attempt = pending.attempts[index];
    if (attempt.over || attempt.server->health == Server::Health::alive || lingering_.contains(id)) continue;
    deadlines_.clear({id, index});
    deadlines_.set({id, kLingering}, clock_.monotonic() + kMaxRetransmissionTime);
    lingering_.emplace(id, std::move(attempt));
    pending.attempts.erase(pending.attempts.begin() + static_cast<std::ptrdiff_t>(index));
    // The indexes behind it have moved; `forget` follows and clears every deadline of the request but this one.
    deadlines_.clear({id, pending.attempts.size()});
    return;
  }
}

void Client::end_lingering(std::uint64_t id) {
  const auto found = lingering_.find(id);
  if (found == lingering_.end()) return;
  found->second.server->ports.give_back(found->second.slot);
  deadlines_.clear({id, kLingering});
  lingering_.erase(found);
}

bool Client::on_late_answer(std::uint64_t id, Server& server, const wire::PacketView& packet) {
  const auto found = lingering_.find(id);
  if (found == lingering_.end() || found->second.server != &server || !is_answer(packet) ||
      !wire::verify_response(packet, found->second.authenticator, server.key.view()))
    return false;
  server.heard(clock_.monotonic());
  log().info("RADIUS server {} ({}) is alive again", server.name, server.endpoint.to_string());
  end_lingering(id);
  deadline_changed_();
  return true;
}

void Client::finish(std::uint64_t id, AccessReply reply) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  Done done = std::move(found->second.done);
  linger(id, found->second);
  forget(id, found->second);
  pending_.erase(found);
  if (done) done(std::move(reply));
}

}  // namespace controlplane::radius
