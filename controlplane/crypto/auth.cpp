// The AUTH payload: shared keys, and signatures in their four shapes: RSA PKCS1 (method 1), raw ECDSA (9, 10, 11), and
// those that name their algorithm (14).

#include "controlplane/crypto/auth.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include "controlplane/crypto/native.hpp"
#include "controlplane/crypto/signature_algorithm.hpp"

namespace controlplane::crypto {
namespace {

using common::ByteView;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Deleter<&ECDSA_SIG_free>>;

std::unexpected<CryptoError> fail(CryptoError error) noexcept {
  ERR_clear_error();
  return std::unexpected(error);
}

/// A curve of RFC 4754: its method, its hash, and the octets of r and of s.
struct Curve {
  AuthMethod method;
  Hash hash;
  std::size_t octets;
  int bits;
};
constexpr Curve kCurves[] = {{AuthMethod::ecdsa_256, Hash::sha2_256, 32, 256},
                             {AuthMethod::ecdsa_384, Hash::sha2_384, 48, 384},
                             {AuthMethod::ecdsa_521, Hash::sha2_512, 66, 521}};

bool is_rsa(const EVP_PKEY* key) noexcept { return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA; }

/// nullopt for a key that is not on one of the three NIST curves.
std::optional<Curve> curve_of(const EVP_PKEY* key) noexcept {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return std::nullopt;
  std::array<char, 64> name{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) return std::nullopt;
  const int nid = OBJ_txt2nid(name.data());
  for (const Curve& curve : kCurves) {
    const int wanted = curve.bits == 256 ? NID_X9_62_prime256v1 : curve.bits == 384 ? NID_secp384r1 : NID_secp521r1;
    if (nid == wanted) return curve;
  }
  return std::nullopt;
}

bool set_padding(EVP_PKEY_CTX* context, const SignatureAlgorithm& algorithm) noexcept {
  switch (algorithm.scheme) {
    case Scheme::ecdsa:
      return true;
    case Scheme::rsa_pkcs1:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    case Scheme::rsa_pss:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(context, native_digest(algorithm.hash)) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, algorithm.salt_octets) == 1;
  }
  return false;
}

/// ECDSA signatures are DER here (Ecdsa-Sig-Value), as OpenSSL and RFC 7427 have them.
bool verify(EVP_PKEY* key, const SignatureAlgorithm& algorithm, ByteView signature, ByteView octets) noexcept {
  const MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  const bool good =
      context && EVP_DigestVerifyInit(context.get(), &key_context, native_digest(algorithm.hash), nullptr, key) == 1 &&
      set_padding(key_context, algorithm) &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), octets.data(), octets.size()) == 1;
  ERR_clear_error();
  return good;
}

Result<common::Bytes> sign(EVP_PKEY* key, const SignatureAlgorithm& algorithm, ByteView octets) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  common::Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t size = signature.size();
  if (!context || EVP_DigestSignInit(context.get(), &key_context, native_digest(algorithm.hash), nullptr, key) != 1 ||
      !set_padding(key_context, algorithm) ||
      EVP_DigestSign(context.get(), signature.data(), &size, octets.data(), octets.size()) != 1)
    return fail(CryptoError::library);
  signature.resize(size);
  return signature;
}

/// r|s, each padded to the curve's size (RFC 4754 §7), from DER.
Result<common::Bytes> raw_of(const Curve& curve, ByteView der) {
  const std::uint8_t* at = der.data();
  const SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  common::Bytes raw(2 * curve.octets);
  const int octets = static_cast<int>(curve.octets);
  if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), octets) != octets ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + octets, octets) != octets)
    return fail(CryptoError::library);
  return raw;
}

