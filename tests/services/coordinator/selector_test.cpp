#include "coordinator/selector.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>

#include "base/ids.h"
#include "services/coordinator/cast_of_three.h"

namespace coordinator {
namespace {

using contracts::Character;
using contracts::Line;
using contracts::Selection;
using Names = std::vector<std::string>;

Selection choose(std::vector<Line> history, std::optional<double> energy = {},
                 std::uint64_t seed = 1, Names pending = {}) {
  return select(cast_of_three(), {std::move(history), std::move(pending), energy, seed}, {});
}

double term(const Selection& selection, const std::string& id, const std::string& name) {
  return selection.scores.at(id).at(name);
}

TEST(Selector, AScoreTableHasEveryTermAndTheirSum) {
  const auto selection = choose({person("Let us have a beer.")});
  for (const auto& [id, table] : selection.scores) {
    ASSERT_EQ(table.size(), 8U) << id;
    double sum = 0;
    for (const char* name :
         {"addressed", "topic", "pending", "talkativeness", "fairness", "repetition", "fatigue"}) {
      sum += table.at(name);
    }
    EXPECT_NEAR(table.at("total"), sum, 1e-6) << id;
  }
  EXPECT_EQ(selection.scores.size(), 3U);
}

TEST(Selector, AnAddressIsWorthAHundred) {
  for (const auto& line : {person("@brian hello"), person("indeed", "brian"), person("Brian!"),
                           person("What now, Brian?")}) {
    const auto selection = choose({line});
    EXPECT_EQ(selection.speakers, Names{"brian"}) << line.text;
    EXPECT_EQ(selection.reason, "addressed");
    EXPECT_EQ(term(selection, "brian", "addressed"), 100);
    EXPECT_EQ(term(selection, "peter", "addressed"), 0);
  }
}

TEST(Selector, AnAliasIsAnAddress) {
  EXPECT_EQ(choose({person("Pete, come here.")}).speakers, Names{"peter"});
}

TEST(Selector, AnAddressBeatsATopic) {
  const auto selection = choose({person("Stewie, let us have a beer and watch tv at the party.")});
  EXPECT_EQ(selection.speakers, Names{"stewie"});
  EXPECT_GT(term(selection, "peter", "topic"), 29);
}

TEST(Selector, AnAddressBeatsAllThatSpeaksAgainstTheAddressed) {
  const auto selection =
      choose({person("Hi"), bot("peter", "a"), bot("brian", "b"), bot("peter", "c"),
              person("I mean you, Peter. What about your novel, the jazz, the wine?")},
             {}, 1, {"brian", "stewie"});
  EXPECT_EQ(selection.speakers, Names{"peter"});
}

TEST(Selector, SeveralWhoAreNamedMayAllAnswer) {
  auto speakers = choose({person("Peter and Brian, come here.")}).speakers;
  std::sort(speakers.begin(), speakers.end());
  EXPECT_EQ(speakers, (Names{"brian", "peter"}));
}

TEST(Selector, ATopicIsWorthThirtyAtItsAffinityAndFadesOverThreeLines) {
  EXPECT_EQ(term(choose({person("I love beers.")}), "peter", "topic"), 30);
  EXPECT_EQ(term(choose({person("I love beers.")}), "brian", "topic"), 18);
  EXPECT_EQ(term(choose({person("I love beers."), person("Oh.")}), "peter", "topic"), 15);
  EXPECT_EQ(term(choose({person("Beer."), person("Oh."), person("Ah.")}), "peter", "topic"), 7.5);
  EXPECT_EQ(term(choose({person("Beer."), person("Oh."), person("Ah."), person("Uh.")}), "peter",
                 "topic"),
            0);
}

TEST(Selector, ATopicOfTwoWordsNeedsBoth) {
  EXPECT_EQ(term(choose({person("the time machines")}), "stewie", "topic"), 30);
  EXPECT_EQ(term(choose({person("what time is it")}), "stewie", "topic"), 0);
}

TEST(Selector, WhoseTopicItIsSpeaksFirst) {
  const auto selection = choose({person("My novel is done.")});
  EXPECT_EQ(selection.speakers.front(), "brian");
  EXPECT_EQ(selection.reason, "topic");
}

TEST(Selector, AnOwedAnswerIsWorthTwenty) {
  const auto selection = choose({person("Hm, ok.")}, {}, 1, {"stewie"});
  EXPECT_EQ(term(selection, "stewie", "pending"), 20);
  EXPECT_EQ(term(selection, "peter", "pending"), 0);
  EXPECT_EQ(selection.speakers, Names{"stewie"});
  EXPECT_EQ(selection.reason, "pending");
}

TEST(Selector, WhoWasAskedAndHasNotAnsweredOwesAnAnswer) {
  const std::vector<Line> asked{person("Stewie, are you well?"), person("I wonder.")};
  EXPECT_EQ(term(choose(asked), "stewie", "pending"), 20);
  const std::vector<Line> answered{person("Stewie, are you well?"), bot("stewie", "No."),
                                   person("I wonder.")};
  EXPECT_EQ(term(choose(answered), "stewie", "pending"), 0);
}

TEST(Selector, TalkativenessIsWorthUpToTen) {
  const auto selection = choose({person("Hm.")});
  EXPECT_EQ(term(selection, "peter", "talkativeness"), 7);
  EXPECT_EQ(term(selection, "brian", "talkativeness"), 5);
}

TEST(Selector, WhoSpokeLessGetsMoreFairness) {
  const auto selection = choose(
      {bot("peter", "a"), bot("peter", "b"), bot("peter", "c"), bot("brian", "d"), person("Hm.")});
  EXPECT_EQ(term(selection, "stewie", "fairness"), 10);
  EXPECT_EQ(term(selection, "brian", "fairness"), 7.5);
  EXPECT_EQ(term(selection, "peter", "fairness"), 2.5);
}

TEST(Selector, RepetitionCostsThirty) {
  const auto twice = choose({bot("peter", "a"), bot("peter", "b"), person("Hm.")});
  EXPECT_EQ(term(twice, "peter", "repetition"), -30);
  EXPECT_EQ(term(twice, "brian", "repetition"), 0);
  const auto once = choose({bot("peter", "a"), person("Hm.")});
  EXPECT_EQ(term(once, "peter", "repetition"), -15);
}

TEST(Selector, FatigueGrowsWithOwnLinesSinceAPersonSpoke) {
  const auto once = choose({person("Hm."), bot("peter", "a"), bot("brian", "b")});
  EXPECT_EQ(term(once, "peter", "fatigue"), -10);
  EXPECT_EQ(term(once, "stewie", "fatigue"), 0);
  const auto twice =
      choose({person("Hm."), bot("peter", "a"), bot("peter", "b"), bot("brian", "c")});
  EXPECT_EQ(term(twice, "peter", "fatigue"), -20);
  const auto rested = choose({bot("peter", "a"), bot("brian", "b"), person("Hm.")});
  EXPECT_EQ(term(rested, "peter", "fatigue"), 0);
}

TEST(Selector, NobodySpeaksBelowTwentyFive) {
  const auto selection = choose(
      {contracts::Line{"joe", "Sorry!", contracts::Kind::Human, {}}, person("The bus was late.")});
  EXPECT_TRUE(selection.nobody);
  EXPECT_TRUE(selection.speakers.empty());
  EXPECT_EQ(selection.reason, "below_threshold");
  EXPECT_EQ(selection.scores.size(), 3U);
}

TEST(Selector, ALonePersonsRemarkIsOwedAnAnswer) {
  EXPECT_FALSE(choose({person("I had such a day.")}).nobody);
  EXPECT_TRUE(choose({person("Ok.")}).nobody);
}

TEST(Selector, AShortQuestionGoesToWhoSpokeLast) {
  const auto selection = choose(
      {person("Peter, who is your wife?"), bot("peter", "Lois!"), person("And does she swim?")});
  EXPECT_EQ(selection.speakers.front(), "peter");
}

TEST(Selector, AnOpenQuestionIsNeverMetWithSilence) {
  for (const char* text : {"Why was the bus late?", "what is a quark", "Do you swim?", "hello"}) {
    const auto selection = choose({person(text)});
    EXPECT_EQ(selection.speakers.size(), 1U) << text;
    EXPECT_EQ(selection.reason, "open_question") << text;
  }
}

TEST(Selector, AQuestionToAnotherPersonIsNotOurs) {
  const auto selection = choose({person("Why was the bus late?", "joe")});
  EXPECT_TRUE(selection.nobody);
  EXPECT_EQ(selection.reason, "not_addressed");
}

TEST(Selector, ATopicNeedNotBeNamed) {
  EXPECT_EQ(
      choose({person("I stopped at page two of a poem and wrote an essay.")}).speakers.front(),
      "brian");
  EXPECT_EQ(term(choose({person("the pub")}), "peter", "topic"), 18) << "of beer, implied";
}

TEST(Selector, AWordOfOnesOwnLinesIsAHint) {
  auto cast = cast_of_three();
  cast[2].examples = {"My zeppelin awaits.", "Splendid.", "Indeed."};
  cast[0].examples = {"Splendid.", "I like pants."};
  const Scene scene{{person("look at that zeppelin")}, {}, {}, 1};
  EXPECT_EQ(term(select(cast, scene, {}), "stewie", "topic"), 6);
  EXPECT_EQ(term(select(cast, scene, {}), "peter", "topic"), 0);
  cast[2].examples.clear();
  EXPECT_EQ(term(select(cast, scene, {}), "stewie", "topic"), 0) << "the card has changed";
}

TEST(Selector, WhoIsLetOutSaysNothingThoughHeIsTheOnlyOne) {
  const auto selection =
      select(std::vector{character("peter")}, {{person("Not you, Peter.")}, {}, {}, 1}, {});
  EXPECT_TRUE(selection.nobody);
  EXPECT_EQ(selection.reason, "not_addressed");
  EXPECT_EQ(term(selection, "peter", "addressed"), -100);
}

TEST(Selector, ACallForOthersGoesPastWhoHasJustSpoken) {
  const auto selection = choose(
      {person("Who knows a joke?"), bot("peter", "Me!"), person("Does anyone else know one?")});
  EXPECT_EQ(term(selection, "peter", "addressed"), -100);
  EXPECT_EQ(std::count(selection.speakers.begin(), selection.speakers.end(), "peter"), 0);
  EXPECT_FALSE(selection.nobody);
}

TEST(Selector, ARemarkToWhoSpokeLastIsHis) {
  const auto selection = choose(
      {person("Peter, dinner plans?"), bot("peter", "Forty wings."), person("haha you always do")});
  EXPECT_EQ(selection.speakers.front(), "peter");
  EXPECT_EQ(term(selection, "peter", "addressed"), 40);
  EXPECT_TRUE(choose({person("Peter, dinner?"), bot("peter", "Wings."), person("lol ok")}).nobody);
}

TEST(Selector, WhoOwesAnAnswerIsNotPassedOverForWhoSpokeLast) {
  const auto selection = choose(
      {person("Peter, dinner?"), bot("stewie", "He cannot cook."), person("that is not an answer")},
      {}, 1, {"peter"});
  EXPECT_EQ(selection.speakers.front(), "peter");
}

TEST(Selector, PeopleWhoTalkWithEachOtherAreLeftAlone) {
  const auto said = [](std::string author, std::string text) {
    return Line{std::move(author), std::move(text), contracts::Kind::Human, {}};
  };
  const std::vector<std::vector<Line>> talks{
      {said("ann", "bob where is the beer"), said("bob", "in the fridge")},
      {said("ann", "what time is the party"), said("bob", "at nine")},
      {said("ann", "I had a burger"), said("bob", "me too, with beer")},
      {said("ann", "see you tomorrow"), said("bob", "bye!")},
      {said("ann", "zorblax did you buy wine?")}};
  for (const auto& talk : talks) {
    const auto selection = choose(talk);
    EXPECT_TRUE(selection.nobody) << talk.back().text;
    EXPECT_EQ(selection.reason, "not_addressed") << talk.back().text;
  }
}

TEST(Selector, AskedForQuietAFewLinesAgoOnlyWhoIsNamedAnswers) {
  std::vector<Line> history{person("Be quiet, guys!"), person("What about that beer?")};
  EXPECT_EQ(choose(history).reason, "quiet");
  history.push_back(person("Peter, a beer?"));
  EXPECT_EQ(choose(history).speakers, Names{"peter"});
  history.push_back(person("Who wants beer?"));
  EXPECT_FALSE(choose(history).nobody) << "he who calls somebody has ended it";
}

TEST(Selector, WhetherAChannelIsQuietIsWhatItsKeeperSays) {
  const auto in = [](bool quiet, const char* text) {
    return select(cast_of_three(), {{person("Be quiet, guys!"), person(text)}, {}, {}, 1, quiet},
                  {});
  };
  EXPECT_EQ(in(true, "Who wants beer?").reason, "quiet");
  EXPECT_EQ(in(true, "Peter, a beer?").speakers, Names{"peter"});
  EXPECT_FALSE(in(false, "Who wants beer?").nobody);
}

TEST(Selector, ACharacterThatAsksAPersonLetsHimAnswer) {
  Line line = bot("peter", "What do you like, Ann?");
  const auto selection = choose({person("Hi Peter"), line});
  EXPECT_TRUE(selection.nobody);
  EXPECT_EQ(selection.reason, "not_addressed");
}

TEST(Selector, TheRoomMayAnswerTogetherUpToThree) {
  auto cast = cast_of_three();
  cast.push_back(character("lois"));
  const auto selection = select(cast, {{person("How are you guys?")}, {}, {}, 7}, {});
  EXPECT_EQ(selection.speakers.size(), 3U);
  EXPECT_EQ(selection.reason, "addressed");
}

TEST(Selector, NobodyAnswersHimself) {
  const auto selection = choose({person("Hi"), bot("peter", "Peter, you, Peter, want beer?")});
  EXPECT_FALSE(selection.scores.contains("peter"));
  EXPECT_EQ(std::count(selection.speakers.begin(), selection.speakers.end(), "peter"), 0);
}

TEST(Selector, ANamedBotAnswersABotWhileThereIsEnergy) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(choose({bot("peter", "Brian, what do you say?")}, 1.0, seed).speakers,
              Names{"brian"});
  }
  const auto tired = choose({bot("peter", "Brian, what do you say?")}, 0.5);
  EXPECT_TRUE(tired.nobody);
  EXPECT_EQ(tired.reason, "out_of_energy");
}

