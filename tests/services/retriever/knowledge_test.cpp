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

  Knowledge knowledge_{*index_, 10'000};
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
