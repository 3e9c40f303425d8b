// Real readers under the real RCU variable while the writer publishes, moves, rekeys and removes at full speed: what a
// reader has found stays as it is until its quiescent report. Also built with -Db_sanitize=thread.

#include <random>
#include <thread>

#include "fixture.hpp"

namespace dataplane::sa {
namespace {

using common::SessionId;
using common::Spi;

constexpr std::uint32_t kSlots = 48;
constexpr int kWriterSteps = 20'000;

/// What the writer has published lately. A reader that takes an SPI from here may be late: that is the point.
struct Board {
  std::array<std::atomic<std::uint32_t>, kSlots> spis{};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> torn{0};   ///< something changed under a reader
  std::atomic<std::uint64_t> found{0};  ///< packets for which an SA was there
  std::atomic<std::uint64_t> counted{0};
};

/// The test gives every SA its own SPI as the first address of its selectors, and every template a port that repeats
/// its address: a reader sees whether the parts belong together.
bool is_whole(const InboundSa& sa, std::uint32_t spi) {
  return sa.selectors.local[0].first == spi && sa.suite != nullptr && sa.suite->schedule_octets > 0 &&
         !sa.session.is_nobody() && sa.replay.packets() == 64;
}

bool is_whole(const esp::HeaderTemplate& header) {
  const auto& octets = header.octets;
  const unsigned address = static_cast<unsigned>(octets[18]) << 8U | octets[19];
  const unsigned port = static_cast<unsigned>(octets[22]) << 8U | octets[23];
  return header.is_usable() && address == port;
}

/// One packet, as a worker would treat it.
/// @param linger  lets the writer work on while the reader is in the middle of its turn
void handle(test::World& world, Board& board, std::uint32_t spi, unsigned reader, bool linger) {
  InboundSa* sa = world.tables.find_inbound(Spi{spi});
  if (sa == nullptr) return;
  board.found.fetch_add(1, std::memory_order_relaxed);
  if (!is_whole(*sa, spi)) board.torn.fetch_add(1);
  std::uint8_t first_octet = *static_cast<const std::uint8_t*>(sa->schedule);
  if (sa->owner.value() == reader) (void)sa->replay.check_and_set(sa->replay.highest() + 1);
  Session* session = world.tables.find_session(sa->session);
  if (session != nullptr && session->owner.value() == reader) {
    session->own.count_in(1, 100);
    board.counted.fetch_add(1, std::memory_order_relaxed);
    if (OutboundSa* out = session->outbound.load(std::memory_order_acquire)) {
      (void)out->take_sequence();
      const esp::HeaderTemplate header = *out->header.load(std::memory_order_acquire);
      if (!is_whole(header)) board.torn.fetch_add(1);
    }
  }
  const esp::HeaderTemplate* header = nullptr;
  if (OutboundSa* out = session != nullptr ? session->outbound.load(std::memory_order_acquire) : nullptr)
    header = out->header.load(std::memory_order_acquire);
  if (linger) std::this_thread::sleep_for(std::chrono::microseconds(200));
  if (header != nullptr && !is_whole(*header)) board.torn.fetch_add(1);
  // Still within the turn: nothing of it may have been wiped or reused.
  if (!is_whole(*sa, spi) || first_octet != *static_cast<const std::uint8_t*>(sa->schedule)) board.torn.fetch_add(1);
}

void read(test::World& world, Board& board, unsigned reader) {
  std::minstd_rand random(reader + 1);
  world.online(reader);
  while (!board.stop.load(std::memory_order_relaxed)) {
    for (int packet = 0; packet < 8; ++packet) {
      const std::uint32_t spi = board.spis[random() % kSlots].load(std::memory_order_relaxed);
      if (spi != 0) handle(world, board, spi, reader, random() % 256 == 0);
    }
    world.quiescent(reader);
    if (random() % 64 == 0) {  // sleeps
      world.offline(reader);
      std::this_thread::yield();
      world.online(reader);
    }
  }
  world.offline(reader);
}

class Writer {
 public:
  Writer(test::World& world, Board& board) : world_(world), board_(board) {}

