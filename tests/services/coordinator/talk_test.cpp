// The stage as a whole: talk among characters ends whatever they say, and it lives.

#include <gtest/gtest.h>

#include "base/ids.h"
#include "services/coordinator/cast_of_three.h"
#include "services/coordinator/scenes.h"

namespace coordinator {
namespace {

using contracts::Character;
using contracts::Line;

std::string noise(Random& random) {
  std::string text;
  for (auto bytes = random.below(60); bytes > 0; --bytes) {
    text += static_cast<char>(random.below(256));
  }
  return text;
}

// A line of a model that wants the talk to go on for ever, or wants nothing at all.
std::string adversary(Random& random, const std::vector<Character>& cast) {
  const auto name = [&] { return cast[random.below(cast.size())].name; };
  switch (random.below(10)) {
    case 0:
      return "@" + name() + " answer me! @" + name() + " you too!";
    case 1:
      return "Everyone, you guys, anybody: what do you all say? Anyone else?";
    case 2:
      return name() + ", " + name() + " and " + name() + ", what do you think?";
    case 3:
      return "I meant " + name() + ". Not you, " + name() + ". And " + name() + "?";
    case 4:
      return "Beer, novel, time machine, tv, jazz, plan, world, food, politics?";
    case 5:
      return "Hello " + name() + "! Thanks! Bye! Why? And why?";
    case 6:
      return "Speak again! " + name() + ", never be quiet, let " + name() + " answer!";
    case 7:
      return noise(random);
    case 8:
      return std::string(random.below(3), '?');
    default:
      return name() + "?";
  }
}

std::vector<Character> cast_of(Random& random) {
  if (random.below(2) == 0) return cast_of_three();
  std::vector<Character> cast;
  for (std::uint64_t i = 0; i < 1 + random.below(8); ++i) {
    cast.push_back(character("bot" + std::to_string(i), random.uniform(), {{"beer", 1.0}}));
  }
  return cast;
}

TEST(Talk, EndsWhateverAModelSaysInTenThousandMixes) {
  const Weights weights;
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Random random(hash64("mix", seed));
    const std::vector<Character> cast = cast_of(random);
    std::vector<Line> history{person(adversary(random, cast))};
    double energy = weights.energy_budget;
    int said = 0;
    while (said < 50) {
      const auto chosen = select(cast, {history, {}, energy, random.next(), false}, weights);
      if (chosen.nobody) break;
      ++said;
      energy -= line_cost(said, weights);
      Line line = bot(chosen.speakers.front(), adversary(random, cast));
      if (random.below(3) == 0) line.reply_to = cast[random.below(cast.size())].id;
      if (random.below(9) == 0) line.kind = contracts::Kind::Human;  // it claims to be a person
      history.push_back(std::move(line));
    }
    ASSERT_LE(said, 4) << "seed " << seed;
  }
}

TEST(Talk, EndsOnTheStageWhateverAModelSays) {
  Theatre theatre(cast_of_three());
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(hash64("stage", seed));
    const std::vector<Character> cast = cast_of_three();
    const auto says = [&](const std::string&) { return adversary(random, cast); };
    const std::string channel = "c" + std::to_string(seed % 20);
    EXPECT_LE(theatre.play(channel, person(adversary(random, cast)), says), 4) << "seed " << seed;
  }
}

TEST(Talk, OneToFourLinesFollowAPersonsLineAndNoOpenQuestionIsMetWithSilence) {
  std::vector<Character> cast = cast_of_three();
  cast[0].examples = {"Holy crap, beer!", "Brian, you are a dog.", "I like pants.",
                      "Who wants food?", "Stewie, did you see that?"};
  cast[1].examples = {"Actually, I write a novel.", "Peter, that makes no sense.",
                      "I need a martini.", "As it happens, no.", "Why would you say that?"};
  cast[2].examples = {"Blast!", "My plan is perfect.", "Silence, dog.", "How dreadful.",
                      "Brian, fetch the time machine."};
  const Liveness live = coordinator::live(cast, 200);
  const double average = static_cast<double>(live.bot_lines) / live.people_lines;
  EXPECT_GE(average, 1.0);
  EXPECT_LE(average, 4.0);
  EXPECT_LE(live.bot_lines_most, 4);
  EXPECT_GT(live.talks, live.people_lines / 5);
  EXPECT_GT(live.questions, 200);
  EXPECT_EQ(live.unanswered, 0);
}

class QuietTest : public ::testing::Test {
 protected:
  contracts::Selection say(const std::string& text) {
    return theatre_.say("c", person(text)).selection;
  }
  std::int64_t quiet(int minutes) {
    return theatre_.stage().quiet({"c", minutes}).value().until_ms;
  }
  contracts::FollowUp follow_up() { return theatre_.stage().follow_up({.channel = "c"}).value(); }

