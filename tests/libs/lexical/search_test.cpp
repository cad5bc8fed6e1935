#include "lexical/search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "lexical/expand.h"
#include "lexical/index.h"
#include "libs/lexical/oracle.h"

namespace lexical {
namespace {

// Words whose frequencies fall fast, some of which always come together.
class Corpus {
 public:
  explicit Corpus(std::uint64_t seed) : random_(seed) {}

  std::uint64_t number(std::uint64_t below) { return random_() % below; }

  std::string word() {
    // The logarithm of a uniform number: w0 in most texts, w300 in hardly any.
    const double uniform = static_cast<double>(random_() >> 11U) * 0x1.0p-53;
    return "w" + std::to_string(static_cast<int>(std::exp(uniform * 5.7)) - 1);
  }
  std::string text(std::size_t words) {
    std::string text;
    for (std::size_t i = 0; i < words; ++i) text += (number(9) == 0 ? "red fox" : word()) + " ";
    return text;
  }

 private:
  std::mt19937_64 random_;
};

// Lengths are not measured: who scores one document at a time knows no means.
IndexOptions unmeasured() {
  IndexOptions options;
  options.measures_lengths = false;
  return options;
}

struct Pair {
  Pair() : index(Index::in_memory(unmeasured())), oracle(Bm25{}) {}

  void add(std::uint64_t id, const std::string& title, const std::string& body) {
    ASSERT_TRUE(index->add(id, title, body).ok());
    oracle.add(id, title, body);
  }
  void remove(std::uint64_t id) {
    index->remove(id);
    oracle.remove(id);
  }

  std::unique_ptr<Index> index;
  Oracle oracle;
};

Query random_query(Corpus& corpus, Analysis& analysis) {
  Query query;
  query.k = 1 + corpus.number(30);
  const auto weight = [&] { return static_cast<float>(1 + corpus.number(20)) / 8; };
  for (std::size_t left = 1 + corpus.number(5); left > 0; --left) {
    for (const Term& term : analysis.terms(corpus.text(1 + corpus.number(3)))) {
      query.terms.push_back(word(term, weight()));
    }
  }
  if (corpus.number(4) == 0) {
    const bool known = corpus.number(2) == 0;
    query.terms.push_back(
        phrase(analysis.terms(known ? "red fox" : corpus.word() + " " + corpus.word()), weight()));
  }
  if (corpus.number(4) == 0) query.terms.push_back(prefix("w1" + std::to_string(corpus.number(9))));
  if (corpus.number(5) == 0) query.terms[corpus.number(query.terms.size())].required = true;
  return query;
}

Filter random_filter(Corpus& corpus, std::uint64_t ids) {
  const std::uint64_t one_in = 1 + corpus.number(60);
  switch (corpus.number(3)) {
    case 0: {
      std::vector<std::uint64_t> some;
      for (std::uint64_t id = 0; id < ids; ++id) {
        if (corpus.number(one_in) == 0) some.push_back(id);
      }
      return Filter::ids(some);
    }
    case 1: {
      std::vector<std::uint64_t> words(ids / 96);  // not for all ids
      for (std::uint64_t& word : words) {
        for (unsigned i = 0; i < 64; ++i) word |= std::uint64_t{corpus.number(one_in) == 0} << i;
      }
      return Filter::bits(words);
    }
    default:
      return Filter::where([one_in](std::uint64_t id) { return id * 7919 % one_in == 0; });
  }
}

void expect_equal(const Pair& pair, Corpus& corpus, std::uint64_t ids, int queries) {
  Analysis analysis;
  const auto snapshot = pair.index->snapshot();
  for (int i = 0; i < queries; ++i) {
    Query query = random_query(corpus, analysis);
    const Filter filter = random_filter(corpus, ids);
    if (corpus.number(2) == 0) query.filter = &filter;
    ASSERT_EQ(snapshot->search(query), pair.oracle.search(query)) << "query " << i;
  }
}

// A dead document counts for the frequencies of terms until its segment is merged: where some are
// left, the index is compared with an oracle that keeps them behind a filter.
TEST(Search, GivesWhatScoringEveryDocumentGives) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Corpus corpus(seed);
    Pair pair;
    const std::uint64_t ids = 200 + 550 * (seed - 1);
    for (std::uint64_t id = 0; id < ids; ++id) {
      pair.add(id, corpus.text(corpus.number(6)), corpus.text(corpus.number(40)));
      if (corpus.number(200) != 0) continue;
      ASSERT_TRUE(pair.index->commit().ok());
    }
    ASSERT_TRUE(pair.index->commit().ok());
    expect_equal(pair, corpus, ids, 20);
  }
}

