#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "services/quality/stage.h"

// The scores on lines whose verdict is known: the shipped cards, and lines written for these tests.
namespace quality::test {
namespace {

std::string question_for(const std::string& situation) {
  static const std::map<std::string, std::string> kQuestions{
      {"greeting", "hello everybody"},
      {"farewell", "ok I have to go now, bye"},
      {"thanks", "thanks a lot!"},
      {"how_are_you", "how are you today?"},
      {"who_are_you", "who are you?"},
      {"told", "I went to the zoo with my cousin yesterday"},
      {"opinion", "what do you think about pizza?"},
      {"unknown", "what is the capital of Australia?"},
      {"insult", "you are stupid"},
      {"compliment", "you are the best, I love you"},
      {"join", "I ate a great pizza today"},
      {"wrap", "do you ever eat pizza?"},
      {"dodge", "what is the square root of 9801?"}};
  if (situation.starts_with("about "))
    return "what do you think about " + situation.substr(6) + "?";
  const auto found = kQuestions.find(situation);
  return found == kQuestions.end() ? "nice weather today" : found->second;
}

contracts::AssessRequest said_by(const ShippedLine& line, const std::string& character) {
  std::vector<std::string> knowledge;
  if (line.situation == "wrap")
    knowledge.emplace_back("He eats pizza every Friday with double cheese.");
  return draft(character, line.text, {"hey there", question_for(line.situation)}, knowledge);
}

class Calibration : public ::testing::Test {
 protected:
  double score(const std::string& character, const std::string& line, const std::string& question,
               const std::vector<std::string>& knowledge = {}) const {
    return reviewer_.assess(draft(character, line, {question}, knowledge)).value().score;
  }

  const std::vector<contracts::Character> characters_ = shipped_cast();
  const FixedCast cast_{characters_};
  const Reviewer reviewer_{{}, cast_};
};

TEST_F(Calibration, TheShippedLinesPassForTheirOwnCharacter) {
  const auto lines = shipped_lines();
  ASSERT_GT(lines.size(), 300U);
  std::size_t passed = 0;
  for (const auto& line : lines) {
    passed += reviewer_.assess(said_by(line, line.character)).value().passed ? 1 : 0;
  }
  EXPECT_GE(static_cast<double>(passed), 0.97 * static_cast<double>(lines.size()));
}

TEST_F(Calibration, TheShippedLinesFailForTheOthers) {
  std::size_t low = 0;
  std::size_t all = 0;
  for (const auto& line : shipped_lines()) {
    for (const auto& other : characters_) {
      if (other.id == line.character || line.situation == "wrap") continue;
      ++all;
      low += reviewer_.assess(said_by(line, other.id)).value().score < 70 ? 1 : 0;
    }
  }
  EXPECT_GE(static_cast<double>(low), 0.95 * static_cast<double>(all));
}

std::string loudest(const Reviewer& reviewer, const std::string& line) {
  const auto scores = reviewer.voice({line}).value().scores;
  return std::max_element(scores.begin(), scores.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

TEST_F(Calibration, TheVoiceOfAShippedLineIsItsCharacters) {
  const auto lines = shipped_lines();
  std::size_t right = 0;
  for (const auto& line : lines) right += loudest(reviewer_, line.text) == line.character ? 1 : 0;
  EXPECT_GE(static_cast<double>(right), 0.97 * static_cast<double>(lines.size()));
}

TEST_F(Calibration, LinesThatTheCastNeverLearntAreKnownByTheirVoiceToo) {
  auto half = characters_;
  std::vector<std::pair<std::string, std::string>> unseen;
  for (auto& character : half) {
    std::vector<std::string> learnt;
    for (std::size_t i = 0; i < character.examples.size(); ++i) {
      if (i % 2 == 0) {
        learnt.push_back(character.examples[i]);
      } else {
        unseen.emplace_back(character.id, character.examples[i]);
      }
    }
    character.examples = std::move(learnt);
  }
  const FixedCast cast(half);
  const Reviewer reviewer({}, cast);
  std::size_t right = 0;
  for (const auto& [id, line] : unseen) right += loudest(reviewer, line) == id ? 1 : 0;
  EXPECT_GE(static_cast<double>(right), 0.90 * static_cast<double>(unseen.size()));
}

TEST_F(Calibration, AnAnswerInVoiceScoresOverEighty) {
  const std::string question = "What's your favorite beer?";
  EXPECT_GT(
      score("peter",
            "Holy crap, easy one! My favourite beer is Pawtucket Patriot Ale, the good stuff.",
            question, {"Peter's favorite beer is Pawtucket Patriot Ale, brewed in Quahog."}),
      80);
  EXPECT_GT(
      score("brian", "Frankly, a Belgian abbey ale, and I would argue it is worth 11 dollars.",
            question,
            {"Brian's favorite beer is a Belgian abbey ale that costs 11 dollars a bottle."}),
      80);
  EXPECT_GT(
      score("stewie",
            "Blast! Beer smells like a wet sock that has been elected mayor, you simpleton.",
            question, {"Stewie thinks beer smells like a wet sock that has been elected mayor."}),
      80);
}

TEST_F(Calibration, AShortGreetingInVoicePassesAlsoAsAnOrganicLine) {
  EXPECT_GT(score("peter", "Hey hey, what's up buddy!", "hello"), 77);
  EXPECT_GT(score("brian", "Good evening, I suppose.", "hello"), 77);
  EXPECT_GT(score("stewie", "What the deuce? A visitor!", "hello"), 77);
}

TEST_F(Calibration, ABlandLineStaysBelowSixty) {
  for (const auto& character : characters_) {
    for (const char* line :
         {"Beer is a popular alcoholic beverage that is enjoyed by many people around the world.",
          "I'd be happy to help you with that! There are many great beers to choose from.",
          "My favorite beer depends on personal preference, but many people enjoy lagers and ales.",
          "Beer is made from water, malt, hops and yeast.",
          "There are several types of beer, including lager, ale and stout. Each has its own "
          "flavor.",
          "Hello! How can I assist you today?"}) {
      EXPECT_LT(score(character.id, line, "What's your favorite beer?"), 60)
          << character.id << line;
    }
  }
}

TEST_F(Calibration, ALineInAnothersVoiceStaysBelowSeventy) {
  const std::string question = "What's your favorite beer?";
  EXPECT_LT(score("peter", "What the deuce! Beer is for simpletons, and I shall rule the brewery.",
                  question),
            70);
  EXPECT_LT(
      score("peter", "Frankly, I would argue that a dry martini beats any beer, as it happens.",
            question),
      70);
  EXPECT_LT(score("stewie", "Holy crap, beer is freakin' sweet, dude!", question), 70);
  EXPECT_LT(
      score("brian", "Holy crap, this one time I drank so much I lost my pants, hehehe.", question),
      70);
}

}  // namespace
}  // namespace quality::test