  Theatre theatre_{cast_of_three()};
};

TEST_F(QuietTest, OnlyWhoIsSpokenToByNameAnswersForAsLongAsItWasAskedFor) {
  EXPECT_FALSE(say("Who wants beer?").nobody);
  EXPECT_GT(quiet(10), 0);
  EXPECT_EQ(say("Who wants beer?").reason, "quiet");
  EXPECT_EQ(say("Peter, a beer?").speakers, std::vector<std::string>{"peter"});
  theatre_.pass(10 * 60'000);
  EXPECT_FALSE(say("Who wants beer?").nobody);
}

TEST_F(QuietTest, NobodyGoesOn) {
  say("Peter, a beer?");
  quiet(10);
  theatre_.say("c", bot("peter", "Brian, what do you say?"));
  const auto next = follow_up();
  EXPECT_FALSE(next.character);
  EXPECT_EQ(next.reason, "quiet");
  EXPECT_EQ(next.energy, 3) << "silence costs nothing";
}

TEST_F(QuietTest, EndsWhenItIsTakenBack) {
  quiet(10);
  EXPECT_EQ(quiet(0), 0);
  EXPECT_FALSE(say("Who wants beer?").nobody);
}

TEST_F(QuietTest, ShowsInTheHistoryAndIsKnownAgainAfterARestart) {
  const std::int64_t until_ms = quiet(30);
  EXPECT_EQ(theatre_.stage().history({"c"}).value().quiet_until_ms, until_ms);
  theatre_.restart();
  EXPECT_EQ(theatre_.stage().history({"c"}).value().quiet_until_ms, until_ms);
  EXPECT_EQ(say("Hello!").reason, "quiet");
  theatre_.pass(30 * 60'000);
  EXPECT_EQ(theatre_.stage().history({"c"}).value().quiet_until_ms, 0);
}

TEST_F(QuietTest, APersonMayAskForItInALineForAShorterTime) {
  EXPECT_EQ(say("Be quiet, guys!").reason, "quiet");
  EXPECT_EQ(say("Who wants beer?").reason, "quiet");
  EXPECT_FALSE(say("Peter, you may speak.").nobody);
  theatre_.pass(2 * 60'000);
  EXPECT_FALSE(say("Who wants beer?").nobody);
}

TEST_F(QuietTest, ALineDoesNotShortenWhatWasAskedForLonger) {
  const std::int64_t until_ms = quiet(30);
  say("Be quiet, guys!");
  EXPECT_EQ(theatre_.stage().history({"c"}).value().quiet_until_ms, until_ms);
}

TEST_F(QuietTest, ACharacterCannotSilenceTheOthers) {
  say("Peter, a beer?");
  theatre_.say("c", bot("peter", "Be quiet, guys!"));
  EXPECT_EQ(theatre_.stage().history({"c"}).value().quiet_until_ms, 0);
}

class RepeatTest : public ::testing::Test {
 protected:
  contracts::FollowUp after(const std::string& id) {
    return theatre_.stage().follow_up({.channel = "c", .after = id}).value();
  }
  Theatre theatre_{cast_of_three()};
};

TEST_F(RepeatTest, AFollowUpThatIsAskedForTwiceIsOneAndPaidOnce) {
  theatre_.say("c", person("Hi Peter"));                       // m0
  theatre_.say("c", bot("peter", "Brian, what do you say?"));  // m1
  const auto first = after("m1");
  const auto again = after("m1");
  EXPECT_EQ(first.character, "brian");
  EXPECT_EQ(again.character, "brian");
  EXPECT_EQ(again.energy, first.energy);
}

TEST_F(RepeatTest, ALateRepeatNeitherSpendsNorSpeaksForALineThatIsNotItsOwn) {
  theatre_.say("c", person("Hi Peter"));                       // m0
  theatre_.say("c", bot("peter", "Brian, what do you say?"));  // m1
  after("m1");
  theatre_.say("c", bot("brian", "Stewie, what do you say?"));  // m2
  const double left = theatre_.conversations().recent("c").value().energy;
  const auto late = after("m1");
  EXPECT_FALSE(late.character);
  EXPECT_EQ(late.reason, "superseded");
  EXPECT_EQ(theatre_.conversations().recent("c").value().energy, left);
  EXPECT_EQ(after("m2").character, "stewie");
}

TEST_F(RepeatTest, AFollowUpOfALineThatNobodySaidIsSuperseded) {
  theatre_.say("c", person("Hi Peter"));
  EXPECT_EQ(after("no-such-line").reason, "superseded");
}

}  // namespace
}  // namespace coordinator
