#pragma once
// PEM files to certificates. Inside this room only.

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/crypto/certificate.hpp"

namespace controlplane::crypto {

/// Every certificate of a PEM text, in order; other objects and text between them are passed over.
/// @error a sentence, where there is none or one is broken
[[nodiscard]] std::expected<std::vector<Certificate>, std::string> read_certificates(std::string_view pem);

/// The whole file. @error a sentence that names it
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::filesystem::path& path);

}  // namespace controlplane::crypto
