#include "vector/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace {

thread_local std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* found = std::malloc(bytes)) return found;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes);
}
void operator delete(void* what) noexcept { std::free(what); }
void operator delete(void* what, std::size_t) noexcept { std::free(what); }

namespace vector {
namespace {

constexpr std::size_t kDimension = 40;
constexpr std::size_t kTop = 10;

// Rows around a few hundred centres, seeded.
class Cloud {
 public:
  explicit Cloud(std::uint64_t seed, std::size_t centres = 60) : random_(seed) {
    for (std::size_t i = 0; i < centres; ++i) centres_.push_back(gaussian(1));
  }

  std::vector<float> next() {
    std::vector<float> row = gaussian(.35F);
    const std::vector<float>& centre = centres_[random_.below(centres_.size())];
    for (std::size_t i = 0; i < kDimension; ++i) row[i] += centre[i];
    return row;
  }

 private:
  std::vector<float> gaussian(float scale) {
    std::vector<float> row(kDimension);
    for (float& x : row) {
      x = 0;
      for (int i = 0; i < 12; ++i) x += static_cast<float>(random_.uniform());
      x = (x - 6) * scale;
    }
    return row;
  }

  Random random_;
  std::vector<std::vector<float>> centres_;
};

Rows::Options options(Metric metric = Metric::Cosine) {
  Rows::Options options;
  options.dimension = kDimension;
  options.metric = metric;
  options.rows_max = 1 << 14;
  options.b1 = false;
  return options;
}

// Rows and a graph over them, by external ids.
class GraphTest : public testing::Test {
 protected:
  void make(Rows::Options with = options()) {
    rows = std::move(Rows::create(std::move(with))).value();
    graph = std::make_unique<Graph>(std::move(Graph::create(*rows)).value());
    scratch = std::make_unique<GraphScratch>(
        std::move(GraphScratch::create(rows->options().rows_max)).value());
    slots.clear();
  }

  void add(std::uint64_t id, const std::vector<float>& row) {
    const Result<std::uint32_t> slot = rows->insert(id, row);
    ASSERT_TRUE(slot.ok()) << slot.error().message;
    graph->insert(slot.value());
    slots[id] = slot.value();
  }

  void take(std::uint64_t id) {
    const std::uint32_t slot = slots.at(id);
    slots.erase(id);
    rows->remove(slot);
    graph->remove(slot);
  }

  void repair() {
    rows->publish();
    rows->release(graph->repair());
  }

  void fill(std::size_t count, std::uint64_t seed = 1) {
    Cloud cloud(seed);
    for (std::uint64_t id = 0; id < count; ++id) add(id, cloud.next());
    rows->publish();
  }

  std::vector<std::uint64_t> search(const std::vector<float>& query, std::size_t k = kTop,
                                    const Bitmap* filter = nullptr, Effort effort = {}) {
    Query prepared;
    EXPECT_TRUE(prepared.set(rows->coder(), query).ok());
    std::vector<Hit> hits(k);
    const Snapshot snapshot = rows->snapshot();
    hits.resize(graph->search(*scratch, prepared, snapshot, filter, effort, hits));
    EXPECT_TRUE(std::is_sorted(hits.begin(), hits.end()));
    std::vector<std::uint64_t> ids;
    for (const Hit& hit : hits) ids.push_back(rows->id(hit.slot));
    return ids;
  }

  // The same by brute force over the live rows that the filter lets through.
  std::vector<std::uint64_t> truth(const std::vector<float>& query,
                                   const Bitmap* filter = nullptr) {
    std::vector<float> accepted(f32_stride(kDimension)), row(f32_stride(kDimension));
    EXPECT_TRUE(rows->coder().accept(query, accepted.data()).ok());
    std::vector<std::pair<float, std::uint64_t>> all;
    for (const auto& [id, slot] : slots) {
      if (filter != nullptr && !filter->test(slot)) continue;
      rows->vector(slot, row.data());
      all.emplace_back(-rows->coder().exact(accepted.data(), row.data()), id);
    }
    std::sort(all.begin(), all.end());
    all.resize(std::min(all.size(), kTop));
    std::vector<std::uint64_t> ids;
    for (const auto& [score, id] : all) ids.push_back(id);
    return ids;
  }

