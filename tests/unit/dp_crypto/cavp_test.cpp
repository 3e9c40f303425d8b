// NIST CAVP vectors for AES-GCM, those of ESP's shape: 96-bit IV, 128-bit tag, additional data of up to 16 octets.

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/dp_crypto/gcm_testing.hpp"

namespace dataplane::crypto {
namespace {

const std::filesystem::path kVectors = "/usr/lib/python3/dist-packages/cryptography_vectors/ciphers/AES/GCM";

struct Vector {
  std::map<std::string, common::Bytes> field;
  bool fails = false;
};

/// Reads "Name = hex" lines into vectors; each begins with Count.
[[nodiscard]] std::vector<Vector> read_vectors(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<Vector> vectors;
  for (std::string line; std::getline(in, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line == "FAIL" && !vectors.empty()) vectors.back().fails = true;
    const auto equals = line.find(" =");
    if (equals == std::string::npos || line.front() == '[') continue;
    const std::string name = line.substr(0, equals);
    if (name == "Count") {
      vectors.emplace_back();
    } else if (!vectors.empty()) {
      const std::string hex = line.size() > equals + 3 ? line.substr(equals + 3) : "";
      vectors.back().field[name] = common::parse_hex(hex).value_or(common::Bytes{});
    }
  }
  return vectors;
}

[[nodiscard]] bool has_esp_shape(Vector& vector) {
  return vector.field["IV"].size() == 12 && vector.field["Tag"].size() == 16 && vector.field["AAD"].size() <= 16;
}

[[nodiscard]] Key make_key(common::ByteView key, common::ByteView iv) {
  common::Bytes keymat(key.begin(), key.end());
  keymat.insert(keymat.end(), iv.begin(), iv.begin() + 4);
  const auto suite = key.size() == 16 ? common::Suite::aes_gcm_16_128 : common::Suite::aes_gcm_16_256;
  auto made = Key::make(suite, keymat, {});
  EXPECT_TRUE(made.has_value());
  return std::move(made.value());
}

class Cavp : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kVectors)) GTEST_SKIP() << "package python3-cryptography-vectors is not installed";
  }
};

TEST_P(Cavp, Encrypt) {
  int used = 0;
  for (Vector& vector : read_vectors(kVectors / ("gcmEncryptExtIV" + std::to_string(GetParam()) + ".rsp"))) {
    if (!has_esp_shape(vector)) continue;
    auto& field = vector.field;
    const Key key = make_key(field["Key"], field["IV"]);
    const Sealed sealed = seal(key, field["IV"], field["AAD"], field["PT"]);
    ASSERT_EQ(sealed.ciphertext, field["CT"]) << "vector " << used;
    ASSERT_EQ(sealed.icv, field["Tag"]) << "vector " << used;
    ++used;
  }
  EXPECT_GE(used, 100);
}

TEST_P(Cavp, Decrypt) {
  int intact = 0;
  int failed = 0;
  for (Vector& vector : read_vectors(kVectors / ("gcmDecrypt" + std::to_string(GetParam()) + ".rsp"))) {
    if (!has_esp_shape(vector)) continue;
    auto& field = vector.field;
    const Key key = make_key(field["Key"], field["IV"]);
    const Opened opened = open(key, field["IV"], field["AAD"], {field["CT"], field["Tag"]});
    ASSERT_EQ(opened.intact, !vector.fails);
    if (!vector.fails) {
      ASSERT_EQ(opened.plain, field["PT"]);
    }
    ++(vector.fails ? failed : intact);
  }
  EXPECT_GE(intact, 50);
  EXPECT_GE(failed, 20);
}

INSTANTIATE_TEST_SUITE_P(KeyBits, Cavp, testing::Values(128, 256));

}  // namespace
}  // namespace dataplane::crypto
