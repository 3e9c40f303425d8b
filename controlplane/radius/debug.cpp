// A logger of this room's own, so that `debug radius` is switched without touching what others log.

#include "controlplane/radius/debug.hpp"

#include <atomic>

#include <spdlog/spdlog.h>

namespace controlplane::radius {
namespace {

std::atomic<bool> debugging{false};

}  // namespace

spdlog::logger& log() {
  // The default logger may be replaced after start-up, so its sinks are taken at the first use.
  static const std::shared_ptr<spdlog::logger> logger = spdlog::default_logger()->clone("radius");
  return *logger;
}

void set_debug(bool on) {
  debugging.store(on, std::memory_order_relaxed);
  log().set_level(on ? spdlog::level::debug : spdlog::default_logger()->level());
}

bool debug_enabled() noexcept { return debugging.load(std::memory_order_relaxed); }

}  // namespace controlplane::radius
