#include "retriever/knowledge.h"

#include <fmt/format.h>

#include "json/codec.h"
#include "services/retriever/fixture.h"

namespace retriever {
namespace {

class Answering : public WithIndex {
 protected:
  contracts::AddedDocument add(const std::string& json) {
    return knowledge_.add(json::decode<contracts::AddDocument>(json).value()).value();
  }
  contracts::QueryReply ask(const std::string& json) {
    return knowledge_.query(json::decode<contracts::QueryRequest>(json).value()).value();
  }

  const std::unique_ptr<cache::Cache> cache_ = cache::make_memory_cache({});
  const std::unique_ptr<Settings> settings_ = Settings::open(*index_, {}).value();
  Knowledge knowledge_{*index_, *settings_, *cache_, {}};
};

TEST_F(Answering, GivesADocumentBackAsItCame) {
  const auto added =
      add(R"({"id":"clam","content":"# Owner\nHorace owns the bar.","title":"The Clam",
    "uri":"file:clam.md","collection":"town","metadata":{"season":4,"tags":["bar","beer"],"a\"b":null}})");
  EXPECT_EQ(added.id, "clam");
  EXPECT_EQ(added.collection, "town");
  EXPECT_EQ(added.chunks, 1);
  const auto reply = ask(R"({"query":"who owns the bar?","filters":{"tags":["bar","beer"]}})");
  ASSERT_EQ(reply.hits.size(), 1U);
  EXPECT_EQ(reply.hits[0].text, "Horace owns the bar.");
  EXPECT_EQ(reply.hits[0].start, 8);
  EXPECT_EQ(reply.hits[0].end, 28);
  EXPECT_EQ(reply.hits[0].metadata.at("season").text, "4");
  EXPECT_EQ(reply.hits[0].metadata.at("tags").text, R"(["bar","beer"])");
  EXPECT_EQ(reply.hits[0].metadata.at("a\"b").text, "null");
  EXPECT_EQ(reply.context, "[1] The Clam > Owner\nHorace owns the bar.\n\n");
  EXPECT_EQ(reply.generation, index_->generation());
  EXPECT_FALSE(reply.degraded);
}

TEST_F(Answering, RefusesMetadataThatIsNestedTooDeepForAReply) {
  const auto with_depth = [&](std::size_t depth) {
    return knowledge_.add(json::decode<contracts::AddDocument>(
                              R"({"content":"x","metadata":{"fine":1,"deep":)" +
                              std::string(depth, '[') + std::string(depth, ']') + "}}")
                              .value());
  };
  EXPECT_TRUE(with_depth(8).ok());
  const auto refused = with_depth(9);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::InvalidArgument);
  EXPECT_EQ(refused.error().message, "metadata.deep: nested deeper than 8 levels");
}

TEST_F(Answering, MakesAnIdForADocumentThatHasNone) {
  const auto added = add(R"({"content":"Horace owns the bar."})");
  EXPECT_TRUE(added.id.starts_with("doc_"));
  EXPECT_EQ(added.collection, "documents");
}

TEST_F(Answering, SaysWhenADocumentWasThereAlready) {
  EXPECT_FALSE(add(R"({"id":"a","content":"Horace owns the bar."})").unchanged);
  EXPECT_TRUE(add(R"({"id":"a","content":"Horace owns the bar."})").unchanged);
}

TEST_F(Answering, AnswersWithoutHitsWhenNothingMatches) {
  const auto reply = ask(R"({"query":"giraffes"})");
  EXPECT_TRUE(reply.hits.empty());
  EXPECT_EQ(reply.context, "");
}

TEST_F(Answering, DeletesAndListsDocuments) {
  add(R"({"id":"a","content":"Horace owns the bar.","collection":"town"})");
  add(R"({"id":"b","content":"Brian drives a Prius.","collection":"cars"})");
  EXPECT_EQ(knowledge_.documents({}).value().documents.size(), 2U);
  contracts::ListDocuments town;
  town.collection = "town";
  const auto listed = knowledge_.documents(town).value().documents;
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].id, "a");
  EXPECT_EQ(listed[0].bytes, 20);
  contracts::DeleteDocument gone;
  gone.id = "a";
  EXPECT_TRUE(knowledge_.remove(gone).value().deleted);
  EXPECT_FALSE(knowledge_.remove(gone).value().deleted);
}

