#pragma once
// TOML text to a judged configuration, or every error in it at once.

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.hpp"

namespace config {

/// One thing that is wrong. Secrets are never in `value`: it says "<secret, 12 octets>" (P6).
struct Problem {
  std::string file;
  std::uint32_t line = 0;  ///< 1-based, 0: the file as a whole
  std::string key;         ///< dotted path, "port[1].device"
  std::string value;       ///< as the operator wrote it, empty where something is missing
  std::string expected;    ///< what would have been right

  /// "portcullis.toml:12: port[1].mtu = 99999: expected 576..9000"
  [[nodiscard]] std::string to_string() const;
};

/// Problems that stop a start, and remarks that do not (a short secret, a certificate without serverAuth).
struct Judgement {
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
};

struct Reading {
  Config config;
  std::vector<Problem> warnings;
};

/// Reads and judges TOML text.
/// @param text       the file's content
/// @param file       its name, for messages
/// @param directory  relative paths in the text start here
/// @error            every problem found, ordered by line; at least one
[[nodiscard]] std::expected<Reading, std::vector<Problem>> read_text(std::string_view text, const std::string& file,
                                                                     const std::filesystem::path& directory);

/// Reads and judges a file. Thread: any.
[[nodiscard]] std::expected<Reading, std::vector<Problem>> read_file(const std::filesystem::path& path);

}  // namespace config
