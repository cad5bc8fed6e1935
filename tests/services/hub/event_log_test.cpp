#include "hub/event_log.h"

#include <gtest/gtest.h>

#include <string>

namespace hub {
namespace {

Event event(std::string data) { return {.name = "TEST", .data = std::move(data)}; }

TEST(EventLog, FindsWhatItKeepsByItsNumber) {
  EventLog log(10, 1'000'000);
  EXPECT_EQ(log.add(event("a")), 1U);
  EXPECT_EQ(log.add(event("b")), 2U);
  EXPECT_EQ(*log.find(1)->data, "a}");
  EXPECT_EQ(*log.find(2)->data, "b}");
  EXPECT_EQ(log.find(0), nullptr);
  EXPECT_EQ(log.find(3), nullptr);
}

TEST(EventLog, DropsTheOldestWhenThereAreTooMany) {
  EventLog log(2, 1'000'000);
  for (const char* data : {"a", "b", "c"}) log.add(event(data));
  EXPECT_EQ(log.size(), 2U);
  EXPECT_EQ(log.find(1), nullptr);
  EXPECT_EQ(*log.find(2)->data, "b}");
  EXPECT_EQ(*log.find(3)->data, "c}");
}

TEST(EventLog, DropsTheOldestWhenTheyAreTooMuch) {
  EventLog log(100, 10'000);
  for (int i = 0; i < 20; ++i) log.add(event(std::string(2'000, 'x')));
  EXPECT_LE(log.bytes(), 10'000U);
  EXPECT_EQ(log.size(), 4U);
  EXPECT_EQ(log.find(16), nullptr);
  EXPECT_NE(log.find(17), nullptr);
}

TEST(EventLog, KeepsOneThatIsLargerThanItsLimitUntilTheNext) {
  EventLog log(100, 1'000);
  const auto number = log.add(event(std::string(5'000, 'x')));
  EXPECT_NE(log.find(number), nullptr);
  log.add(event("small"));
  EXPECT_EQ(log.find(number), nullptr);
  EXPECT_NE(log.find(number + 1), nullptr);
}

TEST(EventLog, MendsTextThatIsNotUtf8) {
  EventLog log(10, 1'000'000);
  log.add(event("\"\xff\""));
  EXPECT_EQ(*log.find(1)->data, "\"\xef\xbf\xbd\"}");
}

TEST(EventLog, RedactsOnceAndOnlyWhatIsToBe) {
  EventLog log(10, 1'000'000);
  Event secret = event("secret");
  secret.redact = [](std::string_view data) { return "no " + std::string(data); };
  log.add(std::move(secret));
  log.add(event("plain"));
  EXPECT_EQ(*log.find(1)->data, "secret}");
  EXPECT_EQ(*log.find(1)->redacted(), "no secret}");
  EXPECT_EQ(log.find(1)->redacted(), log.find(1)->redacted());
  EXPECT_EQ(log.find(2)->redacted(), log.find(2)->data);
}

}  // namespace
}  // namespace hub