  void step() {
    const std::uint32_t slot = random_() % kSlots;
    switch (const std::uint64_t id = ids_[slot]; id == 0 ? 0 : 1 + random_() % 4) {
      case 0:
        install(slot);
        break;
      case 1:
        remove(slot, id);
        break;
      case 2:
        rekey(slot, id);
        break;
      case 3:
        move(id);
        break;
      default:
        (void)world_.writer.delete_child(SessionId{id}, Spi{board_.spis[slot]}, world_.now());
        break;
    }
    world_.clock.advance(std::chrono::milliseconds(100));
    poll();
    if (random_() % 16 == 0) std::this_thread::yield();  // there may be fewer processors than threads
  }
  void finish() {
    for (std::uint32_t slot = 0; slot < kSlots; ++slot)
      if (ids_[slot] != 0) remove(slot, ids_[slot]);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while ((removed_ < installed_ || world_.reclaimer.waiting() > 0) && std::chrono::steady_clock::now() < deadline)
      poll();
  }
  [[nodiscard]] std::uint64_t installed() const { return installed_; }
  [[nodiscard]] std::uint64_t removed() const { return removed_; }
  [[nodiscard]] std::uint64_t input() const { return input_; }

 private:
  void poll() {
    for (const SessionId id : world_.writer.poll(world_.now())) {
      input_ += world_.writer.find(id)->final.in_packets;
      ++removed_;
      (void)world_.writer.forget(id);
    }
  }
  ChildSpec tagged(Spi spi, std::uint64_t key) {
    ChildSpec child = world_.child(spi, key);
    child.selectors.local[0].first = spi.value();
    return child;
  }
  static void repeat_address(Path& path, std::uint32_t value) {
    path.remote = {common::IpAddress::v4(0x0B000000U | (value % 0xFFFEU + 1U)),
                   static_cast<std::uint16_t>(value % 0xFFFEU + 1U)};
  }
  void install(std::uint32_t slot) {
    const Spi spi = world_.spi();
    SessionSpec spec = world_.session(next_id_);
    spec.inner_v4 = test::kPoolFirst + slot;
    spec.child = tagged(spi, next_id_);
    repeat_address(spec.path, static_cast<std::uint32_t>(next_id_));
    // The address may still be that of a session on its way out, or the table full of them.
    if (world_.writer.install(spec, world_.now()) != Status::ok) return;
    ids_[slot] = next_id_++;
    ++installed_;
    board_.spis[slot].store(spi.value(), std::memory_order_relaxed);
  }
  void remove(std::uint32_t slot, std::uint64_t id) {
    EXPECT_EQ(world_.writer.begin_removal(SessionId{id}, 6), Removal::begun);
    ids_[slot] = 0;  // readers go on with the SPI they know
  }
  void rekey(std::uint32_t slot, std::uint64_t id) {
    const Spi spi = world_.spi();
    if (world_.writer.rekey(SessionId{id}, Spi{board_.spis[slot]}, tagged(spi, ++next_key_), world_.now()) ==
        Status::ok)
      board_.spis[slot].store(spi.value(), std::memory_order_relaxed);
  }
  void move(std::uint64_t id) {
    Path path = world_.writer.find(SessionId{id})->path;
    repeat_address(path, static_cast<std::uint32_t>(random_()));
    EXPECT_EQ(world_.writer.update_path(SessionId{id}, path, true), Status::ok);
  }

  test::World& world_;
  Board& board_;
  std::minstd_rand random_{99};
  std::array<std::uint64_t, kSlots> ids_{};
  std::uint64_t next_id_ = 1;
  std::uint64_t next_key_ = 1'000'000'000;
  std::uint64_t installed_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t input_ = 0;
};

TEST(Threads, NoReaderMeetsWhatWasRetired) {
  test::World world(64);
  Board board;
  Writer writer(world, board);
  {
    std::vector<std::jthread> readers;
    for (unsigned reader = 0; reader < test::kTestReaders; ++reader)
      readers.emplace_back([&world, &board, reader] { read(world, board, reader); });
    for (int step = 0; step < kWriterSteps; ++step) writer.step();
    writer.finish();
    board.stop = true;
  }
  EXPECT_EQ(board.torn, 0U);
  EXPECT_GT(writer.installed(), 500U);
  EXPECT_EQ(writer.removed(), writer.installed());
  EXPECT_GT(board.found, 1000U) << "the readers have hardly met anything";
  EXPECT_EQ(writer.input(), board.counted) << "P2: what was counted is in the final counters, all of it";
  EXPECT_EQ(world.writer.usage().children, 0U);
}

}  // namespace
}  // namespace dataplane::sa
