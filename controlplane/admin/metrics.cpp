// /metrics: what every room counts, in Prometheus's exposition format.

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "controlplane/admin/api.hpp"

namespace controlplane::admin {
namespace {

/// Groups values by name, as the format wants them.
class Families {
 public:
  void add(const Metric& metric) {
    prometheus::MetricFamily& family = families_[metric.name];
    family.name = metric.name;
    family.help = metric.help;
    family.type = metric.is_counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    prometheus::ClientMetric& entry = family.metric.emplace_back();
    for (const auto& [label, value] : metric.labels) entry.label.push_back({label, value});
    if (metric.is_counter) {
      entry.counter.value = metric.value;
    } else {
      entry.gauge.value = metric.value;
    }
  }
  [[nodiscard]] std::string text() const {
    std::vector<prometheus::MetricFamily> list;
    for (const auto& [name, family] : families_) list.push_back(family);
    return prometheus::TextSerializer{}.Serialize(list);
  }

 private:
  std::map<std::string, prometheus::MetricFamily> families_;
};

void add_sessions(Families& families, const session::Totals& totals) {
  const auto counter = [&](std::string name, std::string help, double value) {
    families.add({"portcullis_sessions_" + std::move(name) + "_total", std::move(help), {}, value, true});
  };
  const auto gauge = [&](std::string_view state, std::size_t value) {
    families.add({"portcullis_sessions",
                  "Sessions now, by state",
                  {{"state", std::string(state)}},
                  static_cast<double>(value),
                  false});
  };
  counter("begun", "Logins that reached their first IKE_AUTH", static_cast<double>(totals.begun));
  counter("established", "Sessions established", static_cast<double>(totals.established));
  counter("ended", "Sessions whose Stop record became durable", static_cast<double>(totals.ended));
  counter("logins_failed", "Logins refused or given up", static_cast<double>(totals.logins_failed));
  counter("logins_aborted", "Logins ended by a Disconnect or a newer login",
          static_cast<double>(totals.logins_aborted));
  counter("stop_commit_failures", "Stop records that could not be written at once and are retried",
          static_cast<double>(totals.stop_commit_failures));
  gauge("pending", totals.pending_now);
  gauge("established", totals.established_now);
  gauge("ending", totals.ending_now);
  families.add({"portcullis_stops_waiting",
                "Sessions removed whose Stop record is not durable yet",
                {},
                static_cast<double>(totals.stops_waiting),
                false});
}

/// "drop.bad_icv", "port.outside.rx_packets", "worker.0.packets", "table.sessions" become names with labels.
void add_dataplane(Families& families, const dataplane::NamedValue& item) {
  const std::string_view name = item.name;
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return;
  const std::string_view room = name.substr(0, dot);
  const std::string_view rest = name.substr(dot + 1);
  const auto value = static_cast<double>(item.value);
  const auto second = rest.find('.');
  if (room == "drop")
    return families.add({"portcullis_dataplane_drops_total",
                         "Packets that the dataplane did not forward, by reason",
                         {{"reason", std::string(rest)}},
                         value,
                         true});
  if ((room == "port" || room == "worker") && second != std::string_view::npos) {
    std::string field(rest.substr(second + 1));
    std::ranges::replace(field, '.', '_');
    return families.add({fmt::format("portcullis_dataplane_{}_{}", room, field),
                         "Of the dataplane, as last read",
                         {{std::string(room), std::string(rest.substr(0, second))}},
                         value,
                         false});
  }
  std::string plain(name);
  std::ranges::replace(plain, '.', '_');
  families.add({"portcullis_dataplane_" + plain, "Of the dataplane, as last read", {}, value, false});
}

}  // namespace

std::move_only_function<void()> collect_metrics(Sources& sources, std::move_only_function<void(std::string)> done) {
  struct Collection {
    Families families;
    std::move_only_function<void(std::string)> done;
    void finish(bool dataplane_answers) {
      if (!done) return;
      families.add({"portcullis_dataplane_up", "1: the dataplane answers", {}, dataplane_answers ? 1.0 : 0.0, false});
      std::exchange(done, nullptr)(families.text());
    }
  };
  const auto collection = std::make_shared<Collection>();
  collection->done = std::move(done);
  add_sessions(collection->families, sources.sessions.totals());
  for (const auto& source : sources.metrics)
    for (const Metric& metric : source()) collection->families.add(metric);
  sources.read_statistics([collection](auto values) {
    if (values && collection->done)
      for (const dataplane::NamedValue& value : *values) add_dataplane(collection->families, value);
    collection->finish(values.has_value());
  });
  return [collection] { collection->finish(false); };
}

}  // namespace controlplane::admin
