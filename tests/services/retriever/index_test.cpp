#include "retriever/index.h"

#include <gtest/gtest.h>

#include "services/retriever/fixture.h"

namespace retriever {
namespace {

class Searching : public WithIndex {
 protected:
  std::string add(Document document) { return index_->upsert(std::move(document)).value().id; }

  std::vector<Hit> ask(std::string text, std::vector<std::string> collections = {},
                       std::string filters = "") {
    Query query;
    query.text = std::move(text);
    query.collections = std::move(collections);
    query.filters = std::move(filters);
    return index_->query(query).value().hits;
  }

  static std::vector<std::string> documents(const std::vector<Hit>& hits) {
    std::vector<std::string> ids;
    for (const Hit& hit : hits) ids.push_back(hit.document_id);
    return ids;
  }

  static Document document(std::string id, std::string content, std::string collection = "town") {
    Document made;
    made.id = std::move(id);
    made.content = std::move(content);
    made.collection = std::move(collection);
    return made;
  }
};

using Ids = std::vector<std::string>;

TEST_F(Searching, FindsAFactAndSaysWhereItStands) {
  Document town =
      document("quahog", "# The Clam\nThe bar is owned by Horace.\n\n# School\nClosed.\n");
  town.title = "Quahog";
  town.uri = "file:quahog.md";
  town.metadata = R"({"lang":"en"})";
  add(town);
  add(document("other", "Brian drives a Prius."));

  const auto hits = ask("Who's the owner of the clam bar?");
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].id, "quahog#0");
  EXPECT_EQ(hits[0].document_id, "quahog");
  EXPECT_EQ(hits[0].collection, "town");
  EXPECT_EQ(hits[0].title, "Quahog > The Clam");
  EXPECT_EQ(hits[0].uri, "file:quahog.md");
  EXPECT_EQ(hits[0].text, "The bar is owned by Horace.");
  EXPECT_EQ(town.content.substr(hits[0].start, hits[0].end - hits[0].start), hits[0].text);
  EXPECT_EQ(hits[0].metadata, R"({"lang":"en"})");
  EXPECT_GT(hits[0].score, 0);
}

TEST_F(Searching, PutsTheBetterMatchFirst) {
  add(document("weak", "A dog walked by the old brewery and nothing else happened that day."));
  add(document("strong", "The dog Brian writes a novel."));
  add(document("none", "Stewie builds a time machine."));
  const auto hits = ask("the dog that writes novels");
  EXPECT_EQ(documents(hits), (Ids{"strong", "weak"}));
  EXPECT_GT(hits[0].score, hits[1].score);
}

TEST_F(Searching, MatchesStemsAccentsAndNamesWithApostrophes) {
  add(document("cafe", "The caf\xC3\xA9 serves O'Brien's famous pies."));
  for (const char* text : {"cafes", "CAF\xC3\x89", "served", "serving", "O'Brien"}) {
    EXPECT_EQ(documents(ask(text)), (Ids{"cafe"})) << text;
  }
}

TEST_F(Searching, GivesAtMostTopK) {
  for (int i = 0; i < 5; ++i) add(document("d" + std::to_string(i), "A chicken fight."));
  Query query;
  query.text = "chicken";
  query.top_k = 3;
  EXPECT_EQ(index_->query(query).value().hits.size(), 3U);
  query.top_k = 0;
  EXPECT_EQ(index_->query(query).error().code, Code::InvalidArgument);
  query.top_k = 51;
  EXPECT_EQ(index_->query(query).error().code, Code::InvalidArgument);
}

TEST_F(Searching, FiltersByCollection) {
  add(document("a", "The chicken fights.", "one"));
  add(document("b", "The chicken fights.", "two"));
  add(document("c", "The chicken fights.", "it's \"three\""));
  EXPECT_EQ(documents(ask("chicken", {"two"})), (Ids{"b"}));
  EXPECT_EQ(documents(ask("chicken", {"one", "it's \"three\""})), (Ids{"a", "c"}));
  EXPECT_TRUE(ask("chicken", {"four"}).empty());
}

