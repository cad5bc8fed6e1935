#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/temp_dir.h"
#include "vector/index.h"
#include "vector/kernels.h"

namespace vector::testing {

using Folder = support::TempDir;

using Vector = std::vector<float>;

// Unit vectors around some centres: the same centres for all, the same vectors for a seed.
class Source {
 public:
  explicit Source(std::size_t dimension, std::uint64_t seed = 1) : dimension_(dimension) {
    for (Vector& centre : centres_) centre = noise(1);
    state_ ^= seed * 0x9E3779B97F4A7C15;
  }

  Vector next() {
    Vector vector = noise(0.6F);
    const Vector& centre = centres_[random() % centres_.size()];
    float squared = 0;
    for (std::size_t i = 0; i < dimension_; ++i) {
      vector[i] += centre[i];
      squared += vector[i] * vector[i];
    }
    for (float& value : vector) value /= std::sqrt(squared);
    return vector;
  }

  std::vector<Vector> next(std::size_t count) {
    std::vector<Vector> all(count);
    std::generate(all.begin(), all.end(), [&] { return next(); });
    return all;
  }

  std::uint64_t random() {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return state_;
  }

 private:
  Vector noise(float size) {
    Vector vector(dimension_);
    for (float& value : vector) {
      value = size * (static_cast<float>(random() % 2001) / 1000.0F - 1);
    }
    return vector;
  }

  const std::size_t dimension_;
  std::uint64_t state_ = 88172645463325252;
  std::array<Vector, 20> centres_;
};

inline std::string profile_name(const ::testing::TestParamInfo<Profile>& profile) {
  switch (profile.param) {
    case Profile::Exact:
      return "Exact";
    case Profile::Fast:
      return "Fast";
    case Profile::Compact:
      return "Compact";
  }
  return "";
}

inline float dot(const Vector& a, const Vector& b) {
  return kernels().dot_f32(a.data(), b.data(), a.size());
}

// Ids and vectors, and the exact answer.
using Truth = std::vector<std::pair<std::uint64_t, Vector>>;

inline std::vector<std::uint64_t> nearest(const Truth& truth, const Vector& query, std::size_t k) {
  std::vector<std::pair<float, std::uint64_t>> scored;
  for (const auto& [id, vector] : truth) scored.emplace_back(-dot(vector, query), id);
  std::sort(scored.begin(), scored.end());
  std::vector<std::uint64_t> ids;
  for (std::size_t i = 0; i < std::min(k, scored.size()); ++i) ids.push_back(scored[i].second);
  return ids;
}

inline std::vector<Match> search(const Index& index, const Vector& query, std::size_t k,
                                 const SearchOptions& options = {}) {
  std::vector<Match> matches(k);
  matches.resize(index.search(query, options, matches).value());
  return matches;
}

inline std::vector<std::uint64_t> ids(const std::vector<Match>& matches) {
  std::vector<std::uint64_t> all;
  for (const Match& match : matches) all.push_back(match.id);
  return all;
}

// The share of the true 10 nearest that the index finds, over some queries.
inline double recall(const Index& index, const Truth& truth, Source& queries,
                     const SearchOptions& options = {}) {
  std::size_t found = 0, wanted = 0;
  for (int i = 0; i < 30; ++i) {
    const Vector query = queries.next();
    const std::vector<std::uint64_t> exact = nearest(truth, query, 10);
    const std::vector<std::uint64_t> got = ids(search(index, query, 10, options));
    wanted += exact.size();
    for (const std::uint64_t id : exact)
      found += static_cast<std::size_t>(std::count(got.begin(), got.end(), id));
  }
  return static_cast<double>(found) / static_cast<double>(wanted);
}

inline std::unique_ptr<Index> make(std::size_t dimension, Profile profile = Profile::Exact) {
  IndexOptions options;
  options.dimension = dimension;
  options.profile = profile;
  options.rows_max = 1 << 14;
  return Index::create(options).value();
}

// Puts vectors under the ids from `first` on.
inline void fill(Index& index, const std::vector<Vector>& vectors, std::uint64_t first = 0,
                 Truth* truth = nullptr) {
  std::vector<std::uint64_t> ids;
  Vector all;
  for (const Vector& vector : vectors) {
    ids.push_back(first + ids.size());
    all.insert(all.end(), vector.begin(), vector.end());
    if (truth != nullptr) truth->emplace_back(ids.back(), vector);
  }
  index.insert_batch(ids, all).value();
}

}  // namespace vector::testing
