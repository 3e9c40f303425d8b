#pragma once
// Virtual time and a virtual network: every datagram and every delayed answer is an event of one queue, and chance
// comes from one seed, so that a run repeats exactly (but for the Diffie-Hellman values, which nothing here depends
// on).

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <vector>

#include "common/address.hpp"
#include "common/clock.hpp"
#include "controlplane/ike/environment.hpp"

namespace sim {

using common::Bytes;
using common::ByteView;
using common::Endpoint;

/// How bad the network is; chances in per cent.
struct Weather {
  unsigned loss = 0;
  unsigned repeat = 0;
  std::chrono::milliseconds delay{5};
  std::chrono::milliseconds jitter{0};  ///< reorders where it is larger than the distance of two datagrams
};

class World final : public controlplane::ike::Environment {
 public:
  explicit World(std::uint64_t seed, Weather weather = {});

  // controlplane::ike::Environment, of the gateway
  [[nodiscard]] const common::Clock& clock() const override { return clock_; }
  void random(common::MutableByteView out) override;
  void send(const Endpoint& local, const Endpoint& remote, ByteView bytes) override { carry(local, remote, bytes); }
  void deadline_changed() override {}

  /// Puts a datagram on the network: it arrives none, one or two times at whoever attached to `to`.
  void carry(const Endpoint& from, const Endpoint& to, ByteView bytes);
  using Receiver = std::function<void(const Endpoint& from, const Endpoint& to, ByteView bytes)>;
  /// Everything that is sent to that address goes there, whatever the port.
  void attach(const common::IpAddress& address, Receiver receiver) { receivers_[address] = std::move(receiver); }
  void detach(const common::IpAddress& address) { receivers_.erase(address); }

  void after(common::Duration delay, std::move_only_function<void()> then);
  /// Who else has deadlines: the gateway.
  void set_timer(std::function<std::optional<common::MonotonicTime>()> next, std::function<void()> fire);

  /// Lets time pass until `done`, or until the limit. @return whether `done`
  bool run(const std::function<bool()>& done, common::Duration limit);
  void pass(common::Duration time) {
    run([] { return false; }, time);
  }
  [[nodiscard]] common::MonotonicTime now() const { return clock_.monotonic(); }
  [[nodiscard]] std::uint64_t chance() { return chance_(); }

  Weather weather;
  /// Sees every datagram before the weather does; false: it is lost.
  std::function<bool(const Endpoint& from, const Endpoint& to, ByteView bytes)> tap;
  std::uint64_t carried = 0;

 private:
  struct Happening {
    common::MonotonicTime at;
    std::uint64_t order;
    std::shared_ptr<std::move_only_function<void()>> what;  ///< shared: a priority_queue gives copies only
    bool operator<(const Happening& other) const { return std::pair(at, order) > std::pair(other.at, other.order); }
  };

  common::ManualClock clock_;
  std::mt19937_64 chance_;
  std::priority_queue<Happening> queue_;
  std::uint64_t order_ = 0;
  std::map<common::IpAddress, Receiver> receivers_;
  std::function<std::optional<common::MonotonicTime>()> next_;
  std::function<void()> fire_;
};

}  // namespace sim
