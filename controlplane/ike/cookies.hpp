#pragma once
// Stateless cookies against floods of IKE_SA_INIT (RFC 7296 §2.6), and the bounds of half-open state (P5).

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "common/secret.hpp"
#include "controlplane/ike/environment.hpp"

namespace controlplane::ike {

/// Cookie = version | HMAC-SHA2-256(secret, Ni | IPi | port | SPIi), 33 octets. The secret changes every minute; the
/// one before is still believed, so a cookie lives one to two minutes.
class Cookies {
 public:
  explicit Cookies(Environment& environment);

  struct Claim {
    common::ByteView nonce;
    common::Endpoint remote;
    std::uint64_t initiator_spi = 0;
  };
  [[nodiscard]] common::Bytes make(const Claim& claim);
  [[nodiscard]] bool verify(const Claim& claim, common::ByteView cookie);

 private:
  void rotate();
  [[nodiscard]] static common::Bytes compute(const common::SecretBytes& secret, std::uint8_t version,
                                             const Claim& claim);

  Environment& environment_;
  common::SecretBytes current_;
  common::SecretBytes previous_;
  std::uint8_t version_ = 0;
  common::MonotonicTime changed_{};
};

/// Counts half-open IKE SAs in all and per source prefix: /24 of IPv4, /64 of IPv6.
class HalfOpen {
 public:
  void add(const common::IpAddress& source);
  void remove(const common::IpAddress& source);
  [[nodiscard]] std::size_t total() const noexcept { return total_; }
  [[nodiscard]] std::size_t of(const common::IpAddress& source) const;

 private:
  [[nodiscard]] static common::IpAddress prefix_of(const common::IpAddress& source);

  std::size_t total_ = 0;
  std::unordered_map<common::IpAddress, std::size_t> by_prefix_;
};

}  // namespace controlplane::ike