TEST_F(Answering, AnswersTheSameQueryFromTheCache) {
  add(R"({"id":"a","content":"Horace owns the bar.","metadata":{"season":4}})");
  const auto first = ask(R"({"query":"who owns the bar?"})");
  const auto second = ask(R"({"query":"who owns the bar?","session_id":"another"})");
  EXPECT_EQ(json::encode(first), json::encode(second));
  EXPECT_EQ(cache_->stats().hits, 1U);
  EXPECT_EQ(cache_->stats().entries, 1U);
}

TEST_F(Answering, WhateverAReplyDependsOnMakesAnotherEntry) {
  add(R"({"id":"a","content":"Horace owns the bar.","collection":"town"})");
  for (const char* query : {R"({"query":"owns the bar"})", R"({"query":"owns the bar","top_k":3})",
                            R"({"query":"owns the bar","collections":["town"]})",
                            R"({"query":"owns the bar","filters":{"season":4}})",
                            R"({"query":"owns the bar","filters":{"season":"4"}})",
                            R"({"query":"owns the bar","context":false})"}) {
    ask(query);
  }
  EXPECT_EQ(cache_->stats().hits, 0U);
  EXPECT_EQ(cache_->stats().entries, 6U);
}

TEST_F(Answering, ForgetsItsRepliesWithEveryChange) {
  EXPECT_TRUE(ask(R"({"query":"who owns the bar?"})").hits.empty());
  add(R"({"id":"a","content":"Horace owns the bar."})");
  EXPECT_EQ(ask(R"({"query":"who owns the bar?"})").hits.size(), 1U);
  add(R"({"id":"a","content":"Jerome owns the bar."})");
  EXPECT_EQ(ask(R"({"query":"who owns the bar?"})").hits.at(0).text, "Jerome owns the bar.");
  contracts::DeleteDocument gone;
  gone.id = "a";
  ASSERT_TRUE(knowledge_.remove(gone).ok());
  EXPECT_TRUE(ask(R"({"query":"who owns the bar?"})").hits.empty());
}

TEST_F(Answering, FindsItsRepliesAgainAfterARestartButNeverThoseOfAnotherIndex) {
  add(R"({"id":"a","content":"Horace owns the bar."})");
  ask(R"({"query":"who owns the bar?"})");
  const std::string stamp = index_->version().stamp;
  EXPECT_EQ(stamp.size(), 32U);
  reopen();
  EXPECT_EQ(index_->version().stamp, stamp);
  Index::Options options;
  options.path = (folder_ / "other.db").string();
  const auto other = Index::open(options, clock_).value();
  Knowledge stranger(*other, *settings_, *cache_, {});
  contracts::AddDocument document;
  document.content = "Jerome owns the bar.";
  ASSERT_TRUE(stranger.add(document).ok());
  EXPECT_EQ(other->generation(), index_->generation());
  contracts::QueryRequest query;
  query.query = "who owns the bar?";
  EXPECT_EQ(stranger.query(query).value().hits.at(0).text, "Jerome owns the bar.");
}

TEST_F(Answering, SearchesAnewWhenWhatWasKeptMakesNoSense) {
  class Mad final : public cache::Cache {
   public:
    cache::Value get(std::string_view) override { return std::make_shared<std::string>("{\"hits"); }
    void fetch(std::string_view key, std::function<void(cache::Value)> done) override {
      done(get(key));
    }
    using Cache::put;
    void put(std::string_view, cache::Value, Milliseconds) override {}
    void erase(std::string_view) override {}
    cache::Stats stats() const override { return {}; }
    bool remote() const override { return false; }
  } mad;
  add(R"({"id":"a","content":"Horace owns the bar."})");
  contracts::QueryRequest query;
  query.query = "who owns the bar?";
  EXPECT_EQ(Knowledge(*index_, *settings_, mad, {}).query(query).value().hits.size(), 1U);
}

TEST_F(Answering, ListsEveryDocumentOnceOverItsPagesWhateverComesAndGoes) {
  for (const char* id : {"e", "b", "d", "a", "c"}) {
    add(fmt::format(R"({{"id":"{}","content":"Horace owns the bar."}})", id));
  }
  contracts::ListDocuments page;
  page.limit = 2;
  std::string ids;
  for (int i = 0; i < 3; ++i) {
    const auto reply = knowledge_.documents(page).value();
    for (const auto& document : reply.documents) ids += document.id;
    EXPECT_EQ(reply.next.has_value(), i < 2);
    page.after = reply.next;
    contracts::DeleteDocument gone;
    gone.id = reply.next.value_or("none");
    ASSERT_TRUE(knowledge_.remove(gone).ok());
    if (i == 0) add(R"({"id":"aa","content":"Too late for this round."})");
  }
  EXPECT_EQ(ids, "abcde");
}

