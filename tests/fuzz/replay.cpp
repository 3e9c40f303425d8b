// Stands in for libFuzzer where it is not linked: runs each stored seed, and each of its prefixes, through the target,
// so that an input that once failed is a test forever.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SEED-DIRECTORY\n", argv[0]);
    return 2;
  }
  std::size_t seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
    ++seeds;
    for (std::size_t length = 0; length <= text.size(); length += length < 512 ? 1 : 97) {
      // A copy of exactly that length, so that AddressSanitizer sees a read behind its end.
      const std::vector<std::uint8_t> prefix(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length));
      LLVMFuzzerTestOneInput(prefix.data(), prefix.size());
    }
    const std::vector<std::uint8_t> whole(text.begin(), text.end());
    LLVMFuzzerTestOneInput(whole.data(), whole.size());
  }
  if (seeds == 0) {
    std::fprintf(stderr, "%s holds no seeds\n", argv[1]);
    return 1;
  }
  std::printf("%zu seeds replayed\n", seeds);
  return 0;
}
