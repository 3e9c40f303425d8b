// From TOML text to a judged configuration: parse, read every part, judge the whole, report all errors by line.

#include "config/read.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <tuple>

#include "config/reader.hpp"

namespace config {
namespace {

/// By line; what two readings of one key have both found is said once.
void order(std::vector<Problem>& problems) {
  const auto key = [](const Problem& p) { return std::tie(p.line, p.key, p.expected); };
  std::ranges::sort(problems, {}, key);
  const auto [first, last] = std::ranges::unique(problems, {}, key);
  problems.erase(first, last);
}

[[nodiscard]] Config read_root(ReadContext& context, const toml::table& table) {
  Config config;
  Section root(context, table, {});
  read_gateway(root, config);
  read_dataplane(root, config);
  read_pools(root, config);
  read_aaa(root, config);
  read_ike(root, config);
  root.finish();
  judge(root, config);
  return config;
}

}  // namespace

std::expected<Reading, std::vector<Problem>> read_text(std::string_view text, const std::string& file,
                                                       const std::filesystem::path& directory) {
  ReadContext context{file, directory, {}, {}};
  try {
    const toml::table table = toml::parse(text, std::string_view(file));
    Config config = read_root(context, table);
    order(context.errors);
    order(context.warnings);
    if (!context.errors.empty()) return std::unexpected(std::move(context.errors));
    return Reading{std::move(config), std::move(context.warnings)};
  } catch (const toml::parse_error& error) {
    return std::unexpected(std::vector{Problem{
        file, error.source().begin.line, {}, {}, "TOML (https://toml.io): " + std::string(error.description())}});
  }
}

std::expected<Reading, std::vector<Problem>> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(std::vector{Problem{path.string(), 0, {}, {}, "a file that can be read"}});
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return read_text(text, path.string(), path.parent_path());
}

}  // namespace config
