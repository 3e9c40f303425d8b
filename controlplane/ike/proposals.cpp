// Choosing one proposal and one transform of each type.

#include "controlplane/ike/proposals.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace controlplane::ike {
namespace {

using wire::TransformType;
namespace transform = wire::transform;

constexpr std::array kDefaultGroups = {crypto::Group::x25519,   crypto::Group::ecp_256,   crypto::Group::ecp_384,
                                       crypto::Group::ecp_521,  crypto::Group::modp_2048, crypto::Group::modp_3072,
                                       crypto::Group::modp_4096};
constexpr std::array kDefaultPrfs = {crypto::Prf::hmac_sha2_256, crypto::Prf::hmac_sha2_384,
                                     crypto::Prf::hmac_sha2_512};

struct EncryptionName {
  std::string_view name;
  std::uint16_t id;
  std::uint16_t bits;
};
constexpr EncryptionName kEncryption[] = {
    {"aes-gcm-256", transform::kEncrAesGcm16, 256},
    {"aes-gcm-128", transform::kEncrAesGcm16, 128},
    {"aes-cbc-256", transform::kEncrAesCbc, 256},
    {"aes-cbc-128", transform::kEncrAesCbc, 128},
    {"chacha20-poly1305", transform::kEncrChaCha20Poly1305, 0},
};
struct HashName {
  std::string_view name;
  std::uint16_t integrity;
  crypto::Prf prf;
};
constexpr HashName kHashes[] = {
    {"sha256", transform::kIntegHmacSha2_256_128, crypto::Prf::hmac_sha2_256},
    {"sha384", transform::kIntegHmacSha2_384_192, crypto::Prf::hmac_sha2_384},
    {"sha512", transform::kIntegHmacSha2_512_256, crypto::Prf::hmac_sha2_512},
};

[[nodiscard]] const HashName* find_hash(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kHashes, name, &HashName::name);
  return found == std::end(kHashes) ? nullptr : found;
}

void add_ciphers(IkeOffer& offer, const EncryptionName& encryption, std::span<const std::string> integrity) {
  if (const auto aead = crypto::find_sk_suite(encryption.id, encryption.bits, transform::kIntegNone)) {
    offer.ciphers.push_back(aead->suite);
    return;
  }
  for (const std::string& name : integrity)
    if (const HashName* hash = find_hash(name))
      if (const auto suite = crypto::find_sk_suite(encryption.id, encryption.bits, hash->integrity))
        offer.ciphers.push_back(suite->suite);
}

void add_groups(std::vector<crypto::Group>& groups, std::span<const std::uint16_t> configured) {
  for (const std::uint16_t group : configured)
    if (const auto facts = crypto::find_group(group)) groups.push_back(facts->group);
}

[[nodiscard]] IkeOffer make_ike_offer(const config::IkeProposal& configured) {
  IkeOffer offer;
  for (const std::string& name : configured.encryption) {
    const auto* const encryption = std::ranges::find(kEncryption, name, &EncryptionName::name);
    if (encryption != std::end(kEncryption)) add_ciphers(offer, *encryption, configured.integrity);
  }
  for (const std::string& name : configured.prf.empty() ? configured.integrity : configured.prf)
    if (const HashName* hash = find_hash(name)) offer.prfs.push_back(hash->prf);
  if (offer.prfs.empty()) offer.prfs.assign(kDefaultPrfs.begin(), kDefaultPrfs.end());
  add_groups(offer.groups, configured.group);
  return offer;
}

/// Transforms of one type that may be chosen at all.
[[nodiscard]] bool offers(const wire::Proposal& proposal, TransformType type, std::uint16_t id, std::uint16_t bits) {
  return std::ranges::any_of(proposal.transforms, [&](const wire::Transform& one) {
    return one.type == type && one.id == id && one.key_bits == bits && !one.unknown_attribute;
  });
}
[[nodiscard]] bool names(const wire::Proposal& proposal, TransformType type) {
  return std::ranges::any_of(proposal.transforms, [type](const wire::Transform& one) { return one.type == type; });
}
/// Whether "none of this type" can be chosen: it is not named, or NONE stands among the transforms (RFC 7296 §3.3.2).
[[nodiscard]] bool offers_none(const wire::Proposal& proposal, TransformType type) {
  return !names(proposal, type) || offers(proposal, type, 0, 0);
}
/// A type that we do not know makes a proposal unacceptable (RFC 7296 §3.3.6).
[[nodiscard]] bool has_unknown_type(const wire::Proposal& proposal) {
  return std::ranges::any_of(proposal.transforms, [](const wire::Transform& one) {
    return one.type < TransformType::encr || one.type > TransformType::esn;
  });
}

