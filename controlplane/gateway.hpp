#pragma once
// The control plane put together: one io_context, one thread, every room wired to the next.

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "common/clock.hpp"
#include "config/schema.hpp"
#include "controlplane/admin/server.hpp"
#include "controlplane/dae/server.hpp"
#include "controlplane/dataplane/channel_client.hpp"
#include "controlplane/ike/responder.hpp"
#include "controlplane/ike_ports.hpp"
#include "controlplane/net/timer.hpp"
#include "controlplane/radius/service.hpp"
#include "controlplane/radius/store.hpp"
#include "controlplane/session/sessions.hpp"

namespace controlplane {

/// Starts in the order of DESIGN chapter 6b: database, channel, what the last run left behind; only when all of that is
/// complete are IKE and Disconnect-Requests read. Until then they wait in the kernel.
class Gateway {
 public:
  /// @param file  read again at SIGHUP
  Gateway(std::filesystem::path file, std::shared_ptr<const config::Config> config);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Binds, opens, gives up privileges, restricts itself.
  /// @error what stops a start, as a sentence
  [[nodiscard]] std::expected<void, std::string> open();
  /// Serves until SIGTERM or SIGINT, then ends all sessions; or until a newer control plane takes over.
  /// @return the process's exit status
  [[nodiscard]] int run();

 private:
  /// Members of open(), in its order.
  [[nodiscard]] std::expected<void, std::string> prepare_directories();
  [[nodiscard]] std::expected<void, std::string> open_store();
  [[nodiscard]] std::expected<void, std::string> open_doors();
  [[nodiscard]] admin::Sources sources();
  [[nodiscard]] std::vector<admin::Metric> metrics() const;

  void on_reconciled();
  void tick();
  void wait_for_signal();
  void reload();
  void shut_down();
  void on_sessions_ended();
  void finish_when_acknowledged();
  [[nodiscard]] radius::AccountingIdentity nas();

  std::filesystem::path file_;
  std::shared_ptr<const config::Config> config_;
  common::SystemClock clock_;
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  net::Timer ticker_;
  net::Timer patience_;  ///< bounds the shutdown

  // In the order in which they must live.
  std::unique_ptr<radius::Store> store_;
  std::unique_ptr<radius::Service> radius_;
  std::unique_ptr<dataplane::ChannelClient> channel_;
  std::unique_ptr<session::Sessions> sessions_;
  std::unique_ptr<IkePorts> ike_ports_;
  std::unique_ptr<ike::Responder> responder_;
  std::unique_ptr<dae::Server> dae_;
  std::unique_ptr<admin::Server> admin_;

  bool stopping_ = false;
  bool off_spooled_ = false;
  unsigned to_end_ = 0;  ///< of IKE and sessions, at shutdown
  int status_ = 0;
};

}  // namespace controlplane
