// The channel's client against the real manager, both on one thread; and against a server that misbehaves as told.

#include "controlplane/dataplane/channel_client.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/manager/channel_server.hpp"
#include "tests/unit/dp_manager/harness.hpp"

namespace controlplane::dataplane {
namespace {

namespace dp = ::dataplane;
using common::SessionId;
using common::Spi;
using common::channel::HelloReply;
using common::channel::Status;
using dp::manager::test::install_record;

constexpr auto code(Status status) { return static_cast<std::uint16_t>(status); }

/// Lets both ends work until something holds; false after ten seconds.
bool wait_for(boost::asio::io_context& io, const std::function<void()>& other_end, const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    io.restart();
    if (io.poll() == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (other_end) other_end();
  }
  return true;
}

struct Heard {
  int connected = 0;
  int disconnected = 0;
  int fenced = 0;
  std::vector<std::string> events;
};

LinkEvents listen(Heard& heard) {
  LinkEvents events;
  events.on_connected = [&](const HelloReply&) { ++heard.connected; };
  events.on_disconnected = [&] { ++heard.disconnected; };
  events.on_fenced = [&] { ++heard.fenced; };
  events.on_peer_moved = [&](SessionId id, const common::Endpoint& remote) {
    heard.events.push_back("moved " + std::to_string(id.value()) + " " + remote.to_string());
  };
  events.on_idle_expired = [&](SessionId id) { heard.events.push_back("idle " + std::to_string(id.value())); };
  events.on_lifetime_reached = [&](SessionId id) { heard.events.push_back("end " + std::to_string(id.value())); };
  events.on_inbound_seen = [&](SessionId id) { heard.events.push_back("seen " + std::to_string(id.value())); };
  events.on_child_expired = [&](SessionId id, Spi) { heard.events.push_back("child " + std::to_string(id.value())); };
  return events;
}

constexpr ChannelOptions kQuick{.spi_cache = 8,
                                .first_retry = std::chrono::milliseconds(1),
                                .last_retry = std::chrono::milliseconds(8),
                                .hello_timeout = std::chrono::milliseconds(200)};

class Client : public testing::Test {
 protected:
  Client() { client_.set_events(listen(heard_)); }
  void start_dataplane() { dataplane_.emplace(directory_.path(), 64, 1); }
  [[nodiscard]] bool until(const std::function<bool()>& holds) {
    return wait_for(
        io_,
        [this] {
          if (dataplane_) dataplane_->turns(1);
        },
        holds);
  }
  void connect() {
    if (!dataplane_) start_dataplane();
    client_.start();
    ASSERT_TRUE(until([&] { return client_.ready() && spi_cached(); }));
  }
  /// Is an SPI at hand? It is given back at once.
  bool spi_cached() {
    const auto spi = client_.take_spi();
    if (spi) client_.give_back_spi(*spi);
    return spi.has_value();
  }
  Status install(std::uint64_t id, common::ByteView blob = {}) {
    const auto spi = client_.take_spi();
    EXPECT_TRUE(spi.has_value());
    last_spi_ = spi.value_or(Spi{});
    return status([&](auto done) { client_.install(install_record(id, last_spi_.value()), blob, std::move(done)); });
  }
  /// Calls, and waits for the status that comes back.
  template <class Call>
  Status status(Call call) {
    std::optional<LinkResult<Status>> result;
    call([&](LinkResult<Status> answer) { result = answer; });
    EXPECT_FALSE(result.has_value()) << "a callback before its call has returned";
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    return result && *result ? **result : Status::invalid;
  }
  template <class T, class Call>
  T value(Call call) {
    std::optional<LinkResult<T>> result;
    call([&](LinkResult<T> answer) { result = std::move(answer); });
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    EXPECT_TRUE(result && *result);
    return result && *result ? std::move(**result) : T{};
  }
  std::vector<common::channel::SessionCounters> remove(std::vector<std::uint64_t> ids) {
    std::vector<common::channel::RemoveSession> records;
    for (const auto id : ids) records.push_back({id, 6, 0, 0});
    std::optional<std::vector<common::channel::SessionCounters>> result;
    client_.remove(std::move(records), [&](auto rows) { result = std::move(rows); });
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    return result.value_or(std::vector<common::channel::SessionCounters>{});
  }

