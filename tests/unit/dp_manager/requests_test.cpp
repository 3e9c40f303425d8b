// What each request does, through the socket and the real tables; every field that may be wrong; orders of removals.

#include <functional>

#include "dataplane/manager/tunnels.hpp"
#include "dataplane/manager/validate.hpp"
#include "dataplane/manager/watchdog.hpp"
#include "harness.hpp"

namespace dataplane::manager::test {
namespace {

constexpr auto code(Status status) { return static_cast<std::uint16_t>(status); }

class Requests : public testing::Test {
 protected:
  Requests() { EXPECT_EQ(client_.hello(5).status, code(Status::ok)); }
  /// Worker 0 is in its turn, and only `quiescent` ends it.
  void worker_online() { rte_rcu_qsbr_thread_online(dataplane_.readers.get(), 0); }
  void quiescent() { rte_rcu_qsbr_quiescent(dataplane_.readers.get(), 0); }
  [[nodiscard]] ids::SessionRef ref(std::uint64_t id) const {
    return dataplane_.tables.pool_session(ids::PoolIndex{0}, static_cast<std::uint32_t>(id));
  }
  std::vector<SessionCounters> remove(std::vector<std::uint64_t> ids, std::uint16_t cause = 6) {
    send_removal(std::move(ids), cause);
    return client_.reply<SessionCounters>();
  }
  void send_removal(std::vector<std::uint64_t> ids, std::uint16_t cause = 6) {
    std::vector<RemoveSession> records;
    for (const std::uint64_t id : ids) records.push_back({id, cause, 0, 0});
    client_.send(Type::remove_sessions, records);
  }

