#include "vector_data.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

// Compiled for the machine at hand, so that the truth of a million rows takes seconds.

namespace bench {
namespace {

constexpr std::array<Shape, 4> kShapes = {{
    {.name = "clustered",
     .rows = 100'000,
     .dimension = 384,
     .clusters = 64,
     .rank = 128,
     .decay = 0.3,
     .centre = 1,
     .spread = 1,
     .noise = 0.33,
     .seed = 1},
    {.name = "easy",
     .rows = 200'000,
     .dimension = 384,
     .clusters = 256,
     .rank = 32,
     .decay = 0.7,
     .centre = 1,
     .spread = 1,
     .noise = 0.1,
     .seed = 2},
    {.name = "isotropic",
     .rows = 100'000,
     .dimension = 128,
     .centre = 0,
     .spread = 0,
     .noise = 1,
     .seed = 3},
    {.name = "million",
     .rows = 1'000'000,
     .dimension = 384,
     .clusters = 64,
     .rank = 128,
     .decay = 0.3,
     .centre = 1,
     .spread = 1,
     .noise = 0.33,
     .seed = 4},
}};

constexpr std::size_t kFilteredClusters = 64;  // one of them is 1.6 % of the rows

// SplitMix64 (Steele et al. 2014): the same numbers everywhere, and a stream of its own per row.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream) : state_(seed * 0x9e3779b97f4a7c15U) {
    state_ = next() ^ stream * 0xd1342543de82ef95U;
    next();
  }

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
  }

  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // Box and Muller; the second number of each pair is dropped, which keeps the stream simple.
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform());
  }

 private:
  std::uint64_t state_;
};

template <class Work>
void in_threads(std::size_t count, const Work& work) {
  const std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> running;
  for (std::size_t t = 0; t < threads; ++t) {
    running.emplace_back([&, t] { work(count * t / threads, count * (t + 1) / threads); });
  }
}

class Generator {
 public:
  explicit Generator(const Shape& shape) : shape_(shape) {
    const std::size_t d = shape.dimension;
    centres_.resize(shape.clusters * d);
    directions_.resize(shape.clusters * shape.rank * d);
    Random random(shape.seed, 0);
    const double unit = 1 / std::sqrt(static_cast<double>(d));
    for (float& value : centres_) value = static_cast<float>(random.normal() * unit * shape.centre);
    double squares = 0;
    for (std::size_t i = 1; i <= shape.rank; ++i) {
      squares += std::pow(static_cast<double>(i), -2 * shape.decay);
    }
    for (std::size_t i = 0; i < directions_.size(); ++i) {
      const double length = std::pow(static_cast<double>(i / d % shape.rank + 1), -shape.decay);
      directions_[i] =
          static_cast<float>(random.normal() * unit * length * shape.spread / std::sqrt(squares));
    }
  }

  // `row` counts base vectors first, then queries.
  void make(std::size_t row, std::span<float> out) const {
    const std::size_t d = shape_.dimension;
    const std::size_t cluster = shape_.cluster_of(row);
    Random random(shape_.seed, row + 1);
    const double noise = shape_.noise / std::sqrt(static_cast<double>(d));
    for (std::size_t i = 0; i < d; ++i) {
      out[i] = centres_[cluster * d + i] + static_cast<float>(random.normal() * noise);
    }
    for (std::size_t k = 0; k < shape_.rank; ++k) {
      const float weight = static_cast<float>(random.normal());
      const float* direction = directions_.data() + (cluster * shape_.rank + k) * d;
      for (std::size_t i = 0; i < d; ++i) out[i] += weight * direction[i];
    }
    double squares = 0;
    for (const float value : out) squares += static_cast<double>(value) * value;
    const float scale = static_cast<float>(1 / std::sqrt(squares));
    for (float& value : out) value *= scale;
  }

 private:
  Shape shape_;
  std::vector<float> centres_;
  std::vector<float> directions_;
};

template <class Value>
Result<void> write_matrix(const std::string& path, std::size_t rows, std::size_t columns,
                          const std::vector<Value>& values) {
  const std::string temporary = fmt::format("{}.{}", path, getpid());
  std::ofstream file(temporary, std::ios::binary);
  const std::array<std::int32_t, 2> size = {static_cast<std::int32_t>(rows),
                                            static_cast<std::int32_t>(columns)};
  file.write(reinterpret_cast<const char*>(size.data()), sizeof size);
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(Value)));
  file.close();
  std::error_code code;
  if (file) std::filesystem::rename(temporary, path, code);
  if (!file || code) return Error{Code::Unavailable, fmt::format("{}: cannot be written", path)};
  return {};
}