TEST(Selector, WithoutEnergyGivenItCountsTheLinesSinceAPersonSpoke) {
  std::vector<Line> history{person("Hi")};
  for (const char* author : {"peter", "brian", "peter", "brian"}) {
    history.push_back(bot(author, "Stewie, do you hear?"));
    EXPECT_EQ(choose(history).nobody, history.size() == 5) << history.size();
  }
  EXPECT_EQ(choose(history).reason, "out_of_energy");
}

TEST(Selector, ACharacterThatIsTakenForAPersonDoesNotRefillTheEnergy) {
  std::vector<Line> history{person("Hi")};
  for (const char* author : {"peter", "brian", "peter", "brian"}) {
    history.push_back({author, "Stewie?", contracts::Kind::Human, {}});
  }
  EXPECT_EQ(choose(history).reason, "out_of_energy");
}

TEST(Selector, WhatIsKeptOfLinesStaysWithinItsBytes) {
  Random random(3);
  const auto long_line = [&] {
    std::string text;
    while (text.size() < 4000) {
      for (int i = 0; i < 6; ++i) text += static_cast<char>('a' + random.below(26));
      text += ' ';
    }
    return person(std::move(text));
  };
  choose({long_line()});
  const std::size_t before = ::mallinfo2().uordblks;
  for (int i = 0; i < 100; ++i) choose({long_line()});
  EXPECT_LT(::mallinfo2().uordblks, before + 2 * 1024 * 1024);
}

