// Named loggers, made once.

#include "controlplane/session/log.hpp"

#include <spdlog/spdlog.h>

namespace controlplane::session {

std::shared_ptr<spdlog::logger> named_log(const std::string& name) {
  if (auto known = spdlog::get(name)) return known;
  auto made = spdlog::default_logger()->clone(name);
  spdlog::register_logger(made);
  return made;
}

spdlog::logger& ike_log() {
  static const std::shared_ptr<spdlog::logger> log = named_log("ikev2");
  return *log;
}

spdlog::logger& aaa_log() {
  static const std::shared_ptr<spdlog::logger> log = named_log("aaa");
  return *log;
}

}  // namespace controlplane::session