  dp::manager::test::Directory directory_;
  boost::asio::io_context io_;
  Heard heard_;
  std::optional<dp::manager::test::Dataplane> dataplane_;
  ChannelClient client_{io_, directory_.path() / "channel.sock", common::Epoch{5}, kQuick};
  Spi last_spi_;
};

TEST_F(Client, WaitsForADataplaneThatIsNotThereYet) {
  client_.start();
  EXPECT_FALSE(wait_for(io_, {},
                        [&, end = std::chrono::steady_clock::now() + std::chrono::milliseconds(50)] {
                          return client_.ready() || std::chrono::steady_clock::now() > end;
                        }) &&
               client_.ready());
  EXPECT_FALSE(client_.trouble().empty());
  EXPECT_FALSE(client_.hello().has_value());
  connect();
  EXPECT_EQ(heard_.connected, 1);
  EXPECT_TRUE(client_.trouble().empty());
  ASSERT_TRUE(client_.hello().has_value());
  EXPECT_EQ(client_.hello()->capacity, 64U);
}

TEST_F(Client, WhatCannotBeSentIsRefusedLater) {
  EXPECT_FALSE(client_.take_spi().has_value());
  std::optional<LinkResult<Status>> result;
  client_.install(install_record(1, 300), {}, [&](LinkResult<Status> answer) { result = answer; });
  EXPECT_FALSE(result.has_value());
  ASSERT_TRUE(until([&] { return result.has_value(); }));
  EXPECT_EQ(result->error(), LinkError::not_ready);
  bool listed = false;
  client_.list([&](LinkResult<std::vector<ListedSession>> rows) { listed = !rows.has_value(); });
  EXPECT_TRUE(until([&] { return listed; }));
  client_.give_back_spi(Spi{300});
}

TEST_F(Client, ASessionsWholeLife) {
  connect();
  const common::Bytes blob = {1, 2, 3};
  ASSERT_EQ(install(1, blob), Status::ok);
  const Spi first = last_spi_;
  const auto next = client_.take_spi();
  ASSERT_TRUE(next.has_value());
  auto record = install_record(1, next->value());
  record.child.key_id = 2;
  const common::channel::RekeyChild rekey{1, first.value(), 0, record.child};
  EXPECT_EQ(status([&](auto done) { client_.rekey_child(rekey, std::move(done)); }), Status::ok);
  EXPECT_EQ(status([&](auto done) { client_.delete_child(SessionId{1}, first, std::move(done)); }), Status::ok);
  EXPECT_EQ(status([&](auto done) { client_.update_peer({1, record.local, record.remote, 0, 1}, std::move(done)); }),
            Status::ok);
  EXPECT_EQ(status([&](auto done) { client_.set_policy({1, {0, 60, 0, 1, 2}}, std::move(done)); }), Status::ok);
  const common::Bytes other_blob(5000, 9);
  EXPECT_EQ(status([&](auto done) { client_.put_blob(SessionId{1}, other_blob, std::move(done)); }), Status::ok);
  using Counters = std::vector<common::channel::SessionCounters>;
  const auto counters =
      value<Counters>([&](auto done) { client_.read_counters({SessionId{1}, SessionId{2}}, std::move(done)); });
  ASSERT_EQ(counters.size(), 2U);
  EXPECT_EQ(counters[0].status, code(Status::ok));
  EXPECT_EQ(counters[1].status, code(Status::unknown_session));
  const auto listed = value<std::vector<ListedSession>>([&](auto done) { client_.list(std::move(done)); });
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].facts.counters.session_id, 1U);
  EXPECT_EQ(listed[0].facts.inbound_spi, next->value());
  EXPECT_TRUE(std::ranges::equal(listed[0].blob.view(), other_blob));
  const auto rows = remove({1, 3});
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].final_, 1U);
  EXPECT_EQ(rows[1].status, code(Status::unknown_session));
  client_.forget({SessionId{1}});
  EXPECT_TRUE(until(
      [&] { return value<std::vector<ListedSession>>([&](auto done) { client_.list(std::move(done)); }).empty(); }));
  std::map<std::string, std::uint64_t> values;
  for (const auto& row : value<std::vector<NamedValue>>([&](auto done) { client_.read_statistics(std::move(done)); }))
    values[row.name] = row.value;
  EXPECT_EQ(values.at("table.capacity"), 64U);
  EXPECT_EQ(values.at("table.tombstones"), 0U);
}