  double recall(Effort effort = {}, const Bitmap* filter = nullptr, std::size_t queries = 100) {
    return recall(Cloud(99), effort, filter, queries);
  }
  double recall(Cloud cloud, Effort effort, const Bitmap* filter = nullptr,
                std::size_t queries = 100) {
    double found = 0;
    for (std::size_t i = 0; i < queries; ++i) {
      const std::vector<float> query = cloud.next();
      const std::vector<std::uint64_t> hits = search(query, kTop, filter, effort);
      const std::set<std::uint64_t> set(hits.begin(), hits.end());
      for (const std::uint64_t id : truth(query, filter)) found += set.count(id) != 0 ? 1 : 0;
    }
    return found / static_cast<double>(queries * kTop);
  }

  std::unique_ptr<Rows> rows;
  std::unique_ptr<Graph> graph;
  std::unique_ptr<GraphScratch> scratch;
  std::map<std::uint64_t, std::uint32_t> slots;
};

TEST_F(GraphTest, FindsNothingInAnEmptyGraph) {
  make();
  EXPECT_TRUE(search(Cloud(1).next()).empty());
  EXPECT_TRUE(graph->repair().empty());
}

TEST_F(GraphTest, FindsEveryOneOfAFewRows) {
  make();
  fill(7);
  std::vector<std::uint64_t> ids = search(Cloud(2).next());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids, (std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST_F(GraphTest, FindsTheNearestUnderEveryMetric) {
  for (const Metric metric : {Metric::Cosine, Metric::L2}) {
    make(options(metric));
    fill(2000);
    EXPECT_GE(recall({.breadth = 64}), .95);
    EXPECT_GE(recall({.breadth = 200}), .98);
  }
}

TEST_F(GraphTest, FindsTheNearestByBytesWhereThereAreNoNibbles) {
  Rows::Options without = options();
  without.u4 = false;
  without.originals = Rows::Originals::None;
  make(without);
  fill(2000);
  EXPECT_GE(recall({.breadth = 64}), .96);
}

TEST_F(GraphTest, FindsManyEqualRows) {
  make();
  const std::vector<float> row = Cloud(3).next();
  for (std::uint64_t id = 0; id < 300; ++id) add(id, row);
  Cloud cloud(5);
  for (std::uint64_t id = 300; id < 310; ++id) add(id, cloud.next());
  rows->publish();
  EXPECT_EQ(search(row, 100).size(), 100U);
  for (std::uint64_t id = 10; id < 300; ++id) take(id);
  repair();
  EXPECT_EQ(search(row, 30).size(), 20U);
}

TEST_F(GraphTest, ShowsOnlyWhatWasPublishedBeforeTheSearchBegan) {
  make();
  fill(100);
  const std::vector<float> row = Cloud(7).next();
  Query query;
  ASSERT_TRUE(query.set(rows->coder(), row).ok());
  const auto best = [&](const Snapshot& snapshot) {
    Hit hit;
    EXPECT_EQ(graph->search(*scratch, query, snapshot, nullptr, {}, std::span(&hit, 1)), 1U);
    return rows->id(hit.slot);
  };
  const Snapshot before = rows->snapshot();
  add(1000, row);
  EXPECT_NE(best(rows->snapshot()), 1000U);
  rows->publish();
  EXPECT_EQ(best(rows->snapshot()), 1000U);
  EXPECT_NE(best(before), 1000U);
  const Snapshot between = rows->snapshot();
  take(1000);
  rows->publish();
  EXPECT_EQ(best(between), 1000U);
  EXPECT_NE(best(rows->snapshot()), 1000U);
}

TEST_F(GraphTest, ForgetsRemovedRowsAndUsesTheirSlotsAgain) {
  make();
  fill(2000);
  for (std::uint64_t id = 0; id < 2000; id += 3) take(id);
  rows->publish();
  EXPECT_GE(recall(), .97);  // before the repair they still lead on
  EXPECT_TRUE(graph->repair_due());
  repair();
  EXPECT_EQ(graph->pending(), 0U);
  EXPECT_EQ(graph->size(), slots.size());
  EXPECT_GE(recall(), .97);
  Cloud cloud(8);
  for (std::uint64_t id = 5000; id < 5600; ++id) add(id, cloud.next());
  rows->publish();
  EXPECT_EQ(rows->slots(), 2000U);
  EXPECT_GE(recall(), .97);
}

TEST_F(GraphTest, KeepsItsRecallWhenEveryRowIsReplaced) {
  make();
  fill(3000, 1);
  Cloud near_by(1);  // as the rows are, and after them
  for (int i = 0; i < 3000; ++i) near_by.next();
  const auto narrow = [&] { return recall(near_by, {.breadth = 16}, nullptr, 500); };
  const double fresh = narrow();
  Cloud cloud(1);
  for (std::uint64_t id = 0; id < 3000; ++id) {
    take(id);
    add(3000 + id, cloud.next());
    rows->publish();
    if (graph->repair_due()) repair();
  }
  EXPECT_GE(narrow(), fresh - .01);
  EXPECT_LT(narrow(), 1);  // so that a loss shows
  EXPECT_LE(rows->slots(), 3200U);
}

TEST_F(GraphTest, SurvivesTheRemovalOfEveryRow) {
  make();
  fill(1500);
  for (std::uint64_t id = 0; id < 1500; ++id) take(id);
  repair();
  EXPECT_EQ(graph->size(), 0U);
  EXPECT_TRUE(search(Cloud(1).next()).empty());
  fill(1500, 2);
  EXPECT_GE(recall(), .97);
}

TEST_F(GraphTest, ReachesWhatIsLeftWhenARegionIsRemoved) {
  make();
  fill(3000);
  const std::vector<float> centre = Cloud(99).next();
  for (const std::uint64_t id : search(centre, 1000, nullptr, {.breadth = 1000})) take(id);
  repair();
  EXPECT_EQ(search(centre).size(), kTop);
  EXPECT_GE(recall(), .97);
}

TEST_F(GraphTest, FindsTheRowThatReplacesTheOnlyOne) {
  make();
  Cloud cloud(1);
  add(1, cloud.next());
  for (std::uint64_t id = 2; id < 5; ++id) {
    take(id - 1);
    add(id, cloud.next());
    rows->publish();
    EXPECT_EQ(search(cloud.next()), std::vector<std::uint64_t>{id});
  }
  repair();
  EXPECT_EQ(search(cloud.next()), std::vector<std::uint64_t>{4});
}

TEST_F(GraphTest, FindsEveryRowByItselfAfterManyWereReplaced) {
  make();
  fill(1000);
  Cloud cloud(6);
  for (std::uint64_t id = 0; id < 1000; ++id) {
    take(id);
    if (id % 2 == 0) add(1000 + id, cloud.next());
    if (id % 100 == 99) repair();
  }
  ASSERT_EQ(slots.size(), 500U);
  std::vector<float> row(f32_stride(kDimension));
  std::size_t lost = 0;
  for (const auto& [id, slot] : slots) {
    rows->vector(slot, row.data());
    row.resize(kDimension);
    lost += search(row, 1) == std::vector<std::uint64_t>{id} ? 0 : 1;
    row.resize(f32_stride(kDimension));
  }
  EXPECT_EQ(lost, 0U);
}

TEST_F(GraphTest, IgnoresTheRemovalOfWhatIsNotLinked) {
  make();
  fill(10);
  graph->remove(9999);
  take(3);
  graph->remove(3);
  EXPECT_EQ(graph->pending(), 1U);
}

TEST_F(GraphTest, ShowsOnlyRowsOfTheFilter) {
  make();
  fill(3000);
  Bitmap half(rows->slots());
  for (std::size_t slot = 0; slot < half.size(); slot += 2) half.set(slot);
  for (const std::uint64_t id : search(Cloud(4).next(), kTop, &half)) {
    EXPECT_EQ(slots.at(id) % 2, 0U);
  }
  EXPECT_GE(recall({.breadth = 128}, &half), .98);
}

TEST_F(GraphTest, SaysThatTheFilterHidesWhatIsNear) {
  make();
  fill(3000);
  const std::vector<float> query = Cloud(4).next();
  Bitmap far(rows->slots());
  const std::vector<std::uint64_t> near = search(query, 500, nullptr, {.breadth = 500});
  for (std::size_t slot = 0; slot < far.size(); ++slot) far.set(slot);
  for (const std::uint64_t id : near) far.clear(slots.at(id));
  EXPECT_LT(search(query, kTop, &far, {.breadth = 32}).size(), kTop);
}

TEST_F(GraphTest, AllocatesNothingInASearch) {
  make();
  fill(2000);
  Query query;
  std::vector<float> row = Cloud(4).next();
  ASSERT_TRUE(query.set(rows->coder(), row).ok());
  std::array<Hit, kTop> hits;
  const std::size_t before = allocations;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(query.set(rows->coder(), row).ok());
    const Snapshot snapshot = rows->snapshot();
    graph->search(*scratch, query, snapshot, nullptr, {.breadth = 200}, hits);
  }
  EXPECT_EQ(allocations, before);
}

TEST_F(GraphTest, NamesEveryRowWhoseOriginalASearchRead) {
  make();
  fill(2000);
  search(Cloud(4).next(), kTop, nullptr, {.breadth = 64, .rescored = 32});
  EXPECT_EQ(scratch->rescored().size(), 32U);
  EXPECT_GT(scratch->scored(), 64U);
}

TEST_F(GraphTest, ClampsWhatIsAskedForBeyondItsLimits) {
  make();
  fill(200);
  const std::vector<float> query = Cloud(4).next();
  EXPECT_EQ(search(query, 5, nullptr, {.breadth = 0, .rescored = 0}).size(), 5U);
  const Effort vast = {.breadth = 1 << 20, .rescored = 1 << 20};
  EXPECT_EQ(search(query, 10'000, nullptr, vast).size(), 200U);
}

TEST_F(GraphTest, AnswersTheSameAfterBeingStored) {
  make();
  fill(1500);
  Graph copy = std::move(Graph::create(*rows)).value();
  std::map<std::string, std::vector<std::byte>> stored;
  graph->for_each_array([&](const char* name, auto& array, std::size_t used) {
    const auto* bytes = reinterpret_cast<const std::byte*>(array.data());
    stored[name].assign(bytes, bytes + used * sizeof(*array.data()));
  });
  ASSERT_TRUE(copy.restore(graph->state()).ok());
  copy.for_each_array([&](const char* name, auto& array, std::size_t used) {
    ASSERT_EQ(stored[name].size(), used * sizeof(*array.data()));
    std::copy(stored[name].begin(), stored[name].end(), reinterpret_cast<std::byte*>(array.data()));
  });
  const std::vector<float> query = Cloud(4).next();
  const std::vector<std::uint64_t> before = search(query);
  EXPECT_EQ(copy.outlook().samples, graph->outlook().samples);
  *graph = std::move(copy);
  EXPECT_EQ(search(query), before);
  take(before[0]);
  repair();
  EXPECT_EQ(search(query, 9), std::vector<std::uint64_t>(before.begin() + 1, before.end()));
}

TEST_F(GraphTest, RefusesAStateThatDoesNotFit) {
  make();
  fill(100);
  Graph::State state = graph->state();
  state.slots = rows->options().rows_max + 1;
  EXPECT_EQ(graph->restore(state).error().code, Code::DataLoss);
  state = graph->state();
  state.entries[1] = 3;  // no slot of that level
  EXPECT_EQ(graph->restore(state).error().code, Code::DataLoss);
}

TEST_F(GraphTest, FollowsNoLinkThatLeavesTheRows) {
  make();
  fill(200);
  graph->for_each_array([](const std::string_view name, auto& array, std::size_t used) {
    if (name != "links0") return;
    for (std::size_t i = 0; i < used; i += 5) array[i] = 0xFFFF'FFF0;
  });
  EXPECT_LE(search(Cloud(4).next()).size(), kTop);
}

TEST_F(GraphTest, MeasuresItsRecallWhileItGrows) {
  make();
  EXPECT_EQ(graph->outlook().breadth_for(.5), 0U);
  fill(6000);
  const GraphOutlook outlook = graph->outlook();
  EXPECT_GE(outlook.samples, 3U);
  EXPECT_GE(outlook.recall[1], .95);
  EXPECT_GT(outlook.scored[3], outlook.scored[0]);
}

TEST_F(GraphTest, CountsWhichOfEqualRowsAWalkFindsAsNoMiss) {
  make();
  Cloud cloud(1);
  std::vector<std::vector<float>> some;
  for (int i = 0; i < 200; ++i) some.push_back(cloud.next());
  for (std::uint64_t id = 0; id < 5000; ++id) add(id, some[id % some.size()]);
  EXPECT_GE(graph->outlook().recall[3], .99);
  EXPECT_GE(graph->outlook().codes[0], .99);
}

TEST_F(GraphTest, KnowsWhenCodesSayLittle) {
  make(options(Metric::L2));
  Cloud cloud(1);
  for (std::uint64_t id = 0; id < 3000; ++id) {
    std::vector<float> row = cloud.next();
    for (float& x : row) x += id < 1000 ? 0.0F : 30.0F;
    add(id, row);
    if (id == 999) {
      EXPECT_GE(graph->outlook().codes[0], .99);
      EXPECT_GE(graph->outlook().codes[1], .97);
    }
  }
  EXPECT_LT(graph->outlook().codes[1], .9);
}

TEST_F(GraphTest, GoesByTheStoredOutlookUntilItHasSamplesEnough) {
  make();
  fill(2100);
  Graph::State state = graph->state();
  state.outlook = {.samples = 48, .recall = {.9, .95, .97, .98}, .scored = {1, 2, 3, 4}};
  ASSERT_TRUE(graph->restore(state).ok());
  Graph::State more = graph->state();
  EXPECT_EQ(more.outlook.samples, 48U);
  Cloud cloud(2);
  for (std::uint64_t id = 3000; id < 9000; ++id) add(id, cloud.next());
  EXPECT_NE(graph->outlook().samples, 48U);
}

TEST(GraphOutlook, NamesTheBreadthForARecall) {
  const GraphOutlook outlook{.samples = 9, .recall = {.90, .95, .97, .98}, .scored = {}};
  EXPECT_EQ(outlook.breadth_for(.80), 32U);
  EXPECT_EQ(outlook.breadth_for(.925), 48U);
  EXPECT_EQ(outlook.breadth_for(.95), 64U);
  EXPECT_EQ(outlook.breadth_for(.99), 0U);  // a scan is better
}

TEST_F(GraphTest, SearchesWhileRowsComeAndGo) {
  make();
  fill(600);
  std::atomic<bool> done = false;
  std::atomic<std::size_t> searches = 0, wrong = 0;
  const auto reader = [&](std::uint64_t seed) {
    GraphScratch own = std::move(GraphScratch::create(rows->options().rows_max)).value();
    Cloud cloud(seed);
    Query query;
    std::array<Hit, kTop> hits;
    while (!done.load() || searches.load() < 50) {
      if (!query.set(rows->coder(), cloud.next()).ok()) ++wrong;
      const Snapshot snapshot = rows->snapshot();
      const std::size_t found = graph->search(own, query, snapshot, nullptr, {}, hits);
      wrong += found == kTop ? 0 : 1;
      for (std::size_t i = 0; i < found; ++i) {
        wrong += rows->visible(hits[i].slot, snapshot) ? 0 : 1;
        // An id belongs to a slot for as long as the snapshot is held.
        wrong += rows->id(hits[i].slot) < 100'000 ? 0 : 1;
      }
      ++searches;
    }
  };
  std::vector<std::jthread> readers;
  for (std::uint64_t i = 0; i < 2; ++i) readers.emplace_back(reader, 20 + i);
  Cloud cloud(30);
  for (std::uint64_t id = 0; id < 600; ++id) {
    take(id);
    add(5000 + id, cloud.next());
    rows->publish();
    if (graph->repair_due()) repair();
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_GE(recall(), .97);
}

}  // namespace
}  // namespace vector
