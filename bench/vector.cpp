// Vector search, ours beside others': recall against the exact truth, speed, memory, cost of
// building.
//
//   bench/vector [--set clustered,easy,isotropic,million] [--index ours,graph,flat-i8,hnswlib,...]
//                [--filter none|all|10%|1%|0.1%|cluster] [--threads 1,2] [--effort E,...]
//                [--cache DIR] [--rebuild] [--keep] [--also dram,churn,inserts,open] [--figures]
//                [--seconds S] [--rounds N]
//   bench/vector --base F.fbin --queries F.fbin --truth F.ibin [...]
//
// Default: the set clustered, every index there is, no filter, one thread. Prints one JSON object a
// point of each index's sweep over its own trade of speed for recall, or of the points --effort
// names (980 is what a service gets from `ours` by default): the middle of N rounds, in each of
// which every index has its turn, --seconds of CPU a point. --cache (default build/vectors) keeps
// the sets, the truth and the peers' indexes with what they cost to build; --rebuild builds those
// anew. Ours are built anew by each run, as their code changes from one to the next, unless --keep
// keeps them there too. --figures closes with a table: what each index does at recall .95, .98 and
// .99, and how much that is of hnswlib's. vector_data.h says what is in the sets, vector_engine.h
// what is measured and how.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vector_data.h"
#include "vector_engine.h"
#include "vector_ours.h"

namespace {

using bench::Candidate;
using bench::DataSet;
using bench::Engine;
using bench::Point;
using bench::Truth;

using Names = std::vector<std::string>;

struct Options {
  Names sets = {"clustered"};
  Names indexes;  // empty: all
  Names also;
  std::string filter = "none";
  std::vector<int> threads = {1};
  std::vector<int> efforts;  // empty: each index's own sweep
  std::string cache = "build/vectors";
  std::string base, queries, truth;
  double seconds = .4;
  int rounds = 1;
  bool rebuild = false;
  bool keep = false;
  bool figures = false;
};

Names split(const std::string& text) {
  Names parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) parts.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

std::vector<int> numbers(const std::string& text, int least, int most) {
  std::vector<int> all;
  for (const auto& part : split(text)) {
    all.push_back(std::clamp(std::atoi(part.c_str()), least, most));
  }
  return all;
}

Result<Options> parse(int argc, char** argv) {
  Options options;
  std::map<std::string, std::string*> texts = {{"--filter", &options.filter},
                                               {"--cache", &options.cache},
                                               {"--base", &options.base},
                                               {"--queries", &options.queries},
                                               {"--truth", &options.truth}};
  std::map<std::string, bool*> switches = {
      {"--rebuild", &options.rebuild}, {"--keep", &options.keep}, {"--figures", &options.figures}};
  std::map<std::string, Names*> lists = {
      {"--set", &options.sets}, {"--index", &options.indexes}, {"--also", &options.also}};
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (switches.contains(flag)) {
      *switches[flag] = true;
      continue;
    }
    if (++i == argc) return Error{Code::InvalidArgument, flag + " wants a value"};
    if (texts.contains(flag)) {
      *texts[flag] = argv[i];
    } else if (lists.contains(flag)) {
      *lists[flag] = split(argv[i]);
    } else if (flag == "--seconds") {
      options.seconds = std::atof(argv[i]);
    } else if (flag == "--rounds") {
      options.rounds = std::clamp(std::atoi(argv[i]), 1, 100);
    } else if (flag == "--threads") {
      options.threads = numbers(argv[i], 1, 64);
    } else if (flag == "--effort") {
      options.efforts = numbers(argv[i], 0, 1'000'000);
    } else {
      return Error{Code::InvalidArgument, flag + ": unknown"};
    }
  }
  return options;
}

Result<DataSet> data_of(const Options& options, const std::string& name) {
  if (!options.base.empty()) {
    return bench::read_set(options.base, options.queries, options.truth);
  }
  for (const bench::Shape& shape : bench::shapes()) {
    if (shape.name == name) return bench::prepare(shape, options.cache);
  }
  return Error{Code::InvalidArgument, fmt::format("--set {}: there is none", name)};
}

struct Cost {
  double cpu_s = 0;
  double bytes_per_vector = 0;
};