TEST_F(Client, ManySessionsAtOnce) {
  connect();
  int installed = 0;
  for (std::uint64_t id = 1; id <= 60; ++id) {
    std::optional<Spi> spi;
    ASSERT_TRUE(until([&] { return (spi = client_.take_spi()).has_value(); }));
    client_.install(install_record(id, spi->value()), common::Bytes(1000, 1), [&](LinkResult<Status> answer) {
      if (answer && *answer == Status::ok) ++installed;
    });
  }
  ASSERT_TRUE(until([&] { return installed == 60; }));
  std::vector<std::uint64_t> ids;
  for (std::uint64_t id = 60; id >= 1; --id) ids.push_back(id);
  const auto rows = remove(ids);
  ASSERT_EQ(rows.size(), 60U);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].session_id, ids[i]);
}

TEST_F(Client, SpisComeFromACacheThatRefillsItself) {
  connect();
  std::vector<Spi> taken;
  ASSERT_TRUE(until([&] {
    if (const auto spi = client_.take_spi()) taken.push_back(*spi);
    return taken.size() == 100;
  }));
  std::ranges::sort(taken);
  EXPECT_EQ(std::ranges::adjacent_find(taken), taken.end()) << "no SPI twice";
  for (const Spi spi : taken) client_.give_back_spi(spi);
}

TEST_F(Client, EventsArrive) {
  connect();
  ASSERT_EQ(install(1), Status::ok);
  const auto ref = dataplane_->tables.pool_session(dp::ids::PoolIndex{0}, 1);
  const auto pair = dataplane_->tables.spi_layout().index(last_spi_);
  ASSERT_TRUE(dataplane_->events.push(
      {.kind = dp::sa::EventKind::peer_moved, .port_number = 99, .session = ref, .address_v4 = 0x01020304}));
  ASSERT_TRUE(dataplane_->events.push({.kind = dp::sa::EventKind::child_expiring, .session = ref, .sa = pair}));
  ASSERT_TRUE(until([&] { return heard_.events.size() == 2; }));
  EXPECT_EQ(heard_.events[0], "moved 1 1.2.3.4:99");
  EXPECT_EQ(heard_.events[1], "child 1");
  EXPECT_EQ(status([&](auto done) {
              client_.set_policy({1, {common::unix_milliseconds(dataplane_->clock.wall()) - 1, 0, 0, 0, 0}},
                                 std::move(done));
            }),
            Status::ok);
  ASSERT_TRUE(until([&] {
    dataplane_->clock.advance(std::chrono::milliseconds(100));
    dataplane_->statistics.turns.fetch_add(1);
    return heard_.events.size() == 3;
  }));
  EXPECT_EQ(heard_.events[2], "end 1");
}

TEST_F(Client, RemovalSurvivesADataplaneThatDies) {
  connect();
  ASSERT_EQ(install(1), Status::ok);
  const auto boot = client_.hello()->boot_id;
  rte_rcu_qsbr_thread_online(dataplane_->readers.get(), 0);  // holds the removal up
  std::optional<std::vector<common::channel::SessionCounters>> removed;
  client_.remove({{1, 6, 0, 0}}, [&](auto rows) { removed = std::move(rows); });
  std::optional<LinkResult<Status>> blob;
  (void)until([&, n = 0]() mutable { return ++n > 20; });
  EXPECT_FALSE(removed.has_value());
  client_.put_blob(SessionId{1}, {}, [&](LinkResult<Status> answer) { blob = answer; });
  rte_rcu_qsbr_thread_offline(dataplane_->readers.get(), 0);
  dataplane_.reset();
  ASSERT_TRUE(until([&] { return heard_.disconnected == 1 && blob.has_value(); }));
  EXPECT_EQ(blob->error(), LinkError::disconnected);
  EXPECT_FALSE(removed.has_value());
  start_dataplane();
  ASSERT_TRUE(until([&] { return removed.has_value(); }));
  EXPECT_EQ(heard_.connected, 2);
  EXPECT_NE(client_.hello()->boot_id, boot);
  ASSERT_EQ(removed->size(), 1U);
  EXPECT_EQ(removed->front().status, code(Status::unknown_session));
}

