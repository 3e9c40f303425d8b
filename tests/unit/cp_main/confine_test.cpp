// Confinement cannot be taken back, so each case runs in a child that tells how it went by its exit status.

#include "controlplane/confine.hpp"

#include <cerrno>
#include <functional>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace controlplane {
namespace {

/// @return the exit status of a child that does `work`, or -1 when a signal ended it
[[nodiscard]] int in_child(const std::function<int()>& work) {
  const ::pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Confine, NoDumpsAndNobodyAttaches) {
  EXPECT_EQ(in_child([] {
              if (!forbid_dumps()) return 1;
              ::rlimit limit{};
              ::getrlimit(RLIMIT_CORE, &limit);
              return limit.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE) == 0 &&
                             ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
                         ? 0
                         : 2;
            }),
            0);
}

TEST(Confine, AGatewayMayStillWork) {
  EXPECT_EQ(in_child([] {
              if (!forbid_dumps() || !restrict_system_calls()) return 1;
              const int udp = ::socket(AF_INET, SOCK_DGRAM, 0);
              void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return udp >= 0 && memory != MAP_FAILED ? 0 : 2;
            }),
            0);
}

TEST(Confine, WhatAGatewayNeverDoesIsRefused) {
  EXPECT_EQ(in_child([] {
              if (!forbid_dumps() || !restrict_system_calls()) return 1;
              if (::socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != EPERM) return 2;
              if (::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ||
                  errno != EPERM)
                return 3;
              char* const arguments[] = {nullptr};
              ::execv("/bin/true", arguments);
              return errno == EPERM ? 0 : 4;
            }),
            0);
}

TEST(Confine, BecomesAnotherUserWithOnePrivilege) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  EXPECT_EQ(in_child([] {
              if (!become_user("nobody", false)) return 1;
              if (::geteuid() == 0 || ::setuid(0) == 0) return 2;
              return ::prctl(PR_GET_DUMPABLE) == 0 ? 0 : 3;
            }),
            0);
  EXPECT_FALSE(become_user("no-such-user-here", false));
  EXPECT_TRUE(become_user("", false)) << "no user configured: nothing changes";
}

}  // namespace
}  // namespace controlplane