TEST(Selector, SaysWhyThereIsNothingToChoose) {
  EXPECT_EQ(select({}, {{person("Hi")}, {}, {}, 1}, {}).reason, "no_participants");
  EXPECT_EQ(choose({}).reason, "empty_history");
  EXPECT_EQ(select(std::vector{character("peter")}, {{bot("peter", "Hm?")}, {}, {}, 1}, {}).reason,
            "no_participants");
}

TEST(Selector, TiesAreDrawnByTheSeedAndNotByTheOrder) {
  const std::vector<Character> cast{character("a1"), character("b1"), character("c1")};
  const std::vector<Character> turned{cast[2], cast[0], cast[1]};
  std::map<std::string, int> wins;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Scene scene{{person("Why?")}, {}, {}, seed};
    const auto first = select(cast, scene, {}).speakers;
    EXPECT_EQ(first, select(turned, scene, {}).speakers);
    ++wins[first.at(0)];
  }
  for (const auto& [id, count] : wins) EXPECT_GT(count, 50) << id;
  EXPECT_EQ(wins.size(), 3U);
}

// Plays a scene after a person's line until nobody goes on, and returns how many lines bots said.
template <class Says>
int play(const std::vector<Character>& cast, std::vector<Line>& history, std::uint64_t seed,
         int lines_max, const Says& says) {
  int said = 0;
  while (said < lines_max) {
    const auto selection =
        select(cast, {history, {}, {}, hash64("turn", seed + history.size())}, {});
    if (selection.nobody) break;
    history.push_back(bot(selection.speakers.front(), says(selection.speakers.front())));
    ++said;
  }
  return said;
}

