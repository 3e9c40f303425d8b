// portcullis-controlplane: reads the configuration, confines itself, runs the gateway.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "config/read.hpp"
#include "controlplane/check.hpp"
#include "controlplane/confine.hpp"
#include "controlplane/gateway.hpp"

namespace {

constexpr int kBadConfiguration = 2;

/// Prints every problem at once. @return whether the configuration can be used
bool report(const std::vector<std::string>& errors, const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) fmt::print(stderr, "warning: {}\n", warning);
  for (const auto& error : errors) fmt::print(stderr, "error: {}\n", error);
  return errors.empty();
}

/// The configuration, or its errors on stderr.
std::shared_ptr<const config::Config> read(const std::filesystem::path& file) {
  auto reading = config::read_file(file);
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
  if (!reading) {
    for (const auto& problem : reading.error()) errors.push_back(problem.to_string());
  } else {
    for (const auto& warning : reading->warnings) warnings.push_back(warning.to_string());
    auto findings = controlplane::check_certificates(reading->config, common::SystemClock().wall());
    errors = std::move(findings.errors);
    for (auto& warning : findings.warnings) warnings.push_back(std::move(warning));
  }
  if (!report(errors, warnings)) return nullptr;
  return std::make_shared<const config::Config>(std::move(reading->config));
}

int serve(const std::filesystem::path& file, std::shared_ptr<const config::Config> config) {
  spdlog::set_level(spdlog::level::from_str(config->gateway.log_level));
  spdlog::flush_on(spdlog::level::trace);
  controlplane::Gateway gateway(file, std::move(config));
  if (const auto opened = gateway.open(); !opened) {
    spdlog::critical("{}", opened.error());
    return EXIT_FAILURE;
  }
  return gateway.run();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Portcullis control plane: IKEv2, RADIUS, sessions."};
  std::string file;
  bool check = false;
  app.add_option("--config", file, "configuration file")->required();
  app.add_flag("--check", check, "judge the configuration, its certificates too, and change nothing");
  app.set_version_flag("--version", PORTCULLIS_VERSION);
  CLI11_PARSE(app, argc, argv);
  if (const auto done = controlplane::forbid_dumps(); !done) {
    fmt::print(stderr, "{}\n", done.error());
    return EXIT_FAILURE;
  }
  try {
    auto config = read(file);
    if (config == nullptr) return kBadConfiguration;
    if (check) {
      fmt::print("{}: no errors\n", file);
      return EXIT_SUCCESS;
    }
    return serve(file, std::move(config));
  } catch (const std::exception& error) {  // start-up only: nothing is thrown at run time
    fmt::print(stderr, "portcullis-controlplane: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
