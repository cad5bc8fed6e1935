#include "vector/flat.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using vector::Bitmap;
using vector::Flat;
using vector::Hit;
using vector::Metric;
using vector::Query;
using vector::Rows;
using vector::Scan;
using vector::Snapshot;

constexpr Scan kScans[] = {Scan::F32, Scan::I8, Scan::U4, Scan::B1};

// Rows around a few centres, some of them removed, and what a search must find among them.
class Collection {
 public:
  Collection(std::size_t dimension, Metric metric, std::size_t count,
             Rows::Originals originals = Rows::Originals::F32, bool clustered = true)
      : dimension_(dimension), random_(static_cast<unsigned>(dimension + count)) {
    for (int c = 0; clustered && c < 20; ++c) centres_.push_back(gaussian(1));
    Rows::Options options;
    options.dimension = dimension;
    options.metric = metric;
    options.rows_max = count;
    options.originals = originals;
    rows = std::move(Rows::create(options)).value();
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(rows->insert(i, vector()).ok());
    }
    rows->publish();
    for (std::uint32_t slot = 3; slot < count; slot += 29) rows->remove(slot);
    rows->publish();
  }

  std::vector<float> vector() {
    std::vector<float> out = gaussian(centres_.empty() ? 1.0F : .5F);
    if (centres_.empty()) return out;
    const std::vector<float>& centre = centres_[random_() % centres_.size()];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += centre[i];
    return out;
  }

  Query query() {
    Query query;
    EXPECT_TRUE(query.set(rows->coder(), vector()).ok());
    return query;
  }

  Bitmap filter(std::uint32_t one_in) {
    Bitmap bitmap(rows->slots());
    for (std::size_t i = 0; i < bitmap.size(); ++i) {
      if (random_() % one_in == 0) bitmap.set(i);
    }
    return bitmap;
  }

  // By comparing with every row that counts.
  std::vector<Hit> truth(const Query& query, std::size_t k, const Bitmap* filter) const {
    std::vector<Hit> all;
    std::vector<float> row(dimension_);
    const Snapshot snapshot = rows->snapshot();
    for (std::uint32_t slot = 0; slot < rows->slots(); ++slot) {
      if (!rows->visible(slot, snapshot) || (filter != nullptr && !filter->test(slot))) continue;
      rows->vector(slot, row.data());
      all.push_back({rows->coder().exact(query.original(), row.data()), slot});
    }
    std::sort(all.begin(), all.end());
    all.resize(std::min(k, all.size()));
    return all;
  }

  std::unique_ptr<Rows> rows;

 private:
  std::vector<float> gaussian(float deviation) {
    std::normal_distribution<float> gauss(0, deviation);
    std::vector<float> out(dimension_);
    for (float& x : out) x = gauss(random_);
    return out;
  }

  std::size_t dimension_;
  std::mt19937 random_;
  std::vector<std::vector<float>> centres_;
};

double recall(std::span<const Hit> found, const std::vector<Hit>& truth) {
  double hits = 0;
  for (const Hit& wanted : truth) {
    hits += static_cast<double>(std::any_of(
        found.begin(), found.end(), [&](const Hit& hit) { return hit.slot == wanted.slot; }));
  }
  return truth.empty() ? 1 : hits / static_cast<double>(truth.size());
}

double least(Scan scan) { return scan == Scan::B1 ? .98 : .999; }

TEST(Flat, EveryScanFindsTheNearestUnderEveryMetricAndFilter) {
  for (const Metric metric : {Metric::Cosine, Metric::Dot, Metric::L2}) {
    Collection collection(96, metric, 3000);
    Flat flat(*collection.rows);
    const Bitmap tenth = collection.filter(10);
    const Bitmap few = collection.filter(100);
    const Bitmap none(3000);
    for (const Bitmap* filter : {static_cast<const Bitmap*>(nullptr), &tenth, &few, &none}) {
      for (const Scan scan : kScans) {
        double sum = 0;
        for (int i = 0; i < 12; ++i) {
          Query query = collection.query();
          const std::vector<Hit> truth = collection.truth(query, 10, filter);
          const auto hits = flat.search(query, 10, collection.rows->snapshot(), scan, filter);
          EXPECT_EQ(hits.size(), truth.size());
          EXPECT_TRUE(std::is_sorted(hits.begin(), hits.end()));
          sum += recall(hits, truth);
        }
        EXPECT_GE(sum / 12, least(scan))
            << static_cast<int>(metric) << " scan " << static_cast<int>(scan);
      }
    }
  }
}

TEST(Flat, ExactScoresAreThoseOfTheOriginals) {
  for (const Metric metric : {Metric::Cosine, Metric::L2}) {
    Collection collection(50, metric, 500);
    Flat flat(*collection.rows);
    Query query = collection.query();
    const std::vector<Hit> truth = collection.truth(query, 5, nullptr);
    for (const Scan scan : kScans) {
      const auto hits = flat.search(query, 5, collection.rows->snapshot(), scan);
      ASSERT_EQ(hits.size(), 5U);
      for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(hits[i].score, truth[i].score, 1e-3) << i;
    }
  }
}

