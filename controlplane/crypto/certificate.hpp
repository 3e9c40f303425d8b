#pragma once
// X.509 certificates: a peer's, ours with its key and chain, and the CAs that we believe. Immutable once made; any
// thread. OpenSSL's types stay inside.

#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "controlplane/crypto/error.hpp"

struct x509_st;
struct evp_pkey_st;
struct x509_store_st;

namespace controlplane::crypto {

/// SHA-1 of a CA's SubjectPublicKeyInfo: how CERTREQ names it (RFC 7296 §3.7).
using KeyHash = std::array<std::uint8_t, 20>;

/// Identification types of ID payloads (RFC 7296 §3.5), the ones that a certificate can carry.
enum class IdKind : std::uint8_t { ipv4 = 1, fqdn = 2, email = 3, ipv6 = 5, dn = 9, general_name = 10, key_id = 11 };

/// One certificate. Cheap to copy (shared).
class Certificate {
 public:
  /// @param der  one certificate and nothing behind it
  /// @error bad_certificate
  [[nodiscard]] static Result<Certificate> from_der(common::ByteView der);

  [[nodiscard]] common::Bytes der() const;
  [[nodiscard]] KeyHash key_hash() const;
  /// The subject's DER, as an ID payload of type DER_ASN1_DN carries it.
  [[nodiscard]] common::Bytes subject() const;
  /// "O=Example, CN=gw.example.org", in the order of the encoding (dn.hpp).
  [[nodiscard]] std::string subject_text() const;
  [[nodiscard]] std::string issuer_text() const;
  /// The subject alternative name that makes a good identity: the first DNS name, else e-mail, else address; else the
  /// subject's DN. `data` as an ID payload carries it.
  struct Name {
    IdKind kind = IdKind::dn;
    common::Bytes data;
  };
  [[nodiscard]] Name default_identity() const;
  [[nodiscard]] common::WallTime not_after() const;

  /// Whether the certificate carries that identity: DNS name (case-insensitive, exact; RFC 4945 §3.1.2), e-mail,
  /// address among the subject alternative names, or the subject's DN.
  [[nodiscard]] bool carries(IdKind kind, common::ByteView data) const;

  [[nodiscard]] x509_st* native() const noexcept { return x509_.get(); }
  explicit Certificate(std::shared_ptr<x509_st> x509) noexcept : x509_(std::move(x509)) {}

 private:
  std::shared_ptr<x509_st> x509_;
};

class Trust;

/// Our own certificate: chain and private key. Movable, not copyable.
class Credential {
 public:
  Credential(const Credential&) = delete;
  Credential& operator=(const Credential&) = delete;
  Credential(Credential&&) noexcept = default;
  Credential& operator=(Credential&&) noexcept = default;
  ~Credential() = default;

  /// @param certificate  PEM: the leaf first, then the rest of the chain that is sent with it
  /// @param key          PEM, RSA or ECDSA, not encrypted; refused where others can read or write it (promise P6)
  /// @error a sentence that names the file and what is wrong with it; for start-up and --check
  [[nodiscard]] static std::expected<Credential, std::string> load(const std::filesystem::path& certificate,
                                                                   const std::filesystem::path& key);

  /// The same from the texts of both files.
  [[nodiscard]] static std::expected<Credential, std::string> from_pem(std::string_view certificates,
                                                                       std::string_view key);

  [[nodiscard]] const Certificate& leaf() const noexcept { return chain_.front(); }
  /// Leaf first; sent whole, one CERT payload each.
  [[nodiscard]] std::span<const Certificate> chain() const noexcept { return chain_; }
  /// Whether a peer that names these CAs can verify us: one of them is in our chain, or is among `known` and issued a
  /// certificate of our chain. A preference among several credentials, not a veto: peers list what they happen to have.
  /// True for an empty list, which asks for nothing in particular.
  [[nodiscard]] bool satisfies(std::span<const KeyHash> certreq, const Trust& known) const;
  /// What a client would dislike, one sentence each, for --check: identity not in the certificate, serverAuth missing,
  /// not valid now, too small a key, SHA-1. Empty: nothing.
  [[nodiscard]] std::vector<std::string> problems(IdKind kind, common::ByteView identity_local,
                                                  common::WallTime now) const;
  [[nodiscard]] evp_pkey_st* native_key() const noexcept { return key_.get(); }

 private:
  Credential() = default;
  std::vector<Certificate> chain_;
  std::shared_ptr<evp_pkey_st> key_;
};

/// The CAs of one trustpoint. Cheap to copy (shared).
class Trust {
 public:
  /// @param files  PEM, one or more certificates each
  /// @error a sentence that names the file and what is wrong with it
  [[nodiscard]] static std::expected<Trust, std::string> load(std::span<const std::filesystem::path> files);
  [[nodiscard]] static Trust of(std::vector<Certificate> authorities);

  [[nodiscard]] std::span<const Certificate> authorities() const noexcept { return authorities_; }
  /// Certification Authority field of a CERTREQ payload: the hashes concatenated (RFC 7296 §3.7).
  [[nodiscard]] common::Bytes certreq() const;

  /// Verifies a peer's chain: signatures, validity at `now`, basic constraints, key usage, and extended key usage
  /// clientAuth, any, or none at all (RFC 4945 §5.1.3.12 leaves it to us).
  /// @param leaf           the peer's first CERT payload
  /// @param intermediates  the other ones, in any order; believed only where a chain leads to a CA
  /// @error untrusted, expired, bad_purpose, weak (RSA below 2048 bits), bad_signature
  [[nodiscard]] Result<void> verify(const Certificate& leaf, std::span<const Certificate> intermediates,
                                    common::WallTime now) const;

 private:
  Trust() = default;
  std::vector<Certificate> authorities_;
  std::shared_ptr<x509_store_st> store_;
};

/// Splits the Certification Authority field of a CERTREQ payload; a rest of fewer than 20 octets is ignored.
[[nodiscard]] std::vector<KeyHash> parse_certreq(common::ByteView authorities);

}  // namespace controlplane::crypto