// Builds the engine's index, or loads it from the cache with what it cost.
Result<Cost> build(Engine& engine, const DataSet& set, const std::string& path, bool cached) {
  const double bytes = bench::anonymous_bytes();
  Cost cost;
  const auto bytes_here = [&] {
    return (bench::anonymous_bytes() - bytes) / static_cast<double>(set.base.rows());
  };
  if (std::ifstream kept(path + ".cpu");
      cached && kept >> cost.cpu_s && engine.load(path, set.base)) {
    // What is loaded may be a file's in part: as built, if that is known.
    if (!(kept >> cost.bytes_per_vector)) cost.bytes_per_vector = bytes_here();
    return cost;
  }
  const double begin = bench::process_cpu_s();
  TRY(engine.build(set.base));
  cost.cpu_s = bench::process_cpu_s() - begin;
  cost.bytes_per_vector = bytes_here();
  if (!path.empty() && engine.save(path)) {
    std::ofstream(path + ".cpu") << cost.cpu_s << ' ' << cost.bytes_per_vector;
  }
  return cost;
}

// An index that is there, as long as its set is measured.
struct Built {
  std::string name;
  std::unique_ptr<Engine> engine;
  Cost cost;
};

// What one index reached on one set under one filter.
struct Sweep {
  std::string set, index, filter;
  int threads = 1;
  Cost cost;
  std::vector<int> efforts;
  std::vector<std::vector<Point>> rounds;  // of each effort
  std::vector<Point> points;               // their middle
};

void print_point(const Sweep& sweep, const std::string& params, int effort, const Point& point) {
  fmt::print(R"({{"set":"{}","index":"{}","params":"{}","effort":{},"filter":"{}","threads":{},)"
             R"("recall":{:.4f},"qps":{:.0f},"p50_us":{:.1f},"p99_us":{:.1f},"allocations":{:.1f},)"
             R"("build_cpu_s":{:.1f},"bytes_per_vector":{:.0f}}})"
             "\n",
             sweep.set, sweep.index, params, effort, sweep.filter, sweep.threads, point.recall,
             point.qps, point.p50_us, point.p99_us, point.allocations, sweep.cost.cpu_s,
             sweep.cost.bytes_per_vector);
  std::fflush(stdout);
}

void run_round(Engine& engine, const DataSet& set, const Truth& truth, double seconds,
               Sweep& sweep) {
  for (std::size_t i = 0; i < sweep.efforts.size(); ++i) {
    engine.tune(sweep.efforts[i]);
    const Point point = bench::measure(engine, set, truth, sweep.threads, seconds);
    sweep.rounds[i].push_back(point);
    // Beyond that there is nothing to see, or nobody would wait for it.
    if (point.recall > .9995 || point.qps < 20) sweep.efforts.resize(i + 1);
  }
}

Point middle(const std::vector<Point>& rounds) {
  const auto of = [&](double Point::*member) {
    std::vector<double> values;
    for (const Point& point : rounds) values.push_back(point.*member);
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  };
  return {of(&Point::recall), of(&Point::qps), of(&Point::p50_us), of(&Point::p99_us),
          of(&Point::allocations)};
}

void run_sweeps(std::span<Built> indexes, const DataSet& set, const Truth& truth, int threads,
                const Options& options, std::vector<Sweep>& all) {
  const std::string filter = truth.filter.name.empty() ? "none" : truth.filter.name;
  std::vector<std::pair<Engine*, Sweep>> sweeps;
  for (const Built& built : indexes) {
    if (!built.engine->use(truth.filter)) continue;
    const auto efforts = options.efforts.empty() ? built.engine->efforts() : options.efforts;
    Sweep sweep{set.name, built.name, filter, threads, built.cost, efforts, {}, {}};
    sweep.rounds.resize(efforts.size());
    sweeps.emplace_back(built.engine.get(), std::move(sweep));
  }
  for (int round = 0; round < options.rounds; ++round) {
    for (auto& [engine, sweep] : sweeps) run_round(*engine, set, truth, options.seconds, sweep);
  }
  for (auto& [engine, sweep] : sweeps) {
    for (std::size_t i = 0; i < sweep.efforts.size(); ++i) {
      sweep.points.push_back(middle(sweep.rounds[i]));
      print_point(sweep, engine->params(), sweep.efforts[i], sweep.points.back());
    }
    all.push_back(std::move(sweep));
  }
}

Result<void> run_set(const DataSet& set, std::span<const Candidate> candidates,
                     const Options& options, std::vector<Sweep>& all) {
  std::vector<Built> indexes;
  for (const Candidate& candidate : candidates) {
    const bool kept = options.base.empty() && (options.keep || !candidate.own);
    const std::string path =
        kept ? fmt::format("{}/{}.{}", options.cache, set.name, candidate.name) : "";
    auto engine = candidate.make();
    const Cost cost = TRY(build(*engine, set, path, !options.rebuild && !path.empty()));
    indexes.push_back({candidate.name, std::move(engine), cost});
  }
  for (const Truth& truth : set.truths) {
    const std::string name = truth.filter.name.empty() ? "none" : truth.filter.name;
    if (options.filter != "all" && options.filter != name) continue;
    for (const int threads : options.threads) {
      run_sweeps(indexes, set, truth, threads, options, all);
    }
  }
  return {};
}