TEST_F(Searching, FiltersByMetadata) {
  const auto with = [&](const char* id, const char* metadata) {
    Document made = document(id, "The chicken fights.");
    made.metadata = metadata;
    add(made);
  };
  with("a", R"({"season":4,"canon":true,"who":"peter"})");
  with("b", R"({"season":4.0,"canon":1,"a.b":"x","$.":"y"})");
  with("c", R"({"season":"4","who":null})");
  const auto found = [&](const char* filters) { return documents(ask("chicken", {}, filters)); };
  EXPECT_EQ(found(R"({"season":4})"), (Ids{"a", "b"}));
  EXPECT_EQ(found(R"({"season":"4"})"), (Ids{"c"}));
  EXPECT_EQ(found(R"({"canon":true})"), (Ids{"a"}));
  EXPECT_EQ(found(R"({"season":4,"who":"peter"})"), (Ids{"a"}));
  EXPECT_EQ(found(R"({"who":null})"), (Ids{"c"}));
  EXPECT_EQ(found(R"({"a.b":"x","$.":"y"})"), (Ids{"b"}));
  EXPECT_TRUE(found(R"({"who":"x' OR 1=1 --"})").empty());
  EXPECT_EQ(found("{}").size(), 3U);
}

TEST_F(Searching, RefusesMetadataAndFiltersThatAreNoObject) {
  Document made = document("a", "Text.");
  for (const char* wrong : {"", "nonsense", "[1]", "{\"a\":"}) {
    made.metadata = wrong;
    EXPECT_EQ(index_->upsert(made).error().code, Code::InvalidArgument) << wrong;
  }
  Query query;
  query.text = "chicken";
  query.filters = "[1]";
  EXPECT_EQ(index_->query(query).error().code, Code::InvalidArgument);
}

TEST_F(Searching, ReplacesADocumentWithoutLeavingOldChunks) {
  add(document("a", "# One\nThe chicken fights.\n# Two\nThe evil monkey points.\n"));
  add(document("a", "Only a giraffe."));
  EXPECT_TRUE(ask("chicken monkey").empty());
  EXPECT_EQ(ask("giraffe").size(), 1U);
  EXPECT_EQ(index_->stats().value().documents, 1U);
  EXPECT_EQ(index_->stats().value().chunks, 1U);
}

TEST_F(Searching, ReplacesTheDocumentOfTheSameSource) {
  Document page = document("", "The chicken fights.");
  page.source_type = "web";
  page.source_id = "http://example.org/";
  const std::string first = add(page);
  page.content = "The giraffe waits.";
  EXPECT_EQ(add(page), first);
  page.source_type = "file";
  EXPECT_NE(add(page), first);
  EXPECT_TRUE(ask("chicken").empty());
  EXPECT_EQ(ask("giraffe").size(), 2U);
}

TEST_F(Searching, MakesANewIdForADocumentWithoutIdAndSource) {
  EXPECT_NE(add(document("", "The chicken fights.")), add(document("", "The chicken fights.")));
}

TEST_F(Searching, LeavesAnUnchangedDocumentAlone) {
  const auto first = index_->upsert(document("a", "The chicken fights.")).value();
  EXPECT_FALSE(first.unchanged);
  const std::int64_t generation = index_->generation();
  const auto again = index_->upsert(document("a", "The chicken fights.")).value();
  EXPECT_TRUE(again.unchanged);
  EXPECT_EQ(again.chunks, 1U);
  EXPECT_EQ(index_->generation(), generation);
  EXPECT_FALSE(index_->upsert(document("a", "The chicken fights.", "other")).value().unchanged);
}

TEST_F(Searching, RemovesADocument) {
  add(document("a", "The chicken fights."));
  EXPECT_TRUE(index_->remove("a").value());
  EXPECT_FALSE(index_->remove("a").value());
  EXPECT_TRUE(ask("chicken").empty());
  EXPECT_EQ(index_->stats().value().documents, 0U);
}

TEST_F(Searching, RefusesTooLargeAndEmptyContent) {
  EXPECT_EQ(index_->upsert(document("a", std::string(512 * 1024 + 1, 'a'))).error().code,
            Code::TooLarge);
  EXPECT_EQ(index_->upsert(document("a", " \n ")).error().code, Code::InvalidArgument);
  EXPECT_EQ(index_->stats().value().documents, 0U);
}

TEST_F(Searching, RepairsContentThatIsNotUtf8) {
  add(document("a", "The chicken \xFF fights."));
  EXPECT_EQ(ask("chicken")[0].text, "The chicken \xEF\xBF\xBD fights.");
}

TEST_F(Searching, TakesHostileQueriesAsWords) {
  add(document("a", "The chicken fights near the brewery."));
  const std::string junk(3900, '"');
  for (const std::string& text : std::vector<std::string>{
           "\"chicken", "chicken\"", "chicken NEAR(fights, 2)", "chick* chicken", "title:chicken",
           "chicken AND NOT fights", "-chicken ^chicken +chicken", "chicken' OR '1'='1",
           std::string("a\0chicken\0", 10), "\xF0\x9F\x90\x94 chicken \xF0\x9F\x90\x94",
           "chicken \xFF\xC3", "(((((chicken", "chicken;DROP TABLE documents", junk + " chicken"}) {
    EXPECT_EQ(ask(text).size(), 1U) << text;
  }
}

TEST_F(Searching, FindsNothingForTextsWithoutContentWords) {
  add(document("a", "Who are you? What is it? NEAR \xF0\x9F\x90\x94 * AND"));
  for (const std::string& text : std::vector<std::string>{
           "", " ", "who are you", "\"\"", "***", "\xF0\x9F\x90\x94\xF0\x9F\x90\x94", "^:-{}()",
           std::string(4096, 'x'), std::string(4096, '*'), std::string(16, '\0')}) {
    EXPECT_TRUE(ask(text).empty()) << text.size();
  }
}

TEST_F(Searching, SearchesForAtMost32DifferentWords) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "word" + std::to_string(i) + " ";
  const std::string expression = match_expression("fights fighting " + text);
  EXPECT_TRUE(expression.starts_with("\"fights\" OR \"word0\" OR "));
  EXPECT_NE(expression.find(" OR \"word30\""), std::string::npos);
  EXPECT_EQ(expression.find("\"word31\""), std::string::npos);
}

TEST_F(Searching, FindsWhatIsToldInOtherWordsThanItIsAsked) {
  add(document("age", "Peter is 44 years old."));
  add(document("machine", "Stewie built it in the closet."));
  EXPECT_EQ(documents(ask("what is your age")), (Ids{"age"}));
  EXPECT_EQ(documents(ask("what are you building")), (Ids{"machine"}));
  const std::string expression = match_expression("building a home");
  EXPECT_TRUE(expression.starts_with(R"("building" OR "home" OR "built" OR )")) << expression;
  EXPECT_NE(expression.find(R"("lives")"), std::string::npos) << expression;
}

TEST_F(Searching, FindsWhatIsToldInWordsOfTheSameTopic) {
  add(document("coffee", "Peter puts 5 sugars in his coffee."));
  add(document("dentist", "Peter once hid in a laundry cart."));
  EXPECT_EQ(documents(ask("how sweet is your morning cup")), (Ids{"coffee"}));
}

TEST_F(Searching, WidensAQueryToAtMost32Words) {
  const std::string expression = match_expression(
      "beer salad car house music book fear money school shirt winter dessert trousers dog");
  std::size_t terms = 1;
  for (std::size_t at = expression.find(" OR "); at != std::string::npos;
       at = expression.find(" OR ", at + 1)) {
    ++terms;
  }
  EXPECT_EQ(terms, 32U);
}

TEST_F(Searching, SurvivesReopening) {
  add(document("a", "The chicken fights."));
  const std::int64_t generation = index_->generation();
  reopen();
  EXPECT_EQ(documents(ask("chicken")), (Ids{"a"}));
  EXPECT_EQ(index_->generation(), generation);
  add(document("b", "The chicken fights."));
  EXPECT_EQ(index_->generation(), generation + 1);
}

TEST_F(Searching, ListsByIdFromAnyPlace) {
  add(document("c", "The chicken fights.", "one"));
  clock_.advance(1);
  add(document("a", "# A\nOne.\n# B\nTwo.\n", "two"));
  add(document("b", "The chicken fights.", "one"));
  const auto ids = [&](const char* collection, const char* after, std::size_t limit) {
    Ids found;
    const auto page = index_->list(collection, after, limit).value();
    for (const Summary& summary : page) found.push_back(summary.id);
    return found;
  };
  EXPECT_EQ(ids("", "", 9), (Ids{"a", "b", "c"}));
  EXPECT_EQ(ids("", "", 2), (Ids{"a", "b"}));
  EXPECT_EQ(ids("", "b", 2), (Ids{"c"}));
  EXPECT_EQ(ids("", "aa", 1), (Ids{"b"}));
  EXPECT_EQ(ids("one", "", 9), (Ids{"b", "c"}));
  EXPECT_EQ(ids("one", "b", 9), (Ids{"c"}));
  EXPECT_TRUE(ids("three", "", 9).empty());
  const Summary first = index_->list("", "", 1).value().at(0);
  EXPECT_EQ(first.collection, "two");
  EXPECT_EQ(first.chunks, 2U);
  EXPECT_EQ(first.bytes, 18U);
  EXPECT_EQ(first.created_ms, 1'700'000'000'001);
}

TEST_F(Searching, FindsADocumentAsItWasGivenWithWhatNoChunkHas) {
  Document given = document("a/b", "# Only a heading\n\n\n# Town\nThe chicken fights.\n");
  given.title = "T";
  given.uri = "file:t.md";
  given.source_type = "file";
  given.source_id = "t.md";
  given.metadata = R"({"season":4})";
  add(given);
  const auto found = index_->find("a/b").value();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->document.content, given.content);
  EXPECT_EQ(found->document.collection, "town");
  EXPECT_EQ(found->document.title, "T");
  EXPECT_EQ(found->document.uri, "file:t.md");
  EXPECT_EQ(found->document.source_type, "file");
  EXPECT_EQ(found->document.source_id, "t.md");
  EXPECT_EQ(found->document.metadata, R"({"season":4})");
  EXPECT_EQ(found->chunks, 1U);
  EXPECT_EQ(found->created_ms, 1'700'000'000'000);
  given.content = "Changed.";
  add(given);
  EXPECT_EQ(index_->find("a/b").value()->document.content, "Changed.");
  ASSERT_TRUE(index_->remove("a/b").ok());
  EXPECT_FALSE(index_->find("a/b").value().has_value());
}

