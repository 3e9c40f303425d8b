#pragma once
// The operator's questions and their answers, apart from how they travel. Thread: the control thread only.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controlplane/dataplane/link.hpp"
#include "controlplane/session/registry.hpp"

namespace controlplane::admin {

/// One call of the HTTP API, already told apart from its transport.
struct Request {
  std::string method;              ///< "GET" or "POST"
  std::vector<std::string> words;  ///< the path without "/v1": {"show", "aaa", "sessions"}
  bool wants_json = true;          ///< else the text that IOS would print
  bool may_write = false;          ///< the caller's credentials allow `clear` and `debug`
};

struct Reply {
  unsigned status = 200;  ///< HTTP status
  std::string content_type = "application/json";
  std::string body;
};

/// Answers may come later (fresh counters are asked of the dataplane first).
using Answer = std::move_only_function<void(Reply)>;

/// A switch of `debug …`.
struct DebugSwitch {
  std::function<void(bool)> set;
  std::function<bool()> is_on;
};

/// One number for /metrics.
struct Metric {
  std::string name;  ///< Prometheus form, with the unit at its end
  std::string help;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
  bool is_counter = true;  ///< else a gauge
};

/// What the operator's door looks at. Everything must outlive the server.
struct Sources {
  session::Registry& sessions;
  /// Link::read_statistics of the channel to the dataplane.
  std::function<void(dataplane::LinkCallback<std::vector<dataplane::NamedValue>>)> read_statistics;
  std::map<std::string, DebugSwitch> debug;                         ///< "radius", "aaa pod", "crypto ikev2"
  std::vector<std::function<std::vector<Metric>()>> metrics;        ///< of ike, dae, radius …
  std::function<std::string(std::uint32_t unique_id)> session_key;  ///< attribute 151 as text, may be empty
};

/// Answers one request. `answer` runs once, now or later.
void handle(Sources& sources, const Request& request, Answer answer);

/// The exposition text of /metrics (Prometheus 0.0.4), the dataplane's counters included.
/// @return to be called where the dataplane is not waited for any longer: `done` gets what there is, and
///         portcullis_dataplane_up is 0; nothing where it was called already
[[nodiscard]] std::move_only_function<void()> collect_metrics(Sources& sources,
                                                              std::move_only_function<void(std::string)> done);

}  // namespace controlplane::admin
