#include "retriever/meaning.h"

#include <gtest/gtest.h>

#include <stop_token>
#include <thread>

#include "retriever/scribe.h"
#include "services/retriever/fixture.h"

namespace retriever {
namespace {

using Texts = std::vector<std::string>;

class ByMeaning : public WithIndex {
 protected:
  ByMeaning() { reopen_with_meaning(); }

  void add(const std::string& id, const std::string& content, const std::string& collection = "a",
           const std::string& metadata = "{}") {
    Document document;
    document.id = id;
    document.content = content;
    document.collection = collection;
    document.metadata = metadata;
    ASSERT_TRUE(index_->upsert(document).ok());
  }
  void catch_up() { ASSERT_TRUE(scribe_->catch_up().ok()); }
  bool covered(const Texts& collections = {"a"}) const {
    return index_->encoder_for(collections) != 0;
  }

  Found find(std::string text, Texts collections = {"a"}, std::string filters = "") {
    Query query;
    query.text = std::move(text);
    query.expansion = Expansion::Off;  // it knows such words itself
    query.collections = std::move(collections);
    query.filters = std::move(filters);
    query.by_meaning = true;
    return index_->query(query).value();
  }
  Texts ask(std::string text, Texts collections = {"a"}, std::string filters = "") {
    Texts texts;
    for (const Hit& hit : find(std::move(text), std::move(collections), std::move(filters)).hits) {
      texts.push_back(hit.text);
    }
    return texts;
  }

