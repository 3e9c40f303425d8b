// Decrypted payloads: the first octet is the type of the first one, the rest is what a peer with keys may have sealed.
// Whatever was understood must survive being written and read again.

#include <cstdint>

#include "controlplane/crypto/auth.hpp"
#include "controlplane/crypto/certificate.hpp"
#include "controlplane/crypto/dn.hpp"
#include "controlplane/ike/wire/table.hpp"
#include "rewrite.hpp"

using namespace controlplane;
using namespace controlplane::ike;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto payloads = wire::parse_payloads(wire::PayloadType{data[0]}, {data + 1, size - 1});
  if (!payloads) return 0;
  for (std::uint8_t form = 0; form <= static_cast<std::uint8_t>(wire::Form::informational_response); ++form)
    static_cast<void>(wire::check_payloads(wire::Form{form}, *payloads));
  // What is looked at before the peer has proved anything: its names and certificates.
  for (const auto& id : {payloads->idi, payloads->idr})
    if (id && id->type == wire::IdType::der_asn1_dn) static_cast<void>(crypto::dn_to_text(id->data));
  for (const auto& cert : payloads->certs) {
    const auto certificate = crypto::Certificate::from_der(cert.data);
    if (!certificate) continue;
    static_cast<void>(certificate->subject_text());
    static_cast<void>(certificate->default_identity());
    if (payloads->idi) {
      const auto kind = static_cast<crypto::IdKind>(payloads->idi->type);
      static_cast<void>(certificate->carries(kind, payloads->idi->data));
    }
    if (payloads->auth) {
      const auto& auth = *payloads->auth;
      static_cast<void>(crypto::verify_auth(*certificate, auth.method, auth.data, cert.data, true));
    }
  }
  for (const auto& request : payloads->certreqs) static_cast<void>(crypto::parse_certreq(request.authorities));
  fuzz::check_rewrite(*payloads);
  return 0;
}
