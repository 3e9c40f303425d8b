// Random octets, and the end of a process whose library has none.

#include "controlplane/crypto/random.hpp"

#include <cstdio>
#include <cstdlib>

#include "controlplane/crypto/native.hpp"

namespace controlplane::crypto {

void library_is_broken(const char* what) noexcept {
  std::fprintf(stderr, "OpenSSL cannot work: %s\n", what);
  ERR_print_errors_fp(stderr);
  std::abort();
}

void random(common::MutableByteView out) noexcept {
  if (!out.empty() && RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) library_is_broken("RAND_bytes");
}

common::Bytes random_bytes(std::size_t octets) {
  common::Bytes out(octets);
  random(out);
  return out;
}

}  // namespace controlplane::crypto