TEST_F(Searching, CountsWhatEachCollectionHolds) {
  EXPECT_TRUE(index_->collections("", 9).value().empty());
  EXPECT_EQ(index_->stats().value().bytes, 0U);
  add(document("a", "# A\nOne.\n# B\nTwo.\n", "two"));
  add(document("b", "The chicken fights.", "one"));
  add(document("c", "The monkey.", "one"));
  const auto all = index_->collections("", 9).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "one");
  EXPECT_EQ(all[0].stats.documents, 2U);
  EXPECT_EQ(all[0].stats.chunks, 2U);
  EXPECT_EQ(all[0].stats.bytes, 30U);
  EXPECT_EQ(all[1].name, "two");
  EXPECT_EQ(all[1].stats.documents, 1U);
  EXPECT_EQ(all[1].stats.chunks, 2U);
  EXPECT_EQ(index_->stats().value().bytes, 48U);
  EXPECT_EQ(index_->collections("", 1).value().size(), 1U);
  EXPECT_EQ(index_->collections("one", 9).value().at(0).name, "two");
}

TEST_F(Searching, RemovesACollectionAndNoOther) {
  for (int i = 0; i < 65; ++i) add(document("d" + std::to_string(i), "A chicken fight.", "one"));
  add(document("kept", "A chicken fight.", "two"));
  const std::int64_t generation = index_->generation();
  const Erased erased = index_->remove_collection("one", clock_.now() + Milliseconds(1)).value();
  EXPECT_EQ(erased.documents, 65U);
  EXPECT_TRUE(erased.all);
  EXPECT_EQ(index_->generation(), generation + 2);
  EXPECT_EQ(documents(ask("chicken")), (Ids{"kept"}));
  EXPECT_EQ(index_->remove_collection("one", clock_.now()).value().documents, 0U);
  EXPECT_EQ(index_->generation(), generation + 2);
}

