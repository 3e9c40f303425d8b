#pragma once
// Reads values out of a TOML table and remembers everything that is wrong with them. Inside config/ only.

#include <concepts>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "config/read.hpp"

namespace config {

/// What all sections of one file share.
struct ReadContext {
  std::string file;
  std::filesystem::path directory;  ///< relative paths start here
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
};

/// One TOML table. Each reading call names a key, what is expected, and where the value goes; a key that is absent
/// leaves the default. What no call has asked for is reported by finish() as unknown.
class Section {
 public:
  Section(ReadContext& context, const toml::table& table, std::string path)
      : context_(&context), table_(&table), path_(std::move(path)) {}

  template <class T>
  using Parser = std::function<std::optional<T>(std::string_view)>;

  void text(std::string_view key, std::string& out);
  void path(std::string_view key, std::filesystem::path& out);
  void paths(std::string_view key, std::vector<std::filesystem::path>& out);
  void boolean(std::string_view key, bool& out);
  void texts(std::string_view key, std::vector<std::string>& out);
  void seconds(std::string_view key, Seconds& out, std::int64_t least, std::int64_t most);
  void milliseconds(std::string_view key, Milliseconds& out, std::int64_t least, std::int64_t most);
  /// `key` holds the secret itself, `key`-file names a file whose first line it is and which others must not be able to
  /// read.
  /// @return true where one of the two was given
  bool secret(std::string_view key, common::SecretBytes& out);

  template <std::integral T>
  void integer(std::string_view key, T& out, std::int64_t least, std::int64_t most) {
    if (const toml::node* node = find(key))
      if (const auto value = integer_in(*node, key, least, most)) out = static_cast<T>(*value);
  }
  /// An integer or an array of integers.
  template <std::integral T>
  void integers(std::string_view key, std::vector<T>& out, std::int64_t least, std::int64_t most) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    out.clear();
    each(*node, key, [&](const toml::node& item, const std::string& name) {
      if (const auto value = integer_in(item, name, least, most)) out.push_back(static_cast<T>(*value));
    });
  }
  template <class T>
  void parsed(std::string_view key, T& out, std::string_view expected, const Parser<T>& parse) {
    if (const toml::node* node = find(key))
      if (auto value = parse_node<T>(*node, key, expected, parse)) out = std::move(*value);
  }
  template <class T>
  void parsed(std::string_view key, std::optional<T>& out, std::string_view expected, const Parser<T>& parse) {
    if (const toml::node* node = find(key)) out = parse_node<T>(*node, key, expected, parse);
  }
  /// One value or an array of them.
  template <class T>
  void parsed_list(std::string_view key, std::vector<T>& out, std::string_view expected, const Parser<T>& parse) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    out.clear();
    each(*node, key, [&](const toml::node& item, const std::string& name) {
      if (auto value = parse_node<T>(item, name, expected, parse)) out.push_back(std::move(*value));
    });
  }
  void addresses(std::string_view key, std::vector<common::IpAddress>& out);
  void prefixes(std::string_view key, std::vector<common::Prefix>& out);

  [[nodiscard]] std::optional<Section> section(std::string_view key);
  [[nodiscard]] std::vector<Section> sections(std::string_view key);

  [[nodiscard]] bool has(std::string_view key) const { return table_->contains(key); }
  /// Reports `key` as missing when it is.
  void require(std::string_view key, std::string_view expected);
  /// Reports what stands at `key`, or the section itself where nothing does.
  void complain(std::string_view key, std::string_view expected);
  void warn(std::string_view key, std::string_view expected);
  /// Reports every key that nobody has asked for.
  void finish();

  [[nodiscard]] ReadContext& context() const noexcept { return *context_; }
  [[nodiscard]] const std::string& name() const noexcept { return path_; }

 private:
  [[nodiscard]] const toml::node* find(std::string_view key);
  [[nodiscard]] std::string full(std::string_view key) const;
  [[nodiscard]] Problem problem(const toml::node* node, std::string_view key, std::string_view expected) const;
  void wrong(const toml::node& node, std::string_view key, std::string_view expected);
  /// The same where what stands there may be anything, a secret too: the value is not repeated (P6).
  void misplaced(const toml::node& node, std::string_view key, std::string_view expected);
  [[nodiscard]] std::optional<std::int64_t> integer_in(const toml::node& node, std::string_view key, std::int64_t least,
                                                       std::int64_t most);
  void each(const toml::node& node, std::string_view key,
            const std::function<void(const toml::node&, const std::string&)>& visit);
  [[nodiscard]] bool secret_file(std::string_view key, common::SecretBytes& out);

  template <class T>
  [[nodiscard]] std::optional<T> parse_node(const toml::node& node, std::string_view key, std::string_view expected,
                                            const Parser<T>& parse) {
    std::optional<T> value;
    if (const auto text = node.value_exact<std::string>()) value = parse(*text);
    if (!value) wrong(node, key, expected);
    return value;
  }

  ReadContext* context_;
  const toml::table* table_;
  std::string path_;
  std::set<std::string, std::less<>> asked_;
};

// The parts of the file; each is a .cpp of its own.
void read_gateway(Section& root, Config& config);
void read_dataplane(Section& root, Config& config);
void read_pools(Section& root, Config& config);
void read_aaa(Section& root, Config& config);
void read_ike(Section& root, Config& config);
/// What only shows when the parts are looked at together: names that nothing has, ranges that overlap.
void judge(Section& root, const Config& config);

}  // namespace config
