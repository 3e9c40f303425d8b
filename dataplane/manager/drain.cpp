// Marks and waits of the second phase of a removal (DESIGN chapter 4).

#include "dataplane/manager/drain.hpp"

#include <utility>

#include <spdlog/spdlog.h>

namespace dataplane::manager {

ProcessDrain::ProcessDrain(std::vector<const eal::Ring*> rings, std::vector<eal::Port*> ports, exception::Relay* relay)
    : rings_(std::move(rings)), ports_(std::move(ports)), relay_(relay) {}

void ProcessDrain::mark() {
  marks_.clear();
  for (const eal::Ring* ring : rings_) marks_.push_back(ring->enqueued());
  passed_ = 0;
  if (relay_ != nullptr) relay_->wake();
}

bool ProcessDrain::rings_passed() {
  while (passed_ < rings_.size() && rings_[passed_]->reached(marks_[passed_])) ++passed_;
  return passed_ == rings_.size();
}

void ProcessDrain::begin_sending(common::MonotonicTime now) {
  unsent_.clear();
  for (eal::Port* port : ports_)
    for (std::uint16_t queue = 0; queue < port->tx_queues(); ++queue) unsent_.push_back({port, queue});
  give_up_at_ = now + kDeadline;
}

bool ProcessDrain::sent(common::MonotonicTime now) {
  std::erase_if(unsent_, [](const Queue& queue) { return queue.port->tx_drained(queue.queue); });
  if (unsent_.empty()) return true;
  if (now < give_up_at_) return false;
  ++alarms_;
  for (const Queue& queue : unsent_)
    spdlog::error("port {} queue {}: the device has not sent its frames within {} ms; a revocation goes on without it",
                  queue.port->name(), queue.queue, kDeadline.count());
  return true;
}

}  // namespace dataplane::manager
