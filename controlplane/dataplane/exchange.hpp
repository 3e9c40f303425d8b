#pragma once
// How ChannelClient's requests are written and their replies collected: templates of its two sources, nobody else's.

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "controlplane/dataplane/channel_client.hpp"

namespace controlplane::dataplane {

template <class Fill>
void ChannelClient::send(common::channel::Type type, Exchange exchange, Fill fill) {
  const std::uint32_t id = next_request_++;
  if (next_request_ == 0) next_request_ = 1;
  ++counters_.requests;
  exchanges_.insert_or_assign(id, std::move(exchange));
  {
    // A request is one frame.
    common::channel::FrameWriter writer(connection_->out(), type, 0, id, common::channel::kMaxFrameOctets);
    fill(writer);
  }
  connection_->flush();
}

template <class R, class Done>
ChannelClient::Exchange ChannelClient::collect(common::channel::Type type, Done done,
                                               std::move_only_function<void()> lose) {
  const auto rows = std::make_shared<std::vector<R>>();
  Exchange exchange;
  exchange.type = type;
  exchange.take = [rows](const common::channel::Frame& frame) {
    auto records = common::channel::Records<R>::read(frame);
    if (!records) return false;
    while (const auto record = records->next()) rows->push_back(record->fixed);
    return true;
  };
  exchange.finish = [rows, done = std::move(done)]() mutable { return done(std::move(*rows)); };
  exchange.lose = std::move(lose);
  return exchange;
}

template <class T>
void ChannelClient::refuse(LinkCallback<T> done) {
  if (!done) return;
  boost::asio::post(io_, [alive = alive_, done = std::move(done)]() mutable {
    if (*alive) done(std::unexpected(LinkError::not_ready));
  });
}

template <class Fill>
void ChannelClient::send_for_status(common::channel::Type type, LinkCallback<common::channel::Status> done, Fill fill) {
  using common::channel::SessionStatus;
  using common::channel::Status;
  if (!ready_) return refuse(std::move(done));
  const auto callback = std::make_shared<LinkCallback<Status>>(std::move(done));
  auto exchange = collect<SessionStatus>(
      type,
      [callback](const std::vector<SessionStatus>& rows) {
        if (rows.size() != 1) return false;
        if (*callback) (*callback)(static_cast<Status>(rows.front().status));
        return true;
      },
      [callback] {
        if (*callback) (*callback)(std::unexpected(LinkError::disconnected));
      });
  send(type, std::move(exchange), std::move(fill));
}

}  // namespace controlplane::dataplane