TEST_F(Answering, EndsAPageEarlyWhenItIsLarge) {
  contracts::AddDocument document;
  document.content = "Horace owns the bar.";
  document.uri = std::string(2000, 'u');
  for (int i = 0; i < 270; ++i) {
    document.id = fmt::format("{:03}", i);
    ASSERT_TRUE(knowledge_.add(document).ok());
  }
  contracts::ListDocuments page;
  page.limit = 1000;
  const auto first = knowledge_.documents(page).value();
  ASSERT_EQ(first.documents.size(), 262U);
  EXPECT_EQ(first.next, "261");
  page.after = first.next;
  EXPECT_EQ(knowledge_.documents(page).value().documents.size(), 8U);
}

TEST_F(Answering, ShowsADocumentWithItsTextAndMetadata) {
  add(R"({"id":"clam","content":"# Owner\nHorace owns the bar.","title":"The Clam",
    "uri":"file:clam.md","collection":"town","source_type":"file","source_id":"clam.md",
    "metadata":{"season":4}})");
  contracts::GetDocument request;
  request.id = "clam";
  EXPECT_EQ(json::encode(knowledge_.document(request).value()),
            R"({"id":"clam","collection":"town","title":"The Clam","uri":"file:clam.md",)"
            R"("source_type":"file","source_id":"clam.md","metadata":{"season":4},)"
            R"("content":"# Owner\nHorace owns the bar.","chunks":1,"created_ms":1700000000000})");
  request.id = "none";
  EXPECT_EQ(knowledge_.document(request).error().code, Code::NotFound);
}

TEST_F(Answering, ListsCollectionsInPages) {
  add(R"({"id":"a","content":"Horace owns the bar.","collection":"town"})");
  add(R"({"id":"b","content":"Brian drives a Prius.","collection":"cars"})");
  EXPECT_EQ(json::encode(knowledge_.collections({}).value()),
            R"({"collections":[{"name":"cars","documents":1,"chunks":1,"bytes":21},)"
            R"({"name":"town","documents":1,"chunks":1,"bytes":20}]})");
  contracts::ListCollections page;
  page.limit = 1;
  const auto first = knowledge_.collections(page).value();
  EXPECT_EQ(first.next, "cars");
  page.after = first.next;
  const auto last = knowledge_.collections(page).value();
  EXPECT_EQ(last.collections.at(0).name, "town");
  EXPECT_FALSE(last.next.has_value());
}

