// The CAs that we believe, and whether a peer's chain leads to one of them.

#include <chrono>
#include <ctime>

#include <fmt/format.h>

#include "controlplane/crypto/certificate.hpp"
#include "controlplane/crypto/native.hpp"
#include "controlplane/crypto/pem.hpp"

namespace controlplane::crypto {
namespace {

constexpr int kMaxDepth = 8;
constexpr int kSecurityLevel = 2;  ///< 112 bits: RSA from 2048, no SHA-1 (SSL_CTX_set_security_level(3))

struct StackDeleter {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }  // not the certificates: borrowed
};
using StackPtr = std::unique_ptr<STACK_OF(X509), StackDeleter>;

CryptoError error_of(int verify_error) noexcept {
  switch (verify_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
      return CryptoError::expired;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      return CryptoError::bad_purpose;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return CryptoError::weak;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return CryptoError::bad_signature;
    default:
      return CryptoError::untrusted;
  }
}

/// id-kp-ipsecIKE (RFC 4945 §5.1.3.12) and the older iKEIntermediate, which no flag of OpenSSL names.
bool has_ike_usage(X509* x509) {
  constexpr const char* kUsages[] = {"1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.8.2.2"};
  using UsagesPtr = std::unique_ptr<EXTENDED_KEY_USAGE, Deleter<&EXTENDED_KEY_USAGE_free>>;
  const UsagesPtr usages(static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(x509, NID_ext_key_usage, nullptr, nullptr)));
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    char text[64] = {};
    OBJ_obj2txt(text, sizeof text, sk_ASN1_OBJECT_value(usages.get(), i), 1);
    for (const char* usage : kUsages)
      if (std::string_view(text) == usage) return true;
  }
  return false;
}

/// What the leaf may be used for. OpenSSL's own purpose "SSL client" would refuse anyExtendedKeyUsage.
bool may_authenticate_a_client(X509* x509) {
  const bool limited = (X509_get_extension_flags(x509) & EXFLAG_XKUSAGE) != 0;
  if (limited && (X509_get_extended_key_usage(x509) & (XKU_SSL_CLIENT | XKU_ANYEKU)) == 0 && !has_ike_usage(x509))
    return false;
  return (X509_get_key_usage(x509) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0;  // all bits where it is absent
}

}  // namespace

Trust Trust::of(std::vector<Certificate> authorities) {
  Trust trust;
  trust.authorities_ = std::move(authorities);
  X509StorePtr store(X509_STORE_new());
  if (!store) library_is_broken("X509_STORE_new");
  for (const Certificate& authority : trust.authorities_) X509_STORE_add_cert(store.get(), authority.native());
  // A configured CA is an end of the chain even where it is not self-signed.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  ERR_clear_error();
  trust.store_ = std::shared_ptr<X509_STORE>(std::move(store));
  return trust;
}

std::expected<Trust, std::string> Trust::load(std::span<const std::filesystem::path> files) {
  std::vector<Certificate> authorities;
  for (const std::filesystem::path& file : files) {
    const auto text = read_file(file);
    if (!text) return std::unexpected(text.error());
    const auto certificates = read_certificates(*text);
    if (!certificates) return std::unexpected(fmt::format("{}: {}", file.string(), certificates.error()));
    for (const Certificate& certificate : *certificates)
      if (X509_check_ca(certificate.native()) == 0)
        return std::unexpected(
            fmt::format("{}: {} is not a CA certificate", file.string(), certificate.subject_text()));
    authorities.insert(authorities.end(), certificates->begin(), certificates->end());
  }
  return of(std::move(authorities));
}

common::Bytes Trust::certreq() const {
  common::Bytes hashes;
  for (const Certificate& authority : authorities_) {
    const KeyHash hash = authority.key_hash();
    hashes.insert(hashes.end(), hash.begin(), hash.end());
  }
  return hashes;
}

Result<void> Trust::verify(const Certificate& leaf, std::span<const Certificate> intermediates,
                           common::WallTime now) const {
  const StackPtr untrusted(sk_X509_new_null());
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  bool good = untrusted && context;
  for (const Certificate& certificate : intermediates)
    good = good && sk_X509_push(untrusted.get(), certificate.native()) > 0;
  good = good && X509_STORE_CTX_init(context.get(), store_.get(), leaf.native(), untrusted.get()) == 1;
  if (!good) {
    ERR_clear_error();
    return std::unexpected(CryptoError::library);
  }
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(
      rules, std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::seconds>(now)));
  X509_VERIFY_PARAM_set_depth(rules, kMaxDepth);
  X509_VERIFY_PARAM_set_auth_level(rules, kSecurityLevel);
  const bool verified = X509_verify_cert(context.get()) == 1;
  const int why = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (!verified) return std::unexpected(error_of(why));
  if (!may_authenticate_a_client(leaf.native())) return std::unexpected(CryptoError::bad_purpose);
  return {};
}

}  // namespace controlplane::crypto
