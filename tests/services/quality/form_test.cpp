#include <gtest/gtest.h>

#include "services/quality/stage.h"

namespace quality::test {
namespace {

using contracts::FindingCode;
using contracts::Severity;

class Form : public ::testing::Test {
 protected:
  contracts::Assessment assess(const contracts::AssessRequest& request) const {
    return reviewer_.assess(request).value();
  }
  std::optional<Severity> severity(const contracts::AssessRequest& request,
                                   FindingCode code) const {
    const auto finding = found(assess(request), code);
    return finding ? std::optional(finding->severity) : std::nullopt;
  }

 private:
  const FixedCast cast_{shipped_cast()};
  const Reviewer reviewer_{{}, cast_};
};

TEST_F(Form, ALineWithoutWordsIsEmpty) {
  EXPECT_EQ(severity(draft("peter", ""), FindingCode::Empty), Severity::Critical);
  EXPECT_EQ(severity(draft("peter", " \n\t "), FindingCode::Empty), Severity::Critical);
  EXPECT_EQ(severity(draft("peter", "..."), FindingCode::Empty), Severity::Critical);
  EXPECT_EQ(severity(draft("peter", "\xF0\x9F\x8D\xBA\xF0\x9F\x8D\xBA"), FindingCode::Empty),
            Severity::Major);
  EXPECT_EQ(severity(draft("peter", "Hey!"), FindingCode::Empty), std::nullopt);
}

TEST_F(Form, TheSpeakersNameAloneIsEmptyAndAnothersIsAnAnswer) {
  for (const char* line : {"Peter", "Peter:", "**Peter Griffin**", "*...*"}) {
    EXPECT_EQ(severity(draft("peter", line), FindingCode::Empty), Severity::Critical) << line;
  }
  EXPECT_EQ(severity(draft("peter", "Brian!", {"who ate it?"}), FindingCode::Empty), std::nullopt);
  EXPECT_EQ(severity(draft("peter", "Peter did it!"), FindingCode::Empty), std::nullopt);
}

TEST_F(Form, LengthIsJudgedInThreeSteps) {
  EXPECT_EQ(severity(draft("peter", "Hey hey, look who it is!"), FindingCode::TooLong),
            std::nullopt);
  // Many short sentences are no wall of text.
  EXPECT_EQ(
      severity(draft("peter", "One. Two. Three. Four. Five. Six. Seven."), FindingCode::TooLong),
      std::nullopt);
  EXPECT_EQ(severity(draft("peter", std::string(650, 'a')), FindingCode::TooLong), std::nullopt);
  EXPECT_EQ(severity(draft("peter", std::string(651, 'a')), FindingCode::TooLong), Severity::Minor);
  EXPECT_EQ(severity(draft("peter", std::string(850, 'a')), FindingCode::TooLong), Severity::Minor);
  EXPECT_EQ(severity(draft("peter", std::string(1200, 'a')), FindingCode::TooLong),
            Severity::Major);
  EXPECT_EQ(severity(draft("peter", std::string(2000, 'a')), FindingCode::TooLong),
            Severity::Major);
  EXPECT_EQ(severity(draft("peter", std::string(2001, 'a')), FindingCode::TooLong),
            Severity::Critical);
}

TEST_F(Form, LengthIsCountedInCodePoints) {
  std::string line;
  for (int i = 0; i < 2000; ++i) line += "\xC3\xA9";
  EXPECT_EQ(severity(draft("peter", line), FindingCode::TooLong), Severity::Major);
}

TEST_F(Form, AnotherCharactersNameAtALineStartIsSpeakingForHim) {
  for (const char* line :
       {"Brian: I am a dog.", "Hey!\nBrian: Hello.", "**Stewie:** Blast!", "Brian (sighing): No.",
        "<Brian> No.", "Hey!\nBrian - No.", "*Brian rolls his eyes*",
        "Beer is great. Brian: No, it is not.", "User: what is beer?", "[Brian]: Frankly, no."}) {
    EXPECT_EQ(severity(draft("peter", line), FindingCode::SpeaksForOthers), Severity::Critical)
        << line;
  }
  EXPECT_EQ(
      severity(draft("peter", "anna: I like beer", {"anna: hello"}), FindingCode::SpeaksForOthers),
      Severity::Critical);
}

TEST_F(Form, AScriptOfStrangersIsSpeakingForOthers) {
  EXPECT_EQ(severity(draft("peter", "Tom: Hi.\nJerry: Hello."), FindingCode::SpeaksForOthers),
            Severity::Critical);
  EXPECT_EQ(
      severity(draft("peter", "PETER\nPipe down!\n\nSTEWIE\nNever!"), FindingCode::SpeaksForOthers),
      Severity::Critical);
}

TEST_F(Form, WordsPutIntoSomebodysMouthAreSpeakingForHim) {
  for (const char* line :
       {"And then anna says, \"you win, Peter,\" and we eat!",
        "Brian jumps on the table and shouts: \"Mine!\"", "anna's like, \"no way!\""}) {
    EXPECT_EQ(severity(draft("peter", line, {"anna: hello"}), FindingCode::SpeaksForOthers),
              Severity::Critical)
        << line;
  }
  for (const char* line : {"She said \"Peter, we live on a hill,\" dude.", "anna says hi, dude!",
                           "I yell \"beer\" and Brian comes!", "*hands Brian a beer*"}) {
    EXPECT_EQ(severity(draft("peter", line, {"anna: hello"}), FindingCode::SpeaksForOthers),
              std::nullopt)
        << line;
  }
}

TEST_F(Form, AListIsNoScript) {
  EXPECT_EQ(severity(draft("peter", "I need stuff!\n- Food: wings\n- Drinks: beer"),
                     FindingCode::SpeaksForOthers),
            std::nullopt);
}

TEST_F(Form, TheOwnNameInFrontIsAMinorFault) {
  EXPECT_EQ(severity(draft("peter", "Peter: Holy crap, hi!"), FindingCode::SpeaksForOthers),
            Severity::Minor);
}

TEST_F(Form, NamesInsideALineAreFine) {
  for (const char* line :
       {"Two words, Brian: shut up!", "Hey Brian, what is that?", "Here is my plan: we eat.",
        "Look at http://example.org, it's sweet!", "Be there at 7:30, dude!"}) {
    EXPECT_EQ(severity(draft("peter", line), FindingCode::SpeaksForOthers), std::nullopt) << line;
  }
}

TEST_F(Form, MentionsOfEverybodyAreAbuse) {
  EXPECT_EQ(severity(draft("peter", "Hey @everyone, beer!"), FindingCode::MentionAbuse),
            Severity::Critical);
  EXPECT_EQ(severity(draft("peter", "@here come on"), FindingCode::MentionAbuse),
            Severity::Critical);
  EXPECT_EQ(severity(draft("peter", "Hey <@123456>, beer!"), FindingCode::MentionAbuse),
            Severity::Major);
  EXPECT_EQ(severity(draft("peter", "Hey @a @b @c, beer!"), FindingCode::MentionAbuse),
            Severity::Major);
}

TEST_F(Form, AMentionOrTwoAndAnAddressAreNot) {
  for (const char* line : {"Hey @joe and @quagmire, beer!", "Write to peter@here.com, dude!",
                           "Hey @hereford, dude!", "Meet me @ the Clam!"}) {
    EXPECT_EQ(severity(draft("peter", line), FindingCode::MentionAbuse), std::nullopt) << line;
  }
}

TEST_F(Form, SayingWhatWasJustSaidIsARepetition) {
  EXPECT_EQ(severity(draft("peter", "holy crap -- i love BEER!", {"Holy crap, I love beer."}),
                     FindingCode::Repetition),
            Severity::Critical);
  EXPECT_EQ(severity(draft("peter", "Holy crap, I really love that cold beer so much today!",
                           {"peter: Holy crap, I really love that cold beer so very much today!"}),
                     FindingCode::Repetition),
            Severity::Major);
}

TEST_F(Form, ALineOlderThanTwentyLinesMayBeSaidAgain) {
  std::vector<std::string> lines{"peter: Holy crap, I love beer."};
  for (int i = 0; i < 20; ++i) lines.push_back("something else number " + std::to_string(i));
  EXPECT_EQ(severity(draft("peter", "Holy crap, I love beer.", lines), FindingCode::Repetition),
            std::nullopt);
  lines.pop_back();
  EXPECT_EQ(severity(draft("peter", "Holy crap, I love beer.", lines), FindingCode::Repetition),
            Severity::Critical);
}

TEST_F(Form, AGreetingMayBeReturned) {
  EXPECT_EQ(severity(draft("peter", "Hey!", {"hey"}), FindingCode::Repetition), std::nullopt);
}

TEST_F(Form, TheSameInOtherWordsIsARepetition) {
  EXPECT_EQ(severity(draft("brian", "Black coffee, from the press that nobody else may touch.",
                           {"coffee or tea?",
                            "brian: Coffee, black, and from a press that nobody else is to touch.",
                            "and in the evening?"}),
                     FindingCode::Repetition),
            Severity::Major);
  EXPECT_EQ(severity(draft("brian", "A martini, since the coffee would keep me awake.",
                           {"coffee or tea?",
                            "brian: Coffee, black, and from a press that nobody else is to touch.",
                            "and in the evening?"}),
                     FindingCode::Repetition),
            std::nullopt);
}

TEST_F(Form, TakingUpAQuestionIsAnAnswer) {
  EXPECT_EQ(severity(draft("peter", "Pizza and beer on Friday? Every single week, dude!",
                           {"anna: do you eat pizza with beer on a friday or a saturday night?"}),
                     FindingCode::Repetition),
            std::nullopt);
}

TEST_F(Form, ALineThatLoopsIsARepetition) {
  EXPECT_EQ(severity(draft("peter", "I love cold beer. Dude! I love cold beer."),
                     FindingCode::Repetition),
            Severity::Major);
  EXPECT_EQ(severity(draft("stewie", "Blast! Blast! Blast! Blast! Blast! Blast!"),
                     FindingCode::Repetition),
            Severity::Major);
  EXPECT_EQ(severity(draft("peter", "No no no! Not the couch!"), FindingCode::Repetition),
            std::nullopt);
  std::string loop;
  for (int i = 0; i < 10; ++i) loop += "beer is good and ";
  EXPECT_EQ(severity(draft("peter", loop), FindingCode::Repetition), Severity::Major);
  EXPECT_EQ(severity(draft("peter", "Beer is good. Pizza is better. Wings are best!"),
                     FindingCode::Repetition),
            std::nullopt);
}

}  // namespace
}  // namespace quality::test
