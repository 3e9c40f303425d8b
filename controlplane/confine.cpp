// Privileges, core dumps and the seccomp filter.

#include "controlplane/confine.hpp"

#include <cerrno>
#include <cstring>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <seccomp.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

// SCMP_A0 and its like are C99 compound literals; clang takes them in C++ as well.
#pragma clang diagnostic ignored "-Wc99-extensions"

namespace controlplane {
namespace {

[[nodiscard]] std::unexpected<std::string> failed(const char* what, int error) {
  return std::unexpected(fmt::format("{}: {}", what, std::strerror(error)));
}

template <auto Free>
struct Deleter {
  void operator()(auto* p) const noexcept { (void)Free(p); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, Deleter<&cap_free>>;
using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, void (*)(scmp_filter_ctx)>;

[[nodiscard]] bool set_capabilities(const cap_value_t* keep, int count) {
  const Capabilities set(cap_init());
  return set != nullptr && cap_set_flag(set.get(), CAP_PERMITTED, count, keep, CAP_SET) == 0 &&
         cap_set_flag(set.get(), CAP_EFFECTIVE, count, keep, CAP_SET) == 0 && cap_set_proc(set.get()) == 0;
}

/// What a gateway at work calls: its own, and what libstdc++, Asio, SQLite, OpenSSL, spdlog and libc call for it.
constexpr int kAllowed[] = {
    // sockets and files
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(close), SCMP_SYS(connect), SCMP_SYS(dup),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2),
    SCMP_SYS(fcntl), SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(ioctl),
    SCMP_SYS(listen), SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pread64), SCMP_SYS(pselect6),
    SCMP_SYS(pwrite64), SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(recvfrom), SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg),
    SCMP_SYS(select), SCMP_SYS(sendmmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto), SCMP_SYS(setsockopt), SCMP_SYS(shutdown),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_settime), SCMP_SYS(write), SCMP_SYS(writev),
    // the database, the configuration, certificates
    SCMP_SYS(access), SCMP_SYS(chmod), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fallocate), SCMP_SYS(fchmod),
    SCMP_SYS(fchown), SCMP_SYS(fdatasync), SCMP_SYS(flock), SCMP_SYS(fstat), SCMP_SYS(fstatfs), SCMP_SYS(fsync),
    SCMP_SYS(ftruncate), SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(lseek), SCMP_SYS(lstat), SCMP_SYS(mkdir),
    SCMP_SYS(newfstatat), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(rename),
    SCMP_SYS(stat), SCMP_SYS(statfs), SCMP_SYS(statx), SCMP_SYS(unlink), SCMP_SYS(utimensat),
    // memory, threads, signals
    SCMP_SYS(brk), SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex),
    SCMP_SYS(get_robust_list), SCMP_SYS(madvise), SCMP_SYS(membarrier), SCMP_SYS(mremap), SCMP_SYS(munmap),
    SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list),
    SCMP_SYS(sigaltstack), SCMP_SYS(tgkill),
    // who, when, chance
    SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(getegid), SCMP_SYS(geteuid),
    SCMP_SYS(getgid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday), SCMP_SYS(getuid), SCMP_SYS(nanosleep), SCMP_SYS(prlimit64), SCMP_SYS(sysinfo),
    SCMP_SYS(time), SCMP_SYS(uname)};
constexpr int kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

[[nodiscard]] int add_rules(scmp_filter_ctx filter) {
  for (const int call : kAllowed)
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0); error != 0) return error;
  for (const int family : kFamilies)
    for (const int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)})
      if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                             SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
          error != 0)
        return error;
  // Memory is never made executable: nothing that was written as data runs.
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        error != 0)
      return error;
  return 0;
}

}  // namespace

std::expected<void, std::string> forbid_dumps() {
  const ::rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("setrlimit(RLIMIT_CORE)", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("prctl(PR_SET_DUMPABLE)", errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("prctl(PR_SET_NO_NEW_PRIVS)", errno);
  return {};
}

std::expected<void, std::string> become_user(const std::string& user, bool raw_sockets) {
  if (user.empty()) return {};
  const ::passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return std::unexpected(fmt::format("gateway.user = \"{}\": there is no such user", user));
  if (::geteuid() == entry->pw_uid) return {};
  if (::geteuid() != 0)
    return std::unexpected(fmt::format("gateway.user = \"{}\": only root can become another user", user));
  const cap_value_t keep[] = {CAP_NET_BIND_SERVICE, CAP_NET_RAW};
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("prctl(PR_SET_KEEPCAPS)", errno);
  if (::initgroups(user.c_str(), entry->pw_gid) != 0) return failed("initgroups", errno);
  if (::setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0) return failed("setresgid", errno);
  if (::setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0) return failed("setresuid", errno);
  if (!set_capabilities(keep, raw_sockets ? 2 : 1)) return failed("cap_set_proc", errno);
  // Changing the user has made the process dumpable by fs.suid_dumpable again.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("prctl(PR_SET_DUMPABLE)", errno);
  return {};
}

std::expected<void, std::string> restrict_system_calls() {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release);
  if (filter == nullptr) return std::unexpected("seccomp_init failed");
  if (const int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); error != 0)
    return failed("seccomp: all threads at once", -error);
  if (const int error = add_rules(filter.get()); error != 0) return failed("seccomp rule", -error);
  if (const int error = seccomp_load(filter.get()); error != 0) return failed("seccomp_load", -error);
  return {};
}

}  // namespace controlplane
