#pragma once
// Asking RADIUS whether somebody may come in. radius::Client is the real one; tests of other rooms bring their own.
// Thread: the control thread; callbacks run on it, never before the call that took them has returned.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/secret.hpp"
#include "common/strong.hpp"
#include "controlplane/radius/records.hpp"

namespace controlplane::radius {

/// Names a request in flight, so that it can be taken back.
using RequestId = common::Strong<std::uint64_t, struct RequestIdTag>;
/// Names the server of an EAP conversation; 0 is none. Survives a reload that keeps the server.
using ServerId = common::Strong<std::uint32_t, struct ServerIdTag>;

struct AccessRequest {
  std::string user_name;           ///< the EAP identity, or the mangled IKE identity
  common::Bytes eap;               ///< the peer's EAP packet; empty: `password` is sent instead
  common::SecretBytes password;    ///< of an authorization ("cisco")
  common::Bytes state;             ///< of the challenge that is answered
  ServerId server;                 ///< of the challenge that is answered: the conversation stays there
  std::string calling_station_id;  ///< the peer's outer address
  std::string called_station_id;   ///< ours
  std::string audit_session_id;    ///< without "audit-session-id="
  std::uint32_t acct_session_id = 0;
  std::optional<std::uint32_t> framed_mtu;  ///< how much EAP fits into our IKE messages (RFC 3579 §2.4)
  NasIdentity nas;                          ///< empty members are filled in as nas_identity() says
  std::uint32_t unique_id = 0;              ///< labels the lines of `debug radius`
};

/// What an Access-Accept grants; absent members were not in it.
struct Grant {
  std::string user_name;  ///< empty: none
  std::vector<common::Bytes> classes;
  std::optional<common::IpAddress> framed_ip_address;  ///< 255.255.255.254 (NAS chooses) is left out
  std::string framed_pool;                             ///< Framed-Pool, or the AVPair ipsec:addr-pool
  std::optional<std::chrono::seconds> session_timeout;
  std::optional<std::chrono::seconds> idle_timeout;
  std::optional<std::chrono::seconds> interim_interval;  ///< at least 60 s, smaller ones are raised (RFC 2869 §5.16)
  std::vector<common::IpAddress> dns;          ///< MS-Primary/Secondary-DNS-Server, or the AVPair ipsec:dns-servers
  std::optional<std::uint64_t> rate_in_bits;   ///< from the user, bits per second (WISPr-Bandwidth-Max-Up)
  std::optional<std::uint64_t> rate_out_bits;  ///< to the user, bits per second (WISPr-Bandwidth-Max-Down)
};

struct AccessReply {
  enum class Kind : std::uint8_t {
    accept,
    challenge,
    reject,
    no_answer,  ///< no server, none answered, or what they answered could not be believed
  };
  Kind kind = Kind::no_answer;
  common::Bytes eap;        ///< the EAP packet for the peer, empty when there was none
  common::Bytes state;      ///< challenge: give it back
  ServerId server;          ///< challenge: give it back
  common::SecretBytes msk;  ///< accept: Recv-Key || Send-Key, zero-padded to 64 octets; empty when there were none
  Grant grant;              ///< accept
  std::string reply_message;
};

class AccessClient {
 public:
  using Done = std::move_only_function<void(AccessReply)>;

  AccessClient() = default;
  AccessClient(const AccessClient&) = delete;
  AccessClient& operator=(const AccessClient&) = delete;
  virtual ~AccessClient() = default;

  virtual RequestId request(AccessRequest request, Done done) = 0;
  /// Forgets the request: `done` is destroyed uncalled, a late answer is ignored. Unknown ids are no error.
  virtual void cancel(RequestId request) = 0;
  /// How we name ourselves: as configured, else the local address towards the preferred server.
  [[nodiscard]] virtual NasIdentity nas_identity() = 0;
};

}  // namespace controlplane::radius