  Directory directory_;
  Dataplane dataplane_{directory_.path()};
  RawClient client_{dataplane_};
};

TEST_F(Requests, EveryWrongFieldOfAnInstallIsInvalid) {
  using Spoil = std::function<void(InstallSession&)>;
  const auto v6 = to_wire(*common::IpAddress::parse("2001:db8::1"));
  const std::vector<std::pair<const char*, Spoil>> cases = {
      {"session id", [](auto& s) { s.session_id = 0; }},
      {"local family", [](auto& s) { s.local.address.family = 5; }},
      {"local none", [](auto& s) { s.local = {}; }},
      {"local unspecified", [](auto& s) { s.local.address.octets = {}; }},
      {"remote none", [](auto& s) { s.remote = {}; }},
      {"families differ", [&](auto& s) { s.remote.address = v6; }},
      {"outer IPv6", [&](auto& s) { s.local.address = s.remote.address = v6; }},
      {"encapsulation without port", [](auto& s) { s.remote.port = 0; }},
      {"flags", [](auto& s) { s.flags = 4; }},
      {"vrf", [](auto& s) { s.vrf = 1; }},
      {"inner IPv6 as v4", [&](auto& s) { s.inner_v4 = v6; }},
      {"inner 0.0.0.0", [](auto& s) { s.inner_v4.octets = {}; }},
      {"inner IPv6", [&](auto& s) { s.inner_v6 = v6; }},
      {"policy padding", [](auto& s) { s.policy.zero = 1; }},
      {"padding", [](auto& s) { s.zero = 1; }},
      {"inbound SPI", [](auto& s) { s.child.inbound_spi = 255; }},
      {"outbound SPI", [](auto& s) { s.child.outbound_spi = 0; }},
      {"suite", [](auto& s) { s.child.suite = 0; }},
      {"child flags", [](auto& s) { s.child.flags |= 8; }},
      {"window 0", [](auto& s) { s.child.replay_window = 0; }},
      {"window 32", [](auto& s) { s.child.replay_window = 32; }},
      {"window 100", [](auto& s) { s.child.replay_window = 100; }},
      {"window 8192", [](auto& s) { s.child.replay_window = 8192; }},
      {"ESN without replay protection", [](auto& s) { s.child.flags |= kChildNoReplay; }},
      {"octets behind the key", [](auto& s) { s.child.inbound.encryption[20] = 1; }},
      {"integrity key for an AEAD", [](auto& s) { s.child.outbound.integrity[0] = 1; }},
      {"no local selector", [](auto& s) { s.child.local_selectors = 0; }},
      {"too many selectors", [](auto& s) { s.child.remote_selectors = 5; }},
      {"unused selector filled", [](auto& s) { s.child.local[1] = s.child.local[0]; }},
      {"range backwards", [](auto& s) { std::swap(s.child.local[0].first, s.child.local[0].last); }},
      {"ports backwards", [](auto& s) { s.child.remote[0].first_port = 2, s.child.remote[0].last_port = 1; }},
      {"selector IPv6", [&](auto& s) { s.child.remote[0].first = s.child.remote[0].last = v6; }},
      {"selector padding", [](auto& s) { s.child.remote[0].zero[0] = 1; }},
      {"child padding", [](auto& s) { s.child.zero = 1; }},
  };
  for (const auto& [name, spoil] : cases) {
    InstallSession session = install_record(1, client_.spi());
    spoil(session);
    EXPECT_EQ(client_.status_of(Type::install_session, session), Status::invalid) << name;
  }
  EXPECT_EQ(client_.install(1), Status::ok) << "and a good one is good";
}

TEST_F(Requests, SuitesThatThisReleaseCannotComputeAreInvalid) {
  InstallSession session = install_record(1, client_.spi());
  session.child.suite = static_cast<std::uint16_t>(common::Suite::aes_cbc_256_sha2_256_128);
  session.child.inbound.encryption.fill(1);
  session.child.outbound.encryption.fill(1);
  for (std::size_t i = 32; i < 36; ++i) session.child.inbound.encryption[i] = session.child.outbound.encryption[i] = 0;
  EXPECT_TRUE(read_session(session, {}, common::Epoch{1}).has_value());
  EXPECT_EQ(client_.status_of(Type::install_session, session), Status::invalid);
}

TEST_F(Requests, InstallIsIdempotent) {
  const InstallSession session = install_record(1, client_.spi());
  EXPECT_EQ(client_.status_of(Type::install_session, session), Status::ok);
  EXPECT_EQ(client_.status_of(Type::install_session, session), Status::unchanged);
  EXPECT_EQ(client_.status_of(Type::install_session, install_record(2, session.child.inbound_spi)),
            Status::unknown_spi);
}

TEST_F(Requests, BatchIsAnsweredRecordByRecord) {
  client_.send<ReserveSpis>(Type::reserve_spis, {{3, 0}});
  const auto spis = client_.reply<ReservedSpi>();
  ASSERT_EQ(spis.size(), 3U);
  InstallSession wrong = install_record(2, spis[1].spi);
  wrong.vrf = 9;
  client_.send<InstallSession>(Type::install_session,
                               {install_record(1, spis[0].spi), wrong, install_record(3, spis[2].spi)});
  const auto rows = client_.reply<SessionStatus>();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].status, code(Status::ok));
  EXPECT_EQ(rows[1].status, code(Status::invalid));
  EXPECT_EQ(rows[1].session_id, 2U);
  EXPECT_EQ(rows[2].status, code(Status::ok));
}

TEST_F(Requests, RemovalIsAnsweredWhenItIsOverAndNotBefore) {
  ASSERT_EQ(client_.install(1), Status::ok);
  ASSERT_EQ(client_.install(2), Status::ok);
  sa::Session* session = dataplane_.tables.find_session(ref(1));
  session->own.count_in(4, 400);
  session->foreign.count_out(5, 500);
  worker_online();
  send_removal({1, 2, 77});
  EXPECT_FALSE(client_.frame().has_value()) << "worker 0 may still hold it";
  EXPECT_TRUE(ref(1).is_nobody());
  quiescent();
  dataplane_.turns();
  session->own.drop_in(common::DropReason::session_ended, 2);  // came off a ring between the phases
  quiescent();
  const auto rows = client_.reply<SessionCounters>();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].session_id, 1U);
  EXPECT_EQ(rows[0].status, code(Status::ok));
  EXPECT_EQ(rows[0].final_, 1U);
  EXPECT_EQ(rows[0].cause, 6U);
  EXPECT_EQ(rows[0].in_packets, 4U);
  EXPECT_EQ(rows[0].in_octets, 400U);
  EXPECT_EQ(rows[0].out_packets, 5U);
  EXPECT_EQ(rows[0].in_drops[static_cast<std::size_t>(common::DropReason::session_ended)], 2U);
  EXPECT_EQ(rows[1].status, code(Status::ok));
  EXPECT_EQ(rows[2].status, code(Status::unknown_session));
}

