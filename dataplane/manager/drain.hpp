#pragma once
// Where packets of a removed session may still lie, in this process: rings between threads, and devices' queues.

#include <cstdint>
#include <vector>

#include "common/clock.hpp"
#include "dataplane/eal/port.hpp"
#include "dataplane/eal/ring.hpp"
#include "dataplane/exception/relay.hpp"
#include "dataplane/sa/removal.hpp"

namespace dataplane::manager {

class ProcessDrain final : public sa::Drain {
 public:
  /// A device that has not sent by then is taken for broken: an alarm, and the removal goes on.
  static constexpr std::chrono::milliseconds kDeadline{1000};

  /// @param relay  woken when something waits for it; may be null
  ProcessDrain(std::vector<const eal::Ring*> rings, std::vector<eal::Port*> ports, exception::Relay* relay);

  void mark() override;
  [[nodiscard]] bool rings_passed() override;
  void begin_sending(common::MonotonicTime now) override;
  [[nodiscard]] bool sent(common::MonotonicTime now) override;

  /// Rounds in which a device was given up.
  [[nodiscard]] std::uint64_t alarms() const noexcept { return alarms_; }

 private:
  struct Queue {
    eal::Port* port;
    std::uint16_t queue;
  };

  std::vector<const eal::Ring*> rings_;
  std::vector<eal::Port*> ports_;
  exception::Relay* relay_;
  std::vector<std::uint32_t> marks_;
  std::size_t passed_ = 0;  ///< rings before this one have reached their mark
  std::vector<Queue> unsent_;
  common::MonotonicTime give_up_at_;
  std::uint64_t alarms_ = 0;
};

}  // namespace dataplane::manager