Result<void> run_also(const DataSet& set, const Options& options) {
  for (const std::string& name : options.also) {
    std::string line;
    if (name == "churn") line = TRY(bench::measure_churn(set));
    if (name == "inserts") line = TRY(bench::measure_inserts(set));
    if (name == "dram") line = TRY(bench::measure_dram(set));
    if (name == "open") line = TRY(bench::measure_open(set, options.cache, options.keep));
    if (line.empty()) return Error{Code::InvalidArgument, "--also " + name + ": there is none"};
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }
  return {};
}

// Queries per second at that recall, between the points on either side; 0 when it was not reached.
double qps_at(const Sweep& sweep, double recall) {
  double best = 0;
  for (std::size_t i = 0; i < sweep.points.size(); ++i) {
    const Point& b = sweep.points[i];
    if (b.recall < recall) continue;
    best = std::max(best, b.qps);
    if (i == 0 || sweep.points[i - 1].recall >= recall) continue;
    const Point& a = sweep.points[i - 1];
    const double part = (recall - a.recall) / (b.recall - a.recall);
    best = std::max(best, std::exp(std::log(a.qps) * (1 - part) + std::log(b.qps) * part));
  }
  return best;
}

void print_figures(const std::vector<Sweep>& sweeps) {
  constexpr std::array kRecalls = {.95, .98, .99};
  fmt::print(
      "\n| set | filter | threads | index | queries/s at .95 | .98 | .99 | build CPU s | bytes a "
      "vector "
      "|\n|---|---|---|---|---|---|---|---|---|\n");
  for (const Sweep& sweep : sweeps) {
    const auto same = [&](const Sweep& other) {
      return other.index == "hnswlib" && other.set == sweep.set && other.filter == sweep.filter &&
             other.threads == sweep.threads;
    };
    const auto found = std::find_if(sweeps.begin(), sweeps.end(), same);
    const Sweep* reference = found == sweeps.end() || &*found == &sweep ? nullptr : &*found;
    const auto cell = [&](double value, double theirs, int digits) {
      return reference == nullptr || theirs <= 0
                 ? fmt::format("{:.{}f}", value, digits)
                 : fmt::format("{:.{}f} ({:.2f}x)", value, digits, value / theirs);
    };
    std::string row =
        fmt::format("| {} | {} | {} | {} |", sweep.set, sweep.filter, sweep.threads, sweep.index);
    for (const double recall : kRecalls) {
      const double qps = qps_at(sweep, recall);
      row +=
          " " + (qps > 0 ? cell(qps, reference ? qps_at(*reference, recall) : 0, 0) : "-") + " |";
    }
    fmt::print(
        "{} {} | {} |\n", row, cell(sweep.cost.cpu_s, reference ? reference->cost.cpu_s : 0, 1),
        cell(sweep.cost.bytes_per_vector, reference ? reference->cost.bytes_per_vector : 0, 0));
  }
}

// Those that --index names; without it all, or none when --also is asked for.
Result<std::vector<Candidate>> chosen(const Options& options) {
  auto all = bench::ours();
  for (auto& peer : bench::peers()) all.push_back(std::move(peer));
  if (options.indexes.empty()) {
    return options.also.empty() ? std::move(all) : std::vector<Candidate>();
  }
  std::vector<Candidate> some;
  for (const std::string& name : options.indexes) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const Candidate& candidate) { return candidate.name == name; });
    if (found == all.end()) {
      return Error{Code::InvalidArgument, fmt::format("--index {}: there is none here", name)};
    }
    some.push_back(*found);
  }
  return some;
}

Result<void> run(const Options& options) {
  const std::string missing = bench::peers_missing();
  if (!missing.empty()) fmt::print(stderr, "not found when this was configured:{}\n", missing);
  const auto candidates = TRY(chosen(options));
  std::vector<Sweep> sweeps;
  for (const std::string& name : options.base.empty() ? options.sets : Names{"given"}) {
    const DataSet set = TRY(data_of(options, name));
    fmt::print(
        R"({{"set":"{}","rows":{},"dimension":{},"queries":{},"intrinsic_dimension":{:.1f}}})"
        "\n",
        set.name, set.base.rows(), set.base.columns(), set.queries.rows(),
        bench::intrinsic_dimension(set));
    TRY(run_set(set, candidates, options, sweeps));
    TRY(run_also(set, options));
  }
  if (options.figures) print_figures(sweeps);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  const auto result = options ? run(options.value()) : Result<void>(options.error());
  if (result) return 0;
  fmt::print(stderr, "bench/vector: {}\n", result.error().message);
  return 2;
}
