// From an authenticated login to a session whose packets flow, and what changes while they do: row, install, Start,
// child SAs, peer address. The order is DESIGN chapter 6, step 3; a POD may cut in anywhere, and the terminator then
// sees in the session's flags what has to be undone.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/channel/convert.hpp"
#include "controlplane/session/blob.hpp"
#include "controlplane/session/log.hpp"
#include "controlplane/session/sessions.hpp"

namespace controlplane::session {
namespace {

using common::channel::Status;

std::string selector_text(const common::channel::WireSelector& wire) {
  const auto first = common::channel::from_wire(wire.first);
  const auto last = common::channel::from_wire(wire.last);
  if (!first || !last) return "?";
  std::string text = fmt::format("{}-{}", first->to_string(), last->to_string());
  if (wire.protocol != 0) text += fmt::format(" protocol {}", wire.protocol);
  if (wire.first_port != 0 || wire.last_port != 65535)
    text += fmt::format(" port {}-{}", wire.first_port, wire.last_port);
  return text;
}

ChildSnapshot child_of(const common::channel::WireChild& wire, common::WallTime now, std::uint32_t rekeys) {
  ChildSnapshot child;
  child.inbound_spi = common::Spi{wire.inbound_spi};
  child.outbound_spi = common::Spi{wire.outbound_spi};
  child.suite = wire.suite;
  child.udp_encap = (wire.flags & common::channel::kChildUdpEncap) != 0;
  child.esn = (wire.flags & common::channel::kChildEsn) != 0;
  child.replay_window = wire.replay_window;
  for (std::size_t i = 0; i < std::min<std::size_t>(wire.local_selectors, common::channel::kMaxSelectors); ++i)
    child.local_selectors.push_back(selector_text(wire.local[i]));
  for (std::size_t i = 0; i < std::min<std::size_t>(wire.remote_selectors, common::channel::kMaxSelectors); ++i)
    child.remote_selectors.push_back(selector_text(wire.remote[i]));
  child.installed = now;
  child.rekeys = rekeys;
  return child;
}

}  // namespace

common::KeyId Sessions::next_key_id() {
  return common::KeyId{static_cast<std::uint64_t>(epoch_.value()) << 32U | ++key_ids_};
}

void Sessions::establish(common::SessionId id, common::channel::InstallSession install, common::Bytes blob,
                         std::move_only_function<void(EstablishStatus)> done) {
  Session* session = room_.find(id);
  const bool fits = session != nullptr && !session->cause && session->phase == Phase::login && !session->install &&
                    session->authenticated;
  if (fits) {
    session->establish_done = std::move(done);
    session->install = std::make_unique<PendingInstall>();
    session->install->message = install;
    session->install->message.session_id = id.value();
    session->install->message.inner_v4 = common::channel::to_wire(session->inner_v4);
    session->install->blob = common::SecretBytes(common::ByteView(blob));
    session->child = child_of(install.child, room_.clock.wall(), 0);
    session->flags = install.flags;
    if (session->waits_for == 0) write_row(*session);
  } else {
    room_.post([done = std::move(done)]() mutable { done(EstablishStatus::aborted); });
  }
  common::wipe({reinterpret_cast<std::uint8_t*>(&install), sizeof install});
  common::wipe(blob);
}

void Sessions::write_row(Session& session) {
  session.phase = Phase::opening;
  session.established_at = room_.clock.wall();
  if (!room_.accounting()) return this->install(session);
  session.accounting_profile = room_.config->accounting.profile;
  session.session_key = radius::make_session_key();
  radius::OpenSession row;
  row.identity = session.identity();
  row.started = session.established_at;
  row.counters_read = session.established_at;
  session.row_in_flight = true;
  room_.spool.open_session(std::move(row), [this, id = session.names.id](radius::StoreStatus status) {
    Session* opened = room_.find(id);
    if (opened == nullptr) return;
    opened->row_in_flight = false;
    opened->row_written = status == radius::StoreStatus::ok;
    if (opened->cause) return terminator_.settle(*opened);
    if (!opened->row_written && room_.accounting_required())
      return fail_establish(*opened, "its open-session row could not be written");
    this->install(*opened);
  });
}

void Sessions::install(Session& session) {
  session.phase = Phase::installing;
  auto& message = session.install->message;
  auto& policy = message.policy;
  const auto& timeouts = session.timeouts;
  if (timeouts.session.count() > 0)
    policy.session_end_unix_ms = common::unix_milliseconds(room_.clock.wall() + timeouts.session);
  policy.idle_timeout_s = static_cast<std::uint32_t>(std::clamp<std::int64_t>(timeouts.idle.count(), 0, 0xFFFFFFFF));
  policy.input_rate_bits = session.grant.rate_in_bits.value_or(0);
  policy.output_rate_bits = session.grant.rate_out_bits.value_or(0);
  const auto blob = write_blob({session.identity(), session.established_at}, session.install->blob.view());
  session.install_sent = true;
  room_.link.install(message, blob.view(), [this, id = session.names.id](auto result) {
    if (Session* installed = room_.find(id)) on_installed(*installed, result);
  });
  session.install.reset();
}

void Sessions::on_installed(Session& session, dataplane::LinkResult<Status> result) {
  if (session.cause) return;  // the removal is on its way behind the install
  if (!result)
    return fail_establish(session, result.error() == dataplane::LinkError::not_ready ? "the dataplane is not connected"
                                                                                     : "the dataplane went away");
  if (*result != Status::ok && *result != Status::unchanged)
    return fail_establish(session, fmt::format("the dataplane refused it (status {})", static_cast<unsigned>(*result)));
  spool_start(session);
}

void Sessions::spool_start(Session& session) {
  session.phase = Phase::starting;
  if (!room_.accounting() || !session.row_written) return on_up(session);
  session.start_in_flight = true;
  room_.spool.spool(session.record(radius::RecordKind::start, session.established_at),
                    [this, id = session.names.id](radius::StoreStatus status) {
                      Session* started = room_.find(id);
                      if (started == nullptr) return;
                      started->start_in_flight = false;
                      started->start_spooled = status == radius::StoreStatus::ok;
                      if (started->cause) return terminator_.settle(*started);
                      if (!started->start_spooled && room_.accounting_required())
                        return fail_establish(*started, "its Start could not be spooled");
                      on_up(*started);
                    });
}

void Sessions::on_up(Session& session) {
  session.phase = Phase::up;
  ++room_.totals.established;
  upkeep_.add(session);
  aaa_log().info("session {} up: user {}, address {}, peer {}", session.names.audit_session_id, session.user_name,
                 session.inner_v4 ? session.inner_v4->to_string() : "none", session.facts.remote.to_string());
  answer_establish(session, EstablishStatus::ok);
}

void Sessions::fail_establish(Session& session, std::string_view why) {
  ++room_.totals.logins_failed;
  aaa_log().warn("login of {} from {} fails: {}", session.user_name, session.facts.remote.to_string(), why);
  auto done = std::exchange(session.establish_done, nullptr);
  terminator_.end(session, Cause::nas_error, Terminator::Asker::peer, nullptr);
  if (done) done(EstablishStatus::no_resources);
}

void Sessions::answer_establish(Session& session, EstablishStatus status) {
  if (auto done = std::exchange(session.establish_done, nullptr)) done(status);
}

void Sessions::rekey_child(common::SessionId id, common::channel::RekeyChild rekey,
                           std::move_only_function<void(bool)> done) {
  const Session* session = room_.find(id);
  if (session == nullptr || session->cause || session->phase != Phase::up) {
    room_.post([done = std::move(done)]() mutable { done(false); });
  } else {
    rekey.session_id = id.value();
    ChildSnapshot child = child_of(rekey.child, room_.clock.wall(), session->child ? session->child->rekeys + 1 : 1);
    room_.link.rekey_child(rekey, [this, id, child = std::move(child), done = std::move(done)](auto result) mutable {
      Session* rekeyed = room_.find(id);
      const bool visible = result && (*result == Status::ok || *result == Status::unchanged);
      if (visible && rekeyed != nullptr) rekeyed->child = std::move(child);
      done(visible && rekeyed != nullptr && !rekeyed->cause);
    });
  }
  common::wipe({reinterpret_cast<std::uint8_t*>(&rekey), sizeof rekey});
}

void Sessions::delete_child(common::SessionId id, common::Spi inbound_spi) {
  const Session* session = room_.find(id);
  if (session == nullptr || session->cause || !session->install_sent) return;
  room_.link.delete_child(id, inbound_spi, [](auto) {});
}

void Sessions::update_peer(common::SessionId id, const common::Endpoint& local, const common::Endpoint& remote) {
  Session* session = room_.find(id);
  if (session == nullptr || session->cause || !session->install_sent) return;
  session->remote_now = remote;
  common::channel::UpdatePeer update{};
  update.session_id = id.value();
  update.local = common::channel::to_wire(local);
  update.remote = common::channel::to_wire(remote);
  update.flags = session->flags;
  update.udp_encap = session->child && session->child->udp_encap ? 1 : 0;
  room_.link.update_peer(update, [](auto) {});
}

void Sessions::put_blob(common::SessionId id, common::Bytes blob) {
  const Session* session = room_.find(id);
  if (session != nullptr && !session->cause && session->install_sent) {
    const auto whole = write_blob({session->identity(), session->established_at}, blob);
    room_.link.put_blob(id, whole.view(), [](auto) {});
  }
  common::wipe(blob);
}

}  // namespace controlplane::session
