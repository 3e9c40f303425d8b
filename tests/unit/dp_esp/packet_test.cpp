// Sealing and opening: the octets against OpenSSL, every length there and back, and the edges of RFC 4303.

#include <memory>
#include <random>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "dataplane/esp/decapsulate.hpp"
#include "dataplane/esp/encapsulate.hpp"
#include "dataplane/packet/headers.hpp"

namespace dataplane::esp {
namespace {

using common::Bytes;
using common::ByteView;
using common::DropReason;

constexpr std::size_t kRoom = 128;

struct Tunnel {
  common::Suite suite = common::Suite::aes_gcm_16_256;
  bool udp = true;
  bool esn = false;
};

class EspPacket : public testing::TestWithParam<Tunnel> {
 protected:
  EspPacket() : keymat_(common::find_suite(GetParam().suite)->encryption_keymat, 0x3C) {
    key_ = std::move(crypto::Key::make(GetParam().suite, keymat_, {}).value());
    header_ = make_template({.local = {common::IpAddress::v4(0xC0000201), 4500},
                             .remote = {common::IpAddress::v4(0xC6336405), 4500},
                             .spi = common::Spi{0xC0FFEE01},
                             .udp_encap = GetParam().udp})
                  .value();
  }

  /// The whole outer IP packet.
  [[nodiscard]] Bytes seal(ByteView inner, std::uint64_t sequence, std::uint8_t next_header = 4, std::uint8_t tos = 0,
                           bool dont_fragment = true) {
    Bytes buffer(kRoom + inner.size() + kRoom);
    std::ranges::copy(inner, buffer.begin() + kRoom);
    crypto::Batch batch;
    const std::uint32_t octets = encapsulate({.inner = buffer.data() + kRoom,
                                              .inner_octets = static_cast<std::uint32_t>(inner.size()),
                                              .next_header = next_header,
                                              .outer_tos = tos,
                                              .dont_fragment = dont_fragment,
                                              .esn = GetParam().esn,
                                              .sequence = sequence,
                                              .salt = key_.salt(),
                                              .header = &header_,
                                              .suite = key_.ops(),
                                              .schedule = key_.schedule()},
                                             batch);
    key_.ops()->encrypt(batch);
    const std::uint32_t front = front_octets(header_, key_.ops()->facts);
    EXPECT_EQ(octets, front + inner.size() + back_octets(key_.ops()->facts, static_cast<std::uint32_t>(inner.size())));
    const auto start = buffer.begin() + kRoom - front;
    return {start, start + octets};
  }

  /// What is inside; nullopt: the ICV is wrong.
  [[nodiscard]] std::optional<common::Result<Bytes, DropReason>> open(ByteView outer, std::uint64_t sequence) {
    Bytes esp(outer.begin() + header_.ip_octets + header_.udp_octets, outer.end());
    EXPECT_TRUE(is_possible_length(key_.ops()->facts, esp.size()));
    crypto::Batch batch;
    decapsulate({.esp = esp.data(),
                 .octets = static_cast<std::uint32_t>(esp.size()),
                 .esn = GetParam().esn,
                 .sequence = sequence,
                 .salt = key_.salt(),
                 .suite = key_.ops(),
                 .schedule = key_.schedule()},
                batch);
    key_.ops()->decrypt(batch);
    if (batch.intact[0] == 0) return std::nullopt;
    const auto inner = open_payload({batch.payload[0], batch.octets[0]});
    if (!inner) return common::Result<Bytes, DropReason>(std::unexpected(inner.error()));
    next_header_ = inner->next_header;
    return Bytes(inner->octets.begin(), inner->octets.end());
  }

