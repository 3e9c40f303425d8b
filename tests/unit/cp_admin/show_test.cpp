// The document's example values through the real code, line by line.

#include "controlplane/admin/show.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cp_admin/fakes.hpp"

namespace controlplane::admin {
namespace {

[[nodiscard]] bool has_line(const std::string& text, std::string_view line) {
  return ("\n" + text).find("\n" + std::string(line) + "\n") != std::string::npos;
}
[[nodiscard]] bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(ShowAaaSessions, PrintsTheDocumentsFields) {
  session::Snapshot nameless = documents_session();
  nameless.user_name.clear();
  nameless.names.acct_session_id = 3;
  nameless.names.unique_id = 14;
  const std::string text = aaa_sessions_text({nameless, documents_session()}, {.begun = 32});
  EXPECT_EQ(text,
            "Total sessions since last reload: 32\n"
            "Session Id: 3\n   Unique Id: 14\n   User Name: *not available*\n   IP Address: 0.0.0.0\n   Idle Time: 0\n"
            "   CT Call Handle: 0\n"
            "Session Id: 30\n   Unique Id: 41\n   User Name: pskuser2.g1.engdt.com\n   IP Address: 0.0.0.0\n"
            "   Idle Time: 0\n   CT Call Handle: 0\n");
}

TEST(ShowAaaUser, PrintsTheDocumentsBlocksInOrder) {
  const std::string text = aaa_user_text(documents_session(), "1771D693");
  EXPECT_TRUE(text.starts_with("Unique id 41 is currently in use.\nNo data for type 0\nNo data for type EXEC\n"));
  for (const char* line :
       {"NET: Username=(n/a)", "IPSEC-TUNNEL: Username=pskuser2.g1.engdt.com",
        "    Session Id=0000001E Unique Id=00000029", "    Start Sent=1 Stop Only=N", "    stop_has_been_sent=N",
        "No data for type VPDN-TUNNEL-LINK", "No data for type ConnectedApps", "    log=0x400018041",
        "    Outstanding Stop Records : 0", "    Component = VPN IPSEC", "    Unique Id = 00000029",
        "    Session Server Key = 1771D693", "    update interval = 0"})
    EXPECT_TRUE(has_line(text, line)) << line;
  for (const char* part : {"session-id(408) 4 30(1E)", "formatted-clid(37) 13 192.168.202.2",
                           "audit-session-id(819) 39 L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B",
                           "isakmp-phase1-id(737) 21 pskuser2.g1.engdt.com", "isakmp-initator-ip(738) 4 192.168.202.2",
                           "elapsed_time(414) 4 341(155)", "bytes_in(146) 4 0(0)", " : Name = accnt_prof"})
    EXPECT_TRUE(has(text, part)) << part;
}

TEST(ShowCrypto, PrintsSasAndTheirCounters) {
  session::Snapshot s = documents_session();
  s.ike = "Encr: AES-GCM, keysize: 256";
  s.counters.in_packets = 7;
  s.counters.in_drops[static_cast<std::size_t>(common::DropReason::replay_duplicate)] = 2;
  s.child = session::ChildSnapshot{common::Spi{0x01020304},     common::Spi{0xA1B2C3D4},   2,  true, true, 1024,
                                   {"10.10.0.0-10.10.255.255"}, {"10.99.0.10-10.99.0.10"}, {}, 3};
  EXPECT_TRUE(has(ikev2_sa_text({s}, true), "Audit-Session-Id: L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B"));
  EXPECT_FALSE(has(ikev2_sa_text({s}, false), "Audit-Session-Id"));
  EXPECT_TRUE(has(ikev2_sa_text({s}, false), "192.168.202.2/4500"));
  const std::string text = ipsec_sa_text({s});
  for (const char* part :
       {"spi: 0x01020304(16909060)", "esp-gcm 256", "UDP-Encaps", "#pkts decaps: 7", "#recv errors 2", "ESN: Y"})
    EXPECT_TRUE(has(text, part)) << part;
  EXPECT_EQ(ipsec_sa_text({}), "no IPsec SAs\n");
}

TEST(ShowDataplane, SortsValuesByWhatTheyBelongTo) {
  const std::vector<dataplane::NamedValue> values = {
      {"drop.bad_icv", 3}, {"port.outside.rx_packets", 9}, {"worker.0.packets", 8}};
  EXPECT_TRUE(has(dataplane_text(values, "counters"), "integrity check failed"));
  EXPECT_FALSE(has(dataplane_text(values, "counters"), "port."));
  EXPECT_TRUE(has(dataplane_text(values, "ports"), "port.outside.rx_packets"));
  EXPECT_TRUE(has(dataplane_text(values, "workers"), "worker.0.packets"));
  EXPECT_EQ(dataplane_text({}, "ports"), "no ports known\n");
}

TEST(SessionJson, NamesDropsAndLeavesOutZeros) {
  session::Snapshot s = documents_session();
  s.counters.in_drops[static_cast<std::size_t>(common::DropReason::bad_icv)] = 4;
  const auto object = session_json(s);
  EXPECT_EQ(object.at("in_drops").as_object().size(), 1U);
  EXPECT_EQ(object.at("in_drops").as_object().at("bad_icv").as_uint64(), 4U);
  EXPECT_EQ(object.at("acct_session_id").as_string(), "0000001E");
  EXPECT_TRUE(object.at("framed_ip_address").is_null());
}

}  // namespace
}  // namespace controlplane::admin
