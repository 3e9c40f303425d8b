// Repeated requests: one deed, one answer, for as long as the packet could be repeated.

#include "tests/unit/cp_dae/support.hpp"

namespace controlplane::dae {
namespace {

using namespace std::chrono_literals;

class Duplicates : public PipelineTest {
 protected:
  [[nodiscard]] common::Bytes stamped(std::uint8_t identifier, std::int64_t offset) {
    return make_request(identifier, [&](PacketWriter& writer) {
      writer.avpair("audit-session-id", kAuditId);
      writer.number(attribute::kEventTimestamp, static_cast<std::uint32_t>(unix_now() + offset));
    });
  }
  [[nodiscard]] bool is_new(common::ByteView octets, std::uint16_t port = 50567) {
    return std::holds_alternative<Disconnect>(receive(octets, kCisco, port));
  }
};

TEST_F(Duplicates, SilentWhileInProgressThenTheSameOctets) {
  const auto request = golden_request();
  Decision first = receive(request);
  ASSERT_TRUE(std::holds_alternative<Disconnect>(first));
  for (int i = 0; i < 3; ++i) {
    const Decision again = receive(request);
    ASSERT_TRUE(std::holds_alternative<Silence>(again));
    EXPECT_EQ(std::get<Silence>(again).why, Discard::in_progress);
  }
  const Request& kept = *std::get<Disconnect>(first).request;
  auto approval = std::get<Approval>(pipeline().choose(kept, 1));
  EXPECT_EQ(pipeline().in_progress(), 1U);
  const Answer ack = pipeline().acknowledge(kept, approval.ack, 1);
  EXPECT_EQ(approval.durable.reply, ack.reply);
  EXPECT_EQ(pipeline().in_progress(), 0U);
  clock_.advance(100s);
  Decision later = receive(request);
  ASSERT_TRUE(std::holds_alternative<Answer>(later));
  EXPECT_TRUE(std::get<Answer>(later).repeated);
  EXPECT_EQ(std::get<Answer>(later).reply, ack.reply);
  EXPECT_EQ(counters().disconnect.requests, 5U);
  EXPECT_EQ(counters().disconnect.duplicate_requests, 4U);
  EXPECT_EQ(counters().disconnect.acks, 1U);
}

TEST_F(Duplicates, ANakIsRememberedToo) {
  const auto request = golden_request();
  const auto nak = answer(request, 0);
  EXPECT_EQ(answer(request, 1), nak);  // also if such a session has come since
  const auto refused = make_request(3, [](PacketWriter&) {});
  EXPECT_EQ(answer(refused), answer(refused));
  EXPECT_EQ(counters().disconnect.naks, 2U);
}

TEST_F(Duplicates, WhatMakesARequestAnother) {
  const auto request = golden_request(1);
  EXPECT_TRUE(is_new(request));
  EXPECT_FALSE(is_new(request));
  EXPECT_TRUE(is_new(request, 50568));                                      // another port
  EXPECT_TRUE(is_new(golden_request(2)));                                   // another Identifier
  EXPECT_TRUE(is_new(golden_request(1, "another id")));                     // same Identifier, another authenticator
  EXPECT_FALSE(is_new(request));                                            // and the older one is not forgotten for it
  EXPECT_TRUE(std::holds_alternative<Disconnect>(receive(request, kRfc)));  // another address
}

TEST_F(Duplicates, AnsweredForTheWholeWindowAndNotLonger) {
  const auto request = golden_request();
  const auto ack = answer(request);
  clock_.advance(300s);
  EXPECT_EQ(answer(request), ack);
  clock_.advance(1s);
  EXPECT_TRUE(is_new(request));
}

TEST_F(Duplicates, RememberedAsLongAsItsTimestampIsCurrent) {
  // A client whose clock is 200 s ahead: its packet stays within the window for 500 s.
  const auto request = stamped(1, 200);
  const auto ack = answer(request);
  clock_.advance(500s);
  EXPECT_EQ(answer(request), ack);
  clock_.advance(1s);
  const Decision late = receive(request);
  ASSERT_TRUE(std::holds_alternative<Silence>(late));
  EXPECT_EQ(std::get<Silence>(late).why, Discard::stale_timestamp);
}

TEST_F(Duplicates, AReplayOfATimestampIsNeverActedUponTwice) {
  for (int offset = -300; offset <= 300; offset += 50) {
    SCOPED_TRACE(offset);
    const auto request = stamped(static_cast<std::uint8_t>(offset / 50 + 100), offset);
    ASSERT_TRUE(is_ack(answer(request)));
    const common::WallTime from = clock_.wall();
    for (int s = 0; s < 700; s += 7) {
      clock_.advance(7s);
      EXPECT_FALSE(is_new(request)) << s;
    }
    (void)from;
  }
}

TEST_F(Duplicates, InProgressOutlivesTheWindow) {
  const auto request = golden_request();
  Decision first = receive(request);
  const auto kept = std::get<Disconnect>(first).request;
  clock_.advance(2000s);
  EXPECT_FALSE(is_new(request));
  auto approval = std::get<Approval>(pipeline().choose(*kept, 1));
  (void)pipeline().acknowledge(*kept, approval.ack, 1);
  EXPECT_EQ(answer(request), approval.ack);
  clock_.advance(1000s);
  (void)receive(golden_request(9));
  EXPECT_TRUE(is_new(request));
}

TEST_F(Duplicates, MoreThan256RequestsAWindowFromOnePort) {
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(is_ack(answer(golden_request(static_cast<std::uint8_t>(i), "id-" + std::to_string(i)))));
  EXPECT_EQ(pipeline().remembered(), 1000U);
  for (int i = 0; i < 1000; ++i)
    ASSERT_FALSE(is_new(golden_request(static_cast<std::uint8_t>(i), "id-" + std::to_string(i))));
  clock_.advance(302s);
  (void)receive(golden_request(1, "later"));
  EXPECT_EQ(pipeline().remembered(), 1U);
}

TEST_F(Duplicates, AFullCacheRefusesRatherThanForgets) {
  limits_.duplicates = 3;
  for (std::uint8_t i = 0; i < 3; ++i) ASSERT_TRUE(is_ack(answer(golden_request(i))));
  EXPECT_EQ(cause_of(answer(golden_request(3))), 506U);
  EXPECT_EQ(cause_of(answer(golden_request(3))), 506U);
  EXPECT_EQ(counters().nak_causes.at(ErrorCause::resources_unavailable), 2U);
  EXPECT_FALSE(is_new(golden_request(0)));
  clock_.advance(302s);
  EXPECT_TRUE(is_ack(answer(golden_request(3))));
}

TEST_F(Duplicates, TooManyInProgressAreRefused) {
  limits_.in_progress = 2;
  EXPECT_TRUE(is_new(golden_request(0)));
  EXPECT_TRUE(is_new(golden_request(1)));
  EXPECT_EQ(cause_of(answer(golden_request(2))), 506U);
  EXPECT_EQ(pipeline().in_progress(), 2U);
}

TEST_F(Duplicates, AnswersOfAnEarlierRunAreGivenAgain) {
  const auto request = golden_request();
  const auto packet = radius::wire::parse_packet(request).value();
  radius::StoredReply stored;
  stored.client = {ip(kCisco), 50567};
  stored.local_port = 1812;
  stored.identifier = packet.identifier;
  stored.authenticator = packet.authenticator;
  stored.reply = common::Bytes(20, 0x29);
  stored.expires = clock_.wall() + 10s;
  radius::StoredReply expired = stored;
  expired.identifier = 1;
  expired.expires = clock_.wall();
  pipeline().restore(std::array{stored, expired}, now());
  EXPECT_EQ(pipeline().remembered(), 1U);
  EXPECT_EQ(answer(request), stored.reply);
  clock_.advance(11s);
  EXPECT_TRUE(is_new(request));
}

/// P3: the answer that goes to disk with the Stop is there for the retransmission after a crash, as long as it would
/// have been remembered without one.
TEST_F(Duplicates, TheStoredAnswerOutlivesTheProcess) {
  const auto ahead = make_request(2, [&](PacketWriter& writer) {
    writer.avpair("audit-session-id", kAuditId);
    writer.number(attribute::kEventTimestamp, unix_now() + 200);
  });
  for (const auto& [request, hold] : {std::pair(golden_request(), 301s), std::pair(ahead, 501s)}) {
    const auto first = receive(request);
    const auto approval = std::get<Approval>(pipeline().choose(*std::get<Disconnect>(first).request, 1));
    EXPECT_EQ(approval.durable.expires, clock_.wall() + hold);
    for (const auto& [later, answered] : {std::pair(hold - 1s, true), std::pair(hold, false)}) {
      const Now then{clock_.monotonic() + later, clock_.wall() + later};
      Pipeline restarted(config_, {}, trace_);
      restarted.restore(std::array{approval.durable}, then);
      EXPECT_EQ(restarted.remembered(), answered ? 1U : 0U);
      const Decision again = restarted.receive({{ip(kCisco), 50567}, 1812, device_, request}, then);
      EXPECT_EQ(std::holds_alternative<Answer>(again) && std::get<Answer>(again).reply == approval.ack, answered);
    }
  }
}

}  // namespace
}  // namespace controlplane::dae
