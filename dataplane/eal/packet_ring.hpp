#pragma once
// The kernel's side of an af_packet port, which the driver hides: what still waits in its transmit rings, and what its
// receive rings had no room for.

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace dataplane::eal {

/// Finds the driver's own packet sockets among this process's descriptors, and their rings among its mappings. Linux
/// shows both under one inode. Thread: the manager's; the kernel serialises a kick with the worker's.
class PacketRing {
 public:
  /// @param interface     what the port sits on
  /// @param frame_octets  the port's framesz
  /// @error               no socket of this process on that interface has a mapped ring
  [[nodiscard]] static std::expected<PacketRing, std::string> find(const std::string& interface,
                                                                   std::uint32_t frame_octets);
  PacketRing(PacketRing&& other) noexcept;
  PacketRing& operator=(PacketRing&&) = delete;
  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;
  ~PacketRing();

  /// Kicks on what waits for socket memory; true when the device has taken all that was in the rings before the call.
  [[nodiscard]] bool drained() noexcept;
  /// Frames that the kernel dropped because a receive ring was full, since the port was opened.
  [[nodiscard]] std::uint64_t rx_missed() noexcept;
  [[nodiscard]] std::size_t queues() const noexcept { return queues_.size(); }

 private:
  struct Queue {
    int fd = -1;  ///< a duplicate: ours to close
    const volatile std::uint8_t* transmit = nullptr;
    std::uint32_t frames = 0;
  };
  PacketRing() = default;

  std::vector<Queue> queues_;
  std::uint32_t frame_octets_ = 0;
  std::uint64_t rx_missed_ = 0;
};

}  // namespace dataplane::eal
