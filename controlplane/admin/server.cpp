// HTTP with Boost.Beast over the two kinds of socket. One coroutine accepts, one serves a connection.

#include "controlplane/admin/server.hpp"

#include <algorithm>
#include <chrono>
#include <grp.h>
#include <stdexcept>
#include <unistd.h>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace controlplane::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Local = asio::local::stream_protocol;
using Tcp = asio::ip::tcp;
using HttpRequest = http::request<http::string_body>;
using HttpResponse = http::response<http::string_body>;

constexpr std::uint64_t kMaxRequestOctets = 16'384;
constexpr std::size_t kMaxConnections = 64;
/// With a dataplane that stands still the metrics are wanted most: a scrape waits 10 s where it is not told otherwise.
constexpr std::chrono::seconds kScrapePatience{3};
constexpr std::chrono::seconds kPatience{30};  ///< a connection that says nothing for so long is closed

enum class Access : std::uint8_t { none, metrics, read, write };

[[nodiscard]] std::optional<gid_t> group_id(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const ::group* entry = ::getgrnam(name.c_str());
  if (entry == nullptr) throw std::runtime_error(fmt::format("[admin]: group '{}' does not exist", name));
  return entry->gr_gid;
}

/// The groups of the process at the other end, its primary one first.
[[nodiscard]] std::vector<gid_t> peer_groups(int socket, gid_t primary) {
  std::vector<gid_t> groups(65'536 / sizeof(gid_t));
  socklen_t octets = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &octets) != 0) octets = 0;
  groups.resize(octets / sizeof(gid_t));
  groups.insert(groups.begin(), primary);
  return groups;
}

/// Splits "/v1/show/aaa/user/bob%20b" into words; nullopt for what is no such path.
[[nodiscard]] std::optional<std::vector<std::string>> path_words(std::string_view target) {
  static constexpr std::string_view kRoot = "/v1/";
  if (!target.starts_with(kRoot)) return std::nullopt;
  std::vector<std::string> words(1);
  for (std::size_t i = kRoot.size(); i < target.size(); ++i) {
    if (target[i] == '/') {
      words.emplace_back();
    } else if (target[i] == '%') {
      unsigned octet = 0;
      if (i + 2 >= target.size() || std::sscanf(std::string(target.substr(i + 1, 2)).c_str(), "%2x", &octet) != 1)
        return std::nullopt;
      words.back().push_back(static_cast<char>(octet));
      i += 2;
    } else {
      words.back().push_back(target[i]);
    }
  }
  return words;
}

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(asio::io_context& io_context, std::filesystem::path path, const config::Admin& admin, Sources from)
      : io(io_context),
        socket_path(std::move(path)),
        sources(std::move(from)),
        local(io_context),
        tcp(io_context),
        read_group(group_id(admin.read_group)),
        write_group(group_id(admin.write_group)) {
    listen_local();
    if (admin.metrics_port != 0) listen_tcp(admin);
  }

  void listen_local() {
    ::unlink(socket_path.c_str());
    const Local::endpoint endpoint(socket_path.string());
    local.open();
    local.bind(endpoint);
    // Everybody may connect; who may ask is decided by the credentials that the kernel tells of the caller.
    ::chmod(socket_path.c_str(), 0666);
    local.listen(16);
  }
  void listen_tcp(const config::Admin& admin) {
    const Tcp::endpoint endpoint(asio::ip::make_address(admin.metrics_address), admin.metrics_port);
    tcp.open(endpoint.protocol());
    tcp.set_option(Tcp::acceptor::reuse_address(true));
    tcp.bind(endpoint);
    tcp.listen(16);
  }

  [[nodiscard]] Access access_of(int socket) const {
    ::ucred peer{};
    socklen_t octets = sizeof(peer);
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &octets) != 0) return Access::none;
    if (peer.uid == 0 || peer.uid == ::geteuid()) return Access::write;
    const std::vector<gid_t> groups = peer_groups(socket, peer.gid);
    const auto member = [&](const std::optional<gid_t>& group) {
      return group && std::ranges::find(groups, *group) != groups.end();
    };
    if (member(write_group)) return Access::write;
    return member(read_group) ? Access::read : Access::none;
  }

  [[nodiscard]] asio::awaitable<Reply> answer(const HttpRequest& request, Access access);

  template <class Stream>
  asio::awaitable<void> serve(std::shared_ptr<State> self, Stream stream, Access access);
  asio::awaitable<void> accept_local(std::shared_ptr<State> self);
  asio::awaitable<void> accept_tcp(std::shared_ptr<State> self);

  asio::io_context& io;
  std::filesystem::path socket_path;
  Sources sources;
  Local::acceptor local;
  Tcp::acceptor tcp;
  std::optional<gid_t> read_group;
  std::optional<gid_t> write_group;
  std::size_t connections = 0;
};

