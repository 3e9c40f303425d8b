#pragma once
// OpenSSL's objects as values that free themselves, and its algorithms fetched once. Inside this room only.

#include <memory>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/bytes.hpp"
#include "controlplane/crypto/prf.hpp"

namespace controlplane::crypto {

template <auto Free>
struct Deleter {
  void operator()(auto* object) const noexcept { Free(object); }
};

using PkeyPtr = std::unique_ptr<EVP_PKEY, Deleter<&EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Deleter<&EVP_PKEY_CTX_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, Deleter<&EVP_CIPHER_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, Deleter<&EVP_MD_CTX_free>>;
using MacCtxPtr = std::unique_ptr<EVP_MAC_CTX, Deleter<&EVP_MAC_CTX_free>>;
using BnPtr = std::unique_ptr<BIGNUM, Deleter<&BN_clear_free>>;
using BnCtxPtr = std::unique_ptr<BN_CTX, Deleter<&BN_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<&X509_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, Deleter<&X509_STORE_free>>;
using X509StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, Deleter<&X509_STORE_CTX_free>>;
using X509NamePtr = std::unique_ptr<X509_NAME, Deleter<&X509_NAME_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<&BIO_free_all>>;

/// The fetched digest: EVP_sha256() would be fetched anew in each call (OpenSSL 3, crypto(7) "Implicit fetching").
[[nodiscard]] const EVP_MD* native_digest(Hash hash) noexcept;

/// Ends the process: the library cannot do what every key derivation needs (memory or its provider is gone).
[[noreturn]] void library_is_broken(const char* what) noexcept;

/// A pointer that is never null: OpenSSL takes a null key for "the one from before".
[[nodiscard]] inline const std::uint8_t* data_of(common::ByteView octets) noexcept {
  static constexpr std::uint8_t kNothing = 0;
  return octets.empty() ? &kNothing : octets.data();
}

}  // namespace controlplane::crypto
