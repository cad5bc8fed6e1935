#include "router/prompts.h"

#include <gtest/gtest.h>

#include "services/router/play.h"
#include "support/fake_clock.h"

namespace router::testing {
namespace {

class PromptsTest : public ::testing::Test {
 protected:
  static contracts::PromptRequest request(std::vector<std::string> talk, std::int64_t seed = 1) {
    contracts::PromptRequest asked{"stewie", seed};
    for (std::string& text : talk) asked.talk.push_back(human(std::move(text)));
    return asked;
  }
  static std::shared_ptr<const contracts::Prompt> prompt(bool by_talk = false) {
    contracts::Prompt made = a_prompt();
    made.cues = {"bear", "rupert"};
    made.cue_lines = 2;
    made.by_talk = by_talk;
    return std::make_shared<const contracts::Prompt>(std::move(made));
  }
  void keep(const contracts::PromptRequest& asked) { prompts_.keep(asked, prompt()); }

  support::FakeClock clock_;
  Prompts prompts_{{.ttl = Milliseconds(1000), .prompts_max = 3}, clock_};
};

TEST_F(PromptsTest, KnowsAPromptOfTheSameCharacterSeedAndCues) {
  EXPECT_EQ(prompts_.find(request({"Hello."})), nullptr);
  keep(request({"Hello."}));
  EXPECT_NE(prompts_.find(request({"Bye."})), nullptr);
  EXPECT_EQ(prompts_.find(request({"Bye."}, 2)), nullptr) << "another seed";
  EXPECT_EQ(prompts_.find(request({"Where is RUPERT?"})), nullptr) << "another cue";
  keep(request({"Where is Rupert?"}));
  EXPECT_NE(prompts_.find(request({"rupert", "so?"})), nullptr);
  EXPECT_NE(prompts_.find(request({"rupert", "so?", "hm"})), nullptr) << "too long ago to count";
  EXPECT_EQ(prompts_.find(request({"rupert", "bears"})), nullptr);
  contracts::PromptRequest other{"brian", 1};
  EXPECT_EQ(prompts_.find(other), nullptr);
}

TEST_F(PromptsTest, KeepsNoneThatHangsOnMoreThanItsCues) {
  prompts_.keep(request({"Hello."}), prompt(true));
  EXPECT_EQ(prompts_.find(request({"Hello."})), nullptr);
}

TEST_F(PromptsTest, ForgetsWithTimeAndWhenACardChanges) {
  keep(request({"Hello."}));
  clock_.advance(Milliseconds(1000));
  EXPECT_EQ(prompts_.find(request({"Hello."})), nullptr);
  keep(request({"Hello."}));
  prompts_.clear();
  EXPECT_EQ(prompts_.find(request({"Hello."})), nullptr);
}

TEST_F(PromptsTest, StaysBounded) {
  for (std::int64_t seed = 0; seed < 4; ++seed) keep(request({"Hello."}, seed));
  EXPECT_EQ(prompts_.find(request({"Hello."}, 0)), nullptr);
  EXPECT_NE(prompts_.find(request({"Hello."}, 3)), nullptr);
}

}  // namespace
}  // namespace router::testing
