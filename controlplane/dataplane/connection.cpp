// Reading and writing; one operation of each kind at a time.

#include "controlplane/dataplane/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace controlplane::dataplane {
namespace {

constexpr std::size_t kReadOctets = 64U << 10U;

}  // namespace

void Connection::open(const std::filesystem::path& path) {
  const auto self = shared_from_this();
  socket_.async_connect(path.string(), [self](const boost::system::error_code& error) {
    if (self->closed_) return;
    if (error) return self->fail(error.message());
    self->open_ = true;
    self->events_.on_open();
    if (!self->closed_) self->read();
    self->flush();
  });
}

void Connection::read() {
  const auto room = in_.space(kReadOctets);
  socket_.async_read_some(boost::asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](const boost::system::error_code& error, std::size_t octets) {
                            if (!self->closed_) self->on_read(error, octets);
                          });
}

void Connection::on_read(const boost::system::error_code& error, std::size_t octets) {
  if (error) return fail(error.message());
  in_.commit(octets);
  for (;;) {
    const auto frame = in_.next();
    if (!frame) return fail(std::string(to_string(frame.error())));
    if (!*frame) break;
    if (!events_.on_frame(**frame)) return fail("a frame that makes no sense");
    if (closed_) return;
  }
  read();
}

void Connection::flush() {
  if (closed_ || !open_ || writing_ || out_.empty()) return;
  writing_ = true;
  sending_.swap(out_);
  boost::asio::async_write(socket_, boost::asio::buffer(sending_.data(), sending_.size()),
                           [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                             self->writing_ = false;
                             common::wipe(self->sending_);
                             self->sending_.clear();
                             if (self->closed_) return;
                             if (error) return self->fail(error.message());
                             self->flush();
                           });
}

void Connection::close() {
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Connection::fail(const std::string& why) {
  if (closed_) return;
  close();
  events_.on_lost(why);
}

}  // namespace controlplane::dataplane
