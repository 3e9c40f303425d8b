#pragma once
// Diffie-Hellman: one key pair of one group. Public values and shared secrets are the octets of IKEv2's KE payload and
// g^ir: MODP left-padded to the modulus (RFC 7296 §2.14), ECP as x|y and x (RFC 5903 §7), x25519 as RFC 8031 §3 says.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/bytes.hpp"
#include "common/secret.hpp"
#include "controlplane/crypto/error.hpp"

namespace controlplane::crypto {

/// Numbers are IKEv2 transform type 4 (IANA).
enum class Group : std::uint16_t {
  modp_2048 = 14,  ///< RFC 3526 §3
  modp_3072 = 15,
  modp_4096 = 16,
  ecp_256 = 19,  ///< RFC 5903
  ecp_384 = 20,
  ecp_521 = 21,
  x25519 = 31,  ///< RFC 8031
};

struct GroupFacts {
  Group group;
  std::string_view name;        ///< "14" .. "31" is what the configuration says; this is what the CLI prints
  std::uint16_t public_octets;  ///< Key Exchange Data of a KE payload
  std::uint16_t shared_octets;  ///< g^ir
};

inline constexpr GroupFacts kGroups[] = {
    {Group::modp_2048, "DH_GROUP_2048_MODP/Group 14", 256, 256},
    {Group::modp_3072, "DH_GROUP_3072_MODP/Group 15", 384, 384},
    {Group::modp_4096, "DH_GROUP_4096_MODP/Group 16", 512, 512},
    {Group::ecp_256, "DH_GROUP_256_ECP/Group 19", 64, 32},
    {Group::ecp_384, "DH_GROUP_384_ECP/Group 20", 96, 48},
    {Group::ecp_521, "DH_GROUP_521_ECP/Group 21", 132, 66},
    {Group::x25519, "DH_GROUP_25519/Group 31", 32, 32},
};

/// nullopt for a group that we do not have.
[[nodiscard]] constexpr std::optional<GroupFacts> find_group(std::uint16_t transform) noexcept {
  for (const GroupFacts& facts : kGroups)
    if (static_cast<std::uint16_t>(facts.group) == transform) return facts;
  return std::nullopt;
}

/// A key pair: made once, used for one exchange. Movable, not copyable; the secret half is wiped when freed. One
/// thread.
class Dh {
 public:
  /// A fresh key pair.
  /// @error unsupported, library
  [[nodiscard]] static Result<Dh> generate(Group group);
  /// The key pair of a private value, in the octets of `private_value()`: for state that survives a restart (and for
  /// test vectors).
  /// @error unsupported, bad_key_length, library
  [[nodiscard]] static Result<Dh> from_private(Group group, common::ByteView private_value);

  [[nodiscard]] Group group() const noexcept { return group_; }
  /// Key Exchange Data; lives as long as this object.
  [[nodiscard]] common::ByteView public_value() const noexcept { return public_; }
  /// Big-endian scalar or exponent, little-endian for x25519 as RFC 7748 writes it.
  [[nodiscard]] common::ByteView private_value() const noexcept { return private_.view(); }

  /// g^ir with the peer's Key Exchange Data.
  /// @error bad_public_value  wrong size; not 1 < y < p-1; not on the curve; an all-zero x25519 result
  /// @source RFC 6989 §2.1 and §2.3, RFC 7748 §6.1
  [[nodiscard]] Result<common::SecretBytes> derive(common::ByteView peer_public) const;

 private:
  Dh() = default;
  Group group_ = Group::x25519;
  common::Bytes public_;
  common::SecretBytes private_;
};

}  // namespace controlplane::crypto
