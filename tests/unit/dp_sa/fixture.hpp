#pragma once
// Small tables with a writer, and what can be asked of it in one line.

#include <array>
#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

#include "dataplane/sa/writer.hpp"

namespace dataplane::sa::test {

inline constexpr std::uint32_t kPoolFirst = 0x0A090000;  // 10.9.0.0
inline constexpr std::uint64_t kHz = 1'000'000'000;
inline constexpr unsigned kTestReaders = 2;

/// Keying material of AES-GCM-16-128: it need not be secret here.
inline constexpr std::array<std::uint8_t, 20> kKeymat = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};

inline Limits limits(std::uint32_t sessions, std::uint16_t workers = 2) {
  return {
      .sessions = sessions, .workers = workers, .pools = {{kPoolFirst, kPoolFirst + 0xFFFF}}, .replay_packets = 128};
}

/// A drain whose answers the test decides.
class ManualDrain final : public Drain {
 public:
  void mark() override { ++marks; }
  bool rings_passed() override { return rings; }
  void begin_sending(common::MonotonicTime) override { ++sendings; }
  bool sent(common::MonotonicTime) override { return devices; }

  int marks = 0;
  int sendings = 0;
  bool rings = true;
  bool devices = true;
};

/// One writer and its tables; clocks are set by hand. Readers 0 and 1 are offline until a test says otherwise.
struct World {
  explicit World(std::uint32_t sessions = 16, std::uint16_t workers = 2) : tables(limits(sessions, workers)) {
    for (unsigned reader = 0; reader < kTestReaders; ++reader)
      EXPECT_EQ(rte_rcu_qsbr_thread_register(readers.get(), reader), 0);
  }

  [[nodiscard]] Now now() const {
    const auto ns = clock.monotonic().time_since_epoch();
    return {clock.monotonic(), clock.wall(),
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(ns).count()), kHz};
  }
  void online(unsigned reader) { rte_rcu_qsbr_thread_online(readers.get(), reader); }
  void quiescent(unsigned reader) { rte_rcu_qsbr_quiescent(readers.get(), reader); }
  void offline(unsigned reader) { rte_rcu_qsbr_thread_offline(readers.get(), reader); }

  [[nodiscard]] common::Spi spi() { return writer.reserve_spi(now()).value_or(common::Spi{}); }
  [[nodiscard]] ChildSpec child(common::Spi inbound, std::uint64_t key_id) const {
    ChildSpec spec;
    spec.inbound = inbound;
    spec.outbound = common::Spi{0xC0000000U + static_cast<std::uint32_t>(key_id)};
    spec.key_id = common::KeyId{key_id};
    spec.esn = true;
    spec.udp_encap = true;
    spec.replay_packets = 64;
    spec.inbound_encryption = kKeymat;
    spec.outbound_encryption = kKeymat;
    spec.selectors.local_used = 1;
    spec.selectors.local[0] = {0, 0xFFFFFFFF, 0, 0xFFFF, 0};
    spec.selectors.remote_used = 1;
    spec.selectors.remote[0] = {0, 0xFFFFFFFF, 0, 0xFFFF, 0};
    return spec;
  }
  [[nodiscard]] SessionSpec session(std::uint64_t id) {
    SessionSpec spec;
    spec.id = common::SessionId{id};
    spec.epoch = common::Epoch{7};
    spec.path.local = {common::IpAddress::v4(0xC0000201), 4500};
    spec.path.remote = {common::IpAddress::v4(0xC6336400 + static_cast<std::uint32_t>(id)), 61000};
    spec.path.nat = true;
    spec.inner_v4 = kPoolFirst + static_cast<std::uint32_t>(id);
    spec.child = child(spi(), id);
    return spec;
  }
  /// Installs session `id`, which must work, and gives its inbound SPI.
  common::Spi install(std::uint64_t id) {
    const SessionSpec spec = session(id);
    EXPECT_EQ(writer.install(spec, now()), Status::ok);
    return spec.child.inbound;
  }
  [[nodiscard]] ids::SessionRef ref(std::uint64_t id) const {
    return tables.pool_session(ids::PoolIndex{0}, static_cast<std::uint32_t>(id));
  }
  /// With all readers offline nothing waits for anybody.
  void remove_completely(std::uint64_t id) {
    ASSERT_EQ(writer.begin_removal(common::SessionId{id}, 6), Removal::begun);
    ASSERT_EQ(writer.poll(now()), std::vector{common::SessionId{id}});
  }

  common::ManualClock clock;
  Readers readers{kTestReaders};
  Reclaimer reclaimer{readers.get()};
  Tables tables;
  ManualDrain drain;
  TableWriter writer{tables, reclaimer, readers.get(), drain, 42};
};

}  // namespace dataplane::sa::test
