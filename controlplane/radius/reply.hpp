#pragma once
// An authenticated answer to an Access-Request, understood. Pure; any thread.

#include <string>
#include <vector>

#include "controlplane/radius/access.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::radius {

struct ParsedReply {
  AccessReply reply;               ///< `server` is the caller's to fill in
  std::vector<std::string> notes;  ///< what was ignored or wrong in it, for the log; without secrets
};

/// @param packet   Access-Accept, -Reject or -Challenge whose authenticators have been verified
/// @param request  authenticator of the request, for the MPPE keys
[[nodiscard]] ParsedReply parse_reply(const wire::PacketView& packet, const wire::Authenticator& request,
                                      common::ByteView secret);

}  // namespace controlplane::radius
