#pragma once
// All sessions of this gateway: the Door of ike/, the Registry of dae/ and admin/, and the start and end of the whole.
// Thread: the control thread only.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.hpp"
#include "common/ids.hpp"
#include "config/schema.hpp"
#include "controlplane/dataplane/link.hpp"
#include "controlplane/radius/access.hpp"
#include "controlplane/radius/spool.hpp"
#include "controlplane/session/door.hpp"
#include "controlplane/session/reconcile.hpp"
#include "controlplane/session/registry.hpp"
#include "controlplane/session/room.hpp"
#include "controlplane/session/terminator.hpp"
#include "controlplane/session/upkeep.hpp"

namespace controlplane::session {

/// What Sessions stands on; all of it outlives it.
struct Environment {
  const common::Clock& clock;
  std::function<void(std::move_only_function<void()>)> post;  ///< runs it on the control thread, after this turn
  dataplane::Link& link;
  radius::Spool& spool;
  radius::AccessClient& access;
  std::function<void()> fenced;  ///< a newer control plane has taken over: this process must stop; may be empty
};

/// What the last run left in the database.
struct Remembered {
  bool database_new = false;
  std::vector<radius::OpenSession> open;
};

class Sessions final : public Door, public Registry {
 public:
  Sessions(std::shared_ptr<const config::Config> config, Environment environment);
  ~Sessions() override;

  /// Ends what an earlier run left behind as soon as the channel is up: tombstones, live sessions, open rows. Until
  /// that is complete no login is admitted and ready() is false. Call once, before the Link starts.
  /// @param epoch       of this run; the high half of every KeyId (P7)
  /// @param reconciled  runs once when all of it is durable: Accounting-On may follow
  void start(common::Epoch epoch, Remembered remembered, std::function<void()> reconciled);
  /// The epoch of the Hello that was answered, where it is not the one given to `start`.
  void set_epoch(common::Epoch epoch) noexcept { epoch_ = epoch; }
  /// Due interims, counter refresh, commits to repeat. Call it about once a second or oftener.
  void on_timer();
  /// SIGHUP.
  void reload(std::shared_ptr<const config::Config> config);
  /// No login is admitted any more; every session ends with NAS-Reboot. `done`: all Stops are durable.
  void shut_down(std::function<void()> done);

  // Door
  [[nodiscard]] std::optional<SessionNames> begin(const LoginFacts& facts, PeerHandle& peer) override;
  void authenticate_eap(common::SessionId id, common::ByteView eap,
                        std::move_only_function<void(EapStep)> done) override;
  void authorize(common::SessionId id, std::move_only_function<void(Verdict)> done) override;
  [[nodiscard]] std::optional<Assignment> assign(common::SessionId id, bool wants_v4) override;
  [[nodiscard]] std::optional<common::Spi> take_spi() override { return room_.link.take_spi(); }
  void give_back_spi(common::Spi spi) override { room_.link.give_back_spi(spi); }
  [[nodiscard]] common::KeyId next_key_id() override;
  void establish(common::SessionId id, common::channel::InstallSession install, common::Bytes blob,
                 std::move_only_function<void(EstablishStatus)> done) override;
  void rekey_child(common::SessionId id, common::channel::RekeyChild rekey,
                   std::move_only_function<void(bool)> done) override;
  void delete_child(common::SessionId id, common::Spi inbound_spi) override;
  void update_peer(common::SessionId id, const common::Endpoint& local, const common::Endpoint& remote) override;
  void put_blob(common::SessionId id, common::Bytes blob) override;
  void terminate(common::SessionId id, Cause cause, std::move_only_function<void()> done) override;
  void detach(common::SessionId id) override;

  // Registry
  [[nodiscard]] bool ready() const override { return ready_; }
  void on_ready(std::function<void(bool)> listener) override { ready_listener_ = std::move(listener); }
  [[nodiscard]] std::vector<common::SessionId> find(const Selector& selector) const override;
  [[nodiscard]] std::vector<common::SessionId> all() const override;
  void revoke(const std::vector<common::SessionId>& sessions, Cause cause, std::optional<DurableReply> reply,
              std::move_only_function<void(Revocation)> done) override;
  [[nodiscard]] std::optional<Snapshot> snapshot(common::SessionId id) const override;
  [[nodiscard]] std::vector<Snapshot> list() const override;
  void refresh_counters(std::vector<common::SessionId> sessions, std::move_only_function<void()> done) override;
  [[nodiscard]] Totals totals() const override;

 private:
  // login
  [[nodiscard]] bool admits() const;
  void ask_radius(Session& session, radius::AccessRequest request,
                  std::move_only_function<void(Session&, radius::AccessReply)> done);
  void on_eap_reply(Session& session, std::uint8_t eap_identifier, radius::AccessReply reply);
  [[nodiscard]] bool accept(Session& session, radius::Grant grant, bool by_radius);
  [[nodiscard]] std::vector<Session*> same_user(const Session& session) const;
  void replace_others(Session& session, std::vector<Session*>& others);
  [[nodiscard]] bool take_address(Session& session, const config::IkeProfile& profile,
                                  const std::vector<Session*>& replaced);

  // establishment (establish.cpp)
  void write_row(Session& session);
  void install(Session& session);
  void on_installed(Session& session, dataplane::LinkResult<common::channel::Status> result);
  void spool_start(Session& session);
  void on_up(Session& session);
  void fail_establish(Session& session, std::string_view why);
  void answer_establish(Session& session, EstablishStatus status);

  // the other side of the channel (channel_events.cpp)
  [[nodiscard]] dataplane::LinkEvents events();
  void on_connected(const common::channel::HelloReply& hello);
  void set_ready();
  void list_remains();
  void reconcile(std::vector<dataplane::ListedSession> listed);
  void adopt(common::SessionId id, const radius::OpenSession& row, const Decision& decision,
             const dataplane::ListedSession* listed);
  void on_reconciled();

  [[nodiscard]] Snapshot snapshot_of(const Session& session) const;
  void on_gone(Session& session);

  Room room_;
  Terminator terminator_;
  Upkeep upkeep_;
  std::function<void()> fenced_;
  common::Epoch epoch_{};
  std::uint32_t key_ids_ = 0;

  // start and end
  std::optional<Remembered> remembered_;  ///< until it is reconciled
  bool listing_ = false;
  std::size_t left_to_reconcile_ = 0;
  std::function<void()> reconciled_;
  bool is_reconciled_ = false;
  std::optional<std::uint64_t> boot_id_;
  bool ready_ = false;
  std::function<void(bool)> ready_listener_;
  bool stopping_ = false;

  /// Sessions which the reconciliation has ended: a Disconnect-Request that was under way when the last run died is
  /// retransmitted now, and deserves its ACK for the length of the duplicate window.
  Index residual_;
  std::vector<std::pair<common::MonotonicTime, common::SessionId>> residual_until_;
};

}  // namespace controlplane::session
