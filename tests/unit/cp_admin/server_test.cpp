// A real server on a real Unix socket, asked by a plain socket in another thread.

#include "controlplane/admin/server.hpp"

#include <thread>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/cp_admin/fakes.hpp"

namespace controlplane::admin {
namespace {

/// Sends octets, closes the sending side, reads to the end.
[[nodiscard]] std::string talk(const std::string& path, const std::string& out) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ::sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (::connect(fd, reinterpret_cast<::sockaddr*>(&address), sizeof(address)) != 0) return "no connection";
  (void)!::write(fd, out.data(), out.size());
  ::shutdown(fd, SHUT_WR);
  std::string in;
  char part[4096];
  for (ssize_t n = ::read(fd, part, sizeof(part)); n > 0; n = ::read(fd, part, sizeof(part)))
    in.append(part, static_cast<std::size_t>(n));
  ::close(fd);
  return in;
}

class AdminServer : public testing::Test {
 protected:
  std::string ask(const std::string& octets) {
    std::string got;
    std::jthread client([&] {
      got = talk(path, octets);
      boost::asio::post(io, [this] { io.stop(); });
    });
    io.run();
    io.restart();
    client.join();
    return got;
  }
  std::string get(const std::string& target) {
    return ask("GET " + target + " HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\nConnection: close\r\n\r\n");
  }

  std::string path = "/tmp/portcullis-admin-" + std::to_string(::getpid()) + ".sock";
  boost::asio::io_context io;
  FakeSessions sessions;
  std::unique_ptr<Server> server;

  void SetUp() override {
    sessions.sessions = {documents_session()};
    server = std::make_unique<Server>(io, path, config::Admin{}, sources_of(sessions));
  }
  void TearDown() override {
    server.reset();
    io.poll();
  }
};

TEST_F(AdminServer, AnswersTextAndMetrics) {
  const std::string text = get("/v1/show/aaa/sessions");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK")) << text;
  EXPECT_NE(text.find("User Name: pskuser2.g1.engdt.com"), std::string::npos);
  EXPECT_NE(get("/metrics").find("portcullis_sessions_begun_total 32"), std::string::npos);
}

TEST_F(AdminServer, DecodesWords) {
  sessions.sessions[0].user_name = "bob b";
  EXPECT_NE(ask("POST /v1/clear/crypto/session/user/bob%20b HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .find("cleared"),
            std::string::npos);
  EXPECT_EQ(sessions.revoked.size(), 1U);
}

TEST_F(AdminServer, SurvivesGarbage) {
  for (const std::string& octets : {std::string("\x00\xff\x13garbage\r\n\r\n", 14), std::string("GET"), std::string(),
                                    "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n",
                                    std::string("GET /v1/%zz HTTP/1.1\r\nConnection: close\r\n\r\n"),
                                    std::string("POST /v1/x HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n")})
    (void)ask(octets);
  EXPECT_TRUE(get("/v1/show/aaa/sessions").starts_with("HTTP/1.1 200")) << "still there";
  EXPECT_TRUE(get("/elsewhere").starts_with("HTTP/1.1 404"));
}

TEST_F(AdminServer, RemovesItsSocket) {
  server.reset();
  io.poll();
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace controlplane::admin
