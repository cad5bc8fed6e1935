#include "vector_ours.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <latch>
#include <numeric>
#include <random>
#include <thread>

#include "vector/index.h"
#include "vector_engine.h"

namespace bench {
namespace {

using vector::Effort;
using vector::Hit;
using vector::Match;
using vector::Profile;
using vector::Scan;

// An index is told the middle of what is to come.
std::vector<float> mean(const Matrix<float>& base) {
  const std::size_t rows = std::min<std::size_t>(base.rows(), 10'000);
  std::vector<float> sum(base.columns());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += base[row][i];
  }
  for (float& value : sum) value /= static_cast<float>(rows);
  return sum;
}

using Index = std::unique_ptr<vector::Index>;

Result<Index> make_index(const Matrix<float>& base, std::size_t rows, Profile profile) {
  Index index = TRY(vector::Index::create({.dimension = base.columns(),
                                           .profile = profile,
                                           .rows_max = base.rows() + base.rows() / 8 + 1024,
                                           .centre = mean(base)}));
  for (std::size_t row = 0; row < rows; ++row) TRY(index->insert(row, base[row]));
  return index;
}

void write_ids(std::span<const Match> matches, std::span<std::int32_t> ids) {
  std::fill(ids.begin(), ids.end(), -1);
  std::transform(matches.begin(), matches.end(), ids.begin(),
                 [](const Match& match) { return static_cast<std::int32_t>(match.id); });
}

// As a service uses it: what is tuned is the recall that is asked for, in thousandths.
class IndexEngine : public Engine {
 public:
  explicit IndexEngine(Profile profile) : profile_(profile) {}
  explicit IndexEngine(Index index) : index_(std::move(index)) {}
  Index release() { return std::move(index_); }

  std::string params() const override {
    switch (profile_) {
      case Profile::Exact:
        return "Index, exact";
      case Profile::Fast:
        return "Index, fast";
      case Profile::Compact:
        return "Index, compact";
    }
    return "";
  }
  Result<void> build(const Matrix<float>& base) override {
    index_ = TRY(make_index(base, base.rows(), profile_));
    return {};
  }
  bool save(const std::string& path) override { return index_->save(path).ok(); }
  Result<void> load(const std::string& path, const Matrix<float>& /*base*/) override {
    index_ = TRY(vector::Index::open(path, vector::Index::Tending::Caller));
    while (TRY(index_->tend())) continue;
    return {};
  }
  std::vector<int> efforts() const override { return {900, 950, 965, 980, 990, 995, 999}; }
  void tune(int effort) override { options_.recall = effort / 1000.0; }

  bool use(const Filter& filter) override {
    options_.filter = nullptr;
    if (filter.words.empty()) return true;
    std::vector<std::uint64_t> ids;
    for (std::size_t row = 0; row < index_->size(); ++row) {
      if (filter.allows(row)) ids.push_back(row);
    }
    filter_ = index_->filter(ids);
    options_.filter = &filter_;
    return true;
  }

  void search(std::span<const float> query, std::span<std::int32_t> ids) override {
    std::array<Match, kRecallAt> matches;
    const auto found = index_->search(query, options_, matches);
    write_ids(std::span(matches).first(found.ok() ? found.value() : 0), ids);
  }

 private:
  Profile profile_ = Profile::Fast;
  Index index_;
  vector::SearchOptions options_;
  vector::Filter filter_;
};

// All rows, each once, in no order.
std::vector<std::size_t> scattered(std::size_t rows) {
  std::vector<std::size_t> all(rows);
  std::iota(all.begin(), all.end(), 0);
  std::shuffle(all.begin(), all.end(), std::mt19937_64(1));
  return all;
}

// The parts alone, below the planner.
class PartEngine : public Engine {
 public:
  explicit PartEngine(bool with_graph) : with_graph_(with_graph) {}