TEST_F(Client, NewerControlPlaneTakesOver) {
  connect();
  boost::asio::io_context other_io;
  Heard other_heard;
  ChannelClient other(other_io, directory_.path() / "channel.sock", common::Epoch{6}, kQuick);
  other.set_events(listen(other_heard));
  other.start();
  std::optional<LinkResult<Status>> lost;
  ASSERT_TRUE(until([&] {
    other_io.restart();
    other_io.poll();
    return heard_.fenced == 1 && other.ready();
  }));
  EXPECT_FALSE(client_.ready());
  client_.put_blob(SessionId{1}, {}, [&](LinkResult<Status> answer) { lost = answer; });
  ASSERT_TRUE(until([&] { return lost.has_value(); }));
  EXPECT_EQ(heard_.connected, 1) << "it does not come back by itself";
  EXPECT_EQ(other.epoch(), common::Epoch{6});
}

TEST_F(Client, ForgottenEpochIsRaisedAboveTheDataplanes) {
  start_dataplane();
  {
    dp::manager::test::RawClient before(*dataplane_);
    ASSERT_EQ(before.hello(77).status, code(Status::ok));
  }
  connect();
  EXPECT_EQ(client_.epoch(), common::Epoch{78});
  EXPECT_EQ(heard_.fenced, 0);
}

/// A server that does what the test says with each request.
class Script final : public dp::manager::Handler {
 public:
  HelloReply on_hello(common::Epoch) override {
    HelloReply reply{};
    reply.version = common::channel::kVersion;
    reply.boot_id = 1;
    return reply;
  }
  void on_control_plane(dp::manager::ConnectionId id) override { connection = id; }
  bool on_request(dp::manager::ConnectionId id, const common::channel::Frame& frame) override {
    return !answer || answer(id, frame);
  }
  void on_gone(dp::manager::ConnectionId) override { ++gone; }

  std::function<bool(dp::manager::ConnectionId, const common::channel::Frame&)> answer;
  dp::manager::ConnectionId connection = 0;
  int gone = 0;
};

class Scripted : public testing::Test {
 protected:
  Scripted() {
    auto listening = dp::manager::ChannelServer::listen(directory_.path() / "channel.sock", script_);
    EXPECT_TRUE(listening.has_value());
    server_ = std::move(*listening);
    client_.set_events(listen(heard_));
    client_.start();
    EXPECT_TRUE(until([&] { return client_.ready(); }));
  }
  [[nodiscard]] bool until(const std::function<bool()>& holds) {
    return wait_for(io_, [this] { server_->work(); }, holds);
  }
  void send(const std::function<void(common::channel::Buffer&)>& write) {
    write(*server_->output(script_.connection));
    server_->flush(script_.connection);
  }

  dp::manager::test::Directory directory_;
  boost::asio::io_context io_;
  Script script_;
  std::unique_ptr<dp::manager::ChannelServer> server_;
  Heard heard_;
  ChannelClient client_{io_, directory_.path() / "channel.sock", common::Epoch{5}, kQuick};
};

TEST_F(Scripted, RemovalsAndForgetsAreAskedAgainAfterALoss) {
  int asked = 0;
  int forgotten = 0;
  script_.answer = [&](dp::manager::ConnectionId id, const common::channel::Frame& frame) {
    using common::channel::Type;
    if (frame.type() == Type::forget_sessions) {
      if (++forgotten == 1) return false;  // closes
      common::channel::FrameWriter(*server_->output(id), frame.type(), common::channel::kReply, frame.header.request_id)
          .add(common::channel::SessionStatus{8, 0, 0, 0});
      server_->flush(id);
      return true;
    }
    if (frame.type() != Type::remove_sessions) return true;
    if (++asked == 1) return false;
    common::channel::SessionCounters row{};
    row.session_id = 7;
    row.in_octets = 4711;
    common::channel::FrameWriter(*server_->output(id), frame.type(), common::channel::kReply, frame.header.request_id)
        .add(row);
    server_->flush(id);
    return true;
  };
  std::optional<std::vector<common::channel::SessionCounters>> rows;
  client_.remove({{7, 6, 0, 0}}, [&](auto answer) { rows = std::move(answer); });
  ASSERT_TRUE(until([&] { return rows.has_value(); }));
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(heard_.disconnected, 1);
  EXPECT_EQ(rows->front().in_octets, 4711U);
  client_.forget({SessionId{8}});
  ASSERT_TRUE(until([&] { return forgotten == 2 && client_.ready(); }));
  // Answered now: a further loss does not bring it up again.
  ASSERT_TRUE(until([&, n = 0]() mutable { return ++n > 20; }));
  const auto connected = heard_.connected;
  send([](common::channel::Buffer& out) { out.resize(out.size() + 16, 0xFF); });
  ASSERT_TRUE(until([&] { return heard_.connected == connected + 1; }));
  EXPECT_EQ(forgotten, 2);
}