TEST(Flat, WorksWithoutOriginalsOrWithShorterOnes) {
  for (const auto originals :
       {Rows::Originals::F16, Rows::Originals::Bf16, Rows::Originals::None}) {
    for (const Metric metric : {Metric::Cosine, Metric::L2}) {
      if (originals == Rows::Originals::F16 && metric != Metric::Cosine) continue;
      Collection collection(64, metric, 2000, originals);
      Flat flat(*collection.rows);
      for (const Scan scan : kScans) {
        double sum = 0;
        for (int i = 0; i < 8; ++i) {
          Query query = collection.query();
          const auto hits = flat.search(query, 10, collection.rows->snapshot(), scan);
          sum += recall(hits, collection.truth(query, 10, nullptr));
        }
        EXPECT_GE(sum / 8, .95) << static_cast<int>(originals) << static_cast<int>(scan);
      }
    }
  }
}

TEST(Flat, OneBitCodesHandOverWhereTheyCannotTellRowsApart) {
  Collection collection(64, Metric::Cosine, 20000, Rows::Originals::F32, false);
  Flat flat(*collection.rows);
  double sum = 0;
  for (int i = 0; i < 25; ++i) {
    Query query = collection.query();
    const auto hits = flat.search(query, 10, collection.rows->snapshot(), Scan::B1);
    sum += recall(hits, collection.truth(query, 10, nullptr));
  }
  EXPECT_GE(sum / 25, .98);
}

// Each third row is the same one, and a few are nearer to the query than those.
TEST(Flat, EveryScanFindsAsManyAsThereAreAmongManyEqualRows) {
  constexpr std::size_t kDimension = 64, kCount = 5000;
  for (const bool u4 : {true, false}) {
    Rows::Options options;
    options.dimension = kDimension;
    options.rows_max = kCount;
    options.u4 = u4;
    auto rows = std::move(Rows::create(options)).value();
    std::mt19937 random(7);
    std::normal_distribution<float> gauss;
    std::vector<float> same(kDimension), row(kDimension);
    for (float& x : same) x = gauss(random);
    for (std::size_t i = 0; i < kCount; ++i) {
      for (float& x : row) x = gauss(random);
      if (i % 1000 == 1) {
        std::transform(row.begin(), row.end(), same.begin(), row.begin(),
                       [](float noise, float x) { return x + .01F * noise; });
      }
      ASSERT_TRUE(rows->insert(i, i % 3 == 0 ? same : row).ok());
    }
    rows->publish();
    Flat flat(*rows);
    Query query;
    ASSERT_TRUE(query.set(rows->coder(), same).ok());
    for (const Scan scan : kScans) {
      if (scan == Scan::U4 && !u4) continue;
      for (const std::size_t k : {1, 10, 100, 1000}) {
        const auto hits = flat.search(query, k, rows->snapshot(), scan);
        ASSERT_EQ(hits.size(), k) << "scan " << static_cast<int>(scan) << " nibbles " << u4;
        EXPECT_NEAR(hits.back().score, 1, 1e-3);
      }
    }
  }
}

TEST(Flat, ListedSlotsAreSearchedInAnyOrderAndOnlyTheVisible) {
  Collection collection(40, Metric::Cosine, 3000);
  Flat flat(*collection.rows);
  std::vector<std::uint32_t> slots;
  Bitmap same(3000);
  for (std::uint32_t slot = 2999; slot > 300; slot -= 2) {
    slots.push_back(slot);
    same.set(slot);
  }
  Query query = collection.query();
  const auto hits = flat.search_slots(query, 10, collection.rows->snapshot(), slots);
  EXPECT_EQ(recall(hits, collection.truth(query, 10, &same)), 1);
  EXPECT_TRUE(flat.search_slots(query, 10, collection.rows->snapshot(), {}).empty());
}

TEST(Flat, QueriesThatShareAScanGetTheirOwnAnswers) {
  Collection collection(96, Metric::Cosine, 3000);
  Flat flat(*collection.rows);
  const Bitmap half = collection.filter(2);
  for (const Bitmap* filter : {static_cast<const Bitmap*>(nullptr), &half}) {
    for (const std::size_t count : {1, 4, 7, 8}) {
      std::vector<Query> queries;
      for (std::size_t i = 0; i < count; ++i) queries.push_back(collection.query());
      flat.search_batch(queries, 10, collection.rows->snapshot(), filter);
      ASSERT_EQ(flat.hits().size(), count);
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(recall(flat.hits()[i], collection.truth(queries[i], 10, filter)), 1) << i;
      }
    }
  }
}

