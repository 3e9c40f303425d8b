#pragma once
// What sessions ask of RADIUS before they let a user in. The real one is RadiusAuthenticator over radius::Client; tests
// answer by hand. Thread: the control thread; callbacks never run before the call that took them has returned.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/ids.hpp"
#include "common/secret.hpp"
#include "controlplane/session/door.hpp"

namespace controlplane::session {

/// What an Access-Accept says about the session (FACTS B6). Absent members were not in it.
struct Grant {
  std::string user_name;
  std::optional<common::IpAddress> framed_ip_address;
  std::string framed_pool;
  std::vector<common::IpAddress> dns;
  std::optional<std::chrono::seconds> session_timeout;
  std::optional<std::chrono::seconds> idle_timeout;
  std::optional<std::chrono::seconds> interim_interval;
  std::vector<common::Bytes> classes;
};

struct Answer {
  enum class Kind : std::uint8_t { accept, challenge, reject, no_answer };
  Kind kind = Kind::no_answer;
  common::Bytes eap;        ///< EAP-Message, joined; empty where there was none
  common::SecretBytes msk;  ///< MS-MPPE-Recv-Key || MS-MPPE-Send-Key, 64 octets, or empty
  Grant grant;              ///< accept only
};

/// The session as its Access-Requests describe it.
struct Question {
  SessionNames names;
  std::string user_name;
  std::string calling_station_id;
  common::Endpoint local;
  Method method = Method::eap;
};

class Authenticator {
 public:
  using Done = std::move_only_function<void(Answer)>;

  Authenticator() = default;
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  virtual ~Authenticator() = default;

  /// At least one server is configured.
  [[nodiscard]] virtual bool available() const = 0;
  /// One round of an EAP conversation; State and the choice of the server are kept here by session id (RFC 3579).
  virtual void eap(const Question& question, common::ByteView packet, Done done) = 0;
  /// Authorization of a user who has proved himself by other means: name and the configured password.
  virtual void authorize(const Question& question, Done done) = 0;
  /// Forgets the conversation of a session; its answer, should one come, is ignored and `done` never called.
  virtual void cancel(common::SessionId id) = 0;
};

}  // namespace controlplane::session
