#include "lexical/index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/temp_dir.h"

namespace lexical {
namespace {

std::vector<std::uint64_t> find(const Snapshot& snapshot, std::string_view text) {
  Analysis analysis;
  Query query;
  query.k = 100;
  for (const Term& term : analysis.terms(text)) query.terms.push_back(word(term));
  std::vector<std::uint64_t> ids;
  for (const Hit& hit : snapshot.search(query)) ids.push_back(hit.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

using Ids = std::vector<std::uint64_t>;

std::unique_ptr<Index> opened(const std::string& folder, IndexOptions options = {}) {
  Result<std::unique_ptr<Index>> index = Index::open(folder, options);
  EXPECT_TRUE(index.ok()) << (index.ok() ? "" : index.error().message);
  return std::move(index).value();
}

TEST(Index, ShowsChangesAtTheCommitAndOldSnapshotsKeepTheirs) {
  const auto index = Index::in_memory();
  ASSERT_TRUE(index->add(1, "", "apple").ok());
  EXPECT_TRUE(find(*index->snapshot(), "apple").empty());
  ASSERT_TRUE(index->commit().ok());
  const auto before = index->snapshot();
  EXPECT_EQ(find(*before, "apple"), Ids{1});
  ASSERT_TRUE(index->add(1, "", "pear").ok());
  ASSERT_TRUE(index->add(2, "", "apple").ok());
  EXPECT_EQ(find(*index->snapshot(), "apple"), Ids{1});
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(find(*index->snapshot(), "apple"), Ids{2});
  EXPECT_EQ(find(*index->snapshot(), "pear"), Ids{1});
  EXPECT_EQ(find(*before, "apple"), Ids{1});
  EXPECT_TRUE(before->contains(1));
  EXPECT_FALSE(before->contains(2));
}

TEST(Index, ADocumentAddedTwiceIsThereOnce) {
  const auto index = Index::in_memory();
  ASSERT_TRUE(index->add(5, "", "first words").ok());
  ASSERT_TRUE(index->add(5, "", "second words").ok());
  ASSERT_TRUE(index->add(6, "", "gone").ok());
  index->remove(6);
  index->remove(77);
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(index->snapshot()->documents(), 1U);
  EXPECT_EQ(find(*index->snapshot(), "first second words gone"), Ids{5});
  EXPECT_TRUE(find(*index->snapshot(), "first").empty());
}

TEST(Index, ComesBackFromItsFolderAsItWasCommitted) {
  const support::TempDir folder;
  {
    const auto index = opened(folder.file("made/anew"));
    for (std::uint64_t id = 0; id < 300; ++id) {
      ASSERT_TRUE(index->add(id, "title", id % 2 == 0 ? "even number" : "odd number").ok());
    }
    ASSERT_TRUE(index->commit().ok());
    index->remove(4);
    ASSERT_TRUE(index->add(1000, "", "late even").ok());
    ASSERT_TRUE(index->commit().ok());
    ASSERT_TRUE(index->add(1001, "", "never committed even").ok());
  }
  const auto index = opened(folder.file("made/anew"));
  EXPECT_EQ(index->snapshot()->documents(), 300U);
  EXPECT_FALSE(index->snapshot()->contains(4));
  EXPECT_EQ(find(*index->snapshot(), "late"), Ids{1000});
  EXPECT_TRUE(find(*index->snapshot(), "never").empty());
  // The ordinary lengths were measured once and stay.
  EXPECT_FLOAT_EQ(index->snapshot()->scoring().fields[2].pivot, 30);  // not the mean, which is 2
  ASSERT_TRUE(index->add(4, "", "back again").ok());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(find(*index->snapshot(), "again"), Ids{4});
}

// The lock left out.
std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {})) -
         1;
}

TEST(Index, MergesSegmentsOfASizeAndRemovesTheirFiles) {
  const support::TempDir folder;
  auto index = opened(folder.path());
  for (std::uint64_t id = 0; id < kMergeSegments; ++id) {
    EXPECT_FALSE(index->merge().value());
    ASSERT_TRUE(index->add(100 - id, "", "word" + std::to_string(id) + " all").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  EXPECT_EQ(files_in(folder.path()), kMergeSegments + 1);
  const auto before = index->snapshot();
  ASSERT_TRUE(index->merge().value());
  EXPECT_EQ(index->snapshot()->parts().size(), kMergeSegments);
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(index->snapshot()->parts().size(), 1U);
  EXPECT_EQ(files_in(folder.path()), 2U);
  EXPECT_EQ(find(*index->snapshot(), "word3"), Ids{97});
  EXPECT_EQ(find(*before, "all").size(), kMergeSegments);  // its files are gone, its maps are not
  index.reset();
  EXPECT_EQ(find(*opened(folder.path())->snapshot(), "all").size(), kMergeSegments);
}

TEST(Index, WritesASegmentAnewThatIsHalfDead) {
  const auto index = Index::in_memory();
  for (std::uint64_t id = 0; id < 10; ++id) ASSERT_TRUE(index->add(id, "", "word").ok());
  ASSERT_TRUE(index->commit().ok());
  for (std::uint64_t id = 0; id < 6; ++id) index->remove(id);
  ASSERT_TRUE(index->commit().ok());
  EXPECT_TRUE(index->merge().value());
  EXPECT_FALSE(index->merge().value());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(index->snapshot()->parts()[0].segment->documents(), 4U);
  for (std::uint64_t id = 6; id < 10; ++id) index->remove(id);
  ASSERT_TRUE(index->commit().ok());
  EXPECT_TRUE(index->snapshot()->parts().empty());
}

TEST(Index, RemovesWhatACrashLeftBehind) {
  const support::TempDir folder;
  {
    const auto index = opened(folder.path());
    ASSERT_TRUE(index->add(1, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  (void)folder.write("segment-99", "half a segment");
  (void)folder.write("segment-100.part", "less");
  EXPECT_EQ(find(*opened(folder.path())->snapshot(), "word"), Ids{1});
  EXPECT_EQ(files_in(folder.path()), 2U);
}

TEST(Index, RefusesAFolderOfOtherWeightsOrTerms) {
  const support::TempDir folder;
  ASSERT_TRUE(opened(folder.path())->commit().ok());
  IndexOptions weights;
  weights.scoring.fields[0].weight = 7;
  EXPECT_EQ(Index::open(folder.path(), weights).error().code, Code::InvalidArgument);
  IndexOptions terms;
  terms.analysis.pairs = false;
  EXPECT_EQ(Index::open(folder.path(), terms).error().code, Code::InvalidArgument);
  EXPECT_TRUE(Index::open(folder.path()).ok());
}

TEST(Index, RefusesWhatIsDamagedOrCannotBe) {
  const support::TempDir folder;
  {
    const auto index = opened(folder.path());
    ASSERT_TRUE(index->add(1, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  const std::string path = folder.file("segment-1");
  const auto size = std::filesystem::file_size(path);
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(64);  // the first block
    file.put('\x55');
  }
  EXPECT_EQ(Index::open(folder.path()).error().code, Code::DataLoss);
  std::filesystem::resize_file(path, size / 2);
  EXPECT_FALSE(Index::open(folder.path()).ok());
  std::filesystem::remove(path);
  EXPECT_EQ(Index::open(folder.path()).error().code, Code::NotFound);
  EXPECT_EQ(Index::open(folder.write("file", "") + "/below").error().code, Code::Unavailable);
}

TEST(Index, ACommitThatFailedLosesNothingAndCanBeTriedAgain) {
  const support::TempDir folder;
  auto index = opened(folder.path());
  ASSERT_TRUE(index->add(1, "", "word").ok());
  std::filesystem::create_directory(folder.file("segment-1.part"));  // where the file would grow
  EXPECT_FALSE(index->commit().ok());
  EXPECT_FALSE(index->commit().ok());
  EXPECT_TRUE(find(*index->snapshot(), "word").empty());
  std::filesystem::remove(folder.file("segment-1.part"));
  ASSERT_TRUE(index->add(2, "", "word").ok());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(find(*index->snapshot(), "word"), (Ids{1, 2}));
  index.reset();
  EXPECT_EQ(find(*opened(folder.path())->snapshot(), "word"), (Ids{1, 2}));
}

TEST(Index, HasItsFolderAlone) {
  const support::TempDir folder;
  auto index = opened(folder.path());
  for (std::uint64_t id = 0; id < kMergeSegments; ++id) {
    ASSERT_TRUE(index->add(id, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  ASSERT_TRUE(index->merge().value());
  EXPECT_EQ(Index::open(folder.path()).error().code, Code::Conflict);
  ASSERT_TRUE(index->commit().ok());
  index.reset();
  EXPECT_EQ(find(*opened(folder.path())->snapshot(), "word").size(), kMergeSegments);
}

TEST(Index, WhatIsRemovedWhileAMergeIsWrittenStaysRemoved) {
  IndexOptions options;
  Index* during = nullptr;
  options.on_merge_written = [&] { during->remove(2); };
  const auto index = Index::in_memory(options);
  during = index.get();
  for (std::uint64_t id = 0; id < kMergeSegments * 2; ++id) {
    ASSERT_TRUE(index->add(id, "", "word").ok());
    if (id % 2 == 0) continue;
    ASSERT_TRUE(index->commit().ok());
  }
  index->remove(3);  // in the segment of 2, not yet committed
  ASSERT_TRUE(index->merge().value());
  ASSERT_TRUE(index->commit().ok());
  ASSERT_EQ(index->snapshot()->parts().size(), 1U);
  EXPECT_FALSE(index->snapshot()->contains(2));
  EXPECT_FALSE(index->snapshot()->contains(3));
  EXPECT_EQ(find(*index->snapshot(), "word").size(), kMergeSegments * 2 - 2);
}

TEST(Index, ASegmentThatDiedWhileAMergeIsWrittenStaysDead) {
  IndexOptions options;
  Index* during = nullptr;
  options.on_merge_written = [&] {
    during->remove(2);
    EXPECT_TRUE(during->commit().ok());
  };
  const auto index = Index::in_memory(options);
  during = index.get();
  for (std::uint64_t id = 0; id < kMergeSegments; ++id) {
    ASSERT_TRUE(index->add(id, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  ASSERT_TRUE(index->merge().value());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(find(*index->snapshot(), "word"), (Ids{0, 1, 3, 4, 5, 6, 7}));
}

TEST(Index, ACommitWhileAMergeIsWrittenKeepsItsFile) {
  const support::TempDir folder;
  IndexOptions options;
  Index* during = nullptr;
  options.on_merge_written = [&] {
    EXPECT_TRUE(during->add(100, "", "word").ok());
    EXPECT_TRUE(during->commit().ok());
  };
  auto index = opened(folder.path(), options);
  during = index.get();
  for (std::uint64_t id = 0; id < kMergeSegments; ++id) {
    ASSERT_TRUE(index->add(id, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  ASSERT_TRUE(index->merge().value());
  ASSERT_TRUE(index->commit().ok());
  index.reset();
  EXPECT_EQ(find(*opened(folder.path())->snapshot(), "word").size(), kMergeSegments + 1);
  EXPECT_EQ(files_in(folder.path()), 3U);
}

TEST(Index, ACommitThatCannotWriteItsIndexShowsAndRemovesNothing) {
  const support::TempDir folder;
  auto index = opened(folder.path());
  for (std::uint64_t id = 0; id < kMergeSegments; ++id) {
    ASSERT_TRUE(index->add(id, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  ASSERT_TRUE(index->merge().value());
  ASSERT_TRUE(index->add(100, "", "word").ok());
  index->remove(0);
  std::filesystem::create_directory(folder.file("index.part"));  // where it would grow
  EXPECT_FALSE(index->commit().ok());
  EXPECT_EQ(index->snapshot()->parts().size(), kMergeSegments);
  EXPECT_EQ(find(*index->snapshot(), "word"), (Ids{0, 1, 2, 3, 4, 5, 6, 7}));
  index.reset();
  std::filesystem::remove(folder.file("index.part"));
  EXPECT_EQ(find(*opened(folder.path())->snapshot(), "word"), (Ids{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(Index, KeepsTheFileOfAMergeAndNoOther) {
  const support::TempDir folder;
  IndexOptions options;
  Index* during = nullptr;
  options.on_merge_written = [&] {
    (void)folder.write("segment-30", "left behind");
    EXPECT_TRUE(during->commit().ok());
    EXPECT_TRUE(std::filesystem::exists(folder.file("segment-3")));
    EXPECT_FALSE(std::filesystem::exists(folder.file("segment-30")));
  };
  const auto index = opened(folder.path(), options);
  during = index.get();
  for (std::uint64_t id = 0; id < 2; ++id) {
    ASSERT_TRUE(index->add(id, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  ASSERT_TRUE(index->merge_all().ok());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(files_in(folder.path()), 2U);
  // Once it is merged it is a segment like others.
  index->remove(0);
  index->remove(1);
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(Index, RefusesSegmentsWithoutAnIndexAndKeepsThem) {
  const support::TempDir folder;
  {
    const auto index = opened(folder.path());
    ASSERT_TRUE(index->add(1, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  std::filesystem::remove(folder.file("index"));
  EXPECT_EQ(Index::open(folder.path()).error().code, Code::DataLoss);
  EXPECT_TRUE(std::filesystem::exists(folder.file("segment-1")));
  // One that never came to a commit may begin anew.
  const support::TempDir other;
  {
    const auto index = opened(other.path());
    ASSERT_TRUE(index->add(1, "", "word").ok());
  }
  EXPECT_TRUE(std::filesystem::exists(other.file("index")));
  EXPECT_TRUE(Index::open(other.path()).ok());
}

TEST(Index, RefusesAWholeSegmentOfAnotherIndex) {
  const support::TempDir mine;
  const support::TempDir theirs;
  for (const auto* folder : {&mine, &theirs}) {
    const auto index = opened(folder->path());
    ASSERT_TRUE(index->add(1, "", folder == &mine ? "mine" : "them").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  std::filesystem::copy_file(theirs.file("segment-1"), mine.file("segment-1"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(Index::open(mine.path()).error().code, Code::DataLoss);
}

TEST(Index, RefusesAnIndexThatCannotBeRead) {
  const support::TempDir folder;
  std::filesystem::create_symlink("index", folder.file("index"));
  EXPECT_EQ(Index::open(folder.path()).error().code, Code::Unavailable);
}

TEST(Index, RefusesAScoringThatMakesNoSense) {
  const support::TempDir folder;
  const auto refused = [&](auto change) {
    IndexOptions options;
    change(options.scoring);
    const auto index = Index::open(folder.path(), options);
    return !index.ok() && index.error().code == Code::InvalidArgument;
  };
  EXPECT_TRUE(refused([](Bm25& scoring) { scoring.k1 = -1; }));
  EXPECT_TRUE(refused([](Bm25& scoring) { scoring.k1 = std::nanf(""); }));
  EXPECT_TRUE(refused([](Bm25& scoring) { scoring.fields[0].weight = -1; }));
  EXPECT_TRUE(refused([](Bm25& scoring) { scoring.fields[1].b = 2; }));
  EXPECT_TRUE(refused([](Bm25& scoring) { scoring.fields[2].pivot = 0; }));
}

TEST(Index, MeasuresLengthsWhereThereAreAny) {
  const auto index = Index::in_memory();
  std::string body;
  for (int i = 0; i < 100; ++i) body += "word ";
  for (std::uint64_t id = 0; id < kMeasuredDocuments; ++id) {
    ASSERT_TRUE(index->add(id, id % 8 == 0 ? "two words" : "", id % 2 == 0 ? body : "").ok());
  }
  ASSERT_TRUE(index->commit().ok());
  const auto fields = index->snapshot()->scoring().fields;
  EXPECT_FLOAT_EQ(fields[0].pivot, 2);
  EXPECT_FLOAT_EQ(fields[1].pivot, 60);
  EXPECT_FLOAT_EQ(fields[2].pivot, 100);
}

TEST(Index, TellsLongTextsApartWhenTheFirstOnesWereShort) {
  const auto index = Index::in_memory();
  for (std::uint64_t id = 0; id < kMeasuredDocuments; ++id) {
    ASSERT_TRUE(index->add(id, "", "short").ok());
  }
  ASSERT_TRUE(index->commit().ok());
  std::string filler;
  for (int i = 0; i < 360; ++i) filler += "filler" + std::to_string(i) + " ";
  std::string needles;
  for (int i = 0; i < 20; ++i) needles += "needle ";
  ASSERT_TRUE(index->add(1000, "", filler + "needle").ok());
  ASSERT_TRUE(index->add(1001, "", filler + needles).ok());
  ASSERT_TRUE(index->commit().ok());
  Analysis analysis;
  Query query;
  query.terms.push_back(word(analysis.terms("needle")[0]));
  const auto snapshot = index->snapshot();
  EXPECT_GT(snapshot->explain(query, 1001).value().score,
            2 * snapshot->explain(query, 1000).value().score);
}

TEST(Index, ForgetsWordsThatNoLivingDocumentHas) {
  const auto index = Index::in_memory();
  ASSERT_TRUE(index->add(1, "", "stays").ok());
  ASSERT_TRUE(index->add(2, "", "goes away").ok());
  ASSERT_TRUE(index->add(3, "", "unseen").ok());
  index->remove(3);
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(index->snapshot()->words().size(), 3U);
  EXPECT_EQ(index->snapshot()->parts()[0].segment->words().from("unseen").done(), true);
  index->remove(2);
  ASSERT_TRUE(index->merge_all().ok());
  ASSERT_TRUE(index->commit().ok());
  auto reader = index->snapshot()->parts()[0].segment->words().from("");
  EXPECT_EQ(reader.word(), "stays");
  EXPECT_EQ(reader.documents(), 1U);
  reader.next();
  EXPECT_TRUE(reader.done());
}

TEST(Index, ShowsRemovalsWhenThereIsNoRoomForSegments) {
  const auto index = Index::in_memory();
  for (std::uint64_t id = 0; id < kSegmentsMax; ++id) {
    ASSERT_TRUE(index->add(2 * id, "", "word").ok());
    ASSERT_TRUE(index->add(2 * id + 1, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  index->remove(0);
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(index->snapshot()->documents(), 2 * kSegmentsMax - 1);
  // A segment that died leaves room for what was added.
  index->remove(1);
  ASSERT_TRUE(index->add(9999, "", "word").ok());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(index->snapshot()->documents(), 2 * kSegmentsMax - 1);
}

TEST(Index, RefusesATextThatIsTooLong) {
  const auto index = Index::in_memory();
  const std::string text(kTextBytesMax + 1, 'a');
  EXPECT_EQ(index->add(1, "", text).error().code, Code::TooLarge);
  EXPECT_EQ(index->add(1, text, "").error().code, Code::TooLarge);
}

TEST(Index, AsksForAMergeBeforeItHasTooManySegments) {
  const auto index = Index::in_memory();
  for (std::uint64_t id = 0; id < kSegmentsMax; ++id) {
    ASSERT_TRUE(index->add(id, "", "word").ok());
    ASSERT_TRUE(index->commit().ok());
  }
  ASSERT_TRUE(index->add(9999, "", "word").ok());
  EXPECT_EQ(index->commit().error().code, Code::Overloaded);
  ASSERT_TRUE(index->merge_all().ok());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(index->snapshot()->documents(), kSegmentsMax + 1);
}

TEST(Index, SearchesWhileOthersWriteAndMerge) {
  const auto index = Index::in_memory();
  for (std::uint64_t id = 0; id < 20; ++id) ASSERT_TRUE(index->add(id, "", "stays word").ok());
  ASSERT_TRUE(index->commit().ok());
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  {
    const std::jthread reader([&] {
      while (!done) wrong += find(*index->snapshot(), "stays").size() == 20 ? 0 : 1;
    });
    const std::jthread merger([&] {
      while (!done) wrong += index->merge().ok() ? 0 : 1;
    });
    for (std::uint64_t round = 0; round < 60; ++round) {
      const std::uint64_t id = round % 20;  // replaced: never away
      wrong += index->add(id, "", "stays changed").ok() ? 0 : 1;
      index->remove(100 + round - 1);
      wrong += index->add(100 + round, "", "other").ok() ? 0 : 1;
      wrong += index->commit().ok() ? 0 : 1;
    }
    done = true;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(find(*index->snapshot(), "other"), Ids{159});
  EXPECT_EQ(index->snapshot()->documents(), 21U);
}

}  // namespace
}  // namespace lexical
