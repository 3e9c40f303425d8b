// Diffie-Hellman over OpenSSL. A key pair is kept as octets (so that it can be stored, and needs no library object
// while it waits for the peer); OpenSSL's keys are built from them for the one derivation.

#include "controlplane/crypto/dh.hpp"

#include <algorithm>

#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

#include "controlplane/crypto/native.hpp"

namespace controlplane::crypto {
namespace {

using common::ByteView;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Deleter<&OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Deleter<&OSSL_PARAM_free>>;

std::unexpected<CryptoError> fail(CryptoError error) noexcept {
  ERR_clear_error();
  return std::unexpected(error);
}

enum class Family : std::uint8_t { modp, ecp, x25519 };

Family family_of(Group group) noexcept {
  if (group == Group::x25519) return Family::x25519;
  return static_cast<std::uint16_t>(group) <= 16 ? Family::modp : Family::ecp;
}

const char* native_group(Group group) noexcept {
  switch (group) {
    case Group::modp_2048:
      return "modp_2048";
    case Group::modp_3072:
      return "modp_3072";
    case Group::modp_4096:
      return "modp_4096";
    case Group::ecp_256:
      return "P-256";
    case Group::ecp_384:
      return "P-384";
    case Group::ecp_521:
      return "P-521";
    case Group::x25519:
      return "X25519";
  }
  return "";
}

const char* key_type(Group group) noexcept {
  switch (family_of(group)) {
    case Family::modp:
      return "DH";
    case Family::ecp:
      return "EC";
    case Family::x25519:
      return "X25519";
  }
  return "";
}

/// Public value as a KE payload carries it to what OpenSSL's "pub" parameter wants, and back: EC points have a leading
/// 4 (uncompressed), MODP values are numbers, x25519 is the same.
common::Bytes with_point_prefix(ByteView coordinates) {
  common::Bytes point(1, 4);
  point.insert(point.end(), coordinates.begin(), coordinates.end());
  return point;
}

/// Builds a key of the group out of a public value, a private one, or both.
PkeyPtr build_key(Group group, ByteView public_value, ByteView private_value) {
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  const Family family = family_of(group);
  BnPtr public_number;
  BnPtr private_number;
  common::Bytes point;
  bool good = builder != nullptr;
  if (family != Family::x25519)
    good =
        good && OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, native_group(group), 0) == 1;
  if (!public_value.empty() && family == Family::modp) {
    public_number.reset(BN_bin2bn(public_value.data(), static_cast<int>(public_value.size()), nullptr));
    good = good && public_number &&
           OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, public_number.get()) == 1;
  } else if (!public_value.empty()) {
    point = family == Family::ecp ? with_point_prefix(public_value)
                                  : common::Bytes(public_value.begin(), public_value.end());
    good = good &&
           OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1;
  }
  if (!private_value.empty() && family == Family::x25519) {
    good = good && OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, private_value.data(),
                                                    private_value.size()) == 1;
  } else if (!private_value.empty()) {
    private_number.reset(BN_secure_new());
    good = good && private_number &&
           BN_bin2bn(private_value.data(), static_cast<int>(private_value.size()), private_number.get()) != nullptr &&
           OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, private_number.get()) == 1;
  }
  const ParamsPtr parameters(good ? OSSL_PARAM_BLD_to_param(builder.get()) : nullptr);
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, key_type(group), nullptr));
  EVP_PKEY* key = nullptr;
  const int selection = private_value.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, parameters.get()) != 1)
    return nullptr;
  return PkeyPtr(key);
}

bool read_number(const EVP_PKEY* key, const char* name, common::MutableByteView out) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return false;
  const BnPtr owned(number);
  return BN_bn2binpad(number, out.data(), static_cast<int>(out.size())) == static_cast<int>(out.size());
}

bool read_public(Group group, const EVP_PKEY* key, common::Bytes& out) {
  if (family_of(group) == Family::modp) return read_number(key, OSSL_PKEY_PARAM_PUB_KEY, out);
  std::size_t size = 0;
  const std::size_t prefix = family_of(group) == Family::ecp ? 1 : 0;
  common::Bytes encoded(out.size() + prefix);
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size(), &size) != 1 ||
      size != encoded.size())
    return false;
  std::copy(encoded.begin() + static_cast<std::ptrdiff_t>(prefix), encoded.end(), out.begin());
  return true;
}

bool read_private(Group group, const EVP_PKEY* key, common::MutableByteView out) {
  if (family_of(group) != Family::x25519) return read_number(key, OSSL_PKEY_PARAM_PRIV_KEY, out);
  std::size_t size = 0;
  return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PRIV_KEY, out.data(), out.size(), &size) == 1 &&
         size == out.size();
}

std::size_t private_octets(const GroupFacts& facts) noexcept {
  return family_of(facts.group) == Family::modp ? facts.public_octets : facts.shared_octets;
}

/// Uncompressed as KE payloads want it; OpenSSL 3.0 would give back the compressed point where a key was made so.
PkeyPtr generate_key(Group group) {
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, key_type(group), nullptr));
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1) return nullptr;
  char* name = const_cast<char*>(native_group(group));  // the library only reads it
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
                                   OSSL_PARAM_construct_end()};
  if (family_of(group) != Family::x25519 && EVP_PKEY_CTX_set_params(context.get(), parameters) != 1) return nullptr;
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_generate(context.get(), &key) != 1) return nullptr;
  return PkeyPtr(key);
}

