// P4: on the packet path a worker allocates no heap memory and makes no system call. The worker runs in a thread that
// may call nothing of the kernel: each attempt is counted, and so is each operator new.

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <new>
#include <seccomp.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "tests/unit/dp_worker/world.hpp"

namespace {

thread_local bool watched = false;
std::atomic<unsigned> allocations{0};
std::atomic<unsigned> system_calls{0};
std::atomic<int> last_system_call{-1};

void* allocate(std::size_t octets, std::size_t alignment) {
  if (watched) allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::aligned_alloc(alignment, (octets + alignment) / alignment * alignment);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t octets) { return allocate(octets, alignof(std::max_align_t)); }
void* operator new(std::size_t octets, std::align_val_t alignment) {
  return allocate(octets, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace dataplane::worker {
namespace {

using common::DropReason;
using test::Bytes;
using test::frame_to;
using test::kHost;
using test::kInside;
using test::kOutside;
using test::Packet;
using test::Peer;
using test::World;

void on_system_call(int, siginfo_t* info, void*) {
  system_calls.fetch_add(1, std::memory_order_relaxed);
  last_system_call.store(info->si_syscall, std::memory_order_relaxed);
}

/// From here on this thread's system calls are counted and not made; it may only end.
void forbid_system_calls() {
  struct sigaction action{};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO;
  ASSERT_EQ(sigaction(SIGSYS, &action, nullptr), 0);
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  ASSERT_NE(filter, nullptr);
  for (const int call : {SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn)})
    ASSERT_EQ(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0), 0);
  ASSERT_EQ(seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1), 0);
  ASSERT_EQ(seccomp_load(filter), 0);
  // The filter is not released: free() may want the kernel, and the thread ends soon.
}

/// Runs it on a thread of its own that cannot call the kernel, not even to end in the usual way.
template <class Work>
void run_forbidden(Work work) {
  allocations = 0;
  system_calls = 0;
  std::atomic<bool> over{false};
  std::thread thread([&] {
    forbid_system_calls();
    watched = true;
    work();
    watched = false;
    over.store(true, std::memory_order_release);
    ::syscall(SYS_exit, 0);
  });
  thread.join();
  EXPECT_TRUE(over.load(std::memory_order_acquire));
}

/// One of everything that a worker meets, to the right worker and to the wrong one.
void inject_all(World& world, Peer& first, Peer& second) {
  for (unsigned worker : {0U, 1U}) {
    for (int i = 0; i < 12; ++i)
      for (Peer* peer : {&first, &second}) {
        world.inject(kOutside, peer->seal(Packet{.source = peer->inner, .destination = kHost}.ip()), worker);
        world.inject(kInside, frame_to(kInside, Packet{.source = kHost, .destination = peer->inner}.ip()), worker);
      }
    const auto hairpin = first.seal(Packet{.source = first.inner, .destination = second.inner}.ip());
    world.inject(kOutside, hairpin, worker);
    world.inject(kOutside, hairpin, worker);  // a replay
    auto broken = first.seal(Packet{.source = first.inner, .destination = kHost}.ip());
    broken.back() ^= 1U;
    world.inject(kOutside, broken, worker);
    world.inject(kOutside, first.seal(Packet{.source = second.inner, .destination = kHost}.ip()), worker);
    world.inject(kOutside, frame_to(kOutside, Bytes(46, 1), 0x0806), worker);
    world.inject(kInside, frame_to(kInside, Packet{.source = kHost, .destination = test::kUnresolved}.ip()), worker);
    world.inject(kInside, frame_to(kInside, Packet{.source = kHost, .destination = first.inner, .octets = 1500}.ip()),
                 worker);
    world.inject(kInside, frame_to(kInside, Packet{.source = kHost, .destination = first.inner, .ttl = 1}.ip()),
                 worker);
    world.from_host(kOutside, frame_to(kOutside, Packet{.source = test::kGateway, .destination = second.inner}.ip()),
                    worker);
  }
}

TEST(NeverWaits, ATurnCallsNothingOfTheKernelAndAllocatesNothing) {
  World world(2);
  Peer first = world.install(1);
  Peer second = world.install(2);
  inject_all(world, first, second);
  world.run();  // what is made at first use: a thread-local of the library, a mempool's cache
  (void)world.sent(kInside);
  (void)world.sent(kOutside);
  inject_all(world, first, second);
  run_forbidden([&] { world.run(); });
  EXPECT_EQ(allocations.load(), 0U);
  EXPECT_EQ(system_calls.load(), 0U) << "the last one: " << last_system_call.load();
  EXPECT_GE(world.sent(kInside).size(), 48U);   // decrypted ones, and ICMP answers
  EXPECT_GE(world.sent(kOutside).size(), 52U);  // encrypted ones, hairpins and the host's among them
  for (const DropReason reason : {DropReason::replay_duplicate, DropReason::bad_icv, DropReason::selector_in,
                                  DropReason::neighbour_unresolved, DropReason::too_big, DropReason::ttl_expired})
    EXPECT_GT(world.dropped(reason), 0U) << common::to_string(reason);
}

TEST(NeverWaits, TheWatchSeesBoth) {
  run_forbidden([] {
    ::operator delete(::operator new(4));  // calls, which unlike a new-expression are never left out
    (void)::getppid();
  });
  EXPECT_EQ(allocations.load(), 1U);
  EXPECT_EQ(system_calls.load(), 1U);
  EXPECT_EQ(last_system_call.load(), SYS_getppid);
}

}  // namespace
}  // namespace dataplane::worker
