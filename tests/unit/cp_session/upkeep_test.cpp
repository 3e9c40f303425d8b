// Interims and counter refresh.

#include "tests/unit/cp_session/fakes.hpp"

namespace controlplane::session {
namespace {

using namespace std::chrono_literals;

class UpkeepTest : public SessionsTest {
 protected:
  UpkeepTest() {
    start();
    tick(0s);
  }
  void tick(common::Duration by) {
    clock.advance(by);
    sessions->on_timer();
    loop.run();
  }
  [[nodiscard]] static radius::Grant with_interim(std::chrono::seconds interval) {
    radius::Grant grant;
    grant.interim_interval = interval;
    return grant;
  }
};

TEST_F(UpkeepTest, InterimsCarryFreshCountersOncePerInterval) {
  const SessionId id = up("a@example.org", with_interim(100s));
  tick(89s);
  EXPECT_TRUE(spool.interims.empty());
  tick(11s);
  ASSERT_EQ(spool.interims.size(), 1U);
  EXPECT_EQ(spool.interims[0].counters.in_octets, 100U);
  EXPECT_EQ(spool.interims[0].session_seconds, 100U);
  link.traffic(id.value(), 50);
  for (int i = 0; i < 100; ++i) tick(1s);
  ASSERT_EQ(spool.interims.size(), 2U);
  EXPECT_EQ(spool.interims[1].counters.in_octets, 150U);
  EXPECT_EQ(sessions->snapshot(id)->interims_sent, 2U);
}

TEST_F(UpkeepTest, NoInterimAfterTheEndHasBegun) {
  const SessionId id = up("a@example.org", with_interim(100s));
  clock.advance(100s);
  sessions->on_timer();  // counters are asked for
  link.hold_removals = true;
  revoke({id});
  loop.run();
  EXPECT_TRUE(spool.interims.empty());
  tick(200s);
  EXPECT_TRUE(spool.interims.empty());
}

TEST_F(UpkeepTest, NoIntervalNoInterim) {
  (void)up();
  tick(10'000s);
  EXPECT_TRUE(spool.interims.empty());
}

TEST_F(UpkeepTest, InterimsOfADeadChannelRepeatTheLastCounters) {
  (void)up("a@example.org", with_interim(100s));
  link.disconnect();
  tick(100s);
  ASSERT_EQ(spool.interims.size(), 1U);
  EXPECT_EQ(spool.interims[0].counters.in_octets, 0U);
}

TEST_F(UpkeepTest, OpenRowsLearnTheCounters) {
  const SessionId id = up();
  tick(60s);
  EXPECT_EQ(spool.open.at(id.value()).counters.in_octets, 100U);
  link.traffic(id.value(), 11);
  tick(59s);
  EXPECT_EQ(spool.open.at(id.value()).counters.in_octets, 100U);
  tick(1s);
  EXPECT_EQ(spool.open.at(id.value()).counters.in_octets, 111U);
}

TEST_F(UpkeepTest, ShowAsksForFreshCounters) {
  const SessionId id = up();
  bool done = false;
  sessions->refresh_counters({}, [&] { done = true; });
  EXPECT_FALSE(done);
  loop.run();
  EXPECT_TRUE(done);
  EXPECT_EQ(sessions->snapshot(id)->counters.out_octets, 200U);
  link.disconnect();
  done = false;
  sessions->refresh_counters({id}, [&] { done = true; });
  loop.run();
  EXPECT_TRUE(done);
  done = false;
  sessions->refresh_counters({SessionId{99}}, [&] { done = true; });
  loop.run();
  EXPECT_TRUE(done);
}

TEST_F(UpkeepTest, IdleTimeCountsFromTheLastPacketOfEitherDirection) {
  const SessionId id = up();
  clock.advance(30s);
  EXPECT_EQ(sessions->snapshot(id)->idle, 30s);
  link.sessions.at(id.value()).counters.last_out_unix_ms = common::unix_milliseconds(clock.wall());
  clock.advance(5s);
  sessions->refresh_counters({id}, nullptr);
  loop.run();
  EXPECT_EQ(sessions->snapshot(id)->idle, 5s);
}

TEST_F(UpkeepTest, SnapshotHasWhatShowPrints) {
  radius::Grant grant;
  grant.session_timeout = 3600s;
  grant.classes = {{1}};
  const SessionId id = up("alice@example.org", std::move(grant));
  const auto shot = sessions->snapshot(id);
  ASSERT_TRUE(shot);
  EXPECT_EQ(shot->user_name, "alice@example.org");
  EXPECT_EQ(shot->phase1_id, "alice@example.org");
  EXPECT_EQ(shot->pool, "vpn");
  EXPECT_EQ(shot->method_list, "default");
  EXPECT_TRUE(shot->start_sent);
  EXPECT_TRUE(shot->established);
  EXPECT_EQ(shot->session_timeout, 3600s);
  EXPECT_EQ(shot->class_attributes, 1U);
  EXPECT_EQ(shot->ike, "Encr: AES-GCM, keysize: 256");
  EXPECT_EQ(shot->child->inbound_spi, common::Spi{0x1000});
  EXPECT_FALSE(sessions->snapshot(SessionId{99}));
  const auto totals = sessions->totals();
  EXPECT_EQ(totals.begun, 1U);
  EXPECT_EQ(totals.established_now, 1U);
  EXPECT_EQ(totals.pending_now, 0U);
}

}  // namespace
}  // namespace controlplane::session
