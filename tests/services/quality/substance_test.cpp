#include <gtest/gtest.h>

#include "services/quality/stage.h"

namespace quality::test {
namespace {

using contracts::FindingCode;
using contracts::Severity;

class Substance : public ::testing::Test {
 protected:
  std::optional<contracts::Finding> find(const contracts::AssessRequest& request,
                                         FindingCode code) const {
    return found(reviewer_.assess(request).value(), code);
  }
  std::optional<Severity> severity(const contracts::AssessRequest& request,
                                   FindingCode code) const {
    const auto finding = find(request, code);
    return finding ? std::optional(finding->severity) : std::nullopt;
  }

  const FixedCast cast_{shipped_cast()};
  const Reviewer reviewer_{{}, cast_};
};

TEST_F(Substance, AnotherCharactersMarksAreTheWrongVoice) {
  const auto finding =
      find(draft("peter", "What the deuce! Kneel before my throne, you simpleton!"),
           FindingCode::WrongVoice);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->severity, Severity::Major);
  EXPECT_EQ(finding->hint,
            "This sounds like Stewie; speak as Peter, with words like \"holy crap\".");
  EXPECT_TRUE(
      find(draft("stewie", "Holy crap, wings are freakin' sweet, dude!"), FindingCode::WrongVoice));
  EXPECT_TRUE(find(draft("brian", "Holy crap, I was asleep in my pants, hehehe!"),
                   FindingCode::WrongVoice));
}

TEST_F(Substance, OwnMarksAndQuotedOnesAreNot) {
  EXPECT_FALSE(find(draft("peter", "Holy crap, Stewie yelled what the deuce again!"),
                    FindingCode::WrongVoice));
  EXPECT_FALSE(find(
      draft("peter", "What does he mean with what the deuce, dude?", {"stewie: What the deuce?"}),
      FindingCode::WrongVoice));
  EXPECT_FALSE(
      find(draft("brian", "I prefer a quiet evening with a book."), FindingCode::WrongVoice));
}

TEST_F(Substance, NumbersAndNamesFromNowhereAreUnsupported) {
  const std::vector<std::string> question{"How many hot dogs did you eat at the fair?"};
  const std::vector<std::string> fact{"Peter once ate 43 hot dogs at the Quahog harbor fair."};
  const auto finding =
      find(draft("peter", "Holy crap, I ate 512 hot dogs at that fair!", question, fact),
           FindingCode::UnsupportedClaim);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->severity, Severity::Major);
  EXPECT_NE(finding->hint.find("512"), std::string::npos);
  EXPECT_TRUE(find(draft("peter", "Holy crap, I met Madonna at that fair!", question, fact),
                   FindingCode::UnsupportedClaim));
}

TEST_F(Substance, WhatKnowledgeContextOrCardSayIsSupported) {
  const std::vector<std::string> question{"How many hot dogs did you eat at the Boston fair?"};
  const std::vector<std::string> fact{"Peter once ate 43 hot dogs, with three friends."};
  for (const char* line :
       {"Holy crap, I ate 43 hot dogs at that fair!",
        "Hey, the Boston one? I was there with Brian!", "Dude, I was there with 3 friends!",
        "I love Lois, dude! And I am 100 percent sure!", "HOLY CRAP, it was GREAT!"}) {
    EXPECT_FALSE(find(draft("peter", line, question, fact), FindingCode::UnsupportedClaim)) << line;
  }
}

TEST_F(Substance, NumbersInWordsAreReadAsNumbers) {
  const std::vector<std::string> question{"How old are you?"};
  const std::vector<std::string> fact{"Peter is 44 years old."};
  EXPECT_EQ(severity(draft("peter", "Forty-six, dude, and proud of it!", question, fact),
                     FindingCode::UnsupportedClaim),
            Severity::Major);
  EXPECT_FALSE(find(draft("peter", "Forty-four, dude, and proud of it!", question, fact),
                    FindingCode::UnsupportedClaim));
}

TEST_F(Substance, SmallTalkMayHaveColour) {
  for (const char* line :
       {"Holy crap, I ate five tacos!", "I bet a hundred percent on it, dude!",
        "On Sunday in July I only speak French!", "Hey @joe77, <@&123456>, wings!"}) {
    EXPECT_FALSE(find(draft("peter", line, {"nice weather"}), FindingCode::UnsupportedClaim))
        << line;
  }
}

