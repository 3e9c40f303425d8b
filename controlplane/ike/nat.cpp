// Hashes of addresses and ports, compared with what the other side believes to use.

#include "controlplane/ike/nat.hpp"

#include <algorithm>

#include "controlplane/crypto/prf.hpp"

namespace controlplane::ike {

NatHash nat_hash(std::uint64_t initiator_spi, std::uint64_t responder_spi, const common::Endpoint& endpoint) {
  const common::Be64 spi_i(initiator_spi);
  const common::Be64 spi_r(responder_spi);
  const common::Be16 port(endpoint.port);
  return crypto::sha1(
      {common::as_bytes(spi_i), common::as_bytes(spi_r), endpoint.address.bytes(), common::as_bytes(port)});
}

NatFound detect_nat(std::uint64_t initiator_spi, const common::Endpoint& local, const common::Endpoint& remote,
                    const std::vector<common::ByteView>& sources, const std::vector<common::ByteView>& destinations) {
  NatFound found;
  if (sources.empty() || destinations.empty()) return found;
  found.supported = true;
  const auto has = [](const std::vector<common::ByteView>& hashes, const NatHash& hash) {
    return std::ranges::any_of(hashes, [&hash](common::ByteView one) { return std::ranges::equal(one, hash); });
  };
  // In the first request SPIr is still 0.
  found.remote = !has(sources, nat_hash(initiator_spi, 0, remote));
  found.local = !has(destinations, nat_hash(initiator_spi, 0, local));
  return found;
}

}  // namespace controlplane::ike
