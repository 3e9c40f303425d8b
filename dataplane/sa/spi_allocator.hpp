#pragma once
// Inbound SPIs: which places of the SA table are free, reserved, or in use, and with which generation.

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "dataplane/ids/ids.hpp"

namespace dataplane::sa {

/// The place that has been free for longest is given first, and each time with its next generation, so that a late
/// packet of its last owner meets an SPI that is not published. Thread: the manager's.
class SpiAllocator {
 public:
  /// A reservation that is not used within this time is void.
  static constexpr std::chrono::seconds kReservationTime{60};

  /// @param seed  generations start at random places, so that SPIs of the last run are unknown in this one
  SpiAllocator(ids::SpiLayout layout, std::uint32_t places, std::uint64_t seed);

  /// nullopt: every place is taken.
  [[nodiscard]] std::optional<common::Spi> reserve(common::MonotonicTime now);
  [[nodiscard]] bool is_reserved(common::Spi spi) const noexcept;
  /// Reserved becomes used. False: it was not reserved, or no longer.
  [[nodiscard]] bool take(common::Spi spi) noexcept;
  /// Reserved becomes free. False: it was not reserved.
  bool give_back(common::Spi spi);
  /// Used becomes free: no reader can hold the place any more.
  void release(common::Spi spi);
  /// Gives back what was reserved for longer than kReservationTime.
  void expire(common::MonotonicTime now);

  [[nodiscard]] std::uint32_t free_places() const noexcept { return static_cast<std::uint32_t>(free_.size()); }
  [[nodiscard]] std::uint32_t reserved() const noexcept { return reserved_; }
  [[nodiscard]] std::uint32_t used() const noexcept { return used_; }

 private:
  enum class State : std::uint8_t { free, reserved, used };
  struct Place {
    std::uint32_t generation = 0;
    State state = State::free;
  };
  struct Reservation {
    common::Spi spi;
    common::MonotonicTime until;
  };

  [[nodiscard]] bool is(common::Spi spi, State state) const noexcept;

  ids::SpiLayout layout_;
  std::vector<Place> places_;
  std::deque<std::uint32_t> free_;        ///< oldest first
  std::deque<Reservation> reservations_;  ///< oldest first; those taken or given back meanwhile are passed over
  std::uint32_t reserved_ = 0;
  std::uint32_t used_ = 0;
};

}  // namespace dataplane::sa
