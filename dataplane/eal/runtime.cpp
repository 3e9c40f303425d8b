// Turns the configuration into EAL's command line and runs EAL for the life of the process. The choice of pages is made
// here: hugepages when enough of them are free, else ordinary pages, locked.

#include "dataplane/eal/runtime.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <regex>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sys/mman.h>

#include "dataplane/eal/frame_room.hpp"

namespace dataplane::eal {

namespace {

constexpr const char* kHugepageDirectory = "/sys/kernel/mm/hugepages";
constexpr const char* kProgram = "portcullis-dataplane";

bool starts_with_driver(const std::string& device, std::string_view driver) { return device.starts_with(driver); }

void append_unless_given(std::string& device, std::string_view key, std::uint64_t value) {
  if (device.find(fmt::format(",{}=", key)) == std::string::npos) device += fmt::format(",{}={}", key, value);
}

std::uint64_t read_number(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  return file >> value ? value : 0;
}

std::string lcores(const config::Config& config) {
  std::string text = fmt::format("{}@{}", kMainLcore, config.dataplane.main_cpu);
  for (std::size_t i = 0; i < config.dataplane.workers.size(); ++i) {
    text += fmt::format(",{}@{}", i + 1, config.dataplane.workers[i]);
  }
  return text;
}

bool choose_hugepages(const config::Dataplane& dataplane) {
  switch (dataplane.hugepages) {
    case config::Hugepages::on:
      return true;
    case config::Hugepages::off:
      return false;
    case config::Hugepages::automatic:
      break;
  }
  return free_hugepage_mib() >= dataplane.memory_mib;
}

}  // namespace

bool is_pci_address(const std::string& device) {
  static const std::regex pattern("([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]");
  return std::regex_match(device, pattern);
}

std::optional<std::string> kernel_interface(const std::string& device) {
  const bool shared = starts_with_driver(device, "net_af_packet") || starts_with_driver(device, "eth_af_packet") ||
                      starts_with_driver(device, "net_af_xdp");
  constexpr std::string_view kKey = ",iface=";
  const auto at = device.find(kKey);
  if (!shared || at == std::string::npos) return std::nullopt;
  const std::string rest = device.substr(at + kKey.size());
  return rest.substr(0, rest.find(','));
}

std::string vdev_string(const config::Port& port, unsigned workers) {
  std::string device = port.device;
  if (starts_with_driver(device, "net_af_packet") || starts_with_driver(device, "eth_af_packet")) {
    if (workers > 1) append_unless_given(device, "qpairs", workers);
    if (frame_room(port.mtu) > kUsualFrameRoom) {  // one frame a block: the driver wants blocks of whole frames
      append_unless_given(device, "blocksz", frame_room(port.mtu));
      append_unless_given(device, "framesz", frame_room(port.mtu));
    }
  } else if (starts_with_driver(device, "net_af_xdp") && workers > 1) {
    append_unless_given(device, "queue_count", workers);
  }
  return device;
}

std::uint64_t free_hugepage_mib() {
  std::uint64_t octets = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kHugepageDirectory, error)) {
    const std::string name = entry.path().filename().string();  // hugepages-2048kB
    constexpr std::string_view kPrefix = "hugepages-";
    std::uint64_t kib = 0;
    if (!name.starts_with(kPrefix)) continue;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), kib);
    octets += read_number(entry.path() / "free_hugepages") * kib * 1024;
  }
  return octets >> 20U;
}

std::vector<std::string> eal_arguments(const config::Config& config, bool hugepages, const std::string& file_prefix) {
  std::vector<std::string> arguments = {kProgram,
                                        "--lcores",
                                        lcores(config),
                                        "--main-lcore",
                                        std::to_string(kMainLcore),
                                        "--no-telemetry",
                                        "--file-prefix",
                                        file_prefix,
                                        "--log-level",
                                        "*:warning",
                                        "-m",
                                        std::to_string(config.dataplane.memory_mib)};
  if (hugepages) {
    arguments.emplace_back("--in-memory");  // nothing on disk, and no other process may join
  } else {
    arguments.emplace_back("--no-huge");  // excludes --in-memory (DESIGN chapter 11)
    arguments.emplace_back("--no-shconf");
  }
  const auto workers = static_cast<unsigned>(config.dataplane.workers.size());
  bool any_pci = false;
  for (const config::Port& port : config.ports) {
    if (is_pci_address(port.device)) {
      any_pci = true;
      arguments.insert(arguments.end(), {"-a", port.device});
    } else {
      arguments.insert(arguments.end(), {"--vdev", vdev_string(port, workers)});
    }
  }
  if (!any_pci) arguments.emplace_back("--no-pci");
  arguments.insert(arguments.end(), config.dataplane.eal_args.begin(), config.dataplane.eal_args.end());
  return arguments;
}

std::expected<Runtime, std::string> Runtime::start(const config::Config& config) {
  const bool hugepages = choose_hugepages(config.dataplane);
  // EAL keeps pointers into its arguments and may reorder them, so they live as long as the process.
  static std::vector<std::string> arguments;
  arguments = eal_arguments(config, hugepages, fmt::format("portcullis-{}", getpid()));
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  if (rte_eal_init(static_cast<int>(arguments.size()), argv.data()) < 0) {
    return std::unexpected(fmt::format("EAL does not start: {} (arguments: {})", rte_strerror(rte_errno),
                                       fmt::join(arguments.begin() + 1, arguments.end(), " ")));
  }
  Runtime runtime(hugepages);
  // On fault: locking every page that is only reserved would cost far more memory than is used.
  if (!hugepages) runtime.locked_ = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
  return runtime;
}

Runtime::Runtime(Runtime&& other) noexcept
    : hugepages_(other.hugepages_), locked_(other.locked_), owner_(std::exchange(other.owner_, false)) {}

Runtime::~Runtime() {
  if (owner_) rte_eal_cleanup();
}

}  // namespace dataplane::eal
