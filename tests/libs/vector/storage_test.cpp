#include "vector/storage.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <thread>

#include "libs/vector/index_fixture.h"
#include "segment/layout.h"
#include "segment/writer.h"
#include "vector/index.h"

namespace vector {
namespace {

using testing::fill;
using testing::Folder;
using testing::ids;
using testing::make;
using testing::search;
using testing::Source;
using testing::Truth;
using testing::Vector;
using Ids = std::vector<std::uint64_t>;
using Tending = Index::Tending;

std::string read(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class Stored : public ::testing::TestWithParam<Profile> {
 protected:
  static constexpr std::size_t kRows = 2200;

  Stored() {
    fill(*index_, source_.next(kRows), 100, &truth_);
    index_->save(path_).value();
  }

  std::unique_ptr<Index> opened() const { return Index::open(path_, Tending::Caller).value(); }

  // Flips a bit in the middle of a block of the file.
  void damage(const std::string& block) const {
    const auto extent = segment::File::open(path_, kStoredIndex).value()->extent(block).value();
    std::string bytes = read(path_);
    bytes[extent.offset + extent.length / 2] ^= 16;
    write(path_, bytes);
  }

  const Folder folder_;
  const std::string path_ = folder_.file("index");
  Source source_{24};
  const std::unique_ptr<Index> index_ = make(24, GetParam());
  Truth truth_;
};

INSTANTIATE_TEST_SUITE_P(Profiles, Stored, ::testing::Values(Profile::Exact, Profile::Compact),
                         testing::profile_name);

TEST_P(Stored, AnOpenedIndexAnswersAsTheSavedOneDid) {
  const auto index = opened();
  EXPECT_EQ(index->size(), kRows);
  EXPECT_TRUE(index->stats().opening);
  EXPECT_EQ(index->stats().outlook.samples, index_->stats().outlook.samples);
  for (int i = 0; i < 30; ++i) {
    const Vector query = source_.next();
    for (const double recall : {0.9, 0.98, 1.0}) {
      const SearchOptions options{.recall = recall};
      ASSERT_EQ(ids(search(*index, query, 10, options)), ids(search(*index_, query, 10, options)));
    }
  }
  EXPECT_TRUE(index->contains(100));
  EXPECT_FALSE(index->contains(99));
  EXPECT_EQ(index->vector(105).value(), index_->vector(105).value());
}

TEST_P(Stored, TendingChangesNoAnswerAndComesToAnEnd) {
  const auto index = opened();
  const Vector query = source_.next();
  const Ids before = ids(search(*index_, query, 10));
  std::size_t steps = 0;
  do {
    ASSERT_EQ(ids(search(*index, query, 10)), before);
    ASSERT_LT(++steps, 1000u);
  } while (index->tend().value());
  EXPECT_EQ(ids(search(*index, query, 10)), before);
  EXPECT_FALSE(index->stats().opening);
  EXPECT_FALSE(index->tend().value());
}

TEST_P(Stored, AnOpenedIndexIsChangedAndTheFileIsNot) {
  const std::string before = read(path_);
  const auto index = opened();
  const std::vector<Vector> more = source_.next(500);
  fill(*index, more, 10'000);
  for (std::uint64_t id = 100; id < 600; ++id) EXPECT_TRUE(index->remove(id).value());
  EXPECT_EQ(ids(search(*index, more[7], 1)), Ids{10'007});
  while (index->tend().value()) {  // what was changed is not what is moved
  }
  EXPECT_EQ(ids(search(*index, more[7], 1)), Ids{10'007});
  EXPECT_EQ(index->insert(10'000, more[0]).error().code, Code::Conflict);
  EXPECT_EQ(read(path_), before);

  index->save(path_).value();
  const auto again = opened();
  EXPECT_EQ(again->size(), kRows);
  EXPECT_EQ(ids(search(*again, more[7], 1)), Ids{10'007});
  EXPECT_FALSE(again->contains(100));
  Truth truth(truth_.begin() + 500, truth_.end());
  for (std::size_t i = 0; i < more.size(); ++i) truth.emplace_back(10'000 + i, more[i]);
  EXPECT_GE(testing::recall(*again, truth, source_), 0.94);
}

TEST_P(Stored, AThreadTendsItBesideSearchesAndChanges) {
  const auto index = Index::open(path_).value();
  const Vector query = source_.next();
  for (std::uint64_t id = 0; id < 50; ++id) {
    ASSERT_FALSE(index->replace(id, source_.next()).value());
    ASSERT_EQ(search(*index, query, 10).size(), 10u);
  }
  while (index->tend().value()) {
  }
  EXPECT_FALSE(index->stats().opening);
  EXPECT_EQ(index->size(), kRows + 50);
}

TEST_P(Stored, DamageIsFoundBeforeAnAnswerIsGivenByIt) {
  const std::string whole = read(path_);
  const auto file = segment::File::open(path_, kStoredIndex).value();
  for (const std::string block : {"ids", "born", "died", "links0", "u4", "b1", "i8", "f32", "half",
                                  "i8f", "live", "linked", "rows", "graph", "header", "facts"}) {
    if (!file->has(block)) continue;
    write(path_, whole);
    damage(block);
    const auto index = Index::open(path_, Tending::Caller);
    if (!index) {
      EXPECT_EQ(index.error().code, Code::DataLoss) << block;
      EXPECT_NE(index.error().message.find(path_), std::string::npos);
      continue;
    }
    // Whoever needs all of it is refused. A walk may have met none of the damage.
    std::array<Match, 10> matches;
    EXPECT_EQ(index.value()->search(source_.next(), {1.0}, matches).error().code, Code::DataLoss)
        << block;
    EXPECT_EQ(index.value()->insert(1, source_.next()).error().code, Code::DataLoss) << block;
    EXPECT_EQ(index.value()->save(folder_.file("copy")).error().code, Code::DataLoss) << block;
    const auto walked = index.value()->search(source_.next(), {}, matches);
    EXPECT_EQ(walked.ok(), block == "b1" && index.value()->stats().walks > 0) << block;
    Result<bool> tended = true;
    while (tended && tended.value()) tended = index.value()->tend();
    EXPECT_EQ(tended.ok() ? Code::Internal : tended.error().code, Code::DataLoss) << block;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.file("copy")));
}

TEST_P(Stored, WhatIsVerifiedAheadOfTheFirstWalkComesToAnEndAndHidesNoDamage) {
  const auto is_more = [](Backing& backing) { return backing.verify_walk_ahead(); };
  const Loaded whole = load(path_).value();
  for (int i = 0; i < 1000 && is_more(*whole.backing); ++i) continue;
  EXPECT_FALSE(is_more(*whole.backing));
  EXPECT_TRUE(whole.backing->verify_walk().ok());
  damage("links0");
  const Loaded damaged = load(path_).value();
  for (int i = 0; i < 1000 && is_more(*damaged.backing); ++i) continue;
  EXPECT_EQ(damaged.backing->verify_walk().error().code, Code::DataLoss);
  std::array<Match, 10> matches;
  const auto tended = Index::open(path_).value();
  EXPECT_EQ(tended->search(source_.next(), {1.0}, matches).error().code, Code::DataLoss);
}

// Damages one byte of the file that is open, and mapped, in place.
void flip(const std::string& path, std::uint64_t offset) {
  std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(stream.get() ^ 16);
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.put(byte);
}

TEST_P(Stored, DamageThatComesLaterIsFoundByTendingAndToldByTheStats) {
  const auto index = opened();
  while (index->tend().value()) {
  }
  for (int i = 0; i < 60; ++i) ASSERT_FALSE(index->tend().value());  // more than once all of it
  EXPECT_EQ(index->stats().damaged, "");
  flip(path_, segment::File::open(path_, kStoredIndex).value()->extent("ids").value().offset + 40);
  Result<bool> tended = false;
  for (int i = 0; i < 60 && tended; ++i) tended = index->tend();
  ASSERT_FALSE(tended.ok());
  EXPECT_EQ(tended.error().code, Code::DataLoss);
  EXPECT_EQ(index->stats().damaged, tended.error().message);
}

TEST_P(Stored, OpeningEndsWithADamageThatIsFound) {
  damage("i8");
  const auto index = opened();
  Result<bool> tended = true;
  while (tended && tended.value()) tended = index->tend();
  ASSERT_FALSE(tended.ok());
  EXPECT_FALSE(index->stats().opening);
  EXPECT_EQ(index->stats().damaged, tended.error().message);
}

TEST_P(Stored, AFileThatIsCutOrForeignIsRefused) {
  const std::string whole = read(path_);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{63}, std::size_t{4096}, whole.size() / 2, whole.size() - 1}) {
    write(path_, whole.substr(0, size));
    EXPECT_EQ(Index::open(path_).error().code, Code::DataLoss) << size;
  }
  write(path_, std::string(10'000, 'x'));
  EXPECT_EQ(Index::open(path_).error().code, Code::InvalidArgument);
  segment::Writer::create(path_, {segment::kind("lexi"), 1}).value()->finish().value();
  EXPECT_EQ(Index::open(path_).error().message, path_ + " holds 'lexi' and not 'vecs'");
  segment::Writer::create(path_, {segment::kind("vecs"), 1}).value()->finish().value();
  EXPECT_EQ(Index::open(path_).error().code, Code::Unimplemented);
  segment::Writer::create(path_, kStoredIndex).value()->finish().value();
  EXPECT_EQ(Index::open(path_).error().code, Code::DataLoss);
  EXPECT_EQ(Index::open(folder_.file("none")).error().code, Code::NotFound);
}

// Writes the file's blocks anew with good checksums, one of them changed, and standing where it
// cannot be mapped when `alignment` says so.
void rewrite(const std::string& path, const std::string& changed,
             const std::function<void(std::vector<std::byte>&)>& change,
             std::size_t alignment = 0) {
  const auto file = segment::File::open(path, kStoredIndex).value();
  const auto writer = segment::Writer::create(path, kStoredIndex).value();
  for (const char* name :
       {"header", "centre", "rows", "graph",  "facts",  "ids",    "born",  "died",
        "live",   "free",   "i8",   "i8f",    "f32",    "half",   "u4",    "u4f",
        "sketch", "b1",     "b1at", "links0", "links1", "links2", "linked"}) {
    if (!file->has(name)) continue;
    const auto bytes = file->block(name).value();
    std::vector<std::byte> copy(bytes.begin(), bytes.end());
    if (name == changed) change(copy);
    if (name == changed && alignment > 0) {
      writer->begin("pad", 4096).value();
      writer->append(std::vector<std::byte>(64)).value();
      writer->begin(name, alignment).value();
      writer->append(copy).value();
      continue;
    }
    writer->add(name, std::span<const std::byte>(copy)).value();
  }
  writer->finish().value();
}

TEST_P(Stored, AFileWhoseBlocksDoNotFitEachOtherIsRefusedThoughItsChecksumsHold) {
  const std::string whole = read(path_);
  rewrite(path_, "none", [](auto&) {});
  EXPECT_EQ(opened()->size(), kRows);
  for (const char* block : {"header", "centre", "rows", "graph", "facts", "ids", "born", "died",
                            "live", "free", "i8", "i8f", "links0", "links1", "links2", "linked"}) {
    write(path_, whole);
    rewrite(path_, block, [](auto& bytes) { bytes.resize(bytes.size() + 64); });
    EXPECT_EQ(Index::open(path_).error().code, Code::DataLoss) << block << " longer";
    if (std::string(block) == "centre") continue;  // empty it is
    write(path_, whole);
    rewrite(path_, block, [](auto& bytes) { bytes.resize(bytes.size() / 2); });
    EXPECT_EQ(Index::open(path_).error().code, Code::DataLoss) << block << " shorter";
  }
}

TEST_P(Stored, LinksToRowsThatDoNotExistAreNeverFollowed) {
  const std::string whole = read(path_);
  for (const std::uint32_t link : {2201u, 1u << 20, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
    write(path_, whole);
    rewrite(path_, "links0", [&](std::vector<std::byte>& bytes) {
      std::memcpy(bytes.data() + 32 * 4 * 1000, &link, sizeof(link));
    });
    const auto index = opened();
    EXPECT_EQ(index->insert(1, source_.next()).error().message,
              path_ + ": block links0 leads to rows beyond its 2200");
  }
}

// Those of a block too small to be mapped, and of one that stands on no page.
TEST_P(Stored, LinksThatAreCopiedAreCheckedToo) {
  const std::string whole = read(path_);
  for (const std::string block : {"links2", "links1", "links0"}) {
    write(path_, whole);
    rewrite(
        path_, block,
        [](std::vector<std::byte>& bytes) {
          const std::uint32_t link = 0xFFFFFFFF;
          std::memcpy(bytes.data(), &link, sizeof(link));
        },
        64);
    const auto index = Index::open(path_, Tending::Caller);
    EXPECT_EQ(index.ok() ? "opened" : index.error().message,
              path_ + ": block " + block + " leads to rows beyond its 2200");
  }
}

TEST(Storage, AScanOfBitsUnderAFilterFindsTheirDamage) {
  const Folder folder;
  const std::string path = folder.file("a");
  Source source(96);
  const auto saved = Index::create({.dimension = 96, .rows_max = 8000}).value();
  fill(*saved, source.next(6000));
  saved->save(path).value();
  const auto extent = segment::File::open(path, kStoredIndex).value()->extent("b1").value();
  std::string bytes = read(path);
  bytes[extent.offset + extent.length / 2] ^= 16;
  write(path, bytes);
  const auto index = Index::open(path, Tending::Caller).value();
  Ids most(5900);
  std::iota(most.begin(), most.end(), 0);
  const Filter filter = index->filter(most);
  std::array<Match, 10> matches;
  const auto found = index->search(source.next(), {.filter = &filter}, matches);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, Code::DataLoss);
}

TEST(Storage, AnIndexMayHoldAsManyRowsOpenedAsBefore) {
  const Folder folder;
  const auto saved = Index::create({.dimension = 2, .rows_max = 3}).value();
  for (std::uint64_t id = 0; id < 3; ++id) saved->insert(id, Vector{1, 0}).value();
  saved->save(folder.file("a")).value();
  const auto index = Index::open(folder.file("a")).value();
  EXPECT_EQ(index->insert(3, Vector{1, 0}).error().message, "all 3 rows of the index are taken");
  EXPECT_TRUE(index->replace(2, Vector{0, 1}).value());
}

TEST(Storage, AnEmptyIndexIsStoredToo) {
  const Folder folder;
  make(3)->save(folder.file("a")).value();
  const auto index = Index::open(folder.file("a")).value();
  EXPECT_EQ(index->size(), 0u);
  EXPECT_EQ(index->dimension(), 3u);
  index->insert(1, Vector{1, 2, 3}).value();
  EXPECT_EQ(ids(search(*index, {1, 2, 3}, 2)), Ids{1});
}

TEST(Storage, MetricAndCentreAreThoseOfTheSavedIndex) {
  const Folder folder;
  IndexOptions options{.dimension = 2, .metric = Metric::L2};
  options.centre = {100, 50};
  const auto saved = Index::create(options).value();
  saved->insert(1, Vector{100, 51}).value();
  saved->insert(2, Vector{104, 50}).value();
  saved->save(folder.file("a")).value();
  const auto index = Index::open(folder.file("a")).value();
  EXPECT_EQ(ids(search(*index, {103, 50}, 2)), (Ids{2, 1}));
  EXPECT_NEAR(search(*index, {103, 50}, 2)[1].score, -10, 0.2);
}

TEST(Storage, SavesOfOneFileFollowEachOtherBesideChanges) {
  const Folder folder;
  const auto index = make(4);
  {
    const auto save = [&] {
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(index->save(folder.file("a")).ok());
    };
    const std::jthread one(save), another(save);
    for (std::uint64_t id = 0; id < 200; ++id) index->insert(id, Vector{1, 2, 3, 4}).value();
  }
  index->save(folder.file("a")).value();
  EXPECT_EQ(Index::open(folder.file("a")).value()->size(), 200u);
}

TEST(Storage, SavingWhereNoFolderIsLeavesTheIndexAsItWas) {
  const Folder folder;
  const auto index = make(2);
  index->insert(1, Vector{1, 0}).value();
  EXPECT_EQ(index->save(folder.file("none/a")).error().code, Code::Unavailable);
  EXPECT_EQ(ids(search(*index, {1, 0}, 1)), Ids{1});
}

}  // namespace
}  // namespace vector
