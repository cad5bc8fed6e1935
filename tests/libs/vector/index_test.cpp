#include "vector/index.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <random>
#include <thread>

#include "libs/vector/index_fixture.h"

namespace vector {
namespace {

using testing::fill;
using testing::ids;
using testing::make;
using testing::search;
using testing::Source;
using testing::Truth;
using testing::Vector;
using Ids = std::vector<std::uint64_t>;

Error insert_error(Index& index, std::uint64_t id, const Vector& vector) {
  return index.insert(id, vector).error();
}

TEST(Index, FindsWhatWasPutInBestFirst) {
  const auto index = make(2);
  index->insert(7, Vector{1, 0}).value();
  index->insert(8, Vector{0, 1}).value();
  index->insert(9, Vector{3, 3}).value();
  const std::vector<Match> matches = search(*index, {2, 1}, 10);
  EXPECT_EQ(ids(matches), (Ids{9, 7, 8}));
  EXPECT_NEAR(matches[0].score, 0.9487, 1e-3);
  EXPECT_NEAR(matches[2].score, 0.4472, 1e-3);
  EXPECT_EQ(index->size(), 3u);
  EXPECT_TRUE(index->contains(8));
  EXPECT_FALSE(index->contains(1));
}

TEST(Index, AnEmptyIndexFindsNothing) {
  const auto index = make(3);
  EXPECT_TRUE(search(*index, {1, 2, 3}, 5).empty());
  const Filter none = index->filter(Ids{1, 2});
  EXPECT_EQ(none.size(), 0u);
  EXPECT_TRUE(search(*index, {1, 2, 3}, 5, {.filter = &none}).empty());
}

TEST(Index, RefusesVectorsThatHaveNoPlaceInIt) {
  const auto index = make(3);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Vector& bad : {Vector{1, 2}, Vector{1, 2, 3, 4}, Vector{}, Vector{1, kNan, 3},
                            Vector{1, kInfinity, 3}, Vector{-kInfinity, 2, 3}, Vector{0, 0, 0}}) {
    EXPECT_EQ(insert_error(*index, 1, bad).code, Code::InvalidArgument);
    EXPECT_EQ(index->replace(1, bad).error().code, Code::InvalidArgument);
    std::array<Match, 3> matches;
    EXPECT_EQ(index->search(bad, {}, matches).error().code, Code::InvalidArgument);
  }
  EXPECT_EQ(index->size(), 0u);
  EXPECT_FALSE(index->contains(1));
}

TEST(Index, RefusesAnIdTwiceAndKeepsTheFirst) {
  const auto index = make(2);
  index->insert(7, Vector{1, 0}).value();
  const Error error = insert_error(*index, 7, {0, 1});
  EXPECT_EQ(error.code, Code::Conflict);
  EXPECT_EQ(error.message, "the index has a row 7 already");
  EXPECT_NEAR(search(*index, {1, 0}, 1)[0].score, 1, 1e-3);
}

TEST(Index, RefusesSearchesForNoneOrTooManyAndARecallThatIsNone) {
  const auto index = make(2);
  std::vector<Match> matches(Index::kMatchesMax + 1);
  EXPECT_EQ(index->search(Vector{1, 0}, {}, matches).error().message,
            "a search gives 1 to 1000 matches, not 1001");
  EXPECT_FALSE(index->search(Vector{1, 0}, {}, std::span(matches).first(0)).ok());
  for (const double recall : {0.0, -1.0, 1.01, std::nan("")}) {
    EXPECT_EQ(index->search(Vector{1, 0}, {recall}, std::span(matches).first(1)).error().code,
              Code::InvalidArgument);
  }
}

TEST(Index, RefusesMoreRowsThanItMayHoldUntilOneGoes) {
  const auto index = Index::create({.dimension = 2, .rows_max = 3}).value();
  for (std::uint64_t id = 0; id < 3; ++id) index->insert(id, Vector{1, 0}).value();
  const Error error = insert_error(*index, 3, {1, 0});
  EXPECT_EQ(error.code, Code::Overloaded);
  EXPECT_EQ(error.message, "all 3 rows of the index are taken");
  EXPECT_TRUE(index->remove(1).value());
  index->insert(3, Vector{0, 1}).value();
  EXPECT_EQ(ids(search(*index, {0, 1}, 1)), Ids{3});
  EXPECT_EQ(index->size(), 3u);
}

TEST(Index, AFullIndexIsChangedBesideSearches) {
  Source source(8);
  for (const std::size_t rows_max : {std::size_t{3}, std::size_t{500}}) {
    const auto index = Index::create({.dimension = 8, .rows_max = rows_max}).value();
    fill(*index, source.next(rows_max));
    std::atomic<bool> done{false};
    const std::jthread reader([&] {
      const Vector query(8, 1);
      while (!done) search(*index, query, 1);
    });
    for (std::uint64_t i = 0; i < 150; ++i) {
      const std::uint64_t id = i % rows_max;
      EXPECT_TRUE(index->replace(id, source.next()).ok());
      EXPECT_TRUE(index->remove(id).ok());
      EXPECT_TRUE(index->insert(id, source.next()).ok());
      EXPECT_EQ(insert_error(*index, rows_max, source.next()).code, Code::Overloaded);
      EXPECT_EQ(index->replace(rows_max, source.next()).error().code, Code::Overloaded);
    }
    done = true;
    EXPECT_EQ(index->size(), rows_max);
  }
}

// What the process holds, in bytes.
std::size_t resident() {
  std::ifstream stream("/proc/self/statm");
  std::size_t size = 0, pages = 0;
  stream >> size >> pages;
  return pages * 4096;
}

TEST(Index, ASmallIndexTakesLittleMemoryAndSaysHowMuch) {
  [[maybe_unused]] const std::size_t before = resident();
  const auto large = Index::create({.dimension = 4, .rows_max = std::size_t{1} << 31}).value();
  const auto index = Index::create({.dimension = 384}).value();
  index->insert(1, Vector(384, 1)).value();
  search(*index, Vector(384, 1), 1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they keep books of their own
  EXPECT_LT(resident() - before, std::size_t{8} << 20);
#endif
  EXPECT_GT(index->stats().bytes, std::size_t{16} << 10);
  EXPECT_LT(index->stats().bytes, std::size_t{1} << 20);
}

TEST(Index, StatsWaitForNoWriterAndMayBeAskedBesideAllElse) {
  const auto index = make(8);
  std::atomic<bool> done{false};
  const std::jthread reader([&] {
    while (!done) EXPECT_GT(index->stats().bytes, 0u);
  });
  Source source(8);
  for (std::uint64_t id = 0; id < 800; ++id) index->insert(id, source.next()).value();
  done = true;
}

TEST(Index, RefusesOptionsOutOfRange) {
  EXPECT_FALSE(Index::create({.dimension = 0}).ok());
  EXPECT_FALSE(Index::create({.dimension = kDimensionMax + 1}).ok());
  EXPECT_FALSE(Index::create({.dimension = 4, .rows_max = 0}).ok());
  EXPECT_FALSE(Index::create({.dimension = 4, .centre = {1, 2}}).ok());
}

TEST(Index, ABatchIsPutInAsAWholeOrNotAtAll) {
  const auto index = make(2);
  index->insert(3, Vector{1, 0}).value();
  EXPECT_EQ(index->insert_batch(Ids{1, 2, 3}, Vector{1, 0, 1, 0, 1, 0}).error().code,
            Code::Conflict);
  EXPECT_EQ(index->insert_batch(Ids{1, 2, 1}, Vector{1, 0, 1, 0, 1, 0}).error().code,
            Code::Conflict);
  EXPECT_EQ(index->insert_batch(Ids{1, 2}, Vector{1, 0, 1}).error().code, Code::InvalidArgument);
  EXPECT_EQ(index->insert_batch(Ids{1, 2}, Vector{1, 0, 0, 0}).error().code, Code::InvalidArgument);
  EXPECT_EQ(index->size(), 1u);
  EXPECT_EQ(ids(search(*index, {1, 0}, 10)), Ids{3});
  index->insert_batch(Ids{1, 2}, Vector{1, 0, 0, 1}).value();
  EXPECT_EQ(ids(search(*index, {0, 1}, 1)), Ids{2});
}

TEST(Index, ARefusedBatchLeavesNothingBehind) {
  const auto index = Index::create({.dimension = 2, .rows_max = 1000}).value();
  Ids ids(700);
  std::iota(ids.begin(), ids.end(), 0);
  Vector vectors(1400, 1);
  vectors[1399] = std::nanf("");
  const std::size_t before = index->stats().bytes;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(index->insert_batch(ids, vectors).error().code, Code::InvalidArgument);
  }
  EXPECT_EQ(index->stats().bytes, before);
  index->insert_batch(Ids{1}, Vector{1, 0}).value();
  EXPECT_EQ(index->insert_batch(Ids(1000, 7), Vector(2000, 1)).error().code, Code::Conflict);
  Ids many(1000);
  std::iota(many.begin(), many.end(), 10);
  EXPECT_EQ(index->insert_batch(many, Vector(2000, 1)).error().code, Code::Overloaded);
  EXPECT_EQ(index->size(), 1u);
}

TEST(Index, AReplacedRowIsFoundAtItsNewPlaceOnly) {
  const auto index = make(2);
  EXPECT_FALSE(index->replace(7, Vector{1, 0}).value());
  index->insert(8, Vector{1, 1}).value();
  EXPECT_TRUE(index->replace(7, Vector{0, 1}).value());
  EXPECT_EQ(index->size(), 2u);
  EXPECT_EQ(ids(search(*index, {1, 0}, 10)), (Ids{8, 7}));
  EXPECT_EQ(index->vector(7).value(), (Vector{0, 1}));
}

TEST(Index, ARemovedRowIsGoneAndMayComeBack) {
  const auto index = make(2);
  index->insert(7, Vector{1, 0}).value();
  EXPECT_TRUE(index->remove(7).value());
  EXPECT_FALSE(index->remove(7).value());
  EXPECT_TRUE(search(*index, {1, 0}, 10).empty());
  EXPECT_EQ(index->vector(7).error().message, "the index has no row 7");
  index->insert(7, Vector{0, 1}).value();
  EXPECT_NEAR(search(*index, {0, 1}, 10)[0].score, 1, 1e-3);
}

TEST(Index, SpeaksDotProductsAndDistancesToo) {
  const auto dots = Index::create({.dimension = 2, .metric = Metric::Dot}).value();
  dots->insert(1, Vector{1, 0}).value();
  dots->insert(2, Vector{5, 0}).value();
  EXPECT_NEAR(search(*dots, {2, 0}, 2)[0].score, 10, 0.1);
  EXPECT_EQ(ids(search(*dots, {2, 0}, 2)), (Ids{2, 1}));
  const auto distances = Index::create({.dimension = 2, .metric = Metric::L2}).value();
  distances->insert(1, Vector{1, 0}).value();
  distances->insert(2, Vector{5, 0}).value();
  EXPECT_EQ(ids(search(*distances, {2, 0}, 2)), (Ids{1, 2}));
  EXPECT_NEAR(search(*distances, {2, 0}, 2)[1].score, -9, 0.1);
}

TEST(Index, FindsAsManyAsThereAreAmongManyEqualRows) {
  for (const Profile profile : {Profile::Exact, Profile::Fast, Profile::Compact}) {
    for (const std::size_t every : {1, 12}) {
      const auto index = make(48, profile);
      Source source(48);
      const Vector same = source.next();
      std::vector<Vector> vectors = source.next(5000);
      for (std::size_t i = 0; i < vectors.size(); i += every) vectors[i] = same;
      fill(*index, vectors);
      for (const double recall : {.9, .98, .995, 1.0}) {
        for (const std::size_t k : {10, 300}) {
          const std::vector<Match> matches = search(*index, same, k, {recall});
          ASSERT_EQ(matches.size(), k) << "recall " << recall << " one of " << every;
          EXPECT_NEAR(matches.back().score, 1, 1e-2);
        }
      }
    }
  }
}

// Rows that lie all to one side, and no centre that says so: codes tell them badly apart.
TEST(Index, FindsTheNearestOfRowsThatLieFarFromTheCentre) {
  constexpr std::size_t kNumbers = 32;
  std::uint64_t seed = 0;
  for (const Metric metric : {Metric::Cosine, Metric::Dot, Metric::L2}) {
    for (const Profile profile : {Profile::Exact, Profile::Fast}) {
      for (const std::size_t rows : {50, 300, 4200}) {
        const auto index =
            Index::create(
                {.dimension = kNumbers, .metric = metric, .profile = profile, .rows_max = 1 << 13})
                .value();
        std::mt19937 random(static_cast<unsigned>(++seed));
        std::normal_distribution<float> gauss(10, 1);
        const auto next = [&] {
          Vector vector(kNumbers);
          for (float& x : vector) x = gauss(random);
          const float length = std::sqrt(testing::dot(vector, vector));
          if (metric == Metric::Cosine)
            for (float& x : vector) x /= length;
          return vector;
        };
        std::vector<Vector> vectors(rows);
        std::generate(vectors.begin(), vectors.end(), next);
        fill(*index, vectors);
        const auto compare = metric == Metric::L2 ? kernels().l2_f32 : kernels().dot_f32;
        const float sign = metric == Metric::L2 ? 1 : -1;
        double found = 0;
        for (int i = 0; i < 20; ++i) {
          const Vector query = next();
          std::vector<std::pair<float, std::uint64_t>> truth;
          for (std::uint64_t id = 0; id < rows; ++id) {
            truth.emplace_back(sign * compare(query.data(), vectors[id].data(), kNumbers), id);
          }
          std::partial_sort(truth.begin(), truth.begin() + 10, truth.end());
          const Ids got = ids(search(*index, query, 10));
          for (int j = 0; j < 10; ++j) {
            found += static_cast<double>(std::count(got.begin(), got.end(), truth[j].second));
          }
        }
        EXPECT_GE(found / 200, .95)
            << static_cast<int>(metric) << static_cast<int>(profile) << ' ' << rows;
      }
    }
  }
}

constexpr std::size_t kRows = 2600;  // that are scanned

struct Collection {
  explicit Collection(Profile profile, std::size_t dimension = 24, std::size_t rows = kRows)
      : source(dimension), index(make(dimension, profile)) {
    fill(*index, source.next(rows), 0, &truth);
  }

