// Ports fill up in the order in which they were opened; a new one is opened only when all are full.

#include "controlplane/radius/ports.hpp"

#include <algorithm>

namespace controlplane::radius {

Ports::~Ports() {
  for (const Port& port : ports_) wires_->close(port.wire);
}

Slot Ports::take_from(Port& port, std::uint64_t owner) noexcept {
  while (port.owners[port.next] != 0) ++port.next;
  const Slot slot{port.wire, port.next++};
  port.owners[slot.identifier] = owner;
  ++port.in_use;
  return slot;
}

std::optional<Slot> Ports::take(std::uint64_t owner, const Random& random) {
  for (Port& port : ports_)
    if (port.in_use < port.owners.size()) return take_from(port, owner);
  if (ports_.size() >= most_ports_) return std::nullopt;
  const auto wire = wires_->open(server_);
  if (!wire) return std::nullopt;
  Port& port = ports_.emplace_back();
  port.wire = *wire;
  random({&port.next, 1});
  return take_from(port, owner);
}

void Ports::give_back(const Slot& slot) noexcept {
  const auto port = std::ranges::find(ports_, slot.wire, &Port::wire);
  if (port == ports_.end() || port->owners[slot.identifier] == 0) return;
  port->owners[slot.identifier] = 0;
  --port->in_use;
}

std::optional<std::uint64_t> Ports::owner(const Slot& slot) const noexcept {
  const Port* port = find(slot.wire);
  if (port == nullptr || port->owners[slot.identifier] == 0) return std::nullopt;
  return port->owners[slot.identifier];
}

std::size_t Ports::in_use() const noexcept {
  std::size_t total = 0;
  for (const Port& port : ports_) total += port.in_use;
  return total;
}

const Ports::Port* Ports::find(WireId wire) const noexcept {
  const auto port = std::ranges::find(ports_, wire, &Port::wire);
  return port == ports_.end() ? nullptr : &*port;
}

}  // namespace controlplane::radius
