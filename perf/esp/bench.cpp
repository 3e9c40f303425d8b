// Cycles per packet of a worker's turn, beside those of the bare cipher in the same run.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <rte_cycles.h>

#include "dataplane/esp/encapsulate.hpp"
#include "tests/unit/dp_worker/world.hpp"

namespace {

namespace test = dataplane::worker::test;
using common::Bytes;
using dataplane::crypto::Batch;

struct Case {
  common::Suite suite;
  bool inbound;
  std::uint32_t octets;
  unsigned burst;
  unsigned sessions;
};

[[nodiscard]] double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// The cipher alone, in place, on as many packets as a burst has.
class Cipher {
 public:
  Cipher(const test::Peer& peer, std::uint32_t inner_octets, unsigned burst) : key_(peer.key_out) {
    const common::SuiteFacts& facts = key_.ops()->facts;
    const std::uint32_t padded = inner_octets + dataplane::esp::padding_octets(facts, inner_octets) + 2;
    for (unsigned i = 0; i < burst; ++i) buffers_.emplace_back(padded + facts.icv);
    for (unsigned i = 0; i < burst; ++i) {
      batch_.schedule[i] = key_.schedule();
      batch_.payload[i] = buffers_[i].data();
      batch_.octets[i] = padded;
      batch_.icv[i] = buffers_[i].data() + padded;
      batch_.aad_octets[i] = 12;
    }
    batch_.count = burst;
  }
  [[nodiscard]] double run(bool inbound) {
    const std::uint64_t start = rte_rdtsc();
    inbound ? key_.ops()->decrypt(batch_) : key_.ops()->encrypt(batch_);
    return static_cast<double>(rte_rdtsc() - start) / static_cast<double>(batch_.count);
  }

 private:
  const dataplane::crypto::Key& key_;
  std::vector<Bytes> buffers_;
  Batch batch_{};
};

void run(const Case& of, unsigned rounds) {
  test::World world;
  std::vector<test::Peer> peers;
  for (unsigned id = 1; id <= of.sessions; ++id) peers.push_back(world.install(id, {.suite = of.suite}));
  Cipher cipher(peers[0], of.octets, of.burst);
  std::vector<double> path;
  std::vector<double> bare;
  std::uint64_t forwarded = 0;
  unsigned next = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    for (unsigned i = 0; i < of.burst; ++i) {
      test::Peer& peer = peers[next++ % of.sessions];
      if (of.inbound)
        world.inject(
            test::kOutside,
            peer.seal(test::Packet{.source = peer.inner, .destination = test::kHost, .octets = of.octets}.ip()));
      else
        world.inject(
            test::kInside,
            test::frame_to(test::kInside,
                           test::Packet{.source = test::kHost, .destination = peer.inner, .octets = of.octets}.ip()));
    }
    const std::uint64_t before = world.statistics[0]->busy_cycles;
    (void)world.workers[0]->turn();
    path.push_back(static_cast<double>(world.statistics[0]->busy_cycles - before) / of.burst);
    bare.push_back(cipher.run(of.inbound));
    forwarded += world.sent(of.inbound ? test::kInside : test::kOutside).size();
  }
  if (forwarded != std::uint64_t{rounds} * of.burst) {
    std::fprintf(stderr, "forwarded %lu of %lu\n", forwarded, std::uint64_t{rounds} * of.burst);
    std::exit(1);
  }
  const double path_cycles = median(path);
  const double bare_cycles = median(bare);
  std::printf("%-12s %-3s %5u octets  burst %2u  sessions %2u   path %6.1f   cipher %6.1f   ratio %.2f   above %6.1f\n",
              std::string(common::find_suite(of.suite)->name).c_str(), of.inbound ? "in" : "out", of.octets, of.burst,
              of.sessions, path_cycles, bare_cycles, path_cycles / bare_cycles, path_cycles - bare_cycles);
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::strtoul(argv[1], nullptr, 10)) : 2000;
  if (rounds == 0) {
    std::fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
    return 2;
  }
  for (const common::Suite suite : {common::Suite::aes_gcm_16_128, common::Suite::aes_gcm_16_256})
    for (const bool inbound : {false, true})
      for (const std::uint32_t octets : {64U, 512U, 1420U}) run({suite, inbound, octets, 64, 1}, rounds);
  for (const bool inbound : {false, true})
    for (const unsigned burst : {4U, 8U, 32U}) run({common::Suite::aes_gcm_16_256, inbound, 64, burst, 1}, rounds);
  for (const bool inbound : {false, true})
    for (const std::uint32_t octets : {64U, 512U, 1420U})
      run({common::Suite::aes_gcm_16_256, inbound, octets, 64, 48}, rounds);
  return 0;
}