  // Rows that `allowed` lets through, and the filter of them.
  template <class Allowed>
  std::pair<Truth, Filter> filtered(const Allowed& allowed) const {
    Truth part;
    Ids ids;
    for (const auto& row : truth) {
      if (!allowed(row.first, row.second)) continue;
      part.push_back(row);
      ids.push_back(row.first);
    }
    return {part, index->filter(ids)};
  }

  Source source;
  const std::unique_ptr<Index> index;
  Truth truth;
};

// Tests that change nothing share a collection of each profile.
class Filled : public ::testing::TestWithParam<Profile> {
 protected:
  static Collection& shared() {
    static std::map<Profile, Collection> all;
    return all.try_emplace(GetParam(), GetParam()).first->second;
  }

  Index* const index_ = shared().index.get();
  const Truth& truth_ = shared().truth;
  Source source_{24, 2};
};

INSTANTIATE_TEST_SUITE_P(Profiles, Filled,
                         ::testing::Values(Profile::Exact, Profile::Fast, Profile::Compact),
                         testing::profile_name);

TEST_P(Filled, FindsNearlyAllOfTheNearestByDefault) {
  const double floor = GetParam() == Profile::Compact ? 0.95 : 0.97;
  EXPECT_GE(testing::recall(*index_, truth_, source_), floor);
  EXPECT_EQ(index_->stats().rows, kRows);
}

TEST_P(Filled, RecallDoesNotFallWithTheFilter) {
  const double floor = GetParam() == Profile::Compact ? 0.95 : 0.97;
  for (const std::uint64_t part :
       std::initializer_list<std::uint64_t>{2, 3, 10, 30, 100, 700, kRows}) {
    const auto [allowed, filter] = shared().filtered(
        [&](std::uint64_t id, const Vector&) { return id * 0x9E3779B97F4A7C15 % part == 0; });
    ASSERT_EQ(filter.size(), allowed.size());
    EXPECT_GE(testing::recall(*index_, allowed, source_, {.filter = &filter}), floor)
        << "one of " << part;
  }
}

TEST_P(Filled, RecallDoesNotFallWithAFilterThatKnowsTheQuery) {
  const double floor = GetParam() == Profile::Compact ? 0.94 : 0.97;
  const Vector probe = source_.next();
  for (const float limit : {-0.3F, 0.0F, 0.2F, 0.5F}) {
    const auto far =
        shared().filtered([&](auto, const Vector& v) { return testing::dot(v, probe) < limit; });
    const auto near =
        shared().filtered([&](auto, const Vector& v) { return testing::dot(v, probe) >= limit; });
    EXPECT_GE(testing::recall(*index_, far.first, source_, {.filter = &far.second}), floor);
    EXPECT_GE(testing::recall(*index_, near.first, source_, {.filter = &near.second}), floor);
  }
}

TEST_P(Filled, AsManyAreFoundAsThereAre) {
  const Ids few = {5, 17, 2599};
  const Filter filter = index_->filter(few);
  Ids found = ids(search(*index_, source_.next(), 10, {.filter = &filter}));
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, few);
  EXPECT_EQ(search(*index_, source_.next(), 1000).size(), 1000u);
}

