#include "coordinator/attention.h"

#include <gtest/gtest.h>

#include "services/coordinator/cast_of_three.h"

namespace coordinator {
namespace {

Attention heed(const contracts::Line& line, std::vector<std::string> people = {}) {
  const Names names(cast_of_three());
  return attention(line, Roster(names, std::move(people)));
}
double to_peter(const std::string& text) { return heed(person(text)).strength[0]; }
double to_brian(const std::string& text) { return heed(person(text)).strength[1]; }

TEST(Attention, HearsANameWhereverASpeakerPutsIt) {
  for (const char* text :
       {"@peter help", "Peter, is it true?", "peter do you like beer", "What do you think, Peter?",
        "hey Peter", "Thanks peter!", "Holy smokes Pete", "listen, fat man", "ok Peter Griffin",
        "Is it you, Peter?", "<@peter> come here", "Peter are you there"}) {
    EXPECT_EQ(to_peter(text), kSpokenTo) << text;
  }
}

TEST(Attention, ANameThatIsSpokenAboutCountsLess) {
  for (const char* text : {"Peter said so", "I like Peter", "What do you think of Peter?",
                           "Peter's car is red", "Where is Peter?", "yesterday Peter drinks a lot",
                           "Peter is wrong", "Peter and Brian are fools"}) {
    EXPECT_EQ(to_peter(text), kAbout) << text;
  }
}

TEST(Attention, KnowsWhomAndAboutWhomOneLineSpeaks) {
  EXPECT_EQ(to_brian("Brian, is Peter right?"), kSpokenTo);
  EXPECT_EQ(to_peter("Brian, is Peter right?"), kAbout);
}

TEST(Attention, NamesThatStandTogetherAreSpokenOfAlike) {
  EXPECT_EQ(to_peter("Peter and Brian, come here"), kSpokenTo);
  EXPECT_EQ(to_brian("Peter and Brian, come here"), kSpokenTo);
  EXPECT_EQ(to_brian("what do you know about Peter and Brian"), kAbout);
}

TEST(Attention, TheRoomIsSpokenToAtPartStrength) {
  for (const char* text : {"what are you guys doing", "hello everyone", "does anybody know?",
                           "@everyone look", "any of you hungry", "folks, dinner"}) {
    EXPECT_EQ(to_peter(text), kRoom) << text;
  }
  for (const char* text : {"everyone knows that", "those guys again", "somebody stole it"}) {
    EXPECT_EQ(to_peter(text), 0) << text;
  }
}

TEST(Attention, AReplyIsAnAddress) {
  EXPECT_EQ(heed(person("no", "brian")).strength[1], kSpokenTo);
}

TEST(Attention, SeesThatALineIsForSomebodyElse) {
  EXPECT_TRUE(heed(person("no", "joe")).elsewhere);
  EXPECT_TRUE(heed(person("@joe what now?")).elsewhere);
  EXPECT_FALSE(heed(person("@Peter Griffin hi")).elsewhere);
  EXPECT_FALSE(heed(person("mail me: ann@example.org")).elsewhere);
}

TEST(Attention, AWordThatOnlyContainsANameIsNoAddress) {
  EXPECT_EQ(to_peter("saltpeter is a salt"), 0);
  EXPECT_EQ(to_peter("petersburg!"), 0);
}

TEST(Attention, WhoIsLetOutIsNotSpokenTo) {
  for (const char* text : {"not you, Peter", "someone explain, but not Peter", "anyone but peter?",
                           "Peter not you", "who knows, except Peter", "not again, peter"}) {
    EXPECT_EQ(to_peter(text), kNotYou) << text;
    EXPECT_EQ(to_brian(text), kRoom) << "then it is for the rest: " << text;
  }
  EXPECT_EQ(to_peter("why not Peter?"), kSpokenTo);
}

TEST(Attention, FollowsACorrection) {
  for (const char* text :
       {"not you, Peter, I meant Brian", "sorry peter, i meant brian",
        "sorry peter, wrong guy, question was for Brian", "lol peter not you. brian"}) {
    EXPECT_EQ(to_peter(text), kNotYou) << text;
    EXPECT_EQ(to_brian(text), kSpokenTo) << text;
  }
}

TEST(Attention, HearsWhoIsTurnedToThoughTheWordsBeforePointAtHim) {
  for (const char* text : {"this is for peter", "i was asking peter", "and what about Peter?",
                           "let Peter answer", "over to peter", "i'd like to hear from Peter"}) {
    EXPECT_EQ(to_peter(text), kSpokenTo) << text;
  }
}

TEST(Attention, AChoiceOfTwoIsPutToWhoIsNamedBefore) {
  EXPECT_EQ(to_brian("who would win, Brian: Peter or Stewie?"), kSpokenTo);
  EXPECT_EQ(to_peter("who would win, Brian: Peter or Stewie?"), kAbout);
}

TEST(Attention, ADrawnOutNameIsTheName) {
  EXPECT_EQ(to_peter("peterrrr"), kSpokenTo);
  EXPECT_EQ(to_peter("peters"), 0);
}

TEST(Attention, ANameInALineComesBeforeWhoseLineIsAnswered) {
  const auto heard = heed(person("Peter, what do you say to that?", "brian"));
  EXPECT_EQ(heard.strength[0], kSpokenTo);
  EXPECT_EQ(heard.strength[1], 0);
}

TEST(Attention, SeesThatAPersonIsSpokenToByName) {
  for (const char* text :
       {"leo did you get the tickets?", "thanks leo", "hey zorblax, got a minute",
        "ok leo, on my way", "zorblax where are you", "love you mom",
        "did you lock the door, zorblax?", "parked on the hill ruth, keys inside",
        "leo, did Peter break the chair?", "leo ask Brian"}) {
    EXPECT_TRUE(heed(person(text)).elsewhere) << text;
  }
  for (const char* text :
       {"is jane austen overrated", "movie you could watch for ever?", "I told leo about it",
        "hi there", "thanks everyone", "my mom is coming", "coltrane or miles",
        "pancakes, waffles or toast?", "cant keep my eyes open. is 20 min on the sofa enough",
        "so do you like it"}) {
    EXPECT_FALSE(heed(person(text)).elsewhere) << text;
  }
}

TEST(Attention, KnowsThePeopleWhoSpokeBefore) {
  EXPECT_FALSE(heed(person("sending it now zorblax")).elsewhere);
  EXPECT_TRUE(heed(person("sending it now zorblax"), {"zorblax"}).elsewhere);
  EXPECT_FALSE(heed(person("Ann is tired"), {"ann"}).elsewhere) << "speaks of herself";
}

TEST(Attention, ACharactersQuestionToAPersonIsForThePerson) {
  contracts::Line line = bot("peter", "What is it like?");
  EXPECT_FALSE(heed(line).elsewhere);
  line.reply_to = "ann";
  EXPECT_TRUE(heed(line).elsewhere);
  line.text = "I like it.";
  EXPECT_FALSE(heed(line).elsewhere) << "for all to hear";
}

TEST(Attention, SeesThatTheCallGoesPastWhoHasSpoken) {
  for (const char* text :
       {"does anyone else know?", "and from our expert?", "what do the others say"}) {
    EXPECT_TRUE(heed(person(text)).others) << text;
  }
  EXPECT_FALSE(heed(person("what else is there?")).others);
}

TEST(Attention, SeesThatAllAreAskedToBeQuiet) {
  for (const char* text :
       {"be quiet, guys", "shut up all of you", "quiet please", "no bots please",
        "guys keep it down", "peter, brian, stewie - quiet time", "can the three of you be quiet",
        "please no replies now", "everyone, give us a minute", "please don't answer",
        "bots off for ten minutes"}) {
    EXPECT_TRUE(heed(person(text)).quiet_all) << text;
  }
  for (const char* text : {"why are you so quiet?", "a quiet night here", "he told me to shut up",
                           "i give up", "shut up, that's amazing", "leo be quiet",
                           "silence is golden", "i want to be quiet tonight", "you don't answer me",
                           "let us have a beer", "quiet night, any movie tips"}) {
    EXPECT_FALSE(heed(person(text)).quiet) << text;
  }
}

TEST(Attention, OneMayBeAskedToBeQuietAndAnotherToSpeak) {
  const auto heard = heed(person("shush Brian, let him talk. Peter go on"));
  EXPECT_EQ(heard.strength[0], kSpokenTo);
  EXPECT_EQ(heard.strength[1], kNotYou);
  EXPECT_FALSE(heard.quiet_all);
}

TEST(Attention, OnlyALineThatNamesNobodyQuietensAChannel) {
  for (const char* text : {"be quiet, guys", "quiet please", "shut up all of you"}) {
    EXPECT_TRUE(asks_for_quiet(text)) << text;
  }
  for (const char* text : {"shush brian", "why so quiet?", "hello", ""}) {
    EXPECT_FALSE(asks_for_quiet(text)) << text;
  }
}

TEST(Attention, HearsWhatGoesOnWithTheLineBefore) {
  for (const char* text :
       {"Why?", "and does she like it", "lol for how long", "wait what is it called",
        "ok but if you had to pick a single one", "can i look?"}) {
    EXPECT_TRUE(goes_on(text)) << text;
  }
  for (const char* text : {"", "ok", "it rains", "who won the football game last night"}) {
    EXPECT_FALSE(goes_on(text)) << text;
  }
}

TEST(Attention, TellsANodFromAnAnswer) {
  EXPECT_TRUE(is_nod("haha ok nice"));
  EXPECT_FALSE(is_nod("haha beer"));
  EXPECT_TRUE(answers("yes at nine"));
  EXPECT_TRUE(answers("me too"));
  EXPECT_FALSE(answers("yes but why?"));
  EXPECT_FALSE(answers("me and my dog"));
}

TEST(Attention, TellsQuestionsFromStatements) {
  for (const char* text :
       {"Really?", "Is that so?!", "makes sense. whose is it", "told by who lol", "what time is it",
        "do you like beer", "You know? I do not.", "how are things"}) {
    EXPECT_TRUE(is_question(text)) << text;
  }
  for (const char* text : {"", "I know.", "when I was young it rained", "what a day",
                           "see http://x.org/?q=1", "Do it."}) {
    EXPECT_FALSE(is_question(text)) << text;
  }
}

TEST(Attention, TellsAGreeting) {
  EXPECT_TRUE(is_greeting("Good evening!"));
  EXPECT_TRUE(is_greeting("hey there"));
  EXPECT_FALSE(is_greeting("good beer"));
  EXPECT_FALSE(is_greeting("hey I bought a car for my brother"));
}

}  // namespace
}  // namespace coordinator
