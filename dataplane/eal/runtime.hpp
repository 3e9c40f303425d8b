#pragma once
// DPDK's environment (EAL), from the configuration to its clean end.

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/schema.hpp"
#include "dataplane/ids/ids.hpp"

namespace dataplane::eal {

/// Lcore ids: 0 is the main thread's (manager), worker i is lcore i + 1, whatever their CPUs are.
inline constexpr unsigned kMainLcore = 0;
[[nodiscard]] constexpr unsigned lcore_of(ids::WorkerIndex worker) noexcept { return worker.value() + 1U; }

/// How EAL is to be started. Pure: what it returns is decided by its arguments alone.
/// @param config       worker CPUs, memory, devices
/// @param hugepages    true: anonymous hugepages (--in-memory), false: ordinary pages (--no-huge)
/// @param file_prefix  unique among the DPDK processes of the machine
/// @return             arguments, the program's name first
[[nodiscard]] std::vector<std::string> eal_arguments(const config::Config& config, bool hugepages,
                                                     const std::string& file_prefix);

/// The vdev string that EAL is given for a port: the operator's, and where the driver takes them and the string does
/// not say otherwise, a queue per worker and frames as large as the MTU.
[[nodiscard]] std::string vdev_string(const config::Port& port, unsigned workers);

/// True for "0000:3b:00.0" and "3b:00.0".
[[nodiscard]] bool is_pci_address(const std::string& device);

/// The kernel's interface that an af_packet or af_xdp device string names; nullopt for every other device.
[[nodiscard]] std::optional<std::string> kernel_interface(const std::string& device);

/// MiB that free hugepages of all sizes add up to on this machine, 0 where it has none.
[[nodiscard]] std::uint64_t free_hugepage_mib();

/// EAL, started once per process. Its destructor ends it: every Port, Mempool and Ring must be gone by then.
class Runtime {
 public:
  /// Starts EAL. Without hugepages the process's memory is locked (mlockall), as far as its limits allow.
  /// @return  the running environment, or why there is none
  [[nodiscard]] static std::expected<Runtime, std::string> start(const config::Config& config);

  Runtime(Runtime&& other) noexcept;
  Runtime& operator=(Runtime&&) = delete;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  [[nodiscard]] bool hugepages() const noexcept { return hugepages_; }
  /// Can the process's memory not be swapped out? Hugepages never are.
  [[nodiscard]] bool memory_locked() const noexcept { return hugepages_ || locked_; }

 private:
  explicit Runtime(bool hugepages) noexcept : hugepages_(hugepages) {}

  bool hugepages_ = false;
  bool locked_ = false;
  bool owner_ = true;
};

}  // namespace dataplane::eal