TEST_F(Requests, SecondRemovalJoinsAndALaterOneRepeatsTheCounters) {
  ASSERT_EQ(client_.install(1), Status::ok);
  worker_online();
  send_removal({1});
  dataplane_.turns();
  send_removal({1}, 1);
  dataplane_.turns();
  for (int i = 0; i < 3; ++i) {
    quiescent();
    dataplane_.turns();
  }
  // Two answers, in any order of their own; both say the same.
  for (int i = 0; i < 2; ++i) {
    const auto frame = client_.frame();
    ASSERT_TRUE(frame.has_value());
    auto records = Records<SessionCounters>::read(*frame);
    ASSERT_EQ(records->size(), 1U);
    const auto row = records->next()->fixed;
    EXPECT_EQ(row.status, code(Status::ok));
    EXPECT_EQ(row.cause, 6U) << "the first cause wins";
  }
  const auto rows = remove({1}, 2);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].status, code(Status::unchanged));
  EXPECT_EQ(rows[0].cause, 6U);
  EXPECT_EQ(rows[0].final_, 1U);
}

TEST_F(Requests, SameIdTwiceInOneRequest) {
  ASSERT_EQ(client_.install(1), Status::ok);
  const auto rows = remove({1, 1});
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].final_ + rows[1].final_, 2U);
}

TEST_F(Requests, RemovalOutlivesTheControlPlaneThatAskedForIt) {
  ASSERT_EQ(client_.install(1), Status::ok);
  dataplane_.tables.find_session(ref(1))->own.count_in(3, 300);
  worker_online();
  send_removal({1});
  dataplane_.turns();
  client_.close();
  for (int i = 0; i < 3; ++i) {
    quiescent();
    dataplane_.turns();
  }
  RawClient next(dataplane_);
  const auto reply = next.hello(6);
  EXPECT_EQ(reply.sessions, 0U);
  EXPECT_EQ(reply.tombstones, 1U);
  next.send_empty(Type::list_sessions);
  const auto frame = next.frame();
  ASSERT_TRUE(frame.has_value());
  auto records = Records<SessionListing>::read(*frame);
  ASSERT_TRUE(records && records->size() == 1);
  const auto row = records->next()->fixed;
  EXPECT_EQ(row.ended, 1U);
  EXPECT_EQ(row.counters.in_octets, 300U);
  EXPECT_EQ(row.counters.cause, 6U);
  EXPECT_EQ(row.epoch, 5U);
  EXPECT_EQ(next.status_of(Type::forget_sessions, SessionRef{1}), Status::ok);
  EXPECT_EQ(next.status_of(Type::forget_sessions, SessionRef{1}), Status::unknown_session);
  EXPECT_EQ(next.status_of(Type::install_session, install_record(1, next.spi())), Status::ended) << "the latch";
}

