#pragma once
// The loggers by which this room speaks; `debug …` switches their levels at run time by name.

#include <memory>
#include <string>

#include <spdlog/logger.h>

namespace controlplane::session {

/// A logger of that name with the default logger's sinks and level; made at its first use.
[[nodiscard]] std::shared_ptr<spdlog::logger> named_log(const std::string& name);
/// "ikev2": the document's IKEv2 lines (FACTS A8).
[[nodiscard]] spdlog::logger& ike_log();
/// "aaa": logins, policies, ends.
[[nodiscard]] spdlog::logger& aaa_log();

}  // namespace controlplane::session
