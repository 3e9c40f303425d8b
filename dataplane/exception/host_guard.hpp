#pragma once
// Makes the kernel deaf on an interface under an af_packet or af_xdp port: what the port sees, the kernel must not see
// as well, or every datagram reaches the host stack twice (DESIGN chapter 11).

#include <expected>
#include <string>
#include <vector>

namespace dataplane::exception {

/// Owns an nft `netdev` table with an ingress chain that drops everything on one interface; IPv6 is off there.
class HostGuard {
 public:
  /// Puts the guard up; a stale one of a dead process is replaced. Switches off tx, gro, gso and tso on the interface
  /// (SIOCETHTOOL), for a frame with a partial checksum or a joined segment is none that may be sent on.
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

  std::string interface_;
  std::string table_;
  std::vector<std::string> warnings_;
};

/// "portcullis_" and the interface's name, letters, digits and '_' only, and its hash where that lost something.
[[nodiscard]] std::string guard_table_name(const std::string& interface);
/// What nft is given: the table anew, whatever stood there before.
[[nodiscard]] std::string guard_rules(const std::string& interface);

}  // namespace dataplane::exception