Result<void> write_vectors(const Shape& shape, const std::string& base,
                           const std::string& queries) {
  const Generator generator(shape);
  const std::size_t d = shape.dimension;
  const auto write = [&](const std::string& path, std::size_t first, std::size_t rows) {
    std::vector<float> values(rows * d);
    in_threads(rows, [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) {
        generator.make(first + row, std::span(values).subspan(row * d, d));
      }
    });
    return write_matrix(path, rows, d, values);
  };
  TRY(write(base, 0, shape.rows));
  return write(queries, shape.rows, kQueries);
}

using Lanes [[gnu::vector_size(64)]] = float;
constexpr std::size_t kLanes = 16;
constexpr std::size_t kTogether = 8;  // queries that share the load of a row

// The inner products of `row` with `kTogether` queries that lie one behind the other.
void dots(const float* row, const float* queries, std::size_t d, float* out) {
  std::array<Lanes, kTogether> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= d; i += kLanes) {
    Lanes a, b;
    std::memcpy(&a, row + i, sizeof a);
    for (std::size_t q = 0; q < kTogether; ++q) {
      std::memcpy(&b, queries + q * d + i, sizeof b);
      sums[q] += a * b;
    }
  }
  for (std::size_t q = 0; q < kTogether; ++q) {
    float sum = 0;
    for (std::size_t lane = 0; lane < kLanes; ++lane) sum += sums[q][lane];
    for (std::size_t j = i; j < d; ++j) sum += row[j] * queries[q * d + j];
    out[q] = sum;
  }
}

double exact_dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// The rows nearest to one query by products in float32, some more than are wanted; products in
// double decide among them at the end.
class Nearest {
 public:
  void offer(float score, std::size_t row) {
    if (score <= threshold_) return;
    found_.emplace_back(score, static_cast<std::int32_t>(row));
    if (found_.size() == 4 * kKept) prune();
  }

  void write(std::span<const float> query, const Matrix<float>& base, std::span<std::int32_t> out) {
    prune();
    std::vector<std::pair<double, std::int32_t>> exact;
    for (const auto& [score, row] : found_) {
      exact.emplace_back(-exact_dot(query, base[static_cast<std::size_t>(row)]), row);
    }
    std::sort(exact.begin(), exact.end());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = i < exact.size() ? exact[i].second : -1;
  }

 private:
  static constexpr std::size_t kKept = kTruthColumns + 28;

  void prune() {
    if (found_.size() <= kKept) return;
    std::nth_element(found_.begin(), found_.begin() + kKept - 1, found_.end(), std::greater<>());
    found_.resize(kKept);
    threshold_ = found_.back().first;
  }

  std::vector<std::pair<float, std::int32_t>> found_;
  float threshold_ = -std::numeric_limits<float>::infinity();
};

std::vector<Filter> filters_of(const Shape& shape) {
  std::vector<Filter> filters(5);
  const auto add = [&](Filter& filter, const std::string& name, const auto& allows) {
    filter.name = name;
    filter.words.resize((shape.rows + 63) / 64);
    for (std::size_t row = 0; row < shape.rows; ++row) {
      if (!allows(row)) continue;
      filter.words[row / 64] |= std::uint64_t{1} << row % 64;
      ++filter.count;
    }
  };
  const auto share = [&](std::uint64_t thousandths) {
    return [=, seed = shape.seed](std::size_t row) {
      return Random(seed + 100 + thousandths, row).next() % 1000 < thousandths;
    };
  };
  filters[0].count = shape.rows;
  add(filters[1], "10%", share(100));
  add(filters[2], "1%", share(10));
  add(filters[3], "0.1%", share(1));
  // As many rows as one of 64 clusters; of a shape with more clusters, several of them.
  const std::size_t several = std::max<std::size_t>(1, shape.clusters / kFilteredClusters);
  add(filters[4], "cluster", [&](std::size_t row) { return shape.cluster_of(row) < several; });
  if (shape.clusters < kFilteredClusters) filters.pop_back();
  return filters;
}

