#pragma once
// The TAP twin of a port: the kernel's end of it.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "common/address.hpp"

namespace dataplane::exception {

/// Owns a TAP interface (IFF_TAP | IFF_NO_PI, without virtio header: the kernel completes checksums and segments before
/// we read). It disappears with its last descriptor.
class Tap {
 public:
  /// Creates the interface, sets MAC and MTU, switches forwarding off on it and lets it go up.
  /// @error  what the kernel refused
  [[nodiscard]] static std::expected<Tap, std::string> create(const std::string& name, const common::MacAddress& mac,
                                                              std::uint16_t mtu);
  Tap(Tap&& other) noexcept;
  Tap& operator=(Tap&&) = delete;
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;
  ~Tap();

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  Tap(int fd, std::string name) noexcept : fd_(fd), name_(std::move(name)) {}

  int fd_;
  std::string name_;
};

}  // namespace dataplane::exception
