// The dataplane's end of the channel, spoken to octet by octet over its real socket.

#include <sys/stat.h>
#include <sys/wait.h>

#include "harness.hpp"

namespace dataplane::manager::test {
namespace {

constexpr auto code(Status status) { return static_cast<std::uint16_t>(status); }

class Channel : public testing::Test {
 protected:
  Directory directory_;
  Dataplane dataplane_{directory_.path()};
};

TEST_F(Channel, SocketIsForItsOwnerOnly) {
  struct stat facts{};
  ASSERT_EQ(::stat(dataplane_.config.gateway.channel_socket().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(Channel, HelloSaysWhatIsThere) {
  RawClient client(dataplane_);
  const HelloReply first = client.hello(5);
  EXPECT_EQ(first.status, code(Status::ok));
  EXPECT_EQ(first.version, kVersion);
  EXPECT_EQ(first.epoch, 0U);
  EXPECT_EQ(first.capacity, 64U);
  EXPECT_NE(first.boot_id, 0U);
  ASSERT_EQ(client.install(9), Status::ok);
  RawClient next(dataplane_);
  const HelloReply second = next.hello(6);
  EXPECT_EQ(second.epoch, 5U);
  EXPECT_EQ(second.sessions, 1U);
  EXPECT_EQ(second.max_session_id, 9U);
  EXPECT_EQ(second.boot_id, first.boot_id);
}

TEST_F(Channel, AnotherVersionIsToldAndClosed) {
  RawClient client(dataplane_);
  EXPECT_EQ(client.hello(5, kVersion + 1).status, code(Status::wrong_version));
  EXPECT_TRUE(client.is_closed());
}

TEST_F(Channel, FirstWordMustBeHello) {
  RawClient client(dataplane_);
  client.send_empty(Type::list_sessions);
  EXPECT_TRUE(client.is_closed());
}

TEST_F(Channel, GarbageClosesOnlyItsOwnConnection) {
  RawClient good(dataplane_);
  ASSERT_EQ(good.hello(5).status, code(Status::ok));
  for (const std::string_view garbage :
       {"GET / HTTP/1.1\r\n\r\n", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"}) {
    RawClient bad(dataplane_);
    bad.write(common::as_bytes(garbage));
    EXPECT_TRUE(bad.is_closed());
  }
  EXPECT_NE(good.spi(), 0U);
}

TEST_F(Channel, RequestsThatMakeNoSenseCloseTheConnection) {
  const auto closes = [&](auto spoil) {
    RawClient client(dataplane_);
    EXPECT_EQ(client.hello(5).status, code(Status::ok));
    spoil(client);
    return client.is_closed();
  };
  EXPECT_TRUE(closes([](RawClient& client) { client.send<Hello>(Type::hello, {{kVersion, 5}}); }));
  EXPECT_TRUE(closes([](RawClient& client) { client.send<SessionEvent>(Type::event_idle_expired, {{1}}); }));
  EXPECT_TRUE(closes([](RawClient& client) { client.send<SessionRef>(Type::remove_sessions, {{1}}); }));
  EXPECT_TRUE(closes([](RawClient& client) { client.send<SessionRef>(Type::list_sessions, {{1}}); }));
  EXPECT_TRUE(closes([](RawClient& client) { client.send<SessionRef>(Type::read_statistics, {{1}}); }));
  EXPECT_TRUE(closes([](RawClient& client) { client.send<ReserveSpis>(Type::reserve_spis, {{1, 0}, {1, 0}}); }));
  for (const Type type : {Type::install_session, Type::rekey_child, Type::delete_child, Type::update_peer,
                          Type::set_policy, Type::put_blob})
    EXPECT_TRUE(closes([&](RawClient& client) { client.send<SessionRef>(type, {{1}}); }));
  EXPECT_FALSE(closes([](RawClient& client) { client.send<SessionRef>(Type::remove_sessions, {}); }))
      << "an empty batch is a batch";
}

TEST_F(Channel, NewestHelloFencesTheOld) {
  RawClient old(dataplane_);
  ASSERT_EQ(old.hello(5).status, code(Status::ok));
  RawClient late(dataplane_);
  EXPECT_EQ(late.hello(4).status, code(Status::fenced));
  EXPECT_TRUE(late.is_closed());
  EXPECT_NE(old.spi(), 0U) << "an older one takes nothing from it";
  RawClient young(dataplane_);
  ASSERT_EQ(young.hello(6).status, code(Status::ok));
  const auto told = old.frame();
  ASSERT_TRUE(told.has_value());
  auto records = Records<HelloReply>::read(*told);
  EXPECT_EQ(records->next()->fixed.status, code(Status::fenced));
  EXPECT_TRUE(old.is_closed());
  RawClient again(dataplane_);
  EXPECT_EQ(again.hello(6).status, code(Status::ok)) << "the same one, after a loss";
}

TEST_F(Channel, LastWordsOfTheOldOneCountBeforeTheHelloOfTheNew) {
  RawClient old(dataplane_);
  ASSERT_EQ(old.hello(5).status, code(Status::ok));
  ASSERT_EQ(old.install(1), Status::ok);
  const std::uint32_t spi = old.spi();
  // The new one is connected first, so that its Hello is ready in the same turn as what the old one still says.
  RawClient young(dataplane_);
  dataplane_.turns();
  young.send<Hello>(Type::hello, {{kVersion, 6}});
  const common::Bytes blob(20'000, 7);
  for (std::uint64_t i = 0; i < 8; ++i) old.send<PutBlob>(Type::put_blob, {{.session_id = 1}}, blob);
  old.send<InstallSession>(Type::install_session, {install_record(2, spi)});
  old.close();
  const auto rows = young.reply<HelloReply>();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].sessions, 2U);
  young.send_empty(Type::list_sessions);
  std::size_t blobs = 0;
  while (const auto frame = young.frame()) {
    auto records = Records<SessionListing>::read(*frame);
    ASSERT_TRUE(records.has_value());
    while (const auto record = records->next()) blobs += record->blob.size();
    if (!frame->has_more()) break;
  }
  EXPECT_EQ(blobs, blob.size());
}

TEST_F(Channel, StrangersAreShutOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const auto socket = dataplane_.config.gateway.channel_socket();
  ASSERT_EQ(::chmod(socket.c_str(), 0666), 0);  // so that only SO_PEERCRED is between them
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Connects, and waits for the end of the stream.
    if (::setuid(65534) != 0) ::_exit(3);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, socket.c_str());
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ::_exit(4);
    char octet = 0;
    ::_exit(::recv(fd, &octet, 1, 0) <= 0 ? 0 : 5);
  }
  int status = -1;
  for (int i = 0; i < 5000 && ::waitpid(child, &status, WNOHANG) == 0; ++i) dataplane_.manager->turn(1);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Channel, SlowReaderDoesNotStopTheLoopAndGetsEverything) {
  RawClient client(dataplane_);
  ASSERT_EQ(client.hello(5).status, code(Status::ok));
  const common::Bytes blob(kMaxBlobOctets, 3);
  for (std::uint64_t id = 1; id <= 60; ++id) ASSERT_EQ(client.install(id, blob), Status::ok);
  // Many answers of 2 MiB that nobody reads for now: the socket is full, and the loop goes on.
  for (int i = 0; i < 20; ++i) client.send_empty(Type::list_sessions);
  dataplane_.turns(50);
  std::size_t lists = 0;
  std::size_t rows = 0;
  for (int tries = 0; lists < 20 && tries < 5000; ++tries) {
    const auto frame = client.frame();
    if (!frame) continue;
    rows += frame->header.count;
    if (!frame->has_more()) ++lists;
  }
  EXPECT_EQ(lists, 20U);
  EXPECT_EQ(rows, 20U * 60U);
}

TEST_F(Channel, StaleSocketIsReplacedAndOurOwnRemoved) {
  const auto socket = dataplane_.config.gateway.channel_socket();
  {
    Directory other;
    {
      std::ignore = std::fclose(std::fopen((other.path() / "channel.sock").c_str(), "w"));
    }
    Dataplane second(other.path());
    RawClient client(second);
    EXPECT_EQ(client.hello(1).status, code(Status::ok));
  }
  dataplane_.manager.reset();
  EXPECT_FALSE(std::filesystem::exists(socket));
}

}  // namespace
}  // namespace dataplane::manager::test
