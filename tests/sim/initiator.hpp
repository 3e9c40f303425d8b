#pragma once
// An IKEv2 client for tests: initiator of everything, with key derivation of its own. It shares with the gateway only
// the codec and the five words of crypto.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/secret.hpp"
#include "controlplane/crypto/auth.hpp"
#include "controlplane/crypto/certificate.hpp"
#include "controlplane/crypto/dh.hpp"
#include "controlplane/crypto/prf.hpp"
#include "controlplane/crypto/sk_cipher.hpp"
#include "controlplane/ike/wire/message.hpp"
#include "controlplane/ike/wire/seal.hpp"
#include "controlplane/ike/wire/writer.hpp"
#include "tests/sim/world.hpp"

namespace sim {

namespace crypto = controlplane::crypto;
namespace wire = controlplane::ike::wire;

struct ClientSettings {
  enum class Auth : std::uint8_t { psk, certificate, eap };

  Auth auth = Auth::psk;
  wire::IdType id_type = wire::IdType::rfc822;
  Bytes id;
  std::string idr;  ///< FQDN, empty: none
  std::string psk = "a shared key";
  std::string user = "alice";  ///< EAP identity
  const crypto::Credential* credential = nullptr;
  const crypto::Trust* trust = nullptr;  ///< of the gateway's certificate; null: gateway must use the PSK
  std::vector<wire::Transform> ike = default_ike();
  std::vector<wire::Proposal> esp = default_esp();
  std::uint16_t ke_group = 31;
  bool hashes = true;
  bool fragmentation = true;
  bool nat_detection = true;
  std::optional<common::IpAddress> behind_nat;  ///< our own address, where the gateway sees another
  bool float_port = true;                       ///< goes to 4500 where a NAT was found
  bool wants_v4 = true;
  bool wants_v6 = false;
  bool initial_contact = false;
  std::size_t certreqs = 1;
  std::size_t max_octets = 1200;
  std::vector<wire::Selector> tsi = everything();
  std::vector<wire::Selector> tsr = everything();
  bool wrong_auth = false;

  static std::vector<wire::Transform> default_ike();
  static std::vector<wire::Proposal> default_esp();
  static std::vector<wire::Selector> everything();
};

/// Keys of one ESP pair as the client has them.
struct ClientChild {
  common::Spi inbound;   ///< ours
  common::Spi outbound;  ///< the gateway's
  Bytes inbound_key;     ///< what the gateway sends with
  Bytes outbound_key;
  std::uint16_t key_bits = 0;
  bool esn = false;
  std::uint16_t group = 0;
  std::vector<wire::Selector> tsi;
  std::vector<wire::Selector> tsr;
};

struct ClientSa {
  std::uint64_t spi_i = 0;
  std::uint64_t spi_r = 0;
  crypto::Prf prf = crypto::Prf::hmac_sha2_256;
  common::SecretBytes d, pi, pr;
  std::optional<crypto::SkCipher> out;
  std::optional<crypto::SkCipher> in;
  std::uint32_t next = 0;      ///< of our requests
  std::uint32_t expected = 0;  ///< of the gateway's
  std::uint32_t sealed = 0;
  std::vector<Bytes> answer;  ///< to `expected - 1`
  wire::Reassembly answers;
  bool gone = false;  ///< deleted by either side
};

class Initiator {
 public:
  Initiator(World& world, Endpoint own, Endpoint gateway, ClientSettings settings);
  ~Initiator();
  Initiator(const Initiator&) = delete;
  Initiator& operator=(const Initiator&) = delete;

