// Intersections of address, port and protocol ranges.

#include "controlplane/ike/selectors.hpp"

#include <algorithm>

#include "common/channel/convert.hpp"

namespace controlplane::ike {
namespace {

using wire::Selector;

[[nodiscard]] bool is_within(const Selector& inner, const Selector& outer) {
  return inner.first >= outer.first && inner.last <= outer.last && inner.start_port >= outer.start_port &&
         inner.end_port <= outer.end_port && (outer.ip_protocol == 0 || outer.ip_protocol == inner.ip_protocol);
}

[[nodiscard]] std::optional<Selector> cut(const Selector& wanted, const common::Prefix& allowed) {
  if (!wanted.first.is_v4() || !allowed.address.is_v4() || wanted.start_port > wanted.end_port) return std::nullopt;
  Selector result = wanted;
  result.first = std::max(wanted.first, allowed.first());
  result.last = std::min(wanted.last, allowed.last());
  if (result.first > result.last) return std::nullopt;
  return result;
}

void add(std::vector<Selector>& list, const Selector& selector) {
  if (std::ranges::any_of(list, [&selector](const Selector& one) { return is_within(selector, one); })) return;
  std::erase_if(list, [&selector](const Selector& one) { return is_within(one, selector); });
  list.push_back(selector);
}

[[nodiscard]] common::channel::WireSelector to_wire(const Selector& selector) {
  return {common::channel::to_wire(selector.first),
          common::channel::to_wire(selector.last),
          selector.start_port,
          selector.end_port,
          selector.ip_protocol,
          {}};
}

}  // namespace

std::vector<Selector> narrow(std::span<const Selector> wanted, std::span<const common::Prefix> allowed) {
  std::vector<Selector> result;
  for (const Selector& selector : wanted)
    for (const common::Prefix& prefix : allowed)
      if (const auto piece = cut(selector, prefix)) add(result, *piece);
  if (result.size() > common::channel::kMaxSelectors) result.resize(common::channel::kMaxSelectors);
  return result;
}

std::optional<Narrowed> narrow_pair(const wire::Ts& tsi, const wire::Ts& tsr,
                                    const std::optional<common::IpAddress>& inner, const common::IpAddress& peer,
                                    std::span<const common::Prefix> subnets) {
  const common::Prefix own[] = {{inner.value_or(peer), 32}};
  static const common::Prefix kEverything[] = {{common::IpAddress::v4(0), 0}};
  Narrowed narrowed;
  narrowed.remote = narrow(tsi.selectors, own);
  narrowed.local = narrow(tsr.selectors, subnets.empty() ? std::span<const common::Prefix>(kEverything) : subnets);
  if (narrowed.remote.empty() || narrowed.local.empty()) return std::nullopt;
  return narrowed;
}

void to_child(const Narrowed& selectors, common::channel::WireChild& child) {
  child.local_selectors = static_cast<std::uint16_t>(selectors.local.size());
  child.remote_selectors = static_cast<std::uint16_t>(selectors.remote.size());
  std::ranges::transform(selectors.local, child.local.begin(), &to_wire);
  std::ranges::transform(selectors.remote, child.remote.begin(), &to_wire);
}

std::vector<SelectorListing> to_listing(std::span<const Selector> selectors) {
  std::vector<SelectorListing> listing;
  for (const Selector& one : selectors)
    listing.push_back({one.first, one.last, one.start_port, one.end_port, one.ip_protocol});
  return listing;
}

}  // namespace controlplane::ike
