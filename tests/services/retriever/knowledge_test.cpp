#include "retriever/knowledge.h"

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
  Knowledge knowledge_{*index_, *cache_, {}};
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
  Knowledge stranger(*other, *cache_, {});
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
  EXPECT_EQ(Knowledge(*index_, mad, {}).query(query).value().hits.size(), 1U);
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
