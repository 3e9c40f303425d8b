// Field by field, in the order of messages.hpp.

#include "dataplane/manager/validate.hpp"

#include <algorithm>
#include <bit>

#include "common/channel/convert.hpp"
#include "dataplane/esp/replay.hpp"

namespace dataplane::manager {
namespace {

using common::channel::from_wire;
using common::channel::kMaxSelectors;
using common::channel::WireSelector;

bool all_zero(common::ByteView octets) noexcept {
  return std::ranges::all_of(octets, [](std::uint8_t octet) { return octet == 0; });
}

bool is_none(const common::channel::WireAddress& address) noexcept { return all_zero(common::as_bytes(address)); }

std::optional<sa::SelectorV4> read_selector(const WireSelector& wire) {
  const auto first = from_wire(wire.first);
  const auto last = from_wire(wire.last);
  if (!first || !last || !first->is_v4() || !last->is_v4() || !all_zero(wire.zero)) return std::nullopt;
  if (first->v4_host() > last->v4_host() || wire.first_port > wire.last_port) return std::nullopt;
  return sa::SelectorV4{first->v4_host(), last->v4_host(), wire.first_port, wire.last_port, wire.protocol};
}

/// At least one entry, `used` of them filled and the others empty.
bool read_selectors(const std::array<WireSelector, kMaxSelectors>& wire, std::uint16_t used, std::uint32_t& out_used,
                    std::array<sa::SelectorV4, kMaxSelectors>& out) {
  if (used == 0 || used > kMaxSelectors) return false;
  for (std::size_t i = 0; i < kMaxSelectors; ++i) {
    if (i >= used) {
      if (!all_zero(common::as_bytes(wire[i]))) return false;
      continue;
    }
    const auto selector = read_selector(wire[i]);
    if (!selector) return false;
    out[i] = *selector;
  }
  out_used = used;
  return true;
}

/// The octets of a key that the suite uses; what is behind them is 0.
std::optional<common::ByteView> read_key(common::ByteView field, std::size_t used) {
  if (used > field.size() || !all_zero(field.subspan(used))) return std::nullopt;
  return field.first(used);
}

}  // namespace

bool is_valid(const common::channel::WirePolicy& policy) noexcept { return policy.zero == 0; }

std::optional<sa::Path> read_path(const common::channel::WireEndpoint& local,
                                  const common::channel::WireEndpoint& remote, std::uint32_t flags) {
  constexpr std::uint32_t kKnown = common::channel::kSessionNat | common::channel::kSessionMobike;
  const auto ours = from_wire(local);
  const auto theirs = from_wire(remote);
  if (!ours || !theirs || (flags & ~kKnown) != 0) return std::nullopt;
  if (ours->address.is_v4() != theirs->address.is_v4()) return std::nullopt;
  if (ours->address.is_unspecified() || theirs->address.is_unspecified()) return std::nullopt;
  return sa::Path{*ours, *theirs, (flags & common::channel::kSessionNat) != 0,
                  (flags & common::channel::kSessionMobike) != 0};
}

std::optional<sa::ChildSpec> read_child(const common::channel::WireChild& wire) {
  constexpr std::uint16_t kKnown =
      common::channel::kChildEsn | common::channel::kChildUdpEncap | common::channel::kChildNoReplay;
  const auto facts = common::find_suite(static_cast<common::Suite>(wire.suite));
  if (!facts || (wire.flags & ~kKnown) != 0 || wire.zero != 0) return std::nullopt;
  if (wire.inbound_spi < 256 || wire.outbound_spi < 256) return std::nullopt;  // RFC 4303 §2.1
  sa::ChildSpec child;
  child.inbound = common::Spi{wire.inbound_spi};
  child.outbound = common::Spi{wire.outbound_spi};
  child.key_id = common::KeyId{wire.key_id};
  child.suite = facts->suite;
  child.esn = (wire.flags & common::channel::kChildEsn) != 0;
  child.udp_encap = (wire.flags & common::channel::kChildUdpEncap) != 0;
  child.end_unix_ms = wire.end_unix_ms;
  if ((wire.flags & common::channel::kChildNoReplay) == 0) {
    if (!std::has_single_bit(wire.replay_window) || wire.replay_window < esp::ReplayWindow::kMinPackets ||
        wire.replay_window > esp::ReplayWindow::kMaxPackets)
      return std::nullopt;
    child.replay_packets = wire.replay_window;
  } else if (child.esn) {
    return std::nullopt;  // ESN needs the window to tell its upper half (RFC 4303 §2.2.1)
  }
  const auto in_key = read_key(wire.inbound.encryption, facts->encryption_keymat);
  const auto in_mac = read_key(wire.inbound.integrity, facts->integrity_keymat);
  const auto out_key = read_key(wire.outbound.encryption, facts->encryption_keymat);
  const auto out_mac = read_key(wire.outbound.integrity, facts->integrity_keymat);
  if (!in_key || !in_mac || !out_key || !out_mac) return std::nullopt;
  child.inbound_encryption = *in_key;
  child.inbound_integrity = *in_mac;
  child.outbound_encryption = *out_key;
  child.outbound_integrity = *out_mac;
  auto& selectors = child.selectors;
  if (!read_selectors(wire.local, wire.local_selectors, selectors.local_used, selectors.local) ||
      !read_selectors(wire.remote, wire.remote_selectors, selectors.remote_used, selectors.remote))
    return std::nullopt;
  return child;
}

std::optional<sa::SessionSpec> read_session(const common::channel::InstallSession& wire, common::ByteView blob,
                                            common::Epoch epoch) {
  if (wire.session_id == 0 || wire.zero != 0 || wire.vrf != 0 || !is_valid(wire.policy)) return std::nullopt;
  if (!is_none(wire.inner_v6)) return std::nullopt;
  const auto path = read_path(wire.local, wire.remote, wire.flags);
  const auto child = read_child(wire.child);
  if (!path || !child) return std::nullopt;
  sa::SessionSpec spec;
  spec.id = common::SessionId{wire.session_id};
  spec.epoch = epoch;
  spec.path = *path;
  spec.policy = wire.policy;
  spec.child = *child;
  spec.blob = blob;
  if (!is_none(wire.inner_v4)) {
    const auto inner = from_wire(wire.inner_v4);
    if (!inner || !inner->is_v4() || inner->is_unspecified()) return std::nullopt;
    spec.inner_v4 = inner->v4_host();
  }
  return spec;
}

}  // namespace dataplane::manager
