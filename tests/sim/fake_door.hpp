#pragma once
// The sessions' room and a RADIUS server, small enough to be read at once: names are counted, addresses are handed out
// in turn, EAP users are known by name, and every answer comes a little later.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/session/door.hpp"
#include "tests/sim/world.hpp"

namespace sim {

namespace session = controlplane::session;
namespace channel = common::channel;

/// The made-up EAP method's MSK of a user: both ends can compute it.
[[nodiscard]] common::SecretBytes msk_of(const std::string& user);

/// RFC 3748 §4: code, identifier, and where there is a type, so many zero octets of data behind it.
[[nodiscard]] Bytes eap_packet(std::uint8_t code, std::uint8_t identifier, std::uint8_t type = 0, std::size_t data = 0);

struct Login {
  session::SessionNames names;
  session::LoginFacts facts;
  session::PeerHandle* peer = nullptr;
  std::string user;
  unsigned rounds = 0;  ///< of EAP
  std::optional<common::IpAddress> inner;
  std::optional<channel::InstallSession> install;
  std::vector<channel::RekeyChild> rekeys;
  std::vector<common::Spi> deleted;
  std::vector<Endpoint> moves;
  bool pending_establish = false;
  bool established = false;
  bool ended = false;
  bool detached = false;
  std::optional<session::Cause> cause;
};

class FakeDoor final : public session::Door {
 public:
  explicit FakeDoor(World& world) : world_(world) {}

  [[nodiscard]] std::optional<session::SessionNames> begin(const session::LoginFacts& facts,
                                                           session::PeerHandle& peer) override;
  void authenticate_eap(common::SessionId id, ByteView eap,
                        std::move_only_function<void(session::EapStep)> done) override;
  void authorize(common::SessionId id, std::move_only_function<void(session::Verdict)> done) override;
  [[nodiscard]] std::optional<session::Assignment> assign(common::SessionId id, bool wants_v4) override;
  [[nodiscard]] std::optional<common::Spi> take_spi() override;
  void give_back_spi(common::Spi spi) override;
  [[nodiscard]] common::KeyId next_key_id() override { return common::KeyId(++last_key_); }
  void establish(common::SessionId id, channel::InstallSession install, Bytes blob,
                 std::move_only_function<void(session::EstablishStatus)> done) override;
  void rekey_child(common::SessionId id, channel::RekeyChild rekey, std::move_only_function<void(bool)> done) override;
  void delete_child(common::SessionId id, common::Spi inbound_spi) override;
  void update_peer(common::SessionId id, const Endpoint& local, const Endpoint& remote) override;
  void put_blob(common::SessionId, Bytes) override {}
  void terminate(common::SessionId id, session::Cause cause, std::move_only_function<void()> done) override;
  void detach(common::SessionId id) override;

  /// What a Packet of Disconnect does: aborts a login, ends a session.
  void disconnect(common::SessionId id);

  [[nodiscard]] Login& only();
  [[nodiscard]] std::size_t live() const;

  std::map<common::SessionId, Login> logins;
  std::map<common::Spi, bool> spis;                                    ///< whether it is out
  std::optional<session::Verdict> verdict = session::Verdict::accept;  ///< nullopt: never answers
  bool radius_silent = false;                                          ///< EAP answers never come
  bool admits = true;
  bool pool_empty = false;
  bool spis_gone = false;
  session::EstablishStatus establish_status = session::EstablishStatus::ok;
  bool rekey_ok = true;
  std::vector<common::Prefix> subnets;
  std::vector<common::IpAddress> dns = {common::IpAddress::v4(0x0A0A0035)};

 private:
  template <class Done>
  void later(Done done);

  World& world_;
  std::uint64_t last_id_ = 0;
  std::uint64_t last_key_ = 0;
  std::uint32_t last_spi_ = 0x1000;
  std::uint32_t last_inner_ = 0x0A630000;
};

}  // namespace sim
