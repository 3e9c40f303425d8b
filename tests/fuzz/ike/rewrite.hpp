#pragma once
// A property of the codec: payloads that were understood are written again and must be understood as the same.

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "controlplane/ike/wire/message.hpp"
#include "controlplane/ike/wire/writer.hpp"

namespace fuzz {

using namespace controlplane::ike::wire;

/// Selectors of unknown types are not written, so that a payload of nothing else cannot be.
inline bool can_be_written(const std::optional<Ts>& ts) { return ts && !ts->selectors.empty(); }

inline PayloadWriter rewrite(const Payloads& in) {
  PayloadWriter out;
  if (in.sa) out.add(*in.sa);
  if (in.ke) out.add(*in.ke);
  if (in.idi) out.add_idi(*in.idi);
  if (in.idr) out.add_idr(*in.idr);
  for (const auto& cert : in.certs) out.add(cert);
  for (const auto& request : in.certreqs) out.add(request);
  if (in.auth) out.add(*in.auth);
  if (in.nonce) out.add(*in.nonce);
  for (const auto& notify : in.notifies) out.add(notify);
  for (const auto& deletion : in.deletes) out.add(deletion);
  for (const auto& vendor : in.vendors) out.add(vendor);
  if (can_be_written(in.tsi)) out.add_tsi(*in.tsi);
  if (can_be_written(in.tsr)) out.add_tsr(*in.tsr);
  for (const auto& cp : in.cps) out.add(cp);
  if (in.eap) out.add(*in.eap);
  return out;
}

inline void check_rewrite(const Payloads& in) {
  const PayloadWriter once = rewrite(in);
  const auto again = parse_payloads(once.first(), once.view());
  if (!again) std::abort();
  if (in.sa.has_value() != again->sa.has_value() || in.notifies.size() != again->notifies.size()) std::abort();
  if (in.sa) {
    if (in.sa->proposals.size() != again->sa->proposals.size()) std::abort();
    for (std::size_t i = 0; i < in.sa->proposals.size(); ++i)
      if (in.sa->proposals[i].transforms.size() != again->sa->proposals[i].transforms.size()) std::abort();
  }
  const PayloadWriter twice = rewrite(*again);
  if (!std::ranges::equal(once.view(), twice.view())) std::abort();
}

}  // namespace fuzz