TEST_F(Substance, TheSameClaimWeighsMoreForACharacterThatInvents) {
  auto cast = shipped_cast();
  for (auto& character : cast) character.hallucination_risk = character.id == "peter" ? 1.0 : 0.0;
  const FixedCast fixed(cast);
  const Reviewer reviewer({}, fixed);
  const auto risk = [&](const char* character) {
    return found(
        reviewer.assess(draft(character, "I was there with Madonna.", {"Who was there?"})).value(),
        FindingCode::UnsupportedClaim);
  };
  ASSERT_TRUE(risk("peter"));
  ASSERT_TRUE(risk("brian"));
  EXPECT_EQ(risk("peter")->severity, Severity::Major);
  EXPECT_EQ(risk("brian")->severity, Severity::Minor);
}

TEST_F(Substance, AStatementAboutSomethingElseIsOffTopic) {
  const std::string line =
      "Oh man, the giraffe is the best animal of the whole savanna, no contest!";
  EXPECT_TRUE(
      find(draft("peter", line, {"what time does the bakery close?"}), FindingCode::OffTopic));
  EXPECT_FALSE(find(draft("peter", line, {"did you see a giraffe?"}), FindingCode::OffTopic));
  EXPECT_FALSE(find(draft("peter", line), FindingCode::OffTopic));
}

TEST_F(Substance, ReactionsAndFragmentsAreOnTopic) {
  for (const char* line :
       {"Beats me, I was asleep for that one!", "No way, the giraffe is in the savanna!",
        "A giraffe, a savanna and a very long neck!", "You should ask a giraffe in the savanna!"}) {
    EXPECT_FALSE(
        find(draft("peter", line, {"what time does the bakery close?"}), FindingCode::OffTopic))
        << line;
  }
}

TEST_F(Substance, WhatWasRetrievedForTheQuestionIsOnTopic) {
  EXPECT_FALSE(find(draft("peter", "The giraffe is the boss of the savanna, dude!",
                          {"which animals do you like?"},
                          {"Of all animals, Peter likes the giraffe of the savanna."}),
                    FindingCode::OffTopic));
}

TEST_F(Substance, APassageThatNobodyAskedForIsOffTopic) {
  const std::vector<std::string> passages{
      "Peter met Lois when he was carrying towels at a pool.",
      "Peter's boss at the brewery is Angela, who has written him up 31 times."};
  const std::vector<std::string> question{"So how did you and Lois meet?"};
  EXPECT_EQ(
      severity(draft("peter", "My boss Angela wrote me up thirty-one times! I'm gonna frame them!",
                     question, passages),
               FindingCode::OffTopic),
      Severity::Major);
  EXPECT_FALSE(find(
      draft("peter", "I was carrying towels at the pool, and there she was!", question, passages),
      FindingCode::OffTopic));
}

TEST_F(Substance, AnotherTopicInAnswerToTroubleIsOffTopicButComfortIsNot) {
  const std::vector<std::string> trouble{"My flight got cancelled, I am stuck at the airport."};
  EXPECT_TRUE(
      find(draft("stewie",
                 "In my empire, carrots shall be taxed and custard shall be free. Let it be "
                 "written in crayon!",
                 trouble),
           FindingCode::OffTopic));
  for (const char* line :
       {"You poor wretch! Sit down and I shall have the bear fetch a blanket.",
        "Then let us storm the gates, and the cowards who guard them!",
        "Enough of that! A change of subject: the turnip has been found guilty of treason."}) {
    EXPECT_FALSE(find(draft("stewie", line, trouble), FindingCode::OffTopic)) << line;
  }
}

TEST_F(Substance, AWordOfTheSameKindOrBeginningTies) {
  EXPECT_FALSE(
      find(draft("brian", "The thunder, frankly, is a matter for the bathtub and a candle.",
                 {"There is a thunderstorm over the harbor."}),
           FindingCode::OffTopic));
  EXPECT_FALSE(find(draft("brian", "A martini, frankly, is a matter of two olives and patience.",
                          {"Who wants a cocktail?"}),
                    FindingCode::OffTopic));
}

}  // namespace
}  // namespace quality::test
