// AlgorithmIdentifiers (RFC 5280 §4.1.1.2) that IKEv2 signatures name (RFC 7427 Appendix A, RFC 4055 §3.1 for
// RSASSA-PSS).

#include "controlplane/crypto/signature_algorithm.hpp"

#include <array>
#include <optional>

#include <openssl/rsa.h>

#include "controlplane/crypto/native.hpp"

namespace controlplane::crypto {
namespace {

using AlgorithmPtr = std::unique_ptr<X509_ALGOR, Deleter<&X509_ALGOR_free>>;
using PssPtr = std::unique_ptr<RSA_PSS_PARAMS, Deleter<&RSA_PSS_PARAMS_free>>;

struct Known {
  int nid;
  Scheme scheme;
  Hash hash;
};

constexpr Known kKnown[] = {
    {NID_sha1WithRSAEncryption, Scheme::rsa_pkcs1, Hash::sha1},
    {NID_sha256WithRSAEncryption, Scheme::rsa_pkcs1, Hash::sha2_256},
    {NID_sha384WithRSAEncryption, Scheme::rsa_pkcs1, Hash::sha2_384},
    {NID_sha512WithRSAEncryption, Scheme::rsa_pkcs1, Hash::sha2_512},
    {NID_ecdsa_with_SHA1, Scheme::ecdsa, Hash::sha1},
    {NID_ecdsa_with_SHA256, Scheme::ecdsa, Hash::sha2_256},
    {NID_ecdsa_with_SHA384, Scheme::ecdsa, Hash::sha2_384},
    {NID_ecdsa_with_SHA512, Scheme::ecdsa, Hash::sha2_512},
};

std::optional<Hash> hash_of(const X509_ALGOR* algorithm) noexcept {
  if (algorithm == nullptr) return Hash::sha1;  // RFC 4055 §3.1: the default
  switch (OBJ_obj2nid(algorithm->algorithm)) {
    case NID_sha1:
      return Hash::sha1;
    case NID_sha256:
      return Hash::sha2_256;
    case NID_sha384:
      return Hash::sha2_384;
    case NID_sha512:
      return Hash::sha2_512;
    default:
      return std::nullopt;
  }
}

/// MGF1 with the hash in its parameters.
std::optional<Hash> mask_hash_of(const X509_ALGOR* mask) {
  if (mask == nullptr) return Hash::sha1;
  if (OBJ_obj2nid(mask->algorithm) != NID_mgf1) return std::nullopt;
  const AlgorithmPtr inner(
      static_cast<X509_ALGOR*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), mask->parameter)));
  return inner ? hash_of(inner.get()) : std::nullopt;
}

Result<SignatureAlgorithm> parse_pss(const X509_ALGOR& algorithm) {
  const PssPtr pss(
      static_cast<RSA_PSS_PARAMS*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm.parameter)));
  if (!pss) return std::unexpected(CryptoError::bad_encoding);
  const auto hash = hash_of(pss->hashAlgorithm);
  const auto mask_hash = mask_hash_of(pss->maskGenAlgorithm);
  // One hash for both is what RFC 7427 Appendix A.4 shows and what every implementation sends.
  if (!hash || !mask_hash || *hash != *mask_hash) return std::unexpected(CryptoError::unsupported);
  const long salt = pss->saltLength == nullptr ? 20 : ASN1_INTEGER_get(pss->saltLength);
  const long trailer = pss->trailerField == nullptr ? 1 : ASN1_INTEGER_get(pss->trailerField);
  if (salt < 0 || salt > 512 || trailer != 1) return std::unexpected(CryptoError::bad_encoding);
  return SignatureAlgorithm{Scheme::rsa_pss, *hash, static_cast<int>(salt)};
}

/// RSA PKCS1 has NULL (RFC 4055 §5; absent is tolerated there), ECDSA nothing (RFC 5758 §3.2).
bool parameters_fit(const Known& known, const X509_ALGOR& algorithm) noexcept {
  const int type = algorithm.parameter == nullptr ? V_ASN1_UNDEF : algorithm.parameter->type;
  return type == V_ASN1_UNDEF || (known.scheme == Scheme::rsa_pkcs1 && type == V_ASN1_NULL);
}

}  // namespace

Result<SignatureAlgorithm> parse_algorithm(common::ByteView der) {
  const std::uint8_t* at = der.data();
  const AlgorithmPtr algorithm(der.empty() ? nullptr : d2i_X509_ALGOR(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!algorithm || at != der.data() + der.size()) return std::unexpected(CryptoError::bad_encoding);
  const int nid = OBJ_obj2nid(algorithm->algorithm);
  if (nid == NID_rsassaPss) {
    auto parsed = parse_pss(*algorithm);
    ERR_clear_error();
    return parsed;
  }
  for (const Known& known : kKnown) {
    if (known.nid != nid) continue;
    if (!parameters_fit(known, *algorithm)) return std::unexpected(CryptoError::bad_encoding);
    return SignatureAlgorithm{known.scheme, known.hash, 0};
  }
  return std::unexpected(CryptoError::unsupported);
}

common::ByteView algorithm_der(Scheme scheme, Hash hash) noexcept {
  // RFC 7427 §A.1.2 to §A.1.4 and §A.3.2 to §A.3.4
  static constexpr std::uint8_t kRsa[3][15] = {
      {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00},
      {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05, 0x00},
      {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d, 0x05, 0x00}};
  static constexpr std::uint8_t kEcdsa[3][12] = {
      {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02},
      {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03},
      {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04}};
  if (hash == Hash::sha1) return {};
  const auto row = static_cast<std::size_t>(hash) - static_cast<std::size_t>(Hash::sha2_256);
  if (scheme == Scheme::ecdsa) return kEcdsa[row];
  return scheme == Scheme::rsa_pkcs1 ? common::ByteView(kRsa[row]) : common::ByteView();
}

}  // namespace controlplane::crypto