TEST_F(Answering, DeletesACollectionAndSaysHowMany) {
  add(R"({"id":"a","content":"Horace owns the bar.","collection":"town"})");
  add(R"({"id":"b","content":"Brian drives a Prius.","collection":"cars"})");
  contracts::DeleteCollection request;
  request.collection = "town";
  const SteadyTime deadline = clock_.now() + Milliseconds(30'000);
  EXPECT_EQ(json::encode(knowledge_.remove_collection(request, deadline).value()),
            R"({"collection":"town","documents":1,"done":true})");
  EXPECT_EQ(knowledge_.remove_collection(request, deadline).error().code, Code::NotFound);
  EXPECT_TRUE(ask(R"({"query":"who owns the bar?"})").hits.empty());
  EXPECT_EQ(ask(R"({"query":"who drives a Prius?"})").hits.size(), 1U);
}

TEST_F(Answering, StopsDeletingInTimeToAnswer) {
  for (int i = 0; i < 65; ++i) add(R"({"content":"Horace owns the bar.","collection":"town"})");
  contracts::DeleteCollection request;
  request.collection = "town";
  const auto reply =
      knowledge_.remove_collection(request, clock_.now() + Milliseconds(2'000)).value();
  EXPECT_EQ(reply.documents, 64);
  EXPECT_FALSE(reply.done);
}

TEST_F(Answering, SettingsCountFromTheNextQueryOn) {
  add(R"({"id":"a","content":"Peter is 44 years old."})");
  add(R"({"id":"b","content":"Brian is 8 years old."})");
  const char* query = R"({"query":"which age?"})";
  EXPECT_EQ(ask(query).hits.size(), 2U);
  ASSERT_TRUE(settings_->change(R"({"top_k":1})").ok());
  EXPECT_EQ(ask(query).hits.size(), 1U);
  EXPECT_EQ(ask(R"({"query":"which age?","top_k":2})").hits.size(), 2U);
  ASSERT_TRUE(settings_->change(R"({"expansion":false})").ok());
  EXPECT_TRUE(ask(query).hits.empty());
  ASSERT_TRUE(settings_->change(R"({"top_k":2,"expansion":true})").ok());
  add(fmt::format(R"({{"id":"c","content":"This is the age of {}."}})", std::string(400, 'x')));
  EXPECT_NE(ask(query).context, "");
  ASSERT_TRUE(settings_->change(R"({"context_tokens":100})").ok());
  EXPECT_EQ(ask(query).context, "");
}

TEST_F(Answering, TellsHowAQueryWasAnsweredWithAnySettings) {
  add(R"({"id":"a","content":"Peter is 44 years old.","collection":"town"})");
  add(R"({"id":"b","content":"The car is 8 years old.","collection":"cars"})");
  const auto test = [&](const char* json) {
    return knowledge_.test(json::decode<contracts::RagTest>(json).value()).value();
  };
  const auto usual = test(R"({"query":"which age?"})");
  EXPECT_EQ(usual.words, (std::vector<std::string>{"age"}));
  EXPECT_EQ(usual.related.at(0), "old");
  EXPECT_EQ(usual.hits.size(), 2U);
  EXPECT_TRUE(usual.settings.expansion);
  const auto narrow = test(R"({"query":"which age?","collection":"town","top_k":1})");
  EXPECT_EQ(narrow.hits.at(0).document_id, "a");
  EXPECT_EQ(narrow.settings.top_k, 1);
  const auto plain = test(R"({"query":"which age?","expansion":false})");
  EXPECT_TRUE(plain.related.empty());
  EXPECT_TRUE(plain.hits.empty());
  EXPECT_FALSE(plain.settings.expansion);
  EXPECT_TRUE(settings_->now().expansion);
  EXPECT_EQ(cache_->stats().entries, 0U);
}

TEST_F(Answering, NoReplyByWordsAloneOutlivesTheArrivalOfVectors) {
  reopen_with_meaning();
  const auto settings = Settings::open(*index_, {.expansion = false}).value();
  Knowledge knowledge(*index_, *settings, *cache_, {});
  contracts::AddDocument document;
  document.id = "a";
  document.content = "Brian is a dog.";
  ASSERT_TRUE(knowledge.add(document).ok());
  contracts::QueryRequest query;
  query.query = "which hound?";
  EXPECT_TRUE(knowledge.query(query).value().hits.empty());
  ASSERT_TRUE(scribe_->catch_up().ok());
  EXPECT_EQ(knowledge.query(query).value().hits.at(0).text, "Brian is a dog.");
  document.content = "Brian is a puppy.";
  ASSERT_TRUE(knowledge.add(document).ok());
  EXPECT_TRUE(knowledge.query(query).value().hits.empty());
  ASSERT_TRUE(scribe_->catch_up().ok());
  EXPECT_EQ(knowledge.query(query).value().hits.at(0).text, "Brian is a puppy.");
  EXPECT_EQ(cache_->stats().hits, 0U);
}

TEST_F(Answering, TellsWhetherAQueryWasSearchedByMeaning) {
  reopen_with_meaning();
  Knowledge knowledge(*index_, *settings_, *cache_, {});
  contracts::AddDocument document;
  document.content = "Brian is a dog.";
  ASSERT_TRUE(knowledge.add(document).ok());
  const auto use = [&](const char* question) {
    contracts::RagTest test;
    test.query = question;
    return knowledge.test(test).value().meaning;
  };
  EXPECT_EQ(use("which hound?"), contracts::MeaningUse::Unavailable);
  ASSERT_TRUE(scribe_->catch_up().ok());
  EXPECT_EQ(use("which hound?"), contracts::MeaningUse::Searched);
  EXPECT_EQ(use("is Brian a dog?"), contracts::MeaningUse::Unneeded);
}

TEST(Context, EndsBeforeTheFirstHitThatDoesNotFit) {
  std::vector<contracts::Hit> hits(3);
  hits[0].title = "A";
  hits[0].text = "Short.";
  hits[1].title = "B";
  hits[1].text = std::string(400, 'x');
  hits[2].title = "C";
  hits[2].text = "Short.";
  EXPECT_EQ(context_of(hits, 50), "[1] A\nShort.\n\n");
  EXPECT_EQ(context_of(hits, 1), "");
  EXPECT_EQ(context_of({}, 50), "");
}

}  // namespace
}  // namespace retriever
