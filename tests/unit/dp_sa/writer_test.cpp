// Sessions and their children as workers see them after each thing that the manager may ask.

#include "fixture.hpp"

namespace dataplane::sa {
namespace {

using common::SessionId;
using common::Spi;
using test::World;

TEST(Install, WorkersSeeTheSessionByEveryName) {
  World world;
  const Spi spi = world.install(3);
  InboundSa* in = world.tables.find_inbound(spi);
  ASSERT_NE(in, nullptr);
  const ids::SessionRef ref = world.ref(3);
  EXPECT_EQ(in->session, ref);
  EXPECT_EQ(world.tables.session_ref(ref.index), ref);
  Session* session = world.tables.find_session(ref);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(world.tables.find_counters(ref), session);
  EXPECT_EQ(in->owner, session->owner);
  EXPECT_TRUE(in->esn && in->udp_encap && !in->announce_first);
  EXPECT_EQ(in->replay.packets(), 64U);
  EXPECT_EQ(in->local_v4, 0xC0000201U);
  EXPECT_EQ(session->inner_v4, test::kPoolFirst + 3);
  EXPECT_EQ(session->remote_v4, Session::pack(0xC6336403, 61000));
  EXPECT_TRUE(session->may_move);
  OutboundSa* out = session->outbound;
  ASSERT_NE(out, nullptr);
  EXPECT_EQ(out->spi, 0xC0000003U);
  EXPECT_TRUE(out->header.load()->is_usable());
  EXPECT_EQ(out->selectors, &in->selectors);
  EXPECT_EQ(out->take_sequence(), 1U);
  EXPECT_EQ(world.writer.usage().live, 1U);
  EXPECT_EQ(world.writer.max_session_id(), SessionId{3});
}

TEST(Install, UnknownSpisAndReferencesFindNothing) {
  World world;
  const Spi spi = world.install(1);
  const auto bits = world.tables.spi_layout().index_bits;
  EXPECT_EQ(world.tables.find_inbound(Spi{0}), nullptr);
  EXPECT_EQ(world.tables.find_inbound(Spi{spi.value() + (1U << bits)}), nullptr) << "next generation";
  EXPECT_EQ(world.tables.find_inbound(Spi{spi.value() ^ 1U}), nullptr);
  const ids::SessionRef ref = world.ref(1);
  EXPECT_EQ(world.tables.find_session({ref.index, ref.generation + 1}), nullptr);
  EXPECT_EQ(world.tables.find_session({}), nullptr);
  EXPECT_EQ(world.tables.find_session({ids::SessionIndex{999}, 1}), nullptr);
  EXPECT_TRUE(world.tables.session_ref(ids::SessionIndex{999}).is_nobody());
  EXPECT_TRUE(world.tables.pool_session(ids::PoolIndex{0}, 0x10000).is_nobody());
  EXPECT_TRUE(world.tables.pool_session(ids::PoolIndex{1}, 0).is_nobody());
  EXPECT_TRUE(world.ref(2).is_nobody());
}

TEST(Install, RepetitionChangesNothing) {
  World world;
  const SessionSpec spec = world.session(1);
  ASSERT_EQ(world.writer.install(spec, world.now()), Status::ok);
  OutboundSa* out = world.tables.find_session(world.ref(1))->outbound;
  InboundSa* in = world.tables.find_inbound(spec.child.inbound);
  for (int i = 0; i < 5; ++i) (void)out->take_sequence();
  (void)in->replay.check_and_set(9);
  EXPECT_EQ(world.writer.install(spec, world.now()), Status::unchanged);
  EXPECT_EQ(out->sequence, 5U) << "P7: a sequence number is never reset";
  EXPECT_EQ(in->replay.highest(), 9U);
  SessionSpec other_key = spec;
  other_key.child.key_id = common::KeyId{99};
  EXPECT_EQ(world.writer.install(other_key, world.now()), Status::invalid);
  SessionSpec other_spi = world.session(1);
  EXPECT_EQ(world.writer.install(other_spi, world.now()), Status::invalid);
}

TEST(Install, EveryRefusalLeavesNothingBehind) {
  World world(2);
  const auto refused = [&](const SessionSpec& spec) {
    const Usage before = world.writer.usage();
    const Status status = world.writer.install(spec, world.now());
    EXPECT_EQ(world.writer.usage().live, before.live);
    EXPECT_EQ(world.writer.usage().children, before.children);
    EXPECT_EQ(world.writer.find(spec.id), nullptr);
    return status;
  };
  SessionSpec spec = world.session(1);
  spec.child.inbound = Spi{0x12345678};
  EXPECT_EQ(refused(spec), Status::unknown_spi);
  spec = world.session(1);
  spec.child.outbound = Spi{255};
  EXPECT_EQ(refused(spec), Status::invalid) << "reserved SPI";
  spec = world.session(1);
  spec.child.suite = static_cast<common::Suite>(999);
  EXPECT_EQ(refused(spec), Status::invalid);
  spec = world.session(1);
  spec.child.inbound_encryption = spec.child.inbound_encryption.first(19);
  EXPECT_EQ(refused(spec), Status::invalid) << "key length";
  spec = world.session(1);
  spec.path.remote.address = *common::IpAddress::parse("2001:db8::1");
  EXPECT_EQ(refused(spec), Status::invalid);
  spec = world.session(1);
  world.clock.advance(std::chrono::seconds(61));
  (void)world.writer.poll(world.now());
  EXPECT_EQ(refused(spec), Status::unknown_spi) << "the reservation has expired";

  world.install(1);
  spec = world.session(2);
  spec.inner_v4 = test::kPoolFirst + 1;
  EXPECT_EQ(refused(spec), Status::address_in_use);
  world.install(2);
  EXPECT_EQ(refused(world.session(3)), Status::no_capacity);
}

TEST(Install, CapacityCountsTombstones) {
  World world(2);
  world.install(1);
  world.install(2);
  world.remove_completely(1);
  EXPECT_EQ(world.writer.install(world.session(3), world.now()), Status::no_capacity);
  EXPECT_EQ(world.writer.forget(SessionId{1}), Status::ok);
  EXPECT_EQ(world.writer.install(world.session(3), world.now()), Status::ok);
}

TEST(Install, OwnersAreSpreadOverWorkers) {
  World world(8, 2);
  std::array<int, 2> owned{};
  for (std::uint64_t id = 1; id <= 8; ++id) {
    world.install(id);
    ++owned.at(world.tables.find_session(world.ref(id))->owner.value());
  }
  EXPECT_EQ(owned[0], 4);
  EXPECT_EQ(owned[1], 4);
}

TEST(Sequence, StopsHardBeforeItWraps) {
  World world;
  SessionSpec spec = world.session(1);
  spec.child.esn = false;
  ASSERT_EQ(world.writer.install(spec, world.now()), Status::ok);
  OutboundSa* out = world.tables.find_session(world.ref(1))->outbound;
  out->sequence = 0xFFFFFFFE;
  EXPECT_EQ(out->take_sequence(), 0xFFFFFFFFU);
  EXPECT_EQ(out->take_sequence(), 0U);
  EXPECT_EQ(out->take_sequence(), 0U);
  EXPECT_EQ(out->sequence, 0xFFFFFFFFU);
}

class Rekey : public testing::Test {
 protected:
  Rekey() {
    old_ = world_.install(1);
    session_ = world_.tables.find_session(world_.ref(1));
    old_out_ = session_->outbound;
    next_ = world_.child(world_.spi(), 100);
    EXPECT_EQ(world_.writer.rekey(SessionId{1}, old_, next_, world_.now()), Status::ok);
  }
  [[nodiscard]] OutboundSa* new_out() {
    return session_->outbound.load() == old_out_ ? nullptr : session_->outbound.load();
  }
  void pass(std::chrono::milliseconds time) {
    world_.clock.advance(time);
    (void)world_.writer.poll(world_.now());
  }

