#include "config/read.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace config {
namespace {

/// The least that starts: one port, nothing to account to.
constexpr std::string_view kLeast = R"(
[aaa.accounting]
enabled = false
[[port]]
name = "outside"
role = "outside"
device = "net_null0"
)";

[[nodiscard]] std::vector<std::string> errors_of(const std::string& text) {
  const auto reading = read_text(text, "test.toml", "/tmp");
  std::vector<std::string> lines;
  if (!reading)
    for (const Problem& problem : reading.error()) lines.push_back(problem.to_string());
  return lines;
}

[[nodiscard]] std::string least_with(std::string_view more) { return std::string(kLeast) + std::string(more); }

TEST(ReadConfig, TheExampleIsAccepted) {
  const auto reading = read_file(EXAMPLE);
  for (const Problem& problem : reading ? std::vector<Problem>{} : reading.error())
    ADD_FAILURE() << problem.to_string();
  ASSERT_TRUE(reading);
  const Config& config = reading->config;
  EXPECT_EQ(config.ports.size(), 2U);
  EXPECT_EQ(config.ports[1].tap, "inside");
  EXPECT_EQ(config.pools[0].first.to_string(), "10.99.0.1");
  EXPECT_EQ(config.pools[0].last.to_string(), "10.99.0.254");
  EXPECT_EQ(config.ike.profiles[0].authentication_remote.size(), 2U);
  EXPECT_EQ(config.dynamic_author.clients.size(), 1U);
  EXPECT_EQ(config.ike.trustpoints[0].certificate, std::filesystem::path(EXAMPLE).parent_path() / "gateway.pem");
}

TEST(ReadConfig, LeavesDefaultsWhereNothingIsSaid) {
  const auto reading = read_text(kLeast, "test.toml", "/tmp");
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->config.dataplane.replay_window, 1024U);
  EXPECT_FALSE(reading->config.dynamic_author.enabled);
  EXPECT_EQ(common::as_text(reading->config.authorization.password.view()), "cisco");
}

TEST(ReadConfig, ReportsEveryErrorAtOnceByLine) {
  const auto errors = errors_of(R"([aaa.accounting]
enabled = "no"
[dataplane]
replay-window = 100
sesions = 5
[[port]]
name = "outside"
role = "sideways"
device = "net_null0"
mtu = 99999
)");
  ASSERT_EQ(errors.size(), 6U);
  EXPECT_EQ(errors[1], "test.toml:2: aaa.accounting.enabled = \"no\": expected true or false");
  EXPECT_EQ(errors[2], "test.toml:4: dataplane.replay-window = 100: expected a power of two from 64 to 4096");
  EXPECT_TRUE(errors[3].starts_with("test.toml:5: dataplane.sesions = 5: expected no such key here; known are"));
  EXPECT_EQ(errors[4], "test.toml:8: port[0].role = \"sideways\": expected one of \"outside\", \"inside\"");
  EXPECT_EQ(errors[5], "test.toml:10: port[0].mtu = 99999: expected a whole number from 576 to 9000");
}