Result<common::Bytes> der_of(const Curve& curve, ByteView raw) {
  if (raw.size() != 2 * curve.octets) return fail(CryptoError::bad_encoding);
  const int octets = static_cast<int>(curve.octets);
  const SignaturePtr signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(raw.data(), octets, nullptr);
  BIGNUM* s = BN_bin2bn(raw.data() + octets, octets, nullptr);
  if (!signature || ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return fail(CryptoError::library);
  }
  std::uint8_t* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return fail(CryptoError::library);
  common::Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

/// The hash that both sides have: for ECDSA the curve's own where the peer has it, else the first of ours.
std::optional<Hash> choose_hash(std::span<const std::uint16_t> peer_hashes, const std::optional<Curve>& curve) {
  const auto offered = [&](std::uint16_t hash) { return std::ranges::find(peer_hashes, hash) != peer_hashes.end(); };
  if (curve && offered(static_cast<std::uint16_t>(curve->hash))) return curve->hash;
  for (const std::uint16_t hash : our_signature_hashes())
    if (offered(hash)) return Hash{hash};
  return std::nullopt;
}

Result<AuthData> sign_named(EVP_PKEY* key, const SignatureAlgorithm& algorithm, ByteView octets) {
  const ByteView name = algorithm_der(algorithm.scheme, algorithm.hash);
  const auto signature = sign(key, algorithm, octets);
  if (!signature) return std::unexpected(signature.error());
  common::ByteWriter out(1 + name.size() + signature->size());
  out.u8(static_cast<std::uint8_t>(name.size()));  // RFC 7427 §3
  out.bytes(name);
  out.bytes(*signature);
  return AuthData{AuthMethod::digital_signature, out.take()};
}

Result<void> verify_rsa(EVP_PKEY* key, ByteView signature, ByteView octets, bool peer_offered_hashes) {
  if (!is_rsa(key)) return fail(CryptoError::unsupported);
  // The hash is not named outside of the signature (RFC 7296 §3.8: SHA-1 by default, others are allowed).
  for (const Hash hash : {Hash::sha1, Hash::sha2_256, Hash::sha2_384, Hash::sha2_512}) {
    if (!verify(key, {Scheme::rsa_pkcs1, hash, 0}, signature, octets)) continue;
    if (hash == Hash::sha1 && peer_offered_hashes) return fail(CryptoError::weak);
    return {};
  }
  return fail(CryptoError::bad_signature);
}

Result<void> verify_ecdsa(EVP_PKEY* key, AuthMethod method, ByteView raw, ByteView octets) {
  const auto curve = curve_of(key);
  if (!curve || curve->method != method) return fail(CryptoError::unsupported);
  const auto der = der_of(*curve, raw);
  if (!der) return std::unexpected(der.error());
  if (!verify(key, {Scheme::ecdsa, curve->hash, 0}, *der, octets)) return fail(CryptoError::bad_signature);
  return {};
}

Result<void> verify_named(EVP_PKEY* key, ByteView data, ByteView octets) {
  common::ByteReader in(data);
  const auto length = in.u8();
  const auto name = length ? in.take(*length) : std::nullopt;
  if (!name || in.empty()) return fail(CryptoError::bad_encoding);
  const auto algorithm = parse_algorithm(*name);
  if (!algorithm) return std::unexpected(algorithm.error());
  // We never offer SHA-1 (RFC 8247 §3.2.1: MUST NOT).
  if (algorithm->hash == Hash::sha1) return fail(CryptoError::weak);
  const bool fits = algorithm->scheme == Scheme::ecdsa ? curve_of(key).has_value() : is_rsa(key);
  if (!fits) return fail(CryptoError::unsupported);
  if (!verify(key, *algorithm, in.rest(), octets)) return fail(CryptoError::bad_signature);
  return {};
}

}  // namespace

std::span<const std::uint16_t> our_signature_hashes() noexcept {
  static constexpr std::uint16_t kHashes[] = {static_cast<std::uint16_t>(Hash::sha2_256),
                                              static_cast<std::uint16_t>(Hash::sha2_384),
                                              static_cast<std::uint16_t>(Hash::sha2_512)};
  return kHashes;
}

common::Bytes signed_octets(ByteView message, ByteView nonce, Prf id, ByteView sk_p, ByteView id_octets) {
  const auto maced_id = prf(id, sk_p, {id_octets});
  common::ByteWriter out(message.size() + nonce.size() + maced_id.size());
  out.bytes(message);
  out.bytes(nonce);
  out.bytes(maced_id.view());
  return out.take();
}

common::SecretBytes shared_key_auth(Prf id, ByteView shared_secret, ByteView octets) {
  const auto padded = prf(id, shared_secret, {common::as_bytes("Key Pad for IKEv2")});
  return prf(id, padded.view(), {octets});
}

Result<AuthData> sign_auth(const Credential& credential, std::span<const std::uint16_t> peer_hashes, ByteView octets) {
  EVP_PKEY* key = credential.native_key();
  const auto curve = curve_of(key);
  if (!curve && !is_rsa(key)) return fail(CryptoError::unsupported);
  const Scheme scheme = curve ? Scheme::ecdsa : Scheme::rsa_pkcs1;
  if (!peer_hashes.empty()) {
    const auto hash = choose_hash(peer_hashes, curve);
    if (!hash) return fail(CryptoError::unsupported);
    return sign_named(key, {scheme, *hash, 0}, octets);
  }
  const auto signature = sign(key, {scheme, curve ? curve->hash : Hash::sha1, 0}, octets);
  if (!signature) return std::unexpected(signature.error());
  if (!curve) return AuthData{AuthMethod::rsa, *signature};
  auto raw = raw_of(*curve, *signature);
  if (!raw) return std::unexpected(raw.error());
  return AuthData{curve->method, std::move(*raw)};
}

Result<void> verify_auth(const Certificate& certificate, std::uint8_t method, ByteView data, ByteView octets,
                         bool peer_offered_hashes) {
  EVP_PKEY* key = X509_get0_pubkey(certificate.native());
  if (key == nullptr) return fail(CryptoError::unsupported);
  switch (AuthMethod{method}) {
    case AuthMethod::rsa:
      return verify_rsa(key, data, octets, peer_offered_hashes);
    case AuthMethod::ecdsa_256:
    case AuthMethod::ecdsa_384:
    case AuthMethod::ecdsa_521:
      return verify_ecdsa(key, AuthMethod{method}, data, octets);
    case AuthMethod::digital_signature:
      return verify_named(key, data, octets);
    default:
      return fail(CryptoError::unsupported);
  }
}

}  // namespace controlplane::crypto
