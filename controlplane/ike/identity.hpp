#pragma once
// Identities (RFC 7296 §3.5) and the patterns of [[ikev2.profile]] match-identity-remote.

#include <optional>
#include <string>
#include <string_view>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "controlplane/ike/wire/payloads.hpp"

namespace controlplane::ike {

/// An IDi or IDr with its own octets.
struct Identity {
  wire::IdType type = wire::IdType::fqdn;
  common::Bytes data;

  [[nodiscard]] static Identity of(const wire::Id& payload);
  /// Reads what an operator writes: an address, a DN ("C=DE, CN=gw"), an e-mail address, else a host name.
  [[nodiscard]] static Identity parse(std::string_view text);

  /// Views this object's octets.
  [[nodiscard]] wire::Id payload() const noexcept { return {type, data, {}}; }
  /// FQDN, e-mail address, address or DN as people write it; anything unprintable as hexadecimal behind "0x".
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// Whether `text` fits `glob`, in which `*` stands for any octets. Letters compare without case.
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view text) noexcept;

/// One of "*", "*@example.org", "fqdn:...", "email:...", "dn:...", "address:..."; without a type it fits the text of
/// any identity.
class Pattern {
 public:
  explicit Pattern(std::string_view text);
  [[nodiscard]] bool matches(const Identity& identity) const;

 private:
  std::optional<wire::IdType> type_;  ///< ipv4 stands for both families
  std::string glob_;
  std::optional<common::Prefix> prefix_;  ///< of "address:10.0.0.0/8"
  common::Bytes dn_;                      ///< DER of a "dn:" without "*"
};

}  // namespace controlplane::ike
