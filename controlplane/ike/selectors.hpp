#pragma once
// Traffic selectors (RFC 7296 §2.9): what a peer wants, narrowed to what it may have.

#include <optional>
#include <span>
#include <vector>

#include "common/address.hpp"
#include "common/channel/messages.hpp"
#include "controlplane/ike/listing.hpp"
#include "controlplane/ike/wire/payloads.hpp"

namespace controlplane::ike {

/// Each selector cut to each allowed prefix; IPv6 and OPAQUE fall away, what lies within another goes, the first
/// channel::kMaxSelectors stay. Empty: TS_UNACCEPTABLE.
[[nodiscard]] std::vector<wire::Selector> narrow(std::span<const wire::Selector> wanted,
                                                 std::span<const common::Prefix> allowed);

struct Narrowed {
  std::vector<wire::Selector> remote;  ///< TSi: what the peer may send from
  std::vector<wire::Selector> local;   ///< TSr: what it may reach
};

/// @param inner    the assigned address: all that TSi may name
/// @param peer     the peer's outer address: TSi of a peer without an assigned one, for then it speaks for itself alone
/// @param subnets  what TSr may name; empty: everything
/// @return         nullopt: TS_UNACCEPTABLE
[[nodiscard]] std::optional<Narrowed> narrow_pair(const wire::Ts& tsi, const wire::Ts& tsr,
                                                  const std::optional<common::IpAddress>& inner,
                                                  const common::IpAddress& peer,
                                                  std::span<const common::Prefix> subnets);

/// Writes selectors into a child of the channel. @pre at most channel::kMaxSelectors each
void to_child(const Narrowed& selectors, common::channel::WireChild& child);

[[nodiscard]] std::vector<SelectorListing> to_listing(std::span<const wire::Selector> selectors);

}  // namespace controlplane::ike