[[nodiscard]] bool offers_cipher(const wire::Proposal& proposal, std::uint16_t encryption, std::uint16_t bits,
                                 std::uint16_t integrity) {
  if (!offers(proposal, TransformType::encr, encryption, bits)) return false;
  return integrity == 0 ? offers_none(proposal, TransformType::integ)
                        : offers(proposal, TransformType::integ, integrity, 0);
}

[[nodiscard]] std::optional<crypto::Group> choose_group(std::span<const crypto::Group> ours,
                                                        const wire::Proposal& proposal, std::uint16_t ke_group) {
  const auto acceptable = [&proposal](crypto::Group group) {
    return offers(proposal, TransformType::dh, static_cast<std::uint16_t>(group), 0);
  };
  for (const crypto::Group group : ours)
    if (static_cast<std::uint16_t>(group) == ke_group && acceptable(group)) return group;
  for (const crypto::Group group : ours)
    if (acceptable(group)) return group;
  return std::nullopt;
}

[[nodiscard]] std::optional<IkeSuite> choose_suite(const IkeOffer& ours, const wire::Proposal& proposal,
                                                   std::uint16_t ke_group) {
  const auto cipher = std::ranges::find_if(ours.ciphers, [&proposal](crypto::SkSuite suite) {
    const auto& facts = crypto::sk_suite_facts(suite);
    return offers_cipher(proposal, facts.encryption, facts.key_bits, facts.integrity);
  });
  const auto prf = std::ranges::find_if(ours.prfs, [&proposal](crypto::Prf one) {
    return offers(proposal, TransformType::prf, static_cast<std::uint16_t>(one), 0);
  });
  const auto group = choose_group(ours.groups, proposal, ke_group);
  if (cipher == ours.ciphers.end() || prf == ours.prfs.end() || !group) return std::nullopt;
  return IkeSuite{*cipher, *prf, *group};
}

[[nodiscard]] bool fits_ike(const wire::Proposal& proposal, bool rekey) {
  if (proposal.protocol != wire::ProtocolId::ike || has_unknown_type(proposal)) return false;
  if (names(proposal, TransformType::esn) && !offers_none(proposal, TransformType::esn)) return false;
  return rekey ? proposal.ike_spi().value_or(0) != 0 : proposal.spi.empty();
}

/// How a child's key exchange can be had.
enum class Pfs : std::uint8_t { with_ke, without, after_retry };

[[nodiscard]] bool choose_pfs(const EspOffer& ours, const wire::Proposal& proposal, Pfs pfs, std::uint16_t ke_group,
                              std::optional<crypto::Group>& group) {
  group.reset();
  if (pfs == Pfs::without) return offers_none(proposal, TransformType::dh);
  group = choose_group(ours.groups, proposal, ke_group);
  return group && (pfs == Pfs::after_retry || static_cast<std::uint16_t>(*group) == ke_group);
}

[[nodiscard]] std::optional<ChosenEsp> choose_of(const EspOffer& ours, const wire::Proposal& proposal) {
  if (proposal.protocol != wire::ProtocolId::esp || has_unknown_type(proposal) || !proposal.esp_spi())
    return std::nullopt;
  if (proposal.esp_spi()->value() < 256) return std::nullopt;  // reserved (RFC 4303 §2.1)
  ChosenEsp chosen;
  chosen.number = proposal.number;
  chosen.peer_spi = *proposal.esp_spi();
  chosen.esn_named = names(proposal, TransformType::esn);
  chosen.esn = ours.esn && offers(proposal, TransformType::esn, transform::kEsnYes, 0);
  if (!chosen.esn && !offers_none(proposal, TransformType::esn)) return std::nullopt;
  for (const common::SuiteFacts& suite : ours.suites) {
    if (!offers_cipher(proposal, suite.encryption_transform, suite.encryption_key_bits, suite.integrity_transform))
      continue;
    chosen.suite = suite;
    return chosen;
  }
  return std::nullopt;
}

}  // namespace