  Bytes keymat_;
  crypto::Key key_;
  HeaderTemplate header_;
  std::uint8_t next_header_ = 0;
};

TEST_P(EspPacket, ThereAndBackAtEveryLength) {
  std::mt19937 random(11);
  for (std::size_t octets = 1; octets <= 1500; ++octets) {
    Bytes inner(octets);
    for (auto& octet : inner) octet = static_cast<std::uint8_t>(random());
    const std::uint64_t sequence = GetParam().esn ? (std::uint64_t{octets} << 32U) + octets : octets;
    const Bytes outer = seal(inner, sequence);
    const auto opened = open(outer, sequence);
    ASSERT_TRUE(opened) << octets;
    ASSERT_TRUE(*opened) << octets;
    ASSERT_EQ(**opened, inner);
    ASSERT_EQ(next_header_, 4);
    const auto ip = packet::parse_ipv4(outer);
    ASSERT_TRUE(ip) << "lengths and checksum of the outer header";
    ASSERT_EQ(ip->packet.size(), outer.size());
    if (GetParam().udp) {
      const auto udp = packet::parse_udp(ip->payload);
      ASSERT_TRUE(udp);
      ASSERT_EQ(udp->payload.size() + 8, ip->payload.size());
      ASSERT_EQ(udp->header->checksum.host(), 0);
    }
  }
}

/// The ciphertext and ICV as OpenSSL computes them from what RFC 4303 and RFC 4106 say.
TEST_P(EspPacket, OctetsAreThoseOfTheRfc) {
  const Bytes inner = {0x45, 1, 2, 3, 4};
  const std::uint64_t sequence = 0x0000'0007'0000'0102;
  const Bytes outer = seal(inner, sequence);
  ByteView esp = ByteView(outer).subspan(header_.ip_octets + header_.udp_octets);
  EXPECT_EQ(common::to_hex(esp.first(8)), "c0ffee0100000102");
  EXPECT_EQ(common::to_hex(esp.subspan(8, 8)), "0000000700000102") << "the IV is the 64-bit number";

  const Bytes plain = {0x45, 1, 2, 3, 4, 1, 1, 4};  // padding 1, pad length 1, next header 4
  const Bytes aad = *common::parse_hex(GetParam().esn ? "c0ffee01 00000007 00000102" : "c0ffee01 00000102");
  Bytes nonce(keymat_.end() - 4, keymat_.end());
  nonce.insert(nonce.end(), esp.begin() + 8, esp.begin() + 16);
  Bytes expected(plain.size() + 16);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  int octets = 0;
  EVP_EncryptInit_ex(context.get(), keymat_.size() == 20 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), nullptr,
                     keymat_.data(), nonce.data());
  EVP_EncryptUpdate(context.get(), nullptr, &octets, aad.data(), static_cast<int>(aad.size()));
  EVP_EncryptUpdate(context.get(), expected.data(), &octets, plain.data(), static_cast<int>(plain.size()));
  EVP_EncryptFinal_ex(context.get(), expected.data() + octets, &octets);
  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, expected.data() + plain.size());
  EXPECT_EQ(common::to_hex(esp.subspan(16)), common::to_hex(expected));
}

TEST_P(EspPacket, OuterFieldsFollowTheInnerPacket) {
  const Bytes inner(60, 0);
  for (const bool dont_fragment : {false, true}) {
    const Bytes outer = seal(inner, 0x1234, 4, 0xBB, dont_fragment);
    const auto ip = packet::parse_ipv4(outer);
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->header->tos, 0xBB);
    EXPECT_EQ(ip->header->dont_fragment(), dont_fragment);
    EXPECT_EQ(ip->header->id.host(), dont_fragment ? 0 : 0x1234);
    EXPECT_EQ(ip->header->ttl, 64);
    EXPECT_EQ(ip->header->protocol, GetParam().udp ? 17 : 50);
  }
}