TEST(Selector, TalkAmongBotsEndsWhateverTheySay) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    std::vector<Character> cast;
    for (std::uint64_t i = 0; i < 1 + random.below(8); ++i) {
      cast.push_back(character("bot" + std::to_string(i), random.uniform(), {{"beer", 1.0}}));
    }
    const auto says = [&](const std::string&) {
      const std::string name = cast[random.below(cast.size())].id;
      switch (random.below(5)) {
        case 0:
          return "@" + name + " what do you say, " + name + "?";
        case 1:
          return std::string("Everyone, you guys, anybody: beer beer beer?");
        case 2:
          return name + "! " + cast[random.below(cast.size())].id + "! Beer?";
        case 3:
          return std::string(random.below(200), static_cast<char>(random.below(256)));
        default:
          return std::string("\xF0\x9F\x98\x80 hello @everyone, who wants beer?");
      }
    };
    std::vector<Line> history{person("Hello everyone, beer?")};
    EXPECT_LE(play(cast, history, seed, 100, says), 4) << "seed " << seed;
  }
}

TEST(Selector, AScenePlaysTheSameWayTwice) {
  const auto says = [](const std::string& id) { return id + " thinks that beer beats tv."; };
  std::vector<Line> first{person("Who wants a beer?")};
  std::vector<Line> second = first;
  play(cast_of_three(), first, 5, 100, says);
  play(cast_of_three(), second, 5, 100, says);
  EXPECT_EQ(first, second);
}

