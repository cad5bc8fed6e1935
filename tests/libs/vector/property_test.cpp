// An index beside a model of it (a map that is searched row by row) through random histories of
// changes, filters, and files.

#include <map>
#include <optional>
#include <tuple>

#include "libs/vector/index_fixture.h"

namespace vector::testing {
namespace {

// What a caller may put in: near and far, great and small, sparse, the same again.
class Vectors {
 public:
  Vectors(std::size_t dimension, std::uint64_t seed)
      : dimension_(dimension), state_(seed * 2 + 1) {}

  std::uint64_t random() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    return state_ ^= state_ << 17;
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random() >> 11) % n; }

  Vector next() {
    const std::size_t kind = below(8);
    if (kind == 0 && !last_.empty()) return last_;
    Vector vector(dimension_);
    for (float& value : vector) value = component();
    if (kind == 1) std::fill(vector.begin() + 1, vector.end(), 0.0F);
    const float scale = kind == 2 ? 1e6F : kind == 3 ? 1e-6F : 1;
    for (float& value : vector) value *= scale;
    if (vector[0] == 0) vector[0] = scale;
    return last_ = vector;
  }

 private:
  float component() { return static_cast<float>(below(2001)) / 1000.0F - 1; }

  std::size_t dimension_;
  std::uint64_t state_;
  Vector last_;
};

double score(Metric metric, const Vector& a, const Vector& b) {
  double product = 0, a_squared = 0, b_squared = 0, distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    product += x * y;
    a_squared += x * x;
    b_squared += y * y;
    distance += (x - y) * (x - y);
  }
  if (metric == Metric::Cosine) return product / std::sqrt(a_squared * b_squared);
  return metric == Metric::Dot ? product : -distance;
}

// What is lost of that score where so much of a unit vector's is.
double rounding(Metric metric, const Vector& a, const Vector& b, double lost) {
  if (metric == Metric::Cosine) return 10 * lost;
  return lost * (score(Metric::Dot, a, a) + score(Metric::Dot, b, b)) + 1e-30;
}

// By float32, by the 16 bits of Fast and by byte codes.
double lost(Profile profile) {
  return profile == Profile::Exact ? 1e-6 : profile == Profile::Fast ? 1e-2 : 2e-2;
}

class History {
 public:
  History(std::size_t dimension, Metric metric, Profile profile, std::uint64_t seed)
      : metric_(metric), profile_(profile), vectors_(dimension, seed) {
    index_ =
        Index::create(
            {.dimension = dimension, .metric = metric, .profile = profile, .rows_max = 2 * kIds})
            .value();
    // More than are always searched by their originals.
    for (std::uint64_t id = 0; id < kIds; id += 2) insert(id, false);
  }

  void step() {
    const std::uint64_t id = vectors_.below(kIds);
    const bool there = model_.contains(id);
    switch (vectors_.below(8)) {
      case 0:
      case 1:
        insert(id, there);
        break;
      case 2: {
        const Vector vector = vectors_.next();
        const auto replaced = index_->replace(id, vector);
        ASSERT_TRUE(replaced.ok()) << replaced.error().message;
        EXPECT_EQ(replaced.value(), there);
        model_[id] = vector;
        break;
      }
      case 3:
        EXPECT_EQ(index_->remove(id).value(), there);
        model_.erase(id);
        break;
      case 4:
        remember_filter();
        break;
      case 5:
        if (vectors_.below(10) == 0) store();
        break;
      default:
        compare(vectors_.below(2) == 0);
    }
    EXPECT_EQ(index_->contains(id), model_.contains(id));
    EXPECT_EQ(index_->size(), model_.size());
  }

  // The share of all places where a row stood that is as near as the one that belongs there.
  double near() const { return places_ == 0 ? 1 : near_ / places_; }

 private:
  static constexpr std::size_t kIds = 300;

  void insert(std::uint64_t id, bool there) {
    const Vector vector = vectors_.next();
    const auto inserted = index_->insert(id, vector);
    ASSERT_EQ(inserted.ok(), !there);
    if (there) {
      EXPECT_EQ(inserted.error().code, Code::Conflict);
    } else {
      model_[id] = vector;
    }
  }

