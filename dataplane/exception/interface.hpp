#pragma once
// Small words to the kernel about one network interface.

#include <cstdint>
#include <string>

#include "common/address.hpp"

namespace dataplane::exception {

/// Reads /proc/sys/net/`path`; empty where it is not there.
[[nodiscard]] std::string read_sysctl(const std::string& path);
/// False where the kernel has no such knob or does not let us.
bool write_sysctl(const std::string& path, const std::string& value);

/// All return 0 or an errno.
[[nodiscard]] int set_interface_up(const std::string& name);
[[nodiscard]] int set_interface_mtu(const std::string& name, std::uint16_t mtu);
[[nodiscard]] int set_interface_mac(const std::string& name, const common::MacAddress& mac);
/// Runs one ETHTOOL_S* command that carries a single number.
[[nodiscard]] int set_ethtool_value(const std::string& name, std::uint32_t command, std::uint32_t value);
/// Runs one ETHTOOL_G* command that carries a single number; 0 where the driver does not know it.
[[nodiscard]] std::uint32_t get_ethtool_value(const std::string& name, std::uint32_t command);

}  // namespace dataplane::exception