TEST_F(Requests, StatusesOfSmallChanges) {
  ASSERT_EQ(client_.install(1), Status::ok);
  const auto session = dataplane_.tables.find_session(ref(1));
  const std::uint32_t spi = client_.spi();
  InstallSession template_record = install_record(1, spi);
  template_record.child.key_id = 100;
  EXPECT_EQ(client_.status_of(Type::rekey_child, RekeyChild{1, 12345, 0, template_record.child}), Status::unknown_spi);
  EXPECT_EQ(client_.status_of(Type::rekey_child, RekeyChild{9, 12345, 0, template_record.child}),
            Status::unknown_session);
  EXPECT_EQ(client_.status_of(Type::rekey_child, RekeyChild{1, 12345, 7, template_record.child}), Status::invalid);
  EXPECT_EQ(client_.status_of(Type::delete_child, DeleteChild{1, 12345, 0}), Status::unknown_spi);
  EXPECT_EQ(client_.status_of(Type::delete_child, DeleteChild{1, 12345, 1}), Status::invalid);
  UpdatePeer update{1, template_record.local, template_record.remote, kSessionNat, 1};
  update.remote.port = 7777;
  EXPECT_EQ(client_.status_of(Type::update_peer, update), Status::ok);
  EXPECT_EQ(session->remote_v4, sa::Session::pack(0xC6336407, 7777));
  update.udp_encap = 2;
  EXPECT_EQ(client_.status_of(Type::update_peer, update), Status::invalid);
  EXPECT_EQ(client_.status_of(Type::set_policy, SetPolicy{1, {0, 0, 0, 123, 456}}), Status::ok);
  EXPECT_EQ(session->input_rate_bits, 123U);
  EXPECT_EQ(client_.status_of(Type::set_policy, SetPolicy{1, {0, 0, 1, 123, 456}}), Status::invalid);
  const common::Bytes blob = {1, 2, 3};
  EXPECT_EQ(client_.status_of(Type::put_blob, PutBlob{.session_id = 1}, blob), Status::ok);
  EXPECT_EQ(client_.status_of(Type::put_blob, PutBlob{.session_id = 1, .zero = 1}, blob), Status::invalid);
  EXPECT_EQ(client_.status_of(Type::put_blob, PutBlob{.session_id = 9}, blob), Status::unknown_session);
  EXPECT_EQ(client_.status_of(Type::forget_sessions, SessionRef{1}), Status::not_ended);
  EXPECT_EQ(client_.status_of(Type::release_spis, ReservedSpi{spi, 0}), Status::ok);
  EXPECT_EQ(client_.status_of(Type::release_spis, ReservedSpi{spi, 0}), Status::unknown_spi);
  client_.send<SessionRef>(Type::read_counters, {{1}, {9}});
  const auto rows = client_.reply<SessionCounters>();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].status, code(Status::ok));
  EXPECT_EQ(rows[0].final_, 0U);
  EXPECT_EQ(rows[1].status, code(Status::unknown_session));
}

TEST_F(Requests, SpisAreGivenUpToTheLimit) {
  client_.send<ReserveSpis>(Type::reserve_spis, {{4097, 0}});
  EXPECT_TRUE(client_.reply<ReservedSpi>().empty());
  client_.send<ReserveSpis>(Type::reserve_spis, {{4096, 0}});
  EXPECT_EQ(client_.reply<ReservedSpi>().size(), 4096U);
}

TEST_F(Requests, StatisticsHaveNamesAndDropsAreThere) {
  client_.send_empty(Type::read_statistics);
  std::map<std::string, std::uint64_t> values;
  for (const auto& row : client_.reply<NamedValue>()) values[row.name.data()] = row.value;
  EXPECT_TRUE(values.contains("drop.bad_icv"));
  EXPECT_TRUE(values.contains("drop.session_ended"));
  EXPECT_EQ(values.at("table.capacity"), 64U);
  EXPECT_EQ(values.at("table.forwarding"), 1U);
  EXPECT_EQ(values.at("channel.accepted"), 1U);
}

TEST_F(Requests, AddressesOutsidePoolsAndNetworksBehindPeers) {
  const auto lookup = [&](std::uint32_t address) { return dataplane_.fib.lookup(address); };
  // An address that RADIUS gave.
  InstallSession framed = install_record(1, client_.spi());
  framed.inner_v4 = to_wire(common::IpAddress::v4(0xAC100005));
  ASSERT_EQ(client_.status_of(Type::install_session, framed), Status::ok);
  EXPECT_EQ(lookup(0xAC100005).type(), route::ResultType::tunnel);
  EXPECT_EQ(dataplane_.tables.session_ref(ids::SessionIndex{lookup(0xAC100005).index()}).generation, 1U);
  InstallSession other = install_record(2, client_.spi());
  other.inner_v4 = framed.inner_v4;
  EXPECT_EQ(client_.status_of(Type::install_session, other), Status::address_in_use);
  // A site: what is behind it are its selectors.
  InstallSession site = install_record(3, client_.spi());
  site.inner_v4 = {};
  site.child.remote[0].first = to_wire(common::IpAddress::v4(0xAC140000));
  site.child.remote[0].last = to_wire(common::IpAddress::v4(0xAC1400FF));
  ASSERT_EQ(client_.status_of(Type::install_session, site), Status::ok);
  EXPECT_EQ(lookup(0xAC140080).type(), route::ResultType::tunnel);
  // Not everything can be behind a peer.
  InstallSession everything = install_record(4, client_.spi());
  everything.inner_v4 = {};
  everything.child.remote[0] = everything.child.local[0];
  EXPECT_EQ(client_.status_of(Type::install_session, everything), Status::invalid);
  InstallSession pool = everything;
  pool.child.remote[0].first = to_wire(common::IpAddress::v4(kPoolFirst + 10));
  pool.child.remote[0].last = to_wire(common::IpAddress::v4(kPoolFirst + 10));
  EXPECT_EQ(client_.status_of(Type::install_session, pool), Status::invalid);
  // P1: no owner, no way; above all not the default route.
  dataplane_.fib.set({0, 0}, route::Result(route::ResultType::adjacency, 1));
  EXPECT_EQ(remove({1, 3}).size(), 2U);
  EXPECT_EQ(lookup(0xAC100005).type(), route::ResultType::drop);
  EXPECT_EQ(lookup(0xAC140080).type(), route::ResultType::drop);
  EXPECT_EQ(lookup(kPoolFirst + 1).type(), route::ResultType::pool);
  EXPECT_EQ(lookup(0xAC100006).type(), route::ResultType::adjacency);
  // And the address may be given again.
  other.child.inbound_spi = client_.spi();
  EXPECT_EQ(client_.status_of(Type::install_session, other), Status::ok);
  EXPECT_EQ(lookup(0xAC100005).type(), route::ResultType::tunnel);
}

