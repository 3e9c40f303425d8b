#pragma once
// A manager with tables and a FIB but without ports, threads or EAL, on a socket in a directory of its own. It is
// driven turn by turn from the test's thread. Clocks are set by hand.

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/channel/codec.hpp"
#include "common/channel/convert.hpp"
#include "dataplane/manager/manager.hpp"

namespace dataplane::manager::test {

using namespace common::channel;

inline constexpr std::uint32_t kPoolFirst = 0x0A090000;  // 10.9.0.0/24

inline config::Config make_config(const std::filesystem::path& directory, std::uint32_t sessions) {
  config::Config config;
  config.gateway.run_dir = directory;
  config.dataplane.sessions = sessions;
  config::Pool pool;
  pool.name = "users";
  pool.first = common::IpAddress::v4(kPoolFirst);
  pool.last = common::IpAddress::v4(kPoolFirst + 255);
  config.pools.push_back(std::move(pool));
  return config;
}

class Directory {
 public:
  Directory() {
    char name[] = "/tmp/portcullis-channel-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The dataplane's side. `workers` of them are only names with a queue of events.
struct Dataplane {
  explicit Dataplane(const std::filesystem::path& run_dir, std::uint32_t sessions = 64, std::size_t workers = 0)
      : config(make_config(run_dir, sessions)),
        readers(2),
        reclaimer(readers.get()),
        tables({.sessions = sessions, .workers = 1, .pools = {{kPoolFirst, kPoolFirst + 255}}}),
        fib([this](auto work) { reclaimer.defer(std::move(work)); }),
        pools(config.pools),
        events(1024) {
    (void)rte_rcu_qsbr_thread_register(readers.get(), 0);
    Environment environment;
    environment.config = &config;
    environment.tables = &tables;
    environment.reclaimer = &reclaimer;
    environment.readers = readers.get();
    environment.fib = &fib;
    environment.pools = &pools;
    for (std::size_t i = 0; i < workers; ++i) environment.workers.push_back({&events, &statistics});
    environment.clock = &clock;
    environment.on_silent_worker = [this](std::size_t worker) { silent = worker; };
    auto created = Manager::create(std::move(environment));
    if (!created) ADD_FAILURE() << created.error();
    manager = std::move(created.value());
  }
  void turns(int count = 4) {
    for (int i = 0; i < count; ++i) manager->turn(0);
  }

  config::Config config;
  common::ManualClock clock;
  sa::Readers readers;
  sa::Reclaimer reclaimer;
  sa::Tables tables;
  route::Fib fib;
  route::Pools pools;
  sa::EventQueue events;
  worker::Statistics statistics;
  std::optional<std::size_t> silent;
  std::unique_ptr<Manager> manager;
};

/// A good InstallSession, for a pool address; tests spoil one field each.
inline InstallSession install_record(std::uint64_t id, std::uint32_t spi) {
  InstallSession session{};
  session.session_id = id;
  session.local = to_wire(common::Endpoint{common::IpAddress::v4(0xC0000201), 4500});
  session.remote = to_wire(common::Endpoint{common::IpAddress::v4(0xC6336407), 61000});
  session.flags = kSessionNat;
  session.inner_v4 = to_wire(common::IpAddress::v4(kPoolFirst + static_cast<std::uint32_t>(id)));
  WireChild& child = session.child;
  child.inbound_spi = spi;
  child.outbound_spi = 0xC0DE0000U + static_cast<std::uint32_t>(id);
  child.key_id = id;
  child.suite = static_cast<std::uint16_t>(common::Suite::aes_gcm_16_128);
  child.flags = kChildEsn | kChildUdpEncap;
  child.replay_window = 128;
  for (std::size_t i = 0; i < 20; ++i)
    child.inbound.encryption[i] = child.outbound.encryption[i] = static_cast<std::uint8_t>(i + 1);
  child.local_selectors = 1;
  child.local[0] = {to_wire(common::IpAddress::v4(0)), to_wire(common::IpAddress::v4(0xFFFFFFFF)), 0, 0xFFFF, 0, {}};
  child.remote_selectors = 1;
  child.remote[0] = {session.inner_v4, session.inner_v4, 0, 0xFFFF, 0, {}};
  return session;
}

/// A raw client: writes octets, reads frames. The dataplane takes a turn whenever something is waited for.
class RawClient {
 public:
  explicit RawClient(Dataplane& dataplane)
      : dataplane_(dataplane), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, dataplane.config.gateway.channel_socket().c_str());
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << std::strerror(errno);
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  void write(common::ByteView octets) {
    ASSERT_EQ(::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL), static_cast<ssize_t>(octets.size()));
  }
  template <class R>
  void send(Type type, const std::vector<R>& records, common::ByteView blob = {}) {
    Buffer out;
    {
      FrameWriter writer(out, type, 0, ++id_, kMaxFrameOctets);
      for (const R& record : records) {
        if constexpr (WithBlob<R>)
          writer.add(record, blob);
        else
          writer.add(record);
      }
    }
    write(out);
  }
  void send_empty(Type type) { send<SessionRef>(type, {}); }