TEST(Search, StaysRightThroughReplacingRemovingAndMerging) {
  Corpus corpus(11);
  Pair pair;
  constexpr std::uint64_t kIds = 900;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 120; ++i) {
      const std::uint64_t id = corpus.number(kIds);
      if (corpus.number(4) == 0) {
        pair.remove(id);
      } else {
        pair.add(id, corpus.text(corpus.number(4)), corpus.text(corpus.number(30)));
      }
    }
    ASSERT_TRUE(pair.index->commit().ok());
    if (round % 3 != 2) continue;
    ASSERT_TRUE(pair.index->merge_all().ok());
    ASSERT_TRUE(pair.index->commit().ok());
    EXPECT_EQ(pair.index->snapshot()->documents(), pair.oracle.size());
    EXPECT_EQ(pair.index->snapshot()->parts().size(), 1U);
    expect_equal(pair, corpus, kIds, 20);
  }
}

TEST(Search, NeverFindsTheDeletedAndRanksTheRestAsAFilterWould) {
  Corpus corpus(21);
  Pair pair;
  constexpr std::uint64_t kIds = 1100;
  for (std::uint64_t id = 0; id < kIds; ++id) pair.add(id, "", corpus.text(20));
  ASSERT_TRUE(pair.index->commit().ok());
  std::vector<std::uint64_t> left;
  for (std::uint64_t id = 0; id < kIds; ++id) {
    if (corpus.number(3) == 0) {
      left.push_back(id);
    } else {
      pair.index->remove(id);
    }
  }
  ASSERT_TRUE(pair.index->commit().ok());
  const Filter filter = Filter::ids(left);
  Analysis analysis;
  for (int i = 0; i < 20; ++i) {
    Query query = random_query(corpus, analysis);
    const std::vector<Hit> hits = pair.index->snapshot()->search(query);
    query.filter = &filter;
    ASSERT_EQ(hits, pair.oracle.search(query));
  }
}