TEST(Events, ReachTheControlPlane) {
  Directory directory;
  Dataplane dataplane(directory.path(), 8, 1);
  RawClient client(dataplane);
  ASSERT_EQ(client.hello(1).status, code(Status::ok));
  InstallSession session = install_record(1, client.spi());
  const auto now_ms = common::unix_milliseconds(dataplane.clock.wall());
  session.policy.idle_timeout_s = 5;
  session.policy.session_end_unix_ms = now_ms + 30'000;
  ASSERT_EQ(client.status_of(Type::install_session, session), Status::ok);
  const auto ref = dataplane.tables.pool_session(ids::PoolIndex{0}, 1);
  const auto pair = dataplane.tables.spi_layout().index(common::Spi{session.child.inbound_spi});

  ASSERT_TRUE(dataplane.events.push(
      {.kind = sa::EventKind::peer_moved, .port_number = 9, .session = ref, .address_v4 = 0x05060708}));
  auto frame = client.frame();
  ASSERT_TRUE(frame && frame->type() == Type::event_peer_moved);
  auto moved = Records<PeerMoved>::read(*frame)->next()->fixed;
  EXPECT_EQ(moved.session_id, 1U);
  EXPECT_EQ(from_wire(moved.remote), (common::Endpoint{common::IpAddress::v4(0x05060708), 9}));

  ASSERT_TRUE(dataplane.events.push({.kind = sa::EventKind::child_expiring, .session = ref, .sa = pair}));
  frame = client.frame();
  ASSERT_TRUE(frame && frame->type() == Type::event_child_expired);
  EXPECT_EQ(Records<ChildEvent>::read(*frame)->next()->fixed.inbound_spi, session.child.inbound_spi);

  ASSERT_TRUE(dataplane.events.push({.kind = sa::EventKind::neighbour_needed}));  // no mirror: nothing happens
  const auto next_event = [&](std::chrono::seconds later) {
    dataplane.statistics.turns.fetch_add(1);
    dataplane.clock.advance(later);
    for (int i = 0; i < 12; ++i) {
      dataplane.turns(1);
      dataplane.clock.advance(std::chrono::milliseconds(100));
      dataplane.statistics.turns.fetch_add(1);
    }
    const auto event = client.frame();
    return event ? event->type() : Type::hello;
  };
  EXPECT_EQ(next_event(std::chrono::seconds(5)), Type::event_idle_expired);
  EXPECT_EQ(next_event(std::chrono::seconds(25)), Type::event_lifetime_reached);
  // A new control plane hears of it again.
  RawClient next(dataplane);
  ASSERT_EQ(next.hello(2).status, code(Status::ok));
  for (int i = 0; i < 12; ++i) {
    dataplane.clock.advance(std::chrono::milliseconds(100));
    dataplane.turns(1);
  }
  const auto again = next.frame();
  EXPECT_TRUE(again && (again->type() == Type::event_lifetime_reached || again->type() == Type::event_idle_expired ||
                        again->type() == Type::event_child_expired));
}

