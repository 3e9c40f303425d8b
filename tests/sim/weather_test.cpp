// The same conversations while the network loses, repeats and reorders: hundreds of runs, each from a seed that names
// it. Whatever happens, both ends agree in the end, answers never change, and nothing is left over.

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/sim/gateway.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
using controlplane::ike::Counter;

struct Case {
  std::uint64_t seed;
  ClientSettings settings;
};

ClientSettings settings_of(std::uint64_t seed) {
  ClientSettings settings = seed % 4 == 0   ? psk_client()
                            : seed % 4 == 1 ? certificate_client(seed % 8 == 1)
                            : seed % 4 == 2 ? eap_client()
                                            : eap_client("big");
  if (seed % 3 == 0) settings.behind_nat = common::IpAddress::parse("192.168.1.2");
  if (seed % 5 == 0) {
    settings.ke_group = 19;  // not offered first: INVALID_KE_PAYLOAD or taken
    settings.ike.push_back({wire::TransformType::dh, 19});
  }
  if (settings.auth == ClientSettings::Auth::psk) settings.fragmentation = seed % 8 == 0;
  settings.max_octets = 500;
  return settings;
}

/// One whole life. @return "" or what went wrong
std::string live(std::uint64_t seed) {
  World world(seed, {.loss = static_cast<unsigned>(seed % 20),
                     .repeat = static_cast<unsigned>(seed % 15),
                     .delay = 5ms,
                     .jitter = std::chrono::milliseconds(seed % 60)});
  auto config = make_config();
  config->ike.fragment_size = 600;
  if (seed % 6 == 0) config->ike.cookie_threshold = 0;
  config->ike.login_timeout = 600s;  // the network may be worse than a user's patience
  Gateway gateway(world, config);
  Initiator client(world, client_at(1), kGatewayIke, settings_of(seed));
  const auto wait = [&](const char* what) -> std::string {
    if (!world.run([&] { return client.idle() || client.failed(); }, 1000s)) return fmt::format("{}: hangs", what);
    if (client.failed()) return fmt::format("{}: {}", what, *client.failure_);
    if (client.answers_differed) return fmt::format("{}: a repeated answer differs", what);
    return {};
  };
  client.connect();
  world.run([&] { return client.established() || client.failed(); }, 1000s);
  if (!client.established()) return "login: " + client.failure_.value_or("hangs");
  if (auto wrong = compare_children(gateway.door.only(), client.children.back()); !wrong.empty()) return wrong;
  const int rounds = 2;
  for (int round = 0; round < rounds; ++round) {
    client.rekey_child(round == 0 ? 31 : 0);
    if (auto wrong = wait("child rekey"); !wrong.empty()) return wrong;
    if (client.children.size() != 2) return "child rekey refused";
    if (auto wrong = compare_children(gateway.door.only(), client.children.back()); !wrong.empty()) return wrong;
    client.delete_old_child();
    if (auto wrong = wait("child delete"); !wrong.empty()) return wrong;
    client.rekey_ike();
    if (auto wrong = wait("IKE rekey"); !wrong.empty()) return wrong;
    if (client.sas.size() != static_cast<std::size_t>(round) + 2) return "IKE rekey refused";
    client.delete_old_ike();
    if (auto wrong = wait("IKE delete"); !wrong.empty()) return wrong;
  }
  Login& login = gateway.door.only();
  if (login.ended) return "ended too early";
  if (seed % 2 == 0) {
    client.delete_ike();
    // What is left of the IKE SA answers for 10 s; worse luck than that may leave the client without an answer.
    if (auto wrong = wait("last delete"); !wrong.empty() && !login.ended) return wrong;
  } else {
    gateway.door.disconnect(login.names.id);
  }
  world.pass(60s);
  if (!login.ended) return "the session did not end";
  if (!gateway.responder.list().empty()) return "an IKE SA is left";
  if (gateway.count(Counter::ike_rekeys) != rounds || gateway.count(Counter::child_rekeys) != rounds)
    return "something was done twice";
  if (gateway.responder.statistics().half_open != 0 || gateway.responder.statistics().established != 0)
    return "gauges are wrong";
  return {};
}

class Weather : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Weather, AWholeLife) {
  for (std::uint64_t seed = GetParam() * 50; seed < GetParam() * 50 + 50; ++seed) EXPECT_EQ(live(seed), "") << seed;
}

INSTANTIATE_TEST_SUITE_P(Seeds, Weather, testing::Range<std::uint64_t>(0, 6));

/// Same seed, same conversation: the numbers of datagrams and drops agree.
TEST(WeatherRepeats, SameSeedSameRun) {
  const auto run = [] {
    World world(77, {.loss = 15, .repeat = 10, .delay = 5ms, .jitter = 40ms});
    Gateway gateway(world, make_config());
    Initiator client(world, client_at(1), kGatewayIke, psk_client());
    client.connect();
    world.run([&] { return client.established(); }, 600s);
    world.pass(200s);
    return std::pair(world.carried, gateway.responder.statistics().all());
  };
  EXPECT_EQ(run(), run());
}

TEST(Crowd, ManyClientsAtOnce) {
  World world(5, {.loss = 5, .repeat = 5, .delay = 5ms, .jitter = 20ms});
  auto config = make_config();
  config->ike.cookie_threshold = 20;
  config->ike.half_open_per_source = 1000;
  Gateway gateway(world, config);
  std::vector<std::unique_ptr<Initiator>> clients;
  for (std::uint32_t i = 0; i < 100; ++i) {
    clients.push_back(
        std::make_unique<Initiator>(world, client_at(i), kGatewayIke, i % 2 == 0 ? psk_client() : eap_client()));
    clients.back()->connect();
  }
  const auto all = [&](auto&& test) { return std::ranges::all_of(clients, test); };
  EXPECT_TRUE(world.run([&] { return all([](const auto& one) { return one->established(); }); }, 120s));
  EXPECT_EQ(gateway.door.live(), 100U);
  for (const auto& [id, login] : gateway.door.logins) gateway.door.disconnect(id);
  EXPECT_TRUE(world.run([&] { return all([](const auto& one) { return one->deleted_by_gateway; }); }, 60s));
  world.pass(20s);
  EXPECT_TRUE(gateway.responder.list().empty());
}

}  // namespace
}  // namespace sim