// Every query against every row once; each filter takes what it lets through.
std::vector<std::vector<std::int32_t>> answers(const Matrix<float>& base,
                                               const Matrix<float>& queries,
                                               std::span<const Filter> filters) {
  const std::size_t d = base.columns();
  std::vector<std::vector<std::int32_t>> all(filters.size());
  for (auto& ids : all) ids.resize(queries.rows() * kTruthColumns);
  in_threads((queries.rows() + kTogether - 1) / kTogether, [&](std::size_t begin, std::size_t end) {
    std::vector<float> block(kTogether * d);
    std::array<float, kTogether> scores;
    for (std::size_t b = begin; b < end; ++b) {
      const std::size_t first = b * kTogether;
      const std::size_t together = std::min(kTogether, queries.rows() - first);
      std::memcpy(block.data(), queries[first].data(), together * d * sizeof(float));
      std::vector<Nearest> nearest(filters.size() * together);
      for (std::size_t row = 0; row < base.rows(); ++row) {
        dots(base[row].data(), block.data(), d, scores.data());
        for (std::size_t f = 0; f < filters.size(); ++f) {
          if (!filters[f].allows(row)) continue;
          for (std::size_t q = 0; q < together; ++q) {
            nearest[f * together + q].offer(scores[q], row);
          }
        }
      }
      for (std::size_t f = 0; f < filters.size(); ++f) {
        for (std::size_t q = 0; q < together; ++q) {
          const auto out = std::span(all[f]).subspan((first + q) * kTruthColumns, kTruthColumns);
          nearest[f * together + q].write(queries[first + q], base, out);
        }
      }
    }
  });
  return all;
}

std::string describe(const Shape& s) {
  return fmt::format("rows {} dimension {} clusters {} rank {} decay {} lengths {}:{}:{} seed {}\n",
                     s.rows, s.dimension, s.clusters, s.rank, s.decay, s.centre, s.spread, s.noise,
                     s.seed);
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string truth_path(const std::string& stem, std::size_t filter) {
  constexpr std::array<std::string_view, 5> kNames = {"all", "10", "1", "01", "cluster"};
  return fmt::format("{}.truth-{}.ibin", stem, kNames[filter]);
}

// The files of the set that had the name before, and the indexes that were built of it.
void remove_made_from(const std::string& stem) {
  const std::filesystem::path path(stem);
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path(), code)) {
    if (entry.path().filename().string().starts_with(path.filename().string() + ".")) {
      std::filesystem::remove(entry.path(), code);
    }
  }
}

// Writes all files of a set; the one with the shape last, as the sign that the others are there.
Result<void> make_set(const Shape& shape, const std::string& stem,
                      std::span<const Filter> filters) {
  remove_made_from(stem);
  TRY(write_vectors(shape, stem + ".base.fbin", stem + ".queries.fbin"));
  const auto base = TRY(Matrix<float>::open(stem + ".base.fbin"));
  const auto queries = TRY(Matrix<float>::open(stem + ".queries.fbin"));
  const auto ids = answers(base, queries, filters);
  for (std::size_t f = 0; f < filters.size(); ++f) {
    TRY(write_matrix(truth_path(stem, f), queries.rows(), kTruthColumns, ids[f]));
  }
  std::ofstream(stem + ".shape") << describe(shape);
  return {};
}

}  // namespace

std::size_t Shape::cluster_of(std::size_t row) const {
  return clusters < 2 ? 0 : Random(seed + 99, row).next() % clusters;
}

std::span<const Shape> shapes() { return kShapes; }

template <class Value>
Result<Matrix<Value>> Matrix<Value>::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Error{Code::NotFound, fmt::format("{}: cannot be read", path)};
  struct stat status {};
  fstat(file, &status);
  Matrix matrix;
  matrix.bytes_ = static_cast<std::size_t>(status.st_size);
  void* map = mmap(nullptr, matrix.bytes_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  close(file);
  if (map == MAP_FAILED) return Error{Code::Unavailable, fmt::format("{}: cannot be mapped", path)};
  matrix.map_ = map;
  std::array<std::int32_t, 2> size{};
  if (matrix.bytes_ >= sizeof size) std::memcpy(size.data(), map, sizeof size);
  matrix.rows_ = static_cast<std::size_t>(std::max(0, size[0]));
  matrix.columns_ = static_cast<std::size_t>(std::max(0, size[1]));
  if (matrix.columns_ == 0 ||
      matrix.bytes_ != sizeof size + matrix.rows_ * matrix.columns_ * sizeof(Value)) {
    return Error{Code::InvalidArgument, fmt::format("{}: its length is not its header's", path)};
  }
  return matrix;
}

template <class Value>
Matrix<Value>::~Matrix() {
  if (map_ != nullptr) munmap(map_, bytes_);
}