// What people and the three say in the seeded scenes: half of it is not about anybody's topics.
const std::vector<std::string> kPeople{"Hello!",
                                       "What should we do tonight?",
                                       "I had a long day at work.",
                                       "Peter, are you hungry?",
                                       "I am reading a good book.",
                                       "Does anybody know the way to the harbor?",
                                       "The bus was late.",
                                       "Brian, how is the novel?",
                                       "Let us have a beer.",
                                       "Stewie, what is your plan?",
                                       "Really?",
                                       "My sister visits me tomorrow.",
                                       "Who wants to watch tv?",
                                       "You guys are funny.",
                                       "It rains.",
                                       "I think politics is boring.",
                                       "How does a time machine work?",
                                       "ok",
                                       "Tell me a joke, Pete!",
                                       "What do you all think of jazz?"};
const std::map<std::string, std::vector<std::string>> kLines{
    {"peter",
     {"Holy crap, beer!", "Brian, you are a dog.", "That is like that time on tv.", "I like pants.",
      "Who wants food?", "Stewie, did you see that?", "Sweet."}},
    {"brian",
     {"Actually, I write a novel.", "Peter, that makes no sense.", "I need a martini.",
      "Jazz is a language.", "As it happens, no.", "Why would you say that?", "Fine."}},
    {"stewie",
     {"Blast!", "My plan is perfect.", "You fools, the world is mine!", "Silence, dog.",
      "Brian, fetch the time machine.", "How dreadful.", "Do you mind?"}}};

TEST(Selector, OneToFourBotLinesFollowAPersonsLineOnAverage) {
  int scenes_with_talk = 0;
  int said = 0;
  int asked = 0;
  std::map<std::string, int> by;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const auto says = [&](const std::string& id) {
      ++by[id];
      return kLines.at(id)[random.below(kLines.at(id).size())];
    };
    std::vector<Line> history;
    for (int turn = 0; turn < 5; ++turn) {
      history.push_back(person(kPeople[random.below(kPeople.size())]));
      const int lines = play(cast_of_three(), history, seed, 100, says);
      EXPECT_LE(lines, 4);
      said += lines;
      scenes_with_talk += lines > 1 ? 1 : 0;
      ++asked;
    }
  }
  const double average = static_cast<double>(said) / asked;
  RecordProperty("lines_per_person_line", std::to_string(average));
  EXPECT_GT(average, 1.2);
  EXPECT_LT(average, 3.5);
  EXPECT_GT(scenes_with_talk, asked / 5);
  for (const auto& [id, lines] : by) EXPECT_GT(lines, said / 6) << id;
}

}  // namespace
}  // namespace coordinator