TEST_F(Searching, StopsRemovingWhenTheTimeIsOverAndGoesOnWhenAskedAgain) {
  for (int i = 0; i < 65; ++i) add(document("d" + std::to_string(i), "A chicken fight.", "one"));
  const Erased some = index_->remove_collection("one", clock_.now()).value();
  EXPECT_EQ(some.documents, 64U);
  EXPECT_FALSE(some.all);
  const Erased rest = index_->remove_collection("one", clock_.now()).value();
  EXPECT_EQ(rest.documents, 1U);
  EXPECT_TRUE(rest.all);
}

TEST_F(Searching, RemovesFewerAtATimeWhenTheyHaveManyChunks) {
  std::string book;
  for (int i = 0; i < 600; ++i) book += "# Chapter\nA chicken fight.\n";
  for (const char* id : {"a", "b", "c"}) add(document(id, book, "one"));
  const Erased some = index_->remove_collection("one", clock_.now()).value();
  EXPECT_EQ(some.documents, 2U);
  EXPECT_FALSE(some.all);
}

TEST_F(Searching, SearchesByTheWordsOfTheTextAloneWhenAsked) {
  add(document("age", "Peter is 44 years old."));
  Query query;
  query.text = "what is your age";
  EXPECT_EQ(index_->query(query).value().hits.size(), 1U);
  query.expansion = Expansion::Off;
  EXPECT_TRUE(index_->query(query).value().hits.empty());
  const Terms terms = terms_of("what is your Age");
  EXPECT_EQ(terms.own, (Ids{"Age"}));
  EXPECT_EQ(terms.related.at(0), "old");
  EXPECT_EQ(match_expression("what is your Age", Expansion::Off), R"("Age")");
}

TEST_F(Searching, OpensAnIndexOfBeforeTextsWereKept) {
  Document book = document("a", "# One\nThe chicken fights.\n# Two\nA giraffe.\n");
  add(book);
  index_.reset();
  store::Database::Options file;
  file.path = (folder_ / "knowledge.db").string();
  file.migrations = {"", "", "", ""};
  ASSERT_TRUE(store::Database::open(file)
                  .value()
                  ->write([](store::Connection& connection) -> Result<void> {
                    for (const char* sql :
                         {"DROP TABLE contents", "DROP TABLE settings",
                          "DROP TRIGGER chunk_vectors_removed", "DROP TABLE vectors",
                          "ALTER TABLE state DROP COLUMN next_chunk", "PRAGMA user_version = 2"}) {
                      TRY(connection.execute(sql));
                    }
                    return {};
                  })
                  .ok());
  reopen();
  EXPECT_EQ(index_->find("a").value()->document.content, "The chicken fights.\nA giraffe.");
  EXPECT_EQ(index_->settings().value(), "");
  EXPECT_FALSE(index_->upsert(book).value().unchanged);
  EXPECT_EQ(index_->find("a").value()->document.content, book.content);
}

}  // namespace
}  // namespace retriever
