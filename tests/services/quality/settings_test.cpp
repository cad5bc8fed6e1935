#include "quality/settings.h"

#include <gtest/gtest.h>

#include <fstream>

#include "services/quality/stage.h"
#include "support/temp_dir.h"

namespace quality::test {
namespace {

class ChangingSettings : public ::testing::Test {
 protected:
  Settings open() { return Settings::open(file_, reviewer_).value(); }
  std::string refusal(std::string_view object) {
    const auto changed = open().change(object);
    if (changed) return "accepted";
    EXPECT_EQ(changed.error().code, Code::InvalidArgument);
    return changed.error().message;
  }

  const FixedCast cast_;
  Reviewer reviewer_{{}, cast_};
  const support::TempDir folder_;
  const std::string file_ = folder_.file("review.json");
};

TEST_F(ChangingSettings, TheDefaultsAreTheSeeds) {
  const auto settings = *reviewer_.options();
  EXPECT_TRUE(usable(settings).ok());
  EXPECT_EQ(settings.weights.authenticity, 25);
  EXPECT_EQ(settings.weights.flow, 30);
  EXPECT_EQ(settings.weights.engagement, 20);
  EXPECT_EQ(settings.weights.grounding, 20);
  EXPECT_EQ(settings.weights.safety, 5);
  EXPECT_EQ(settings.thresholds.cold, 30.0);
  EXPECT_EQ(settings.thresholds.warm, 60.0);
  EXPECT_EQ(settings.thresholds.hot, 75.0);
  EXPECT_EQ(settings.thresholds.organic_extra, 2.0);
}

TEST_F(ChangingSettings, WhatIsNamedChangesAndTheRestStays) {
  const auto changed = open().change(R"({"thresholds":{"cold":40},"major_cap":50})");
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed.value().thresholds.cold, 40);
  EXPECT_EQ(changed.value().thresholds.warm, 60);
  EXPECT_EQ(reviewer_.options()->major_cap, 50);
  EXPECT_EQ(*reviewer_.options(), changed.value());
}

TEST_F(ChangingSettings, ARestartKeepsThem) {
  ASSERT_TRUE(open().change(R"({"weights":{"flow":25,"safety":10}})").ok());
  Reviewer restarted({}, cast_);
  ASSERT_TRUE(Settings::open(file_, restarted).ok());
  EXPECT_EQ(*restarted.options(), *reviewer_.options());
  EXPECT_EQ(restarted.options()->weights.safety, 10);
}

TEST_F(ChangingSettings, WhatNobodyNamedIsLeftToTheConfiguration) {
  ASSERT_TRUE(open().change(R"({"major_cap":40,"thresholds":{"hot":80}})").ok());
  contracts::ReviewSettings configured;
  configured.thresholds.cold = 12;
  configured.major_cap = 50;
  Reviewer restarted(configured, cast_);
  ASSERT_TRUE(Settings::open(file_, restarted).ok());
  EXPECT_EQ(restarted.options()->thresholds.cold, 12);
  EXPECT_EQ(restarted.options()->thresholds.hot, 80);
  EXPECT_EQ(restarted.options()->major_cap, 40);
}

TEST_F(ChangingSettings, NullLeavesAMemberToTheConfigurationAgain) {
  Settings settings = open();
  ASSERT_TRUE(settings.change(R"({"major_cap":40,"thresholds":{"hot":80,"cold":20}})").ok());
  const auto changed = settings.change(R"({"major_cap":null,"thresholds":{"hot":null}})");
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed.value().major_cap, 55);
  EXPECT_EQ(changed.value().thresholds.hot, 75);
  EXPECT_EQ(changed.value().thresholds.cold, 20);
  ASSERT_TRUE(settings.change(R"({"thresholds":null})").ok());
  EXPECT_EQ(*reviewer_.options(), contracts::ReviewSettings{});
  Reviewer restarted({}, cast_);
  ASSERT_TRUE(Settings::open(file_, restarted).ok());
  EXPECT_EQ(*restarted.options(), contracts::ReviewSettings{});
}

TEST_F(ChangingSettings, ABadOneIsRefusedWholeWithTheMemberNamed) {
  EXPECT_EQ(refusal(R"({"weights":{"flow":31}})"), "weights: must sum to 100, not 101");
  EXPECT_EQ(refusal(R"({"parts":{"flow":{"organic":20}}})"),
            "parts.flow: must sum to 100, not 110");
  EXPECT_EQ(refusal(R"({"thresholds":{"cold":61}})"),
            "thresholds.warm: must be at least thresholds.cold, which is 61");
  EXPECT_EQ(refusal(R"({"thresholds":{"hot":59}})"),
            "thresholds.hot: must be at least thresholds.warm, which is 60");
  EXPECT_EQ(refusal(R"({"thresholds":{"hot_from":3}})"),
            "thresholds.hot_from: must be at least thresholds.warm_from, which is 7");
  EXPECT_EQ(refusal(R"({"thresholds":{"hot":101}})"), "thresholds.hot: must be at most 100");
  EXPECT_EQ(refusal(R"({"thresholds":{"organic_extra":25.5}})"),
            "thresholds.organic_extra: must leave a score of 100 possible above thresholds.hot, "
            "which is 75");
  EXPECT_NE(refusal(R"({"tresholds":null})").find("tresholds"), std::string::npos);
  EXPECT_EQ(refusal(R"({"weights":{"flow":-1}})"), "weights.flow: must be at least 0");
  EXPECT_EQ(refusal(R"({"major_cap":20})"),
            "major_cap: must be at least critical_cap, which is 25");
  EXPECT_EQ(refusal(R"({"major_cap":50,"weights":{"flow":"much"}})"),
            "weights.flow: must be a number");
  EXPECT_NE(refusal(R"({"tresholds":{"cold":40}})").find("tresholds"), std::string::npos);
  const std::string misspelled = refusal(R"({"thresholds":{"colde":40}})");
  EXPECT_EQ(misspelled.find("thresholds"), 0U) << misspelled;
  EXPECT_NE(misspelled.find("colde"), std::string::npos) << misspelled;
  EXPECT_NE(refusal("").size(), 0U);
  EXPECT_NE(refusal("[]"), "accepted");
  EXPECT_NE(refusal("{"), "accepted");
  EXPECT_EQ(*reviewer_.options(), contracts::ReviewSettings{});
  EXPECT_FALSE(std::ifstream(file_).good());
}

TEST_F(ChangingSettings, AFileThatCannotBeReadStopsTheStartByItsName) {
  std::ofstream(file_) << R"({"weights":{"flow":3}})";
  const auto opened = Settings::open(file_, reviewer_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().message, file_ + ": weights: must sum to 100, not 73");
  EXPECT_EQ(*reviewer_.options(), contracts::ReviewSettings{});
}

TEST_F(ChangingSettings, WhatCannotBeKeptIsNotInForce) {
  Settings settings = Settings::open(folder_.path() + "/gone/review.json", reviewer_).value();
  const auto changed = settings.change(R"({"major_cap":50})");
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error().code, Code::Unavailable);
  EXPECT_EQ(reviewer_.options()->major_cap, 55);
}

}  // namespace
}  // namespace quality::test
