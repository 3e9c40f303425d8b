// One certificate: what it says about itself, and whether it carries an identity (RFC 4945 §3.1, RFC 5280 §7).

#include "controlplane/crypto/certificate.hpp"

#include <algorithm>
#include <cctype>
#include <ctime>

#include "controlplane/crypto/dn.hpp"
#include "controlplane/crypto/native.hpp"

namespace controlplane::crypto {
namespace {

using common::ByteView;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<&GENERAL_NAMES_free>>;

ByteView view_of(const ASN1_STRING* text) noexcept {
  return {ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// DER of any of OpenSSL's objects.
template <class T>
common::Bytes encode(int (*encoder)(const T*, std::uint8_t**), const T* object) {
  std::uint8_t* der = nullptr;
  const int size = encoder(object, &der);
  if (size <= 0) return {};
  common::Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

bool equal_without_case(ByteView a, ByteView b) noexcept {
  return std::ranges::equal(a, b, [](std::uint8_t x, std::uint8_t y) { return std::tolower(x) == std::tolower(y); });
}

/// The part before "@" counts case, the host does not (RFC 5280 §7.5).
bool equal_email(ByteView a, ByteView b) noexcept {
  const auto at = common::as_text(a).rfind('@');
  if (at == std::string_view::npos || a.size() != b.size()) return std::ranges::equal(a, b);
  return std::ranges::equal(a.first(at), b.first(at)) && equal_without_case(a.subspan(at), b.subspan(at));
}

NamesPtr alternative_names(const X509* x509) {
  return NamesPtr(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)));
}

bool carries(const GENERAL_NAME* name, IdKind kind, ByteView data) {
  switch (kind) {
    case IdKind::fqdn:
      return name->type == GEN_DNS && equal_without_case(view_of(name->d.dNSName), data);
    case IdKind::email:
      return name->type == GEN_EMAIL && equal_email(view_of(name->d.rfc822Name), data);
    case IdKind::ipv4:
    case IdKind::ipv6:
      return name->type == GEN_IPADD && std::ranges::equal(view_of(name->d.iPAddress), data);
    case IdKind::general_name:
      return std::ranges::equal(encode(&i2d_GENERAL_NAME, name), data);
    default:
      return false;
  }
}

std::optional<Certificate::Name> identity_of(const GENERAL_NAME* name) {
  const auto copy = [](const ASN1_STRING* text) { return common::Bytes(view_of(text).begin(), view_of(text).end()); };
  switch (name->type) {
    case GEN_DNS:
      return Certificate::Name{IdKind::fqdn, copy(name->d.dNSName)};
    case GEN_EMAIL:
      return Certificate::Name{IdKind::email, copy(name->d.rfc822Name)};
    case GEN_IPADD:
      if (view_of(name->d.iPAddress).size() == 4) return Certificate::Name{IdKind::ipv4, copy(name->d.iPAddress)};
      if (view_of(name->d.iPAddress).size() == 16) return Certificate::Name{IdKind::ipv6, copy(name->d.iPAddress)};
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<Certificate> Certificate::from_der(ByteView der) {
  const std::uint8_t* at = der.data();
  X509Ptr x509(der.empty() ? nullptr : d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  // Extensions are parsed here once: afterwards the object is only read, by any thread.
  const bool good = x509 && at == der.data() + der.size() && X509_check_purpose(x509.get(), -1, 0) == 1 &&
                    (X509_get_extension_flags(x509.get()) & EXFLAG_INVALID) == 0;
  ERR_clear_error();
  if (!good) return std::unexpected(CryptoError::bad_certificate);
  return Certificate(std::shared_ptr<X509>(std::move(x509)));
}

common::Bytes Certificate::der() const { return encode(&i2d_X509, static_cast<const X509*>(x509_.get())); }

KeyHash Certificate::key_hash() const {
  return sha1({encode(&i2d_X509_PUBKEY, static_cast<const X509_PUBKEY*>(X509_get_X509_PUBKEY(x509_.get())))});
}

common::Bytes Certificate::subject() const {
  return encode(&i2d_X509_NAME, static_cast<const X509_NAME*>(X509_get_subject_name(x509_.get())));
}

std::string Certificate::subject_text() const { return dn_to_text(subject()).value_or("?"); }

std::string Certificate::issuer_text() const {
  return dn_to_text(encode(&i2d_X509_NAME, static_cast<const X509_NAME*>(X509_get_issuer_name(x509_.get()))))
      .value_or("?");
}

Certificate::Name Certificate::default_identity() const {
  const NamesPtr names = alternative_names(x509_.get());
  for (const int type : {GEN_DNS, GEN_EMAIL, GEN_IPADD})
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
      const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
      if (name->type != type) continue;
      if (auto identity = identity_of(name)) return std::move(*identity);
    }
  return {IdKind::dn, subject()};
}

common::WallTime Certificate::not_after() const {
  std::tm broken{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(x509_.get()), &broken) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&broken));
}

bool Certificate::carries(IdKind kind, ByteView data) const {
  if (data.empty()) return false;
  if (kind == IdKind::dn) return dn_equal(subject(), data);
  if (kind == IdKind::key_id) {
    const ASN1_OCTET_STRING* id = X509_get0_subject_key_id(x509_.get());
    return id != nullptr && std::ranges::equal(view_of(id), data);
  }
  const NamesPtr names = alternative_names(x509_.get());
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i)
    if (crypto::carries(sk_GENERAL_NAME_value(names.get(), i), kind, data)) return true;
  return false;
}

std::vector<KeyHash> parse_certreq(ByteView authorities) {
  std::vector<KeyHash> hashes(authorities.size() / sizeof(KeyHash));
  for (std::size_t i = 0; i < hashes.size(); ++i)
    std::ranges::copy(authorities.subspan(i * sizeof(KeyHash), sizeof(KeyHash)), hashes[i].begin());
  return hashes;
}

}  // namespace controlplane::crypto
