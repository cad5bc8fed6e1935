#include "lexical/question.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lexical/index.h"

namespace lexical {
namespace {

// A collection of a few documents with what is needed to repair questions by it.
class Collection {
 public:
  explicit Collection(const std::vector<std::string>& bodies) : index_(Index::in_memory()) {
    std::uint64_t id = 0;
    for (const std::string& body : bodies) EXPECT_TRUE(index_->add(id++, "", body).ok());
    EXPECT_TRUE(index_->commit().ok());
    snapshot_ = index_->snapshot();
    words_ = snapshot_->words();
    std::vector<std::pair<std::string_view, std::uint64_t>> counts;
    for (const WordCount& word : words_) counts.emplace_back(word.word, word.documents);
    spelling_ = std::make_unique<Spelling>(counts, SpellingOptions{.known_documents = 1});
  }

  Question ask(std::string_view text, const QuestionOptions& options = {}) const {
    Analysis analysis;
    const Known known{*spelling_, *snapshot_};
    return understand(text, analysis, &known, options);
  }

 private:
  std::unique_ptr<Index> index_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<WordCount> words_;
  std::unique_ptr<Spelling> spelling_;
};

std::map<std::string, float> weights(const Question& question, TermKind kind) {
  std::map<std::string, float> all;
  for (const QueryTerm& term : question.terms) {
    if (term.kind == kind) all[term.text] = term.weight;
  }
  return all;
}

using Weights = std::map<std::string, float>;
constexpr QuestionOptions kPlain{
    .exact = 1, .stem = 0.5F, .pair = 0.25F, .stopword = 0.125F, .original = 0.5F};

TEST(Question, AsksForWordsTheirStemsAndTheirNeighbours) {
  Analysis analysis;
  const Question question = understand("the running dogs", analysis, nullptr, kPlain);
  EXPECT_EQ(question.text, "the running dogs");
  EXPECT_EQ(weights(question, TermKind::Exact),
            (Weights{{"the", 0.125F}, {"running", 1}, {"dogs", 1}}));
  EXPECT_EQ(weights(question, TermKind::Stem),
            (Weights{{"the", 0.0625F}, {"run", 0.5F}, {"dog", 0.5F}}));
  EXPECT_EQ(weights(question, TermKind::Pair), (Weights{{"run dog", 0.25F}}));
}

TEST(Question, TakesWordsWithoutATopicInEarnestWhereThereAreNoOthers) {
  Analysis analysis;
  EXPECT_EQ(weights(understand("to be or not", analysis, nullptr, kPlain), TermKind::Exact),
            (Weights{{"to", 1}, {"be", 1}, {"or", 1}, {"not", 1}}));
}

TEST(Question, AsksForEachTermOnce) {
  Analysis analysis;
  EXPECT_EQ(understand("log log log", analysis, nullptr, kPlain).terms.size(), 3U);
  EXPECT_TRUE(understand("", analysis).terms.empty());
  EXPECT_TRUE(understand(" ?! ", analysis).terms.empty());
}

TEST(Question, DropsWhatTellsLeastBeyondItsLimit) {
  Analysis analysis;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "word" + std::to_string(i) + " the ";
  const Question question = understand(text, analysis, nullptr, kPlain);
  ASSERT_EQ(question.terms.size(), kQueryTermsMax);
  for (const QueryTerm& term : question.terms) EXPECT_EQ(term.kind, TermKind::Exact);
}

TEST(Question, RepairsAnUnknownWordAndSaysSo) {
  const Collection collection({"the configuration of replication", "another configuration"});
  const Question question = collection.ask("Configuratoin, of replication!", kPlain);
  EXPECT_EQ(question.text, "configuration, of replication!");
  ASSERT_EQ(question.repairs.size(), 1U);
  EXPECT_EQ(question.repairs[0].word, "configuratoin");
  EXPECT_EQ(question.repairs[0].meant, "configuration");
  EXPECT_EQ(weights(question, TermKind::Exact),
            (Weights{{"configuration", 1}, {"of", 0.125F}, {"replication", 1}}));
  EXPECT_EQ(weights(question, TermKind::Pair).count("configur replic"), 1U);
}

TEST(Question, RepairsAPartOfAnIdentifier) {
  const Collection collection({"set max_connections here"});
  EXPECT_EQ(collection.ask("max_conections").text, "max_connections");
}

TEST(Question, ChoosesAmongRepairsByTheNeighbours) {
  const Collection collection({"parallel plans are made", "parallel plans again", "you shall pass",
                               "a pass", "one more pass", "pass and pass by", "plans"});
  EXPECT_EQ(collection.ask("parallel plass").text, "parallel plans");
  EXPECT_EQ(collection.ask("plass shall").text, "pass shall");
  // The other one is asked for as well, by its share.
  const Weights exact = weights(collection.ask("parallel plass", kPlain), TermKind::Exact);
  ASSERT_EQ(exact.count("pass"), 1U);
  EXPECT_LT(exact.at("pass"), 0.5F);
}

TEST(Question, PartsTwoWordsWrittenAsOne) {
  const Collection collection({"package names", "the package", "some names"});
  EXPECT_EQ(collection.ask("packagenames").text, "package names");
}

TEST(Question, LeavesAloneWhatTheIndexHasThoughTheSpellingLacksIt) {
  const auto index = Index::in_memory();
  for (std::uint64_t id = 0; id < 3; ++id) ASSERT_TRUE(index->add(id, "", "troups").ok());
  ASSERT_TRUE(index->commit().ok());
  const std::vector<std::pair<std::string_view, std::uint64_t>> older{{"groups", 5000}};
  const Spelling spelling(older);
  Analysis analysis;
  const auto snapshot = index->snapshot();
  const Known known{spelling, *snapshot};
  EXPECT_EQ(understand("troups", analysis, &known).text, "troups");
  EXPECT_EQ(understand("troupz", analysis, &known).text, "troupz");  // two edits from "groups"
  EXPECT_EQ(understand("groups", analysis, &known).text, "groups");
}

TEST(Question, LeavesScriptsWithoutSpacesAlone) {
  const Collection collection({"\xE4\xB8\x8A\xE6\xB5\xB7 is a city",
                               "\xE4\xB8\xAD\xE6\x96\x87 and \xE6\x90\x9C\xE7\xB4\xA2"});
  for (const char* text :
       {"\xE4\xB8\x8B\xE6\xB5\xB7", "\xE4\xB8\xAD\xE6\x96\x87\xE6\x90\x9C\xE7\xB4\xA2"}) {
    const Question question = collection.ask(text);
    EXPECT_EQ(question.text, text);
    EXPECT_TRUE(question.repairs.empty());
  }
}

TEST(Question, KnowsAWordAsTheIndexFoldsIt) {
  const Collection collection(
      {"die gr\xC3\xB6\xC3\x9F"
       "e"});
  EXPECT_EQ(collection
                .ask("Gr\xC3\xB6\xC3\x9F"
                     "e")
                .text,
            "Gr\xC3\xB6\xC3\x9F"
            "e");
  EXPECT_TRUE(collection
                  .ask("Gr\xC3\xB6\xC3\x9F"
                       "e")
                  .repairs.empty());
}

TEST(Question, ReadsAndRepairsOnlySoMuch) {
  const Collection collection({"the configuration"});
  std::string text;
  for (std::size_t i = 0; i <= kRepairWordsMax; ++i) text += "configuratoin ";
  EXPECT_EQ(collection.ask(text).repairs.size(), kRepairWordsMax);
  const std::string accents(kQuestionBytesMax - 1, 'a');
  EXPECT_EQ(collection.ask(accents + "\xC3\xA9 more").text, accents);
}

TEST(Question, LeavesAloneWhatNothingIsLike) {
  const Collection collection({"the configuration"});
  const Question question = collection.ask("zzzzqqqq configuration");
  EXPECT_EQ(question.text, "zzzzqqqq configuration");
  EXPECT_TRUE(question.repairs.empty());
}

}  // namespace
}  // namespace lexical
