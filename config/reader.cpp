// The reading calls of one TOML table, and the wording of what is wrong.

#include "config/reader.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

namespace config {
namespace {

/// Keys whose values are never repeated in a message (P6).
[[nodiscard]] bool is_secret(std::string_view key) {
  return key.ends_with("server-key") || key.ends_with("pre-shared-key") || key.ends_with("password");
}

/// The value as the operator wrote it, on one line.
[[nodiscard]] std::string shown(const toml::node& node, std::string_view key) {
  if (const auto text = node.value_exact<std::string>(); text && is_secret(key))
    return fmt::format("<secret, {} octets>", text->size());
  if (is_secret(key)) return "<secret>";
  if (node.is_table()) return "a table";
  std::ostringstream out;
  node.visit([&](const auto& typed) { out << toml::toml_formatter{typed, toml::format_flags::none}; });
  std::string text = out.str();
  std::ranges::replace(text, '\n', ' ');
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

}  // namespace

std::string Problem::to_string() const {
  std::string where = line != 0 ? fmt::format("{}:{}: ", file, line) : fmt::format("{}: ", file);
  if (!key.empty()) where += value.empty() ? key + ": " : fmt::format("{} = {}: ", key, value);
  return where + "expected " + expected;
}

std::string Section::full(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

Problem Section::problem(const toml::node* node, std::string_view key, std::string_view expected) const {
  const toml::source_region& source = node != nullptr ? node->source() : table_->source();
  return {context_->file, source.begin.line, full(key), node != nullptr ? shown(*node, key) : std::string{},
          std::string(expected)};
}

void Section::wrong(const toml::node& node, std::string_view key, std::string_view expected) {
  context_->errors.push_back(problem(&node, key, expected));
}

void Section::misplaced(const toml::node& node, std::string_view key, std::string_view expected) {
  wrong(node, key, expected);
  context_->errors.back().value.clear();
}

const toml::node* Section::find(std::string_view key) {
  asked_.emplace(key);
  return table_->get(key);
}

void Section::require(std::string_view key, std::string_view expected) {
  if (!has(key)) context_->errors.push_back(problem(nullptr, key, expected));
}

void Section::complain(std::string_view key, std::string_view expected) {
  context_->errors.push_back(problem(table_->get(key), key, expected));
}

void Section::warn(std::string_view key, std::string_view expected) {
  context_->warnings.push_back(problem(table_->get(key), key, expected));
}

/// A key that nobody knows may be a secret's with a slip in it: only a number or a boolean is repeated, and beside
/// secrets nothing at all.
void Section::finish() {
  const bool secrets_here = std::ranges::any_of(asked_, [](const std::string& known) { return is_secret(known); });
  for (const auto& [key, node] : *table_) {
    if (asked_.contains(key.str())) continue;
    const std::string expected = fmt::format("no such key here; known are {}", fmt::join(asked_, ", "));
    if (!secrets_here && (node.is_number() || node.is_boolean()))
      wrong(node, key.str(), expected);
    else
      misplaced(node, key.str(), expected);
  }
}

void Section::each(const toml::node& node, std::string_view key,
                   const std::function<void(const toml::node&, const std::string&)>& visit) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return visit(node, std::string(key));
  for (std::size_t i = 0; i < array->size(); ++i) visit(*array->get(i), fmt::format("{}[{}]", key, i));
}

std::optional<std::int64_t> Section::integer_in(const toml::node& node, std::string_view key, std::int64_t least,
                                                std::int64_t most) {
  const auto value = node.value_exact<std::int64_t>();
  if (value && *value >= least && *value <= most) return value;
  wrong(node, key, fmt::format("a whole number from {} to {}", least, most));
  return std::nullopt;
}

void Section::text(std::string_view key, std::string& out) {
  parsed<std::string>(key, out, "a text", [](std::string_view text) { return std::string(text); });
}

void Section::texts(std::string_view key, std::vector<std::string>& out) {
  parsed_list<std::string>(key, out, "a text", [](std::string_view text) { return std::string(text); });
}

void Section::path(std::string_view key, std::filesystem::path& out) {
  parsed<std::filesystem::path>(key, out, "a path",
                                [this](std::string_view text) -> std::optional<std::filesystem::path> {
                                  if (text.empty()) return std::nullopt;
                                  return context_->directory / text;
                                });
}

void Section::paths(std::string_view key, std::vector<std::filesystem::path>& out) {
  parsed_list<std::filesystem::path>(key, out, "a path",
                                     [this](std::string_view text) -> std::optional<std::filesystem::path> {
                                       if (text.empty()) return std::nullopt;
                                       return context_->directory / text;
                                     });
}

void Section::boolean(std::string_view key, bool& out) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (const auto value = node->value_exact<bool>()) {
    out = *value;
  } else {
    wrong(*node, key, "true or false");
  }
}

void Section::seconds(std::string_view key, Seconds& out, std::int64_t least, std::int64_t most) {
  std::int64_t count = out.count();
  integer(key, count, least, most);
  out = Seconds(count);
}

void Section::milliseconds(std::string_view key, Milliseconds& out, std::int64_t least, std::int64_t most) {
  std::int64_t count = out.count();
  integer(key, count, least, most);
  out = Milliseconds(count);
}

void Section::addresses(std::string_view key, std::vector<common::IpAddress>& out) {
  parsed_list<common::IpAddress>(key, out, "an IPv4 or IPv6 address", &common::IpAddress::parse);
}

void Section::prefixes(std::string_view key, std::vector<common::Prefix>& out) {
  parsed_list<common::Prefix>(key, out, "a prefix such as \"10.0.0.0/8\" without host bits", &common::Prefix::parse);
}

bool Section::secret(std::string_view key, common::SecretBytes& out) {
  const std::string file_key = fmt::format("{}-file", key);
  const toml::node* node = find(key);
  const toml::node* file = find(file_key);
  if (node != nullptr && file != nullptr)
    wrong(*file, file_key, fmt::format("either {} or {}, not both", key, file_key));
  if (node == nullptr) return file != nullptr && secret_file(file_key, out);
  const auto text = node->value_exact<std::string>();
  if (!text || text->empty()) {
    wrong(*node, key, "a secret of one octet or more");
    return true;
  }
  out = common::SecretBytes(common::as_bytes(std::string_view(*text)));
  return true;
}

bool Section::secret_file(std::string_view key, common::SecretBytes& out) {
  std::filesystem::path name;
  path(key, name);
  struct stat facts{};
  if (name.empty()) return true;
  if (stat(name.c_str(), &facts) != 0) {
    complain(key, "a file that can be read");
    return true;
  }
  if ((facts.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    complain(key, "a file that others can neither read nor write (chmod 600)");
    return true;
  }
  std::ifstream file(name);
  std::string line;
  if (!std::getline(file, line) || line.empty()) complain(key, "a file with the secret in its first line");
  out = common::SecretBytes(common::as_bytes(std::string_view(line)));
  common::wipe({reinterpret_cast<std::uint8_t*>(line.data()), line.size()});
  return true;
}

std::optional<Section> Section::section(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (const toml::table* table = node->as_table()) return Section(*context_, *table, full(key));
  misplaced(*node, key, fmt::format("a table [{}]", full(key)));
  return std::nullopt;
}

std::vector<Section> Section::sections(std::string_view key) {
  std::vector<Section> found;
  const toml::node* node = find(key);
  if (node == nullptr) return found;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    misplaced(*node, key, fmt::format("an array of tables [[{}]]", full(key)));
    return found;
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string name = fmt::format("{}[{}]", key, i);
    if (const toml::table* table = array->get(i)->as_table()) {
      found.emplace_back(*context_, *table, full(name));
    } else {
      misplaced(*array->get(i), name, "a table");
    }
  }
  return found;
}

}  // namespace config