  /// IKE_SA_INIT and all that follows, up to a session or a refusal.
  void connect();
  void rekey_child(std::uint16_t group);  ///< 0: without PFS
  void delete_old_child();
  void delete_child();  ///< the only one
  void rekey_ike();
  void delete_old_ike();
  void delete_ike();
  void probe();  ///< empty INFORMATIONAL
  /// Any request on the current IKE SA; `then` gets the answer's payloads.
  using Then = std::function<void(const wire::Payloads&)>;
  void request(wire::ExchangeType exchange, const wire::PayloadWriter& payloads, Then then);
  /// Seals what a test wants to send by itself, with the next message id.
  [[nodiscard]] Bytes seal_next(wire::ExchangeType exchange, const wire::PayloadWriter& payloads);
  void send_raw(ByteView message);
  /// A NAT gives us another outside port.
  void rebind(std::uint16_t port_offset) { nat_offset_ = port_offset; }

  [[nodiscard]] bool established() const { return established_; }
  [[nodiscard]] bool failed() const { return failure_.has_value(); }
  [[nodiscard]] bool idle() const { return !pending_; }
  [[nodiscard]] std::optional<wire::NotifyType> refused_with() const { return refusal_; }

  // What a test looks at.
  World& world;
  ClientSettings settings;
  std::vector<ClientSa> sas;  ///< the last is current
  std::vector<ClientChild> children;
  std::optional<std::string> failure_;
  std::optional<wire::NotifyType> refusal_;  ///< the last error notification
  std::optional<common::IpAddress> inner;
  std::vector<common::IpAddress> dns;
  std::vector<common::Prefix> subnets;
  bool eap_failed = false;
  bool deleted_by_gateway = false;
  bool nat_found = false;
  unsigned dpd_seen = 0;
  unsigned cookies = 0;
  unsigned invalid_ke = 0;
  unsigned certificates = 0;
  std::uint8_t gateway_auth_method = 0;
  std::string gateway_id;
  unsigned long long answers_seen = 0;
  std::map<std::uint32_t, Bytes> first_answers;  ///< by message id of the first SA: repetitions must be the same octets
  bool answers_differed = false;
  bool answers_dpd = true;

 private:
  struct Pending {
    std::size_t sa = 0;
    std::uint32_t message_id = 0;
    std::vector<Bytes> datagrams;
    Then then;
    unsigned tries = 0;
    std::uint64_t number = 0;
  };

  void on_datagram(const Endpoint& from, ByteView bytes);
  void on_init_answer(const wire::Message& message);
  void on_answer(std::size_t sa, const wire::Message& message);
  void on_request(std::size_t sa, const wire::Message& message);
  void send_init();
  void send_auth();
  void on_auth_answer(const wire::Payloads& payloads);
  void on_eap(const wire::Payloads& payloads);
  void on_final(const wire::Payloads& payloads);
  void verify_gateway(const wire::Payloads& payloads);
  [[nodiscard]] Bytes own_id_octets() const;
  void add_child(const wire::Payloads& payloads, const ClientSa& sa, ByteView shared, ByteView ni, ByteView nr);
  void make_keys(ClientSa& sa, ByteView skeyseed, const crypto::SkSuiteFacts& suite, ByteView ni, ByteView nr);
  void request_on(std::size_t sa, wire::ExchangeType exchange, const wire::PayloadWriter& payloads, Then then);
  void transmit(std::uint64_t number);
  [[nodiscard]] std::vector<Bytes> seal(ClientSa& sa, wire::ExchangeType exchange, bool response,
                                        std::uint32_t message_id, const wire::PayloadWriter& payloads);
  void fail(std::string why) {
    if (!failure_) failure_ = std::move(why);
  }
  [[nodiscard]] wire::Sa ike_offer(ByteView spi) const;
  [[nodiscard]] wire::Sa esp_offer(ByteView spi, std::uint16_t group) const;

  Endpoint own_;
  Endpoint gateway_;
  std::uint16_t nat_offset_ = 0;
  bool established_ = false;
  std::optional<Pending> pending_;
  std::uint64_t last_number_ = 0;
  Bytes init_request_;
  Bytes init_answer_;
  Bytes cookie_;
  Bytes ni_;
  Bytes nr_;
  std::optional<crypto::Dh> dh_;
  common::SecretBytes msk_;
  bool eap_done_ = false;
  Bytes gateway_id_octets_;
  std::uint32_t last_spi_ = 0xC0000000;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sim