TEST_P(Filled, ABatchFindsWhatItsQueriesFindAlone) {
  const std::size_t count = 21;
  for (const double recall : {0.95, 0.995, 1.0}) {
    Vector queries;
    std::vector<Ids> alone;
    for (std::size_t i = 0; i < count; ++i) {
      const Vector query = source_.next();
      queries.insert(queries.end(), query.begin(), query.end());
      alone.push_back(ids(search(*index_, query, 5, {.recall = recall})));
    }
    std::vector<Match> matches(count * 5);
    std::vector<std::size_t> found(count);
    index_->search_batch(queries, 5, {.recall = recall}, matches, found).value();
    for (std::size_t i = 0; i < count; ++i) {
      const auto first = matches.begin() + static_cast<std::ptrdiff_t>(5 * i);
      EXPECT_EQ(ids({first, first + static_cast<std::ptrdiff_t>(found[i])}), alone[i]);
    }
  }
}

TEST_P(Filled, ABatchOfAnotherShapeIsRefused) {
  std::vector<Match> matches(10);
  std::vector<std::size_t> found(2);
  EXPECT_FALSE(index_->search_batch(Vector(47), 5, {}, matches, found).ok());
  EXPECT_FALSE(index_->search_batch(Vector(48, 1), 6, {}, matches, found).ok());
  EXPECT_FALSE(index_->search_batch(Vector(48), 5, {}, matches, found).ok());  // no direction
  EXPECT_TRUE(index_->search_batch(Vector(48, 1), 5, {}, matches, found).ok());
}

