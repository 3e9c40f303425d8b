#pragma once
// What the control plane may ask of the dataplane, and what it hears from it. The real one is ChannelClient
// (channel_client.hpp); tests of other rooms write their own. Thread: the control thread only. Callbacks run on it, and
// never before the call that took them has returned.

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/address.hpp"
#include "common/channel/messages.hpp"
#include "common/ids.hpp"
#include "common/secret.hpp"

namespace controlplane::dataplane {

enum class LinkError : std::uint8_t {
  not_ready,     ///< the channel is down, or Hello is not answered yet: nothing was sent
  disconnected,  ///< the channel broke before the answer came: it may have been done or not
};

template <class T>
using LinkResult = std::expected<T, LinkError>;
template <class T>
using LinkCallback = std::move_only_function<void(LinkResult<T>)>;

/// One row of `list`: the fixed part, and the blob as it was last put (wiped when freed: it holds IKE keys, P6).
struct ListedSession {
  common::channel::SessionListing facts;
  common::SecretBytes blob;
};

struct NamedValue {
  std::string name;
  std::uint64_t value = 0;
};

/// What the dataplane says unasked. Set once, before `start`.
struct LinkEvents {
  /// Hello is answered; requests are taken from now on. `boot_id` differs from the last one when the dataplane was
  /// restarted: all its sessions are gone. Called again after every reconnect.
  std::move_only_function<void(const common::channel::HelloReply&)> on_connected;
  std::move_only_function<void()> on_disconnected;
  /// A newer control plane has said hello: this one must stop.
  std::move_only_function<void()> on_fenced;
  std::move_only_function<void(common::SessionId, common::Endpoint remote)> on_peer_moved;
  std::move_only_function<void(common::SessionId)> on_lifetime_reached;  ///< Session-Timeout or the last child's end
  std::move_only_function<void(common::SessionId)> on_idle_expired;
  std::move_only_function<void(common::SessionId)> on_inbound_seen;
  std::move_only_function<void(common::SessionId, common::Spi inbound)> on_child_expired;
};

class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  /// Hello is answered and the channel is up.
  [[nodiscard]] virtual bool ready() const noexcept = 0;
  /// The answer to the last Hello; nullopt before the first.
  [[nodiscard]] virtual const std::optional<common::channel::HelloReply>& hello() const noexcept = 0;
  virtual void set_events(LinkEvents events) = 0;

  /// `blob_octets` is filled in. `done(ok | unchanged)`: the workers can see it.
  virtual void install(common::channel::InstallSession session, common::ByteView blob,
                       LinkCallback<common::channel::Status> done) = 0;
  virtual void rekey_child(const common::channel::RekeyChild& rekey, LinkCallback<common::channel::Status> done) = 0;
  virtual void delete_child(common::SessionId id, common::Spi inbound, LinkCallback<common::channel::Status> done) = 0;

  /// P1, P2: answered when nothing of these sessions can pass any more; counters are final. Survives a broken channel:
  /// it is asked again after the reconnect (a tombstone answers the same counters, a restarted dataplane says
  /// unknown_session), so `done` always gets one answer a session, in the order given, and no LinkError.
  virtual void remove(std::vector<common::channel::RemoveSession> sessions,
                      std::move_only_function<void(std::vector<common::channel::SessionCounters>)> done) = 0;
  /// The Stop of these is durable. Survives a broken channel like `remove`.
  virtual void forget(std::vector<common::SessionId> sessions) = 0;

  virtual void update_peer(const common::channel::UpdatePeer& update, LinkCallback<common::channel::Status> done) = 0;
  virtual void set_policy(const common::channel::SetPolicy& policy, LinkCallback<common::channel::Status> done) = 0;
  /// Counters as they are now; one row a session, in the order given.
  virtual void read_counters(std::vector<common::SessionId> sessions,
                             LinkCallback<std::vector<common::channel::SessionCounters>> done) = 0;
  /// Every live session and every tombstone.
  virtual void list(LinkCallback<std::vector<ListedSession>> done) = 0;
  /// `done(ok)`: the blob is in the dataplane's memory, and survives this process.
  virtual void put_blob(common::SessionId id, common::ByteView blob, LinkCallback<common::channel::Status> done) = 0;
  virtual void read_statistics(LinkCallback<std::vector<NamedValue>> done) = 0;

  /// An inbound SPI out of a small cache of reserved ones, which is refilled in the background. nullopt: the channel is
  /// down, or the table is full. A taken SPI must be installed or given back within 30 s: reservations expire.
  [[nodiscard]] virtual std::optional<common::Spi> take_spi() = 0;
  virtual void give_back_spi(common::Spi spi) = 0;
};

}  // namespace controlplane::dataplane
