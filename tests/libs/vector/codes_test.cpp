#include "vector/codes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace {

using vector::Coder;
using vector::CodeRows;
using vector::Factor;
using vector::Line;
using vector::Metric;
using vector::Query;

std::vector<float> gaussian(std::size_t n, std::mt19937& random) {
  std::normal_distribution<float> gauss;
  std::vector<float> out(n);
  for (float& x : out) x = gauss(random);
  return out;
}

float length(const std::vector<float>& x) {
  return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0F));
}

void normalise(std::vector<float>& x) {
  const float scale = 1 / length(x);
  for (float& value : x) value *= scale;
}

Coder coder_of(std::size_t dimension, Metric metric, std::vector<float> centre = {}) {
  Result<Coder> coder = Coder::create(dimension, metric, centre);
  EXPECT_TRUE(coder.ok());
  return std::move(coder).value();
}

std::string refusal(const Coder& coder, const std::vector<float>& vector) {
  std::vector<float> out(coder.dimension());
  const Result<void> accepted = coder.accept(vector, out.data());
  if (accepted) return "";
  EXPECT_EQ(accepted.error().code, Code::InvalidArgument);
  return accepted.error().message;
}

// One row with all its codes.
struct Coded {
  std::vector<Line> i8, u4, sketch, block;
  std::size_t sketch_bits;
  Factor i8_factor, u4_factor;
  std::vector<Factor> b1_factors{64};
  static constexpr std::size_t kRow = 5;  // of the block

  Coded(const Coder& coder, const std::vector<float>& accepted)
      : i8(vector::i8_stride(coder.dimension()) / 64),
        u4(vector::u4_stride(coder.dimension()) / 64),
        sketch(vector::sketch_stride(coder.dimension()) / 64),
        block(vector::b1_groups(coder.dimension())),
        sketch_bits(vector::sketch_bits(coder.dimension())) {
    std::vector<float> rotated(coder.dimension());
    coder.rotate(accepted.data(), rotated.data());
    const float bias = coder.bias(accepted.data());
    i8_factor = coder.encode_i8(rotated.data(), bias, bytes(i8));
    u4_factor = coder.encode_u4(rotated.data(), bias, bytes(u4));
    coder.encode_sketch(rotated.data(), u4_factor, bytes(sketch));
    b1_factors[kRow] = coder.encode_b1(rotated.data(), bias, bytes(block), kRow);
  }
  static std::uint8_t* bytes(std::vector<Line>& lines) {
    return reinterpret_cast<std::uint8_t*>(lines.data());
  }

  float score_i8(const Query& query) {
    float out = 0;
    const CodeRows rows = {bytes(i8), i8.size() * 64, &i8_factor};
    vector::kernels().score_i8_many(query.i8(), rows, 0, 1, &out);
    return out;
  }
  float score_u4(const Query& query) {
    float out = 0;
    const CodeRows rows = {bytes(u4), u4.size() * 64, &u4_factor};
    vector::kernels().score_u4_many(query.u4(), rows, 0, 1, &out);
    return out;
  }
  float score_sketch(const Query& query, float deviations) {
    float out = 0;
    const CodeRows rows = {bytes(sketch), sketch.size() * 64, sketch_factors(), sketch.size() * 64};
    const std::uint32_t id = 0;
    vector::kernels().score_sketch_gather(query.sketch().above(deviations), rows, &id, 1, &out);
    return out;
  }
  // Of the signs and of the nibbles.
  const vector::Factor* sketch_factors() {
    return reinterpret_cast<const vector::Factor*>(bytes(sketch) + sketch_bits);
  }
  float score_b1(const Query& query) {
    std::uint16_t sums[64];
    float out[64];
    vector::kernels().scan_b1(bytes(block), query.tables(), block.size(), sums);
    vector::kernels().finish_b1(sums, query.b1(), b1_factors.data(), 0, out);
    return out[kRow];
  }
};

