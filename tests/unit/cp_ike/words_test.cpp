// The small words of the room: identities and patterns, selectors, cookies, half-open counts, NAT hashes,
// configuration payloads, key derivation.

#include <algorithm>

#include <gtest/gtest.h>

#include "common/channel/convert.hpp"
#include "controlplane/crypto/dn.hpp"
#include "controlplane/ike/configuration.hpp"
#include "controlplane/ike/cookies.hpp"
#include "controlplane/ike/identity.hpp"
#include "controlplane/ike/keys.hpp"
#include "controlplane/ike/nat.hpp"
#include "controlplane/ike/sa.hpp"
#include "controlplane/ike/selectors.hpp"

namespace controlplane::ike {
namespace {

using common::IpAddress;
using common::Prefix;
using wire::Selector;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }
Prefix net(const char* text) { return *Prefix::parse(text); }
Selector range(const char* first, const char* last, std::uint8_t protocol = 0, std::uint16_t from = 0,
               std::uint16_t to = 65535) {
  return {protocol, from, to, ip(first), ip(last)};
}

TEST(Identity, TextAndBack) {
  EXPECT_EQ(Identity::parse("vpn.example.org").type, wire::IdType::fqdn);
  EXPECT_EQ(Identity::parse("alice@example.org").type, wire::IdType::rfc822);
  EXPECT_EQ(Identity::parse("192.0.2.1").type, wire::IdType::ipv4);
  EXPECT_EQ(Identity::parse("2001:db8::1").type, wire::IdType::ipv6);
  EXPECT_EQ(Identity::parse("C=DE, CN=gw").type, wire::IdType::der_asn1_dn);
  for (const char* text : {"vpn.example.org", "alice@example.org", "192.0.2.1", "2001:db8::1", "C=DE, CN=gw"})
    EXPECT_EQ(Identity::parse(text).text(), text);
}

TEST(Identity, NothingUnprintableReachesALog) {
  const common::Bytes escape = {0x1B, '[', '2', 'J'};
  EXPECT_EQ((Identity{wire::IdType::fqdn, escape}.text()), "0x1b5b324a");
  EXPECT_EQ((Identity{wire::IdType::ipv4, {1, 2, 3}}.text()), "0x010203");
  EXPECT_EQ((Identity{wire::IdType::der_asn1_dn, {1, 2}}.text()), "0x0102");
  EXPECT_EQ((Identity{wire::IdType::key_id, {}}.text()), "0x");
}

TEST(Identity, Globs) {
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("*@example.org", "Alice@EXAMPLE.org"));
  EXPECT_FALSE(glob_matches("*@example.org", "alice@example.org.evil"));
  EXPECT_TRUE(glob_matches("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(glob_matches("a*b*c", "aXc"));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_TRUE(glob_matches("**", "a"));
  // No input makes it slow.
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

TEST(Identity, Patterns) {
  const auto matches = [](const char* pattern, const char* identity) {
    return Pattern(pattern).matches(Identity::parse(identity));
  };
  EXPECT_TRUE(matches("*", "10.0.0.1"));
  EXPECT_TRUE(matches("branch1.example.org", "branch1.example.org"));
  EXPECT_FALSE(matches("branch1.example.org", "branch11.example.org"));
  EXPECT_TRUE(matches("fqdn:*.example.org", "a.example.org"));
  EXPECT_FALSE(matches("fqdn:*example.org", "a@example.org"));
  EXPECT_TRUE(matches("email:*@example.org", "a@example.org"));
  EXPECT_TRUE(matches("address:10.0.0.0/8", "10.1.2.3"));
  EXPECT_FALSE(matches("address:10.0.0.0/8", "11.1.2.3"));
  EXPECT_TRUE(matches("address:2001:db8::/32", "2001:db8::5"));
  EXPECT_FALSE(matches("address:*", "a.example.org"));
  EXPECT_TRUE(matches("dn:C=DE, CN=gw", "C=DE, CN=GW"));
  EXPECT_TRUE(matches("dn:*CN=gw", "C=DE, CN=gw"));
  EXPECT_FALSE(matches("dn:C=DE, CN=gw", "C=DE, O=x, CN=gw"));
}

TEST(Selectors, AreCutToWhatIsAllowed) {
  const Prefix lan[] = {net("10.10.0.0/16")};
  const auto all = narrow(std::vector{range("0.0.0.0", "255.255.255.255")}, lan);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0], range("10.10.0.0", "10.10.255.255"));
  EXPECT_EQ(narrow(std::vector{range("10.9.255.0", "10.10.0.7", 17, 53, 53)}, lan).at(0),
            range("10.10.0.0", "10.10.0.7", 17, 53, 53));
  EXPECT_TRUE(narrow(std::vector{range("192.168.0.0", "192.168.255.255")}, lan).empty());
}

TEST(Selectors, OddOnes) {
  const Prefix all[] = {net("0.0.0.0/0")};
  EXPECT_TRUE(narrow(std::vector{range("::", "::5")}, all).empty()) << "IPv6 falls away";
  EXPECT_TRUE(narrow(std::vector{range("10.0.0.0", "10.0.0.5", 0, 65535, 0)}, all).empty()) << "OPAQUE";
  EXPECT_TRUE(narrow(std::vector{range("10.0.0.5", "10.0.0.1")}, all).empty()) << "backwards";
  // The packet that triggered the tunnel stands first and lies within the rest (RFC 7296 §2.9).
  const auto merged =
      narrow(std::vector{range("10.0.0.1", "10.0.0.1", 6, 80, 80), range("10.0.0.0", "10.0.0.255")}, all);
  EXPECT_EQ(merged, std::vector{range("10.0.0.0", "10.0.0.255")});
  std::vector<Selector> many;
  for (int i = 0; i < 9; ++i) {
    const std::string host = "10.0.0." + std::to_string(i);
    many.push_back(range(host.c_str(), host.c_str()));
  }
  EXPECT_EQ(narrow(many, all).size(), common::channel::kMaxSelectors);
}

TEST(Selectors, PairAndChannel) {
  const wire::Ts everything{{range("0.0.0.0", "255.255.255.255")}, 0};
  const auto pair = narrow_pair(everything, everything, ip("10.99.0.7"), ip("198.51.100.1"), {});
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->remote, std::vector{range("10.99.0.7", "10.99.0.7")});
  EXPECT_EQ(pair->local, std::vector{range("0.0.0.0", "255.255.255.255")});
  common::channel::WireChild child{};
  to_child(*pair, child);
  EXPECT_EQ(child.remote_selectors, 1);
  EXPECT_EQ(common::channel::from_wire(child.remote[0].first), ip("10.99.0.7"));
  EXPECT_EQ(child.remote[0].last_port, 65535);
  const wire::Ts other{{range("10.99.0.8", "10.99.0.8")}, 0};
  EXPECT_FALSE(narrow_pair(other, everything, ip("10.99.0.7"), ip("198.51.100.1"), {})) << "another client's address";
  EXPECT_EQ(narrow_pair(everything, everything, std::nullopt, ip("198.51.100.1"), {})->remote,
            std::vector{range("198.51.100.1", "198.51.100.1")});
}

