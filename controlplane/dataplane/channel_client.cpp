// The connection's life: connect, Hello, requests and events, loss, back-off. The requests are requests.cpp.

#include "controlplane/dataplane/channel_client.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "common/channel/convert.hpp"
#include "controlplane/dataplane/exchange.hpp"

namespace controlplane::dataplane {

using namespace common::channel;

ChannelClient::ChannelClient(boost::asio::io_context& io, std::filesystem::path socket, common::Epoch epoch,
                             ChannelOptions options)
    : io_(io),
      path_(std::move(socket)),
      epoch_(epoch),
      options_(options),
      retry_(options.first_retry),
      retry_timer_(io),
      hello_timer_(io),
      refresh_timer_(io) {}

ChannelClient::~ChannelClient() {
  stop();
  *alive_ = false;
}

void ChannelClient::start() {
  if (!std::exchange(stopped_, false)) return;
  connect();
}

void ChannelClient::stop() {
  stopped_ = true;
  ready_ = false;
  if (connection_) connection_->close();
  connection_.reset();
  retry_timer_.cancel();
  hello_timer_.cancel();
  refresh_timer_.cancel();
  exchanges_.clear();
  removals_.clear();
  forgets_.clear();
  spis_.clear();
}

void ChannelClient::connect() {
  Connection::Events events;
  events.on_open = [this, alive = alive_] {
    if (*alive) say_hello();
  };
  events.on_frame = [this, alive = alive_](const Frame& frame) { return *alive && on_frame(frame); };
  events.on_lost = [this, alive = alive_](const std::string& why) {
    if (*alive) on_lost(why);
  };
  connection_ = Connection::make(io_, std::move(events));
  connection_->open(path_);
}

void ChannelClient::say_hello() {
  FrameWriter(connection_->out(), Type::hello, 0, next_request_++).add(Hello{kVersion, epoch_.value()});
  hello_timer_.expires_after(options_.hello_timeout);
  hello_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (*alive && !error && !ready_ && connection_) connection_->fail("no answer to Hello");
  });
}

bool ChannelClient::on_frame(const Frame& frame) {
  if (frame.type() == Type::hello) return on_hello_reply(frame);
  if (!ready_) return false;
  if (is_event(frame.type())) return on_event(frame);
  const auto found = exchanges_.find(frame.header.request_id);
  if (!frame.is_reply() || found == exchanges_.end() || found->second.type != frame.type()) return false;
  if (frame.has_more()) return found->second.take(frame);
  Exchange exchange = std::move(found->second);
  exchanges_.erase(found);
  if (exchange.take(frame) && exchange.finish()) return true;
  exchange.lose();
  return false;
}

bool ChannelClient::on_hello_reply(const Frame& frame) {
  auto records = Records<HelloReply>::read(frame);
  const auto reply = records && frame.is_reply() && records->size() == 1 ? records->next() : std::nullopt;
  if (!reply) return false;
  const auto status = static_cast<Status>(reply->fixed.status);
  if (status == Status::ok && !ready_) {
    hello_ = reply->fixed;
    on_accepted();
    return true;
  }
  if (status == Status::fenced && !was_accepted_) {
    // The database has forgotten epochs that the dataplane has seen.
    epoch_ = common::Epoch{std::max(epoch_.value(), reply->fixed.epoch) + 1};
    refusal_ = "the dataplane knows a later epoch";
    return false;
  }
  if (status == Status::fenced) {
    on_fenced();
    return true;
  }
  if (status == Status::wrong_version) refusal_ = "the dataplane speaks another version of the channel";
  return false;
}

void ChannelClient::on_accepted() {
  hello_timer_.cancel();
  ready_ = true;
  was_accepted_ = true;
  retry_ = options_.first_retry;
  trouble_.clear();
  ++counters_.connects;
  // What was asked before the loss is asked again, in its order: removals and forgets are never given up.
  for (auto removal = removals_.begin(); removal != removals_.end(); ++removal) {
    ++counters_.resent;
    send_removal(removal);
  }
  if (!forgets_.empty()) {
    ++counters_.resent;
    send_forgets({forgets_.begin(), forgets_.end()});
  }
  refill_spis();
  arm_refresh();
  if (events_.on_connected) events_.on_connected(*hello_);
}

void ChannelClient::on_fenced() {
  auto lost = std::exchange(exchanges_, {});
  stop();
  trouble_ = "a newer control plane has taken over";
  for (auto& [id, exchange] : lost) exchange.lose();
  if (events_.on_fenced) events_.on_fenced();
}

void ChannelClient::on_lost(const std::string& why) {
  const bool was_ready = std::exchange(ready_, false);
  hello_timer_.cancel();
  refresh_timer_.cancel();
  connection_.reset();
  spis_.clear();  // the dataplane lets them expire
  refilling_ = false;
  if (was_ready) ++counters_.losses;
  auto lost = std::exchange(exchanges_, {});
  retry_later(why);
  for (auto& [id, exchange] : lost) exchange.lose();
  if (was_ready && events_.on_disconnected) events_.on_disconnected();
}

void ChannelClient::retry_later(const std::string& why) {
  if (stopped_) return;
  trouble_ = refusal_.empty() ? why : std::exchange(refusal_, {});
  retry_timer_.expires_after(retry_);
  retry_ = std::min(retry_ * 2, options_.last_retry);
  retry_timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (*alive && !error && !stopped_) connect();
  });
}

bool ChannelClient::on_event(const Frame& frame) {
  const auto each = [&]<class R>(std::type_identity<R>, auto call) {
    auto records = Records<R>::read(frame);
    if (!records) return false;
    while (const auto record = records->next()) call(record->fixed);
    return true;
  };
  const auto session_event = [&](auto& callback) {
    return each(std::type_identity<SessionEvent>{}, [&](const SessionEvent& event) {
      if (callback) callback(common::SessionId{event.session_id});
    });
  };
  switch (frame.type()) {
    case Type::event_peer_moved:
      return each(std::type_identity<PeerMoved>{}, [&](const PeerMoved& event) {
        const auto remote = from_wire(event.remote);
        if (remote && events_.on_peer_moved) events_.on_peer_moved(common::SessionId{event.session_id}, *remote);
      });
    case Type::event_lifetime_reached:
      return session_event(events_.on_lifetime_reached);
    case Type::event_idle_expired:
      return session_event(events_.on_idle_expired);
    case Type::event_inbound_seen:
      return session_event(events_.on_inbound_seen);
    case Type::event_child_expired:
      return each(std::type_identity<ChildEvent>{}, [&](const ChildEvent& event) {
        if (events_.on_child_expired)
          events_.on_child_expired(common::SessionId{event.session_id}, common::Spi{event.inbound_spi});
      });
    default:
      return false;
  }
}

}  // namespace controlplane::dataplane
