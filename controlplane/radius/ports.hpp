#pragma once
// Identifiers towards one server: 256 on each local port (RFC 2865 §3: the Identifier together with the source port
// names a request), and further ports when all are in use.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.hpp"
#include "controlplane/radius/wires.hpp"

namespace controlplane::radius {

/// A local port and an Identifier on it.
struct Slot {
  WireId wire;
  std::uint8_t identifier = 0;
  friend auto operator<=>(const Slot&, const Slot&) noexcept = default;
};

/// Not thread-safe.
class Ports {
 public:
  /// @param wires      outlives this
  /// @param most_ports how many local ports are opened at most
  Ports(Wires& wires, const common::Endpoint& server, std::size_t most_ports)
      : wires_(&wires), server_(server), most_ports_(most_ports) {}
  ~Ports();
  Ports(const Ports&) = delete;
  Ports& operator=(const Ports&) = delete;

  /// @param owner   not 0
  /// @param random  where a fresh port's Identifiers begin, so that a restart does not repeat the last run's
  /// @return nullopt: every Identifier of every port is in use, or no port can be opened
  [[nodiscard]] std::optional<Slot> take(std::uint64_t owner, const Random& random);
  void give_back(const Slot& slot) noexcept;
  /// Who has it; nullopt: nobody, or not our port.
  [[nodiscard]] std::optional<std::uint64_t> owner(const Slot& slot) const noexcept;
  [[nodiscard]] bool owns(WireId wire) const noexcept { return find(wire) != nullptr; }
  [[nodiscard]] std::size_t in_use() const noexcept;
  [[nodiscard]] std::size_t ports() const noexcept { return ports_.size(); }

 private:
  struct Port {
    WireId wire;
    std::array<std::uint64_t, 256> owners{};
    std::size_t in_use = 0;
    std::uint8_t next = 0;  ///< goes round, so that an Identifier rests as long as possible
  };
  [[nodiscard]] const Port* find(WireId wire) const noexcept;
  [[nodiscard]] static Slot take_from(Port& port, std::uint64_t owner) noexcept;

  Wires* wires_;
  common::Endpoint server_;
  std::size_t most_ports_;
  std::vector<Port> ports_;
};

}  // namespace controlplane::radius