  /// The next frame, or nullopt: the other end closed (`closed` is true then), or nothing came.
  std::optional<Frame> frame() {
    for (int i = 0; i < 50; ++i) {
      const auto next = in_.next();
      if (!next) return std::nullopt;
      if (*next) return **next;
      dataplane_.turns(1);
      const auto room = in_.space(1U << 20U);
      const ssize_t octets = ::recv(fd_, room.data(), room.size(), 0);
      if (octets == 0 || (octets < 0 && errno == ECONNRESET)) {
        closed = true;
        return std::nullopt;
      }
      if (octets > 0) in_.commit(static_cast<std::size_t>(octets));
    }
    return std::nullopt;
  }
  /// Records of the reply to the last request, whatever number of frames it came in; events before it are kept.
  template <class R>
  std::vector<R> reply() {
    std::vector<R> rows;
    while (const auto next = frame()) {
      if (!next->is_reply()) {
        events.push_back(next->type());
        continue;
      }
      EXPECT_EQ(next->header.request_id, id_);
      auto records = Records<R>::read(*next);
      EXPECT_TRUE(records.has_value());
      while (const auto record = records->next()) rows.push_back(record->fixed);
      if (!next->has_more()) return rows;
    }
    ADD_FAILURE() << "no reply";
    return rows;
  }
  template <class R>
  Status status_of(Type type, const R& record, common::ByteView blob = {}) {
    send<R>(type, {record}, blob);
    const auto rows = reply<SessionStatus>();
    EXPECT_EQ(rows.size(), 1U);
    return rows.empty() ? Status::invalid : static_cast<Status>(rows[0].status);
  }
  HelloReply hello(std::uint32_t epoch, std::uint32_t version = kVersion) {
    send<Hello>(Type::hello, {{version, epoch}});
    const auto rows = reply<HelloReply>();
    return rows.empty() ? HelloReply{} : rows[0];
  }
  std::uint32_t spi() {
    send<ReserveSpis>(Type::reserve_spis, {{1, 0}});
    const auto rows = reply<ReservedSpi>();
    return rows.empty() ? 0 : rows[0].spi;
  }
  Status install(std::uint64_t id, common::ByteView blob = {}) {
    return status_of(Type::install_session, install_record(id, spi()), blob);
  }
  /// Nothing is left to be read, and the other end has closed.
  bool is_closed() {
    while (!closed && frame()) {
    }
    return closed;
  }

  bool closed = false;
  std::vector<Type> events;

 private:
  Dataplane& dataplane_;
  int fd_;
  std::uint32_t id_ = 0;
  FrameReader in_;
};

}  // namespace dataplane::manager::test
