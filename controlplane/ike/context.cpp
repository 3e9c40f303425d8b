// The table of peers and IKE SAs with their deadlines; sending.

#include "controlplane/ike/context.hpp"

#include <algorithm>

#include "controlplane/ike/peer.hpp"

namespace controlplane::ike {

Table::Table() = default;
// A peer takes its names out of the table as it goes.
Table::~Table() { peers_.clear(); }

Peer& Table::add_peer(std::unique_ptr<Peer> peer) {
  Peer& added = *peer;
  peers_.emplace(added.id, std::move(peer));
  return added;
}

void Table::add_sa(Peer& peer, IkeSa& sa) {
  by_number_.emplace(sa.id, Found{&peer, &sa});
  by_spi_.emplace(sa.responder_spi, sa.id);
}

void Table::remove_sa(const IkeSa& sa) {
  by_number_.erase(sa.id);
  by_spi_.erase(sa.responder_spi);
  const auto appointment = appointments_.find(sa.id);
  if (appointment == appointments_.end()) return;
  deadlines_.erase({appointment->second, sa.id});
  appointments_.erase(appointment);
}

void Table::remove_peer(std::uint32_t id) { peers_.erase(id); }

Peer* Table::find_peer(std::uint32_t id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : found->second.get();
}

Table::Found Table::find_sa(std::uint32_t number) const {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? Found{} : found->second;
}

Table::Found Table::find_spi(std::uint64_t responder_spi) const {
  const auto found = by_spi_.find(responder_spi);
  return found == by_spi_.end() ? Found{} : find_sa(found->second);
}

Table::Found Table::find_init(std::uint64_t initiator_spi, const common::Endpoint& remote) const {
  const auto found = inits_.find({initiator_spi, remote});
  return found == inits_.end() ? Found{} : find_sa(found->second);
}

void Table::add_init(std::uint64_t initiator_spi, const common::Endpoint& remote, std::uint32_t number) {
  inits_[{initiator_spi, remote}] = number;
}

void Table::remove_init(std::uint64_t initiator_spi, const common::Endpoint& remote) {
  inits_.erase({initiator_spi, remote});
}

void Table::wake(std::uint32_t number, common::MonotonicTime at) {
  const auto [appointment, fresh] = appointments_.try_emplace(number, at);
  if (!fresh) {
    if (appointment->second <= at) return;
    deadlines_.erase({appointment->second, number});
    appointment->second = at;
  }
  deadlines_.emplace(at, number);
}

std::optional<std::uint32_t> Table::take_due(common::MonotonicTime now) {
  if (deadlines_.empty() || deadlines_.begin()->first > now) return std::nullopt;
  const std::uint32_t number = deadlines_.begin()->second;
  deadlines_.erase(deadlines_.begin());
  appointments_.erase(number);
  return number;
}

std::optional<common::MonotonicTime> Table::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

std::uint64_t Context::random_spi() {
  for (;;) {
    std::uint64_t spi = 0;
    environment.random({reinterpret_cast<std::uint8_t*>(&spi), sizeof spi});
    if (spi != 0 && table.find_spi(spi).sa == nullptr) return spi;
  }
}

void Context::send(const common::Endpoint& local, const common::Endpoint& remote, common::ByteView message) {
  count(Counter::datagrams_out);
  if (local.port != policy->config->ike.nat_port) {
    environment.send(local, remote, message);
    return;
  }
  common::Bytes marked(4 + message.size());
  std::ranges::copy(message, marked.begin() + 4);
  environment.send(local, remote, marked);
}

}  // namespace controlplane::ike
