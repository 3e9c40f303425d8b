// Certificates, credentials and trust, with CAs made here.

#include "controlplane/crypto/certificate.hpp"

#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/address.hpp"
#include "controlplane/crypto/dn.hpp"
#include "controlplane/crypto/prf.hpp"
#include "hex.hpp"
#include "pki.hpp"

namespace controlplane::crypto {
namespace {

using common::as_bytes;
using pki::issue;

/// One root, one intermediate, one gateway and one user, shared by the tests: keys take time to make.
struct World {
  pki::Issued root = issue({.common_name = "Root", .ca = true}, pki::ec_key());
  pki::Issued middle = issue({.common_name = "Middle", .ca = true}, pki::ec_key(), &root);
  pki::Issued stranger = issue({.common_name = "Stranger", .ca = true}, pki::ec_key());
  pki::Issued gateway =
      issue({.common_name = "gw",
             .alternative_names = "email:gw@example.org,DNS:gw.example.org,IP:192.0.2.1,IP:2001:db8::1",
             .extended_usage = "serverAuth"},
            pki::ec_key(), &middle);
  pki::Issued user =
      issue({.common_name = "alice", .alternative_names = "email:Alice@Example.org", .extended_usage = "clientAuth"},
            pki::ec_key(), &middle);
  Trust trust = Trust::of({root.certificate()});
};

World& world() {
  static World instance;
  return instance;
}

TEST(Certificate, ReadsDerAndNothingElse) {
  const auto der = world().user.certificate().der();
  ASSERT_TRUE(Certificate::from_der(der));
  EXPECT_EQ(Certificate::from_der(der)->der(), der);
  auto longer = der;
  longer.push_back(0);
  EXPECT_EQ(Certificate::from_der(longer).error(), CryptoError::bad_certificate);
  for (std::size_t size = 0; size < der.size(); size += 13)
    EXPECT_EQ(Certificate::from_der(common::ByteView(der).first(size)).error(), CryptoError::bad_certificate);
}

TEST(Certificate, CarriesItsNames) {
  const auto gateway = world().gateway.certificate();
  EXPECT_TRUE(gateway.carries(IdKind::fqdn, as_bytes("gw.example.org")));
  EXPECT_TRUE(gateway.carries(IdKind::fqdn, as_bytes("GW.Example.org")));
  EXPECT_FALSE(gateway.carries(IdKind::fqdn, as_bytes("gw.example.org.")));
  EXPECT_FALSE(gateway.carries(IdKind::fqdn, as_bytes("example.org")));
  EXPECT_FALSE(gateway.carries(IdKind::fqdn, as_bytes("gw")));  // the common name is no DNS name (RFC 4945 §3.1.2)
  EXPECT_FALSE(gateway.carries(IdKind::fqdn, common::ByteView()));
  EXPECT_FALSE(gateway.carries(IdKind::fqdn, as_bytes(std::string_view("gw.example.org\0.evil", 20))));
  EXPECT_TRUE(gateway.carries(IdKind::ipv4, hex("c0000201")));
  EXPECT_FALSE(gateway.carries(IdKind::ipv4, hex("c0000202")));
  EXPECT_TRUE(gateway.carries(IdKind::ipv6, common::IpAddress::parse("2001:db8::1")->bytes()));
  EXPECT_FALSE(gateway.carries(IdKind::ipv6, hex("c0000201ff")));
  EXPECT_TRUE(gateway.carries(IdKind::dn, *dn_from_text("C=DE, O=Test, CN=gw")));
  EXPECT_TRUE(gateway.carries(IdKind::dn, *dn_from_text("C=de,O=TEST,CN=GW")));  // RFC 5280 §7.1
  EXPECT_FALSE(gateway.carries(IdKind::dn, *dn_from_text("CN=gw, O=Test, C=DE")));
  EXPECT_FALSE(gateway.carries(IdKind::dn, as_bytes("C=DE, O=Test, CN=gw")));
  EXPECT_FALSE(gateway.carries(IdKind{200}, as_bytes("gw.example.org")));
}

TEST(Certificate, EmailCountsCaseBeforeTheAtOnly) {  // RFC 5280 §7.5
  const auto user = world().user.certificate();
  EXPECT_TRUE(user.carries(IdKind::email, as_bytes("Alice@Example.org")));
  EXPECT_TRUE(user.carries(IdKind::email, as_bytes("Alice@example.ORG")));
  EXPECT_FALSE(user.carries(IdKind::email, as_bytes("alice@example.org")));
  EXPECT_FALSE(user.carries(IdKind::fqdn, as_bytes("Alice@Example.org")));
}

TEST(Certificate, ItsIdentityIsTheDnsNameFirst) {
  const auto identity = world().gateway.certificate().default_identity();
  EXPECT_EQ(identity.kind, IdKind::fqdn);
  EXPECT_EQ(common::as_text(identity.data), "gw.example.org");
  const auto none = issue({.common_name = "nameless"}, pki::ec_key()).certificate();
  EXPECT_EQ(none.default_identity().kind, IdKind::dn);
  EXPECT_EQ(none.default_identity().data, none.subject());
  EXPECT_EQ(none.subject_text(), "C=DE, O=Test, CN=nameless");
  const auto address = issue({.alternative_names = "IP:192.0.2.9"}, pki::ec_key()).certificate();
  EXPECT_EQ(address.default_identity().kind, IdKind::ipv4);
  EXPECT_EQ(world().user.certificate().issuer_text(), "C=DE, O=Test, CN=Middle");
  EXPECT_EQ(world().user.certificate().not_after(), pki::now(86'400));
}

TEST(Certificate, KeyHashIsThatOfTheSubjectPublicKeyInfo) {
  const auto root = world().root.certificate();
  std::uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(world().root.key.get(), &der);
  EXPECT_EQ(root.key_hash(), sha1({common::ByteView(der, static_cast<std::size_t>(size))}));
  OPENSSL_free(der);
}

TEST(Trust, AChainToTheRootIsBelieved) {
  const auto user = world().user.certificate();
  const Certificate chain[] = {world().middle.certificate()};
  EXPECT_TRUE(world().trust.verify(user, chain, pki::now()));
  EXPECT_EQ(world().trust.verify(user, {}, pki::now()).error(), CryptoError::untrusted);
  const Certificate wrong[] = {world().stranger.certificate()};
  EXPECT_EQ(world().trust.verify(user, wrong, pki::now()).error(), CryptoError::untrusted);
  EXPECT_TRUE(Trust::of({world().middle.certificate()}).verify(user, {}, pki::now()));  // an anchor that is no root
  EXPECT_EQ(Trust::of({}).verify(user, chain, pki::now()).error(), CryptoError::untrusted);
  // A stranger's root among the peer's own certificates makes nobody trusted.
  const auto fake = issue({.common_name = "alice"}, pki::ec_key(), &world().stranger).certificate();
  EXPECT_EQ(world().trust.verify(fake, wrong, pki::now()).error(), CryptoError::untrusted);
}

TEST(Trust, TimeCounts) {
  const auto user = world().user.certificate();
  const Certificate chain[] = {world().middle.certificate()};
  EXPECT_EQ(world().trust.verify(user, chain, pki::now(86'401)).error(), CryptoError::expired);
  EXPECT_EQ(world().trust.verify(user, chain, pki::now(-3601)).error(), CryptoError::expired);
  EXPECT_TRUE(world().trust.verify(user, chain, pki::now(86'399)));
}

TEST(Trust, ALeafIssuesNothing) {
  const auto forged = issue({.common_name = "root@example.org"}, pki::ec_key(), &world().user).certificate();
  const Certificate chain[] = {world().user.certificate(), world().middle.certificate()};
  EXPECT_EQ(world().trust.verify(forged, chain, pki::now()).error(), CryptoError::bad_purpose);
}

TEST(Trust, ABadSignatureIsSeen) {
  // Same names and key identifiers as the intermediate, another key: its "child" does not verify.
  const auto twin = issue({.common_name = "Middle", .ca = true}, pki::ec_key(), &world().root);
  const Certificate chain[] = {twin.certificate()};
  EXPECT_FALSE(world().trust.verify(world().user.certificate(), chain, pki::now()));
}

TEST(Trust, ExtendedUsage) {
  const auto with = [](const char* extended, const char* usage = "") {
    const auto leaf = issue({.extended_usage = extended, .usage = usage}, pki::ec_key(), &world().root).certificate();
    return world().trust.verify(leaf, {}, pki::now());
  };
  EXPECT_TRUE(with(""));
  EXPECT_TRUE(with("clientAuth"));
  EXPECT_TRUE(with("anyExtendedKeyUsage"));
  EXPECT_TRUE(with("1.3.6.1.5.5.7.3.17"));  // ipsecIKE
  EXPECT_TRUE(with("serverAuth,clientAuth"));
  EXPECT_EQ(with("serverAuth").error(), CryptoError::bad_purpose);
  EXPECT_EQ(with("codeSigning").error(), CryptoError::bad_purpose);
  EXPECT_TRUE(with("clientAuth", "digitalSignature"));
  EXPECT_TRUE(with("clientAuth", "nonRepudiation"));
  EXPECT_EQ(with("clientAuth", "keyEncipherment").error(), CryptoError::bad_purpose);
}

TEST(Trust, WeakKeysAndHashesAreRefused) {
  const auto small = issue({}, pki::rsa_key(1024), &world().root).certificate();
  EXPECT_EQ(world().trust.verify(small, {}, pki::now()).error(), CryptoError::weak);
  const auto sha1_signed = issue({.digest = EVP_sha1()}, pki::ec_key(), &world().root).certificate();
  EXPECT_EQ(world().trust.verify(sha1_signed, {}, pki::now()).error(), CryptoError::weak);
}

TEST(Trust, CertreqNamesEveryAuthority) {
  const auto both = Trust::of({world().root.certificate(), world().stranger.certificate()});
  const auto hashes = parse_certreq(both.certreq());
  ASSERT_EQ(hashes.size(), 2U);
  EXPECT_EQ(hashes[0], world().root.certificate().key_hash());
  EXPECT_EQ(hashes[1], world().stranger.certificate().key_hash());
  EXPECT_TRUE(parse_certreq({}).empty());
  EXPECT_EQ(parse_certreq(common::Bytes(59)).size(), 2U);
}

std::string gateway_chain() { return world().gateway.pem() + world().middle.pem(); }

TEST(Credential, ReadsChainAndKey) {
  const auto credential = Credential::from_pem(gateway_chain(), world().gateway.key_pem());
  ASSERT_TRUE(credential) << credential.error();
  ASSERT_EQ(credential->chain().size(), 2U);
  EXPECT_EQ(credential->leaf().der(), world().gateway.certificate().der());
  EXPECT_EQ(credential->chain()[1].der(), world().middle.certificate().der());
}

TEST(Credential, EachThingWrongHasItsSentence) {
  const auto key = world().gateway.key_pem();
  const auto error = [](const std::string& certificates, const std::string& private_key) {
    const auto credential = Credential::from_pem(certificates, private_key);
    return credential ? std::string() : credential.error();
  };
  EXPECT_EQ(error("", key), "certificate: holds no certificate in PEM form");
  EXPECT_EQ(error(key, key), "certificate: holds no certificate in PEM form");
  auto broken = world().gateway.pem();
  broken.replace(100, 4, "!!!!");
  EXPECT_EQ(error(broken, key), "certificate: holds a broken certificate");
  EXPECT_EQ(error(world().gateway.pem() + broken, key), "certificate: holds a broken certificate");
  EXPECT_EQ(error(gateway_chain(), ""), "key: holds no private key in PEM form without a password");
  EXPECT_EQ(error(gateway_chain(), world().gateway.key_pem("pw")),
            "key: holds no private key in PEM form without a password");
  EXPECT_EQ(error(gateway_chain(), world().user.key_pem()), "the key does not belong to the first certificate");
  const pki::Key ed25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free);
  EXPECT_EQ(error(gateway_chain(), pki::Issued{nullptr, ed25519}.key_pem()),
            "key: holds a key that is neither RSA nor ECDSA");
}

class Files : public ::testing::Test {
 protected:
  Files() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cp-crypto-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~Files() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path write(const char* name, const std::string& text, mode_t mode = 0600) {
    const auto path = directory_ / name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::filesystem::path directory_;
};

TEST_F(Files, KeysThatOthersCanReachAreRefused) {
  const auto certificate = write("gw.pem", gateway_chain(), 0644);
  EXPECT_TRUE(Credential::load(certificate, write("key", world().gateway.key_pem())));
  EXPECT_TRUE(Credential::load(certificate, write("key", world().gateway.key_pem(), 0640)));
  for (const mode_t mode : {0644, 0604, 0602}) {
    const auto key = write("key", world().gateway.key_pem(), mode);
    const auto credential = Credential::load(certificate, key);
    ASSERT_FALSE(credential);
    EXPECT_EQ(credential.error(), key.string() + ": others can read or write it (chmod 600)");
  }
}

TEST_F(Files, ErrorsNameTheFile) {
  const auto certificate = write("gw.pem", gateway_chain());
  EXPECT_TRUE(Credential::load(certificate, directory_ / "none").error().starts_with((directory_ / "none").string()));
  EXPECT_TRUE(Credential::load(directory_ / "none", certificate).error().starts_with((directory_ / "none").string()));
  const auto other = write("other", world().user.key_pem());
  EXPECT_NE(Credential::load(certificate, other).error().find(other.string()), std::string::npos);
}

TEST_F(Files, TrustLoadsAuthoritiesOnly) {
  const std::filesystem::path good[] = {write("ca.pem", "a comment\n" + world().root.pem() + world().stranger.pem())};
  const auto trust = Trust::load(good);
  ASSERT_TRUE(trust);
  EXPECT_EQ(trust->authorities().size(), 2U);
  const std::filesystem::path leaf[] = {write("leaf.pem", world().user.pem())};
  EXPECT_NE(Trust::load(leaf).error().find("C=DE, O=Test, CN=alice is not a CA certificate"), std::string::npos);
  const std::filesystem::path missing[] = {directory_ / "none"};
  EXPECT_TRUE(Trust::load(missing).error().starts_with(missing[0].string()));
  const std::filesystem::path empty[] = {write("empty.pem", "")};
  EXPECT_TRUE(Trust::load(empty).error().starts_with(empty[0].string()));
}

TEST(Credential, IsChosenByCertreq) {
  const auto credential = Credential::from_pem(gateway_chain(), world().gateway.key_pem()).value();
  const KeyHash root = world().root.certificate().key_hash();
  const KeyHash middle = world().middle.certificate().key_hash();
  const KeyHash stranger = world().stranger.certificate().key_hash();
  const auto nobody = Trust::of({});
  EXPECT_TRUE(credential.satisfies({}, nobody));
  EXPECT_TRUE(credential.satisfies(std::vector{stranger, middle}, nobody));
  EXPECT_FALSE(credential.satisfies(std::vector{stranger}, world().trust));
  EXPECT_TRUE(credential.satisfies(std::vector{root}, world().trust));  // the root is not in the chain that we send
  EXPECT_FALSE(credential.satisfies(std::vector{root}, nobody));
}

TEST(Credential, ProblemsOfAGoodOneAreNone) {
  const auto credential = Credential::from_pem(gateway_chain(), world().gateway.key_pem()).value();
  EXPECT_EQ(credential.problems(IdKind::fqdn, as_bytes("gw.example.org"), pki::now()), std::vector<std::string>{});
}

TEST(Credential, ProblemsAreFound) {
  const auto credential = Credential::from_pem(gateway_chain(), world().gateway.key_pem()).value();
  const auto has = [](const std::vector<std::string>& problems, std::string_view word) {
    return problems.size() == 1 && problems[0].find(word) != std::string::npos;
  };
  EXPECT_TRUE(has(credential.problems(IdKind::fqdn, as_bytes("other.example.org"), pki::now()), "identity-local"));
  EXPECT_TRUE(has(credential.problems(IdKind::fqdn, as_bytes("gw.example.org"), pki::now(90'000)), "expired"));
  EXPECT_TRUE(has(credential.problems(IdKind::fqdn, as_bytes("gw.example.org"), pki::now(-7200)), "not valid yet"));
  const auto of = [&](const pki::Issued& leaf, const std::string& more = "") {
    return Credential::from_pem(leaf.pem() + more, leaf.key_pem())
        ->problems(IdKind::fqdn, as_bytes("gw.example.org"), pki::now());
  };
  const pki::Wish good{.alternative_names = "DNS:gw.example.org", .extended_usage = "serverAuth"};
  auto wish = good;
  wish.extended_usage = "clientAuth";
  EXPECT_TRUE(has(of(issue(wish, pki::ec_key(), &world().root)), "serverAuth"));
  wish.extended_usage = "";
  EXPECT_TRUE(has(of(issue(wish, pki::ec_key(), &world().root)), "serverAuth"));
  wish = good;
  wish.usage = "keyEncipherment";
  EXPECT_TRUE(has(of(issue(wish, pki::ec_key(), &world().root)), "digital signatures"));
  wish = good;
  wish.digest = EVP_sha1();
  EXPECT_TRUE(has(of(issue(wish, pki::ec_key(), &world().root)), "SHA-1"));
  EXPECT_TRUE(has(of(issue(good, pki::rsa_key(1024), &world().root)), "112 bits"));
  EXPECT_TRUE(has(of(issue(good, pki::ec_key(), &world().root), world().middle.pem()), "does not issue"));
}

}  // namespace
}  // namespace controlplane::crypto