TEST(Flat, RowsThatTheirSketchesRuleOutAreNotMissed) {
  for (const bool clustered : {true, false}) {
    for (const Metric metric : {Metric::Cosine, Metric::Dot, Metric::L2}) {
      Collection collection(300, metric, 4000, Rows::Originals::F32, clustered);
      Flat flat(*collection.rows);
      const Bitmap third = collection.filter(3), few = collection.filter(300), none(4000);
      for (const Bitmap* filter : {&third, &few, &none}) {
        for (const std::size_t k : {1, 50}) {
          double sum = 0;
          for (int i = 0; i < 6; ++i) {
            Query query = collection.query();
            const std::vector<Hit> truth = collection.truth(query, k, filter);
            const auto hits = flat.search(query, k, collection.rows->snapshot(), Scan::U4, filter);
            EXPECT_EQ(hits.size(), truth.size());
            sum += recall(hits, truth);
          }
          EXPECT_GE(sum / 6, .99) << static_cast<int>(metric) << " k " << k << clustered;
        }
      }
    }
  }
}

TEST(Flat, QueriesThatShareAScanMissNothingWhereNibblesDo) {
  constexpr std::size_t kTogether = 8;
  for (const bool clustered : {true, false}) {
    Collection collection(32, Metric::Cosine, 6000, Rows::Originals::F32, clustered);
    Flat flat(*collection.rows);
    for (const std::size_t k : {1, 10, 100}) {
      for (int round = 0; round < 3; ++round) {
        std::vector<Query> queries;
        for (std::size_t i = 0; i < kTogether; ++i) queries.push_back(collection.query());
        flat.search_batch(queries, k, collection.rows->snapshot());
        for (std::size_t i = 0; i < kTogether; ++i) {
          EXPECT_EQ(recall(flat.hits()[i], collection.truth(queries[i], k, nullptr)), 1) << k;
        }
      }
    }
  }
}

// The rows are so alike that they lie within the error of nibbles.
TEST(Flat, QueriesThatShareAScanAreAnsweredByBytesWhereNibblesCannotTell) {
  Rows::Options options;
  options.dimension = 40;
  options.rows_max = 5000;
  auto rows = std::move(Rows::create(options)).value();
  std::mt19937 random(11);
  std::normal_distribution<float> gauss;
  std::vector<float> row(40);
  const auto next = [&] {
    for (float& x : row) x = 1 + .1F * gauss(random);
    return row;
  };
  for (std::size_t i = 0; i < 5000; ++i) ASSERT_TRUE(rows->insert(i, next()).ok());
  rows->publish();
  Flat flat(*rows);
  std::vector<Query> queries(5);
  for (int round = 0; round < 8; ++round) {  // until nibbles are not tried any more
    for (Query& query : queries) ASSERT_TRUE(query.set(rows->coder(), next()).ok());
    flat.search_batch(queries, 10, rows->snapshot());
    for (std::size_t i = 0; i < queries.size(); ++i) {
      const std::vector<Hit> shared = flat.hits()[i];
      const auto alone = flat.search(queries[i], 10, rows->snapshot(), Scan::I8);
      EXPECT_EQ(shared, std::vector<Hit>(alone.begin(), alone.end()));
    }
  }
}

TEST(Flat, QueriesThatShareAScanFindAsManyAsThereAreAmongEqualRows) {
  Rows::Options options;
  options.dimension = 40;
  options.rows_max = 5000;
  auto rows = std::move(Rows::create(options)).value();
  const std::vector<float> same(40, 1);
  for (std::size_t i = 0; i < 5000; ++i) ASSERT_TRUE(rows->insert(i, same).ok());
  rows->publish();
  Flat flat(*rows);
  std::vector<Query> queries(3);
  for (Query& query : queries) ASSERT_TRUE(query.set(rows->coder(), same).ok());
  for (const std::size_t k : {1, 1000, 6000}) {
    flat.search_batch(queries, k, rows->snapshot());
    for (const auto& hits : flat.hits()) EXPECT_EQ(hits.size(), std::min<std::size_t>(k, 5000));
  }
}

TEST(Flat, FindsAllRowsWhenAskedForMoreAndNoneWhenThereAreNone) {
  Collection collection(8, Metric::L2, 50);
  Rows::Options options;
  options.dimension = 8;
  options.metric = Metric::L2;
  auto empty = std::move(Rows::create(options)).value();
  Flat flat(*collection.rows);
  Flat none(*empty);
  for (const Scan scan : kScans) {
    Query query = collection.query();
    EXPECT_EQ(flat.search(query, 1000, collection.rows->snapshot(), scan).size(),
              collection.rows->live());
    EXPECT_TRUE(none.search(query, 10, empty->snapshot(), scan).empty());
  }
}

TEST(Flat, ChoosesFewerBytesForMoreRows) {
  Collection collection(8, Metric::L2, 20000);
  const Rows& rows = *collection.rows;
  EXPECT_EQ(Flat::choose(rows, 100), Scan::I8);
  EXPECT_EQ(Flat::choose(rows, 5000), Scan::U4);
  EXPECT_EQ(Flat::choose(rows, 19000), Scan::B1);
}

}  // namespace
