#pragma once
// Decisions about a login that need no state: whose identity counts, what authorization calls it, whether two logins
// are the same user's, what timeouts follow from profile and Access-Accept. Pure functions.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.hpp"
#include "config/schema.hpp"
#include "controlplane/radius/access.hpp"

namespace controlplane::session {

/// The identity in an EAP-Response/Identity (RFC 3748 §5.1): Code 2, Type 1. nullopt for any other packet, or one whose
/// length field claims more octets than there are.
[[nodiscard]] std::optional<std::string> eap_identity(common::ByteView packet);

/// The part of an identity that authorization names.
/// @param mangler  "" all of it; "dn-cn" the first CN of a DN; "email-user" what stands before '@'; "fqdn-host" the
///                 first label
/// @return the identity itself where it has no such part
[[nodiscard]] std::string mangle(std::string_view identity, std::string_view mangler);

/// User-Name of the Access-Accept, else the EAP identity, else IDi (DESIGN chapter 6).
[[nodiscard]] std::string choose_user_name(const std::string& accepted, const std::string& eap_identity,
                                           const std::string& idi);

/// "anonymous" and "anonymous@realm" are everybody's outer identity: nobody is thrown out on their account.
[[nodiscard]] bool is_anonymous(std::string_view user_name);

/// Framed-IP-Address names one address; 255.255.255.254 and .255 leave the choice to us (RFC 2865 §5.8).
[[nodiscard]] bool is_particular(const common::IpAddress& framed);

struct Timeouts {
  std::chrono::seconds session{0};  ///< 0: none
  std::chrono::seconds idle{0};
  std::chrono::seconds interim{0};
};

/// Session-Timeout and Idle-Timeout: the Access-Accept's win over the profile's. Interim: the configuration's wins over
/// the Access-Accept's; nothing below 60 s (RFC 2869 §2.1).
[[nodiscard]] Timeouts choose_timeouts(const radius::Grant& grant, const config::IkeProfile& profile,
                                       const config::Accounting& accounting);

enum class Uniqueness : std::uint8_t {
  keep,            ///< all may stay
  replace,         ///< the older ones end
  reject,          ///< the newer one does
  replace_origin,  ///< those from the same outer address end: the peer says that it starts afresh
};
/// What a login does to older sessions of the same user in the same profile. INITIAL_CONTACT (RFC 7296 §2.4) replaces
/// also under `reject`, and under `keep` those that came from the same address: it speaks for one device, not for all
/// that share the user's name.
[[nodiscard]] Uniqueness choose_uniqueness(std::string_view unique, bool initial_contact, std::string_view user_name);

}  // namespace controlplane::session
