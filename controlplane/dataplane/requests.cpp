// Requests one by one, and the small cache of reserved SPIs.

#include <algorithm>
#include <cstring>
#include <utility>

#include "controlplane/dataplane/exchange.hpp"

namespace controlplane::dataplane {

using namespace common::channel;
using common::SessionId;
using common::Spi;
namespace {

/// A cached SPI older than this is exchanged: the reservation lasts 60 s, and who takes one has 30 s to use it.
constexpr std::chrono::seconds kSpiAge{20};
constexpr std::chrono::seconds kRefreshPeriod{5};

}  // namespace

void ChannelClient::install(InstallSession session, common::ByteView blob, LinkCallback<Status> done) {
  send_for_status(Type::install_session, std::move(done), [&](FrameWriter& writer) { writer.add(session, blob); });
  common::wipe({reinterpret_cast<std::uint8_t*>(&session), sizeof session});
}

void ChannelClient::rekey_child(const RekeyChild& rekey, LinkCallback<Status> done) {
  send_for_status(Type::rekey_child, std::move(done), [&](FrameWriter& writer) { writer.add(rekey); });
}

void ChannelClient::delete_child(SessionId id, Spi inbound, LinkCallback<Status> done) {
  send_for_status(Type::delete_child, std::move(done),
                  [&](FrameWriter& writer) { writer.add(DeleteChild{id.value(), inbound.value(), 0}); });
}

void ChannelClient::update_peer(const UpdatePeer& update, LinkCallback<Status> done) {
  send_for_status(Type::update_peer, std::move(done), [&](FrameWriter& writer) { writer.add(update); });
}

void ChannelClient::set_policy(const SetPolicy& policy, LinkCallback<Status> done) {
  send_for_status(Type::set_policy, std::move(done), [&](FrameWriter& writer) { writer.add(policy); });
}

void ChannelClient::put_blob(SessionId id, common::ByteView blob, LinkCallback<Status> done) {
  send_for_status(Type::put_blob, std::move(done),
                  [&](FrameWriter& writer) { writer.add(PutBlob{.session_id = id.value()}, blob); });
}

void ChannelClient::remove(std::vector<RemoveSession> sessions,
                           std::move_only_function<void(std::vector<SessionCounters>)> done) {
  removals_.push_back({std::move(sessions), std::move(done)});
  if (ready_) send_removal(std::prev(removals_.end()));
}

void ChannelClient::send_removal(Removals::iterator removal) {
  auto exchange = collect<SessionCounters>(
      Type::remove_sessions,
      [this, removal](std::vector<SessionCounters> rows) {
        const bool fits =
            std::ranges::equal(rows, removal->sessions, {}, &SessionCounters::session_id, &RemoveSession::session_id);
        if (!fits) return false;
        Removal answered = std::move(*removal);
        removals_.erase(removal);
        if (answered.done) answered.done(std::move(rows));
        return true;
      },
      [] {});  // stays in removals_: it is asked again
  send(Type::remove_sessions, std::move(exchange), [&](FrameWriter& writer) {
    for (const RemoveSession& session : removal->sessions) writer.add(session);
  });
}

void ChannelClient::forget(std::vector<SessionId> sessions) {
  if (sessions.empty()) return;
  forgets_.insert(sessions.begin(), sessions.end());
  if (ready_) send_forgets(std::move(sessions));
}

void ChannelClient::send_forgets(std::vector<SessionId> sessions) {
  auto exchange = collect<SessionStatus>(
      Type::forget_sessions,
      [this](const std::vector<SessionStatus>& rows) {
        for (const SessionStatus& row : rows) forgets_.erase(SessionId{row.session_id});
        return true;
      },
      [] {});
  send(Type::forget_sessions, std::move(exchange), [&](FrameWriter& writer) {
    for (const SessionId id : sessions) writer.add(SessionRef{id.value()});
  });
}

void ChannelClient::read_counters(std::vector<SessionId> sessions, LinkCallback<std::vector<SessionCounters>> done) {
  if (!ready_) return refuse(std::move(done));
  const auto callback = std::make_shared<decltype(done)>(std::move(done));
  auto exchange = collect<SessionCounters>(
      Type::read_counters,
      [callback, expected = sessions.size()](std::vector<SessionCounters> rows) {
        if (rows.size() != expected) return false;
        if (*callback) (*callback)(std::move(rows));
        return true;
      },
      [callback] {
        if (*callback) (*callback)(std::unexpected(LinkError::disconnected));
      });
  send(Type::read_counters, std::move(exchange), [&](FrameWriter& writer) {
    for (const SessionId id : sessions) writer.add(SessionRef{id.value()});
  });
}

void ChannelClient::list(LinkCallback<std::vector<ListedSession>> done) {
  if (!ready_) return refuse(std::move(done));
  const auto callback = std::make_shared<decltype(done)>(std::move(done));
  const auto rows = std::make_shared<std::vector<ListedSession>>();
  Exchange exchange;
  exchange.type = Type::list_sessions;
  exchange.take = [rows](const Frame& frame) {
    auto records = Records<SessionListing>::read(frame);
    if (!records) return false;
    while (const auto record = records->next()) rows->push_back({record->fixed, common::SecretBytes(record->blob)});
    return true;
  };
  exchange.finish = [rows, callback] {
    if (*callback) (*callback)(std::move(*rows));
    return true;
  };
  exchange.lose = [callback] {
    if (*callback) (*callback)(std::unexpected(LinkError::disconnected));
  };
  send(Type::list_sessions, std::move(exchange), [](FrameWriter&) {});
}

void ChannelClient::read_statistics(LinkCallback<std::vector<NamedValue>> done) {
  if (!ready_) return refuse(std::move(done));
  const auto callback = std::make_shared<decltype(done)>(std::move(done));
  auto exchange = collect<common::channel::NamedValue>(
      Type::read_statistics,
      [callback](const std::vector<common::channel::NamedValue>& rows) {
        std::vector<NamedValue> values;
        for (const auto& row : rows)
          values.push_back({{row.name.data(), ::strnlen(row.name.data(), row.name.size())}, row.value});
        if (*callback) (*callback)(std::move(values));
        return true;
      },
      [callback] {
        if (*callback) (*callback)(std::unexpected(LinkError::disconnected));
      });
  send(Type::read_statistics, std::move(exchange), [](FrameWriter&) {});
}

std::optional<Spi> ChannelClient::take_spi() {
  if (!ready_ || spis_.empty()) {
    if (ready_) refill_spis();
    return std::nullopt;
  }
  const Spi spi = spis_.front().spi;
  spis_.pop_front();
  if (spis_.size() < options_.spi_cache / 2) refill_spis();
  return spi;
}

void ChannelClient::give_back_spi(Spi spi) {
  if (ready_) release_spis({spi});  // else it expires
}

void ChannelClient::release_spis(const std::vector<Spi>& spis) {
  if (spis.empty()) return;
  auto exchange =
      collect<SessionStatus>(Type::release_spis, [](const std::vector<SessionStatus>&) { return true; }, [] {});
  send(Type::release_spis, std::move(exchange), [&](FrameWriter& writer) {
    for (const Spi spi : spis) writer.add(ReservedSpi{spi.value(), 0});
  });
}

void ChannelClient::refill_spis() {
  const auto now = std::chrono::steady_clock::now();
  const auto fresh = static_cast<std::uint32_t>(
      std::ranges::count_if(spis_, [now](const CachedSpi& cached) { return now - cached.reserved_at <= kSpiAge; }));
  if (refilling_ || fresh >= options_.spi_cache) return;
  refilling_ = true;
  auto exchange = collect<ReservedSpi>(
      Type::reserve_spis,
      [this, now](const std::vector<ReservedSpi>& rows) {
        refilling_ = false;
        for (const ReservedSpi& row : rows) spis_.push_back({Spi{row.spi}, now});
        release_old_spis();
        return true;
      },
      [] {});
  send(Type::reserve_spis, std::move(exchange),
       [&](FrameWriter& writer) { writer.add(ReserveSpis{options_.spi_cache - fresh, 0}); });
}

void ChannelClient::arm_refresh() {
  refresh_timer_.expires_after(kRefreshPeriod);
  refresh_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!*alive || error || !ready_) return;
    refill_spis();
    arm_refresh();
  });
}

/// Called when new ones are there, so that the cache was never empty meanwhile.
void ChannelClient::release_old_spis() {
  const auto now = std::chrono::steady_clock::now();
  std::vector<Spi> old;
  while (!spis_.empty() && now - spis_.front().reserved_at > kSpiAge) {
    old.push_back(spis_.front().spi);
    spis_.pop_front();
  }
  release_spis(old);
}

}  // namespace controlplane::dataplane
