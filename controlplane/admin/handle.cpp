// From the words of a request to its answer.

#include <algorithm>
#include <charconv>
#include <memory>
#include <ranges>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "controlplane/admin/api.hpp"
#include "controlplane/admin/show.hpp"

namespace controlplane::admin {
namespace {

namespace json = boost::json;
using session::Snapshot;

[[nodiscard]] Reply text(std::string body) { return {200, "text/plain; charset=utf-8", std::move(body)}; }
[[nodiscard]] Reply value(const json::value& body) { return {200, "application/json", json::serialize(body) + "\n"}; }
[[nodiscard]] Reply error(unsigned status, std::string_view what) {
  return {status, "application/json", json::serialize(json::object{{"error", what}}) + "\n"};
}

[[nodiscard]] std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// Whether the words from `at` on are exactly these.
[[nodiscard]] bool are(const Request& request, std::initializer_list<std::string_view> words) {
  return std::ranges::equal(request.words, words);
}
[[nodiscard]] bool start_with(const Request& request, std::initializer_list<std::string_view> words) {
  return request.words.size() > words.size() &&
         std::ranges::equal(request.words | std::views::take(words.size()), words);
}

/// Reads fresh counters, then prints all sessions.
void show_sessions(Sources& sources, bool wants_json, std::function<std::string(const std::vector<Snapshot>&)> print,
                   Answer answer) {
  sources.sessions.refresh_counters(
      {}, [&sources, wants_json, print = std::move(print), answer = std::move(answer)]() mutable {
        const std::vector<Snapshot> sessions = sources.sessions.list();
        answer(wants_json ? value(aaa_sessions_json(sessions, sources.sessions.totals())) : text(print(sessions)));
      });
}

void show_user(Sources& sources, const Request& request, Answer answer) {
  const std::string& which = request.words[3];
  std::vector<common::SessionId> ids;
  if (which == "all") {
    ids = sources.sessions.all();
  } else if (const auto unique_id = number(which)) {
    ids = sources.sessions.find({.unique_id = unique_id});
    if (ids.empty()) return answer(error(404, fmt::format("unique id {} is not in use", which)));
  } else {
    return answer(error(400, fmt::format("'{}': expected a unique id (a number) or all", which)));
  }
  sources.sessions.refresh_counters(
      ids, [&sources, ids, wants_json = request.wants_json, answer = std::move(answer)]() mutable {
        std::string out;
        json::array array;
        for (const common::SessionId id : ids) {
          const auto session = sources.sessions.snapshot(id);
          if (!session) continue;
          const std::string key = sources.session_key ? sources.session_key(session->names.unique_id) : std::string{};
          out += aaa_user_text(*session, key);
          array.push_back(session_json(*session));
        }
        answer(wants_json ? value(json::object{{"users", std::move(array)}}) : text(std::move(out)));
      });
}

void show_dataplane(Sources& sources, const Request& request, Answer answer) {
  const std::string& what = request.words[2];
  if (what != "counters" && what != "ports" && what != "workers")
    return answer(error(404, fmt::format("'{}': expected counters, ports or workers", what)));
  sources.read_statistics([what, wants_json = request.wants_json, answer = std::move(answer)](auto values) mutable {
    if (!values) return answer(error(503, "the dataplane does not answer"));
    answer(wants_json ? value(dataplane_json(*values, what)) : text(dataplane_text(*values, what)));
  });
}

[[nodiscard]] Reply show_debug(Sources& sources, bool wants_json) {
  json::object object;
  std::string out;
  for (const auto& [name, debug] : sources.debug) {
    object[name] = debug.is_on();
    out += fmt::format("debug {:<14} {}\n", name, debug.is_on() ? "on" : "off");
  }
  return wants_json ? value(object) : text(std::move(out));
}

/// `debug WORDS`, `undebug WORDS`, `undebug all`
[[nodiscard]] Reply set_debug(Sources& sources, const Request& request) {
  const bool on = request.words[0] == "debug";
  const std::string name = fmt::format("{}", fmt::join(request.words | std::views::drop(1), " "));
  bool known = false;
  for (auto& [key, debug] : sources.debug) {
    if (key != name && !(name == "all" && !on)) continue;
    debug.set(on);
    known = true;
  }
  if (!known) {
    std::vector<std::string> names;
    for (const auto& [key, debug] : sources.debug) names.push_back(key);
    return error(404, fmt::format("'{}': expected one of {}", name, fmt::join(names, ", ")));
  }
  return show_debug(sources, request.wants_json);
}

void clear_session(Sources& sources, const Request& request, Answer answer) {
  const auto words = request.words | std::views::drop(3);
  std::vector<common::SessionId> ids;
  if (words.size() == 1 && words[0] == "all") {
    ids = sources.sessions.all();
  } else if (words.size() == 2 && words[0] == "user") {
    ids = sources.sessions.find({.user_name = words[1]});
  } else if (words.size() == 1 && number(words[0])) {
    ids = sources.sessions.find({.unique_id = number(words[0])});
  } else {
    return answer(error(400, "expected clear crypto session {UNIQUE-ID | user NAME | all}"));
  }
  if (ids.empty() && words[0] != "all") return answer(error(404, "no matching session"));
  const std::size_t count = ids.size();
  sources.sessions.revoke(
      ids, session::Cause::admin_reset, std::nullopt,
      [count, wants_json = request.wants_json, answer = std::move(answer)](session::Revocation result) mutable {
        if (result == session::Revocation::no_spool)
          return answer(error(503, "the accounting spool takes no writes; nothing was touched"));
        if (result == session::Revocation::not_removed)
          return answer(error(409, "a session had ended already; nothing was touched"));
        answer(wants_json ? value(json::object{{"cleared", count}})
                          : text(fmt::format("{} session{} cleared\n", count, count == 1 ? "" : "s")));
      });
}

void change(Sources& sources, const Request& request, Answer answer) {
  if (!request.may_write)
    return answer(error(403, "this account may look, but not change anything (admin.write-group)"));
  if (start_with(request, {"clear", "crypto", "session"})) return clear_session(sources, request, std::move(answer));
  if (request.words.size() > 1 && (request.words[0] == "debug" || request.words[0] == "undebug"))
    return answer(set_debug(sources, request));
  answer(error(404, "no such command"));
}

void show(Sources& sources, const Request& request, Answer answer) {
  if (are(request, {"show", "aaa", "sessions"}))
    return show_sessions(
        sources, request.wants_json,
        [&sources](const auto& sessions) { return aaa_sessions_text(sessions, sources.sessions.totals()); },
        std::move(answer));
  if (start_with(request, {"show", "aaa", "user"}) && request.words.size() == 4)
    return show_user(sources, request, std::move(answer));
  if (are(request, {"show", "crypto", "ikev2", "sa"}) || are(request, {"show", "crypto", "ikev2", "sa", "detail"}))
    return show_sessions(
        sources, request.wants_json,
        [detail = request.words.size() == 5](const auto& sessions) { return ikev2_sa_text(sessions, detail); },
        std::move(answer));
  if (are(request, {"show", "crypto", "ipsec", "sa"}))
    return show_sessions(sources, request.wants_json, &ipsec_sa_text, std::move(answer));
  if (start_with(request, {"show", "dataplane"}) && request.words.size() == 3)
    return show_dataplane(sources, request, std::move(answer));
  if (are(request, {"show", "debug"})) return answer(show_debug(sources, request.wants_json));
  answer(error(404, "no such command; see portcullisctl --help"));
}

}  // namespace

void handle(Sources& sources, const Request& request, Answer answer) {
  if (request.method == "GET" && !request.words.empty() && request.words[0] == "show")
    return show(sources, request, std::move(answer));
  if (request.method == "POST") return change(sources, request, std::move(answer));
  answer(error(404, "no such page"));
}

}  // namespace controlplane::admin
