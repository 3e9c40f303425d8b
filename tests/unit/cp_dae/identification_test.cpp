// Steps 9 to 14: which attributes may be there, whom they name, and what is refused with which Error-Cause.

#include "tests/unit/cp_dae/support.hpp"

namespace controlplane::dae {
namespace {

using Fill = std::function<void(PacketWriter&)>;

class Identification : public PipelineTest {
 protected:
  [[nodiscard]] std::optional<std::uint32_t> cause(const Fill& fill, std::string_view from = kCisco,
                                                   std::size_t matches = 1) {
    return cause_of(answer(make_request(next_++, fill), matches, from));
  }
  [[nodiscard]] session::Selector selector(const Fill& fill) {
    Decision decision = receive(make_request(next_++, fill));
    const auto* disconnect = std::get_if<Disconnect>(&decision);
    EXPECT_NE(disconnect, nullptr);
    return disconnect == nullptr ? session::Selector{} : disconnect->request->selector;
  }
  static void audit(PacketWriter& writer) { writer.avpair("audit-session-id", kAuditId); }

  std::uint8_t next_ = 0;
};

TEST_F(Identification, EveryCombinationOfIdsReachesTheSelector) {
  for (unsigned which = 1; which < 32; ++which) {
    SCOPED_TRACE(which);
    const session::Selector got = selector([&](PacketWriter& writer) {
      if (which & 1U) audit(writer);
      if (which & 2U) writer.text(attribute::kAcctSessionId, "0000002A");
      if (which & 4U) writer.text(attribute::kUserName, "alice");
      if (which & 8U) writer.address(attribute::kFramedIpAddress, ip("10.0.0.7"));
      if (which & 16U) writer.text(attribute::kCallingStationId, "198.51.100.4");
    });
    EXPECT_EQ(got.audit_session_id.has_value(), (which & 1U) != 0);
    EXPECT_EQ(got.acct_session_id.has_value(), (which & 2U) != 0);
    EXPECT_EQ(got.user_name.has_value(), (which & 4U) != 0);
    EXPECT_EQ(got.framed_ip_address.has_value(), (which & 8U) != 0);
    EXPECT_EQ(got.calling_station_id.has_value(), (which & 16U) != 0);
    if (got.acct_session_id) EXPECT_EQ(*got.acct_session_id, "0000002A");
    if (got.framed_ip_address) EXPECT_EQ(*got.framed_ip_address, ip("10.0.0.7"));
    EXPECT_FALSE(got.unique_id.has_value());
  }
}

TEST_F(Identification, AnIdGivenTwiceMustAgreeWithItself) {
  EXPECT_TRUE(is_ack(answer(make_request(1, [](PacketWriter& writer) {
    writer.text(attribute::kUserName, "alice");
    writer.text(attribute::kUserName, "alice");
  }))));
  // Either of them may exist; together they name nobody.
  EXPECT_EQ(cause(
                [](PacketWriter& writer) {
                  writer.text(attribute::kUserName, "alice");
                  writer.text(attribute::kUserName, "bob");
                },
                kRfc),
            503U);
  EXPECT_EQ(cause(
                [](PacketWriter& writer) {
                  audit(writer);
                  writer.avpair("audit-session-id", "another");
                },
                kRfc),
            503U);
}

TEST_F(Identification, NoIdIsMissingAttribute) {
  for (const std::string_view from : {kCisco, kRfc}) {
    EXPECT_EQ(cause([](PacketWriter&) {}, from), 402U);
    EXPECT_EQ(cause([](PacketWriter& writer) { writer.address(attribute::kNasIpAddress, ip("192.168.202.1")); }, from),
              402U);
  }
  EXPECT_EQ(cause([](PacketWriter& writer) { writer.avpair("ip:inacl#1", "x"); }), 402U);
}

TEST_F(Identification, BadValuesOfIds) {
  EXPECT_EQ(cause([](PacketWriter& writer) { writer.octets(attribute::kFramedIpAddress, common::Bytes(3)); }), 407U);
  EXPECT_EQ(cause([](PacketWriter& writer) { writer.octets(attribute::kFramedIpAddress, common::Bytes(16)); }), 407U);
  EXPECT_EQ(cause([](PacketWriter& writer) { writer.octets(attribute::kUserName, {}); }), 407U);
  EXPECT_EQ(cause([](PacketWriter& writer) { writer.avpair("audit-session-id", ""); }), 407U);
  EXPECT_EQ(cause([](PacketWriter& writer) { writer.octets(attribute::kNasIpAddress, common::Bytes(5)); }), 407U);
  EXPECT_EQ(cause([](PacketWriter& writer) { writer.octets(attribute::kNasIpv6Address, common::Bytes(4)); }), 407U);
}

TEST_F(Identification, NasIdsMustNameUs) {
  const auto with = [](const Fill& nas) {
    return [nas](PacketWriter& writer) {
      nas(writer);
      audit(writer);
    };
  };
  for (const std::string_view from : {kCisco, kRfc}) {
    EXPECT_EQ(cause(with([](PacketWriter& w) { w.address(attribute::kNasIpAddress, ip("192.168.202.2")); }), from),
              403U);
    EXPECT_EQ(cause(with([](PacketWriter& w) { w.address(attribute::kNasIpv6Address, ip("2001:db8::2")); }), from),
              403U);
    EXPECT_EQ(cause(with([](PacketWriter& w) { w.text(attribute::kNasIdentifier, "Portcullis"); }), from), 403U);
    // One that is right does not hide one that is not.
    EXPECT_EQ(cause(with([](PacketWriter& w) {
                      w.text(attribute::kNasIdentifier, "other");
                      w.address(attribute::kNasIpAddress, ip("192.168.202.1"));
                    }),
                    from),
              403U);
    EXPECT_EQ(cause(with([](PacketWriter& w) {
                      w.text(attribute::kNasIdentifier, "portcullis");
                      w.address(attribute::kNasIpAddress, ip("192.168.202.1"));
                      w.address(attribute::kNasIpv6Address, ip("2001:db8::1"));
                    }),
                    from),
              std::nullopt);
  }
  pipeline().add_nas_address(ip("192.168.202.2"));
  EXPECT_EQ(cause(with([](PacketWriter& w) { w.address(attribute::kNasIpAddress, ip("192.168.202.2")); })),
            std::nullopt);
  // A new configuration does not make us forget under which addresses sessions began.
  pipeline().reload(config_, NasNames{{ip("192.168.202.9")}, "portcullis"});
  EXPECT_EQ(cause(with([](PacketWriter& w) { w.address(attribute::kNasIpAddress, ip("192.168.202.2")); })),
            std::nullopt);
}

TEST_F(Identification, EveryOtherAttributeIsUnsupportedOrTolerated) {
  for (unsigned type = 1; type < 256; ++type) {
    switch (type) {
      case attribute::kUserName:
      case attribute::kNasIpAddress:
      case attribute::kFramedIpAddress:
      case attribute::kVendorSpecific:
      case attribute::kCallingStationId:
      case attribute::kNasIdentifier:
      case attribute::kProxyState:
      case attribute::kAcctSessionId:
      case attribute::kEventTimestamp:
      case attribute::kMessageAuthenticator:
      case attribute::kNasIpv6Address:
        continue;
      default:
        break;
    }
    SCOPED_TRACE(type);
    const auto fill = [&](PacketWriter& writer) {
      audit(writer);
      writer.number(static_cast<std::uint8_t>(type), 1);
    };
    clock_.advance(std::chrono::seconds(400));  // Identifiers may be used again
    EXPECT_EQ(cause(fill, kRfc), 401U);
    const bool tolerated = type == 6 || type == 49 || type == 61;
    EXPECT_EQ(cause(fill), tolerated ? std::nullopt : std::optional(401U));
  }
  EXPECT_EQ(counters().tolerated, 3U);
  EXPECT_EQ(trace_.notes.size(), 3U);
  EXPECT_EQ(counters(kRfc).tolerated, 0U);
}

TEST_F(Identification, WhatIseAndPacketFenceSend) {
  // Cisco ISE: Service-Type, Acct-Terminate-Cause and AVPairs of its own beside the ids; PacketFence: NAS-Port-Type.
  const auto request = make_request(9, [](PacketWriter& writer) {
    writer.address(attribute::kNasIpAddress, ip("192.168.202.1"));
    writer.number(attribute::kServiceType, 2);
    writer.text(attribute::kCallingStationId, "198.51.100.4");
    writer.number(attribute::kAcctTerminateCause, 6);
    writer.number(attribute::kNasPortType, 5);
    writer.message_authenticator();
    writer.avpair("audit-session-id", kAuditId);
    writer.avpair("subscriber:command", "disconnect");
  });
  EXPECT_TRUE(is_ack(answer(request)));
  EXPECT_EQ(counters().tolerated, 4U);
  ASSERT_EQ(trace_.notes.size(), 4U);
  EXPECT_EQ(trace_.notes[3], "POD: 9.45.15.144 id 9: ignored attribute 26 subscriber:command");
  EXPECT_EQ(cause_of(answer(request, 1, kRfc)), 401U);
}

TEST_F(Identification, AuthorizeOnlyIsNeverTolerated) {
  EXPECT_EQ(cause([](PacketWriter& writer) {
              audit(writer);
              writer.number(attribute::kServiceType, 17);
            }),
            401U);
  EXPECT_EQ(counters().disconnect.auth_only_requests, 1U);
  EXPECT_EQ(counters().disconnect.nak_auth_only_requests, 1U);
}

TEST_F(Identification, ToleranceIsTheClients) {
  config_.clients[0].tolerate_unset = false;
  config_.clients[0].tolerate = {5, 26};
  EXPECT_EQ(cause([](PacketWriter& writer) {
              audit(writer);
              writer.number(attribute::kNasPort, 3);
              writer.avpair("anything", "x");
              writer.vendor(311, 1, common::Bytes(4));
            }),
            std::nullopt);
  EXPECT_EQ(cause([](PacketWriter& writer) {
              audit(writer);
              writer.number(attribute::kServiceType, 2);
            }),
            401U);
  config_.clients[0].tolerate.clear();
  pipeline().reload(config_, {});
  EXPECT_EQ(cause([](PacketWriter& writer) {
              audit(writer);
              writer.avpair("anything", "x");
            }),
            401U);
}

TEST_F(Identification, VendorSpecificAttributes) {
  EXPECT_EQ(cause([](PacketWriter& writer) {
              audit(writer);
              writer.vendor(311, 1, common::Bytes(4));
            }),
            401U);
  EXPECT_EQ(cause([](PacketWriter& writer) {
              audit(writer);
              writer.vendor(9, 2, common::Bytes(4));
            }),
            401U);
  // Lengths inside that do not add up: a malformed attribute, not an unknown one.
  EXPECT_EQ(cause([](PacketWriter& writer) {
              audit(writer);
              writer.octets(26, common::parse_hex("00000009 01 09 41").value());
            }),
            404U);
  EXPECT_EQ(cause([](PacketWriter& writer) { writer.octets(26, common::Bytes(3)); }), 404U);
  // Two AVPairs in one attribute (RFC 2865 §5.26).
  common::ByteWriter two;
  two.be32(9);
  for (const std::string_view text : {std::string_view("a=b"), std::string_view("audit-session-id=xyz")}) {
    two.u8(1);
    two.u8(static_cast<std::uint8_t>(text.size() + 2));
    two.text(text);
  }
  EXPECT_EQ(selector([&](PacketWriter& writer) { writer.octets(26, two.view()); }).audit_session_id, "xyz");
}

TEST_F(Identification, TheIdIsOpaqueAndMayBeAsLongAsFits) {
  const std::string longest(230, 'x');
  EXPECT_EQ(selector([&](PacketWriter& writer) { writer.avpair("audit-session-id", longest); }).audit_session_id,
            longest);
  // The 37-character form of the document's `show aaa user`, and an id with "=" and zero octets in it.
  EXPECT_EQ(selector([&](PacketWriter& writer) {
              writer.avpair("audit-session-id", "L2L433010101ZO2L4C0A8CA02ZH119404ZP37");
            }).audit_session_id,
            "L2L433010101ZO2L4C0A8CA02ZH119404ZP37");
  const std::string odd("a=b\0c", 5);
  EXPECT_EQ(selector([&](PacketWriter& writer) { writer.avpair("audit-session-id", odd); }).audit_session_id, odd);
}

TEST_F(Identification, NoSessionAndTooMany) {
  EXPECT_EQ(cause(audit, kCisco, 0), 404U);
  EXPECT_EQ(cause(audit, kRfc, 0), 503U);
  EXPECT_EQ(counters().disconnect.nak_session_no_context, 1U);
  EXPECT_EQ(counters().nak_causes.at(ErrorCause::session_context_not_found), 1U);
  const auto user = [](PacketWriter& writer) { writer.text(attribute::kUserName, "anonymous"); };
  for (const std::string_view from : {kCisco, kRfc}) {
    EXPECT_EQ(cause(user, from, 1), std::nullopt);
    EXPECT_EQ(cause(user, from, 2), 508U);
  }
  config_.clients[0].max_sessions_per_request = 3;
  pipeline().reload(config_, {});
  EXPECT_EQ(cause(user, kCisco, 3), std::nullopt);
  EXPECT_EQ(cause(user, kCisco, 4), 508U);
}

TEST_F(Identification, EveryMatchIsCountedAsRemoved) {
  config_.clients[0].max_sessions_per_request = 10;
  EXPECT_TRUE(is_ack(answer(make_request(1, [](PacketWriter& w) { w.text(attribute::kUserName, "alice"); }), 7)));
  EXPECT_EQ(counters().disconnect.sessions, 7U);
  EXPECT_EQ(counters().disconnect.acks, 1U);
}

TEST_F(Identification, CoaIsAnUnsupportedExtension) {
  for (const std::string_view from : {kCisco, kRfc}) {
    const auto coa = make_request(1, audit, Code::coa_request);
    const auto nak = answer(coa, 1, from);
    EXPECT_EQ(cause_of(nak), 406U);
    EXPECT_TRUE(parse_reply(*nak, coa).is(Code::coa_nak));
    EXPECT_FALSE(parse_reply(*nak, coa).find(attribute::kReplyMessage).has_value());
    EXPECT_EQ(answer(coa, 1, from), nak);  // remembered
    EXPECT_EQ(counters(from).coa.requests, 2U);
    EXPECT_EQ(counters(from).coa.duplicate_requests, 1U);
    EXPECT_EQ(counters(from).coa.naks, 1U);
    EXPECT_EQ(counters(from).disconnect.requests, 0U);
  }
  const auto authorize = make_request(
      2,
      [](PacketWriter& writer) {
        audit(writer);
        writer.number(attribute::kServiceType, 17);
      },
      Code::coa_request);
  EXPECT_EQ(cause_of(answer(authorize)), 405U);
  EXPECT_EQ(counters().coa.auth_only_requests, 1U);
  EXPECT_EQ(counters().coa.nak_auth_only_requests, 1U);
}

}  // namespace
}  // namespace controlplane::dae
