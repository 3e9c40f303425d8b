#pragma once
// Packets as people read them: the lines that IOS prints for `debug radius`. Secrets are masked (promise P6). Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::radius::wire {

/// "Access-Request"; "code 77" for a code nobody has heard of.
[[nodiscard]] std::string code_name(std::uint8_t code);
/// "User-Name"; "Attribute-77" for an unknown one.
[[nodiscard]] std::string attribute_name(std::uint8_t type);

/// "authenticator 29 63 0C 79 C1 5E F2 0E - F3 CA 36 DD A3 55 C1 DE"
[[nodiscard]] std::string authenticator_line(const Authenticator& authenticator);
/// One line an attribute, two for a vendor's, without "RADIUS: " in front:
/// `User-Name [1] 23 "pskuser1.g1.engdt.com"`. User-Password, Tunnel-Password, MPPE keys and EAP payloads show `*`.
[[nodiscard]] std::vector<std::string> attribute_lines(const PacketView& packet);

}  // namespace controlplane::radius::wire
