// Writes the seeds of both targets: messages as real clients shape them. Run it again where the samples change:
//   ninja -C build tests/fuzz/ike/make_ike_seeds && build/tests/fuzz/ike/make_ike_seeds tests/fuzz/ike/seeds

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "controlplane/ike/wire/seal.hpp"
#include "tests/unit/cp_crypto/pki.hpp"
#include "tests/unit/cp_ike_wire/samples.hpp"

namespace {

using namespace controlplane;
using namespace controlplane::ike::wire;

void save(const std::filesystem::path& path, common::ByteView octets) {
  std::ofstream(path, std::ios::binary) << common::as_text(octets);
}

void save_payloads(const std::filesystem::path& path, const PayloadWriter& payloads) {
  common::Bytes octets{static_cast<std::uint8_t>(payloads.first())};
  octets.insert(octets.end(), payloads.view().begin(), payloads.view().end());
  save(path, octets);
}

/// A certificate, its DN as IDi, and a signature of nothing.
PayloadWriter certificate_login() {
  const auto issued =
      pki::issue({.common_name = "alice", .alternative_names = "email:alice@example.org"}, pki::ec_key());
  const auto certificate = issued.certificate();
  const auto der = certificate.der();
  const auto subject = certificate.subject();
  PayloadWriter out;
  out.add_idi({IdType::der_asn1_dn, subject, {}});
  out.add(Cert{CertEncoding::x509_signature, der});
  auto signature = common::parse_hex("0c300a06082a8648ce3d040302").value();
  signature.resize(signature.size() + 70, 0x30);
  out.add(Auth{14, signature});
  return out;
}

void save_messages(const std::filesystem::path& directory) {
  save(directory / "strongswan_init",
       write_message(samples::header(ExchangeType::ike_sa_init), samples::init_request()));
  save(directory / "windows_init",
       write_message(samples::header(ExchangeType::ike_sa_init), samples::windows_init_request()));
  // Keys of zeros, which the target tries.
  const auto cipher = crypto::SkCipher::make(crypto::SkSuite::aes_gcm_16_128, common::Bytes(20), {});
  const auto auth = samples::header(ExchangeType::ike_auth, 1);
  save(directory / "auth_eap", *seal_message(auth, samples::auth_request(false), *cipher, 1));
  save(directory / "dpd", *seal_message(samples::header(ExchangeType::informational, 9), PayloadWriter(), *cipher, 2));
  const auto fragments = seal_fragments(auth, samples::auth_request(true), *cipher, 3, 600);
  save(directory / "fragment_first", fragments->front());
  save(directory / "fragment_last", fragments->back());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SEEDS-DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::filesystem::path seeds = argv[1];
  std::filesystem::create_directories(seeds / "ike_message");
  std::filesystem::create_directories(seeds / "ike_payloads");
  save_messages(seeds / "ike_message");
  save_payloads(seeds / "ike_payloads" / "auth_eap", samples::auth_request(false));
  save_payloads(seeds / "ike_payloads" / "auth_certificate", samples::auth_request(true));
  save_payloads(seeds / "ike_payloads" / "certificate_login", certificate_login());
  save_payloads(seeds / "ike_payloads" / "eap_response", samples::eap_response());
  save_payloads(seeds / "ike_payloads" / "child_rekey", samples::rekey_request());
  save_payloads(seeds / "ike_payloads" / "delete", samples::delete_request());
  return 0;
}