  void remember_filter() {
    allowed_.clear();
    std::vector<std::uint64_t> ids;
    const std::size_t part = 1 + vectors_.below(8);
    for (std::uint64_t id = 0; id < kIds + 10; ++id) {  // also such as are never there
      if (vectors_.below(part) == 0) ids.push_back(id);
    }
    for (const std::uint64_t id : ids) {
      if (model_.contains(id)) allowed_[id] = model_[id];
    }
    filter_ = index_->filter(ids);
    EXPECT_EQ(filter_->size(), allowed_.size());
  }

  void store() {
    ASSERT_TRUE(index_->save(folder_.file("index")).ok());
    auto opened = Index::open(folder_.file("index"), Index::Tending::Caller);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    index_ = std::move(opened).value();
    filter_.reset();
  }

  // A row that was replaced since has left the filter.
  bool may_be_found(std::uint64_t id, bool filtered) const {
    if (!filtered) return true;
    const auto then = allowed_.find(id);
    return then != allowed_.end() && then->second == model_.at(id);
  }

  // The scores of the best must be the model's: which of equal rows they are is free.
  void compare(bool filtered) {
    filtered = filtered && filter_.has_value();
    const Vector query = vectors_.next();
    std::vector<Match> matches(1 + vectors_.below(20));
    const double recall = vectors_.below(2) == 0 ? 1 : kRecallDefault;
    const auto found = index_->search(
        query, {.recall = recall, .filter = filtered ? &*filter_ : nullptr}, matches);
    ASSERT_TRUE(found.ok()) << found.error().message;
    std::vector<std::pair<double, std::uint64_t>> expected;
    for (const auto& [id, vector] : model_) {
      if (may_be_found(id, filtered)) expected.emplace_back(-score(metric_, query, vector), id);
    }
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(found.value(), std::min(expected.size(), matches.size()));
    for (std::size_t i = 0; i < found.value(); ++i) {
      const Match& match = matches[i];
      ASSERT_TRUE(model_.contains(match.id));
      EXPECT_TRUE(may_be_found(match.id, filtered)) << match.id;
      const Vector& vector = model_.at(match.id);
      const double near = rounding(metric_, query, vector, lost(profile_));
      EXPECT_NEAR(match.score, score(metric_, query, vector), near);
      const double choice =
          near + rounding(metric_, query, model_.at(expected[i].second), lost(profile_));
      const bool is_near = std::abs(match.score + expected[i].first) <= choice;
      // What codes choose may miss now and then.
      EXPECT_TRUE(is_near || recall < 1)
          << "place " << i << ": " << match.score << ' ' << -expected[i].first;
      places_ += 1;
      near_ += is_near ? 1 : 0;
    }
  }

  double places_ = 0, near_ = 0;
  Metric metric_;
  Profile profile_;
  Vectors vectors_;
  Folder folder_;
  std::unique_ptr<Index> index_;
  std::map<std::uint64_t, Vector> model_;
  std::optional<Filter> filter_;
  std::map<std::uint64_t, Vector> allowed_;  // the rows of filter_ as they were when it was made
};

class Histories : public ::testing::TestWithParam<std::tuple<Metric, Profile>> {};

TEST_P(Histories, AnswerAsAModelOfThemDoes) {
  const auto [metric, profile] = GetParam();
  const std::uint64_t seeds = profile == Profile::Exact ? 2 : 1;
  for (const std::size_t dimension : {1, 3, 16, 65, 100, 384}) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      SCOPED_TRACE(::testing::Message() << "dimension " << dimension << " seed " << seed);
      History history(dimension, metric, profile, seed * 100 + dimension);
      for (int i = 0; i < 250 && !::testing::Test::HasFailure(); ++i) history.step();
      EXPECT_GE(history.near(), .97);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Property, Histories,
    ::testing::Combine(::testing::Values(Metric::Cosine, Metric::Dot, Metric::L2),
                       ::testing::Values(Profile::Exact, Profile::Fast, Profile::Compact)));

}  // namespace
}  // namespace vector::testing
