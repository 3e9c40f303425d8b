#include "controlplane/metrics.hpp"

#include <algorithm>
#include <ranges>
#include <set>

#include <gtest/gtest.h>

#include "tests/unit/cp_dae/support.hpp"

namespace controlplane {
namespace {

std::set<std::string> names_of_dae() {
  config::DynamicAuthor config;
  config.clients.push_back(dae::make_client("192.0.2.1"));
  dae::RecordingTrace trace;
  const dae::Pipeline pipeline(config, {}, trace);
  std::vector<admin::Metric> all;
  add_dae(all, pipeline);
  std::set<std::string> names;
  for (const admin::Metric& metric : all) names.insert(metric.name);
  return names;
}

TEST(Metrics, WriteTheMibsNamesAsPrometheusDoes) {
  const auto names = names_of_dae();
  for (const std::string name : {"discon_requests", "dup_discon_requests", "malformed_discon_requests",
                                 "discon_nak_sess_no_context", "coa_requests", "dup_coa_requests", "coa_acks",
                                 "coa_nak_auth_only_requests", "malformed_coa_requests", "unknown_types"})
    EXPECT_TRUE(names.contains("radius_dyn_auth_serv_" + name + "_total")) << name;
  EXPECT_TRUE(names.contains("radius_dyn_auth_server_discon_invalid_client_addresses_total"));
  EXPECT_TRUE(names.contains("radius_dyn_auth_server_coa_invalid_client_addresses_total"));
}

/// RFC 4673 has as many counters of CoA-Requests as of Disconnect-Requests, under the same names.
TEST(Metrics, CoaAndDisconnectAreCountedAlike) {
  const auto names = names_of_dae();
  const auto with = [&](std::string_view word) {
    return std::ranges::count_if(names, [&](const std::string& name) { return name.contains(word); });
  };
  EXPECT_EQ(with("_discon_"), 12);
  EXPECT_EQ(with("_coa_"), 12);
}

}  // namespace
}  // namespace controlplane
