// Certificates and configuration of the simulated gateway.

#include "tests/sim/gateway.hpp"

#include <algorithm>
#include <fstream>
#include <stdlib.h>

#include <fmt/format.h>

#include "common/channel/convert.hpp"
#include "tests/unit/cp_crypto/pki.hpp"

namespace sim {
namespace {

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

crypto::Credential credential_of(const pki::Issued& issued) {
  return crypto::Credential::from_pem(issued.pem(), issued.key_pem()).value();
}

}  // namespace

const Pki& Pki::get() {
  static const Pki pki;
  return pki;
}

Pki::Pki() {
  char name[] = "/tmp/portcullis-sim-XXXXXX";
  directory = ::mkdtemp(name);
  const auto ca = pki::issue({.common_name = "CA", .ca = true}, pki::ec_key());
  const auto other = pki::issue({.common_name = "Other CA", .ca = true}, pki::ec_key());
  const pki::Wish gateway{.common_name = "vpn.example.org",
                          .alternative_names = "DNS:vpn.example.org",
                          .extended_usage = "serverAuth,clientAuth"};
  const pki::Wish client{
      .common_name = "alice", .alternative_names = "email:alice@example.org", .extended_usage = "clientAuth"};
  const auto rsa = pki::issue(gateway, pki::rsa_key(), &ca);
  const auto ec = pki::issue(gateway, pki::ec_key(), &ca);
  write_file(directory / "gateway-rsa.pem", rsa.pem());
  write_file(directory / "gateway-rsa.key", rsa.key_pem());
  write_file(directory / "gateway-ec.pem", ec.pem());
  write_file(directory / "gateway-ec.key", ec.key_pem());
  write_file(directory / "ca.pem", ca.pem());
  trust = crypto::Trust::of({ca.certificate()});
  client_rsa = credential_of(pki::issue(client, pki::rsa_key(), &ca));
  client_ec = credential_of(pki::issue(client, pki::ec_key("P-384"), &ca));
  stranger = credential_of(pki::issue(client, pki::ec_key(), &other));
}

Pki::~Pki() { std::filesystem::remove_all(directory); }

std::shared_ptr<config::Config> make_config() {
  auto config = std::make_shared<config::Config>();
  config::Ike& ike = config->ike;
  const auto& files = Pki::get().directory;
  ike.trustpoints.push_back({"rsa", files / "gateway-rsa.pem", files / "gateway-rsa.key", {files / "ca.pem"}});
  ike.trustpoints.push_back({"ec", files / "gateway-ec.pem", files / "gateway-ec.key", {files / "ca.pem"}});
  config::Keyring& keyring = ike.keyrings.emplace_back();
  keyring.name = "keys";
  keyring.peers.push_back({"all", "*@psk.example", common::SecretBytes(common::as_bytes("a shared key"))});
  config::IkeProfile& psk = ike.profiles.emplace_back();
  psk.name = "psk";
  psk.match_identity_remote = {"*@psk.example"};
  psk.identity_local = "vpn.example.org";
  psk.authentication_local = config::AuthMethod::psk;
  psk.authentication_remote = {config::AuthMethod::psk};
  psk.keyring = "keys";
  psk.unique = "keep";
  config::IkeProfile& users = ike.profiles.emplace_back();
  users.name = "users";
  users.match_identity_remote = {"*"};
  users.authentication_remote = {config::AuthMethod::eap, config::AuthMethod::certificate};
  users.trustpoint = "rsa";
  return config;
}

Gateway::Gateway(World& network, std::shared_ptr<const config::Config> config)
    : world(network), door(network), responder(std::move(config), network, door, common::Epoch(7)) {
  world.attach(kGatewayAddress, [this](const Endpoint& from, const Endpoint& to, ByteView bytes) {
    responder.on_datagram({to, from, bytes});
  });
  world.set_timer([this] { return responder.next_deadline(); }, [this] { responder.on_timer(); });
}

Gateway::~Gateway() {
  world.detach(kGatewayAddress);
  world.set_timer({}, {});
}

ClientSettings psk_client(const std::string& name) {
  ClientSettings settings;
  const std::string id = name + "@psk.example";
  settings.id.assign(id.begin(), id.end());
  return settings;
}

ClientSettings certificate_client(bool rsa) {
  ClientSettings settings;
  settings.auth = ClientSettings::Auth::certificate;
  const std::string id = "alice@example.org";
  settings.id.assign(id.begin(), id.end());
  settings.credential = rsa ? &*Pki::get().client_rsa : &*Pki::get().client_ec;
  settings.trust = &*Pki::get().trust;
  return settings;
}

ClientSettings eap_client(const std::string& user) {
  ClientSettings settings;
  settings.auth = ClientSettings::Auth::eap;
  settings.id_type = wire::IdType::ipv4;
  settings.id = {10, 0, 0, 2};  // as Windows: a private address that many share
  settings.user = user;
  settings.trust = &*Pki::get().trust;
  return settings;
}

std::string compare_children(const Login& login, const ClientChild& child) {
  const channel::WireChild& wire = login.rekeys.empty() ? login.install->child : login.rekeys.back().child;
  const auto equal = [](const channel::WireKeys& keys, const Bytes& ours) {
    return std::equal(ours.begin(), ours.end(), keys.encryption.begin()) &&
           std::all_of(keys.encryption.begin() + static_cast<long>(ours.size()), keys.encryption.end(),
                       [](std::uint8_t octet) { return octet == 0; });
  };
  if (!equal(wire.inbound, child.outbound_key)) return "keys from the client differ";
  if (!equal(wire.outbound, child.inbound_key)) return "keys to the client differ";
  if (wire.inbound_spi != child.outbound.value() || wire.outbound_spi != child.inbound.value()) return "SPIs differ";
  const auto suite = child.key_bits == 256 ? common::Suite::aes_gcm_16_256 : common::Suite::aes_gcm_16_128;
  if (wire.suite != static_cast<std::uint16_t>(suite)) return "suites differ";
  if (((wire.flags & channel::kChildEsn) != 0) != child.esn) return "ESN differs";
  if (wire.remote_selectors != child.tsi.size() || wire.local_selectors != child.tsr.size()) return "selectors differ";
  for (std::size_t i = 0; i < child.tsi.size(); ++i)
    if (channel::from_wire(wire.remote[i].first) != child.tsi[i].first ||
        channel::from_wire(wire.remote[i].last) != child.tsi[i].last)
      return "TSi differ";
  for (std::size_t i = 0; i < child.tsr.size(); ++i)
    if (channel::from_wire(wire.local[i].first) != child.tsr[i].first ||
        channel::from_wire(wire.local[i].last) != child.tsr[i].last)
      return "TSr differ";
  return {};
}

}  // namespace sim
