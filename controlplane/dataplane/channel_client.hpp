#pragma once
// The control plane's end of the channel: Link over a Unix socket, with reconnects.

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "controlplane/dataplane/connection.hpp"
#include "controlplane/dataplane/link.hpp"

namespace controlplane::dataplane {

struct ChannelOptions {
  std::uint32_t spi_cache = 64;  ///< SPIs kept reserved
  std::chrono::milliseconds first_retry{50};
  std::chrono::milliseconds last_retry{2000};  ///< the time between attempts doubles up to this
  std::chrono::milliseconds hello_timeout{5000};
};

struct ChannelClientCounters {
  std::uint64_t connects = 0;  ///< Hellos that were answered ok
  std::uint64_t losses = 0;    ///< connections that broke after that
  std::uint64_t requests = 0;
  std::uint64_t resent = 0;  ///< removals and forgets asked again after a loss
};

class ChannelClient final : public Link {
 public:
  /// @param epoch  this start's (DESIGN chapter 6b). Where the dataplane knows a higher one at the first Hello, because
  ///               the database was lost, one above that is used: see `epoch`.
  ChannelClient(boost::asio::io_context& io, std::filesystem::path socket, common::Epoch epoch,
                ChannelOptions options = {});
  ~ChannelClient() override;

  /// Connects, and goes on connecting until `stop`. @pre set_events
  void start();
  /// Closes; callbacks that are still owed are dropped.
  void stop();

  /// The epoch of the Hello that was answered; keep it in the database.
  [[nodiscard]] common::Epoch epoch() const noexcept { return epoch_; }
  [[nodiscard]] const ChannelClientCounters& counters() const noexcept { return counters_; }
  /// Why the channel is down, for `show`; empty while it is up.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

  [[nodiscard]] bool ready() const noexcept override { return ready_; }
  [[nodiscard]] const std::optional<common::channel::HelloReply>& hello() const noexcept override { return hello_; }
  void set_events(LinkEvents events) override { events_ = std::move(events); }
  void install(common::channel::InstallSession session, common::ByteView blob,
               LinkCallback<common::channel::Status> done) override;
  void rekey_child(const common::channel::RekeyChild& rekey, LinkCallback<common::channel::Status> done) override;
  void delete_child(common::SessionId id, common::Spi inbound, LinkCallback<common::channel::Status> done) override;
  void remove(std::vector<common::channel::RemoveSession> sessions,
              std::move_only_function<void(std::vector<common::channel::SessionCounters>)> done) override;
  void forget(std::vector<common::SessionId> sessions) override;
  void update_peer(const common::channel::UpdatePeer& update, LinkCallback<common::channel::Status> done) override;
  void set_policy(const common::channel::SetPolicy& policy, LinkCallback<common::channel::Status> done) override;
  void read_counters(std::vector<common::SessionId> sessions,
                     LinkCallback<std::vector<common::channel::SessionCounters>> done) override;
  void list(LinkCallback<std::vector<ListedSession>> done) override;
  void put_blob(common::SessionId id, common::ByteView blob, LinkCallback<common::channel::Status> done) override;
  void read_statistics(LinkCallback<std::vector<NamedValue>> done) override;
  [[nodiscard]] std::optional<common::Spi> take_spi() override;
  void give_back_spi(common::Spi spi) override;

 private:
  /// What a reply to come is for. Frames of it arrive one by one; exactly one of `finish` and `lose` is called.
  struct Exchange {
    common::channel::Type type;
    std::move_only_function<bool(const common::channel::Frame&)> take;  ///< false: it makes no sense
    std::move_only_function<bool()> finish;                             ///< false: it makes no sense
    std::move_only_function<void()> lose;
  };
  struct Removal {
    std::vector<common::channel::RemoveSession> sessions;
    std::move_only_function<void(std::vector<common::channel::SessionCounters>)> done;
  };
  struct CachedSpi {
    common::Spi spi;
    std::chrono::steady_clock::time_point reserved_at;
  };
  using Removals = std::list<Removal>;

  void connect();
  void retry_later(const std::string& why);
  void say_hello();
  [[nodiscard]] bool on_frame(const common::channel::Frame& frame);
  [[nodiscard]] bool on_hello_reply(const common::channel::Frame& frame);
  [[nodiscard]] bool on_event(const common::channel::Frame& frame);
  void on_accepted();
  void on_fenced();
  void on_lost(const std::string& why);

  /// Writes one request frame and remembers what its reply is for.
  template <class Fill>
  void send(common::channel::Type type, Exchange exchange, Fill fill);
  template <class Fill>
  void send_for_status(common::channel::Type type, LinkCallback<common::channel::Status> done, Fill fill);
  template <class T>
  void refuse(LinkCallback<T> done);
  /// An exchange whose reply records are collected and given to `done`.
  template <class R, class Done>
  [[nodiscard]] static Exchange collect(common::channel::Type type, Done done, std::move_only_function<void()> lose);

  void send_removal(Removals::iterator removal);
  void send_forgets(std::vector<common::SessionId> sessions);
  void refill_spis();
  void release_old_spis();
  void release_spis(const std::vector<common::Spi>& spis);
  void arm_refresh();

  boost::asio::io_context& io_;
  std::filesystem::path path_;
  common::Epoch epoch_;
  ChannelOptions options_;
  LinkEvents events_;
  ChannelClientCounters counters_;
  std::string trouble_ = "not connected yet";

  std::shared_ptr<Connection> connection_;
  bool ready_ = false;
  bool was_accepted_ = false;
  bool stopped_ = true;
  std::string refusal_;  ///< what the dataplane has against us, while it has
  std::optional<common::channel::HelloReply> hello_;
  std::chrono::milliseconds retry_;
  boost::asio::steady_timer retry_timer_;
  boost::asio::steady_timer hello_timer_;
  boost::asio::steady_timer refresh_timer_;

  std::uint32_t next_request_ = 1;
  std::unordered_map<std::uint32_t, Exchange> exchanges_;
  Removals removals_;                    ///< not answered yet, in the order asked
  std::set<common::SessionId> forgets_;  ///< not answered yet
  std::deque<CachedSpi> spis_;           ///< oldest first
  bool refilling_ = false;
  /// False once the client is gone: what is still posted then does nothing.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace controlplane::dataplane