class Changed : public ::testing::Test {
 protected:
  Collection collection_{Profile::Fast};
  Index* const index_ = collection_.index.get();
  Truth& truth_ = collection_.truth;
  Source& source_ = collection_.source;
};

TEST_F(Changed, RecallHoldsAfterEveryRowWasReplaced) {
  for (auto& [id, vector] : truth_) {
    vector = source_.next();
    ASSERT_TRUE(index_->replace(id, vector).value());
  }
  EXPECT_GE(testing::recall(*index_, truth_, source_), 0.96);
  EXPECT_EQ(index_->size(), kRows);
}

TEST_F(Changed, AFilterNamesTheRowsThatThereWereAndNoneThatTookTheirSlots) {
  const auto [allowed, filter] =
      collection_.filtered([](std::uint64_t id, const Vector&) { return id < 50; });
  for (std::uint64_t id = 0; id < kRows; ++id) ASSERT_TRUE(index_->remove(id).value());
  fill(*index_, source_.next(kRows), 10'000);
  EXPECT_TRUE(search(*index_, source_.next(), 10, {.filter = &filter}).empty());
  EXPECT_LE(index_->stats().rows, kRows);
}

TEST_F(Changed, AFilterGoesOnBetweenRowsThatTookOthersSlots) {
  const Filter half = index_->filter([&] {
    Ids ids(1300);
    std::iota(ids.begin(), ids.end(), 0);
    return ids;
  }());
  for (std::uint64_t id = 650; id < 1950; ++id) ASSERT_TRUE(index_->remove(id).value());
  fill(*index_, source_.next(1300), 10'000);
  const Truth left(truth_.begin(), truth_.begin() + 650);
  EXPECT_GE(testing::recall(*index_, left, source_, {.filter = &half}), 0.94);
}

// Puts rows under new ids into the slots of rows that are taken out.
void displace(Index& index, std::uint64_t first, std::uint64_t last, std::uint64_t next,
              Source& source) {
  for (std::uint64_t id = first; id < last; ++id) ASSERT_TRUE(index.remove(id).value());
  fill(index, source.next(last - first), next);
}

TEST_F(Changed, FiltersOfDifferentTimesTakeTurnsOverTheSameSlots) {
  const auto named = [&](std::uint64_t first) {
    Ids all(300);
    std::iota(all.begin(), all.end(), first);
    return index_->filter(all);
  };
  const Filter old = named(0);
  displace(*index_, 0, 300, 10'000, source_);
  const Filter young = named(10'000);
  const Filter copy = young;
  const auto found = [&](const Filter& filter) {
    return search(*index_, source_.next(), 400, {.filter = &filter}).size();
  };
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(found(old), 0u);
    EXPECT_EQ(found(young), 300u);
    EXPECT_EQ(found(copy), 300u);
  }
  displace(*index_, 10'000, 10'200, 20'000, source_);
  EXPECT_EQ(found(young), 100u);
  EXPECT_EQ(found(old), 0u);
  EXPECT_EQ(found(copy), 100u);
}

TEST_F(Changed, AFilterThatWasFreshenedIsFreshenedAgain) {
  Ids all(600);
  std::iota(all.begin(), all.end(), 0);
  const Filter filter = index_->filter(all);
  for (std::uint64_t gone = 0; gone < 600; gone += 200) {
    displace(*index_, gone, gone + 200, 10'000 + gone, source_);
    for (int i = 0; i < 3; ++i) {
      const Ids found = ids(search(*index_, source_.next(), 700, {.filter = &filter}));
      EXPECT_EQ(found.size(), 400 - gone);
      EXPECT_TRUE(std::all_of(found.begin(), found.end(),
                              [&](std::uint64_t id) { return id >= gone + 200 && id < 600; }));
    }
  }
}

TEST_F(Changed, MergesAnotherIndexOverItsOwnRows) {
  const auto other = make(24);
  const std::vector<Vector> vectors = source_.next(20);
  fill(*other, vectors, 2590);
  index_->merge(*other).value();
  EXPECT_EQ(index_->size(), kRows + 10);
  EXPECT_EQ(ids(search(*index_, vectors[3], 1)), Ids{2593});
  EXPECT_EQ(ids(search(*index_, vectors[19], 1)), Ids{2609});
  index_->merge(*index_).value();
  EXPECT_EQ(index_->size(), kRows + 10);
  EXPECT_FALSE(index_->merge(*make(23)).ok());
  const auto distances = Index::create({.dimension = 24, .metric = Metric::L2}).value();
  EXPECT_FALSE(index_->merge(*distances).ok());
}

TEST_F(Changed, WritersOfAnIndexThatIsMergedIntoAnotherAreNotRefused) {
  const auto other = Index::create({.dimension = 24, .rows_max = 300}).value();
  fill(*other, source_.next(300), 20'000);
  std::atomic<bool> done{false};
  std::jthread merging([&] {
    index_->merge(*other).value();
    done = true;
  });
  std::size_t refused = 0;
  for (std::uint64_t i = 0; !done || i < 300; ++i) {
    refused += other->replace(20'000 + i % 300, source_.next()).ok() ? 0u : 1u;
  }
  merging.join();
  EXPECT_EQ(refused, 0u);
  EXPECT_EQ(index_->size(), kRows + 300);
}

TEST(Index, MergesVectorsThatRoundingHasLengthened) {
  const auto from = Index::create({.dimension = 1, .metric = Metric::Dot}).value();
  const auto to = Index::create({.dimension = 1, .metric = Metric::Dot}).value();
  const float long_one = 3.162e18F;
  for (std::uint64_t id = 0; id < 50; ++id) {
    const float value = long_one * (1 - 0.0002F * static_cast<float>(id));
    from->insert(id, Vector{value}).value();
  }
  to->merge(*from).value();
  EXPECT_EQ(to->size(), 50u);
  EXPECT_NEAR(to->vector(0).value()[0] / long_one, 1, 0.01);
}

// Large enough, without the codes for quick scans, for walks to be the cheaper.
constexpr std::size_t kWalkedRows = 9000, kWalkedDimension = 128;
struct Walked : ::testing::Test {
  Collection collection{Profile::Compact, kWalkedDimension, kWalkedRows};
  Index& index = *collection.index;
};

#if !defined(__SANITIZE_THREAD__)  // under which one thread's work takes a minute
// With all codes, of which scans take bits where they may and walks nibbles: these are the cheaper
// where vectors are long and less is asked.
TEST(Index, RecallHoldsWhereWalksAndScansOfAllCodesTakeTurns) {
  constexpr std::size_t kLong = 640;
  Collection collection(Profile::Fast, kLong, kWalkedRows);
  const Index& index = *collection.index;
  Source queries(kLong, 2);
  EXPECT_GE(testing::recall(index, collection.truth, queries), .97);
  EXPECT_EQ(index.stats().walks, 0u);
  EXPECT_GE(testing::recall(index, collection.truth, queries, {.recall = .95}), .94);
  EXPECT_EQ(index.stats().walks, 30u);
  for (const std::uint64_t part : {10, 3}) {
    const auto [most, filter] = collection.filtered([&](auto id, auto&) { return id % part != 0; });
    EXPECT_GE(testing::recall(index, most, queries, {.95, &filter}), .94) << part;
    EXPECT_GE(testing::recall(index, most, queries, {.filter = &filter}), .97) << part;
    const auto [few, rest] = collection.filtered([&](auto id, auto&) { return id % part == 0; });
    EXPECT_GE(testing::recall(index, few, queries, {.95, &rest}), .94) << part;
  }
  EXPECT_GE(index.stats().walks, 60u);
}
#endif

TEST_F(Walked, WalksGoOnAfterAnOpenedIndexHasGrown) {
  const testing::Folder folder;
  index.save(folder.file("index")).value();
  const auto opened = Index::open(folder.file("index"), Index::Tending::Caller).value();
  fill(*opened, collection.source.next(1200), kWalkedRows, &collection.truth);
  Source queries(kWalkedDimension, 2);
  EXPECT_GE(testing::recall(*opened, collection.truth, queries, {.recall = .95}), .9);
  EXPECT_EQ(opened->stats().walks, 30u);
}

#if !defined(__SANITIZE_THREAD__)  // under which one thread's work takes a minute
TEST_F(Walked, AFilterMostOfWhoseRowsAreGoneIsScanned) {
  const auto [all, filter] = collection.filtered([](auto, auto&) { return true; });
  Source queries(kWalkedDimension, 2);
  for (std::uint64_t id = 100; id < kWalkedRows; ++id) {
    ASSERT_TRUE(id % 3 == 0 ? index.replace(id, collection.source.next()).value()
                            : index.remove(id).value());
  }
  const Truth left(collection.truth.begin(), collection.truth.begin() + 100);
  EXPECT_GE(testing::recall(index, left, queries, {.95, &filter}), .95);
  EXPECT_EQ(index.stats().walks, 0u);
  EXPECT_EQ(index.stats().scans_after_walks, 0u);
  EXPECT_EQ(search(index, queries.next(), 200, {.95, &filter}).size(), 100u);
}
#endif

TEST_F(Walked, WalksFindNearlyAllOfTheNearestFilteredOrNot) {
  Source queries(kWalkedDimension, 2);
  EXPECT_GE(testing::recall(index, collection.truth, queries, {.recall = 0.95}), 0.9);
  EXPECT_EQ(index.stats().walks, 30u);
  const auto [most, filter] = collection.filtered([](auto id, auto&) { return id % 5 != 0; });
  EXPECT_GE(testing::recall(index, most, queries, {0.95, &filter}), 0.9);
  EXPECT_GT(index.stats().walks, 50u);
}

TEST_F(Walked, AFilterThatHidesWhatAWalkFindsIsScanned) {
  const Vector probe = collection.source.next();
  std::vector<std::pair<float, std::uint64_t>> order;
  for (const auto& [id, vector] : collection.truth) {
    order.emplace_back(testing::dot(vector, probe), id);
  }
  std::sort(order.begin(), order.end());
  Ids far;
  for (std::size_t i = 0; i < 7000; ++i) far.push_back(order[i].second);
  const Filter filter = index.filter(far);
  const Ids found = ids(search(index, probe, 10, {0.95, &filter}));
  EXPECT_EQ(index.stats().scans_after_walks, 1u);
  EXPECT_EQ(found.size(), 10u);
  const float tenth = order[7000 - 10].first;
  for (const std::uint64_t id : found) {
    EXPECT_GE(testing::dot(collection.truth[id].second, probe), tenth - 0.02F);
  }
}

TEST_F(Walked, QueriesUnlikeTheRowsWidenTheWalksUntilTheyFindWhatIsAsked) {
  Source centres(kWalkedDimension, 99);
  Source unlike(kWalkedDimension, 3);
  const Vector aside = centres.next();
  const auto query = [&] {
    Vector made = unlike.next();
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = 0.3F * made[i] - aside[i];
    return made;
  };
  const auto missed = [&] {
    std::size_t count = 0;
    for (int i = 0; i < 40; ++i) {
      const Vector probe = query();
      const Ids found = ids(search(index, probe, 10, {0.9}));
      for (const std::uint64_t id : ids(search(index, probe, 10, {1.0}))) {
        count += std::find(found.begin(), found.end(), id) == found.end() ? 1u : 0u;
      }
    }
    return count;
  };
  const std::size_t at_first = missed();  // of 400
  for (int i = 0; i < 2000; ++i) search(index, query(), 10, {0.9});
  EXPECT_GT(at_first, 60u);
  EXPECT_LT(missed(), 50u);
  EXPECT_GT(index.stats().widening, 1.2);
}

// A walk and a scan may show others of equal rows, and both be right.
TEST(Index, AuditsMissNoneOfRowsThatAreEqualToThoseFound) {
  constexpr std::size_t kEqual = 4;
  const auto index = make(kWalkedDimension, Profile::Compact);
  Source source(kWalkedDimension);
  std::vector<Vector> vectors;
  for (const Vector& vector : source.next(kWalkedRows / kEqual)) {
    vectors.insert(vectors.end(), kEqual, vector);
  }
  std::mt19937 random(1);
  std::shuffle(vectors.begin(), vectors.end(), random);
  fill(*index, vectors);
  for (int i = 0; i < 3000; ++i) search(*index, source.next(), 10, {.recall = .9});
  EXPECT_EQ(index->stats().walks, 3000u);
  EXPECT_LT(index->stats().widening, 1.3);
}

TEST_F(Walked, SearchesFiltersAndLookupsGoOnBesideChanges) {
  std::atomic<bool> done{false};
  std::atomic<std::size_t> wrong{0};
  std::vector<std::jthread> readers;
  for (const std::uint64_t seed : {5, 6}) {
    readers.emplace_back([&, seed] {
      Source queries(kWalkedDimension, seed);
      // Rows below 1,000 are never touched.
      Ids kept(1000);
      std::iota(kept.begin(), kept.end(), 0);
      while (!done) {
        const Filter filter = index.filter(kept);
        const std::vector<Match> all = search(index, queries.next(), 10, {0.95});
        const std::vector<Match> some = search(index, queries.next(), 10, {0.95, &filter});
        const bool kept_found = std::all_of(some.begin(), some.end(),
                                            [](const Match& match) { return match.id < 1000; });
        const bool right = filter.size() == 1000 && all.size() == 10 && some.size() == 10 &&
                           kept_found && index.contains(7) && index.vector(9).ok();
        wrong += right ? 0u : 1u;
      }
    });
  }
  Source fresh(kWalkedDimension, 7);
  for (std::uint64_t i = 0; i < 1500; ++i) {
    const std::uint64_t id = 1000 + fresh.random() % (kWalkedRows - 1000);
    EXPECT_TRUE(i % 3 == 0 ? index.remove(id).ok() : index.replace(id, fresh.next()).ok());
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong, 0u);
}

TEST(Index, SearchesSeeEachReplacementWholeWhileItIsGoingOn) {
  // Two rows are one unit apart at any time; they change places together in no state that a search
  // may see, but each row is always somewhere.
  const auto index = make(4);
  index->insert(1, Vector{1, 0, 0, 0}).value();
  index->insert(2, Vector{0, 1, 0, 0}).value();
  std::atomic<bool> done{false};
  std::array<std::size_t, 2> wrong = {};
  {
    std::vector<std::jthread> readers;
    for (std::size_t& bad : wrong) {
      readers.emplace_back([&] {
        while (!done) {
          Ids found = ids(search(*index, {1, 1, 1, 1}, 10));
          std::sort(found.begin(), found.end());
          bad += found == Ids{1, 2} ? 0u : 1u;
        }
      });
    }
    for (int i = 0; i < 2000; ++i) {
      const float side = static_cast<float>(i % 2);
      EXPECT_TRUE(index->replace(1, Vector{1, 0, side, 0}).value());
      EXPECT_TRUE(index->replace(2, Vector{0, 1, side, 0}).value());
    }
    done = true;
  }
  EXPECT_EQ(wrong, (std::array<std::size_t, 2>{0, 0}));
}

}  // namespace
}  // namespace vector
