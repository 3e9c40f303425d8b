#pragma once
// The configuration payload (RFC 7296 §3.15): what a client asks for and what it gets.

#include "common/bytes.hpp"
#include "controlplane/ike/wire/payloads.hpp"
#include "controlplane/session/door.hpp"

namespace controlplane::ike {

struct Wish {
  bool asked = false;      ///< there is a CFG_REQUEST
  bool v4 = false;         ///< it wants an IPv4 address
  bool v6 = false;         ///< it wants an IPv6 address; this release has none, which is no error beside IPv4
  bool supported = false;  ///< SUPPORTED_ATTRIBUTES
};

[[nodiscard]] Wish read_wish(const wire::Payloads& payloads);

/// CFG_REPLY with address, DNS servers and subnets; the netmask is left out (RFC 7296 §3.15.1: it means nothing here).
/// @param store  receives the octets that the result views; must outlive it
[[nodiscard]] wire::Cp make_reply(const Wish& wish, const session::Assignment& assignment, common::ByteWriter& store);

}  // namespace controlplane::ike