TEST(ReadConfig, NeverRepeatsASecret) {
  const auto errors = errors_of(least_with(R"(
[radius]
[[radius.server]]
address = "10.0.0.1"
server-key = "hunter2hunter2"
server-key-file = "/nowhere"
[[ikev2.keyring]]
name = "k"
[[ikev2.keyring.peer]]
identity = "*"
pre-shared-key = 12345678
)"));
  ASSERT_FALSE(errors.empty());
  for (const std::string& error : errors) {
    EXPECT_EQ(error.find("hunter2"), std::string::npos) << error;
    EXPECT_EQ(error.find("12345678"), std::string::npos) << error;
  }
}

TEST(ReadConfig, NeverRepeatsASecretWhoseKeyOrPlaceIsWrong) {
  const auto reading = read_text(least_with(R"(
[radius]
secret = "hunter2hunter2"
secrets = ["hunter2hunter2"]
nas-identifier = 7
[[radius.server]]
address = "10.0.0.1"
server-kye = "hunter2hunter2"
server-key = "hunter2"
secret = 12345678
[[radius.servr]]
server-key = "hunter2hunter2"
[aaa.dynamic-author]
clients = [["hunter2hunter2"], {address = "10.0.0.2", key = ["hunter2hunter2"]}]
)"),
                                 "test.toml", "/tmp");
  ASSERT_FALSE(reading);
  EXPECT_GE(reading.error().size(), 7U);
  for (const Problem& problem : reading.error()) {
    EXPECT_EQ(problem.to_string().find("hunter2"), std::string::npos) << problem.to_string();
    EXPECT_EQ(problem.to_string().find("12345678"), std::string::npos) << problem.to_string();
  }
}

TEST(ReadConfig, AShortSecretIsWarnedAboutByItsLength) {
  const auto reading = read_text(least_with("[[radius.server]]\naddress = \"10.0.0.1\"\nserver-key = \"hunter2\"\n"),
                                 "test.toml", "/tmp");
  ASSERT_TRUE(reading);
  ASSERT_EQ(reading->warnings.size(), 1U);
  EXPECT_NE(reading->warnings[0].to_string().find("server-key = <secret, 7 octets>"), std::string::npos);
  EXPECT_EQ(reading->warnings[0].to_string().find("hunter2"), std::string::npos);
}

/// What is no TOML is told by its place; the parser's words hold at most a character of it.
TEST(ReadConfig, NeverRepeatsASecretThatIsNoToml) {
  for (const std::string value :
       {"hunter2hunter2", "\"hunter2hunter2", "'hunter2'hunter2'", "0xhunter2", "\"hunter2\" hunter2"})
    for (const std::string& error : errors_of("[[radius.server]]\nserver-key = " + value + "\n"))
      EXPECT_EQ(error.find("hunter2"), std::string::npos) << error;
}

TEST(ReadConfig, RefusesASecretThatOthersCanRead) {
  const auto file = std::filesystem::temp_directory_path() / ("portcullis-key-" + std::to_string(getpid()));
  std::ofstream(file) << "a long shared secret\n";
  const std::string text =
      least_with("[[radius.server]]\naddress = \"10.0.0.1\"\nserver-key-file = \"" + file.string() + "\"\n");
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  EXPECT_EQ(errors_of(text).size(), 1U);
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  const auto reading = read_text(text, "test.toml", "/tmp");
  std::filesystem::remove(file);
  ASSERT_TRUE(reading);
  EXPECT_EQ(common::as_text(reading->config.radius.servers[0].key.view()), "a long shared secret");
}

struct Wrong {
  const char* text;
  const char* part_of_the_error;
};

class ReadConfigWrong : public testing::TestWithParam<Wrong> {};

TEST_P(ReadConfigWrong, IsNamed) {
  const auto errors = errors_of(least_with(GetParam().text));
  ASSERT_EQ(errors.size(), 1U) << (errors.size() > 1 ? errors[1] : "accepted");
  EXPECT_NE(errors[0].find(GetParam().part_of_the_error), std::string::npos) << errors[0];
}

INSTANTIATE_TEST_SUITE_P(
    Each, ReadConfigWrong,
    testing::Values(
        Wrong{"[[port]]\nname=\"outside\"\nrole=\"inside\"\ndevice=\"net_null1\"\ntap=\"x\"\n",
              "a name that no other has"},
        Wrong{"[[port]]\nname=\"inside\"\nrole=\"inside\"\ndevice=\"net_null0,copy=1\"\n",
              "a device that no other port has"},
        Wrong{"[[port]]\nname=\"inside\"\nrole=\"inside\"\ndevice=\"eth0\"\n", "a PCI address"},
        Wrong{"[[port]]\nname=\"Inside Port\"\nrole=\"inside\"\ndevice=\"net_null1\"\ntap=\"in\"\n", "1 to 15 of"},
        Wrong{"[[pool]]\nname=\"a\"\nrange=\"10.0.0.9-10.0.0.1\"\n", "an IPv4 range"},
        Wrong{"[[pool]]\nname=\"a\"\nrange=\"10.0.0.1/24\"\n", "an IPv4 range"},
        Wrong{"[[pool]]\nname=\"a\"\nrange=\"10.0.0.0/24\"\n[[pool]]\nname=\"b\"\nrange=\"10.0.0.200-10.0.1.9\"\n",
              "does not overlap"},
        Wrong{"[[pool]]\nname=\"a\"\n", "pool[0].range: expected an IPv4 range"},
        Wrong{"[aaa.dynamic-author]\n", "clients: expected an array of clients"},
        Wrong{"[aaa.dynamic-author]\nclients=[{address=\"10.0.0.1/8\",server-key=\"long enough\"}]\n",
              "without host bits"},
        Wrong{"[aaa.dynamic-author]\nclients=[{address=\"10.0.0.1\"}]\n", "server-key: expected the secret"},
        Wrong{"[aaa.dynamic-author]\nport=70000\nclients=[]\n", "a whole number from 1 to 65535"},
        Wrong{"[[ikev2.proposal]]\nencryption=[\"3des\"]\ngroup=[14]\n", "any of \"aes-gcm-128\""},
        Wrong{"[[ikev2.proposal]]\nencryption=[\"aes-cbc-256\"]\ngroup=[14]\n",
              "integrity: expected integrity algorithms"},
        Wrong{"[[ikev2.proposal]]\nencryption=[\"aes-gcm-256\"]\ngroup=[2]\n", "groups out of 14"},
        Wrong{"[[ikev2.profile]]\nname=\"p\"\nauthentication-local=\"psk\"\nauthentication-remote=\"psk\"\n",
              "keyring"},
        Wrong{"[[ikev2.profile]]\nname=\"p\"\nauthentication-local=\"psk\"\nauthentication-remote=\"psk\"\nkeyring="
              "\"no\"\n",
              "the name of an [[ikev2.keyring]]"},
        Wrong{"[[ipsec.proposal]]\nsuites=[\"des\"]\n", "any of \"aes-gcm-256\""},
        Wrong{"[ikev2]\nport=4500\n", "another port than port"}, Wrong{"[aaa.accounting]\n", "TOML"},
        Wrong{"[gateway]\nlog-level=\"loud\"\n", "one of \"trace\""}, Wrong{"[nonsense]\n", "no such key here"}));

TEST(ReadConfig, SaysWhereTheTomlItselfIsBroken) {
  const auto errors = errors_of("[gateway]\nname = \n");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_TRUE(errors[0].starts_with("test.toml:2: expected TOML")) << errors[0];
}

TEST(ReadConfig, SaysThatAFileIsMissing) {
  const auto reading = read_file("/nonexistent/portcullis.toml");
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error()[0].to_string(), "/nonexistent/portcullis.toml: expected a file that can be read");
}

}  // namespace
}  // namespace config
