#pragma once
// `debug aaa pod`: the document's lines on a logger of their own, switched at run time.

#include <string_view>

#include <spdlog/logger.h>

#include "controlplane/dae/trace.hpp"

namespace controlplane::dae {

/// The room's logger, "aaa.pod": sinks of the default one, a level of its own. Any thread.
[[nodiscard]] spdlog::logger& log();
/// Turns `debug aaa pod` on or off; off, the logger has the default logger's level. Any thread.
void set_debug(bool on);
[[nodiscard]] bool debug_enabled() noexcept;

/// Lines at debug level, notes at info.
class LogTrace final : public Trace {
 public:
  [[nodiscard]] bool wants_lines() const noexcept override { return debug_enabled(); }
  void line(std::string_view text) override;
  void note(std::string_view text) override;
};

}  // namespace controlplane::dae
