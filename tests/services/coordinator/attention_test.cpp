#include "coordinator/attention.h"

#include <gtest/gtest.h>

#include "services/coordinator/cast_of_three.h"

namespace coordinator {
namespace {

double to_peter(const std::string& text) {
  return attention(person(text), cast_of_three()).strength[0];
}
double to_brian(const std::string& text) {
  return attention(person(text), cast_of_three()).strength[1];
}

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
  EXPECT_EQ(attention(person("no", "brian"), cast_of_three()).strength[1], kSpokenTo);
}

TEST(Attention, SeesThatALineIsForSomebodyElse) {
  EXPECT_TRUE(attention(person("no", "joe"), cast_of_three()).elsewhere);
  EXPECT_TRUE(attention(person("@joe what now?"), cast_of_three()).elsewhere);
  EXPECT_FALSE(attention(person("@Peter Griffin hi"), cast_of_three()).elsewhere);
  EXPECT_FALSE(attention(person("mail me: ann@example.org"), cast_of_three()).elsewhere);
}

TEST(Attention, AWordThatOnlyContainsANameIsNoAddress) {
  EXPECT_EQ(to_peter("saltpeter is a salt"), 0);
  EXPECT_EQ(to_peter("petersburg!"), 0);
}

TEST(Attention, TellsQuestionsFromStatements) {
  for (const char* text : {"Really?", "Is that so?!", "what time is it", "do you like beer",
                           "You know? I do not.", "how are things"}) {
    EXPECT_TRUE(is_question(text)) << text;
  }
  for (const char* text : {"", "I know.", "see http://x.org/?q=1", "Do it."}) {
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