// Scores every posting of every list: as slow as sure, and without texts.
std::vector<Hit> score_all(const Snapshot& snapshot, const Query& query, std::uint64_t filed) {
  Resolver resolver(snapshot.parts());
  std::vector<ResolvedTerm> terms;
  std::vector<Contributions> worth;
  for (const QueryTerm& term : query.terms) {
    terms.push_back(resolver.resolve(term));
    worth.push_back(contributions(snapshot.scoring().k1,
                                  inverse_document_frequency(filed, terms.back().documents),
                                  term.weight));
  }
  std::vector<Hit> hits;
  for (std::size_t number = 0; number < snapshot.parts().size(); ++number) {
    const Part& part = snapshot.parts()[number];
    std::vector<std::uint32_t> sums(part.segment->documents());
    std::vector<std::uint32_t> missing(part.segment->documents());
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const std::uint32_t required = query.terms[i].required ? 1 : 0;
      if (required == 1) {
        for (std::uint32_t& count : missing) ++count;
      }
      Cursor cursor(terms[i].lists[number]);
      for (auto slot = cursor.seek(0); slot != Cursor::kEnd; slot = cursor.advance()) {
        sums[slot] += worth[i][cursor.code()];
        missing[slot] -= required;
      }
    }
    for (std::uint32_t slot = 0; slot < sums.size(); ++slot) {
      if (sums[slot] == 0 || missing[slot] > 0 || !(*part.alive)[slot]) continue;
      hits.push_back({part.segment->ids()[slot], sums[slot] / kScoreUnits});
    }
  }
  const auto end = hits.begin() + static_cast<std::ptrdiff_t>(std::min(hits.size(), query.k));
  std::partial_sort(hits.begin(), end, hits.end(), [](const Hit& a, const Hit& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  hits.erase(end, hits.end());
  return hits;
}

// Lists of several blocks in parts of several windows: what the pruning leaves out.
TEST(Search, SkipsNothingThatCountsInLargeParts) {
  Corpus corpus(31);
  const auto index = Index::in_memory();
  constexpr std::uint64_t kIds = 10'000;
  for (std::uint64_t i = 0; i < kIds; ++i) {
    ASSERT_TRUE(
        index->add(i * 7919 % kIds, corpus.text(corpus.number(4)), corpus.text(corpus.number(60)))
            .ok());
    if (i % 3000 != 2999) continue;
    ASSERT_TRUE(index->commit().ok());
  }
  for (int i = 0; i < 500; ++i) index->remove(corpus.number(kIds));
  ASSERT_TRUE(index->commit().ok());
  const auto snapshot = index->snapshot();
  std::uint64_t filed = 0;
  for (const Part& part : snapshot->parts()) filed += part.segment->documents();
  ASSERT_EQ(snapshot->parts().size(), 4U);
  Analysis analysis;
  for (int i = 0; i < 100; ++i) {
    Query query = random_query(corpus, analysis);
    query.k = 1 + corpus.number(40);
    ASSERT_EQ(snapshot->search(query), score_all(*snapshot, query, filed)) << "query " << i;
  }
}

TEST(Search, CountsOccurrencesOfALongTextUpToItsLimit) {
  Pair pair;
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    text += i % 4 == 0 ? "needle " : "filler" + std::to_string(i % 997) + " ";
  }
  pair.add(1, "needle", text);
  pair.add(2, "", "other");
  ASSERT_TRUE(pair.index->commit().ok());
  Analysis analysis;
  Query query;
  query.terms.push_back(word(analysis.terms("needle")[0]));
  EXPECT_EQ(pair.index->snapshot()->search(query), pair.oracle.search(query));
  // Title: 3 / (0.5 + 0.5 / 6); lead: 15; body: 127 of 5,000 / (0.4 + 0.6 * 20000 / 300).
  const double x = 3 / (0.5 + 0.5 / 6) + 15 + 127 / (0.4 + 0.6 * 20'000 / 300);
  EXPECT_NEAR(pair.index->snapshot()->explain(query, 1).value().terms[0].weight, x, x * 0.016);
}

TEST(Search, FindsAPhraseLateInALongText) {
  const auto index = Index::in_memory();
  std::string text;
  for (int i = 0; i < 70'000; ++i) text += "the dog ";
  ASSERT_TRUE(index->add(1, "", text + "the unicorn").ok());
  ASSERT_TRUE(index->commit().ok());
  Analysis analysis;
  Query query;
  query.terms.push_back(phrase(analysis.terms("the unicorn")));
  EXPECT_EQ(index->snapshot()->search(query).size(), 1U);
}

TEST(Search, APrefixStandsForItsMostFrequentWordsWhereverTheyStand) {
  const auto index = Index::in_memory();
  std::string many;
  for (int i = 0; i < 25'000; ++i) many += "conf" + std::to_string(100'000 + i) + " ";
  ASSERT_TRUE(index->add(1, "", many).ok());
  for (std::uint64_t id = 10; id < 60; ++id) ASSERT_TRUE(index->add(id, "", "config").ok());
  ASSERT_TRUE(index->commit().ok());
  Query query;
  query.k = 100;
  query.terms.push_back(prefix("conf"));
  EXPECT_EQ(index->snapshot()->search(query).size(), 51U);
}

TEST(Search, LooksForRequiredTermsFirstAndFindsNothingWhereThereAreTooMany) {
  Pair pair;
  pair.add(1, "", "alpha");
  pair.add(2, "", "alpha secret");
  ASSERT_TRUE(pair.index->commit().ok());
  const auto snapshot = pair.index->snapshot();
  Analysis analysis;
  Query query;
  query.terms.assign(kQueryTermsMax, word(analysis.terms("alpha")[0]));
  query.terms.push_back(word(analysis.terms("secret")[0]));
  EXPECT_EQ(snapshot->search(query).size(), 2U);
  query.terms.back().required = true;
  const std::vector<Hit> hits = snapshot->search(query);
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].id, 2U);
  for (QueryTerm& term : query.terms) term.required = true;
  EXPECT_TRUE(snapshot->search(query).empty());
}