struct TestEnvironment final : Environment {
  common::ManualClock time;
  std::uint8_t next = 0;
  [[nodiscard]] const common::Clock& clock() const override { return time; }
  void random(common::MutableByteView out) override {
    for (auto& octet : out) octet = next++;
  }
  void send(const common::Endpoint&, const common::Endpoint&, common::ByteView) override {}
  void deadline_changed() override {}
};

TEST(Cookies, LiveOneToTwoMinutes) {
  TestEnvironment environment;
  Cookies cookies(environment);
  const common::Bytes nonce(32, 1);
  const Cookies::Claim claim{nonce, {ip("198.51.100.1"), 500}, 77};
  const auto cookie = cookies.make(claim);
  EXPECT_LE(cookie.size(), 64U);  // RFC 7296 §2.6
  EXPECT_TRUE(cookies.verify(claim, cookie));
  environment.time.advance(std::chrono::seconds(61));
  EXPECT_TRUE(cookies.verify(claim, cookie));
  EXPECT_NE(cookies.make(claim), cookie);
  environment.time.advance(std::chrono::seconds(61));
  EXPECT_FALSE(cookies.verify(claim, cookie));
  const auto fresh = cookies.make(claim);
  environment.time.advance(std::chrono::seconds(200));  // idle for long: not even the last secret counts
  EXPECT_FALSE(cookies.verify(claim, fresh));
}

TEST(Cookies, BelongToOneClaim) {
  TestEnvironment environment;
  Cookies cookies(environment);
  const common::Bytes nonce(32, 1);
  const common::Bytes other_nonce(32, 2);
  const Cookies::Claim claim{nonce, {ip("198.51.100.1"), 500}, 77};
  const auto cookie = cookies.make(claim);
  EXPECT_FALSE(cookies.verify({other_nonce, claim.remote, 77}, cookie));
  EXPECT_FALSE(cookies.verify({nonce, {ip("198.51.100.2"), 500}, 77}, cookie));
  EXPECT_FALSE(cookies.verify({nonce, {ip("198.51.100.1"), 501}, 77}, cookie));
  EXPECT_FALSE(cookies.verify({nonce, claim.remote, 78}, cookie));
  EXPECT_FALSE(cookies.verify(claim, {}));
  EXPECT_FALSE(cookies.verify(claim, common::ByteView(cookie).first(20)));
  for (std::size_t i = 0; i < cookie.size(); ++i) {
    auto bad = cookie;
    bad[i] ^= 1;
    EXPECT_FALSE(cookies.verify(claim, bad)) << i;
  }
}