/// RFC 6989 §2.1: 1 < y < p-1. These p are safe primes, so nothing more is needed.
bool modp_value_in_range(Group group, ByteView value) {
  const BnPtr y(BN_bin2bn(value.data(), static_cast<int>(value.size()), nullptr));
  BnPtr p(group == Group::modp_2048   ? BN_get_rfc3526_prime_2048(nullptr)
          : group == Group::modp_3072 ? BN_get_rfc3526_prime_3072(nullptr)
                                      : BN_get_rfc3526_prime_4096(nullptr));
  return y && p && BN_sub_word(p.get(), 1) == 1 && BN_cmp(y.get(), BN_value_one()) > 0 && BN_cmp(y.get(), p.get()) < 0;
}

/// g^x or x*G for a stored private value: the public half is not stored with it.
bool compute_public(Group group, ByteView private_value, common::Bytes& out) {
  const BnCtxPtr context(BN_CTX_new());
  const BnPtr x(BN_bin2bn(private_value.data(), static_cast<int>(private_value.size()), nullptr));
  if (!context || !x) return false;
  BN_set_flags(x.get(), BN_FLG_CONSTTIME);
  if (family_of(group) == Family::modp) {
    const BnPtr p(group == Group::modp_2048   ? BN_get_rfc3526_prime_2048(nullptr)
                  : group == Group::modp_3072 ? BN_get_rfc3526_prime_3072(nullptr)
                                              : BN_get_rfc3526_prime_4096(nullptr));
    const BnPtr g(BN_new());
    const BnPtr y(BN_new());
    return p && g && y && BN_set_word(g.get(), 2) == 1 &&
           BN_mod_exp(y.get(), g.get(), x.get(), p.get(), context.get()) == 1 &&
           BN_bn2binpad(y.get(), out.data(), static_cast<int>(out.size())) == static_cast<int>(out.size());
  }
  using EcGroupPtr = std::unique_ptr<EC_GROUP, Deleter<&EC_GROUP_free>>;
  using EcPointPtr = std::unique_ptr<EC_POINT, Deleter<&EC_POINT_free>>;
  const EcGroupPtr curve(EC_GROUP_new_by_curve_name(EC_curve_nist2nid(native_group(group))));
  const EcPointPtr point(curve ? EC_POINT_new(curve.get()) : nullptr);
  common::Bytes encoded(out.size() + 1);
  if (!point || EC_POINT_mul(curve.get(), point.get(), x.get(), nullptr, nullptr, context.get()) != 1 ||
      EC_POINT_point2oct(curve.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(), encoded.size(),
                         context.get()) != encoded.size())
    return false;
  std::copy(encoded.begin() + 1, encoded.end(), out.begin());
  return true;
}

}  // namespace

Result<Dh> Dh::generate(Group group) {
  const auto facts = find_group(static_cast<std::uint16_t>(group));
  if (!facts) return std::unexpected(CryptoError::unsupported);
  const PkeyPtr key = generate_key(group);
  Dh dh;
  dh.group_ = group;
  dh.public_.resize(facts->public_octets);
  dh.private_ = common::SecretBytes(private_octets(*facts));
  if (!key || !read_public(group, key.get(), dh.public_) || !read_private(group, key.get(), dh.private_.mutable_view()))
    return fail(CryptoError::library);
  return dh;
}

Result<Dh> Dh::from_private(Group group, ByteView private_value) {
  const auto facts = find_group(static_cast<std::uint16_t>(group));
  if (!facts) return std::unexpected(CryptoError::unsupported);
  if (private_value.size() != private_octets(*facts)) return std::unexpected(CryptoError::bad_key_length);
  Dh dh;
  dh.group_ = group;
  dh.public_.resize(facts->public_octets);
  dh.private_ = common::SecretBytes(private_value);
  bool good = false;
  if (family_of(group) == Family::x25519) {
    const PkeyPtr key = build_key(group, {}, private_value);
    good = key && read_public(group, key.get(), dh.public_);
  } else {
    good = compute_public(group, private_value, dh.public_);
  }
  if (!good) return fail(CryptoError::library);
  return dh;
}

Result<common::SecretBytes> Dh::derive(ByteView peer_public) const {
  const auto facts = find_group(static_cast<std::uint16_t>(group_));
  const Family family = family_of(group_);
  if (peer_public.size() != facts->public_octets) return std::unexpected(CryptoError::bad_public_value);
  if (family == Family::modp && !modp_value_in_range(group_, peer_public))
    return std::unexpected(CryptoError::bad_public_value);
  const PkeyPtr peer = build_key(group_, peer_public, {});  // fails for a point off the curve (RFC 6989 §2.3)
  if (!peer) return fail(CryptoError::bad_public_value);
  const PkeyPtr own = build_key(group_, public_, private_.view());
  const PkeyCtxPtr context(own ? EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr) : nullptr);
  if (!context || EVP_PKEY_derive_init(context.get()) != 1) return fail(CryptoError::library);
  if (family == Family::modp && EVP_PKEY_CTX_set_dh_pad(context.get(), 1) != 1) return fail(CryptoError::library);
  // Nothing more to validate: MODP values are in range, and `build_key` has found each coordinate below the field and
  // the point on the curve, which for these curves of cofactor 1 is all (RFC 6989 §2.3). The library's own check would
  // multiply by the order as well, and cost more than the derivation.
  if (EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0) != 1) return fail(CryptoError::bad_public_value);
  common::SecretBytes shared(facts->shared_octets);
  std::size_t size = shared.size();
  // x25519 refuses an all-zero result by itself (RFC 7748 §6.1).
  if (EVP_PKEY_derive(context.get(), shared.mutable_view().data(), &size) != 1 || size != shared.size())
    return fail(CryptoError::bad_public_value);
  return shared;
}

}  // namespace controlplane::crypto
