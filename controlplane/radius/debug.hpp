#pragma once
// `debug radius`: the lines that IOS prints, on a logger of their own that is switched at run time.

#include <memory>

#include <spdlog/logger.h>

namespace controlplane::radius {

/// The room's logger: sinks and pattern of the default one, a level of its own. Any thread.
[[nodiscard]] spdlog::logger& log();
/// Turns `debug radius` on or off; off, the logger has the default logger's level. Any thread.
void set_debug(bool on);
[[nodiscard]] bool debug_enabled() noexcept;

}  // namespace controlplane::radius