/// Turns the callback of `handle` into something to wait for.
asio::awaitable<Reply> Server::State::answer(const HttpRequest& request, Access access) {
  Request call{
      std::string(request.method_string()), {}, request[http::field::accept] != "text/plain", access == Access::write};
  const std::string_view target(request.target().data(), request.target().size());
  const bool metrics = call.method == "GET" && target == "/metrics";
  if (access == Access::none || (access == Access::metrics && !metrics))
    co_return Reply{403, "application/json", "{\"error\":\"this account may not ask (admin.read-group)\"}\n"};
  const auto words = path_words(target);
  if (!metrics && !words) co_return Reply{404, "application/json", "{\"error\":\"no such page\"}\n"};
  if (words) call.words = *words;

  struct Waiting {
    explicit Waiting(asio::io_context& context) : timer(context, asio::steady_timer::time_point::max()) {}
    asio::steady_timer timer;
    std::optional<Reply> reply;
  };
  const auto waiting = std::make_shared<Waiting>(io);
  const auto done = [waiting](Reply reply) {
    waiting->reply = std::move(reply);
    waiting->timer.cancel();
  };
  std::move_only_function<void()> give_up;
  if (metrics) {
    give_up = collect_metrics(sources,
                              [done](std::string text) { done({200, "text/plain; version=0.0.4", std::move(text)}); });
  } else {
    handle(sources, call, done);
  }
  if (!waiting->reply) {
    waiting->timer.expires_after(metrics ? kScrapePatience : kPatience);
    boost::system::error_code ignored;
    co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (!waiting->reply && give_up) give_up();
  if (!waiting->reply) co_return Reply{504, "application/json", "{\"error\":\"no answer in time\"}\n"};
  co_return std::move(*waiting->reply);
}

template <class Stream>
asio::awaitable<void> Server::State::serve([[maybe_unused]] std::shared_ptr<State> self, Stream stream, Access access) {
  ++connections;
  beast::flat_buffer buffer;
  boost::system::error_code error;
  bool open = true;
  while (open) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxRequestOctets);
    stream.expires_after(kPatience);
    co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    stream.expires_never();
    const HttpRequest request = parser.release();
    Reply reply = co_await answer(request, access);
    HttpResponse response{static_cast<http::status>(reply.status), request.version()};
    response.set(http::field::content_type, reply.content_type);
    response.keep_alive(request.keep_alive());
    response.body() = std::move(reply.body);
    response.prepare_payload();
    open = response.keep_alive();
    stream.expires_after(kPatience);
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
  }
  --connections;
}

asio::awaitable<void> Server::State::accept_local(std::shared_ptr<State> self) {
  boost::system::error_code error;
  while (local.is_open()) {
    Local::socket socket(io);
    co_await local.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error || connections >= kMaxConnections) continue;
    const Access access = access_of(socket.native_handle());
    asio::co_spawn(io, serve(self, beast::basic_stream<Local, asio::any_io_executor>(std::move(socket)), access),
                   asio::detached);
  }
}

asio::awaitable<void> Server::State::accept_tcp(std::shared_ptr<State> self) {
  boost::system::error_code error;
  while (tcp.is_open()) {
    Tcp::socket socket(io);
    co_await tcp.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error || connections >= kMaxConnections) continue;
    asio::co_spawn(io, serve(self, beast::tcp_stream(std::move(socket)), Access::metrics), asio::detached);
  }
}

Server::Server(asio::io_context& io, const std::filesystem::path& socket, const config::Admin& admin, Sources sources)
    : state_(std::make_shared<State>(io, socket, admin, std::move(sources))) {
  asio::co_spawn(io, state_->accept_local(state_), asio::detached);
  if (state_->tcp.is_open()) asio::co_spawn(io, state_->accept_tcp(state_), asio::detached);
}

Server::~Server() {
  state_->local.close();
  state_->tcp.close();
  ::unlink(state_->socket_path.c_str());
}

}  // namespace controlplane::admin
