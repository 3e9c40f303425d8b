// What gets no answer: each case with its own counter and the MIB's, and without leaving anything behind (P5).

#include "tests/unit/cp_dae/support.hpp"

namespace controlplane::dae {
namespace {

class Discards : public PipelineTest {
 protected:
  /// Sends it, expects silence for that reason, and that nothing else moved.
  void expect_silence(const common::Bytes& octets, Discard why, std::string_view from = kCisco) {
    SCOPED_TRACE(to_string(why));
    const std::size_t remembered = pipeline().remembered();
    const std::uint64_t before = counters(from).discarded(why);
    const Decision decision = receive(octets, from);
    const auto* silence = std::get_if<Silence>(&decision);
    ASSERT_NE(silence, nullptr);
    EXPECT_EQ(silence->why, why);
    EXPECT_EQ(counters(from).discarded(why), before + 1);
    EXPECT_EQ(pipeline().remembered(), remembered);
    EXPECT_EQ(counters(from).disconnect.acks + counters(from).disconnect.naks, 0U);
  }
};

TEST_F(Discards, UnknownClient) {
  for (const std::string_view from : {"9.45.15.146", "192.0.2.1", "2001:db8::5", "::ffff:9.45.15.144"}) {
    const Decision decision = receive(golden_request(), from);
    ASSERT_TRUE(std::holds_alternative<Silence>(decision));
    EXPECT_EQ(std::get<Silence>(decision).why, Discard::unknown_client);
  }
  EXPECT_EQ(pipeline().counters().disconnect_invalid_client_addresses, 4U);
  EXPECT_EQ(pipeline().counters().coa_invalid_client_addresses, 0U);
  (void)receive(make_request(1, [](PacketWriter&) {}, Code::coa_request), "192.0.2.1");
  EXPECT_EQ(pipeline().counters().coa_invalid_client_addresses, 1U);
  (void)receive({}, "192.0.2.1");
  EXPECT_EQ(pipeline().counters().disconnect_invalid_client_addresses, 5U);
}

TEST_F(Discards, ShorterThanAHeaderOrThanItsLength) {
  const common::Bytes whole = golden_request();
  for (const std::size_t octets : {0U, 1U, 19U, 20U, 83U})
    expect_silence({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(octets)}, Discard::truncated);
  EXPECT_EQ(counters().disconnect.malformed, 5U);
  EXPECT_EQ(counters().disconnect.requests, 0U);
}

TEST_F(Discards, LengthOutsideTheLimits) {
  common::Bytes short_length = golden_request();
  short_length[3] = 19;
  expect_silence(short_length, Discard::bad_length);
  common::Bytes long_length(5000);
  long_length[0] = 40;
  long_length[2] = 4097 >> 8;
  long_length[3] = 4097 & 0xff;
  expect_silence(long_length, Discard::bad_length);
  common::Bytes coa = short_length;
  coa[0] = 43;
  expect_silence(coa, Discard::bad_length);
  EXPECT_EQ(counters().disconnect.malformed, 2U);
  EXPECT_EQ(counters().coa.malformed, 1U);
}

TEST_F(Discards, OtherCodes) {
  common::Bytes packet = golden_request();
  for (const std::uint8_t code : {0, 1, 2, 4, 39, 41, 42, 44, 45, 255}) {
    packet[0] = code;
    expect_silence(packet, Discard::unknown_code);
  }
  EXPECT_EQ(counters().unknown_types, 10U);
  EXPECT_EQ(counters().disconnect.malformed, 0U);
}

TEST_F(Discards, AttributesThatDoNotAddUp) {
  for (const std::uint8_t length : {0, 1, 63, 65, 255}) {
    common::Bytes packet = golden_request();
    packet[21] = length;  // of the only attribute, which has 64
    expect_silence(packet, Discard::malformed);
  }
  EXPECT_EQ(counters().disconnect.malformed, 5U);
  EXPECT_EQ(counters().disconnect.requests, 5U);
}

TEST_F(Discards, WrongKeyOrAnyChangedBit) {
  expect_silence(make_request(
                     1, [](PacketWriter& w) { w.avpair("audit-session-id", kAuditId); }, Code::disconnect_request,
                     "another secret"),
                 Discard::bad_authenticator);
  const common::Bytes whole = golden_request();
  // Each octet but the code and the lengths, which fail before.
  for (std::size_t at = 1; at < whole.size(); ++at) {
    if (at == 2 || at == 3 || at == 21) continue;
    common::Bytes packet = whole;
    packet[at] ^= 1;
    expect_silence(packet, Discard::bad_authenticator);
  }
  EXPECT_EQ(counters().disconnect.bad_authenticators, 81U);
}

TEST_F(Discards, WrongMessageAuthenticator) {
  // A right Request Authenticator over a wrong Message-Authenticator: written as a plain attribute.
  const auto with = [&](std::size_t octets, int times) {
    return make_request(1, [&](PacketWriter& writer) {
      for (int i = 0; i < times; ++i) writer.octets(attribute::kMessageAuthenticator, common::Bytes(octets, 0xaa));
      writer.avpair("audit-session-id", kAuditId);
    });
  };
  expect_silence(with(16, 1), Discard::bad_message_authenticator);
  expect_silence(with(15, 1), Discard::bad_message_authenticator);
  expect_silence(with(0, 1), Discard::bad_message_authenticator);
  expect_silence(with(16, 2), Discard::bad_message_authenticator);
  EXPECT_EQ(counters().disconnect.bad_authenticators, 4U);
}

TEST_F(Discards, MissingMessageAuthenticator) {
  config_.clients[0].require_message_authenticator = true;
  expect_silence(golden_request(), Discard::missing_message_authenticator);
  EXPECT_EQ(counters().disconnect.packets_dropped, 1U);
  EXPECT_TRUE(is_ack(answer(make_request(2, [](PacketWriter& writer) {
    writer.message_authenticator();
    writer.avpair("audit-session-id", kAuditId);
  }))));
}

TEST_F(Discards, StaleTimestamp) {
  const auto at = [&](std::int64_t offset) {
    return make_request(1, [&](PacketWriter& writer) {
      writer.avpair("audit-session-id", kAuditId);
      writer.number(attribute::kEventTimestamp, static_cast<std::uint32_t>(unix_now() + offset));
    });
  };
  expect_silence(at(-301), Discard::stale_timestamp);
  expect_silence(at(301), Discard::stale_timestamp);
  expect_silence(make_request(1, [](PacketWriter& w) { w.number(attribute::kEventTimestamp, 0); }),
                 Discard::stale_timestamp);
  expect_silence(make_request(1, [](PacketWriter& w) { w.number(attribute::kEventTimestamp, 0xffffffff); }),
                 Discard::stale_timestamp);
  expect_silence(make_request(1, [](PacketWriter& w) { w.octets(attribute::kEventTimestamp, common::Bytes(3)); }),
                 Discard::stale_timestamp);
  // The worst of several decides.
  expect_silence(make_request(1,
                              [&](PacketWriter& w) {
                                w.number(attribute::kEventTimestamp, unix_now());
                                w.number(attribute::kEventTimestamp, unix_now() - 301);
                              }),
                 Discard::stale_timestamp);
  EXPECT_EQ(counters().disconnect.packets_dropped, 6U);
  EXPECT_TRUE(std::holds_alternative<Disconnect>(receive(at(-300))));
  EXPECT_TRUE(std::holds_alternative<Disconnect>(receive(at(300))));
}

TEST_F(Discards, MissingTimestamp) {
  config_.clients[0].require_event_timestamp = true;
  expect_silence(golden_request(), Discard::missing_timestamp);
  EXPECT_EQ(counters().disconnect.packets_dropped, 1U);
}

TEST_F(Discards, WindowIsConfigured) {
  config_.window = config::Seconds(10);
  const auto at = [&](std::int64_t offset) {
    return make_request(1, [&](PacketWriter& writer) {
      writer.avpair("audit-session-id", kAuditId);
      writer.number(attribute::kEventTimestamp, static_cast<std::uint32_t>(unix_now() + offset));
    });
  };
  expect_silence(at(-11), Discard::stale_timestamp);
  EXPECT_TRUE(std::holds_alternative<Disconnect>(receive(at(-10))));
}

TEST_F(Discards, TheOrderOfChecksIsTheOneWritten) {
  config_.clients[0].require_message_authenticator = true;
  config_.clients[0].require_event_timestamp = true;
  // Everything is wrong with it; what is checked first is what counts.
  common::Bytes packet = make_request(1, [](PacketWriter& w) { w.number(attribute::kEventTimestamp, 1); });
  packet[4] ^= 1;
  packet[0] = 99;
  packet[21] = 1;
  packet[3] = 200;
  expect_silence(packet, Discard::truncated);
  packet[3] = 26;
  expect_silence(packet, Discard::unknown_code);
  packet[0] = 40;
  expect_silence(packet, Discard::malformed);
  packet[21] = 6;
  expect_silence(packet, Discard::bad_authenticator);
  packet[4] ^= 1;
  packet[0] = 40;
  expect_silence(packet, Discard::missing_message_authenticator);
  expect_silence(make_request(1,
                              [](PacketWriter& w) {
                                w.message_authenticator();
                                w.number(attribute::kEventTimestamp, 1);
                              }),
                 Discard::stale_timestamp);
}

TEST_F(Discards, OctetsBehindLengthArePadding) {
  common::Bytes padded = golden_request();
  padded.resize(2000, 0xee);
  EXPECT_TRUE(is_ack(answer(padded)));
}

TEST(Names, EveryDiscardHasItsOwn) {
  std::vector<std::string_view> seen;
  for (std::size_t i = 0; i < kDiscards; ++i) {
    const std::string_view name = to_string(static_cast<Discard>(i));
    EXPECT_NE(name, "unknown");
    EXPECT_EQ(std::count(seen.begin(), seen.end(), name), 0) << name;
    seen.push_back(name);
  }
}

TEST(Names, TheMibsTableIsComplete) {
  ClientCounters counters;
  const auto names = rfc4673(counters);
  EXPECT_EQ(names.size(), 23U);
  for (const auto& [name, value] : names) {
    EXPECT_EQ(name.substr(0, 17), "radiusDynAuthServ");
    EXPECT_EQ(value, 0U);
  }
}

}  // namespace
}  // namespace controlplane::dae
