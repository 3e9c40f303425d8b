#pragma once
// What an IKE exchange may ask of the sessions room, and what a session may ask of its IKE peer. The real
// implementation is session::Sessions; the simulator has a small one of its own. Thread: the control thread only;
// callbacks run on it, never before the call that took them has returned.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/channel/messages.hpp"
#include "common/ids.hpp"
#include "common/secret.hpp"

namespace controlplane::session {

/// Acct-Terminate-Cause (RFC 2866 §5.10). The first cause of a session wins.
enum class Cause : std::uint8_t {
  user_request = 1,  ///< the peer's Delete
  lost_carrier = 2,  ///< dead peer detection
  idle_timeout = 4,
  session_timeout = 5,
  admin_reset = 6,      ///< POD, `clear crypto session`
  nas_error = 9,        ///< the dataplane died; counters are estimates
  nas_reboot = 11,      ///< shutdown, restart
  port_preempted = 13,  ///< a newer login of the same user
};

/// How the user proved who he is; `show` and Acct-Authentic name it.
enum class Method : std::uint8_t { psk, certificate, eap };

/// What a session may ask of the IKE SA that carries it. Owned by ike/; the session forgets it after `send_delete`
/// or when ike/ calls Door::detach.
class PeerHandle {
 public:
  PeerHandle() = default;
  PeerHandle(const PeerHandle&) = delete;
  PeerHandle& operator=(const PeerHandle&) = delete;
  /// The session is over and its Stop durable: tell the peer (RFC 7296 §1.4.1), then keep a stub for 10 s. Called once
  /// for every established session, whatever its cause: where the peer's own Delete was the cause, nothing is left to
  /// say.
  virtual void send_delete() = 0;
  /// The login in progress is over (POD): answer AUTHENTICATION_FAILED to its present or next request. Right after it,
  /// where the handle is still attached, callbacks that the login waits for are called with `failed` or `aborted`;
  /// those of a detached one are dropped. Not called when the IKE SA itself asked for the end.
  virtual void abort_login() = 0;
  /// The dataplane saw the peer's outer address move (NAT rebinding, DESIGN chapter 3).
  virtual void peer_moved(const common::Endpoint& remote) = 0;
  /// `InboundSeen`: the peer is alive, no DPD is needed now.
  virtual void inbound_seen() = 0;
  /// For `show crypto ikev2 sa` of one session: "Encr: AES-GCM, keysize: 256, …" and so on, ready to print.
  [[nodiscard]] virtual std::string describe() const = 0;

 protected:
  ~PeerHandle() = default;
};

/// What is known of a login with its first IKE_AUTH request.
struct LoginFacts {
  std::string profile;  ///< [[ikev2.profile]] name
  Method method = Method::eap;
  common::Endpoint local;       ///< outer, where the request arrived
  common::Endpoint remote;      ///< outer, as we see the peer
  std::string ike_identity;     ///< IDi as text: FQDN, e-mail, address or DN
  std::uint32_t ike_sa_id = 0;  ///< small number for "SA ID = n" in logs
  bool initial_contact = false;
};

/// Names of a session, given at birth and never changed (FACTS A5, DESIGN chapter 6).
struct SessionNames {
  common::SessionId id;
  std::string audit_session_id;       ///< "L2L4…ZO2L4…ZH…ZN3B"
  std::uint32_t acct_session_id = 0;  ///< sent as %08X
  std::uint32_t unique_id = 0;
};

/// One step of an EAP conversation, as RADIUS answered it.
struct EapStep {
  enum class Kind : std::uint8_t {
    challenge,  ///< `eap` goes to the peer, its answer comes back
    accept,     ///< `eap` is EAP-Success; `msk` is 64 octets or empty for a keyless method
    reject,     ///< `eap` is EAP-Failure (made up where RADIUS sent none)
    failed,     ///< no server answered, or the login was aborted: AUTHENTICATION_FAILED without EAP
  };
  Kind kind = Kind::failed;
  common::Bytes eap;
  common::SecretBytes msk;
  std::string user_name;  ///< the user's identity from here on, at accept
};

enum class Verdict : std::uint8_t { accept, reject, failed };

/// What the peer gets in the configuration payload. Empty members are not sent.
struct Assignment {
  std::optional<common::IpAddress> inner_v4;
  std::vector<common::IpAddress> dns;
  std::vector<common::Prefix>
      subnets;  ///< INTERNAL_IP4_SUBNET; also the limit of our traffic selectors, empty: everything
};

enum class EstablishStatus : std::uint8_t {
  ok,
  aborted,       ///< a POD or a duplicate came first
  no_resources,  ///< spool, dataplane capacity or channel
};

class Door {
 public:
  Door() = default;
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  virtual ~Door() = default;

  /// A login begins: the session is pending, indexed, and can be aborted by a POD from now on.
  /// @return nullopt: no login is admitted now (spool full, shutting down)
  [[nodiscard]] virtual std::optional<SessionNames> begin(const LoginFacts& facts, PeerHandle& peer) = 0;

  /// Passes an EAP packet of the peer on to RADIUS. The first one is the Identity response (RFC 3579 §2.1).
  virtual void authenticate_eap(common::SessionId id, common::ByteView eap,
                                std::move_only_function<void(EapStep)> done) = 0;

  /// PSK and certificate logins: asks RADIUS whether this identity may come in. `accept` at once where authorization is
  /// off.
  virtual void authorize(common::SessionId id, std::move_only_function<void(Verdict)> done) = 0;

  /// After authentication: applies `unique`, then takes an address.
  /// @param wants_v4  the peer's CFG_REQUEST had INTERNAL_IP4_ADDRESS
  /// @return nullopt: the pool is exhausted (INTERNAL_ADDRESS_FAILURE), or the login was aborted
  [[nodiscard]] virtual std::optional<Assignment> assign(common::SessionId id, bool wants_v4) = 0;

  /// A fresh inbound SPI, reserved in the dataplane; nullopt while the channel is down or the table is full.
  [[nodiscard]] virtual std::optional<common::Spi> take_spi() = 0;
  virtual void give_back_spi(common::Spi spi) = 0;
  /// A KeyId that was never used before.
  [[nodiscard]] virtual common::KeyId next_key_id() = 0;

  /// Open-session row, InstallSession, Start into the spool; then `done`, and only then may the last IKE_AUTH response
  /// leave. Policy, inner addresses and `session_id` are filled in here.
  virtual void establish(common::SessionId id, common::channel::InstallSession install, common::Bytes blob,
                         std::move_only_function<void(EstablishStatus)> done) = 0;

  /// New child SA beside the old one; `done(true)` when the workers can see it, and only then may the response leave.
  virtual void rekey_child(common::SessionId id, common::channel::RekeyChild rekey,
                           std::move_only_function<void(bool)> done) = 0;
  /// The peer deleted a child SA that has a successor.
  virtual void delete_child(common::SessionId id, common::Spi inbound_spi) = 0;
  /// An authenticated IKE message came from elsewhere (RFC 7296 §2.23).
  virtual void update_peer(common::SessionId id, const common::Endpoint& local, const common::Endpoint& remote) = 0;
  virtual void put_blob(common::SessionId id, common::Bytes blob) = 0;

  /// The one way out (DESIGN chapter 6). Repeated calls join the first; `done` runs when the Stop is durable.
  virtual void terminate(common::SessionId id, Cause cause, std::move_only_function<void()> done) = 0;
  /// The PeerHandle given to `begin` is going away; a pending login that never became a session is forgotten.
  virtual void detach(common::SessionId id) = 0;
};

}  // namespace controlplane::session