  Result<void> build(const Matrix<float>& base) override {
    rows_ = TRY(vector::Rows::create({.dimension = base.columns(),
                                      .rows_max = base.rows() + base.rows() / 32 + 128,
                                      .centre = mean(base)}));
    if (with_graph_) {
      graph_ = std::make_unique<vector::Graph>(TRY(vector::Graph::create(*rows_)));
    }
    for (std::size_t row = 0; row < base.rows(); ++row) TRY(insert(base, row));
    return {};
  }

  bool use(const Filter& filter) override {
    filtered_ = !filter.words.empty();
    if (!filtered_) return true;
    filter_ = vector::Bitmap(rows_->slots());
    for (std::uint32_t slot = 0; slot < rows_->slots(); ++slot) {
      if (filter.allows(rows_->id(slot))) filter_.set(slot);
    }
    return true;
  }

 protected:
  Result<std::uint32_t> insert(const Matrix<float>& base, std::size_t row) {
    const auto slot = TRY(rows_->insert(row, base[row]));
    rows_->publish();
    if (graph_) graph_->insert(slot);
    return slot;
  }
  const vector::Bitmap* filter() const { return filtered_ ? &filter_ : nullptr; }
  void write_hits(std::span<const Hit> hits, std::span<std::int32_t> ids) const {
    std::fill(ids.begin(), ids.end(), -1);
    std::transform(hits.begin(), hits.end(), ids.begin(),
                   [&](const Hit& hit) { return static_cast<std::int32_t>(rows_->id(hit.slot)); });
  }

  bool with_graph_;
  std::unique_ptr<vector::Rows> rows_;
  std::unique_ptr<vector::Graph> graph_;

 private:
  bool filtered_ = false;
  vector::Bitmap filter_;
};

class GraphEngine : public PartEngine {
 public:
  GraphEngine() : PartEngine(true) {}

  std::string params() const override { return "Graph, degree 32, sketches, nibbles, originals"; }
  std::vector<int> efforts() const override {
    return {16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 100, 128, 160, 200, 280, 400, 640, 1000, 2000};
  }
  void tune(int effort) override {
    const auto breadth = static_cast<std::size_t>(effort);
    effort_ = {.breadth = breadth, .rescored = std::clamp<std::size_t>(breadth, 16, 40)};
  }

  // Takes out every row of a graph that was built, and puts it in again, as an Index does.
  Result<void> replace_all(const Matrix<float>& base) {
    for (const std::size_t row : scattered(base.rows())) {
      // Those that were not replaced yet stand where they were put at first.
      const auto old = static_cast<std::uint32_t>(row);
      rows_->remove(old);
      rows_->publish();
      graph_->remove(old);
      if (graph_->repair_due()) rows_->release(graph_->repair());
      TRY(insert(base, row));
    }
    return {};
  }

  void search(std::span<const float> query, std::span<std::int32_t> ids) override {
    // One a thread and index; it lives as long as the run.
    thread_local const vector::Graph* graph_of_scratch = nullptr;
    thread_local std::unique_ptr<Scratch> scratch;
    if (graph_of_scratch != graph_.get()) {
      scratch = std::make_unique<Scratch>(
          vector::GraphScratch::create(rows_->options().rows_max).value());
      graph_of_scratch = graph_.get();
    }
    std::array<Hit, kRecallAt> hits;
    scratch->query.set(rows_->coder(), query).value();
    const auto snapshot = rows_->snapshot();
    const std::size_t found =
        graph_->search(scratch->graph, scratch->query, snapshot, filter(), effort_, hits);
    write_hits(std::span(hits).first(found), ids);
  }

 private:
  struct Scratch {
    explicit Scratch(vector::GraphScratch graph_in) : graph(std::move(graph_in)) {}
    vector::GraphScratch graph;
    vector::Query query;
  };

  Effort effort_;
};

class FlatEngine : public PartEngine {
 public:
  FlatEngine(Scan scan, std::string name, std::size_t together)
      : PartEngine(false), scan_(scan), name_(std::move(name)), together_(together) {}

  std::string params() const override { return "Flat, " + name_; }
  std::size_t together() const override { return together_; }

