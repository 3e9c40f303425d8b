// The room's logger.

#include "controlplane/dae/debug.hpp"

#include <memory>
#include <string>

#include <spdlog/spdlog.h>

namespace controlplane::dae {

spdlog::logger& log() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    const std::string name = "aaa.pod";
    if (auto known = spdlog::get(name)) return known;
    auto made = spdlog::default_logger()->clone(name);
    spdlog::register_logger(made);
    return made;
  }();
  return *logger;
}

void set_debug(bool on) { log().set_level(on ? spdlog::level::debug : spdlog::default_logger_raw()->level()); }

bool debug_enabled() noexcept { return log().should_log(spdlog::level::debug); }

void LogTrace::line(std::string_view text) { log().debug("{}", text); }
void LogTrace::note(std::string_view text) { log().info("{}", text); }

}  // namespace controlplane::dae