  World world_;
  Spi old_;
  Session* session_ = nullptr;
  OutboundSa* old_out_ = nullptr;
  ChildSpec next_;
};

TEST_F(Rekey, BothReceiveAndTheOldOneSends) {
  ASSERT_NE(world_.tables.find_inbound(next_.inbound), nullptr);
  EXPECT_TRUE(world_.tables.find_inbound(next_.inbound)->announce_first);
  EXPECT_NE(world_.tables.find_inbound(old_), nullptr);
  EXPECT_EQ(new_out(), nullptr);
}

TEST_F(Rekey, OutboundSwitchesWithTheFirstPacketOnTheNewSa) {
  world_.writer.on_first_inbound(world_.ref(1), world_.tables.spi_layout().index(next_.inbound));
  ASSERT_NE(new_out(), nullptr);
  EXPECT_EQ(new_out()->spi, next_.outbound.value());
  pass(std::chrono::seconds(10));
  EXPECT_NE(world_.tables.find_inbound(old_), nullptr) << "receives until it is deleted";
}

TEST_F(Rekey, OutboundSwitchesWithThePeersDelete) {
  EXPECT_EQ(world_.writer.delete_child(SessionId{1}, old_, world_.now()), Status::ok);
  ASSERT_NE(new_out(), nullptr);
  EXPECT_EQ(world_.writer.delete_child(SessionId{1}, old_, world_.now()), Status::unchanged);
  pass(std::chrono::milliseconds(4999));
  EXPECT_NE(world_.tables.find_inbound(old_), nullptr);
  pass(std::chrono::milliseconds(1));
  EXPECT_EQ(world_.tables.find_inbound(old_), nullptr);
  EXPECT_EQ(world_.writer.delete_child(SessionId{1}, old_, world_.now()), Status::unknown_spi);
}

TEST_F(Rekey, OutboundSwitchesAfterTwoSeconds) {
  pass(std::chrono::milliseconds(1999));
  EXPECT_EQ(new_out(), nullptr);
  pass(std::chrono::milliseconds(1));
  EXPECT_NE(new_out(), nullptr);
}

TEST_F(Rekey, NewChildDeletedBeforeItWasUsed) {
  EXPECT_EQ(world_.writer.delete_child(SessionId{1}, next_.inbound, world_.now()), Status::ok);
  pass(std::chrono::seconds(6));
  EXPECT_EQ(new_out(), nullptr);
  EXPECT_EQ(session_->outbound.load(), old_out_);
  EXPECT_EQ(world_.tables.find_inbound(next_.inbound), nullptr);
}

TEST_F(Rekey, WithoutASuccessorNothingGoesOut) {
  EXPECT_EQ(world_.writer.delete_child(SessionId{1}, next_.inbound, world_.now()), Status::ok);
  EXPECT_EQ(world_.writer.delete_child(SessionId{1}, old_, world_.now()), Status::ok);
  EXPECT_EQ(session_->outbound.load(), nullptr);
  EXPECT_NE(world_.tables.find_inbound(old_), nullptr);
  // And a child that comes then is used at once: there is nothing to wait with.
  const ChildSpec third = world_.child(world_.spi(), 101);
  EXPECT_EQ(world_.writer.rekey(SessionId{1}, old_, third, world_.now()), Status::ok);
  EXPECT_EQ(session_->outbound.load()->spi, third.outbound.value());
}

TEST_F(Rekey, OutboundNeverGoesBackToAnOlderChild) {
  const ChildSpec third = world_.child(world_.spi(), 101);
  ASSERT_EQ(world_.writer.rekey(SessionId{1}, next_.inbound, third, world_.now()), Status::ok);
  world_.writer.on_first_inbound(world_.ref(1), world_.tables.spi_layout().index(third.inbound));
  ASSERT_EQ(session_->outbound.load()->spi, third.outbound.value());
  world_.writer.on_first_inbound(world_.ref(1), world_.tables.spi_layout().index(next_.inbound));
  pass(std::chrono::seconds(3));
  EXPECT_EQ(session_->outbound.load()->spi, third.outbound.value());
}

TEST_F(Rekey, WornOutPairsAreAnnouncedOnce) {
  const ids::SaIndex pair = world_.tables.spi_layout().index(old_);
  const auto notice = world_.writer.on_child_expiring(world_.ref(1), pair);
  ASSERT_TRUE(notice.has_value());
  EXPECT_EQ(notice->kind, Notice::Kind::child_expired);
  EXPECT_EQ(notice->inbound, old_);
  EXPECT_FALSE(world_.writer.on_child_expiring(world_.ref(1), pair).has_value());
  EXPECT_FALSE(world_.writer.on_child_expiring({}, pair).has_value());
  world_.writer.announce_again();
  EXPECT_TRUE(world_.writer.on_child_expiring(world_.ref(1), pair).has_value());
}

TEST_F(Rekey, RepetitionAndRefusals) {
  EXPECT_EQ(world_.writer.rekey(SessionId{1}, old_, next_, world_.now()), Status::unchanged);
  ChildSpec same_spi = next_;
  same_spi.key_id = common::KeyId{777};
  EXPECT_EQ(world_.writer.rekey(SessionId{1}, old_, same_spi, world_.now()), Status::invalid);
  const ChildSpec fresh = world_.child(world_.spi(), 102);
  EXPECT_EQ(world_.writer.rekey(SessionId{2}, old_, fresh, world_.now()), Status::unknown_session);
  EXPECT_EQ(world_.writer.rekey(SessionId{1}, Spi{4711}, fresh, world_.now()), Status::unknown_spi);
  ChildSpec unreserved = fresh;
  unreserved.inbound = Spi{0x77777777};
  EXPECT_EQ(world_.writer.rekey(SessionId{1}, old_, unreserved, world_.now()), Status::unknown_spi);
  for (std::uint64_t key = 200; key < 200 + TableWriter::kMaxChildren - 2; ++key)
    EXPECT_EQ(world_.writer.rekey(SessionId{1}, old_, world_.child(world_.spi(), key), world_.now()), Status::ok);
  EXPECT_EQ(world_.writer.rekey(SessionId{1}, old_, fresh, world_.now()), Status::no_capacity);
}

TEST_F(Rekey, CountersOfAllChildrenAreTheSessions) {
  session_->own.count_in(2, 200);
  world_.writer.on_first_inbound(world_.ref(1), world_.tables.spi_layout().index(next_.inbound));
  EXPECT_EQ(world_.writer.delete_child(SessionId{1}, old_, world_.now()), Status::ok);
  pass(std::chrono::seconds(6));
  session_->own.count_in(3, 300);
  session_->foreign.count_in(1, 50);
  const Totals totals = world_.writer.counters(*world_.writer.find(SessionId{1}));
  EXPECT_EQ(totals.in_packets, 6U);
  EXPECT_EQ(totals.in_octets, 550U);
}

TEST_F(Rekey, RetiredPlaceIsFreeOnlyAfterAGracePeriod) {
  world_.online(0);
  world_.quiescent(0);
  const auto used = world_.writer.usage().children;
  EXPECT_EQ(world_.writer.delete_child(SessionId{1}, old_, world_.now()), Status::ok);
  pass(std::chrono::seconds(5));
  ASSERT_EQ(world_.tables.find_inbound(old_), nullptr);
  pass(std::chrono::seconds(60));
  EXPECT_EQ(world_.writer.usage().children, used) << "reader 0 has not been quiescent since";
  world_.quiescent(0);
  pass(std::chrono::milliseconds(1));
  EXPECT_EQ(world_.writer.usage().children, used - 1);
}

TEST(Move, NewHeaderByOneStoreAndTheSpareOneWaits) {
  World world;
  const Spi spi = world.install(1);
  Session* session = world.tables.find_session(world.ref(1));
  OutboundSa* out = session->outbound;
  world.online(0);
  const esp::HeaderTemplate* first = out->header;
  const auto first_octets = first->octets;
  EXPECT_EQ(world.writer.on_peer_moved(world.ref(1), 0x01010101, 1111), SessionId{1});
  const esp::HeaderTemplate* second = out->header;
  EXPECT_NE(second, first);
  EXPECT_EQ(first->octets, first_octets) << "a reader may still be copying it";
  EXPECT_EQ(session->remote_v4, Session::pack(0x01010101, 1111));
  // Two more moves while reader 0 is in its turn: nothing is written where it may look.
  const auto second_octets = second->octets;
  EXPECT_TRUE(world.writer.on_peer_moved(world.ref(1), 0x02020202, 2222).has_value());
  EXPECT_TRUE(world.writer.on_peer_moved(world.ref(1), 0x03030303, 3333).has_value());
  (void)world.writer.poll(world.now());
  EXPECT_EQ(out->header, second);
  EXPECT_EQ(first->octets, first_octets);
  EXPECT_EQ(second->octets, second_octets);
  world.quiescent(0);
  (void)world.writer.poll(world.now());
  EXPECT_EQ(out->header, first) << "the spare one, with the last of the moves";
  EXPECT_EQ(out->header.load()->octets[16], 3) << "destination 3.3.3.3";
  EXPECT_EQ(world.writer.find(SessionId{1})->path.remote.port, 3333);
  EXPECT_NE(world.tables.find_inbound(spi), nullptr);
}

TEST(Move, OnlyWhereItMay) {
  World world;
  world.install(1);
  EXPECT_FALSE(world.writer.on_peer_moved(world.ref(1), 0xC6336401, 61000).has_value()) << "is there already";
  EXPECT_FALSE(world.writer.on_peer_moved(world.ref(1), 0, 61000).has_value()) << "no address";
  EXPECT_FALSE(world.writer.on_peer_moved({}, 1, 1).has_value());
  Path path = world.writer.find(SessionId{1})->path;
  path.mobike = true;
  EXPECT_EQ(world.writer.update_path(SessionId{1}, path, true), Status::ok);
  EXPECT_FALSE(world.tables.find_session(world.ref(1))->may_move);
  EXPECT_FALSE(world.writer.on_peer_moved(world.ref(1), 0x01010101, 1).has_value());
  EXPECT_EQ(world.writer.update_path(SessionId{9}, path, true), Status::unknown_session);
  path.remote.address = *common::IpAddress::parse("2001:db8::1");
  EXPECT_EQ(world.writer.update_path(SessionId{1}, path, true), Status::invalid);
}

TEST(Move, UpdatePathChangesWhatInboundPacketsMustLookLike) {
  World world;
  const Spi spi = world.install(1);
  Path path = world.writer.find(SessionId{1})->path;
  path.local.address = common::IpAddress::v4(0xC0000263);
  EXPECT_EQ(world.writer.update_path(SessionId{1}, path, false), Status::ok);
  EXPECT_EQ(world.tables.find_inbound(spi)->local_v4, 0xC0000263U);
  EXPECT_FALSE(world.tables.find_inbound(spi)->udp_encap);
  EXPECT_EQ(world.tables.find_session(world.ref(1))->outbound.load()->header.load()->udp_octets, 0);
}

TEST(Policy, RatesAndEnds) {
  World world;
  world.install(1);
  Session* session = world.tables.find_session(world.ref(1));
  EXPECT_EQ(session->end_tsc, kNeverTsc);
  const std::uint64_t end = common::unix_milliseconds(world.clock.wall()) + 10'000;
  EXPECT_EQ(world.writer.set_policy(SessionId{1}, {end, 0, 0, 1'000'000, 2'000'000}, world.now()), Status::ok);
  EXPECT_EQ(session->input_rate_bits, 1'000'000U);
  EXPECT_EQ(session->output_rate_bits, 2'000'000U);
  EXPECT_EQ(session->end_tsc, world.now().tsc + 10 * test::kHz);
  EXPECT_EQ(world.writer.set_policy(SessionId{2}, {}, world.now()), Status::unknown_session);
}

TEST(Watch, EndsIdlenessAndSignsOfLife) {
  World world(4);
  SessionSpec spec = world.session(1);
  const std::uint64_t start = common::unix_milliseconds(world.clock.wall());
  spec.policy.idle_timeout_s = 20;
  spec.child.end_unix_ms = start + 60'000;
  ASSERT_EQ(world.writer.install(spec, world.now()), Status::ok);
  const auto kinds = [&] {
    std::vector<Notice::Kind> seen;
    for (int slice = 0; slice < 2; ++slice)
      for (const Notice& notice : world.writer.watch(2, world.now())) {
        EXPECT_EQ(notice.id, SessionId{1});
        seen.push_back(notice.kind);
      }
    return seen;
  };
  using enum Notice::Kind;
  EXPECT_TRUE(kinds().empty());
  world.clock.advance(std::chrono::seconds(10));
  world.tables.find_session(world.ref(1))->own.last_in_tsc.set(world.now().tsc);
  EXPECT_EQ(kinds(), std::vector{inbound_seen});
  world.clock.advance(std::chrono::milliseconds(19'999));
  EXPECT_TRUE(kinds().empty());
  world.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(kinds(), std::vector{idle_expired});
  EXPECT_TRUE(kinds().empty()) << "said once";
  world.clock.advance(std::chrono::seconds(30));
  EXPECT_EQ(kinds(), (std::vector{child_expired, lifetime_reached}));
  EXPECT_TRUE(kinds().empty());
}

TEST(Watch, SessionTimeoutIsAnAbsoluteTime) {
  World world(2);
  SessionSpec spec = world.session(1);
  spec.policy.session_end_unix_ms = common::unix_milliseconds(world.clock.wall()) + 5'000;
  ASSERT_EQ(world.writer.install(spec, world.now()), Status::ok);
  EXPECT_TRUE(world.writer.watch(2, world.now()).empty());
  world.clock.advance(std::chrono::seconds(5));
  const auto notices = world.writer.watch(2, world.now());
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].kind, Notice::Kind::lifetime_reached);
}

TEST(Selectors, RangesPortsAndProtocols) {
  Selectors selectors;
  selectors.local_used = 1;
  selectors.local[0] = {0x0A000000, 0x0A0000FF, 0, 0xFFFF, 0};
  selectors.remote_used = 2;
  selectors.remote[0] = {0x0A090001, 0x0A090001, 1000, 2000, 17};
  selectors.remote[1] = {0xFFFFFFFF, 0xFFFFFFFF, 0, 0xFFFF, 0};
  EXPECT_TRUE(selectors.allow({0x0A000000, 53}, {0x0A090001, 1000}, 17));
  EXPECT_TRUE(selectors.allow({0x0A0000FF, 53}, {0x0A090001, 2000}, 17));
  EXPECT_TRUE(selectors.allow({0x0A0000FF, 53}, {0xFFFFFFFF, 0}, 6));
  EXPECT_FALSE(selectors.allow({0x0A000100, 53}, {0x0A090001, 1000}, 17));
  EXPECT_FALSE(selectors.allow({0x09FFFFFF, 53}, {0x0A090001, 1000}, 17));
  EXPECT_FALSE(selectors.allow({0x0A000000, 53}, {0x0A090001, 999}, 17));
  EXPECT_FALSE(selectors.allow({0x0A000000, 53}, {0x0A090001, 2001}, 17));
  EXPECT_FALSE(selectors.allow({0x0A000000, 53}, {0x0A090001, 1000}, 6));
  EXPECT_FALSE(selectors.allow({0x0A000000, 53}, {0x0A090002, 1000}, 17));
  EXPECT_FALSE(Selectors{}.allow({0, 0}, {0, 0}, 0)) << "no selector allows nothing";
}

TEST(Clocks, WallTimesBecomeCyclesAndBack) {
  Now now{{}, common::WallTime{std::chrono::seconds(1000)}, 5'000, 1'000};
  EXPECT_EQ(now.tsc_at(0), kNeverTsc);
  EXPECT_EQ(now.tsc_at(1), 5'000U) << "past";
  EXPECT_EQ(now.tsc_at(1'002'500), 7'500U);
  EXPECT_EQ(now.tsc_at(~std::uint64_t{0}),
            (static_cast<__uint128_t>(~std::uint64_t{0}) - 1'000'000) * 1'000 / 1'000 + 5'000 > kNeverTsc
                ? kNeverTsc
                : ~std::uint64_t{0} - 1'000'000 + 5'000);
  EXPECT_EQ(now.unix_ms_at(0), 0U);
  EXPECT_EQ(now.unix_ms_at(4'000), 999'000U);
  EXPECT_EQ(now.unix_ms_at(9'000), 1'000'000U) << "a cycle counter read later";
}

}  // namespace
}  // namespace dataplane::sa
