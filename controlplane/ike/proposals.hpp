#pragma once
// Negotiation of security associations (RFC 7296 §2.7, §3.3): what the configuration allows against what a peer offers.
// Our order of preference decides, proposal by proposal, algorithm by algorithm.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/suite.hpp"
#include "config/schema.hpp"
#include "controlplane/ike/keys.hpp"
#include "controlplane/ike/wire/payloads.hpp"

namespace controlplane::ike {

/// One [[ikev2.proposal]], its names as transforms. Each list is in the order of preference.
struct IkeOffer {
  std::vector<crypto::SkSuite> ciphers;  ///< encryption with integrity
  std::vector<crypto::Prf> prfs;
  std::vector<crypto::Group> groups;
};

/// One [[ipsec.proposal]].
struct EspOffer {
  std::vector<common::SuiteFacts> suites;
  std::vector<crypto::Group> groups;  ///< PFS; a rekey without is accepted as well
  bool esn = true;
};

/// @param configured  empty: AES-GCM-256/128 and AES-CBC-256/128 with SHA2, PRFs of SHA2, groups 31 19 20 21 14 15 16
[[nodiscard]] std::vector<IkeOffer> make_ike_offers(std::span<const config::IkeProposal> configured);
/// @param configured  empty: AES-GCM-256 and 128, ESN, the same groups. Suites that the dataplane lacks are left out.
[[nodiscard]] std::vector<EspOffer> make_esp_offers(std::span<const config::EspProposal> configured);

/// What was chosen of an IKE proposal. The answer repeats the number of the peer's proposal.
struct ChosenIke {
  IkeSuite suite;
  std::uint8_t number = 1;
  std::uint64_t peer_spi = 0;  ///< of a rekey; 0 in IKE_SA_INIT
};

/// @param ke_group  of the peer's KE payload: taken where it is acceptable, so that no round trip is lost
/// @param rekey     proposals must carry an SPI of 8 octets, else none
/// @return          nullopt: NO_PROPOSAL_CHOSEN. A suite of another group than ke_group: INVALID_KE_PAYLOAD
[[nodiscard]] std::optional<ChosenIke> choose_ike(std::span<const IkeOffer> ours, const wire::Sa& theirs,
                                                  std::uint16_t ke_group, bool rekey);

struct ChosenEsp {
  common::SuiteFacts suite{};
  std::optional<crypto::Group> group;  ///< PFS
  bool esn = false;
  bool esn_named = true;  ///< the peer's proposal has a transform of type ESN, so the answer must
  std::uint8_t number = 1;
  common::Spi peer_spi;
};

enum class KeyExchange : std::uint8_t {
  ignored,  ///< IKE_AUTH: groups in the proposal mean nothing (RFC 7296 §1.2)
  used,     ///< CREATE_CHILD_SA
};

/// @param ke_group  of the peer's KE payload, 0: none came
/// @return          nullopt: NO_PROPOSAL_CHOSEN. A group other than ke_group: INVALID_KE_PAYLOAD
[[nodiscard]] std::optional<ChosenEsp> choose_esp(std::span<const EspOffer> ours, const wire::Sa& theirs,
                                                  KeyExchange exchange, std::uint16_t ke_group);

/// The SA payload that says what was chosen.
/// @param spi  ours; its octets must outlive the result. Empty in IKE_SA_INIT
[[nodiscard]] wire::Sa answer_of(const ChosenIke& chosen, common::ByteView spi);
[[nodiscard]] wire::Sa answer_of(const ChosenEsp& chosen, common::ByteView spi);

}  // namespace controlplane::ike
