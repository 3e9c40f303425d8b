// Opening: nonce and additional data of one packet, and the checks behind the integrity check (RFC 4303 §3.4.4).

#include "dataplane/esp/decapsulate.hpp"

#include <bit>
#include <cassert>
#include <cstring>

#include "dataplane/packet/headers.hpp"

namespace dataplane::esp {

void decapsulate(const Incoming& packet, crypto::Batch& batch) noexcept {
  const common::SuiteFacts& facts = packet.suite->facts;
  assert(batch.count < crypto::kMaxBatch && facts.integrity_transform == 0);
  assert(is_possible_length(facts, packet.octets));

  const std::uint8_t* iv = packet.esp + sizeof(packet::EspHeader);
  const std::size_t at = batch.count++;
  batch.schedule[at] = packet.schedule;
  batch.payload[at] = packet.esp + sizeof(packet::EspHeader) + facts.iv;
  batch.octets[at] = packet.octets - static_cast<std::uint32_t>(sizeof(packet::EspHeader)) - facts.iv - facts.icv;
  batch.icv[at] = packet.esp + packet.octets - facts.icv;
  std::memcpy(batch.nonce[at].octets.data(), packet.salt.data(), packet.salt.size());
  std::memcpy(batch.nonce[at].octets.data() + packet.salt.size(), iv, 8);
  std::uint8_t* aad = batch.aad[at].octets.data();
  if (packet.esn) {
    const std::uint64_t wire = std::byteswap(packet.sequence);
    std::memcpy(aad, packet.esp, 4);
    std::memcpy(aad + 4, &wire, sizeof wire);
    batch.aad_octets[at] = 12;
  } else {
    std::memcpy(aad, packet.esp, 8);
    batch.aad_octets[at] = 8;
  }
}

common::Result<Inner, common::DropReason> open_payload(common::MutableByteView payload) noexcept {
  using common::DropReason;
  if (payload.size() < 2) return std::unexpected(DropReason::bad_padding);
  const std::size_t pad = payload[payload.size() - 2];
  const std::uint8_t next_header = payload[payload.size() - 1];
  if (pad + 2 > payload.size()) return std::unexpected(DropReason::bad_padding);
  const std::size_t inner_octets = payload.size() - 2 - pad;
  for (std::size_t i = 0; i < pad; ++i)
    if (payload[inner_octets + i] != i + 1) return std::unexpected(DropReason::bad_padding);
  if (next_header == packet::kProtocolNone) return std::unexpected(DropReason::dummy);
  return Inner{next_header, payload.first(inner_octets)};
}

}  // namespace dataplane::esp
