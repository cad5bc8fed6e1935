#include "characters/neighbours.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

#include "contracts/retriever.h"
#include "json/codec.h"
#include "services/characters/fixture.h"

namespace characters::testing {
namespace {

constexpr Milliseconds kGenerous{20'000};

std::unique_ptr<messaging::Node> open_node(const std::string& service, const Folder& run) {
  auto node = messaging::Node::open({.service = service, .run_dir = run.path().string()});
  if (!node) ADD_FAILURE() << node.error().message;
  return node ? std::move(node).value() : nullptr;
}

TEST(Neighbours, SendTheKnowledgeToTheRetriever) {
  const Folder run;
  const auto retriever = open_node("retriever", run);
  const auto own = open_node("characters", run);
  ASSERT_TRUE(retriever && own);
  std::promise<contracts::AddDocument> added;
  std::promise<std::string> deleted;
  retriever->serve("retriever.add", [&](const std::shared_ptr<messaging::Incoming>& incoming) {
    added.set_value(
        json::decode<contracts::AddDocument>(std::string_view(incoming->body())).value());
    incoming->reply(json::encode(contracts::AddedDocument{.id = "x", .collection = "x"}));
  });
  retriever->serve("retriever.delete", [&](const std::shared_ptr<messaging::Incoming>& incoming) {
    deleted.set_value(
        json::decode<contracts::DeleteDocument>(std::string_view(incoming->body())).value().id);
    incoming->reply(json::encode(contracts::DeletedDocument{true}));
  });
  ASSERT_TRUE(retriever->bind("").ok());

  Neighbours neighbours({*own, "retriever"}, *own, kGenerous);
  Member member;
  member.card.id = "ada";
  member.card.name = "Ada";
  member.knowledge = "Ada counts.";
  const auto taught = neighbours.teach(member);
  ASSERT_TRUE(taught.ok()) << taught.error().message;
  const contracts::AddDocument got = added.get_future().get();
  EXPECT_EQ(got.content, "Ada counts.");
  EXPECT_EQ(got.id, "character_ada");
  EXPECT_EQ(got.collection, "character_ada");
  EXPECT_EQ(got.metadata.at("character").text, "\"ada\"");
  ASSERT_TRUE(neighbours.forget("ada").ok());
  EXPECT_EQ(deleted.get_future().get(), "character_ada");
}

TEST(Neighbours, AnAbsentRetrieverIsAPassingFailure) {
  const Folder run;
  const auto own = open_node("characters", run);
  ASSERT_TRUE(own);
  Neighbours neighbours({*own, "retriever"}, *own, kGenerous);
  const auto forgotten = neighbours.forget("ada");
  ASSERT_FALSE(forgotten.ok());
  EXPECT_TRUE(retryable(forgotten.error().code));
}

}  // namespace
}  // namespace characters::testing