std::vector<IkeOffer> make_ike_offers(std::span<const config::IkeProposal> configured) {
  std::vector<IkeOffer> offers;
  for (const config::IkeProposal& proposal : configured) offers.push_back(make_ike_offer(proposal));
  if (!offers.empty()) return offers;
  config::IkeProposal aead;
  aead.encryption = {"aes-gcm-256", "aes-gcm-128", "chacha20-poly1305", "aes-cbc-256", "aes-cbc-128"};
  aead.integrity = {"sha256", "sha384", "sha512"};
  IkeOffer offer = make_ike_offer(aead);
  offer.groups.assign(kDefaultGroups.begin(), kDefaultGroups.end());
  offers.push_back(std::move(offer));
  return offers;
}

std::vector<EspOffer> make_esp_offers(std::span<const config::EspProposal> configured) {
  std::vector<EspOffer> offers;
  for (const config::EspProposal& proposal : configured) {
    EspOffer& offer = offers.emplace_back();
    for (const common::Suite suite : proposal.suites)
      if (const auto facts = common::find_suite(suite);
          facts && facts->encryption_transform == transform::kEncrAesGcm16)
        offer.suites.push_back(*facts);
    add_groups(offer.groups, proposal.group);
    offer.esn = proposal.esn;
  }
  if (!offers.empty()) return offers;
  EspOffer& offer = offers.emplace_back();
  for (const common::Suite suite : {common::Suite::aes_gcm_16_256, common::Suite::aes_gcm_16_128})
    if (const auto facts = common::find_suite(suite)) offer.suites.push_back(*facts);
  offer.groups.assign(kDefaultGroups.begin(), kDefaultGroups.end());
  return offers;
}

std::optional<ChosenIke> choose_ike(std::span<const IkeOffer> ours, const wire::Sa& theirs, std::uint16_t ke_group,
                                    bool rekey) {
  for (const IkeOffer& offer : ours) {
    for (const wire::Proposal& proposal : theirs.proposals) {
      if (!fits_ike(proposal, rekey)) continue;
      if (const auto suite = choose_suite(offer, proposal, ke_group))
        return ChosenIke{*suite, proposal.number, proposal.ike_spi().value_or(0)};
    }
  }
  return std::nullopt;
}

std::optional<ChosenEsp> choose_esp(std::span<const EspOffer> ours, const wire::Sa& theirs, KeyExchange exchange,
                                    std::uint16_t ke_group) {
  // Forward secrecy where the KE payload gives it at once, then without, then by asking for another KE payload.
  for (const Pfs pfs : {Pfs::with_ke, Pfs::without, Pfs::after_retry}) {
    if (exchange == KeyExchange::used && pfs == Pfs::with_ke && ke_group == 0) continue;
    for (const EspOffer& offer : ours) {
      for (const wire::Proposal& proposal : theirs.proposals) {
        auto chosen = choose_of(offer, proposal);
        if (!chosen) continue;
        if (exchange == KeyExchange::ignored || choose_pfs(offer, proposal, pfs, ke_group, chosen->group))
          return chosen;
      }
    }
    if (exchange == KeyExchange::ignored) break;
  }
  return std::nullopt;
}

wire::Sa answer_of(const ChosenIke& chosen, common::ByteView spi) {
  const auto& facts = crypto::sk_suite_facts(chosen.suite.cipher);
  wire::Proposal proposal{chosen.number, wire::ProtocolId::ike, spi, {}};
  proposal.transforms.push_back({TransformType::encr, facts.encryption, facts.key_bits});
  proposal.transforms.push_back({TransformType::prf, static_cast<std::uint16_t>(chosen.suite.prf)});
  if (facts.integrity != 0) proposal.transforms.push_back({TransformType::integ, facts.integrity});
  proposal.transforms.push_back({TransformType::dh, static_cast<std::uint16_t>(chosen.suite.group)});
  return {{std::move(proposal)}};
}

wire::Sa answer_of(const ChosenEsp& chosen, common::ByteView spi) {
  wire::Proposal proposal{chosen.number, wire::ProtocolId::esp, spi, {}};
  proposal.transforms.push_back(
      {TransformType::encr, chosen.suite.encryption_transform, chosen.suite.encryption_key_bits});
  if (chosen.suite.integrity_transform != 0)
    proposal.transforms.push_back({TransformType::integ, chosen.suite.integrity_transform});
  if (chosen.group) proposal.transforms.push_back({TransformType::dh, static_cast<std::uint16_t>(*chosen.group)});
  if (chosen.esn_named)
    proposal.transforms.push_back({TransformType::esn, chosen.esn ? transform::kEsnYes : transform::kEsnNo});
  return {{std::move(proposal)}};
}

}  // namespace controlplane::ike