  void search(std::span<const float> query, std::span<std::int32_t> ids) override {
    Scratch& own = scratch();
    own.queries[0].set(rows_->coder(), query).value();
    const auto snapshot = rows_->snapshot();
    write_hits(own.flat.search(own.queries[0], kRecallAt, snapshot, scan_, filter()), ids);
  }

  void search_batch(std::span<const float> queries, std::span<std::int32_t> ids) override {
    Scratch& own = scratch();
    const std::size_t count = ids.size() / kRecallAt, d = queries.size() / count;
    own.queries.resize(std::max(own.queries.size(), count));
    for (std::size_t i = 0; i < count; ++i) {
      own.queries[i].set(rows_->coder(), queries.subspan(i * d, d)).value();
    }
    const auto snapshot = rows_->snapshot();
    own.flat.search_batch(std::span(own.queries).first(count), kRecallAt, snapshot, filter());
    for (std::size_t i = 0; i < count; ++i) {
      write_hits(own.flat.hits()[i], ids.subspan(i * kRecallAt, kRecallAt));
    }
  }

 private:
  struct Scratch {
    explicit Scratch(const vector::Rows& rows_in) : rows(&rows_in), flat(rows_in) {}
    const vector::Rows* rows;
    vector::Flat flat;
    std::vector<vector::Query> queries{1};
  };

  Scratch& scratch() const {
    thread_local std::unique_ptr<Scratch> scratch;
    if (!scratch || scratch->rows != rows_.get()) scratch = std::make_unique<Scratch>(*rows_);
    return *scratch;
  }

