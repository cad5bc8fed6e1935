#include "lexical/index.h"

#include <gtest/gtest.h>

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
  EXPECT_FLOAT_EQ(index->snapshot()->scoring().fields[2].pivot, 2);
  ASSERT_TRUE(index->add(4, "", "back again").ok());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(find(*index->snapshot(), "again"), Ids{4});
}

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(Index, MergesSegmentsOfASizeAndRemovesTheirFiles) {
  const support::TempDir folder;
  const auto index = opened(folder.path());
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
  const auto index = opened(folder.path());
  ASSERT_TRUE(index->add(1, "", "word").ok());
  std::filesystem::create_directory(folder.file("segment-1.part"));  // where the file would grow
  EXPECT_FALSE(index->commit().ok());
  EXPECT_FALSE(index->commit().ok());
  EXPECT_TRUE(find(*index->snapshot(), "word").empty());
  std::filesystem::remove(folder.file("segment-1.part"));
  ASSERT_TRUE(index->add(2, "", "word").ok());
  ASSERT_TRUE(index->commit().ok());
  EXPECT_EQ(find(*index->snapshot(), "word"), (Ids{1, 2}));
  EXPECT_EQ(find(*opened(folder.path())->snapshot(), "word"), (Ids{1, 2}));
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