template class Matrix<float>;
template class Matrix<std::int32_t>;

Result<DataSet> prepare(const Shape& shape, const std::string& folder) {
  const std::string stem = fmt::format("{}/{}", folder, shape.name);
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  std::vector<Filter> filters = filters_of(shape);
  if (read_text(stem + ".shape") != describe(shape)) TRY(make_set(shape, stem, filters));
  DataSet set;
  set.name = shape.name;
  set.base = TRY(Matrix<float>::open(stem + ".base.fbin"));
  set.queries = TRY(Matrix<float>::open(stem + ".queries.fbin"));
  for (std::size_t f = 0; f < filters.size(); ++f) {
    set.truths.push_back(
        {std::move(filters[f]), TRY(Matrix<std::int32_t>::open(truth_path(stem, f)))});
  }
  return set;
}

Result<DataSet> read_set(const std::string& base, const std::string& queries,
                         const std::string& truth) {
  DataSet set;
  set.name = "given";
  set.base = TRY(Matrix<float>::open(base));
  set.queries = TRY(Matrix<float>::open(queries));
  Filter all;
  all.count = set.base.rows();
  set.truths.push_back({std::move(all), TRY(Matrix<std::int32_t>::open(truth))});
  const auto& ids = set.truths[0].ids;
  if (set.queries.columns() != set.base.columns() || ids.rows() != set.queries.rows() ||
      ids.columns() < kRecallAt) {
    return Error{Code::InvalidArgument,
                 fmt::format("{}, {} and {} do not belong together", base, queries, truth)};
  }
  for (std::size_t q = 0; q < ids.rows(); ++q) {
    for (const std::int32_t id : ids[q]) {
      if (id >= 0 && static_cast<std::size_t>(id) < set.base.rows()) continue;
      return Error{Code::InvalidArgument, fmt::format("{}: names row {}", truth, id)};
    }
  }
  return set;
}

double intrinsic_dimension(const DataSet& set) {
  double sum = 0;
  std::size_t counted = 0;
  for (std::size_t q = 0; q < set.queries.rows(); ++q) {
    const auto ids = set.truths[0].ids[q];
    const auto distance = [&](std::int32_t id) {
      return 2 - 2 * exact_dot(set.queries[q], set.base[static_cast<std::size_t>(id)]);
    };
    const double farthest = distance(ids.back());
    double logarithms = 0;  // of squares: twice those of the distances
    for (const std::int32_t id : ids.first(ids.size() - 1)) {
      logarithms += std::log(std::max(distance(id), 1e-12) / farthest) / 2;
    }
    if (logarithms == 0) continue;
    sum += -static_cast<double>(ids.size() - 1) / logarithms;
    ++counted;
  }
  return counted == 0 ? 0 : sum / static_cast<double>(counted);
}

double recall(const Truth& truth, std::span<const std::int32_t> ids) {
  const std::size_t queries = ids.size() / kRecallAt;
  std::size_t found = 0, wanted = 0;
  for (std::size_t q = 0; q < queries; ++q) {
    const auto answer = ids.subspan(q * kRecallAt, kRecallAt);
    for (const std::int32_t id : truth.ids[q % truth.ids.rows()].first(kRecallAt)) {
      if (id < 0) continue;
      ++wanted;
      found += std::find(answer.begin(), answer.end(), id) != answer.end();
    }
  }
  return wanted == 0 ? 1 : static_cast<double>(found) / static_cast<double>(wanted);
}

double dram_bytes_per_s() {
  constexpr std::size_t kBytes = std::size_t{512} << 20;  // beyond any cache
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  madvise(memory, kBytes, MADV_HUGEPAGE);
  std::memset(memory, 1, kBytes);
  const auto* bytes = static_cast<const char*>(memory);
  const auto cpu_s = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const double begin = cpu_s();
  std::array<Lanes, kTogether> sums{};
  for (std::size_t i = 0; i < kBytes; i += sizeof sums) {
    std::array<Lanes, kTogether> read;
    std::memcpy(read.data(), bytes + i, sizeof read);
    for (std::size_t j = 0; j < kTogether; ++j) sums[j] += read[j];
  }
  const double rate = static_cast<double>(kBytes) / (cpu_s() - begin);
  volatile float kept = 0;  // or nothing would be read
  for (const Lanes& sum : sums) kept = kept + sum[0];
  munmap(memory, kBytes);
  return rate;
}

}  // namespace bench