TEST(Search, LimitsPrefixesAndPhrases) {
  Pair pair;
  pair.add(1, "", "alpha beta");
  pair.add(2, "", "gamma delta");
  ASSERT_TRUE(pair.index->commit().ok());
  const auto snapshot = pair.index->snapshot();
  Analysis analysis;
  Query query;
  query.terms.assign(kQueryPrefixesMax, prefix("alp"));
  query.terms.push_back(prefix("gam"));
  EXPECT_EQ(snapshot->search(query).size(), 1U);
  query.terms.back().required = true;
  EXPECT_EQ(snapshot->search(query).size(), 1U);
  query.terms.assign(kQueryPhrasesMax, phrase(analysis.terms("alpha beta")));
  query.terms.push_back(phrase(analysis.terms("gamma delta")));
  EXPECT_EQ(snapshot->search(query).size(), 1U);
  query.terms.push_back(word(analysis.terms("delta")[0]));
  EXPECT_EQ(snapshot->search(query).size(), 2U);
}

TEST(Search, EqualScoresComeByTheSmallerId) {
  Pair pair;
  for (const std::uint64_t id : {9, 4, 7, 1, 8, 3}) {
    pair.add(id, "", "same words");
    ASSERT_TRUE(pair.index->commit().ok());
  }
  Analysis analysis;
  Query query;
  query.k = 4;
  for (const Term& term : analysis.terms("same")) query.terms.push_back(word(term));
  std::vector<std::uint64_t> ids;
  for (const Hit& hit : pair.index->snapshot()->search(query)) ids.push_back(hit.id);
  EXPECT_EQ(ids, (std::vector<std::uint64_t>{1, 3, 4, 7}));
}

TEST(Search, ExplainsAScoreTermByTerm) {
  Pair pair;
  pair.add(1, "coffee", "a cup of coffee");
  pair.add(2, "tea", "a cup of tea");
  pair.add(3, "water", "nothing else");
  ASSERT_TRUE(pair.index->commit().ok());
  Analysis analysis;
  Query query;
  for (const Term& term : analysis.terms("coffee cup")) {
    if (term.kind == TermKind::Exact) query.terms.push_back(word(term, 2));
  }
  const auto snapshot = pair.index->snapshot();
  const Explanation explained = snapshot->explain(query, 1).value();
  ASSERT_EQ(explained.terms.size(), 2U);
  EXPECT_EQ(explained.terms[0].text, "coffee");
  EXPECT_EQ(explained.terms[0].documents, 1U);
  EXPECT_EQ(explained.terms[1].documents, 2U);
  EXPECT_NEAR(explained.terms[0].idf, std::log(1 + 2.5 / 1.5), 1e-9);
  // Title: 3 / (0.5 + 0.5 / 6); lead: 1; body: 1 / (0.4 + 0.6 * 4 / 300). A byte is 1.6 % true.
  const double x = 3 / (0.5 + 0.5 / 6) + 1 + 1 / (0.4 + 0.6 * 4 / 300);
  EXPECT_NEAR(explained.terms[0].weight, x, x * 0.016);
  EXPECT_NEAR(explained.terms[0].score, 2 * std::log(1 + 2.5 / 1.5) * x * 2.2 / (x + 1.2), 0.01);
  EXPECT_EQ(explained.score, explained.terms[0].score + explained.terms[1].score);
  EXPECT_EQ(snapshot->search(query)[0], (Hit{1, explained.score}));
  EXPECT_EQ(snapshot->explain(query, 3).value().score, 0);
  EXPECT_EQ(snapshot->explain(query, 4).error().code, Code::NotFound);
}

