// The door of the room: hands everything to its core.

#include "controlplane/ike/responder.hpp"

#include <utility>

namespace controlplane::ike {

class Responder::Core {
 public:
  Core(std::shared_ptr<const config::Config> config, Environment& environment, session::Door& door, common::Epoch epoch)
      : config_(std::move(config)), environment_(environment), door_(door), epoch_(epoch) {}

  std::shared_ptr<const config::Config> config_;
  Environment& environment_;
  session::Door& door_;
  common::Epoch epoch_;
  Statistics statistics_;
};

Responder::Responder(std::shared_ptr<const config::Config> config, Environment& environment, session::Door& door,
                     common::Epoch epoch)
    : core_(std::make_unique<Core>(std::move(config), environment, door, epoch)) {}
Responder::~Responder() = default;

void Responder::on_datagram(const Datagram&) { core_->statistics_.add(Counter::datagrams_in); }
void Responder::on_timer() {}
std::optional<common::MonotonicTime> Responder::next_deadline() const { return std::nullopt; }
void Responder::reload(std::shared_ptr<const config::Config> config) { core_->config_ = std::move(config); }
void Responder::shutdown(std::function<void()> done) { done(); }
const Statistics& Responder::statistics() const noexcept { return core_->statistics_; }
std::vector<SaListing> Responder::list() const { return {}; }

}  // namespace controlplane::ike
