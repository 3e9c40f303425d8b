// Distinguished names: text to DER and back, escapes, comparison, and octets that are no name.

#include "controlplane/crypto/dn.hpp"

#include <gtest/gtest.h>

#include "hex.hpp"

namespace controlplane::crypto {
namespace {

std::string there_and_back(std::string_view text) {
  const auto der = dn_from_text(text);
  return der ? dn_to_text(*der).value() : "error";
}

TEST(Dn, KnownEncoding) {
  // SEQUENCE { SET { SEQUENCE { 2.5.4.3, UTF8String "a" } } }
  EXPECT_EQ(common::to_hex(dn_from_text("CN=a").value()), "300c310a300806035504030c0161");
  EXPECT_EQ(dn_to_text(hex("300c310a300806035504030c0161")).value(), "CN=a");
  EXPECT_EQ(dn_to_text(hex("300c310a30080603550403130161")).value(), "CN=a");  // PrintableString
  EXPECT_EQ(dn_to_text(hex("3000")).value(), "");                              // an empty name is a name
}

TEST(Dn, RoundTrips) {
  EXPECT_EQ(there_and_back("C=DE, O=Example, CN=gw"), "C=DE, O=Example, CN=gw");
  EXPECT_EQ(there_and_back("C=DE,O=Example,CN=gw"), "C=DE, O=Example, CN=gw");
  EXPECT_EQ(there_and_back("/C=DE/O=Example, Inc./CN=gw"), "C=DE, O=Example\\, Inc., CN=gw");
  EXPECT_EQ(there_and_back("  cn = gw ; o = Two  Words  "), "CN=gw, O=Two  Words");
  EXPECT_EQ(there_and_back("O=Example + OU=Lab, CN=x"), "OU=Lab + O=Example, CN=x");  // DER sorts a SET (X.690 §11.6)
  EXPECT_EQ(there_and_back("E=a@example.org, serialNumber=7"), "emailAddress=a@example.org, serialNumber=7");
  EXPECT_EQ(there_and_back("2.5.4.3=gw"), "CN=gw");
  EXPECT_EQ(there_and_back("1.2.3.4.5=x"), "1.2.3.4.5=x");
  EXPECT_EQ(there_and_back("CN=J\xC3\xBCrgen"), "CN=J\xC3\xBCrgen");
}

TEST(Dn, Escapes) {  // RFC 4514 §2.4
  EXPECT_EQ(there_and_back("CN=a\\,b\\+c\\\"d\\\\e\\;f\\<g\\>"), "CN=a\\,b\\+c\\\"d\\\\e\\;f\\<g\\>");
  EXPECT_EQ(there_and_back("CN=\\#1"), "CN=\\#1");
  EXPECT_EQ(there_and_back("CN=\\ a\\ "), "CN=\\ a\\ ");
  EXPECT_EQ(there_and_back("CN=a\\2Cb"), "CN=a\\,b");
  EXPECT_EQ(there_and_back("CN=a\\0Ab"), "CN=a\\0Ab");  // no line break reaches a log
  EXPECT_EQ(there_and_back("CN=a=b"), "CN=a\\=b");
}

TEST(Dn, WhatIsNoNameIsRefused) {
  for (const auto* text : {"", "/", "gw", "=gw", "CN=", "CN=gw,", "CN=gw,,O=x", "Nonsense=gw", "CN=gw\\", "C=Germany"})
    EXPECT_EQ(dn_from_text(text).error(), CryptoError::bad_encoding) << text;
  for (const auto* der : {"", "30", "300c310a300806035504030c01", "300c310a300806035504030c016100", "0403616263"})
    EXPECT_EQ(dn_to_text(hex(der)).error(), CryptoError::bad_encoding) << der;
  EXPECT_EQ(dn_to_text(common::Bytes(9000, 0x30)).error(), CryptoError::bad_encoding);
}

TEST(Dn, Compares) {
  EXPECT_TRUE(dn_equal(hex("300c310a300806035504030c0161"), hex("300c310a30080603550403130141")));  // "a" and "A"
  EXPECT_FALSE(dn_equal(*dn_from_text("CN=a"), *dn_from_text("CN=b")));
  EXPECT_FALSE(dn_equal(*dn_from_text("CN=a"), *dn_from_text("O=a")));
  EXPECT_FALSE(dn_equal({}, {}));
}

TEST(Dn, FindsAnAttribute) {
  const auto der = *dn_from_text("C=DE, O=One, O=Two, CN=alice");
  EXPECT_EQ(dn_attribute(der, "CN"), "alice");
  EXPECT_EQ(dn_attribute(der, "o"), "One");
  EXPECT_FALSE(dn_attribute(der, "OU"));
  EXPECT_FALSE(dn_attribute(der, "nonsense"));
  EXPECT_FALSE(dn_attribute(hex("30"), "CN"));
}

}  // namespace
}  // namespace controlplane::crypto
