#pragma once
// Makes the kernel deaf on an interface under an af_packet or af_xdp port: what the port sees, the kernel must not see
// as well, or every datagram reaches the host stack twice (DESIGN chapter 11).

#include <expected>
#include <string>
#include <vector>

namespace dataplane::exception {

/// Owns an nft `netdev` table with an ingress chain that drops everything on one interface, after packet sockets have
/// seen it; IPv6 is off there while the guard stands. A killed process leaves its guard, which is the safe side.
class HostGuard {
 public:
  /// Puts the guard up, then the interface; a stale guard of a dead process is replaced. Switches off tx, gro, gso, tso
  /// and lro on the interface (SIOCETHTOOL), for a frame with a partial checksum or a joined segment is none that may
  /// be sent on. Before EAL opens the port.
  /// @error  the guard could not be put up: the port must not be used
  [[nodiscard]] static std::expected<HostGuard, std::string> put_up(const std::string& interface);

  HostGuard(HostGuard&& other) noexcept;
  HostGuard& operator=(HostGuard&&) = delete;
  HostGuard(const HostGuard&) = delete;
  HostGuard& operator=(const HostGuard&) = delete;
  ~HostGuard();  ///< takes the table away

  [[nodiscard]] const std::string& interface() const noexcept { return interface_; }
  [[nodiscard]] const std::string& table() const noexcept { return table_; }
  /// What an operator should know: addresses on the interface, offloads that would not go off.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  HostGuard() = default;

  std::string interface_;  // empty: moved from
  std::string table_;
  std::string ipv6_before_;  // what disable_ipv6 said, empty: no IPv6 in this kernel
  std::vector<std::string> warnings_;
};

/// "portcullis_" and the interface's name, letters, digits and '_' only, and its hash where that lost something.
[[nodiscard]] std::string guard_table_name(const std::string& interface);
/// What nft is given: the table anew, whatever stood there before.
[[nodiscard]] std::string guard_rules(const std::string& interface);

}  // namespace dataplane::exception
