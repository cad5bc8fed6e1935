#include "telemetry/trace.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace telemetry {
namespace {

// The example of W3C Trace Context, section 3.2.4.
const std::string kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsValidAsTheStandardWritesIt) {
  EXPECT_TRUE(valid_traceparent(kParent));
  EXPECT_TRUE(valid_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"));
}

TEST(Traceparent, IsInvalidWhenAnythingIsOff) {
  EXPECT_FALSE(valid_traceparent(""));
  EXPECT_FALSE(valid_traceparent(kParent + "-"));
  EXPECT_FALSE(valid_traceparent(kParent.substr(0, 54)));
  EXPECT_FALSE(valid_traceparent("01" + kParent.substr(2)));
  EXPECT_FALSE(valid_traceparent("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
  EXPECT_FALSE(valid_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  EXPECT_FALSE(valid_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
  EXPECT_FALSE(valid_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01"));
  EXPECT_FALSE(valid_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x"));
}

TEST(Traceparent, OfAChildKeepsTheTraceAndTheFlagsAndHasItsOwnSpan) {
  const std::string child = child_traceparent(kParent);
  EXPECT_TRUE(valid_traceparent(child));
  EXPECT_EQ(child.substr(0, 36), kParent.substr(0, 36));
  EXPECT_NE(child.substr(36, 16), kParent.substr(36, 16));
  EXPECT_EQ(child.substr(52), "-01");
}

TEST(Traceparent, StartsANewTraceWhenTheParentIsInvalid) {
  const std::string fresh = child_traceparent("nonsense");
  EXPECT_TRUE(valid_traceparent(fresh));
  EXPECT_TRUE(fresh.ends_with("-01"));
}

TEST(Traceparent, IsNeverTheSameTwice) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(new_traceparent().substr(3, 32)).second);
}

}  // namespace
}  // namespace telemetry
