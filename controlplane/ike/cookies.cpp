// Cookies of RFC 7296 §2.6 and the counts that say when they are asked for.

#include "controlplane/ike/cookies.hpp"

#include <algorithm>
#include <utility>

#include "controlplane/crypto/prf.hpp"

namespace controlplane::ike {
namespace {

using common::ByteView;

constexpr std::size_t kSecretOctets = 32;
constexpr std::chrono::seconds kSecretLife{60};

}  // namespace

Cookies::Cookies(Environment& environment)
    : environment_(environment), current_(kSecretOctets), changed_(environment.clock().monotonic()) {
  environment_.random(current_.mutable_view());
}

void Cookies::rotate() {
  const auto now = environment_.clock().monotonic();
  if (now - changed_ < kSecretLife) return;
  const bool long_ago = now - changed_ >= 2 * kSecretLife;
  previous_ = std::move(current_);
  current_ = common::SecretBytes(kSecretOctets);
  environment_.random(current_.mutable_view());
  if (long_ago) previous_.clear();
  ++version_;
  changed_ = now;
}

common::Bytes Cookies::compute(const common::SecretBytes& secret, std::uint8_t version, const Claim& claim) {
  const common::Be16 port(claim.remote.port);
  const common::Be64 spi(claim.initiator_spi);
  const auto mac =
      crypto::hmac(crypto::Hash::sha2_256, secret.view(),
                   {claim.nonce, claim.remote.address.bytes(), common::as_bytes(port), common::as_bytes(spi)});
  common::Bytes cookie(1, version);
  cookie.insert(cookie.end(), mac.view().begin(), mac.view().end());
  return cookie;
}

common::Bytes Cookies::make(const Claim& claim) {
  rotate();
  return compute(current_, version_, claim);
}

bool Cookies::verify(const Claim& claim, ByteView cookie) {
  rotate();
  if (cookie.empty()) return false;
  if (cookie[0] == version_) return common::constant_time_equal(cookie, compute(current_, version_, claim));
  if (previous_.empty() || cookie[0] != static_cast<std::uint8_t>(version_ - 1)) return false;
  return common::constant_time_equal(cookie, compute(previous_, cookie[0], claim));
}

common::IpAddress HalfOpen::prefix_of(const common::IpAddress& source) {
  if (source.is_v4()) return common::IpAddress::v4(source.v4_host() & 0xFFFF'FF00U);
  auto octets = source.storage();
  std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
  return common::IpAddress::v6(octets);
}

void HalfOpen::add(const common::IpAddress& source) {
  ++total_;
  ++by_prefix_[prefix_of(source)];
}

void HalfOpen::remove(const common::IpAddress& source) {
  const auto found = by_prefix_.find(prefix_of(source));
  if (found == by_prefix_.end()) return;
  --total_;
  if (--found->second == 0) by_prefix_.erase(found);
}

std::size_t HalfOpen::of(const common::IpAddress& source) const {
  const auto found = by_prefix_.find(prefix_of(source));
  return found == by_prefix_.end() ? 0 : found->second;
}

}  // namespace controlplane::ike
