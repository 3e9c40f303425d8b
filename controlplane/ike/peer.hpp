#pragma once
// One client: its login, its session, its IKE SAs (two while it rekeys) and its child SAs. Inside controlplane/ike
// only.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/suite.hpp"
#include "controlplane/crypto/auth.hpp"
#include "controlplane/ike/context.hpp"
#include "controlplane/ike/listing.hpp"
#include "controlplane/ike/policy.hpp"
#include "controlplane/ike/sa.hpp"
#include "controlplane/ike/selectors.hpp"
#include "controlplane/session/door.hpp"

namespace controlplane::ike {

/// A request of the peer, or its answer, decrypted. The payloads view `plain`.
struct Opened {
  wire::IkeHeader header;
  common::Bytes plain;
  wire::Payloads payloads;
};

/// What must be remembered from IKE_SA_INIT to the last IKE_AUTH.
struct Login {
  common::Bytes init_request;  ///< RealMessage1, for AUTH and to know its repetitions
  common::Bytes init_response;
  common::Bytes initiator_nonce;
  common::Bytes responder_nonce;
  common::Endpoint init_remote;            ///< where IKE_SA_INIT came from
  bool offered_hashes = false;             ///< SIGNATURE_HASH_ALGORITHMS came
  std::vector<std::uint16_t> peer_hashes;  ///< RFC 7427 §4
  common::MonotonicTime ends{};

  std::optional<Opened> first;     ///< the first IKE_AUTH request: identities, SA, selectors, configuration
  common::Bytes initiator_signed;  ///< what the peer's AUTH covers
  bool identity_queried = false;   ///< our EAP-Request/Identity is out
  bool greet = false;              ///< the next answer carries IDr, CERT and AUTH
  std::uint8_t eap_method = 0;     ///< the last method proper that the peer spoke (RFC 3748 §5)
  common::SecretBytes msk;
  bool eap = false;
  bool eap_succeeded = false;
  bool aborted = false;
};

/// One pair of ESP SAs.
struct Child {
  common::Spi inbound;
  common::Spi outbound;
  common::SuiteFacts suite{};
  std::optional<crypto::Group> group;
  bool esn = false;
  bool udp_encap = false;
  bool current = true;  ///< false: superseded, the peer will delete it
  Narrowed selectors;
  common::MonotonicTime created{};
};

struct Peer final : public session::PeerHandle {
  Peer(Context& shared, std::uint32_t number, std::shared_ptr<const Policy> rules);
  ~Peer();

  // session::PeerHandle. None of them calls the Door back.
  void send_delete() override;
  void abort_login() override;
  void peer_moved(const common::Endpoint& remote) override;
  void inbound_seen() override;
  [[nodiscard]] std::string describe() const override;

  Context& context;
  std::uint32_t id;  ///< the number of its first IKE SA
  std::shared_ptr<const Policy> policy;
  std::vector<std::unique_ptr<IkeSa>> sas;  ///< never empty; the last one carries the session
  std::unique_ptr<Login> login;             ///< until there is a session
  const Profile* profile = nullptr;         ///< of `policy`
  std::optional<session::SessionNames> names;
  bool released = false;  ///< the Door has forgotten this handle
  Identity remote_identity;
  Identity local_identity;
  std::string eap_identity;
  std::string local_auth;
  std::string remote_auth;
  session::Method method = session::Method::eap;
  std::optional<common::IpAddress> inner;
  std::vector<common::Prefix> subnets;
  std::vector<Child> children;
  std::optional<common::IpAddress> counted_source;  ///< in Context::half_open

  [[nodiscard]] IkeSa& current() const { return *sas.back(); }
  [[nodiscard]] bool is_current(const IkeSa& sa) const { return sas.back().get() == &sa; }

  /// The one place where a state changes. @return false: the event does not fit; nothing has changed
  bool change(IkeSa& sa, Event event);
  /// Answers the peer's present request; does nothing where none waits.
  void respond(IkeSa& sa, const wire::PayloadWriter& payloads);
  void respond(IkeSa& sa, wire::NotifyType type, common::ByteView data = {});
  /// Sends the last answer again, octet for octet, to where the repetition came from.
  void repeat_answer(IkeSa& sa, const common::Endpoint& local, const common::Endpoint& remote);
  /// Sends a request of ours, or when the window is free.
  void ask(IkeSa& sa, Purpose purpose);
  /// The present question was answered.
  void on_answered(IkeSa& sa);
  void repeat_question(IkeSa& sa);

  /// The login ends here: the answer is `payloads`, or AUTHENTICATION_FAILED.
  void refuse(IkeSa& sa, std::string_view why);
  void refuse(IkeSa& sa, std::string_view why, const wire::PayloadWriter& payloads);
  /// Forgets what only a login needs, the repetitions of its IKE_SA_INIT among it.
  void end_login();
  /// The terminator is asked to end the session.
  void terminate(IkeSa& sa, session::Cause cause);
  /// Takes the source out of the half-open counts.
  void uncount();
  /// When this SA wants to be looked at next.
  [[nodiscard]] std::optional<common::MonotonicTime> deadline(const IkeSa& sa) const;
  /// Makes appointments for all SAs.
  void arm();
  void move_to(IkeSa& sa, const common::Endpoint& local, const common::Endpoint& remote);

  /// "IKEv2:(SESSION ID = 59,SA ID = 3):text" at debug level.
  void log(const IkeSa& sa, std::string_view text) const;

  /// A callback for the Door: runs `then(peer, sa, result)` if both still exist.
  template <class Then>
  [[nodiscard]] auto later(const IkeSa& sa, Then then) {
    return [alive = std::weak_ptr(context.alive), &shared = context, number = sa.id, then](auto... result) mutable {
      if (alive.expired()) return;
      const Table::Found found = shared.table.find_sa(number);
      if (found.sa == nullptr) return;
      then(*found.peer, *found.sa, std::move(result)...);
      found.peer->arm();
    };
  }
};

}  // namespace controlplane::ike