TEST(HalfOpen, CountsPrefixes) {
  HalfOpen half_open;
  half_open.add(ip("198.51.100.1"));
  half_open.add(ip("198.51.100.200"));
  half_open.add(ip("198.51.101.1"));
  half_open.add(ip("2001:db8::1"));
  half_open.add(ip("2001:db8::ffff:0:0:1"));
  EXPECT_EQ(half_open.total(), 5U);
  EXPECT_EQ(half_open.of(ip("198.51.100.77")), 2U);
  EXPECT_EQ(half_open.of(ip("2001:db8::9")), 2U);
  EXPECT_EQ(half_open.of(ip("2001:db8:0:1::9")), 0U);
  half_open.remove(ip("198.51.100.1"));
  half_open.remove(ip("203.0.113.1"));  // never counted
  EXPECT_EQ(half_open.total(), 4U);
  EXPECT_EQ(half_open.of(ip("198.51.100.1")), 1U);
}

TEST(Nat, Detection) {
  const common::Endpoint local{ip("192.0.2.1"), 500};
  const common::Endpoint remote{ip("198.51.100.1"), 40'000};
  const common::Endpoint inside{ip("192.168.1.2"), 500};
  const auto hash_local = nat_hash(5, 0, local);
  const auto hash_remote = nat_hash(5, 0, remote);
  const auto hash_inside = nat_hash(5, 0, inside);
  const auto found = detect_nat(5, local, remote, {hash_remote}, {hash_local});
  EXPECT_TRUE(found.supported && !found.local && !found.remote);
  EXPECT_TRUE(detect_nat(5, local, remote, {hash_inside}, {hash_local}).remote);
  EXPECT_FALSE(detect_nat(5, local, remote, {hash_inside, hash_remote}, {hash_local}).remote) << "multihomed";
  EXPECT_TRUE(detect_nat(5, local, remote, {hash_remote}, {hash_inside}).local);
  EXPECT_FALSE(detect_nat(5, local, remote, {}, {}).supported);
  const common::Bytes short_hash(19, 0);
  EXPECT_TRUE(detect_nat(5, local, remote, {short_hash}, {hash_local}).remote);
}

TEST(Configuration, ReplyHasNoNetmask) {
  wire::Payloads request;
  wire::Cp asked{wire::CpType::request, {}};
  using enum wire::CpAttributeType;
  for (const auto type : {internal_ip4_address, internal_ip4_netmask, internal_ip6_address, supported_attributes})
    asked.attributes.push_back({type, {}});
  request.cps.push_back(asked);
  const Wish wish = read_wish(request);
  EXPECT_TRUE(wish.asked && wish.v4 && wish.v6 && wish.supported);
  session::Assignment assignment;
  assignment.inner_v4 = ip("10.99.0.1");
  assignment.dns = {ip("10.10.0.53"), ip("2001:db8::53")};
  assignment.subnets = {net("10.10.0.0/16"), net("0.0.0.0/0")};
  common::ByteWriter store;
  const auto reply = make_reply(wish, assignment, store);
  EXPECT_EQ(reply.type, wire::CpType::reply);
  ASSERT_EQ(reply.attributes.size(), 5U);
  EXPECT_EQ(common::to_hex(reply.find(internal_ip4_address)->value), "0a630001");
  EXPECT_EQ(common::to_hex(reply.find(internal_ip4_dns)->value), "0a0a0035");
  EXPECT_EQ(common::to_hex(reply.attributes[2].value), "0a0a0000ffff0000");
  EXPECT_EQ(common::to_hex(reply.attributes[3].value), "0000000000000000");
  EXPECT_EQ(common::to_hex(reply.find(supported_attributes)->value), "00010003000d000e");
  EXPECT_EQ(reply.find(internal_ip4_netmask), nullptr);
  EXPECT_FALSE(read_wish({}).asked);
}

TEST(Keys, DirectionsAndSizes) {
  // SKEYSEED and prf+ written out once more, by the words of RFC 7296 §2.14.
  const common::Bytes ni(16, 1);
  const common::Bytes nr(16, 2);
  const common::SecretBytes shared{common::ByteView(common::Bytes(32, 3))};
  const IkeSuite suite{crypto::SkSuite::aes_cbc_128_sha2_256_128, crypto::Prf::hmac_sha2_256, crypto::Group::x25519};
  const auto keys = derive_ike_keys(suite, shared, {ni, nr, 0x1111, 0x2222});
  ASSERT_TRUE(keys);
  common::Bytes nonces = ni;
  nonces.insert(nonces.end(), nr.begin(), nr.end());
  const auto skeyseed = crypto::prf(suite.prf, nonces, {shared.view()});
  const common::Bytes spis = {0, 0, 0, 0, 0, 0, 0x11, 0x11, 0, 0, 0, 0, 0, 0, 0x22, 0x22};
  const auto all = crypto::prf_plus(suite.prf, skeyseed.view(), {nonces, spis}, 3 * 32 + 2 * 32 + 2 * 16);
  const auto slice = [&all](std::size_t at, std::size_t octets) { return all.view().subspan(at, octets); };
  EXPECT_TRUE(std::ranges::equal(keys->d.view(), slice(0, 32)));
  EXPECT_TRUE(std::ranges::equal(keys->pi.view(), slice(32 + 64 + 32, 32)));
  EXPECT_TRUE(std::ranges::equal(keys->pr.view(), slice(32 + 64 + 32 + 32, 32)));
  const auto initiator = crypto::SkCipher::make(suite.cipher, slice(96, 16), slice(32, 32)).value();
  const common::Bytes prefix(32, 9);
  const common::Bytes plain(5, 7);
  EXPECT_EQ(keys->from_peer.open(prefix, initiator.seal(prefix, plain, 1).value()).value(), plain);
  EXPECT_FALSE(keys->to_peer.open(prefix, initiator.seal(prefix, plain, 2).value()));
}

TEST(Keys, ChildOrder) {
  const common::Bytes ni(16, 1);
  const common::Bytes nr(16, 2);
  const common::SecretBytes d{common::ByteView(common::Bytes(32, 4))};
  const common::SecretBytes shared{common::ByteView(common::Bytes(32, 5))};
  const auto facts = *common::find_suite(common::Suite::aes_cbc_128_sha2_256_128);
  common::channel::WireChild child{};
  derive_child_keys(crypto::Prf::hmac_sha2_384, d, shared, ni, nr, facts, child);
  const auto keymat = crypto::prf_plus(crypto::Prf::hmac_sha2_384, d.view(), {shared.view(), ni, nr}, 96);
  const auto equal = [&keymat](std::size_t at, const auto& octets, std::size_t count) {
    return std::ranges::equal(keymat.view().subspan(at, count), std::span(octets).first(count));
  };
  EXPECT_TRUE(equal(0, child.inbound.encryption, 16));
  EXPECT_TRUE(equal(16, child.inbound.integrity, 32));
  EXPECT_TRUE(equal(48, child.outbound.encryption, 16));
  EXPECT_TRUE(equal(64, child.outbound.integrity, 32));
}

TEST(Sa, RoomForAMessage) {
  Path path;
  path.local = {ip("192.0.2.1"), 500};
  path.remote = {ip("198.51.100.1"), 500};
  EXPECT_EQ(message_room(1280, path, 4500), 1252U);
  path.local.port = 4500;
  EXPECT_EQ(message_room(1280, path, 4500), 1248U);
  path.remote.address = ip("2001:db8::1");
  EXPECT_EQ(message_room(1280, path, 4500), 1228U);
}

TEST(Sa, ExplicitIvsNeverRepeat) {
  const common::Bytes nonce(16, 1);
  const common::SecretBytes shared(std::size_t{32});
  const IkeSuite suite;
  IkeSa sa(1, 1, 2, suite, derive_ike_keys(suite, shared, {nonce, nonce, 1, 2}).value(), common::Epoch(0x01020304));
  wire::PayloadWriter payloads;
  const common::Bytes big(3000, 5);
  payloads.add_raw(wire::PayloadType::vendor, big);
  sa.fragmentation = true;
  sa.max_octets = 600;
  const auto first = sa.seal(wire::ExchangeType::informational, true, 0, payloads);
  const auto second = sa.seal(wire::ExchangeType::informational, true, 1, payloads);
  ASSERT_GT(first.size(), 5U);
  std::vector<std::string> ivs;
  for (const auto& messages : {first, second})
    for (const common::Bytes& message : messages) {
      EXPECT_LE(message.size(), 600U);
      ivs.push_back(common::to_hex(common::ByteView(message).subspan(28 + 8, 8)));  // behind SKF's header
      EXPECT_EQ(ivs.back().substr(0, 8), "01020304");
    }
  std::ranges::sort(ivs);
  EXPECT_EQ(std::ranges::adjacent_find(ivs), ivs.end());
  sa.sealed = 0xFFFF'FFFF;
  EXPECT_TRUE(sa.seal(wire::ExchangeType::informational, true, 2, payloads).empty());
}

}  // namespace
}  // namespace controlplane::ike