TEST(Coder, RefusesShapesThatItCannotHold) {
  EXPECT_EQ(Coder::create(0, Metric::Dot, {}).error().message, "a dimension is 1 to 8192, not 0");
  EXPECT_EQ(Coder::create(8193, Metric::Dot, {}).error().code, Code::InvalidArgument);
  const std::vector<float> centre = {1, 2};
  EXPECT_EQ(Coder::create(3, Metric::Dot, centre).error().message,
            "a centre of 2 dimensions for vectors of 3");
  const std::vector<float> wild = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(Coder::create(2, Metric::Dot, wild).error().message,
            "a centre's values are finite, its squared length <= 1e37");
}

TEST(Coder, RefusesVectorsOfAnotherDimensionWithNanOrInfinityOrTooLong) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Metric metric : {Metric::Cosine, Metric::Dot, Metric::L2}) {
    const Coder coder = coder_of(3, metric);
    EXPECT_EQ(refusal(coder, {1, 2}), "a vector of 2 dimensions where 3 are stored");
    EXPECT_EQ(refusal(coder, {1, kNan, 2}), "a vector with a NaN or an infinity");
    EXPECT_EQ(refusal(coder, {1, -kInfinity, 2}), "a vector with a NaN or an infinity");
    EXPECT_EQ(refusal(coder, {1, 2, 3}), "");
    EXPECT_EQ(refusal(coder, {0, 0, 0}),
              metric == Metric::Cosine ? "a zero vector has no cosine" : "");
    EXPECT_EQ(refusal(coder, {1e19F, 0, 0}),
              metric == Metric::Cosine ? "" : "a vector whose squared length is over 1e37");
  }
}

TEST(Coder, NormalisesUnderCosineEvenTheSmallestAndTheLargest) {
  const Coder coder = coder_of(2, Metric::Cosine);
  std::vector<float> out(2);
  for (const float length : {1e-44F, 1.0F, 3e38F}) {
    const std::vector<float> vector = {0, length};
    ASSERT_TRUE(coder.accept(vector, out.data()).ok());
    EXPECT_FLOAT_EQ(out[1], 1) << length;
  }
}

TEST(Coder, RotationKeepsProductsAndCanBeUndoneInAnyDimension) {
  std::mt19937 random(1);
  for (std::size_t n = 1; n < 300; n += 1 + n / 20) {
    const Coder coder = coder_of(n, Metric::Dot, gaussian(n, random));
    const Coder plain = coder_of(n, Metric::Dot);
    const std::vector<float> a = gaussian(n, random), b = gaussian(n, random);
    std::vector<float> rotated_a(n), rotated_b(n), back(n);
    plain.rotate(a.data(), rotated_a.data());
    plain.rotate(b.data(), rotated_b.data());
    EXPECT_NEAR(plain.exact(rotated_a.data(), rotated_b.data()), plain.exact(a.data(), b.data()),
                1e-3)
        << n;
    coder.rotate(a.data(), rotated_a.data());
    coder.unrotate(rotated_a.data(), back.data());
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(back[i], a[i], 1e-4) << n;
  }
}

TEST(Coder, RotationSpreadsASingleLargeDimension) {
  const Coder coder = coder_of(384, Metric::Dot);
  std::vector<float> spike(384), rotated(384);
  spike[7] = 1;
  coder.rotate(spike.data(), rotated.data());
  for (const float x : rotated) EXPECT_LT(std::abs(x), .3F);
}

