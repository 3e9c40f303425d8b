// Our certificate and key: read from PEM, checked against each other, chosen by CERTREQ, judged for --check.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "controlplane/crypto/certificate.hpp"
#include "controlplane/crypto/native.hpp"
#include "controlplane/crypto/pem.hpp"

namespace controlplane::crypto {
namespace {

BioPtr bio_of(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

/// Keys are not encrypted: there is nobody to ask at start-up.
int no_password(char*, int, int, void*) { return -1; }

bool others_can_reach(const std::filesystem::path& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0 && (facts.st_mode & (S_IROTH | S_IWOTH)) != 0;
}

std::expected<PkeyPtr, std::string> read_key(std::string_view pem) {
  const BioPtr bio = bio_of(pem);
  PkeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr) : nullptr);
  ERR_clear_error();
  if (!key) return std::unexpected("holds no private key in PEM form without a password");
  const int type = EVP_PKEY_get_base_id(key.get());
  if (type != EVP_PKEY_RSA && type != EVP_PKEY_EC) return std::unexpected("holds a key that is neither RSA nor ECDSA");
  return key;
}

bool has_extended_usage(X509* x509, std::uint32_t usage) {
  return (X509_get_extension_flags(x509) & EXFLAG_XKUSAGE) != 0 && (X509_get_extended_key_usage(x509) & usage) != 0;
}

/// Sizes below 112 bits of security (RSA 2048): peers refuse them (NIST SP 800-57 Part 1 §5.6.1).
bool is_weak_key(const Certificate& certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate.native());
  return key == nullptr || EVP_PKEY_get_security_bits(key) < 112;
}

bool is_signed_with_sha1(const Certificate& certificate) {
  int digest_nid = NID_undef;
  return X509_get_signature_info(certificate.native(), &digest_nid, nullptr, nullptr, nullptr) == 1 &&
         (digest_nid == NID_sha1 || digest_nid == NID_md5);
}

}  // namespace

std::expected<std::string, std::string> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::unexpected(fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::expected<std::vector<Certificate>, std::string> read_certificates(std::string_view pem) {
  const BioPtr bio = bio_of(pem);
  std::vector<Certificate> certificates;
  while (bio) {
    X509Ptr x509(PEM_read_bio_X509(bio.get(), nullptr, &no_password, nullptr));
    if (!x509) break;
    X509_check_purpose(x509.get(), -1, 0);  // parses the extensions once
    if ((X509_get_extension_flags(x509.get()) & EXFLAG_INVALID) != 0)
      return std::unexpected("holds a certificate with broken extensions");
    certificates.emplace_back(std::shared_ptr<X509>(std::move(x509)));
  }
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!ended) return std::unexpected("holds a broken certificate");
  if (certificates.empty()) return std::unexpected("holds no certificate in PEM form");
  return certificates;
}

std::expected<Credential, std::string> Credential::from_pem(std::string_view certificates, std::string_view key) {
  auto chain = read_certificates(certificates);
  if (!chain) return std::unexpected("certificate: " + chain.error());
  auto private_key = read_key(key);
  if (!private_key) return std::unexpected("key: " + private_key.error());
  const bool fits = X509_check_private_key(chain->front().native(), private_key->get()) == 1;
  ERR_clear_error();
  if (!fits) return std::unexpected("the key does not belong to the first certificate");
  Credential credential;
  credential.chain_ = std::move(*chain);
  credential.key_ = std::shared_ptr<EVP_PKEY>(std::move(*private_key));
  return credential;
}

std::expected<Credential, std::string> Credential::load(const std::filesystem::path& certificate,
                                                        const std::filesystem::path& key) {
  const auto certificate_text = read_file(certificate);
  if (!certificate_text) return std::unexpected(certificate_text.error());
  if (others_can_reach(key))
    return std::unexpected(fmt::format("{}: others can read or write it (chmod 600)", key.string()));
  auto key_text = read_file(key);
  if (!key_text) return std::unexpected(key_text.error());
  auto credential = from_pem(*certificate_text, *key_text);
  OPENSSL_cleanse(key_text->data(), key_text->size());
  if (!credential)
    return std::unexpected(fmt::format("{}, {}: {}", certificate.string(), key.string(), credential.error()));
  return credential;
}

bool Credential::satisfies(std::span<const KeyHash> certreq, const Trust& known) const {
  if (certreq.empty()) return true;
  const auto asked_for = [&](const Certificate& authority) {
    return std::ranges::find(certreq, authority.key_hash()) != certreq.end();
  };
  if (std::ranges::any_of(chain_, asked_for)) return true;
  for (const Certificate& authority : known.authorities())
    for (const Certificate& member : chain_)
      if (X509_check_issued(authority.native(), member.native()) == X509_V_OK && asked_for(authority)) return true;
  return false;
}

std::vector<std::string> Credential::problems(IdKind kind, common::ByteView identity_local,
                                              common::WallTime now) const {
  std::vector<std::string> found;
  X509* x509 = leaf().native();
  std::time_t when = std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::seconds>(now));
  if (!leaf().carries(kind, identity_local))
    found.emplace_back("identity-local is not among the names of the certificate: clients will refuse it");
  if (!has_extended_usage(x509, XKU_SSL_SERVER | XKU_ANYEKU))
    found.emplace_back("the certificate has no extended key usage serverAuth: Windows and iOS refuse it");
  if (X509_cmp_time(X509_get0_notAfter(x509), &when) <= 0) found.emplace_back("the certificate has expired");
  if (X509_cmp_time(X509_get0_notBefore(x509), &when) > 0) found.emplace_back("the certificate is not valid yet");
  if ((X509_get_key_usage(x509) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0)
    found.emplace_back("the certificate's key usage does not allow digital signatures");
  if (std::ranges::any_of(chain_, is_weak_key))
    found.emplace_back("a key of the chain has less than 112 bits of strength (RSA below 2048)");
  const auto signed_by_others = [](const Certificate& certificate) {
    return (X509_get_extension_flags(certificate.native()) & EXFLAG_SS) == 0;
  };
  if (std::ranges::any_of(chain_, [&](const Certificate& c) { return signed_by_others(c) && is_signed_with_sha1(c); }))
    found.emplace_back("a certificate of the chain is signed with SHA-1 or MD5");
  for (std::size_t i = 0; i + 1 < chain_.size(); ++i)
    if (X509_check_issued(chain_[i + 1].native(), chain_[i].native()) != X509_V_OK)
      found.emplace_back(fmt::format("certificate {} of the file does not issue the one before it", i + 2));
  return found;
}

}  // namespace controlplane::crypto
