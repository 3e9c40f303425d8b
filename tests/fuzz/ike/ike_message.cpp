// IKE messages as they come from the network: parse, apply the table, try to open what is encrypted. Whatever was
// understood must survive being written and read again.

#include <cstdint>
#include <cstdlib>

#include "controlplane/crypto/sk_cipher.hpp"
#include "controlplane/ike/wire/seal.hpp"
#include "controlplane/ike/wire/table.hpp"
#include "rewrite.hpp"

namespace {

using namespace controlplane;
using namespace controlplane::ike;

crypto::SkCipher make(crypto::SkSuite suite) {
  const auto& facts = crypto::sk_suite_facts(suite);
  return std::move(*crypto::SkCipher::make(suite, common::Bytes(facts.sk_e), common::Bytes(facts.sk_a)));
}

void try_to_open(const wire::Message& message) {
  static const crypto::SkCipher ciphers[] = {make(crypto::SkSuite::aes_gcm_16_128),
                                             make(crypto::SkSuite::aes_cbc_256_sha2_384_192)};
  for (const auto& cipher : ciphers) {
    const auto plain = wire::open(*message.encrypted, cipher);
    if (plain) static_cast<void>(wire::parse_payloads(message.encrypted->first_inner, *plain));
  }
  // Views stay inside of the message.
  const auto& encrypted = *message.encrypted;
  if (encrypted.prefix.size() + encrypted.body.size() != message.octets.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = wire::parse_message({data, size});
  if (!message) {
    static_cast<void>(wire::notify_for(message.error()));
    return 0;
  }
  if (const auto form = wire::form_of(message->header)) {
    static_cast<void>(wire::check_outer(*form, *message));
    static_cast<void>(wire::check_payloads(*form, message->clear));
  }
  if (message->encrypted) try_to_open(*message);
  fuzz::check_rewrite(message->clear);
  return 0;
}
