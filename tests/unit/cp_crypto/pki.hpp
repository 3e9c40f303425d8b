#pragma once
// Certificates made in memory, for tests: CAs, intermediates, leaves with any names, usages, dates and keys.

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "controlplane/crypto/certificate.hpp"

namespace pki {

using Key = std::shared_ptr<EVP_PKEY>;

inline Key rsa_key(unsigned bits = 2048) { return {EVP_RSA_gen(bits), &EVP_PKEY_free}; }
inline Key ec_key(const char* curve = "P-256") { return {EVP_EC_gen(curve), &EVP_PKEY_free}; }

/// What a certificate says. Times are seconds from `kNow`.
struct Wish {
  std::string common_name = "test";
  bool ca = false;
  std::string alternative_names;  ///< as openssl.cnf writes it: "DNS:gw.example.org,IP:192.0.2.1"; empty: none
  std::string extended_usage;     ///< "serverAuth,clientAuth"; empty: none
  std::string usage;              ///< "digitalSignature"; empty: none
  long not_before = -3600;
  long not_after = 86'400;
  const EVP_MD* digest = EVP_sha256();
};

/// The time that tests call now: 2026-01-01.
inline constexpr std::time_t kNow = 1'767'225'600;
inline common::WallTime now(long offset_seconds = 0) {
  return std::chrono::system_clock::from_time_t(kNow + offset_seconds);
}

struct Issued {
  std::shared_ptr<X509> x509;
  Key key;

  [[nodiscard]] controlplane::crypto::Certificate certificate() const {
    std::uint8_t* der = nullptr;
    const int size = i2d_X509(x509.get(), &der);
    const common::Bytes octets(der, der + size);
    OPENSSL_free(der);
    return controlplane::crypto::Certificate::from_der(octets).value();
  }
  [[nodiscard]] std::string pem() const {
    return text([&](BIO* bio) { PEM_write_bio_X509(bio, x509.get()); });
  }
  [[nodiscard]] std::string key_pem(const char* password = nullptr) const {
    return text([&](BIO* bio) {
      PEM_write_bio_PKCS8PrivateKey(bio, key.get(), password == nullptr ? nullptr : EVP_aes_128_cbc(), password,
                                    password == nullptr ? 0 : static_cast<int>(std::string(password).size()), nullptr,
                                    nullptr);
    });
  }

 private:
  template <class Write>
  static std::string text(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), &BIO_free_all);
    write(bio.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
};

inline void add_extension(X509* x509, X509* issuer, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) std::abort();  // a test that asks for nonsense
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
}

/// @param issuer  nullptr: self-signed
inline Issued issue(const Wish& wish, Key key, const Issued* issuer = nullptr) {
  static long serial = 1;
  const std::shared_ptr<X509> x509(X509_new(), &X509_free);
  X509_set_version(x509.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), serial++);
  std::time_t now_seconds = kNow;
  X509_time_adj(X509_getm_notBefore(x509.get()), wish.not_before, &now_seconds);
  X509_time_adj(X509_getm_notAfter(x509.get()), wish.not_after, &now_seconds);
  X509_NAME* name = X509_get_subject_name(x509.get());
  for (const auto& [type, value] :
       {std::pair<const char*, std::string>{"C", "DE"}, {"O", "Test"}, {"CN", wish.common_name}})
    X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8, reinterpret_cast<const std::uint8_t*>(value.c_str()), -1, -1,
                               0);
  X509* by = issuer == nullptr ? x509.get() : issuer->x509.get();
  X509_set_issuer_name(x509.get(), X509_get_subject_name(by));
  X509_set_pubkey(x509.get(), key.get());
  add_extension(x509.get(), by, NID_basic_constraints, wish.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(x509.get(), by, NID_key_usage, wish.usage.empty() && wish.ca ? "keyCertSign" : wish.usage);
  add_extension(x509.get(), by, NID_ext_key_usage, wish.extended_usage);
  add_extension(x509.get(), by, NID_subject_alt_name, wish.alternative_names);
  add_extension(x509.get(), by, NID_subject_key_identifier, "hash");
  X509_sign(x509.get(), issuer == nullptr ? key.get() : issuer->key.get(), wish.digest);
  return {x509, std::move(key)};
}

}  // namespace pki
