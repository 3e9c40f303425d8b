// Certificates that somebody made in order to be believed, or to be expensive.

#include <gtest/gtest.h>

#include "common/bytes.hpp"
#include "controlplane/crypto/certificate.hpp"
#include "controlplane/crypto/dn.hpp"
#include "pki.hpp"

namespace controlplane::crypto {
namespace {

using common::as_bytes;
using pki::issue;

const pki::Issued& root() {
  static const pki::Issued made = issue({.common_name = "Root", .ca = true}, pki::ec_key());
  return made;
}

/// Adds what `Wish` has no word for, and signs again.
pki::Issued with_extension(pki::Issued issued, const pki::Issued& issuer, int nid, const std::string& value) {
  pki::add_extension(issued.x509.get(), issuer.x509.get(), nid, value);
  X509_sign(issued.x509.get(), issuer.key.get(), EVP_sha256());
  return issued;
}

Result<void> verify(const pki::Issued& leaf, std::initializer_list<const pki::Issued*> chain,
                    const pki::Issued& anchor = root()) {
  std::vector<Certificate> certificates;
  for (const pki::Issued* one : chain) certificates.push_back(one->certificate());
  return Trust::of({anchor.certificate()}).verify(leaf.certificate(), certificates, pki::now());
}

TEST(HostileCertificate, AZeroOctetInANameEndsNothing) {
  const std::string_view name("gw.example.org\0.evil.example", 28);
  auto leaf = issue({}, pki::ec_key(), &root());
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  GENERAL_NAME* entry = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
  GENERAL_NAME_set0_value(entry, GEN_DNS, text);
  sk_GENERAL_NAME_push(names, entry);
  X509_add1_ext_i2d(leaf.x509.get(), NID_subject_alt_name, names, 0, 0);
  GENERAL_NAMES_free(names);
  X509_sign(leaf.x509.get(), root().key.get(), EVP_sha256());
  const auto certificate = leaf.certificate();
  EXPECT_FALSE(certificate.carries(IdKind::fqdn, as_bytes("gw.example.org")));
  EXPECT_TRUE(certificate.carries(IdKind::fqdn, as_bytes(name)));
}

TEST(HostileCertificate, AWildcardIsANameLikeAnyOther) {
  const auto leaf = issue({.alternative_names = "DNS:*.example.org"}, pki::ec_key()).certificate();
  EXPECT_FALSE(leaf.carries(IdKind::fqdn, as_bytes("gw.example.org")));
}

TEST(HostileCertificate, UnknownCriticalExtensionsAreRefused) {  // RFC 5280 §4.2
  const auto leaf = issue({}, pki::ec_key(), &root());
  ASN1_OBJECT* type = OBJ_txt2obj("1.2.3.4.5.6", 1);
  ASN1_OCTET_STRING* value = ASN1_OCTET_STRING_new();
  X509_EXTENSION* extension = X509_EXTENSION_create_by_OBJ(nullptr, type, 1, value);
  X509_add_ext(leaf.x509.get(), extension, -1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(value);
  ASN1_OBJECT_free(type);
  X509_sign(leaf.x509.get(), root().key.get(), EVP_sha256());
  EXPECT_EQ(verify(leaf, {}).error(), CryptoError::bad_purpose);
}

TEST(HostileCertificate, NameConstraintsHold) {  // RFC 5280 §4.2.1.10
  const auto limited = with_extension(issue({.common_name = "Limited", .ca = true}, pki::ec_key(), &root()), root(),
                                      NID_name_constraints, "critical,permitted;DNS:example.org");
  const auto inside = issue({.alternative_names = "DNS:a.example.org"}, pki::ec_key(), &limited);
  const auto outside = issue({.alternative_names = "DNS:a.example.com"}, pki::ec_key(), &limited);
  EXPECT_TRUE(verify(inside, {&limited}));
  EXPECT_EQ(verify(outside, {&limited}).error(), CryptoError::bad_purpose);
}

TEST(HostileCertificate, ChainsAreOnlySoLong) {
  std::vector<pki::Issued> chain = {issue({.common_name = "0", .ca = true}, pki::ec_key(), &root())};
  for (int i = 1; i < 12; ++i)
    chain.push_back(issue({.common_name = std::to_string(i), .ca = true}, pki::ec_key(), &chain.back()));
  const auto verify_below = [&](std::size_t count) {
    const auto leaf = issue({}, pki::ec_key(), &chain[count - 1]);
    std::vector<Certificate> certificates;
    for (std::size_t i = 0; i < count; ++i) certificates.push_back(chain[i].certificate());
    return Trust::of({root().certificate()}).verify(leaf.certificate(), certificates, pki::now());
  };
  EXPECT_TRUE(verify_below(4));
  EXPECT_FALSE(verify_below(12));
}

TEST(HostileCertificate, CertificatesThatIssueEachOtherEnd) {
  const auto key_a = pki::ec_key();
  const auto key_b = pki::ec_key();
  const auto self_a = issue({.common_name = "A", .ca = true}, key_a);
  const auto b_by_a = issue({.common_name = "B", .ca = true}, key_b, &self_a);
  const auto a_by_b = issue({.common_name = "A", .ca = true}, key_a, &b_by_a);
  const auto leaf = issue({}, pki::ec_key(), &a_by_b);
  EXPECT_EQ(verify(leaf, {&a_by_b, &b_by_a}).error(), CryptoError::untrusted);
  EXPECT_EQ(verify(leaf, {&a_by_b, &b_by_a, &self_a}).error(), CryptoError::untrusted);
}

TEST(HostileCertificate, ASelfSignedLeafIsNobody) {
  const auto leaf = issue({.common_name = "Root"}, pki::ec_key());  // the root's name, another key
  EXPECT_EQ(verify(leaf, {}).error(), CryptoError::untrusted);
  EXPECT_EQ(verify(leaf, {&root()}).error(), CryptoError::untrusted);
}

TEST(HostileCertificate, AnExpiredIntermediateIsSeen) {
  const auto old =
      issue({.common_name = "Old", .ca = true, .not_before = -7200, .not_after = -3600}, pki::ec_key(), &root());
  const auto leaf = issue({}, pki::ec_key(), &old);
  EXPECT_EQ(verify(leaf, {&old}).error(), CryptoError::expired);
}

TEST(HostileCertificate, EveryChangedOctetIsNoticed) {
  const auto leaf = issue({.alternative_names = "DNS:a.example.org"}, pki::ec_key(), &root());
  const auto der = leaf.certificate().der();
  const auto trust = Trust::of({root().certificate()});
  for (std::size_t i = 0; i < der.size(); ++i) {
    auto changed = der;
    changed[i] ^= 0x01;
    const auto certificate = Certificate::from_der(changed);
    if (certificate) {
      EXPECT_FALSE(trust.verify(*certificate, {}, pki::now())) << "octet " << i;
    }
  }
}

TEST(HostileCertificate, NamesInLogsHaveNoLineBreaks) {
  const auto leaf = issue({.common_name = "x\nlevel=error"}, pki::ec_key()).certificate();
  EXPECT_EQ(leaf.subject_text(), "C=DE, O=Test, CN=x\\0Alevel\\=error");
}

}  // namespace
}  // namespace controlplane::crypto
