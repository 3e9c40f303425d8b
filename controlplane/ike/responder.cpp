// The door of the room: sorts datagrams, keeps appointments, frees what is over.

#include "controlplane/ike/responder.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "controlplane/ike/exchanges.hpp"
#include "controlplane/ike/wire/message.hpp"

namespace controlplane::ike {
namespace {

using namespace std::chrono_literals;

constexpr auto kShutdownLimit = 10s;

[[nodiscard]] std::shared_ptr<const Policy> compile(std::shared_ptr<const config::Config> config) {
  std::vector<std::string> problems;
  auto policy = std::make_shared<const Policy>(std::move(config), problems);
  for (const std::string& problem : problems) spdlog::error("ikev2: {}", problem);
  return policy;
}

/// Nothing is left to say on this SA: it only stays to answer what its peer may repeat, or is a login whose peer has
/// the next word, which a stranger may keep to himself.
[[nodiscard]] bool is_quiet(const IkeSa& sa) {
  const bool over = sa.state == State::closed || sa.state == State::failed || sa.state == State::stub;
  return (over || is_login(sa.state)) && !sa.questions.pending && !sa.questions.waiting && !sa.requests.answering;
}

}  // namespace

class Responder::Core {
 public:
  Core(std::shared_ptr<const config::Config> config, Environment& environment, session::Door& door, common::Epoch epoch)
      : context(compile(std::move(config)), environment, door, epoch) {}

  void on_datagram(const Datagram& datagram);
  void on_timer();
  void shutdown(std::function<void()> done);
  [[nodiscard]] std::optional<common::MonotonicTime> next_deadline() const;

  Context context;

 private:
  void on_message(const Datagram& datagram);
  void look_at(Peer& peer, IkeSa& sa);
  void expire(Peer& peer, IkeSa& sa);
  void reap(Peer& peer, IkeSa& sa);
  void check_shutdown();