TEST(Coder, ScoresOfAllCodesAreNearTheExactOneUnderEveryMetricAndCentre) {
  std::mt19937 random(2);
  for (const Metric metric : {Metric::Cosine, Metric::Dot, Metric::L2}) {
    for (const bool centred : {false, true}) {
      for (const std::size_t n : {std::size_t{65}, std::size_t{384}, std::size_t{500}}) {
        const float offset = centred ? .3F : 0;
        const float length = metric == Metric::Cosine ? std::sqrt(static_cast<float>(n)) : 1;
        const std::vector<float> centre(n, offset / length);
        const Coder coder = coder_of(n, metric, centre);
        double i8_error = 0, u4_error = 0, b1_error = 0, sketch_error = 0, spread = 0;
        for (int round = 0; round < 40; ++round) {
          std::vector<float> x = gaussian(n, random), q = gaussian(n, random);
          for (std::size_t i = 0; i < n; ++i) {
            x[i] += offset;
            q[i] = .5F * q[i] + .5F * x[i];
          }
          std::vector<float> accepted(n), accepted_query(n);
          ASSERT_TRUE(coder.accept(x, accepted.data()).ok());
          ASSERT_TRUE(coder.accept(q, accepted_query.data()).ok());
          Query query;
          ASSERT_TRUE(query.set(coder, q).ok());
          query.prepare_b1();
          Coded coded(coder, accepted);
          const float exact = coder.exact(accepted_query.data(), accepted.data());
          i8_error += std::pow(coded.score_i8(query) - exact, 2);
          u4_error += std::pow(coded.score_u4(query) - exact, 2);
          b1_error += std::pow(coded.score_b1(query) - exact, 2);
          sketch_error += std::pow(coded.score_sketch(query, 0) - exact, 2);
          // |q| |x| / sqrt(n): what the product of two unrelated vectors deviates by.
          const Coder dot = coder_of(n, Metric::Dot);
          spread += dot.exact(accepted_query.data(), accepted_query.data()) *
                    dot.exact(accepted.data(), accepted.data()) / static_cast<float>(n) *
                    (metric == Metric::L2 ? 4 : 1);
        }
        SCOPED_TRACE(std::to_string(static_cast<int>(metric)) + " n=" + std::to_string(n));
        EXPECT_LT(std::sqrt(i8_error / spread), .02);
        EXPECT_LT(std::sqrt(u4_error / spread), .16);
        EXPECT_LT(std::sqrt(b1_error / spread), 1.0);
        EXPECT_GT(std::sqrt(b1_error / spread), .01) << "as good as that cannot be";
        EXPECT_LT(std::sqrt(sketch_error / spread), 1.0);
      }
    }
  }
}

// The root mean square of errors, in the deviations that are promised for them.
// `error_of(query, coded, exact)` gives one.
template <class ErrorOf>
double deviations_of(Metric metric, std::uint32_t seed, ErrorOf error_of) {
  std::mt19937 random(seed);
  const Coder coder = coder_of(384, metric);
  double squares = 0;
  constexpr int kRounds = 400;
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<float> x = gaussian(384, random), q = gaussian(384, random);
    Query query;
    EXPECT_TRUE(query.set(coder, q).ok());
    query.prepare_b1();
    Coded coded(coder, x);
    squares += std::pow(error_of(query, coded, coder.exact(q.data(), x.data())), 2);
  }
  return std::sqrt(squares / kRounds);
}

TEST(Coder, DeviationOfOneBitEstimatesIsAsPromised) {
  const auto error_of = [](Query& query, Coded& coded, double exact) {
    return (coded.score_b1(query) - exact) / query.b1_deviation(coded.b1_factors[Coded::kRow]);
  };
  EXPECT_NEAR(deviations_of(Metric::Dot, 3, error_of), 1, .1);
}

TEST(Coder, DeviationOfNibbleEstimatesIsAsPromised) {
  const auto error_of = [](Query& query, Coded& coded, double exact) {
    return (coded.score_u4(query) - exact) / query.u4_deviation(coded.u4_factor);
  };
  for (const Metric metric : {Metric::Dot, Metric::L2}) {
    EXPECT_NEAR(deviations_of(metric, 4, error_of), 1, .1);
  }
}

