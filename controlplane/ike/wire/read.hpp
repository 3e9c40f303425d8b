#pragma once
// One function a payload body: octets behind the generic header to a value. Inside this room only; message.hpp is the
// door.

#include <expected>

#include "common/bytes.hpp"
#include "controlplane/ike/wire/error.hpp"
#include "controlplane/ike/wire/payloads.hpp"

namespace controlplane::ike::wire {

template <class T>
using BodyResult = std::expected<T, WireError>;

[[nodiscard]] BodyResult<Sa> read_sa(ByteView body);
[[nodiscard]] BodyResult<Ke> read_ke(ByteView body) noexcept;
[[nodiscard]] BodyResult<Id> read_id(ByteView body) noexcept;
[[nodiscard]] BodyResult<Cert> read_cert(ByteView body) noexcept;
[[nodiscard]] BodyResult<CertReq> read_certreq(ByteView body) noexcept;
[[nodiscard]] BodyResult<Auth> read_auth(ByteView body) noexcept;
[[nodiscard]] BodyResult<Nonce> read_nonce(ByteView body) noexcept;
[[nodiscard]] BodyResult<Notify> read_notify(ByteView body) noexcept;
[[nodiscard]] BodyResult<Delete> read_delete(ByteView body);
[[nodiscard]] BodyResult<Ts> read_ts(ByteView body);
[[nodiscard]] BodyResult<Cp> read_cp(ByteView body);
[[nodiscard]] BodyResult<Eap> read_eap(ByteView body) noexcept;

}  // namespace controlplane::ike::wire