  // Rows of the table, whether their chunks are there or not.
  std::int64_t vectors_kept() {
    store::Database::Options file;
    file.path = (folder_ / "knowledge.db").string();
    file.migrations = {"", "", "", ""};
    std::int64_t count = 0;
    const store::Work look = [&](store::Connection& connection) {
      return connection.query("SELECT count(*) FROM vectors", {},
                              [&](const store::Row& row) { count = row.integer(0); });
    };
    EXPECT_TRUE(store::Database::open(file).value()->read(look).ok());
    return count;
  }
};

TEST_F(ByMeaning, FindsWhatSharesNoWordWithTheQuestion) {
  add("b", "Brian is a dog. He writes novels.");
  add("p", "Peter drinks beer at the Clam.");
  catch_up();
  EXPECT_EQ(ask("which hound?"), (Texts{"Brian is a dog. He writes novels."}));
  EXPECT_EQ(ask("any lager?"), (Texts{"Peter drinks beer at the Clam."}));
  EXPECT_TRUE(find("any lager?").by_meaning);
  EXPECT_TRUE(ask("giraffes").empty());
  EXPECT_TRUE(ask("***").empty());
}

TEST_F(ByMeaning, RanksByWordsAndMeaningTogether) {
  add("one", "The dog of the mayor barks.");
  add("two", "The puppy barks.");
  add("three", "The mayor has a cold.");
  catch_up();
  // The first has a word of the question and another's meaning, the others one of both.
  const auto found = find("mayor hound");
  ASSERT_EQ(found.hits.size(), 3U);
  EXPECT_EQ(found.hits[0].document_id, "one");
  EXPECT_GT(found.hits[0].score, found.hits[1].score);
}

TEST_F(ByMeaning, IsNotSearchedWhereWordsAnswer) {
  add("b", "Brian is a dog and writes novels.");
  catch_up();
  EXPECT_FALSE(find("does Brian write novels?").by_meaning);
  EXPECT_TRUE(find("does the dog sing?").by_meaning);
  EXPECT_TRUE(find("who writes songs, plays, poems and novels?").by_meaning);
}

TEST_F(ByMeaning, CollectionsAndFiltersHold) {
  add("one", "A dog barks.", "a", R"({"season":4})");
  add("two", "A puppy sleeps.", "a", R"({"season":5})");
  add("three", "A hound runs.", "b", R"({"season":4})");
  catch_up();
  EXPECT_EQ(ask("hound", {"a"}).size(), 2U);
  EXPECT_EQ(ask("puppy", {"b"}), (Texts{"A hound runs."}));
  EXPECT_EQ(ask("lager hound", {}).size(), 3U);
  EXPECT_EQ(ask("hound", {"a"}, R"({"season":4})"), (Texts{"A dog barks."}));
  EXPECT_EQ(ask("dog", {"a", "b"}, R"({"season":5})"), (Texts{"A puppy sleeps."}));
  EXPECT_TRUE(ask("dog", {}, R"({"season":6})").empty());
}

TEST_F(ByMeaning, ACollectionIsSearchedOnceAllItsChunksAreKnown) {
  EXPECT_FALSE(covered());  // it may be there, nobody has looked yet
  catch_up();
  EXPECT_TRUE(covered());
  add("one", "A dog barks.");
  EXPECT_FALSE(covered());
  EXPECT_FALSE(covered({}));
  EXPECT_TRUE(covered({"b"}));
  EXPECT_FALSE(covered({"a", "b"}));
  catch_up();
  EXPECT_TRUE(covered());
  EXPECT_TRUE(covered({}));
  EXPECT_EQ(meaning_->stats().chunks, 1U);
  EXPECT_TRUE(meaning_->stats().settled);
}

TEST_F(ByMeaning, NeverFindsAReplacedDocumentByItsOldText) {
  add("two", "A clock ticks.");
  add("one", "A dog barks.");  // the last, whose place in the table is free again
  catch_up();
  add("one", "Some beer stands there.");
  EXPECT_FALSE(covered());
  EXPECT_TRUE(ask("hound").empty());
  EXPECT_TRUE(ask("lager").empty());
  catch_up();
  EXPECT_TRUE(ask("hound").empty());
  EXPECT_EQ(ask("lager"), (Texts{"Some beer stands there."}));
}

TEST_F(ByMeaning, ADocumentThatChangesWhileItIsReadIsReadAgain) {
  add("one", "A dog barks.");
  bool changed = false;
  synonyms_.before([&](std::string_view) {
    if (std::exchange(changed, true)) return;
    add("one", "Some beer stands there.");
  });
  catch_up();
  EXPECT_TRUE(covered());
  EXPECT_TRUE(ask("hound").empty());
  EXPECT_EQ(ask("lager"), (Texts{"Some beer stands there."}));
  EXPECT_EQ(meaning_->stats().chunks, 1U);
  index_.reset();
  EXPECT_EQ(vectors_kept(), 1);
}

TEST_F(ByMeaning, GoesWithTheDocument) {
  add("one", "A dog barks.");
  add("two", "A puppy sleeps.");
  add("other", "A hound runs.", "b");
  catch_up();
  ASSERT_TRUE(index_->remove("two").value());
  EXPECT_EQ(ask("hound"), (Texts{"A dog barks."}));
  catch_up();
  EXPECT_EQ(meaning_->stats().chunks, 2U);
  ASSERT_TRUE(index_->remove_collection("b", clock_.now()).value().all);
  EXPECT_TRUE(ask("hound", {"b"}).empty());
  catch_up();
  EXPECT_EQ(meaning_->stats().chunks, 1U);
  index_.reset();
  EXPECT_EQ(vectors_kept(), 1);
}

TEST_F(ByMeaning, FollowsADocumentIntoAnotherCollection) {
  add("one", "A dog barks.");
  catch_up();
  add("one", "A dog barks.", "b");
  EXPECT_TRUE(ask("hound").empty());
  catch_up();
  EXPECT_TRUE(covered({"a", "b"}));
  EXPECT_EQ(ask("hound", {"b"}), (Texts{"A dog barks."}));
  EXPECT_EQ(meaning_->stats().chunks, 1U);
}

TEST_F(ByMeaning, LeavesALargeCollectionToWords) {
  reopen_with_meaning({.chunks_max = 2});
  add("one", "A dog barks.");
  add("two", "A puppy sleeps.");
  add("other", "A hound runs.", "b");
  catch_up();
  EXPECT_TRUE(covered({}));
  const std::size_t encoded = synonyms_.encoded();
  add("three", "A clock ticks.");
  catch_up();
  EXPECT_EQ(synonyms_.encoded(), encoded);
  EXPECT_FALSE(covered());
  EXPECT_FALSE(covered({}));
  EXPECT_TRUE(covered({"b"}));
  EXPECT_EQ(meaning_->stats().chunks, 1U);
  ASSERT_TRUE(index_->remove("two").value());
  catch_up();
  EXPECT_TRUE(covered());
  EXPECT_EQ(ask("hound"), (Texts{"A dog barks."}));
}

TEST_F(ByMeaning, LeavesToWordsWhatFindsNoRoom) {
  reopen_with_meaning({.bytes_max = 2'000});
  add("one", "A dog barks.");
  add("two", "A puppy sleeps.", "b");
  add("three", "One. Two. Three. Four.", "c");
  catch_up();
  EXPECT_TRUE(covered({"a", "b"}));
  EXPECT_FALSE(covered({"c"}));
  EXPECT_FALSE(covered({}));
  EXPECT_LT(meaning_->stats().bytes, 2'000U);
  EXPECT_EQ(ask("hound"), (Texts{"A dog barks."}));
}

TEST_F(ByMeaning, WhatFoundRoomLaterKeepsIt) {
  reopen_with_meaning({.bytes_max = 2'000});
  add("one", "A dog barks.");
  add("two", "A puppy sleeps.", "b");
  add("three", "A cat purrs.", "c");
  catch_up();
  EXPECT_FALSE(covered({"c"}));
  ASSERT_TRUE(index_->remove("one").value());
  for (const char* text : {"A cat sleeps.", "A cat barks.", "A cat runs."}) {
    add("three", text, "c");
    catch_up();
    EXPECT_TRUE(covered({"c"})) << text;
  }
}

TEST_F(ByMeaning, CollectionsThatChangeAreLookedAtByTurns) {
  meaning_->changed("a");
  meaning_->changed("b");
  EXPECT_EQ(meaning_->next({}, Milliseconds(0)), "a");
  meaning_->changed("a");
  EXPECT_EQ(meaning_->next({}, Milliseconds(0)), "b");
  EXPECT_EQ(meaning_->next({}, Milliseconds(0)), "a");
  EXPECT_EQ(meaning_->next({}, Milliseconds(0)), std::nullopt);
}

TEST_F(ByMeaning, LeavesToWordsWhatIsMoreThanItCanName) {
  reopen_with_meaning({.collections_max = 1});
  add("one", "A dog barks.");
  add("two", "A puppy sleeps.", "b");
  catch_up();
  EXPECT_TRUE(covered({"a"}));
  EXPECT_FALSE(covered({"b"}));
  EXPECT_FALSE(covered({}));
}

TEST_F(ByMeaning, MakesAfterARestartWhatAKillLeftUndone) {
  add("one", "A dog barks.");
  catch_up();
  add("two", "A puppy sleeps.");
  const std::size_t encoded = synonyms_.encoded();
  reopen_with_meaning();
  EXPECT_FALSE(covered());
  catch_up();
  EXPECT_EQ(synonyms_.encoded(), encoded + 1);
  EXPECT_TRUE(covered());
  EXPECT_EQ(ask("hound").size(), 2U);
}

TEST_F(ByMeaning, OtherWeightsMakeAllVectorsAnew) {
  add("one", "A dog barks.");
  catch_up();
  const std::int64_t encoder = index_->encoder_for({"a"});
  const std::size_t encoded = synonyms_.encoded();
  reopen_with_meaning({}, encoder + 1);
  catch_up();
  EXPECT_EQ(synonyms_.encoded(), encoded + 1);
  EXPECT_EQ(index_->encoder_for({"a"}), encoder + 1);
  index_.reset();
  EXPECT_EQ(vectors_kept(), 1);
}

TEST_F(ByMeaning, StopsAfterTheSentenceAtHandAndKeepsWhatIsReady) {
  add("one", "One. Two. Three.");
  add("two", "Four. Five. Six.");  // the newest comes first
  std::stop_source stop;
  synonyms_.before([&](std::string_view sentence) {
    if (sentence == "Two.") stop.request_stop();
  });
  scribe_->run(stop.get_token());
  EXPECT_EQ(synonyms_.encoded(), 5U);
  EXPECT_FALSE(covered());
  reopen_with_meaning();
  catch_up();
  EXPECT_EQ(synonyms_.encoded(), 8U);
  EXPECT_TRUE(covered());
}

TEST_F(ByMeaning, IsMadeWhileDocumentsComeAndQuestionsAreAsked) {
  std::jthread thread([&](const std::stop_token& stop) { scribe_->run(stop); });
  for (int i = 0; i < 30; ++i) {
    add("d" + std::to_string(i % 10), "Dog number " + std::to_string(i) + " barks. It sleeps.");
    ask("hound");
  }
  while (!meaning_->stats().settled) std::this_thread::yield();
  EXPECT_TRUE(covered());
  EXPECT_EQ(ask("hound").size(), 10U);
}

TEST_F(ByMeaning, WithoutAnEncoderWordsAloneAreSearched) {
  index_.reset();
  meaning_.reset();
  reopen();
  add("one", "A dog barks.");
  EXPECT_FALSE(covered());
  EXPECT_TRUE(ask("hound").empty());
  EXPECT_EQ(ask("dog"), (Texts{"A dog barks."}));
  EXPECT_FALSE(find("dog").by_meaning);
}

}  // namespace
}  // namespace retriever
