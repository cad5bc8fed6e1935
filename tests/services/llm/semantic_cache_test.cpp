#include "llm/semantic_cache.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace llm {
namespace {

Disagreement wordings_differ_in(std::string_view a, std::string_view b,
                                WordRule rule = WordRule::Agree) {
  const Disagreement one = disagreement(wording_of(a), wording_of(b), rule);
  EXPECT_EQ(one, disagreement(wording_of(b), wording_of(a), rule)) << a << " | " << b;
  return one;
}

TEST(Wording, AgreesWhereOnlyTheWayOfAskingDiffers) {
  EXPECT_EQ(wordings_differ_in("What is the height of the Eiffel tower?", "eiffel tower height"),
            Disagreement::None);
  EXPECT_EQ(wordings_differ_in("How many people live in Norway?",
                               "what's the population of norway please"),
            Disagreement::None);
  EXPECT_EQ(wordings_differ_in("Convert 10 miles to km", "10 miles in kilometres?"),
            Disagreement::None);
  EXPECT_EQ(wordings_differ_in("what is twenty percent of 60", "What's 20% of 60?"),
            Disagreement::None);
  EXPECT_EQ(wordings_differ_in("define \"obtuse\"", "what does obtuse mean?"), Disagreement::None);
  EXPECT_EQ(wordings_differ_in("a piano has how many keys", "how many keys does a piano have?"),
            Disagreement::None);
  EXPECT_EQ(wordings_differ_in("a week has how many hours", "how many hours are there in a week?"),
            Disagreement::None);
}

TEST(Wording, SeesOtherNumbers) {
  EXPECT_EQ(wordings_differ_in("What is 15% of 80?", "What is 18% of 80?"), Disagreement::Numbers);
  EXPECT_EQ(wordings_differ_in("what is 4 divided by 12", "what is 12 divided by 4"),
            Disagreement::Numbers);
  EXPECT_EQ(wordings_differ_in("the third planet", "the fourth planet"), Disagreement::Numbers);
  EXPECT_EQ(wordings_differ_in("is it 5 degrees", "is it -5 degrees"), Disagreement::Numbers);
  EXPECT_EQ(wordings_differ_in("0x1F in decimal", "0x1E in decimal"), Disagreement::Numbers);
  EXPECT_EQ(wordings_differ_in("roast a 3kg chicken", "roast a 1.5kg chicken"),
            Disagreement::Numbers);
}

TEST(Wording, SeesOtherUnitsAndTheirOrder) {
  EXPECT_EQ(wordings_differ_in("convert 10 miles to km", "convert 10 km to miles"),
            Disagreement::Units);
  EXPECT_EQ(wordings_differ_in("30 °C in fahrenheit", "30 °F in celsius"), Disagreement::Units);
  EXPECT_EQ(wordings_differ_in("what are 5 euros in pounds", "what are $5 in pounds"),
            Disagreement::Units);
}

TEST(Wording, SeesOtherQuotedTexts) {
  EXPECT_EQ(
      wordings_differ_in("Translate \"good night\" please", "Translate \"Good night\" please"),
      Disagreement::Quotes);
  EXPECT_EQ(wordings_differ_in("what does `ls -a` do", "what does `ls -A` do"),
            Disagreement::Quotes);
}

TEST(Wording, SeesOtherOperators) {
  EXPECT_EQ(wordings_differ_in("is i <= n right in this loop", "is i < n right in this loop"),
            Disagreement::Symbols);
  EXPECT_EQ(wordings_differ_in("What is 7 * (8 + 2)?", "What is 7 * 8 + 2?"),
            Disagreement::Symbols);
}

TEST(Wording, SeesSignsBeyondAscii) {
  EXPECT_EQ(wordings_differ_in("derivative of x\u00b2", "derivative of x\u00b3"),
            Disagreement::Symbols);
  EXPECT_EQ(wordings_differ_in("solve a \u2264 b", "solve a \u2265 b"), Disagreement::Symbols);
  EXPECT_EQ(
      wordings_differ_in("the caf\u00e9 \u201cRoma\u201d", "the caf\u00e9 \u201cRoma\u201d \u2013"),
      Disagreement::None);
}

TEST(Wording, SeesSignsThatBelongToNumbers) {
  EXPECT_EQ(wordings_differ_in("what is .5 of a mile", "what is 5 of a mile"),
            Disagreement::Numbers);
  EXPECT_EQ(wordings_differ_in("what is 5! in numbers", "what is 5 in numbers"),
            Disagreement::Symbols);
  EXPECT_EQ(wordings_differ_in("what is 9 - 4 in roman", "what is 9 + 4 in roman"),
            Disagreement::Symbols);
  EXPECT_EQ(wordings_differ_in("capital of norway!", "capital of norway"), Disagreement::None);
}

TEST(Wording, SeesANegation) {
  EXPECT_EQ(wordings_differ_in("Which mammals lay eggs?", "Which mammals do not lay eggs?"),
            Disagreement::Negation);
  EXPECT_EQ(wordings_differ_in("why do cats purr", "why don't cats purr"), Disagreement::Negation);
}

TEST(Wording, SeesAnotherLanguage) {
  EXPECT_EQ(wordings_differ_in("what is the capital of France and who lives in it",
                               "was ist die Hauptstadt von Frankreich und wer lebt da"),
            Disagreement::Language);
}

TEST(Wording, SeesAnotherNameOrWord) {
  EXPECT_EQ(wordings_differ_in("capital of Austria", "capital of Australia"), Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("boiling point of ethanol", "boiling point of methanol"),
            Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("lasagne recipe", "vegan lasagne recipe"), Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("when did he write to us", "when did he write to US"),
            Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("what is my name", "what is your name"), Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("is the police good", "is the policy good"), Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("explain inflation", "calculate inflation"), Disagreement::Words);
}

TEST(Wording, SeesSwappedRoles) {
  EXPECT_EQ(wordings_differ_in("how many grams are in an ounce", "how many ounces are in a gram"),
            Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("are all squares rectangles", "are all rectangles squares"),
            Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("how do I get to the hotel from the airport",
                               "how do I get to the airport from the hotel"),
            Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("convert a tuple to a list", "how do I convert a list to a tuple"),
            Disagreement::Words);
}

TEST(Wording, KnowsNothingOfTextsWithoutAWordThatSaysSomething) {
  EXPECT_EQ(wordings_differ_in("what is this?", "what does it do?"), Disagreement::Words);
  EXPECT_EQ(wordings_differ_in("", ""), Disagreement::Words);
}

TEST(Wording, LetsAModelJudgeWhatIsRestatedButNotWhatIsContrasted) {
  EXPECT_EQ(wordings_differ_in("symptoms of iron deficiency", "signs that somebody is low on iron",
                               WordRule::MayDiffer),
            Disagreement::None);
  EXPECT_EQ(wordings_differ_in("symptoms of iron deficiency", "symptoms of zinc deficiency",
                               WordRule::MayDiffer),
            Disagreement::Words);
}

TEST(Wording, ReadsAnyBytes) {
  for (const std::string& text :
       {std::string("\0\xff\xc2", 3), std::string("\""), std::string("```"), std::string("0x"),
        std::string("5."), std::string("\xC2\xB0")}) {
    (void)wordings_differ_in(text, text);
  }
}

TEST(BuiltInEmbedding, HasLengthOneAndIsNearForSharedWords) {
  const auto a = built_in_embedding("how long is the Danube");
  EXPECT_NEAR(cosine(a, a), 1.0, 1e-6);
  EXPECT_GT(cosine(a, built_in_embedding("how long is the river Danube")),
            cosine(a, built_in_embedding("who painted the Mona Lisa")));
  EXPECT_EQ(cosine(a, built_in_embedding("...")), 0.0);
}

TEST(Cosine, IsZeroForVectorsThatCannotBeCompared) {
  const std::vector<float> two{1, 0};
  const std::vector<float> three{1, 0, 0};
  const std::vector<float> broken{std::numeric_limits<float>::quiet_NaN(), 1};
  EXPECT_EQ(cosine(two, three), 0.0);
  EXPECT_EQ(cosine(two, broken), 0.0);
}

// Asks of one tenant with equal settings, at a time in milliseconds.
class SemanticCacheTest : public testing::Test {
 protected:
  static SteadyTime at(int ms) { return SteadyTime{} + Milliseconds(ms); }

