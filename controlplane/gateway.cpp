// Wiring, start, reload and the orderly end of the control plane.

#include "controlplane/gateway.hpp"

#include <algorithm>
#include <csignal>
#include <pwd.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <system_error>

#include "config/read.hpp"
#include "controlplane/confine.hpp"
#include "controlplane/dae/debug.hpp"
#include "controlplane/metrics.hpp"
#include "controlplane/radius/debug.hpp"
#include "controlplane/session/log.hpp"

namespace controlplane {
namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::seconds kPatienceWithSessions{12};
constexpr std::chrono::seconds kPatienceWithRadius{3};

/// A `debug …` switch over a logger of this process.
admin::DebugSwitch debug_of(spdlog::logger& log) {
  return {.set = [&log](bool on) { log.set_level(on ? spdlog::level::debug : spdlog::default_logger_raw()->level()); },
          .is_on = [&log] { return log.should_log(spdlog::level::debug); }};
}

}  // namespace

Gateway::Gateway(std::filesystem::path file, std::shared_ptr<const config::Config> config)
    : file_(std::move(file)), config_(std::move(config)), signals_(io_), ticker_(io_), patience_(io_) {}

Gateway::~Gateway() {
  if (ike_ports_) ike_ports_->stop();
  if (channel_) channel_->stop();
}

std::expected<void, std::string> Gateway::open() {
  if (auto done = prepare_directories(); !done) return done;
  const bool in_vrf = std::ranges::any_of(config_->dynamic_author.clients,
                                          [](const config::DaeClient& client) { return !client.vrf.empty(); });
  if (auto done = become_user(config_->gateway.user, in_vrf); !done) return done;
  if (auto done = open_store(); !done) return done;
  radius_ = std::make_unique<radius::Service>(io_, config_, *store_, *store_, clock_);
  channel_ = std::make_unique<dataplane::ChannelClient>(io_, config_->gateway.channel_socket(),
                                                        store_->epoch().value_or(common::Epoch{1}));
  sessions_ = std::make_unique<session::Sessions>(
      config_, session::Environment{
                   .clock = clock_,
                   .post = [this](std::move_only_function<void()> work) { boost::asio::post(io_, std::move(work)); },
                   .link = *channel_,
                   .spool = *store_,
                   .access = radius_->client(),
                   .fenced =
                       [this] {
                         status_ = 3;
                         io_.stop();
                       }});
  if (auto done = open_doors(); !done) return done;
  return restrict_system_calls();
}

/// Both directories belong to the user as whom the process will run.
std::expected<void, std::string> Gateway::prepare_directories() {
  const ::passwd* user = config_->gateway.user.empty() ? nullptr : ::getpwnam(config_->gateway.user.c_str());
  for (const auto& directory : {config_->gateway.state_dir, config_->gateway.run_dir}) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) return std::unexpected(fmt::format("{}: {}", directory.string(), error.message()));
    if (user != nullptr && ::geteuid() == 0 && ::chown(directory.c_str(), user->pw_uid, user->pw_gid) != 0)
      return std::unexpected(fmt::format("{}: cannot be given to {}", directory.string(), config_->gateway.user));
  }
  return {};
}

std::expected<void, std::string> Gateway::open_store() {
  auto store =
      radius::Store::open({.file = config_->gateway.database(), .durability = config_->accounting.durability}, clock_,
                          [this](std::move_only_function<void()> work) { boost::asio::post(io_, std::move(work)); });
  if (!store) return std::unexpected(store.error().text);
  store_ = std::move(*store);
  return {};
}

std::expected<void, std::string> Gateway::open_doors() {
  auto ports = IkePorts::open(io_, config_->ike, clock_);
  if (!ports) return std::unexpected(ports.error());
  ike_ports_ = std::move(*ports);
  if (config_->dynamic_author.enabled) {
    auto server = dae::Server::open(io_, config_, *sessions_, clock_);
    if (!server) return std::unexpected(server.error().what);
    dae_ = std::move(*server);
    dae_->restore(store_->recovered().replies);
  }
  try {
    admin_ = std::make_unique<admin::Server>(io_, config_->gateway.admin_socket(), config_->admin, sources());
  } catch (const std::exception& error) {
    return std::unexpected(fmt::format("{}: {}", config_->gateway.admin_socket().string(), error.what()));
  }
  return {};
}

admin::Sources Gateway::sources() {
  return {.sessions = *sessions_,
          .read_statistics = [this](auto done) { channel_->read_statistics(std::move(done)); },
          .debug = {{"radius", {.set = radius::set_debug, .is_on = radius::debug_enabled}},
                    {"aaa pod", {.set = dae::set_debug, .is_on = dae::debug_enabled}},
                    {"aaa sessions", debug_of(session::aaa_log())},
                    {"crypto ikev2", debug_of(session::ike_log())}},
          .metrics = {[this] { return metrics(); }},
          .session_key =
              [this](std::uint32_t unique_id) {
                const auto found = sessions_->find({.unique_id = unique_id});
                const auto shot = found.empty() ? std::nullopt : sessions_->snapshot(found.front());
                return shot ? shot->session_key : std::string();
              }};
}

