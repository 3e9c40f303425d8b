// Datagram sockets on loopback: both families, batches, the address of arrival, errors of ICMP, life and death.

#include "controlplane/net/datagram_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/cp_net/loop.hpp"

namespace controlplane::net {
namespace {

[[nodiscard]] common::IpAddress ip(std::string_view text) { return common::IpAddress::parse(text).value(); }

[[nodiscard]] std::unique_ptr<DatagramSocket> open(boost::asio::io_context& io, std::string_view address,
                                                   SocketOptions options = {}) {
  options.bind = {ip(address), options.bind.port};
  auto socket = DatagramSocket::open(io, options);
  EXPECT_TRUE(socket.has_value()) << (socket ? "" : socket.error().what);
  return socket ? std::move(*socket) : nullptr;
}

/// What a handler saw, with octets of its own.
struct Seen {
  common::Endpoint local;
  common::Endpoint remote;
  std::string text;
  bool truncated = false;
};

[[nodiscard]] DatagramSocket::Handler collect(std::vector<Seen>& into) {
  return [&into](std::span<const Datagram> batch) {
    for (const Datagram& datagram : batch)
      into.push_back(
          {datagram.local, datagram.remote, std::string(common::as_text(datagram.bytes)), datagram.truncated});
  };
}

class Families : public testing::TestWithParam<std::array<const char*, 2>> {};  // {any, loopback}

TEST_P(Families, AnswersFromTheAddressOfArrival) {
  boost::asio::io_context io;
  const auto server = open(io, GetParam()[0]);
  const auto client = open(io, GetParam()[1]);
  ASSERT_TRUE(server && client);
  std::vector<Seen> answers;
  server->start([&](std::span<const Datagram> batch) {
    for (const Datagram& question : batch) {
      EXPECT_EQ(question.local, (common::Endpoint{ip(GetParam()[1]), server->local().port}));
      EXPECT_NE(question.interface, 0U);
      server->send(answer(question, question.bytes));
    }
  });
  client->start(collect(answers));
  client->send({{}, {ip(GetParam()[1]), server->local().port}, common::as_bytes("hello"), 0});
  ASSERT_TRUE(run_until(io, [&] { return answers.size() == 1; }));
  EXPECT_EQ(answers[0].remote, (common::Endpoint{ip(GetParam()[1]), server->local().port}));
  EXPECT_EQ(answers[0].text, "hello");
  EXPECT_EQ(server->counters().sent, 1U);
  EXPECT_EQ(server->counters().received_octets, 5U);
}
INSTANTIATE_TEST_SUITE_P(DatagramSocket, Families,
                         testing::Values(std::array{"0.0.0.0", "127.0.0.1"}, std::array{"::", "::1"}),
                         [](const auto& which) { return which.index == 0 ? "v4" : "v6"; });

TEST(DatagramSocket, ChoosesAmongItsAddresses) {
  boost::asio::io_context io;
  const auto server = open(io, "0.0.0.0");
  const auto client = open(io, "127.0.0.1");
  ASSERT_TRUE(server && client);
  std::vector<Seen> answers;
  server->start([&](std::span<const Datagram> batch) { server->send(answer(batch[0], batch[0].bytes)); });
  client->start(collect(answers));
  // The route alone would answer from 127.0.0.1.
  client->send({{}, {ip("127.0.0.77"), server->local().port}, common::as_bytes("x"), 0});
  ASSERT_TRUE(run_until(io, [&] { return answers.size() == 1; }));
  EXPECT_EQ(answers[0].remote.address, ip("127.0.0.77"));
}

TEST(DatagramSocket, ReadsAStormInFullBatchesAndKeepsItsOrder) {
  boost::asio::io_context io;
  const auto server = open(io, "127.0.0.1");
  const auto client = open(io, "127.0.0.1");
  ASSERT_TRUE(server && client);
  std::vector<std::string> texts;
  for (int i = 0; i < 1500; ++i) texts.push_back(std::to_string(i));
  std::vector<OutDatagram> out;
  for (const std::string& text : texts) out.push_back({{}, server->local(), common::as_bytes(text), 0});
  client->send(out);
  std::vector<Seen> seen;
  server->start(collect(seen));
  ASSERT_TRUE(run_until(io, [&] { return seen.size() == texts.size(); })) << seen.size();
  for (std::size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(seen[i].text, texts[i]);
  EXPECT_EQ(server->counters().receive_calls, (1500 + 63) / 64);
  EXPECT_EQ(server->counters().kernel_drops, 0U);
}

TEST(DatagramSocket, SaysWhereADatagramWasCutAndWhatTheKernelLost) {
  boost::asio::io_context io;
  SocketOptions small;
  small.max_datagram = 8;
  small.receive_buffer = 2304;  // the kernel's minimum: a few datagrams
  const auto server = open(io, "127.0.0.1", small);
  const auto client = open(io, "127.0.0.1");
  ASSERT_TRUE(server && client);
  std::vector<Seen> seen;
  server->start(collect(seen));
  client->send({{}, server->local(), common::as_bytes("12345678"), 0});
  client->send({{}, server->local(), common::as_bytes("123456789"), 0});
  ASSERT_TRUE(run_until(io, [&] { return seen.size() == 2; }));
  EXPECT_FALSE(seen[0].truncated);
  EXPECT_TRUE(seen[1].truncated);
  EXPECT_EQ(seen[1].text, "12345678");
  EXPECT_EQ(server->counters().truncated, 1U);
  for (int i = 0; i < 200; ++i) client->send({{}, server->local(), common::as_bytes("flood"), 0});
  ASSERT_TRUE(run_until(io, [&] { return seen.size() > 2; }));
  client->send({{}, server->local(), common::as_bytes("last"), 0});  // brings the total along
  ASSERT_TRUE(run_until(io, [&] { return seen.back().text == "last"; }));
  EXPECT_EQ(server->counters().kernel_drops, 203 - seen.size());
}

TEST(DatagramSocket, WaitsWhilePaused) {
  boost::asio::io_context io;
  const auto server = open(io, "127.0.0.1");
  const auto client = open(io, "127.0.0.1");
  ASSERT_TRUE(server && client);
  std::vector<Seen> seen;
  server->start(collect(seen));
  server->pause();
  EXPECT_FALSE(server->reading());
  client->send({{}, server->local(), common::as_bytes("early"), 0});
  EXPECT_FALSE(run_until(io, [&] { return !seen.empty(); }, std::chrono::milliseconds(60)));
  server->resume();
  ASSERT_TRUE(run_until(io, [&] { return seen.size() == 1; }));
  server->resume();  // harmless twice
  client->send({{}, server->local(), common::as_bytes("late"), 0});
  ASSERT_TRUE(run_until(io, [&] { return seen.size() == 2; }));
}

TEST(DatagramSocket, CountsARefusalAndGoesOn) {
  boost::asio::io_context io;
  auto nobody = open(io, "127.0.0.1");
  ASSERT_TRUE(nobody);
  SocketOptions to_nobody;
  to_nobody.connect = nobody->local();
  const std::uint16_t port = nobody->local().port;
  nobody.reset();
  const auto client = open(io, "127.0.0.1", to_nobody);
  ASSERT_TRUE(client);
  std::vector<Seen> seen;
  client->start(collect(seen));
  client->send({{}, {}, common::as_bytes("anybody?"), 0});
  ASSERT_TRUE(run_until(io, [&] { return client->counters().refused >= 1; }));
  SocketOptions same_port;
  same_port.bind.port = port;
  const auto somebody = open(io, "127.0.0.1", same_port);
  ASSERT_TRUE(somebody);
  std::vector<Seen> heard;
  somebody->start(collect(heard));
  client->send({{}, {}, common::as_bytes("again"), 0});
  ASSERT_TRUE(run_until(io, [&] { return heard.size() == 1; }));
  EXPECT_EQ(client->counters().receive_errors, 0U);
}

TEST(DatagramSocket, SkipsWhatCannotBeSent) {
  boost::asio::io_context io;
  const auto server = open(io, "127.0.0.1");
  const auto client = open(io, "127.0.0.1");
  ASSERT_TRUE(server && client);
  std::vector<Seen> seen;
  server->start(collect(seen));
  const common::Bytes huge(70'000);
  const std::array out{OutDatagram{{}, server->local(), common::as_bytes("one"), 0},
                       OutDatagram{{}, server->local(), huge, 0},                                     // EMSGSIZE
                       OutDatagram{{ip("192.0.2.9"), 0}, server->local(), common::as_bytes("x"), 0},  // not ours
                       OutDatagram{{}, server->local(), common::as_bytes("two"), 0}};
  client->send(out);
  ASSERT_TRUE(run_until(io, [&] { return seen.size() == 2; }));
  EXPECT_EQ(seen[1].text, "two");
  EXPECT_EQ(client->counters().sent, 2U);
  EXPECT_EQ(client->counters().send_errors + client->counters().unreachable, 2U);
  EXPECT_EQ(client->send_backlog(), 0U);
}

TEST(DatagramSocket, RefusesASecondOwnerOfThePortUnlessAsked) {
  boost::asio::io_context io;
  SocketOptions shared;
  shared.reuse_address = true;
  const auto first = open(io, "127.0.0.1", shared);
  ASSERT_TRUE(first);
  SocketOptions second;
  second.bind = first->local();
  const auto refused = DatagramSocket::open(io, second);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, EADDRINUSE);
  EXPECT_NE(refused.error().what.find("bind 127.0.0.1:"), std::string::npos);
  second.reuse_address = true;
  EXPECT_TRUE(DatagramSocket::open(io, second).has_value());
}

TEST(DatagramSocket, NamesTheDeviceItCannotBind) {
  boost::asio::io_context io;
  SocketOptions options;
  options.bind.address = ip("0.0.0.0");
  options.device = "no-such-vrf";
  const auto socket = DatagramSocket::open(io, options);
  ASSERT_FALSE(socket.has_value());
  EXPECT_NE(socket.error().what.find("no-such-vrf"), std::string::npos);
}

TEST(DatagramSocket, HearsOnlyItsDevice) {
  boost::asio::io_context io;
  SocketOptions options;
  options.device = "lo";
  options.bind.address = ip("0.0.0.0");
  auto bound = DatagramSocket::open(io, options);
  if (!bound) GTEST_SKIP() << bound.error().what;
  const auto client = open(io, "127.0.0.1");
  std::vector<Seen> seen;
  (*bound)->start(collect(seen));
  client->send({{}, {ip("127.0.0.5"), (*bound)->local().port}, common::as_bytes("x"), 0});
  EXPECT_TRUE(run_until(io, [&] { return seen.size() == 1; }));
}

TEST(DatagramSocket, HandlerMayDestroyItsSocket) {
  boost::asio::io_context io;
  auto server = open(io, "127.0.0.1");
  const auto client = open(io, "127.0.0.1");
  ASSERT_TRUE(server && client);
  for (int i = 0; i < 130; ++i) client->send({{}, server->local(), common::as_bytes("x"), 0});
  int calls = 0;
  server->start([&](std::span<const Datagram>) {
    ++calls;
    server.reset();
  });
  ASSERT_TRUE(run_until(io, [&] { return server == nullptr; }));
  io.restart();
  io.run_for(std::chrono::milliseconds(10));
  EXPECT_EQ(calls, 1);
}

TEST(DatagramSocket, IsSilentAfterClose) {
  boost::asio::io_context io;
  const auto server = open(io, "127.0.0.1");
  const auto client = open(io, "127.0.0.1");
  ASSERT_TRUE(server && client);
  bool called = false;
  server->start([&](std::span<const Datagram>) { called = true; });
  client->send({{}, server->local(), common::as_bytes("x"), 0});
  server->close();
  server->close();
  server->resume();
  server->send({{}, client->local(), common::as_bytes("x"), 0});
  io.run();
  EXPECT_FALSE(called);
  EXPECT_EQ(server->counters().sent, 0U);
}

TEST(BestLocalAddress, IsTheRoutesChoice) {
  EXPECT_EQ(best_local_address(ip("127.0.0.1")), ip("127.0.0.1"));
  EXPECT_EQ(best_local_address(ip("::1")), ip("::1"));
  EXPECT_FALSE(best_local_address(ip("127.0.0.1"), "no-such-vrf").has_value());
}

}  // namespace
}  // namespace controlplane::net
