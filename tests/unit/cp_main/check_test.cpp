#include "controlplane/check.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/unit/cp_crypto/pki.hpp"

namespace controlplane {
namespace {

/// A folder of files that goes with the test.
class CheckCertificates : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    std::filesystem::permissions(folder_ / name, std::filesystem::perms(0600));
    return folder_ / name;
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("portcullis-check-" + std::to_string(::getpid()));
  config::Config config_;
};

TEST_F(CheckCertificates, ATrustpointMayHoldOnlyTheRootsOfPeers) {
  const auto root = pki::issue({.common_name = "root", .ca = true}, pki::ec_key());
  config_.ike.trustpoints.push_back({.name = "peers", .ca = {file("ca.pem", root.pem())}});
  const auto findings = check_certificates(config_, pki::now());
  for (const std::string& error : findings.errors) ADD_FAILURE() << error;
}

TEST_F(CheckCertificates, NamesEveryFileThatCannotBeUsed) {
  config_.ike.trustpoints.push_back({.name = "gone", .certificate = folder_ / "no.pem", .key = folder_ / "no.key"});
  config_.ike.trustpoints.push_back({.name = "odd", .ca = {file("odd.pem", "this is no certificate\n")}});
  const auto findings = check_certificates(config_, pki::now());
  ASSERT_EQ(findings.errors.size(), 2U);
  EXPECT_TRUE(findings.errors[0].starts_with("trustpoint \"gone\": ")) << findings.errors[0];
  EXPECT_TRUE(findings.errors[1].starts_with("trustpoint \"odd\": ")) << findings.errors[1];
}

TEST_F(CheckCertificates, WarnsOfANameThatTheCertificateDoesNotHave) {
  const auto root = pki::issue({.common_name = "root", .ca = true}, pki::ec_key());
  const auto leaf =
      pki::issue({.common_name = "vpn", .alternative_names = "DNS:vpn.example.org", .extended_usage = "serverAuth"},
                 pki::ec_key(), &root);
  config_.ike.trustpoints.push_back(
      {.name = "gateway", .certificate = file("leaf.pem", leaf.pem()), .key = file("leaf.key", leaf.key_pem())});
  config::IkeProfile& profile = config_.ike.profiles.emplace_back();
  profile.name = "users";
  profile.trustpoint = "gateway";
  profile.identity_local = "vpn.example.org";
  EXPECT_TRUE(check_certificates(config_, pki::now()).warnings.empty());
  profile.identity_local = "other.example.org";
  EXPECT_FALSE(check_certificates(config_, pki::now()).warnings.empty());
}

}  // namespace
}  // namespace controlplane
