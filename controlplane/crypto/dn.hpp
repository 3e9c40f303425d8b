#pragma once
// Distinguished names: text and DER, both ways. For IDs of type DER_ASN1_DN, `dn:` patterns and logs.

#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"
#include "controlplane/crypto/error.hpp"

namespace controlplane::crypto {

/// "C=DE, O=Example, CN=gw" in the order of the encoding, values escaped as RFC 4514 §2.4 says.
/// @error bad_encoding  no Name, or octets behind it
[[nodiscard]] Result<std::string> dn_to_text(common::ByteView der);

/// Reads "C=DE, O=Example, CN=gw" (or with "/" before each, as openssl prints it) into DER, in the order given. Known
/// types: CN, C, ST, L, O, OU, DC, UID, E or emailAddress, serialNumber, SN, GN, T, STREET, or dotted numbers.
/// @error bad_encoding
[[nodiscard]] Result<common::Bytes> dn_from_text(std::string_view text);

/// Equal by the rules of X.509 (case and inner spaces of printable strings do not matter; RFC 5280 §7.1).
[[nodiscard]] bool dn_equal(common::ByteView a, common::ByteView b);

/// The value of the first attribute of that type ("CN"), as UTF-8; nullopt where there is none.
[[nodiscard]] std::optional<std::string> dn_attribute(common::ByteView der, std::string_view type);

}  // namespace controlplane::crypto
