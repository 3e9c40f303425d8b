// Finding things among parsed payloads.

#include "controlplane/ike/wire/payloads.hpp"

#include <algorithm>

namespace controlplane::ike::wire {
namespace {

template <class List, class Predicate>
auto first_where(const List& list, Predicate predicate) noexcept -> decltype(list.data()) {
  const auto it = std::ranges::find_if(list, predicate);
  return it == list.end() ? nullptr : &*it;
}

}  // namespace

std::optional<common::Spi> Proposal::esp_spi() const noexcept {
  if (spi.size() != 4) return std::nullopt;
  return common::Spi(*common::ByteReader(spi).be32());
}

std::optional<std::uint64_t> Proposal::ike_spi() const noexcept {
  if (spi.size() != 8) return std::nullopt;
  return common::ByteReader(spi).be64();
}

const CpAttribute* Cp::find(CpAttributeType wanted) const noexcept {
  return first_where(attributes, [&](const CpAttribute& attribute) { return attribute.type == wanted; });
}

const Notify* Payloads::find(NotifyType type) const noexcept {
  return first_where(notifies, [&](const Notify& notify) { return notify.type == type; });
}

const Notify* Payloads::error() const noexcept {
  return first_where(notifies, [](const Notify& notify) { return is_error(notify.type); });
}

const Cp* Payloads::find(CpType type) const noexcept {
  return first_where(cps, [&](const Cp& cp) { return cp.type == type; });
}

}  // namespace controlplane::ike::wire
