#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

// What bench/vector searches: base vectors, queries that are not among them, the exact answers,
// also under filters. Made from a seed, or read from files in the format of the public data sets:
// int32 rows, int32 columns, then the values row by row (.fbin float32, .ibin int32).

namespace bench {

// A matrix mapped from such a file: its pages are the file's, so that they are not counted as the
// memory of an index.
template <class Value>
class Matrix {
 public:
  static Result<Matrix> open(const std::string& path);
  Matrix() = default;
  Matrix(Matrix&& other) noexcept { *this = std::move(other); }
  Matrix& operator=(Matrix&& other) noexcept {
    std::swap(map_, other.map_);
    std::swap(bytes_, other.bytes_);
    std::swap(rows_, other.rows_);
    std::swap(columns_, other.columns_);
    return *this;
  }
  ~Matrix();

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::span<const Value> operator[](std::size_t row) const {
    return {static_cast<const Value*>(map_) + 2 + row * columns_,
            columns_};  // behind the two int32
  }

 private:
  void* map_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
};

// Rows that an answer may contain; bit i of word w is row 64 w + i.
struct Filter {
  std::string name;  // "" lets all rows through
  std::vector<std::uint64_t> words;
  std::size_t count = 0;

  bool allows(std::size_t row) const { return words.empty() || (words[row / 64] >> row % 64 & 1); }
};

// How vectors are made: unit vectors around the centres of clusters. Within a cluster they spread
// along its own `rank` random directions, along the i-th in proportion to i^-decay, and by noise in
// all directions; centre : spread : noise are the lengths of the three parts.
struct Shape {
  std::string_view name;
  std::size_t rows = 0;
  std::size_t dimension = 0;
  std::size_t clusters = 1;
  std::size_t rank = 0;
  double decay = 0;
  double centre = 1;
  double spread = 1;
  double noise = 0;
  std::uint64_t seed = 1;

  std::size_t cluster_of(std::size_t row) const;
};

inline constexpr std::size_t kQueries = 1000;
inline constexpr std::size_t kTruthColumns = 100;  // as many as the estimate of the dimension needs
inline constexpr std::size_t kRecallAt = 10;

std::span<const Shape> shapes();

struct Truth {
  Filter filter;
  Matrix<std::int32_t> ids;  // of each query, best first; -1 where there are fewer
};

struct DataSet {
  std::string name;
  Matrix<float> base;
  Matrix<float> queries;
  std::vector<Truth> truths;  // the first without a filter
};

// The set of that shape out of `folder`, made and kept there (under a temporary name first) when it
// is not there or is of another shape.
Result<DataSet> prepare(const Shape& shape, const std::string& folder);

// The set in three files.
Result<DataSet> read_set(const std::string& base, const std::string& queries,
                         const std::string& truth);

// The local intrinsic dimension around the queries, by maximum likelihood over the distances to
// their nearest neighbours (Levina and Bickel 2004; Amsaleg et al. 2015).
double intrinsic_dimension(const DataSet& set);

// The share of the truth's first ten among `ids`, which hold at most ten an answer, -1 for none.
double recall(const Truth& truth, std::span<const std::int32_t> ids);

// Bytes that one thread reads from memory in a second of its CPU time, from huge pages.
double dram_bytes_per_s();

}  // namespace bench
