// AUTH in every method: what we sign verifies, what is changed does not, and each refusal has its reason.

#include "controlplane/crypto/auth.hpp"

#include <gtest/gtest.h>
#include <openssl/rsa.h>

#include "hex.hpp"
#include "pki.hpp"

namespace controlplane::crypto {
namespace {

using common::as_bytes;

constexpr std::uint16_t kSha2[] = {2, 3, 4};

struct Party {
  explicit Party(const pki::Key& key) : issued(pki::issue({}, key)) {}
  pki::Issued issued;
  Credential credential = Credential::from_pem(issued.pem(), issued.key_pem()).value();
  Certificate certificate = issued.certificate();

  [[nodiscard]] Result<void> check(const AuthData& auth, common::ByteView octets, bool offered) const {
    return verify_auth(certificate, static_cast<std::uint8_t>(auth.method), auth.data, octets, offered);
  }
};

Party& rsa() {
  static Party party(pki::rsa_key());
  return party;
}
Party& ecdsa(const char* curve) {
  static Party p256(pki::ec_key("P-256"));
  static Party p384(pki::ec_key("P-384"));
  static Party p521(pki::ec_key("P-521"));
  return std::string_view(curve) == "P-256" ? p256 : std::string_view(curve) == "P-384" ? p384 : p521;
}

/// Signs with OpenSSL directly, as a peer with other habits would.
common::Bytes sign_raw(const pki::Key& key, const EVP_MD* hash, common::ByteView octets,
                       int padding = RSA_PKCS1_PADDING, int salt = -1) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_PKEY_CTX* key_context = nullptr;
  EVP_DigestSignInit(context.get(), &key_context, hash, nullptr, key.get());
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA) EVP_PKEY_CTX_set_rsa_padding(key_context, padding);
  if (padding == RSA_PKCS1_PSS_PADDING) EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, salt);
  common::Bytes signature(1024);
  std::size_t size = signature.size();
  EVP_DigestSign(context.get(), signature.data(), &size, octets.data(), octets.size());
  signature.resize(size);
  return signature;
}

common::Bytes named(std::string_view algorithm, const common::Bytes& signature) {
  common::Bytes data = hex(algorithm);
  data.insert(data.begin(), static_cast<std::uint8_t>(data.size()));
  data.insert(data.end(), signature.begin(), signature.end());
  return data;
}

TEST(Auth, Method14WithEveryKeyAndHash) {
  for (Party* party : {&rsa(), &ecdsa("P-256"), &ecdsa("P-384"), &ecdsa("P-521")})
    for (const std::uint16_t hash : kSha2) {
      const std::uint16_t offer[] = {1, hash};
      const auto auth = sign_auth(party->credential, offer, as_bytes("octets"));
      ASSERT_TRUE(auth);
      EXPECT_EQ(auth->method, AuthMethod::digital_signature);
      EXPECT_TRUE(party->check(*auth, as_bytes("octets"), true));
      EXPECT_EQ(party->check(*auth, as_bytes("octetS"), true).error(), CryptoError::bad_signature);
    }
}

TEST(Auth, Method14NamesTheAlgorithmOfRfc7427) {  // Appendix A
  const auto first = [](const Party& party, std::vector<std::uint16_t> offer) {
    const auto auth = sign_auth(party.credential, offer, as_bytes("x"));
    return common::to_hex(common::ByteView(auth->data).first(1U + auth->data[0]));
  };
  EXPECT_EQ(first(rsa(), {2, 3, 4}), "0f300d06092a864886f70d01010b0500");
  EXPECT_EQ(first(rsa(), {4}), "0f300d06092a864886f70d01010d0500");
  EXPECT_EQ(first(ecdsa("P-256"), {4, 3, 2}), "0c300a06082a8648ce3d040302");
  EXPECT_EQ(first(ecdsa("P-384"), {2, 3, 4}), "0c300a06082a8648ce3d040303");  // the curve's own hash, where offered
  EXPECT_EQ(first(ecdsa("P-521"), {2, 3}), "0c300a06082a8648ce3d040302");
}

