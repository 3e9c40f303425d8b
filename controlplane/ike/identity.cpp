// Identities to text and back, and their patterns.

#include "controlplane/ike/identity.hpp"

#include <algorithm>
#include <utility>

#include "controlplane/crypto/dn.hpp"

namespace controlplane::ike {
namespace {

using std::string_view;

[[nodiscard]] char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

[[nodiscard]] bool is_printable(string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
}

/// Text that came from a peer, safe for a terminal and a log.
[[nodiscard]] std::string printable(common::ByteView data) {
  const string_view text = common::as_text(data);
  return is_printable(text) ? std::string(text) : "0x" + common::to_hex(data);
}

[[nodiscard]] bool is_address(wire::IdType type) noexcept {
  return type == wire::IdType::ipv4 || type == wire::IdType::ipv6;
}

}  // namespace

Identity Identity::of(const wire::Id& payload) {
  return {payload.type, common::Bytes(payload.data.begin(), payload.data.end())};
}

Identity Identity::parse(string_view text) {
  const auto make = [](wire::IdType type, common::ByteView data) {
    return Identity{type, common::Bytes(data.begin(), data.end())};
  };
  if (const auto address = common::IpAddress::parse(text))
    return make(address->is_v4() ? wire::IdType::ipv4 : wire::IdType::ipv6, address->bytes());
  if (text.find('=') != string_view::npos)
    if (const auto dn = crypto::dn_from_text(text)) return make(wire::IdType::der_asn1_dn, *dn);
  const bool email = text.find('@') != string_view::npos;
  return make(email ? wire::IdType::rfc822 : wire::IdType::fqdn, common::as_bytes(text));
}

std::string Identity::text() const {
  if (is_address(type)) {
    const auto address = common::IpAddress::from_bytes(data);
    if (address && address->is_v4() == (type == wire::IdType::ipv4)) return address->to_string();
  }
  if (type == wire::IdType::der_asn1_dn) {
    const auto dn = crypto::dn_to_text(data);
    if (dn && is_printable(*dn)) return *dn;
    return "0x" + common::to_hex(data);
  }
  return printable(data);
}

bool glob_matches(string_view glob, string_view text) noexcept {
  std::size_t g = 0;
  std::size_t t = 0;
  std::optional<std::pair<std::size_t, std::size_t>> star;  // behind the last star, and where its match ends now
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = {++g, t};
    } else if (g < glob.size() && lower(glob[g]) == lower(text[t])) {
      ++g;
      ++t;
    } else if (star) {
      g = star->first;
      t = ++star->second;
    } else {
      return false;
    }
  }
  return std::ranges::all_of(glob.substr(g), [](char c) { return c == '*'; });
}

Pattern::Pattern(string_view text) {
  static constexpr std::pair<string_view, wire::IdType> kTypes[] = {{"fqdn:", wire::IdType::fqdn},
                                                                    {"email:", wire::IdType::rfc822},
                                                                    {"dn:", wire::IdType::der_asn1_dn},
                                                                    {"address:", wire::IdType::ipv4}};
  for (const auto& [prefix, type] : kTypes) {
    if (!text.starts_with(prefix)) continue;
    type_ = type;
    text.remove_prefix(prefix.size());
    break;
  }
  glob_ = text;
  if (type_ == wire::IdType::ipv4) prefix_ = common::Prefix::parse(text);
  if (type_ == wire::IdType::der_asn1_dn && text.find('*') == string_view::npos)
    if (auto dn = crypto::dn_from_text(text)) dn_ = std::move(*dn);
}

bool Pattern::matches(const Identity& identity) const {
  if (!type_) return glob_matches(glob_, identity.text());
  if (*type_ == wire::IdType::ipv4) {
    if (!is_address(identity.type)) return false;
    const auto address = common::IpAddress::from_bytes(identity.data);
    if (prefix_ && address) return prefix_->contains(*address);
    return glob_matches(glob_, identity.text());
  }
  if (identity.type != *type_) return false;
  if (!dn_.empty()) return crypto::dn_equal(dn_, identity.data);
  return glob_matches(glob_, identity.text());
}

}  // namespace controlplane::ike