TEST(Coder, ScoresHardlyExceedWhatTheirSketchesPromise) {
  constexpr float kDeviations = 2;  // exceeded by one in 44
  std::mt19937 random(5);
  for (const std::size_t n : {200, 384, 1000}) {
    for (const Metric metric : {Metric::Cosine, Metric::Dot, Metric::L2}) {
      const Coder coder = coder_of(n, metric);
      int exceeded = 0;
      double excess = 0;
      constexpr int kRounds = 200;
      for (int round = 0; round < kRounds; ++round) {
        std::vector<float> x = gaussian(n, random);
        std::vector<float> q = gaussian(n, random);
        for (std::size_t i = 0; i < n; ++i) x[i] += static_cast<float>(round % 4) * q[i];
        if (metric == Metric::Cosine) {
          normalise(q);
          normalise(x);
        }
        Query query;
        ASSERT_TRUE(query.set(coder, q).ok());
        Coded coded(coder, x);
        const float promised = coded.score_sketch(query, kDeviations);
        const float score = coded.score_u4(query);
        exceeded += score > promised;
        const float lengths = length(q) * length(x);
        excess += static_cast<double>((promised - score) / lengths);
      }
      SCOPED_TRACE(std::to_string(static_cast<int>(metric)) + " n=" + std::to_string(n));
      EXPECT_LE(exceeded, 10);
      EXPECT_LT(excess / kRounds, metric == Metric::L2 ? .3 : .15) << "rules hardly a row out";
    }
  }
}

TEST(Coder, SketchesCarryTheFactorsOfSignsAndNibblesInTheirLines) {
  std::mt19937 random(6);
  for (const std::size_t n : {1, 64, 65, 384, 385, 1024}) {
    const Coder coder = coder_of(n, Metric::L2);
    Coded coded(coder, gaussian(n, random));
    const vector::Factor signs = coded.b1_factors[Coded::kRow];
    EXPECT_EQ(coded.sketch_factors()[0].scale, signs.scale) << n;
    EXPECT_EQ(coded.sketch_factors()[0].bias, signs.bias) << n;
    EXPECT_EQ(coded.sketch_factors()[1].scale, coded.u4_factor.scale) << n;
    EXPECT_EQ(coded.sketch_factors()[1].bias, coded.u4_factor.bias) << n;
  }
  EXPECT_EQ(vector::sketch_stride(384), 64U);
  EXPECT_EQ(vector::sketch_stride(385), 128U);
}

TEST(Coder, ZeroAndDenormalRowsAndQueriesScoreTheirBias) {
  for (const Metric metric : {Metric::Dot, Metric::L2}) {
    const Coder coder = coder_of(10, metric);
    for (const float value : {0.0F, 1e-42F}) {
      const std::vector<float> tiny(10, value), one(10, 1);
      Coded small(coder, tiny), large(coder, one);
      Query query, tiny_query;
      ASSERT_TRUE(query.set(coder, one).ok());
      ASSERT_TRUE(tiny_query.set(coder, tiny).ok());
      query.prepare_b1();
      tiny_query.prepare_b1();
      const float expected = metric == Metric::L2 ? -10 : 0;
      EXPECT_FLOAT_EQ(small.score_i8(query), expected);
      EXPECT_FLOAT_EQ(small.score_u4(query), expected);
      EXPECT_FLOAT_EQ(small.score_b1(query), expected);
      EXPECT_FLOAT_EQ(small.score_sketch(query, 1), expected);
      EXPECT_NEAR(large.score_i8(tiny_query), expected, 1e-5);
      EXPECT_NEAR(large.score_u4(tiny_query), expected, 1e-5);
      EXPECT_NEAR(large.score_b1(tiny_query), expected, 1e-5);
      EXPECT_NEAR(large.score_sketch(tiny_query, 1), expected, 1e-5);
    }
  }
}

TEST(Query, RefusesWhatTheCoderRefuses) {
  const Coder coder = coder_of(2, Metric::Cosine);
  Query query;
  const std::vector<float> zero = {0, 0};
  EXPECT_EQ(query.set(coder, zero).error().message, "a zero vector has no cosine");
}

}  // namespace
