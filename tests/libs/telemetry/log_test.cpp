#include "telemetry/log.h"

#include <gtest/gtest.h>

#include "json/json.h"

namespace telemetry {
namespace {

// What `say` logs to a standard error that is no terminal.
template <class Say>
std::string logged(Level level, const Say& say) {
  ::testing::internal::CaptureStderr();
  open_log("quality", level);
  say();
  std::string text = ::testing::internal::GetCapturedStderr();
  open_log("quality", Level::Info);
  return text;
}

TEST(Log, WritesOneJsonObjectALineWhateverTheFieldsHold) {
  const std::string line = logged(Level::Info, [] {
    warn("judge slow", {{"why", "a \"quote\"\n\xff"}, {"ms", 12.5}, {"tries", 3}});
  });
  ASSERT_TRUE(line.ends_with("\n"));
  const auto document = json::Document::parse(line);
  ASSERT_TRUE(document.ok()) << line;
  const json::Value root = document.value().root();
  EXPECT_EQ(root.text_or("service", ""), "quality");
  EXPECT_EQ(root.text_or("level", ""), "warning");
  EXPECT_EQ(root.text_or("event", ""), "judge slow");
  EXPECT_EQ(root.text_or("why", ""), "a \"quote\"\n\uFFFD");
  EXPECT_EQ(root.number_or("ms", 0), 12.5);
  EXPECT_EQ(root.find("tries")->kind(), json::Kind::Integer);
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  const auto say = [] {
    debug("one");
    info("two");
    error("three");
  };
  const std::string text = logged(Level::Warn, say);
  EXPECT_EQ(text.find("one"), std::string::npos);
  EXPECT_EQ(text.find("two"), std::string::npos);
  EXPECT_NE(text.find("three"), std::string::npos);
  EXPECT_EQ(logged(Level::Off, say), "");
}

}  // namespace
}  // namespace telemetry