TEST(Auth, NoHashInCommon) {
  const std::uint16_t only_sha1[] = {1};
  const std::uint16_t only_identity[] = {5};
  EXPECT_EQ(sign_auth(rsa().credential, only_sha1, as_bytes("x")).error(), CryptoError::unsupported);
  EXPECT_EQ(sign_auth(rsa().credential, only_identity, as_bytes("x")).error(), CryptoError::unsupported);
}

TEST(Auth, Method1IsSha1TowardsAPeerWithoutHashes) {  // Windows
  const auto auth = sign_auth(rsa().credential, {}, as_bytes("octets"));
  ASSERT_TRUE(auth);
  EXPECT_EQ(auth->method, AuthMethod::rsa);
  EXPECT_EQ(auth->data, sign_raw(rsa().issued.key, EVP_sha1(), as_bytes("octets")));
  EXPECT_TRUE(rsa().check(*auth, as_bytes("octets"), false));
  EXPECT_EQ(rsa().check(*auth, as_bytes("octets"), true).error(), CryptoError::weak);
  EXPECT_EQ(rsa().check(*auth, as_bytes("other"), false).error(), CryptoError::bad_signature);
}

TEST(Auth, Method1WithSha2IsFineFromAnybody) {
  for (const EVP_MD* hash : {EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
    const AuthData auth{AuthMethod::rsa, sign_raw(rsa().issued.key, hash, as_bytes("octets"))};
    EXPECT_TRUE(rsa().check(auth, as_bytes("octets"), false));
    EXPECT_TRUE(rsa().check(auth, as_bytes("octets"), true));
  }
  EXPECT_EQ(ecdsa("P-256").check({AuthMethod::rsa, common::Bytes(64)}, as_bytes("x"), false).error(),
            CryptoError::unsupported);
}

TEST(Auth, Methods9To11AreRawSignatures) {  // RFC 4754
  const std::tuple<const char*, AuthMethod, std::size_t> kMethods[] = {{"P-256", AuthMethod::ecdsa_256, 64},
                                                                       {"P-384", AuthMethod::ecdsa_384, 96},
                                                                       {"P-521", AuthMethod::ecdsa_521, 132}};
  for (const auto& [curve, method, octets] : kMethods) {
    const Party& party = ecdsa(curve);
    for (int i = 0; i < 8; ++i) {  // r and s are sometimes short, and padded then
      const auto auth = sign_auth(party.credential, {}, as_bytes("octets"));
      ASSERT_TRUE(auth);
      EXPECT_EQ(auth->method, method);
      EXPECT_EQ(auth->data.size(), octets);
      EXPECT_TRUE(party.check(*auth, as_bytes("octets"), false));
    }
    auto auth = *sign_auth(party.credential, {}, as_bytes("octets"));
    auth.data.back() ^= 1;
    EXPECT_EQ(party.check(auth, as_bytes("octets"), false).error(), CryptoError::bad_signature);
    auth.data.pop_back();
    EXPECT_EQ(party.check(auth, as_bytes("octets"), false).error(), CryptoError::bad_encoding);
    std::ranges::fill(auth.data, std::uint8_t{0});
    auth.data.push_back(0);
    EXPECT_EQ(party.check(auth, as_bytes("octets"), false).error(), CryptoError::bad_signature);
    const AuthMethod other = method == AuthMethod::ecdsa_256 ? AuthMethod::ecdsa_384 : AuthMethod::ecdsa_256;
    EXPECT_EQ(party.check({other, auth.data}, as_bytes("octets"), false).error(), CryptoError::unsupported);
    EXPECT_EQ(rsa().check({method, auth.data}, as_bytes("octets"), false).error(), CryptoError::unsupported);
  }
}

// RSASSA-PSS with SHA-256, MGF1 with SHA-256, salt of 32 octets (RFC 7427 §A.4.3).
constexpr std::string_view kPss256 =
    "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d0609608648016503"
    "04"
    "02010500a203020120";

TEST(Auth, RsaPssVerifies) {
  const auto signature = sign_raw(rsa().issued.key, EVP_sha256(), as_bytes("octets"), RSA_PKCS1_PSS_PADDING, 32);
  const AuthData good{AuthMethod::digital_signature, named(kPss256, signature)};
  EXPECT_TRUE(rsa().check(good, as_bytes("octets"), true));
  EXPECT_EQ(rsa().check(good, as_bytes("other"), true).error(), CryptoError::bad_signature);
  const auto other_salt = sign_raw(rsa().issued.key, EVP_sha256(), as_bytes("octets"), RSA_PKCS1_PSS_PADDING, 20);
  EXPECT_EQ(rsa().check({AuthMethod::digital_signature, named(kPss256, other_salt)}, as_bytes("octets"), true).error(),
            CryptoError::bad_signature);
  // Without parameters everything is SHA-1 (RFC 4055 §3.1).
  EXPECT_EQ(rsa()
                .check({AuthMethod::digital_signature, named("300d06092a864886f70d01010a3000", signature)},
                       as_bytes("octets"), true)
                .error(),
            CryptoError::weak);
  EXPECT_EQ(rsa()
                .check({AuthMethod::digital_signature, named("300b06092a864886f70d01010a", signature)},
                       as_bytes("octets"), true)
                .error(),
            CryptoError::bad_encoding);
  EXPECT_EQ(ecdsa("P-256").check(good, as_bytes("octets"), true).error(), CryptoError::unsupported);
}

TEST(Auth, Method14Refusals) {
  const auto check = [](const common::Bytes& data) {
    return rsa().check({AuthMethod::digital_signature, data}, as_bytes("octets"), true).error();
  };
  const auto signature = sign_raw(rsa().issued.key, EVP_sha256(), as_bytes("octets"));
  EXPECT_EQ(check({}), CryptoError::bad_encoding);
  EXPECT_EQ(check({0}), CryptoError::bad_encoding);
  EXPECT_EQ(check({15, 0x30}), CryptoError::bad_encoding);
  EXPECT_EQ(check(named("300d06092a864886f70d01010b0500", {})), CryptoError::bad_encoding);           // no signature
  EXPECT_EQ(check(named("300d06092a864886f70d01010b050000", signature)), CryptoError::bad_encoding);  // trailing octet
  EXPECT_EQ(check(named("301006092a864886f70d01010b0203010203", signature)), CryptoError::bad_encoding);  // parameters
  EXPECT_EQ(check(named("300506032b6570", signature)), CryptoError::unsupported);                         // Ed25519
  EXPECT_EQ(check(named("300a06082a8648ce3d040302", signature)), CryptoError::unsupported);  // ECDSA with an RSA key
  EXPECT_EQ(check(named("300d06092a864886f70d01010c0500", signature)), CryptoError::bad_signature);  // another hash
  const auto sha1 = sign_raw(rsa().issued.key, EVP_sha1(), as_bytes("octets"));
  EXPECT_EQ(check(named("300d06092a864886f70d0101050500", sha1)), CryptoError::weak);
  EXPECT_EQ(verify_auth(rsa().certificate, 2, signature, as_bytes("octets"), true).error(), CryptoError::unsupported);
  EXPECT_EQ(verify_auth(rsa().certificate, 0, signature, as_bytes("octets"), true).error(), CryptoError::unsupported);
}

TEST(Auth, SignedOctets) {  // RFC 7296 §2.15
  const auto id = hex("02000000");
  const auto octets = signed_octets(as_bytes("message"), as_bytes("nonce"), Prf::hmac_sha2_256, as_bytes("SK_pi"), id);
  EXPECT_EQ(common::to_hex(octets), common::to_hex(as_bytes("messagenonce")) +
                                        common::to_hex(hmac(Hash::sha2_256, as_bytes("SK_pi"), {id}).view()));
}

TEST(Auth, SharedKey) {  // RFC 7296 §2.15
  const auto inner = hmac(Hash::sha2_384, as_bytes("secret"), {as_bytes("Key Pad for IKEv2")});
  const auto wanted = hmac(Hash::sha2_384, inner.view(), {as_bytes("octets")});
  EXPECT_TRUE(shared_key_auth(Prf::hmac_sha2_384, as_bytes("secret"), as_bytes("octets")).equals(wanted));
  EXPECT_FALSE(shared_key_auth(Prf::hmac_sha2_384, as_bytes("Secret"), as_bytes("octets")).equals(wanted));
}

}  // namespace
}  // namespace controlplane::crypto
