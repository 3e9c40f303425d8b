#pragma once
// What `--check` looks at beyond the configuration's own text: the certificates that it names.

#include <string>
#include <vector>

#include "common/clock.hpp"
#include "config/schema.hpp"

namespace controlplane {

struct CertificateFindings {
  std::vector<std::string> errors;    ///< files that cannot be used: their profiles would not work
  std::vector<std::string> warnings;  ///< what clients would dislike: our name missing from the SAN, no serverAuth …
};

/// Loads every trustpoint's certificate, key and CAs, and holds each profile's identity-local against its certificate.
[[nodiscard]] CertificateFindings check_certificates(const config::Config& config, common::WallTime now);

}  // namespace controlplane