TEST_P(EspPacket, AnotherNumberOrSpiIsNotAuthentic) {
  const Bytes outer = seal(Bytes(40, 9), 77);
  const std::size_t esp = header_.ip_octets + header_.udp_octets;
  ASSERT_TRUE(open(outer, 77));
  Bytes changed = outer;
  changed[esp + 7] ^= 1;  // sequence number on the wire
  EXPECT_FALSE(open(changed, 77 ^ 1));
  changed = outer;
  changed[esp + 3] ^= 1;  // SPI
  EXPECT_FALSE(open(changed, 77));
  if (GetParam().esn) {
    EXPECT_FALSE(open(outer, 77 + (1ULL << 32U))) << "the upper half is covered by the ICV";
  }
}

TEST_P(EspPacket, DummyPacketsAreKnown) {
  const auto opened = open(seal(Bytes(16, 0), 5, packet::kProtocolNone), 5);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->error(), DropReason::dummy);
}

TEST_P(EspPacket, InnerMtuIsTight) {
  const common::SuiteFacts& facts = key_.ops()->facts;
  for (std::uint32_t outer_mtu = 0; outer_mtu < 1600; ++outer_mtu) {
    const std::uint32_t inner = inner_mtu(header_, facts, outer_mtu);
    const auto outer_octets = [&](std::uint32_t octets) {
      return front_octets(header_, facts) + octets + back_octets(facts, octets);
    };
    if (inner != 0) {
      EXPECT_LE(outer_octets(inner), outer_mtu);
    }
    EXPECT_GT(outer_octets(inner + 1), outer_mtu);
  }
  EXPECT_EQ(inner_mtu(header_, facts, 1500), GetParam().udp ? 1438U : 1446U);
}

INSTANTIATE_TEST_SUITE_P(Tunnels, EspPacket,
                         testing::Values(Tunnel{common::Suite::aes_gcm_16_128, true, false},
                                         Tunnel{common::Suite::aes_gcm_16_128, false, true},
                                         Tunnel{common::Suite::aes_gcm_16_256, true, true},
                                         Tunnel{common::Suite::aes_gcm_16_256, false, false}));

TEST(OpenPayload, Padding) {
  const auto open = [](Bytes payload) { return open_payload(payload); };
  EXPECT_EQ(open({}).error(), DropReason::bad_padding);
  EXPECT_EQ(open({4}).error(), DropReason::bad_padding);
  EXPECT_EQ(open({0, 4})->octets.size(), 0U) << "nothing at all is a payload";
  EXPECT_EQ(open({1, 2, 2, 4})->octets.size(), 0U);
  EXPECT_EQ(open({9, 1, 2, 2, 4})->octets.size(), 1U);
  EXPECT_EQ(open({9, 1, 3, 2, 4}).error(), DropReason::bad_padding) << "must be 1, 2, 3, ...";
  EXPECT_EQ(open({9, 0, 0, 2, 4}).error(), DropReason::bad_padding);
  EXPECT_EQ(open({1, 2, 3, 4}).error(), DropReason::bad_padding) << "longer than the payload";
  EXPECT_EQ(open({9, 0, 59}).error(), DropReason::dummy);
  Bytes longest(257);
  for (std::size_t i = 0; i < 255; ++i) longest[i] = static_cast<std::uint8_t>(i + 1);
  longest[255] = 255;
  longest[256] = 41;
  const auto opened = open_payload(longest);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->octets.size(), 0U);
  EXPECT_EQ(opened->next_header, 41);
}

TEST(PossibleLength, HeaderIvTrailerIcv) {
  const common::SuiteFacts facts = *common::find_suite(common::Suite::aes_gcm_16_128);
  for (std::size_t octets = 0; octets < 100; ++octets)
    EXPECT_EQ(is_possible_length(facts, octets), octets >= 36 && octets % 4 == 0) << octets;
  const common::SuiteFacts cbc = *common::find_suite(common::Suite::aes_cbc_128_sha2_256_128);
  for (std::size_t octets = 0; octets < 200; ++octets)
    EXPECT_EQ(is_possible_length(cbc, octets), octets >= 56 && (octets - 40) % 16 == 0) << octets;
}

}  // namespace
}  // namespace dataplane::esp