TEST(Search, AnEmptyFieldAddsNothingEvenWhereItsLengthIsAllThatCounts) {
  IndexOptions options;
  options.measures_lengths = false;
  for (FieldScoring& field : options.scoring.fields) field.b = 1;
  const auto index = Index::in_memory(options);
  ASSERT_TRUE(index->add(1, "", "word and many others that make it long").ok());
  ASSERT_TRUE(index->add(2, "word", "").ok());
  ASSERT_TRUE(index->commit().ok());
  Analysis analysis;
  Query query;
  query.terms.push_back(word(analysis.terms("word")[0]));
  const auto snapshot = index->snapshot();
  const double title = snapshot->explain(query, 2).value().terms[0].weight;
  EXPECT_NEAR(title, 3 / (1.0 / 6), title * 0.016);
  const double body = snapshot->explain(query, 1).value().terms[0].weight;
  EXPECT_NEAR(body, weight_of(255), 0.01);  // 8 words of an ordinary 300: cut at the greatest
}

TEST(Search, APhraseDoesNotReachFromTheTitleIntoTheBody) {
  Pair pair;
  pair.add(1, "the red", "fox ran");
  pair.add(2, "a story", "the red fox ran");
  pair.add(3, "a story", "the fox red ran");
  pair.add(4, "a story", "red as a fox");
  ASSERT_TRUE(pair.index->commit().ok());
  Analysis analysis;
  Query query;
  query.terms.push_back(phrase(analysis.terms("red fox")));
  const std::vector<Hit> hits = pair.index->snapshot()->search(query);
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].id, 2U);
}

TEST(Search, APrefixFindsTheWordsThatBeginWithIt) {
  Pair pair;
  pair.add(1, "", "configuration of the server");
  pair.add(2, "", "to configure it");
  pair.add(3, "", "a conference");
  ASSERT_TRUE(pair.index->commit().ok());
  Query query;
  query.terms.push_back(prefix("confi"));
  std::set<std::uint64_t> ids;
  for (const Hit& hit : pair.index->snapshot()->search(query)) ids.insert(hit.id);
  EXPECT_EQ(ids, (std::set<std::uint64_t>{1, 2}));
  query.terms[0] = prefix("configz");
  EXPECT_TRUE(pair.index->snapshot()->search(query).empty());
}

TEST(Search, LimitsTermsAndHits) {
  Pair pair;
  for (std::uint64_t id = 0; id < kHitsMax + 5; ++id) pair.add(id, "", "word");
  pair.add(5000, "", "last");
  ASSERT_TRUE(pair.index->commit().ok());
  Analysis analysis;
  const QueryTerm common = word(analysis.terms("word")[0], 1000);
  Query query;
  query.k = kHitsMax + 5;
  query.terms.assign(kQueryTermsMax, common);
  query.terms.push_back(word(analysis.terms("last")[0]));
  EXPECT_EQ(pair.index->snapshot()->search(query).size(), kHitsMax);
  const Explanation explained = pair.index->snapshot()->explain(query, 5000).value();
  EXPECT_EQ(explained.terms.size(), kQueryTermsMax);
  query.k = 0;
  EXPECT_TRUE(pair.index->snapshot()->search(query).empty());
  EXPECT_TRUE(pair.index->snapshot()->search({}).empty());
  EXPECT_TRUE(Index::in_memory()->snapshot()->search(query).empty());
}

TEST(Search, CountsTheWordsOfItsVocabulary) {
  Pair pair;
  pair.add(1, "", "apple pear");
  ASSERT_TRUE(pair.index->commit().ok());
  pair.add(2, "", "apple plum");
  ASSERT_TRUE(pair.index->commit().ok());
  std::map<std::string, std::uint64_t> counts;
  for (const WordCount& count : pair.index->snapshot()->words()) {
    counts[count.word] = count.documents;
  }
  EXPECT_EQ(counts, (std::map<std::string, std::uint64_t>{{"apple", 2}, {"pear", 1}, {"plum", 1}}));
}

}  // namespace
}  // namespace lexical
