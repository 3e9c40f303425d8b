// The event queue of the simulator.

#include "tests/sim/world.hpp"

#include <utility>

#include "tests/unit/cp_crypto/pki.hpp"

namespace sim {

World::World(std::uint64_t seed, Weather sky) : weather(sky), chance_(seed) { clock_.set_wall(pki::now()); }

void World::random(common::MutableByteView out) {
  for (std::uint8_t& octet : out) octet = static_cast<std::uint8_t>(chance_());
}

void World::after(common::Duration delay, std::move_only_function<void()> then) {
  queue_.push({now() + delay, order_++, std::make_shared<std::move_only_function<void()>>(std::move(then))});
}

void World::set_timer(std::function<std::optional<common::MonotonicTime>()> next, std::function<void()> fire) {
  next_ = std::move(next);
  fire_ = std::move(fire);
}

void World::carry(const Endpoint& from, const Endpoint& to, ByteView bytes) {
  ++carried;
  if (tap && !tap(from, to, bytes)) return;
  const unsigned copies = chance_() % 100 < weather.repeat ? 2 : 1;
  for (unsigned i = 0; i < copies; ++i) {
    if (chance_() % 100 < weather.loss) continue;
    auto delay = common::Duration(weather.delay);
    if (weather.jitter.count() > 0)
      delay += common::Duration(chance_() % static_cast<std::uint64_t>(common::Duration(weather.jitter).count()));
    after(delay, [this, from, to, copy = Bytes(bytes.begin(), bytes.end())] {
      const auto receiver = receivers_.find(to.address);
      if (receiver != receivers_.end()) receiver->second(from, to, copy);
    });
  }
}

bool World::run(const std::function<bool()>& done, common::Duration limit) {
  const auto end = now() + limit;
  while (!done()) {
    const auto deadline = next_ ? next_() : std::nullopt;
    auto at = end;
    if (deadline) at = std::min(at, *deadline);
    const bool event = !queue_.empty() && queue_.top().at <= at;
    if (event) at = queue_.top().at;
    if (at > now()) clock_.advance(at - now());
    if (event) {
      const auto what = queue_.top().what;
      queue_.pop();
      (*what)();
    } else if (deadline && *deadline <= now()) {
      fire_();
    } else {
      return done();
    }
  }
  return true;
}

}  // namespace sim
