// Grace periods, one at a time.

#include "dataplane/sa/reclaimer.hpp"

#include <cstdlib>
#include <new>
#include <utility>

#include <rte_config.h>

namespace dataplane::sa {

Readers::Readers(unsigned readers) {
  const std::size_t octets = (rte_rcu_qsbr_get_memsize(readers) + 63U) / 64U * 64U;
  variable_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, octets)));
  if (variable_ == nullptr || rte_rcu_qsbr_init(variable_.get(), readers) != 0) throw std::bad_alloc();
}

void Readers::Free::operator()(rte_rcu_qsbr* variable) const noexcept { std::free(variable); }

Reclaimer::~Reclaimer() {
  while (waiting() > 0) {
    for (Work& work : std::exchange(running_, {})) work();
    for (Work& work : std::exchange(next_, {})) work();
  }
}

void Reclaimer::defer(Work work) { next_.push_back(std::move(work)); }

bool Reclaimer::poll() {
  bool did_some = false;
  if (!running_.empty() && rte_rcu_qsbr_check(readers_, token_, false) == 1) {
    // Work may defer more, which must not join those that are already over.
    for (Work& work : std::exchange(running_, {})) work();
    did_some = true;
  }
  if (running_.empty() && !next_.empty()) {
    running_.swap(next_);
    token_ = rte_rcu_qsbr_start(readers_);
  }
  return did_some;
}

}  // namespace dataplane::sa
