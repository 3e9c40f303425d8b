#pragma once
// EAL and its devices, in a network namespace of the test program's own. EAL can be started once in a process, so all
// tests of a program share them.

#include <cstdlib>
#include <memory>
#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/eal/mempool.hpp"
#include "dataplane/eal/port.hpp"
#include "dataplane/eal/runtime.hpp"

namespace dataplane::eal::test {

class Environment : public ::testing::Environment {
 public:
  /// @param commands  make the kernel's interfaces
  /// @param workers   TX queues of each port
  Environment(std::vector<std::string> commands, std::vector<config::Port> ports, unsigned workers,
              std::uint32_t memory_mib)
      : commands_(std::move(commands)) {
    config.dataplane.workers.assign(workers, 0);
    config.dataplane.hugepages = config::Hugepages::off;
    config.dataplane.memory_mib = memory_mib;
    config.ports = std::move(ports);
  }
  /// Only who is not root has no namespace: there the tests are skipped. Whatever else goes wrong is a failure.
  void SetUp() override {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    for (const std::string& command : commands_) ASSERT_EQ(std::system(command.c_str()), 0) << command;
    auto started = Runtime::start(config);
    ASSERT_TRUE(started.has_value()) << started.error();
    runtime = std::make_unique<Runtime>(std::move(*started));
    pool = std::make_unique<Mempool>(std::move(*Mempool::create("test", mempool_shape(config, 64))));
  }
  void TearDown() override {
    pool.reset();
    runtime.reset();
  }
  [[nodiscard]] std::expected<Port, std::string> open(std::uint16_t index) const {
    return Port::open(config.ports[index], common::PortIndex{index},
                      static_cast<unsigned>(config.dataplane.workers.size()), pool->get());
  }

  config::Config config;
  std::unique_ptr<Runtime> runtime;
  std::unique_ptr<Mempool> pool;

 private:
  std::vector<std::string> commands_;
};

[[nodiscard]] inline std::string veth(const std::string& near, const std::string& far) {
  return "ip link add " + near + " type veth peer name " + far + " && ip link set " + near + " up && ip link set " +
         far + " up";
}

}  // namespace dataplane::eal::test