  void put(std::string_view text, std::string answer, std::string_view tenant = "ann",
           std::string_view settings = "s", int expiry = 1000) {
    cache_.put({tenant, settings, text, built_in_embedding(text)}, std::move(answer), at(expiry));
  }
  std::string find(std::string_view text, std::string_view tenant = "ann",
                   std::string_view settings = "s", int now = 0) {
    const auto embedding = built_in_embedding(text);
    const auto hit = cache_.find({tenant, settings, text, embedding}, at(now));
    return hit ? hit->answer_key : std::string();
  }

  SemanticCache cache_{SemanticCacheOptions{}};
};

TEST_F(SemanticCacheTest, FindsTheSameQuestionInOtherWords) {
  put("How many people live in Norway?", "5 million");
  EXPECT_EQ(find("what's the population of norway"), "5 million");
  EXPECT_EQ(cache_.counts().hits, 1);
}

TEST_F(SemanticCacheTest, RefusesWhatIsNearButDisagrees) {
  put("What is 15% of the price of a blue bicycle?", "12");
  EXPECT_EQ(find("What is 18% of the price of a blue bicycle?"), "");
  EXPECT_EQ(cache_.counts().misses, 1);
  EXPECT_EQ(cache_.counts().refused, 1);
}

TEST_F(SemanticCacheTest, FindsATextThatSaysNothingOnlyByItself) {
  put("what does `x` do", "it does x");
  EXPECT_EQ(find("what does `x` do"), "it does x");
  EXPECT_EQ(find("what does `y` do"), "");
}

TEST_F(SemanticCacheTest, NeverAnswersAnotherTenantOrOtherSettings) {
  put("capital of Norway", "Oslo");
  EXPECT_EQ(find("capital of Norway", "bob"), "");
  EXPECT_EQ(find("capital of Norway", "ann", "other model"), "");
  EXPECT_EQ(find("capital of Norway"), "Oslo");
}

TEST_F(SemanticCacheTest, ForgetsWhatHasExpired) {
  put("capital of Norway", "Oslo", "ann", "s", 10);
  EXPECT_EQ(find("capital of Norway", "ann", "s", 9), "Oslo");
  EXPECT_EQ(find("capital of Norway", "ann", "s", 10), "");
  EXPECT_EQ(cache_.counts().entries, 0U);
  EXPECT_EQ(cache_.counts().bytes, 0U);
}

TEST_F(SemanticCacheTest, ReplacesTheAnswerToTheSameText) {
  put("capital of Norway", "Bergen");
  put("capital of Norway", "Oslo");
  EXPECT_EQ(find("capital of Norway"), "Oslo");
  EXPECT_EQ(cache_.counts().entries, 1U);
}

TEST_F(SemanticCacheTest, DropsAnEntryWhoseAnswerIsGone) {
  put("capital of Norway", "Oslo");
  cache_.forget("bob", "Oslo");
  EXPECT_EQ(find("capital of Norway"), "Oslo");
  cache_.forget("ann", "Oslo");
  EXPECT_EQ(find("capital of Norway"), "");
  EXPECT_EQ(cache_.counts().bytes, 0U);
}

TEST_F(SemanticCacheTest, GivesUpWhatATenantUsedLongestAgo) {
  cache_ = SemanticCache({.tenant_entries_max = 2});
  put("capital of Norway", "Oslo");
  put("capital of Sweden", "Stockholm");
  EXPECT_EQ(find("capital of Norway"), "Oslo");
  put("capital of Finland", "Helsinki");
  EXPECT_EQ(find("capital of Norway"), "Oslo");
  EXPECT_EQ(find("capital of Sweden"), "");
  EXPECT_EQ(cache_.counts().evictions, 1);
}

TEST_F(SemanticCacheTest, KeepsItsBytesAtTheCostOfTheTenantThatUsesTheMost) {
  cache_ = SemanticCache({.bytes_max = 20'000});
  put("capital of Norway", "Oslo", "bob");
  for (int i = 0; i < 50; ++i) put("the square of " + std::to_string(i), "n");
  EXPECT_LE(cache_.counts().bytes, 20'000U);
  EXPECT_GT(cache_.counts().evictions, 0);
  EXPECT_EQ(find("capital of Norway", "bob"), "Oslo");
}

TEST_F(SemanticCacheTest, KeepsNoTextAndNoEntryOverItsLimits) {
  const std::string text = "story of " + std::string(3000, 'a');
  put(text, "long");
  EXPECT_EQ(cache_.counts().entries, 0U);
  EXPECT_EQ(find(text), "");
  cache_ = SemanticCache({.bytes_max = 100});
  put("capital of Norway", "Oslo");
  EXPECT_EQ(cache_.counts().entries, 0U);
}

TEST_F(SemanticCacheTest, ComparesNoEmbeddingsOfDifferentModels) {
  put("capital of Norway", "Oslo");
  const std::vector<float> other{1, 0, 0};
  EXPECT_FALSE(cache_.find({"ann", "s", "capital of Norway", other}, at(0)));
}

}  // namespace
}  // namespace llm