std::vector<admin::Metric> Gateway::metrics() const {
  std::vector<admin::Metric> all;
  if (responder_) add_ike(all, *responder_);
  if (dae_) add_dae(all, dae_->pipeline());
  add_radius(all, *radius_);
  add_store(all, store_->statistics());
  add_channel(all, *channel_);
  return all;
}

int Gateway::run() {
  const radius::Recovered& left = store_->recovered();
  sessions_->start(channel_->epoch(), {.database_new = left.created, .open = left.open}, [this] { on_reconciled(); });
  if (dae_) dae_->start();
  channel_->start();
  wait_for_signal();
  tick();
  spdlog::info("waiting for the dataplane at {}", config_->gateway.channel_socket().string());
  io_.run();
  return status_;
}

/// Everything of an earlier run has its Stop: now the new one begins.
void Gateway::on_reconciled() {
  const common::Epoch epoch = store_->epoch(channel_->epoch()).value_or(channel_->epoch());
  sessions_->set_epoch(std::max(epoch, channel_->epoch()));
  radius_->start_accounting();
  if (config_->accounting.enabled && !config_->radius.servers.empty()) radius_->accounting_on(nas());
  if (const auto address = radius_->client().nas_identity().address; dae_ && address) dae_->add_nas_address(*address);
  responder_ = std::make_unique<ike::Responder>(config_, *ike_ports_, *sessions_, std::max(epoch, channel_->epoch()));
  ike_ports_->start(*responder_);
  spdlog::info("ready");
}

radius::AccountingIdentity Gateway::nas() {
  radius::AccountingIdentity identity;
  identity.acct_session_id = store_->next_acct_session_id();
  identity.nas = radius_->client().nas_identity();
  identity.profile = config_->accounting.profile;
  return identity;
}

void Gateway::tick() {
  sessions_->on_timer();
  ticker_.arm_after(kTick, [this] { tick(); });
}

void Gateway::wait_for_signal() {
  boost::system::error_code ignored;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal, ignored);
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal == SIGHUP)
      reload();
    else
      shut_down();
    wait_for_signal();
  });
}

/// What can change does; a file with errors changes nothing.
void Gateway::reload() {
  auto reading = config::read_file(file_);
  if (!reading) {
    for (const auto& problem : reading.error()) spdlog::error("{}", problem.to_string());
    spdlog::error("{} has errors: the old configuration stays", file_.string());
    return;
  }
  for (const auto& warning : reading->warnings) spdlog::warn("{}", warning.to_string());
  auto fresh = std::make_shared<const config::Config>(std::move(reading->config));
  if (dae_ && fresh->dynamic_author.enabled) {
    if (const auto done = dae_->reload(fresh); !done) {
      spdlog::error("{}: the old configuration stays", done.error().what);
      return;
    }
  } else if ((dae_ != nullptr) != fresh->dynamic_author.enabled) {
    spdlog::warn("[aaa.dynamic-author] comes or goes with a restart only");
  }
  config_ = std::move(fresh);
  sessions_->reload(config_);
  radius_->reconfigure(config_);
  if (responder_) responder_->reload(config_);
  spdlog::info("configuration read again; ports, directories and [admin] change with a restart");
}

/// SIGTERM: everybody is told, every Stop is written; the second signal does not wait.
void Gateway::shut_down() {
  if (std::exchange(stopping_, true)) {
    spdlog::warn("not waiting any longer");
    io_.stop();
    return;
  }
  spdlog::info("ending all sessions");
  patience_.arm_after(kPatienceWithSessions, [this] {
    spdlog::warn("sessions are left; the next start finishes them");
    io_.stop();
  });
  to_end_ = 2;
  const auto one_ended = [this] {
    if (--to_end_ == 0) on_sessions_ended();
  };
  if (responder_)
    responder_->shutdown(one_ended);
  else
    boost::asio::post(io_, one_ended);
  sessions_->shut_down(one_ended);
}

/// Accounting-Off says that all sessions have ended: only where that is true (DESIGN chapter 6b).
void Gateway::on_sessions_ended() {
  patience_.arm_after(kPatienceWithRadius, [this] {
    spdlog::info("records are left in the spool; the next start sends them");
    io_.stop();
  });
  if (!config_->accounting.enabled || config_->radius.servers.empty() || !sessions_->ready())
    return finish_when_acknowledged();
  radius::AccountingRecord off;
  off.kind = radius::RecordKind::off;
  off.identity = nas();
  off.event = clock_.wall();
  store_->spool(std::move(off), [this](radius::StoreStatus) { finish_when_acknowledged(); });
}

void Gateway::finish_when_acknowledged() {
  const auto accounting = radius_->accounting();
  if (std::exchange(off_spooled_, true) && accounting.waiting == 0 && accounting.in_flight == 0) return io_.stop();
  // The sender reads the spool in its own time: what was just written is seen with the next look.
  ticker_.arm_after(std::chrono::milliseconds(50), [this] {
    sessions_->on_timer();
    finish_when_acknowledged();
  });
}

}  // namespace controlplane
