// Pure decisions about a login.

#include "controlplane/session/policy.hpp"

#include <algorithm>

namespace controlplane::session {
namespace {

constexpr std::uint8_t kEapResponse = 2;
constexpr std::uint8_t kEapIdentity = 1;
constexpr std::chrono::seconds kShortestInterim{60};

/// The value of the first CN in an RFC 4514 text; a backslash quotes the character after it.
std::string common_name(std::string_view dn) {
  std::size_t at = 0;
  while (at < dn.size()) {
    while (at < dn.size() && (dn[at] == ' ' || dn[at] == ',' || dn[at] == '+' || dn[at] == '/')) ++at;
    const bool wanted = dn.size() - at > 3 && (dn[at] | 0x20) == 'c' && (dn[at + 1] | 0x20) == 'n' && dn[at + 2] == '=';
    if (wanted) at += 3;
    std::string value;
    for (; at < dn.size() && dn[at] != ',' && dn[at] != '+' && dn[at] != '/'; ++at) {
      if (dn[at] == '\\' && at + 1 < dn.size()) ++at;
      value += dn[at];
    }
    if (wanted && !value.empty()) return value;
  }
  return {};
}

}  // namespace

std::optional<std::string> eap_identity(common::ByteView packet) {
  common::ByteReader in(packet);
  const auto code = in.u8();
  const auto identifier = in.u8();
  const auto length = in.be16();
  const auto type = in.u8();
  if (!code || !identifier || !length || !type) return std::nullopt;
  if (*code != kEapResponse || *type != kEapIdentity || *length < 5 || *length > packet.size()) return std::nullopt;
  const auto identity = in.take(*length - 5U);
  return identity ? std::optional(std::string(common::as_text(*identity))) : std::nullopt;
}

std::string mangle(std::string_view identity, std::string_view mangler) {
  std::string part;
  if (mangler == "dn-cn") {
    part = common_name(identity);
  } else if (mangler == "email-user") {
    const auto at = identity.find('@');
    if (at != std::string_view::npos) part = identity.substr(0, at);
  } else if (mangler == "fqdn-host") {
    part = identity.substr(0, identity.find('.'));
  }
  return part.empty() ? std::string(identity) : part;
}

std::string choose_user_name(const std::string& accepted, const std::string& eap_identity, const std::string& idi) {
  if (!accepted.empty()) return accepted;
  return eap_identity.empty() ? idi : eap_identity;
}

bool is_anonymous(std::string_view user_name) {
  constexpr std::string_view kAnonymous = "anonymous";
  return user_name.empty() || (user_name.starts_with(kAnonymous) &&
                               (user_name.size() == kAnonymous.size() || user_name[kAnonymous.size()] == '@'));
}

bool is_particular(const common::IpAddress& framed) {
  return framed.is_v4() && framed.v4_host() < 0xFFFFFFFEU && framed.v4_host() != 0;
}

Timeouts choose_timeouts(const radius::Grant& grant, const config::IkeProfile& profile,
                         const config::Accounting& accounting) {
  Timeouts timeouts;
  timeouts.session = grant.session_timeout.value_or(profile.session_timeout);
  timeouts.idle = grant.idle_timeout.value_or(profile.idle_timeout);
  timeouts.interim = accounting.interim_interval.count() > 0 ? std::chrono::seconds(accounting.interim_interval)
                                                             : grant.interim_interval.value_or(std::chrono::seconds(0));
  if (timeouts.interim.count() > 0) timeouts.interim = std::max(timeouts.interim, kShortestInterim);
  return timeouts;
}

Uniqueness choose_uniqueness(std::string_view unique, bool initial_contact, std::string_view user_name) {
  if (is_anonymous(user_name)) return Uniqueness::keep;
  if (unique == "keep") return initial_contact ? Uniqueness::replace_origin : Uniqueness::keep;
  if (unique == "reject") return initial_contact ? Uniqueness::replace : Uniqueness::reject;
  return Uniqueness::replace;
}

}  // namespace controlplane::session
