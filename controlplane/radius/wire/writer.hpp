#pragma once
// A RADIUS packet to bytes. Errors stick: write everything, ask once at the end. Pure; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "controlplane/radius/wire/attributes.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::radius::wire {

/// Builds one packet. An attribute that is too long, or too many of them, make `finish_*` return that error.
class PacketWriter {
 public:
  PacketWriter(Code code, std::uint8_t identifier);

  /// Reserves a Message-Authenticator here, filled in by `finish_*`. Call it first: servers and peers that know the
  /// Blast-RADIUS attack want it as the first attribute. A second call changes nothing.
  void message_authenticator();

  void octets(std::uint8_t type, common::ByteView value);
  void text(std::uint8_t type, std::string_view value) { octets(type, common::as_bytes(value)); }
  void number(std::uint8_t type, std::uint32_t value);
  /// 4 or 16 octets, as the address is.
  void address(std::uint8_t type, const common::IpAddress& value) { octets(type, value.bytes()); }
  /// One sub-attribute in a Vendor-Specific attribute of its own.
  void vendor(std::uint32_t vendor, std::uint8_t type, common::ByteView value);
  /// A Cisco AVPair, "name=value".
  void avpair(std::string_view name, std::string_view value);
  /// An EAP packet in as many consecutive EAP-Message attributes as it takes (RFC 3579 §3.1). Empty writes one empty
  /// attribute, which is EAP-Start.
  void eap(common::ByteView packet);

  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }

  /// Access-Request (and Status-Server): the authenticator is the caller's random one, the Message-Authenticator is
  /// computed over it.
  /// @error value_too_long, packet_too_long, crypto
  [[nodiscard]] Result<common::Bytes> finish_access_request(const Authenticator& random, common::ByteView secret);
  /// Accounting-, Disconnect- and CoA-Request: the authenticator is the MD5 of RFC 2866 §3; a Message-Authenticator is
  /// computed first, over zeros in its place (RFC 5176 §3.4).
  [[nodiscard]] Result<common::Bytes> finish_request(common::ByteView secret);
  /// Any response.
  [[nodiscard]] Result<common::Bytes> finish_response(const Authenticator& request, common::ByteView secret);

 private:
  [[nodiscard]] Result<void> seal(const Authenticator& field, common::ByteView secret);
  void put_authenticator(const Authenticator& authenticator) noexcept;

  common::ByteWriter out_;
  std::optional<std::size_t> message_authenticator_at_;  ///< offset of its 16 octets
  std::optional<WireError> error_;
};

}  // namespace controlplane::radius::wire