  std::function<void()> shut_down_;
  common::MonotonicTime shutdown_ends_{};
};

void Responder::Core::on_datagram(const Datagram& datagram) {
  context.count(Counter::datagrams_in);
  if (datagram.local.port != context.policy->config->ike.nat_port) return on_message(datagram);
  if (datagram.bytes.size() == 1 && datagram.bytes[0] == 0xFF) return context.count(Counter::keepalives);
  common::ByteReader reader(datagram.bytes);
  if (reader.be32() != 0U) return context.count(Counter::drop_not_ike);
  on_message({datagram.local, datagram.remote, reader.rest()});
}

void Responder::Core::on_message(const Datagram& datagram) {
  const auto header = wire::parse_header(datagram.bytes);
  if (!header) return context.count(Counter::drop_malformed);
  if (header->major != 2) return context.count(Counter::drop_bad_version);
  const auto message = wire::parse_message(datagram.bytes);
  const bool init = header->exchange == wire::ExchangeType::ike_sa_init;
  if (!message) {
    // Only what opens a conversation may be told what is wrong with it in clear (P5).
    if (init && !header->response && header->responder_spi == 0)
      return on_broken_init(context, datagram, *header, message.error());
    return context.count(Counter::drop_malformed);
  }
  if (init)
    on_init(context, datagram, *message);
  else
    on_protected(context, datagram, *message);
}

void Responder::Core::expire(Peer& peer, IkeSa& sa) {
  if (is_login(sa.state)) {
    context.count(Counter::half_open_expired);
    peer.log(sa, "login takes too long");
    if (sa.requests.answering) return peer.refuse(sa, "time is up");
  }
  const bool rekeyed = sa.state == State::rekeyed;
  if (!peer.change(sa, Event::expired)) return;
  if (rekeyed) peer.ask(sa, Purpose::delete_ike);
}

void Responder::Core::look_at(Peer& peer, IkeSa& sa) {
  const auto now = context.now();
  // A refused login is over for the sessions; its SA stays to answer repetitions.
  if (sa.state == State::failed && peer.names && !std::exchange(peer.released, true))
    context.door.detach(peer.names->id);
  if (sa.state_ends && *sa.state_ends <= now && sa.state != State::closed) expire(peer, sa);
  if (sa.state == State::closed) return reap(peer, sa);
  if (sa.questions.pending && sa.questions.pending->again <= now) peer.repeat_question(sa);
  const auto dpd = peer.profile != nullptr ? peer.profile->settings->dpd : config::Seconds{0};
  if (sa.state == State::established && peer.is_current(sa) && dpd > 0s && !sa.questions.pending &&
      sa.last_inbound + dpd <= now)
    peer.ask(sa, Purpose::liveness);
  peer.arm();
}

void Responder::Core::reap(Peer& peer, IkeSa& sa) {
  const std::uint32_t id = peer.id;
  context.table.remove_sa(sa);
  if (peer.sas.size() > 1) {
    std::erase_if(peer.sas, [&sa](const std::unique_ptr<IkeSa>& one) { return one.get() == &sa; });
    return peer.arm();
  }
  if (peer.names && !std::exchange(peer.released, true)) context.door.detach(peer.names->id);
  context.table.remove_peer(id);
}

void Responder::Core::on_timer() {
  const auto now = context.now();
  while (const auto number = context.table.take_due(now)) {
    const auto [peer, sa] = context.table.find_sa(*number);
    if (sa != nullptr) look_at(*peer, *sa);
  }
  check_shutdown();
}

void Responder::Core::check_shutdown() {
  if (!shut_down_) return;
  const bool quiet = std::ranges::all_of(context.table.sas(), [](const auto& one) { return is_quiet(*one.second.sa); });
  if (quiet || context.now() >= shutdown_ends_) std::exchange(shut_down_, nullptr)();
}

void Responder::Core::shutdown(std::function<void()> done) {
  context.shutting_down = true;
  shut_down_ = std::move(done);
  shutdown_ends_ = context.now() + kShutdownLimit;
  std::vector<std::uint32_t> numbers;
  for (const auto& [number, found] : context.table.sas()) numbers.push_back(number);
  for (const std::uint32_t number : numbers) {
    const auto [peer, sa] = context.table.find_sa(number);
    if (sa == nullptr) continue;
    if (is_login(sa->state)) {
      if (peer->login) peer->login->aborted = true;
      if (sa->requests.answering) peer->refuse(*sa, "shutting down");
    } else if (sa->state == State::established && peer->names) {
      peer->terminate(*sa, session::Cause::nas_reboot);
    }
    peer->arm();
  }
  context.environment.deadline_changed();
  check_shutdown();
}

std::optional<common::MonotonicTime> Responder::Core::next_deadline() const {
  auto next = context.table.next_deadline();
  if (shut_down_ && (!next || shutdown_ends_ < *next)) next = shutdown_ends_;
  return next;
}

Responder::Responder(std::shared_ptr<const config::Config> config, Environment& environment, session::Door& door,
                     common::Epoch epoch)
    : core_(std::make_unique<Core>(std::move(config), environment, door, epoch)) {}
Responder::~Responder() = default;

void Responder::on_datagram(const Datagram& datagram) { core_->on_datagram(datagram); }
void Responder::on_timer() { core_->on_timer(); }
std::optional<common::MonotonicTime> Responder::next_deadline() const { return core_->next_deadline(); }
void Responder::reload(std::shared_ptr<const config::Config> config) {
  core_->context.policy = compile(std::move(config));
}
void Responder::shutdown(std::function<void()> done) { core_->shutdown(std::move(done)); }
const Statistics& Responder::statistics() const noexcept { return core_->context.statistics; }

std::vector<SaListing> Responder::list() const {
  std::vector<SaListing> listing;
  for (const auto& [number, found] : core_->context.table.sas()) listing.push_back(list_sa(*found.peer, *found.sa));
  return listing;
}

}  // namespace controlplane::ike
