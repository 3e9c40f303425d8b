// Sealing: trailer, headers, nonce and additional data of one packet; the cipher itself runs over the whole batch.

#include "dataplane/esp/encapsulate.hpp"

#include <bit>
#include <cassert>
#include <cstring>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace dataplane::esp {
namespace {

void store_be16(std::uint8_t* at, std::uint16_t host) noexcept {
  const std::uint16_t wire = std::byteswap(host);
  std::memcpy(at, &wire, sizeof wire);
}
void store_be32(std::uint8_t* at, std::uint32_t host) noexcept {
  const std::uint32_t wire = std::byteswap(host);
  std::memcpy(at, &wire, sizeof wire);
}
void store_be64(std::uint8_t* at, std::uint64_t host) noexcept {
  const std::uint64_t wire = std::byteswap(host);
  std::memcpy(at, &wire, sizeof wire);
}

/// 1, 2, 3, ... as RFC 4303 §2.4 wants it.
constexpr std::array<std::uint8_t, 16> kPadding = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/// Patches what changes from packet to packet in the copied IPv4 header (and UDP length).
void patch_outer(std::uint8_t* outer, const Outgoing& packet, std::uint32_t outer_octets) noexcept {
  const HeaderTemplate& header = *packet.header;
  const auto total = static_cast<std::uint16_t>(outer_octets);
  // Without DF a router may fragment: the identification must then differ between packets (RFC 6864 §4.3).
  const std::uint16_t id = packet.dont_fragment ? 0 : static_cast<std::uint16_t>(packet.sequence);
  const std::uint16_t fragment = packet.dont_fragment ? packet::Ipv4Header::kDontFragment : 0;
  outer[1] = packet.outer_tos;
  store_be16(outer + 2, total);
  store_be16(outer + 4, id);
  store_be16(outer + 6, fragment);
  const std::uint32_t sum = std::uint32_t{header.partial_sum} + packet.outer_tos + total + id + fragment;
  store_be16(outer + 10, static_cast<std::uint16_t>(~packet::fold(sum)));
  if (header.udp_octets != 0)
    store_be16(outer + header.ip_octets + 4, static_cast<std::uint16_t>(outer_octets - header.ip_octets));
}

}  // namespace

std::uint32_t encapsulate(const Outgoing& packet, crypto::Batch& batch) noexcept {
  const HeaderTemplate& header = *packet.header;
  const common::SuiteFacts& facts = packet.suite->facts;
  assert(batch.count < crypto::kMaxBatch && facts.integrity_transform == 0);

  const std::uint32_t pad = padding_octets(facts, packet.inner_octets);
  std::uint8_t* trailer = packet.inner + packet.inner_octets;
  std::memcpy(trailer, kPadding.data(), pad);
  trailer[pad] = static_cast<std::uint8_t>(pad);
  trailer[pad + 1] = packet.next_header;

  std::uint8_t* iv = packet.inner - facts.iv;
  std::uint8_t* outer = iv - header.total_octets;
  const std::uint32_t payload_octets = packet.inner_octets + pad + kTrailerOctets;
  const std::uint32_t outer_octets = header.total_octets + facts.iv + payload_octets + facts.icv;
  std::memcpy(outer, header.octets.data(), header.total_octets);
  patch_outer(outer, packet, outer_octets);
  store_be32(iv - 4, static_cast<std::uint32_t>(packet.sequence));
  store_be64(iv, packet.sequence);

  const std::size_t at = batch.count++;
  batch.schedule[at] = packet.schedule;
  batch.payload[at] = packet.inner;
  batch.octets[at] = payload_octets;
  batch.icv[at] = packet.inner + payload_octets;
  std::memcpy(batch.nonce[at].octets.data(), packet.salt.data(), packet.salt.size());
  std::memcpy(batch.nonce[at].octets.data() + packet.salt.size(), iv, 8);
  std::uint8_t* aad = batch.aad[at].octets.data();
  std::memcpy(aad, iv - 8, 4);  // SPI
  if (packet.esn) {
    store_be64(aad + 4, packet.sequence);
    batch.aad_octets[at] = 12;
  } else {
    store_be32(aad + 4, static_cast<std::uint32_t>(packet.sequence));
    batch.aad_octets[at] = 8;
  }
  return outer_octets;
}

}  // namespace dataplane::esp
