#include "crawler/address.h"

#include <gtest/gtest.h>

namespace crawler {
namespace {

TEST(Address, OfThePublicInternetMayBeReached) {
  for (const auto* address :
       {"93.184.216.34", "8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255",
        "100.128.0.1", "192.0.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
        "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"}) {
    EXPECT_TRUE(public_address(address)) << address;
  }
}

TEST(Address, OfThisMachineOrNetworkMayNot) {
  for (const auto* address :
       {"127.0.0.1",       "127.255.255.255", "0.0.0.0",     "0.1.2.3",         "10.0.0.1",
        "172.16.0.1",      "172.31.255.255",  "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.127.255.255", "192.0.0.1",       "192.0.2.1",   "192.88.99.1",     "198.18.0.1",
        "198.19.255.255",  "198.51.100.1",    "203.0.113.1", "224.0.0.1",       "239.255.255.255",
        "240.0.0.1",       "255.255.255.255"}) {
    EXPECT_FALSE(public_address(address)) << address;
  }
  for (const auto* address : {"::1",
                              "::",
                              "fe80::1",
                              "fe80::1%eth0",
                              "fc00::1",
                              "fd12:3456::1",
                              "ff02::1",
                              "fec0::1",
                              "::ffff:127.0.0.1",
                              "::ffff:8.8.8.8",
                              "::7f00:1",
                              "64:ff9b::7f00:1",
                              "64:ff9b:1::1",
                              "2002:7f00:1::",
                              "2001::1",
                              "2001:db8::1",
                              "100::1",
                              "3fff::1",
                              "5f00::1",
                              "4000::1"}) {
    EXPECT_FALSE(public_address(address)) << address;
  }
}

TEST(Address, ThatIsNoneMayNot) {
  for (const auto* address : {"", "2130706433", "0x7f000001", "127.1", "8.8.8.8.8", "08.8.8.8",
                              "example.org", "1.1.1.1 ", "[2606:4700::1]"}) {
    EXPECT_FALSE(public_address(address)) << address;
  }
}

TEST(Address, IsConnectedToOnPortsOfTheWebOnly) {
  const auto none = AllowedPlaces::parse("").value();
  EXPECT_TRUE(may_connect(none, "example.org", "93.184.216.34", 443));
  EXPECT_TRUE(may_connect(none, "example.org", "93.184.216.34", 80));
  EXPECT_FALSE(may_connect(none, "example.org", "93.184.216.34", 22));
  EXPECT_FALSE(may_connect(none, "example.org", "10.0.0.1", 80));
}

TEST(AllowedPlaces, AreHostAndPortExactly) {
  const auto places = AllowedPlaces::parse("127.0.0.1:8081, Wiki.Lan:80,[::1]:99").value();
  EXPECT_TRUE(may_connect(places, "127.0.0.1", "127.0.0.1", 8081));
  EXPECT_TRUE(may_connect(places, "wiki.lan", "10.0.0.7", 80));
  EXPECT_TRUE(may_connect(places, "::1", "::1", 99));
  EXPECT_FALSE(may_connect(places, "127.0.0.1", "127.0.0.1", 8082));
  EXPECT_FALSE(may_connect(places, "wiki.lan", "10.0.0.7", 443));
  EXPECT_FALSE(may_connect(places, "evil.wiki.lan", "10.0.0.7", 80));
  for (const auto* bad : {"host", "host:", ":80", "host:http", "a:1,b"}) {
    EXPECT_FALSE(AllowedPlaces::parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace crawler
