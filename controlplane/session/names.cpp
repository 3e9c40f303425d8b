// Session names in the document's format (FACTS A5).

#include "controlplane/session/names.hpp"

#include <fmt/format.h>

namespace controlplane::session {
namespace {

std::string upper_hex(common::ByteView octets) {
  std::string text;
  text.reserve(octets.size() * 2);
  for (const std::uint8_t octet : octets) fmt::format_to(std::back_inserter(text), "{:02X}", octet);
  return text;
}

char family(const common::IpAddress& address) { return address.is_v6() ? '6' : '4'; }

}  // namespace

std::string make_audit_session_id(const common::Endpoint& local, const common::Endpoint& remote, std::uint64_t number) {
  return fmt::format("L2L{}{}ZO2L{}{}ZH{:04X}{:04X}ZN{:02X}", family(local.address), upper_hex(local.address.bytes()),
                     family(remote.address), upper_hex(remote.address.bytes()), local.port, remote.port, number);
}

std::string acct_session_text(std::uint32_t number) { return fmt::format("{:08X}", number); }

}  // namespace controlplane::session
