// Whole lives in the whole control plane: logins decided by a RADIUS server, traffic, rekeys, Packets of Disconnect at
// any moment, outages of servers and failing commits, while every link loses, repeats and reorders. Whatever happens,
// the promises hold, the books balance and nothing is left over.

#include "tests/sim/house.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "controlplane/session/names.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;
constexpr std::uint32_t kStart = 1, kStop = 2;

struct Servers {
  explicit Servers(World& world)
      : first(world, kFirstServer, std::string(kRadiusSecret)),
        second(world, kSecondServer, std::string(kRadiusSecret)) {}
  RadiusServer first;
  RadiusServer second;

  /// Both books as one, by Acct-Session-Id.
  [[nodiscard]] std::map<std::string, Account> books() const {
    std::map<std::string, Account> all = first.accounts;
    for (const auto& [id, account] : second.accounts)
      all[id].records.insert(all[id].records.end(), account.records.begin(), account.records.end());
    return all;
  }
};

ClientSettings settings_of(std::uint64_t number) {
  switch (number % 4) {
    case 0:
      return psk_client(fmt::format("branch{}", number));
    case 1:
      return certificate_client(number % 8 == 1);
    case 2:
      return eap_client(fmt::format("user{}", number));
    default:
      return eap_client(number % 8 == 3 ? "mallory" : fmt::format("user{}", number));
  }
}

/// What the books must say of each session that ever had a Start (P2, P3).
void judge_books(const House& house, const Servers& servers, std::vector<std::string>& wrong) {
  const auto books = servers.books();
  for (const auto& [id, identity] : house.spool.started) {
    const std::string name = fmt::format("session {}", id.value());
    const auto found = books.find(session::acct_session_text(identity.acct_session_id));
    if (found == books.end()) {
      wrong.push_back(name + ": no server has heard of it");
      continue;
    }
    const Account& account = found->second;
    const auto stops = account.distinct(kStop);
    if (account.distinct(kStart).size() != 1) wrong.push_back(name + ": not one Start");
    if (stops.size() != 1) {
      wrong.push_back(fmt::format("{}: {} different Stops", name, stops.size()));
      continue;
    }
    const auto& counters = house.link.sessions.at(id).counters;
    if (stops[0].in_octets != counters.in_octets || stops[0].out_octets != counters.out_octets ||
        stops[0].in_packets != counters.in_packets || stops[0].out_packets != counters.out_packets)
      wrong.push_back(name + ": its Stop differs from what flowed");
  }
  std::set<std::string> known;
  for (const auto& [id, identity] : house.spool.started)
    known.insert(session::acct_session_text(identity.acct_session_id));
  for (const auto& [id, account] : books)
    if (!known.contains(id)) wrong.push_back("a record of nobody: " + id);
}

/// At each server alone: nothing after the Stop but the Stop again (P3).
void judge_order(const RadiusServer& server, std::vector<std::string>& wrong) {
  for (const auto& [id, account] : server.accounts) {
    const auto first_stop = std::ranges::find(account.records, kStop, &Account::Record::status);
    if (std::any_of(first_stop, account.records.end(), [](const auto& later) { return later.status != kStop; }))
      wrong.push_back(id + ": more than its Stop after its Stop");
  }
}

void judge_remains(const House& house, std::vector<std::string>& wrong) {
  if (!house.sessions.all().empty()) wrong.push_back("a session is left");
  if (!house.responder->list().empty()) wrong.push_back("an IKE SA is left");
  if (!house.spool.rows.empty()) wrong.push_back("a record is left in the spool");
  if (!house.spool.open.empty()) wrong.push_back("an open row is left");
  if (!house.link.reserved.empty()) wrong.push_back(fmt::format("{} SPIs are left", house.link.reserved.size()));
  for (const auto& [id, entry] : house.link.sessions) {
    if (!entry.removed) wrong.push_back(fmt::format("session {} still flows", id.value()));
    if (!entry.forgotten) wrong.push_back(fmt::format("session {} is a tombstone", id.value()));
  }
}

