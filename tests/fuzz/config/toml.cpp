// Any octets as a configuration file: read or refused, never a crash.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/read.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto reading = config::read_text(text, "fuzz.toml", "/nonexistent");
  if (!reading)
    for (const config::Problem& problem : reading.error()) (void)problem.to_string();
  return 0;
}
