#pragma once
// Words that stand for values in the file. Inside config/ only.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace config {

/// A closed set of words.
template <class T, std::size_t N>
struct Words {
  std::array<std::pair<std::string_view, T>, N> words;

  [[nodiscard]] std::optional<T> operator()(std::string_view text) const {
    for (const auto& [word, value] : words)
      if (word == text) return value;
    return std::nullopt;
  }
  /// "one of "yes", "auto", "no""
  [[nodiscard]] std::string expected() const {
    std::string list = "one of ";
    for (std::size_t i = 0; i < N; ++i) {
      if (i != 0) list += ", ";
      list += '"';
      list += words[i].first;
      list += '"';
    }
    return list;
  }
};

template <class T, std::size_t N>
Words(std::array<std::pair<std::string_view, T>, N>) -> Words<T, N>;

}  // namespace config