TEST_F(Scripted, WhatMakesNoSenseEndsTheConnectionAndItComesBack) {
  using common::channel::FrameWriter;
  using common::channel::kReply;
  using common::channel::Type;
  const std::vector<std::function<void(common::channel::Buffer&)>> wrongs = {
      [](auto& out) { out.resize(out.size() + 16, 0xFF); },
      [](auto& out) { FrameWriter(out, Type::put_blob, kReply, 4711).finish(); },  // nobody asked
      [](auto& out) { FrameWriter(out, Type::put_blob, 0, 1).finish(); },          // a request
      [](auto& out) { FrameWriter(out, Type::hello, kReply, 1).finish(); },        // no record
      [](auto& out) { FrameWriter(out, Type::event_peer_moved, 0, 0).add(common::channel::SessionRef{1}); },
      [](auto& out) { FrameWriter(out, Type::event_child_expired, 0, 0).add(common::channel::SessionRef{1}); },
  };
  int connected = heard_.connected;
  for (const auto& wrong : wrongs) {
    send(wrong);
    ASSERT_TRUE(until([&] { return heard_.connected == connected + 1; }));
    ++connected;
  }
  EXPECT_EQ(heard_.disconnected, static_cast<int>(wrongs.size()));
}

TEST_F(Scripted, WrongAnswersAreLosses) {
  using common::channel::FrameWriter;
  // Too few rows, rows of another session, a frame that does not add up.
  const std::vector<std::function<void(FrameWriter&)>> wrongs = {
      [](FrameWriter&) {},
      [](FrameWriter& writer) { writer.add(common::channel::SessionRef{1}); },
      [](FrameWriter& writer) {
        writer.add(common::channel::SessionStatus{1, 0, 0, 0});
        writer.add(common::channel::SessionStatus{1, 0, 0, 0});
      },
  };
  for (const auto& wrong : wrongs) {
    script_.answer = [&](dp::manager::ConnectionId id, const common::channel::Frame& frame) {
      if (frame.type() != common::channel::Type::put_blob) return true;
      FrameWriter writer(*server_->output(id), frame.type(), common::channel::kReply, frame.header.request_id);
      wrong(writer);
      writer.finish();
      server_->flush(id);
      return true;
    };
    ASSERT_TRUE(until([&] { return client_.ready(); }));
    std::optional<LinkResult<Status>> result;
    client_.put_blob(SessionId{1}, {}, [&](LinkResult<Status> answer) { result = answer; });
    ASSERT_TRUE(until([&] { return result.has_value(); }));
    EXPECT_EQ(result->error(), LinkError::disconnected);
  }
}

TEST_F(Scripted, StopAndDestructionInsideACallback) {
  script_.answer = [&](dp::manager::ConnectionId id, const common::channel::Frame& frame) {
    if (frame.type() != common::channel::Type::put_blob) return true;
    common::channel::FrameWriter(*server_->output(id), frame.type(), common::channel::kReply, frame.header.request_id)
        .add(common::channel::SessionStatus{1, 0, 0, 0});
    server_->flush(id);
    return true;
  };
  auto doomed = std::make_unique<ChannelClient>(io_, directory_.path() / "channel.sock", common::Epoch{5}, kQuick);
  doomed->set_events({});
  doomed->start();
  ASSERT_TRUE(until([&] { return doomed->ready(); }));
  bool answered = false;
  doomed->put_blob(SessionId{1}, {}, [&](LinkResult<Status>) {
    answered = true;
    doomed.reset();
  });
  ASSERT_TRUE(until([&] { return answered; }));
  EXPECT_EQ(doomed, nullptr);
  ASSERT_TRUE(until([&, n = 0]() mutable { return ++n > 20; }));
}

}  // namespace
}  // namespace controlplane::dataplane