/// @return "" or all that went wrong
std::string live(std::uint64_t seed) {
  World world(seed, {.loss = static_cast<unsigned>(seed % 12),
                     .repeat = static_cast<unsigned>(seed % 10),
                     .delay = 3ms,
                     .jitter = std::chrono::milliseconds(seed % 30)});
  auto config = make_house_config();
  config->accounting.profile =
      seed % 2 == 0 ? config::AccountingProfile::extended : config::AccountingProfile::document;
  config->accounting.interim_interval = 60s;
  House house(world, config);
  house.spool.failures = seed % 5 == 0 ? 10 : 0;
  house.link.refusals = seed % 7 == 0 ? 20 : 0;
  Servers servers(world);

  std::vector<std::unique_ptr<Initiator>> clients;
  for (std::uint32_t i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Initiator>(world, client_at(i), kGatewayIke, settings_of(seed + i)));
    world.after(std::chrono::milliseconds(world.chance() % 3000), [&, i] { clients[i]->connect(); });
    const auto pod = [&, i] { house.pod({.calling_station_id = client_at(i).address.to_string()}); };
    world.after(std::chrono::milliseconds(world.chance() % 6000), pod);   // while it logs in, or soon after
    world.after(std::chrono::milliseconds(world.chance() % 90000), pod);  // what has come back meanwhile
  }
  if (seed % 3 == 0) {  // the first server is away for a while, or both are
    world.after(1s, [&] { servers.first.down = true; });
    world.after(40s, [&] { servers.first.down = false; });
  }
  if (seed % 6 == 0) {
    world.after(5s, [&] { servers.second.down = true; });
    world.after(30s, [&] { servers.second.down = false; });
  }
  world.pass(100s);
  for (const auto& client : clients)
    if (client->established() && client->idle() && !client->deleted_by_gateway && world.chance() % 2 == 0)
      client->delete_ike();
  world.pass(5s);
  house.spool.failures = 0;
  bool over = false;
  house.sessions.shut_down([&] { over = true; });
  house.responder->shutdown([] {});
  world.run([&] { return over; }, 120s);
  world.pass(300s);  // dead servers are found alive again, what was refused is sent once more

  std::vector<std::string> wrong = house.broken;
  if (!over) wrong.push_back("the shutdown hangs");
  judge_books(house, servers, wrong);
  judge_order(servers.first, wrong);
  judge_order(servers.second, wrong);
  judge_remains(house, wrong);
  if (servers.first.unbelievable + servers.second.unbelievable != 0) wrong.push_back("a request did not verify");
  return fmt::format("{}", fmt::join(wrong, "; "));
}

class WholeHouse : public testing::TestWithParam<std::uint64_t> {};

TEST_P(WholeHouse, PromisesHoldAndNothingIsLeft) {
  for (std::uint64_t seed = GetParam() * 25; seed < GetParam() * 25 + 25; ++seed) EXPECT_EQ(live(seed), "") << seed;
}

INSTANTIATE_TEST_SUITE_P(Seeds, WholeHouse, testing::Range<std::uint64_t>(0, 6));

TEST(HouseLogin, EachWayInThroughRadius) {
  for (const std::uint64_t number : {0U, 1U, 2U, 9U}) {
    World world(number);
    House house(world, make_house_config());
    Servers servers(world);
    Initiator client(world, client_at(1), kGatewayIke, settings_of(number));
    client.connect();
    ASSERT_TRUE(world.run([&] { return client.established(); }, 10s)) << client.failure_.value_or("hangs");
    world.pass(3s);
    EXPECT_EQ(servers.first.accepted, 1U);
    house.pod({.calling_station_id = client_at(1).address.to_string()});
    world.pass(3s);
    EXPECT_EQ(house.acks, 1U);
    EXPECT_TRUE(client.deleted_by_gateway);
    EXPECT_EQ(servers.books().begin()->second.distinct(kStop).at(0).cause, 6U);
    EXPECT_TRUE(house.broken.empty());
  }
}

TEST(HouseLogin, WhomRadiusRejectsStaysOut) {
  World world(1);
  House house(world, make_house_config());
  Servers servers(world);
  Initiator client(world, client_at(1), kGatewayIke, eap_client("mallory"));
  client.connect();
  world.run([&] { return client.failed(); }, 10s);
  EXPECT_TRUE(client.eap_failed);
  world.pass(60s);
  EXPECT_TRUE(servers.books().empty());
  std::vector<std::string> wrong;
  judge_remains(house, wrong);
  EXPECT_EQ(wrong, std::vector<std::string>{});
}

}  // namespace
}  // namespace sim
