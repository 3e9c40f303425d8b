#pragma once
// The gateway under test: the real Responder on the simulated network, before the fake sessions' room.

#include <filesystem>
#include <memory>
#include <string>

#include "config/schema.hpp"
#include "controlplane/crypto/certificate.hpp"
#include "controlplane/ike/responder.hpp"
#include "tests/sim/fake_door.hpp"
#include "tests/sim/initiator.hpp"
#include "tests/sim/world.hpp"

namespace sim {

/// Certificates of everybody, made once for a test program.
struct Pki {
  static const Pki& get();

  std::filesystem::path directory;  ///< gateway-rsa.pem, .key, gateway-ec.pem, .key, ca.pem
  std::optional<crypto::Trust> trust;
  std::optional<crypto::Credential> client_rsa;  ///< alice@example.org
  std::optional<crypto::Credential> client_ec;
  std::optional<crypto::Credential> stranger;  ///< of another CA

  Pki();
  ~Pki();
};

/// A profile for each way of authentication: "psk" for *@psk.example, "cert" and "eap" for everybody else.
[[nodiscard]] std::shared_ptr<config::Config> make_config();

struct Gateway {
  explicit Gateway(World& network, std::shared_ptr<const config::Config> config = make_config());
  ~Gateway();

  [[nodiscard]] std::uint64_t count(controlplane::ike::Counter counter) const {
    return responder.statistics()[counter];
  }

  World& world;
  FakeDoor door;
  controlplane::ike::Responder responder;
};

inline const common::IpAddress kGatewayAddress = common::IpAddress::v4(0xC0000201);  // 192.0.2.1
inline const Endpoint kGatewayIke{kGatewayAddress, 500};
[[nodiscard]] inline Endpoint client_at(std::uint32_t number) {
  return {common::IpAddress::v4(0xC6336400 + number), 500};  // 198.51.100.n
}

[[nodiscard]] ClientSettings psk_client(const std::string& name = "alice");
[[nodiscard]] ClientSettings certificate_client(bool rsa);
[[nodiscard]] ClientSettings eap_client(const std::string& user = "alice");

/// Whether both ends hold the same keys, SPIs and selectors for their newest child SA.
[[nodiscard]] std::string compare_children(const Login& login, const ClientChild& child);

}  // namespace sim