  Scan scan_;
  std::string name_;
  std::size_t together_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

using Clock = std::chrono::steady_clock;

struct Side {
  double per_s = 0;  // by CPU
  std::vector<float> times_us;
};

// Searches until told to stop, at most some seconds.
Side search_until(const vector::Index& index, const DataSet& set, std::size_t start,
                  const std::atomic<bool>& stop) {
  constexpr std::size_t kSearchesMax = 400'000;
  Side side;
  side.times_us.reserve(kSearchesMax);
  std::array<Match, kRecallAt> matches;
  const double begin = thread_cpu_s();
  while (!stop.load(std::memory_order_relaxed) && side.times_us.size() < kSearchesMax) {
    const std::size_t q = (start + side.times_us.size()) % set.queries.rows();
    const auto before = Clock::now();
    if (!index.search(set.queries[q], {.recall = .95}, matches)) break;
    side.times_us.push_back(
        std::chrono::duration<float, std::micro>(Clock::now() - before).count());
  }
  side.per_s = static_cast<double>(side.times_us.size()) / (thread_cpu_s() - begin);
  return side;
}

// One thread searches; meanwhile the caller does `other`.
template <class Other>
Side beside(const vector::Index& index, const DataSet& set, const Other& other) {
  std::atomic<bool> stop = false;
  Side side;
  {
    std::latch begun(2);
    std::jthread searching([&] {
      begun.arrive_and_wait();
      side = search_until(index, set, 0, stop);
    });
    begun.arrive_and_wait();
    other();
    stop = true;
  }
  return side;
}

// What an engine gives at some efforts, as a list in JSON.
using Points = std::vector<Point>;

Points points_of(Engine& engine, const DataSet& set, std::span<const int> efforts) {
  Points points;
  for (const int effort : efforts) {
    engine.tune(effort);
    measure(engine, set, set.truths[0], 1, 1);  // until an index has learnt from the queries
    points.push_back(measure(engine, set, set.truths[0], 1, .5));
  }
  return points;
}

std::string beside_fresh(std::span<const int> efforts, const Points& now, const Points& fresh) {
  std::string text;
  for (std::size_t i = 0; i < efforts.size(); ++i) {
    text += fmt::format(
        R"({}{{"effort":{},"recall":{:.4f},"recall_fresh":{:.4f},"qps":{:.0f},"qps_fresh":{:.0f}}})",
        i == 0 ? "" : ",", efforts[i], now[i].recall, fresh[i].recall, now[i].qps, fresh[i].qps);
  }
  return text;
}

// Searches a CPU second, of so few that what else the machine does is the same as a moment before.
double rate_of(FlatEngine& engine, const DataSet& set, std::size_t searches) {
  std::array<std::int32_t, kRecallAt> ids;
  const double begin = thread_cpu_s();
  for (std::size_t i = 0; i < searches; ++i) {
    engine.search(set.queries[i % set.queries.rows()], ids);
  }
  return static_cast<double>(searches) / (thread_cpu_s() - begin);
}

}  // namespace

std::vector<Candidate> ours() {
  std::vector<Candidate> all;
  const auto add = [&](std::string name, auto make) {
    all.push_back({std::move(name), std::move(make), true});
  };
  add("ours", [] { return std::make_unique<IndexEngine>(Profile::Fast); });
  add("ours-exact", [] { return std::make_unique<IndexEngine>(Profile::Exact); });
  add("ours-compact", [] { return std::make_unique<IndexEngine>(Profile::Compact); });
  add("graph", [] { return std::make_unique<GraphEngine>(); });
  const auto flat = [&](const std::string& name, Scan scan, std::size_t together) {
    add("flat-" + name, [=] { return std::make_unique<FlatEngine>(scan, name, together); });
  };
  flat("f32", Scan::F32, 1);
  flat("i8", Scan::I8, 1);
  flat("i8x8", Scan::I8, 8);
  flat("u4", Scan::U4, 1);
  flat("b1", Scan::B1, 1);
  return all;
}

Result<std::string> measure_churn(const DataSet& set) {
  constexpr std::array kAsked = {950, 980, 990}, kBreadths = {40, 60, 100};
  const auto rows = static_cast<double>(set.base.rows());
  const double empty = anonymous_bytes();
  const auto bytes = [&] { return (anonymous_bytes() - empty) / rows; };
  IndexEngine engine(TRY(make_index(set.base, set.base.rows(), Profile::Fast)));
  const double fresh_bytes = bytes();
  const Points fresh = points_of(engine, set, kAsked);
  Index index = engine.release();
  const double begin = thread_cpu_s();
  for (const std::size_t row : scattered(set.base.rows())) {
    TRY(index->remove(row));
    TRY(index->insert(row, set.base[row]));
  }
  const double rate = rows / (thread_cpu_s() - begin), churned_bytes = bytes();
  engine = IndexEngine(std::move(index));
  const Points churned = points_of(engine, set, kAsked);
  // The index goes after the recall that is asked of it; what its graph is worth shows by breadth.
  GraphEngine graph;
  TRY(graph.build(set.base));
  const Points fresh_graph = points_of(graph, set, kBreadths);
  TRY(graph.replace_all(set.base));
  const Points churned_graph = points_of(graph, set, kBreadths);
  return fmt::format(
      R"({{"measured":"churn","replaced":{},"replaced_per_cpu_s":{:.0f},)"
      R"("bytes_per_vector":{:.0f},"bytes_per_vector_fresh":{:.0f},"index":[{}],"graph":[{}]}})",
      rows, rate, churned_bytes, fresh_bytes, beside_fresh(kAsked, churned, fresh),
      beside_fresh(kBreadths, churned_graph, fresh_graph));
}

Result<std::string> measure_inserts(const DataSet& set) {
  constexpr std::size_t kRounds = 5;
  const std::size_t rows = set.base.rows(), share = rows / 25;  // a fifth of all in five rounds
  std::size_t next = rows - kRounds * share;
  Index index = TRY(make_index(set.base, next, Profile::Fast));
  std::vector<double> inserts, rates, controls, tails, control_tails;
  bool good = true;
  for (std::size_t round = 0; round < kRounds; ++round) {
    double wall_s = 0;
    Side side = beside(*index, set, [&] {
      const auto begin = Clock::now();
      const double cpu = thread_cpu_s();
      for (std::size_t i = 0; i < share; ++i, ++next) {
        good = good && index->insert(next, set.base[next]).ok();
      }
      inserts.push_back(static_cast<double>(share) / (thread_cpu_s() - cpu));
      wall_s = std::chrono::duration<double>(Clock::now() - begin).count();
    });
    rates.push_back(side.per_s);
    tails.push_back(quantile_of(side.times_us, .99));
    Side control = beside(*index, set, [&] {
      const auto until = Clock::now() + std::chrono::duration<double>(wall_s);
      std::array<Match, kRecallAt> matches;
      for (std::size_t i = 0; Clock::now() < until; ++i) {
        good = good &&
               index->search(set.queries[i % set.queries.rows()], {.recall = .95}, matches).ok();
      }
    });
    controls.push_back(control.per_s);
    control_tails.push_back(quantile_of(control.times_us, .99));
  }
  if (!good) return Error{Code::Internal, "the index refused an insert or a search"};
  return fmt::format(
      R"({{"measured":"inserts","inserts_per_cpu_s":{:.0f},"qps":{:.0f},"qps_control":{:.0f},)"
      R"("p99_us":{:.0f},"p99_us_control":{:.0f}}})",
      median(inserts), median(rates), median(controls), median(tails), median(control_tails));
}

Result<std::string> measure_open(const DataSet& set, const std::string& folder, bool keep) {
  constexpr int kRounds = 9;
  const std::string path = fmt::format("{}/{}.{}", folder, set.name, keep ? "ours" : "index");
  if (!keep || !vector::Index::open(path)) {
    Index index = TRY(make_index(set.base, set.base.rows(), Profile::Fast));
    TRY(index->save(path));
  }
  std::vector<double> opened_ms, answered_ms, cpu_ms;
  std::array<Match, kRecallAt> matches;
  for (int i = 0; i < kRounds; ++i) {
    const auto begin = Clock::now();
    const double cpu = thread_cpu_s();
    const auto ms = [&] {
      return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    };
    Index index = TRY(vector::Index::open(path));
    opened_ms.push_back(ms());
    TRY(index->search(set.queries[0], {}, matches));
    answered_ms.push_back(ms());
    cpu_ms.push_back((thread_cpu_s() - cpu) * 1000);
  }
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  if (!keep) std::filesystem::remove(path);
  return fmt::format(R"({{"measured":"open","first_answer_ms":{:.1f},"worst_ms":{:.1f},)"
                     R"("opened_ms":{:.1f},"cpu_ms":{:.1f},"file_bytes_per_vector":{:.0f}}})",
                     median(answered_ms), *std::max_element(answered_ms.begin(), answered_ms.end()),
                     median(opened_ms), median(cpu_ms),
                     bytes / static_cast<double>(set.base.rows()));
}

Result<std::string> measure_dram(const DataSet& set) {
  constexpr int kRounds = 21;
  FlatEngine engine(Scan::F32, "f32", 1);
  FlatEngine bytes_engine(Scan::I8, "i8", 1);
  TRY(engine.build(set.base));
  TRY(bytes_engine.build(set.base));
  const auto values = static_cast<double>(set.base.rows() * set.base.columns());
  std::vector<double> memory, floats, bytes, share, share_i8;
  for (int round = 0; round < kRounds; ++round) {
    memory.push_back(dram_bytes_per_s() / 1e9);
    floats.push_back(rate_of(engine, set, 8) * values * 4 / 1e9);
    bytes.push_back(rate_of(bytes_engine, set, 32) * values / 1e9);
    share.push_back(floats.back() / memory.back());
    share_i8.push_back(bytes.back() / memory.back());
  }
  return fmt::format(
      R"({{"measured":"dram","read_gb_s":{:.1f},"flat_f32_gb_s":{:.1f},"share":{:.2f},)"
      R"("flat_i8_gb_s":{:.1f},"share_i8":{:.2f}}})",
      median(memory), median(floats), median(share), median(bytes), median(share_i8));
}

}  // namespace bench
