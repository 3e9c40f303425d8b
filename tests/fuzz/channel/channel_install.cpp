// Any octets as an InstallSession: what the manager's judgement lets pass holds what the tables rely on.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "common/channel/messages.hpp"
#include "dataplane/manager/validate.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void check_selectors(const dataplane::sa::Selectors& selectors) {
  check(selectors.local_used >= 1 && selectors.local_used <= selectors.local.size());
  check(selectors.remote_used >= 1 && selectors.remote_used <= selectors.remote.size());
  for (std::size_t i = 0; i < selectors.remote_used; ++i) {
    check(selectors.remote[i].first <= selectors.remote[i].last);
    check(selectors.remote[i].first_port <= selectors.remote[i].last_port);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  common::channel::InstallSession wire{};
  std::memcpy(&wire, data, std::min(size, sizeof wire));
  const auto spec = dataplane::manager::read_session(wire, {}, common::Epoch{1});
  if (!spec) return 0;
  const auto facts = common::find_suite(spec->child.suite);
  check(facts.has_value());
  check(spec->id.value() != 0);
  check(spec->child.inbound.value() >= 256 && spec->child.outbound.value() >= 256);
  check(spec->child.inbound_encryption.size() == facts->encryption_keymat);
  check(spec->child.outbound_integrity.size() == facts->integrity_keymat);
  check(spec->child.replay_packets == 0 || (std::has_single_bit(spec->child.replay_packets) &&
                                            spec->child.replay_packets >= 64 && spec->child.replay_packets <= 4096));
  check(!spec->child.esn || spec->child.replay_packets != 0);
  check(!spec->inner_v4 || *spec->inner_v4 != 0);
  check(spec->path.local.address.is_v4() == spec->path.remote.address.is_v4());
  check_selectors(spec->child.selectors);
  return 0;
}
