#pragma once
// MD5 and HMAC-MD5 of pieces, for this room's own use.

#include <initializer_list>

#include "common/bytes.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::radius::wire {

/// @error crypto  the library has no MD5 (a FIPS provider)
[[nodiscard]] Result<Authenticator> md5(std::initializer_list<common::ByteView> pieces) noexcept;
[[nodiscard]] Result<Authenticator> hmac_md5(common::ByteView key,
                                             std::initializer_list<common::ByteView> pieces) noexcept;

}  // namespace controlplane::radius::wire
