// portcullisctl: the operator's words, sent as they are to the control plane's Unix socket.

#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr const char* kHelp = R"(commands:
  show aaa sessions                      every session
  show aaa user {UNIQUE-ID | all}        all that is known of one
  show crypto ikev2 sa [detail]
  show crypto ipsec sa
  show dataplane {counters | ports | workers}
  show debug
  clear crypto session {UNIQUE-ID | user NAME | all}
  debug {radius | aaa pod | crypto ikev2}
  undebug {radius | aaa pod | crypto ikev2 | all}
  metrics)";

/// Percent-encodes what a path segment may not hold (RFC 3986 §3.3).
[[nodiscard]] std::string segment(const std::string& word) {
  static constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~@:";
  std::string out;
  for (const char c : word)
    out += kPlain.contains(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

[[nodiscard]] http::response<http::string_body> ask(const std::string& socket, const std::vector<std::string>& words,
                                                    bool json) {
  std::string target = "/v1";
  for (const std::string& word : words) target += "/" + segment(word);
  if (words.front() == "metrics") target = "/metrics";
  const bool reads = words.front() == "show" || words.front() == "metrics";
  http::request<http::empty_body> request{reads ? http::verb::get : http::verb::post, target, 11};
  request.set(http::field::host, "portcullis");
  request.set(http::field::accept, json ? "application/json" : "text/plain");
  request.prepare_payload();

  asio::io_context io;
  asio::local::stream_protocol::socket stream(io);
  stream.connect(asio::local::stream_protocol::endpoint(socket));
  http::write(stream, request);
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(boost::none);
  http::read(stream, buffer, parser);
  return parser.release();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Talks to a running portcullis-controlplane."};
  std::string socket = "/run/portcullis/admin.sock";
  bool json = false;
  std::vector<std::string> words;
  app.add_option("--socket", socket, "the control plane's admin socket")->capture_default_str();
  app.add_flag("--json", json, "print JSON instead of text");
  app.add_option("command", words, "the command's words")->required();
  app.footer(kHelp);
  CLI11_PARSE(app, argc, argv);
  try {
    const auto response = ask(socket, words, json);
    const bool ok = response.result() == http::status::ok;
    std::fputs(response.body().c_str(), ok ? stdout : stderr);
    return ok ? 0 : 1;
  } catch (const boost::system::system_error& error) {
    fmt::print(stderr, "portcullisctl: {}: {} (is portcullis-controlplane running, and may this account ask?)\n",
               socket, error.code().message());
    return 2;
  }
}
