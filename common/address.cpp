// Text and arithmetic of addresses. The text of addresses is the C library's.

#include "common/address.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace common {

std::optional<IpAddress> IpAddress::from_bytes(ByteView octets) noexcept {
  if (octets.size() != 4 && octets.size() != 16) return std::nullopt;
  IpAddress address;
  std::ranges::copy(octets, address.octets_.begin());
  address.is_v6_ = octets.size() == 16;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  std::array<std::uint8_t, 16> octets{};
  if (inet_pton(AF_INET, terminated.c_str(), octets.data()) == 1) return from_bytes(ByteView(octets).first(4));
  if (inet_pton(AF_INET6, terminated.c_str(), octets.data()) == 1) return from_bytes(octets);
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v6_ ? AF_INET6 : AF_INET, octets_.data(), text.data(), text.size());
  return text.data();
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  unsigned length = address->bits();
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc{} || end != digits.data() + digits.size() || length > address->bits()) return std::nullopt;
  }
  const Prefix prefix{*address, static_cast<std::uint8_t>(length)};
  for (unsigned bit = length; bit < address->bits(); ++bit)
    if ((address->storage()[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  return prefix;
}

bool Prefix::contains(const IpAddress& candidate) const noexcept {
  if (candidate.is_v6() != address.is_v6()) return false;
  for (unsigned bit = 0; bit < length; bit += 8) {
    const unsigned bits = std::min(8U, length - bit);
    const auto mask = static_cast<std::uint8_t>(0xFF00U >> bits);
    if (((candidate.storage()[bit / 8] ^ address.storage()[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

IpAddress Prefix::last() const noexcept {
  auto octets = address.storage();
  for (unsigned bit = length; bit < address.bits(); ++bit)
    octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] | 1U << (7 - bit % 8));
  if (address.is_v6()) return IpAddress::v6(octets);
  return *IpAddress::from_bytes(ByteView(octets).first(4));
}

std::string Prefix::to_string() const { return address.to_string() + "/" + std::to_string(length); }

std::string Endpoint::to_string() const {
  const std::string text = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  return text + ":" + std::to_string(port);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const auto octet = parse_hex(text.substr(i * 3, 2));
    if (!octet || octet->size() != 1 || (i < 5 && text[i * 3 + 2] != ':')) return std::nullopt;
    mac.octets[i] = octet->front();
  }
  return mac;
}

std::string MacAddress::to_string() const {
  std::string text;
  for (const std::uint8_t octet : octets) {
    if (!text.empty()) text.push_back(':');
    text += to_hex({&octet, 1});
  }
  return text;
}

}  // namespace common