TEST(Orphan, ForwardingStopsAndGoesOnWithHello) {
  Directory directory;
  Dataplane dataplane(directory.path());
  const auto wait = [&](std::chrono::milliseconds time) {
    dataplane.clock.advance(time);
    dataplane.turns();
  };
  {
    RawClient client(dataplane);
    ASSERT_EQ(client.hello(1).status, code(Status::ok));
    wait(std::chrono::seconds(1000));
    EXPECT_TRUE(dataplane.tables.forwarding()) << "somebody is there";
  }
  dataplane.turns();
  wait(std::chrono::milliseconds(299'900));
  EXPECT_TRUE(dataplane.tables.forwarding());
  wait(std::chrono::milliseconds(200));
  EXPECT_FALSE(dataplane.tables.forwarding());
  RawClient client(dataplane);
  ASSERT_EQ(client.hello(0).status, code(Status::fenced));
  EXPECT_FALSE(dataplane.tables.forwarding());
  RawClient good(dataplane);
  ASSERT_EQ(good.hello(2).status, code(Status::ok));
  EXPECT_TRUE(dataplane.tables.forwarding());
}

TEST(Watchdog, SilenceOfTheDeadlineAndNotAStoppedMachine) {
  using namespace std::chrono_literals;
  common::ManualClock clock;
  Watchdog watchdog(2, 2000ms);
  std::vector<std::uint64_t> turns = {1, 1};
  const auto after = [&](std::chrono::milliseconds time, bool second_works) {
    clock.advance(time);
    ++turns[0];
    if (second_works) ++turns[1];
    return watchdog.check(turns, clock.monotonic());
  };
  EXPECT_FALSE(after(0ms, true).has_value());
  EXPECT_FALSE(after(60'000ms, false).has_value()) << "the whole machine stood still: counts as 500 ms";
  EXPECT_FALSE(after(500ms, false).has_value());
  EXPECT_FALSE(after(500ms, false).has_value());
  EXPECT_FALSE(after(100ms, true).has_value()) << "alive";
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(after(100ms, false).has_value());
  EXPECT_EQ(after(100ms, false), 1U);
}

TEST(Watchdog, ManagerRaisesTheAlarm) {
  Directory directory;
  Dataplane dataplane(directory.path(), 8, 1);
  for (int i = 0; i < 30; ++i) {
    dataplane.clock.advance(std::chrono::milliseconds(100));
    dataplane.turns(1);
  }
  EXPECT_EQ(dataplane.silent, 0U);
}

TEST(Tunnels, NarrowerAndWiderPrefixes) {
  Directory directory;
  config::Config config = make_config(directory.path(), 8);
  route::Pools pools(config.pools);
  route::Fib fib([](auto) {});
  manager::Tunnels tunnels(fib, pools);
  const ids::SessionIndex one{1};
  const ids::SessionIndex two{2};
  tunnels.give({{0xAC100000, 24}}, one);
  EXPECT_TRUE(tunnels.is_taken({{0xAC100000, 16}}));
  EXPECT_TRUE(tunnels.is_taken({{0xAC100010, 32}}));
  EXPECT_FALSE(tunnels.is_taken({{0xAC100100, 24}}));
  tunnels.take_away(one);
  EXPECT_FALSE(tunnels.is_taken({{0xAC100000, 16}}));
  EXPECT_EQ(fib.lookup(0xAC100010).type(), route::ResultType::drop);
  // A wider owner gets what dropped inside it, and all of it drops when the owner goes.
  tunnels.give({{0xAC100000, 16}}, two);
  EXPECT_EQ(fib.lookup(0xAC100010), route::Result(route::ResultType::tunnel, 2));
  tunnels.take_away(two);
  fib.set({0, 0}, route::Result(route::ResultType::adjacency, 1));
  EXPECT_EQ(fib.lookup(0xAC100010).type(), route::ResultType::drop);
  EXPECT_EQ(fib.lookup(0xAC10FFFF).type(), route::ResultType::drop);
  tunnels.take_away(two);
}

}  // namespace
}  // namespace dataplane::manager::test
