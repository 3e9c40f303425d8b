#pragma once
// One connection of the channel: a Unix stream socket on Asio, frames in, octets out. Ends once, at the first error.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/error_code.hpp>

#include "common/channel/codec.hpp"

namespace controlplane::dataplane {

/// Lives as long as its owner or one of its operations holds it. Thread: the control thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Events {
    std::move_only_function<void()> on_open;
    /// @return false: the frame makes no sense, the connection is closed
    std::move_only_function<bool(const common::channel::Frame&)> on_frame;
    /// Once, unless `close` was called. Nothing follows.
    std::move_only_function<void(const std::string& why)> on_lost;
  };

  [[nodiscard]] static std::shared_ptr<Connection> make(boost::asio::io_context& io, Events events) {
    return std::shared_ptr<Connection>(new Connection(io, std::move(events)));
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void open(const std::filesystem::path& path);
  /// Frames are appended here; call `flush` when done.
  [[nodiscard]] common::channel::Buffer& out() noexcept { return out_; }
  void flush();
  /// Quietly: no event comes any more.
  void close();
  /// As if the other end had broken it.
  void fail(const std::string& why);

 private:
  Connection(boost::asio::io_context& io, Events events) : socket_(io), events_(std::move(events)) {}
  void read();
  void on_read(const boost::system::error_code& error, std::size_t octets);

  boost::asio::local::stream_protocol::socket socket_;
  Events events_;
  bool closed_ = false;
  bool open_ = false;
  common::channel::FrameReader in_;
  common::channel::Buffer out_;      ///< grows while `sending_` is on its way
  common::channel::Buffer sending_;  ///< owned by the write in progress
  bool writing_ = false;
};

}  // namespace controlplane::dataplane
