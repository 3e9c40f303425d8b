#pragma once
// The lines that IOS prints for `debug radius`; nothing where it is off.

#include <cstdint>
#include <string_view>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "controlplane/radius/records.hpp"

namespace controlplane::radius::trace {

/// @param unique_id   the session's Unique Id, in parentheses in each line
void send(common::ByteView packet, const common::Endpoint& server, std::uint16_t local_port, std::uint32_t unique_id);
void timeout(std::uint32_t unique_id, common::Duration timeout);
void receive(common::ByteView packet, const common::Endpoint& server, std::uint16_t local_port);
void best_local_address(const common::IpAddress& local, const common::IpAddress& server);

}  // namespace controlplane::radius::trace
