#include "vector/kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "vector/codes.h"

namespace {

using vector::Kernels;
using vector::Tier;

std::vector<const Kernels*> tiers_here() {
  std::vector<const Kernels*> found;
  for (const Tier tier : vector::kTiers) {
    if (const Kernels* kernels = vector::kernels_of(tier)) found.push_back(kernels);
  }
  return found;
}

std::string trace(const Kernels& k, const char* what, std::size_t n) {
  return std::string(vector::name(k.tier)) + " " + what + " n=" + std::to_string(n);
}

// The kinds of values that floats go wrong on.
enum class Kind { Gaussian, Denormal, Zero, Cancelling, Wide };
constexpr Kind kKinds[] = {Kind::Gaussian, Kind::Denormal, Kind::Zero, Kind::Cancelling,
                           Kind::Wide};

std::vector<float> values(Kind kind, std::size_t n, std::mt19937& random) {
  std::normal_distribution<float> gauss;
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const float x = gauss(random);
    switch (kind) {
      case Kind::Gaussian:
        out[i] = x;
        break;
      case Kind::Denormal:
        out[i] = x * 1e-40F;
        break;
      case Kind::Zero:
        out[i] = i % 2 == 0 ? 0.0F : -0.0F;
        break;
      case Kind::Cancelling:
        out[i] = (i % 2 == 0 ? 1e6F : -1e6F) + x;
        break;
      case Kind::Wide:
        out[i] = std::ldexp(x, static_cast<int>(random() % 60) - 30);
        break;
    }
  }
  return out;
}

// A copy at an address that is a multiple of the type's size and of nothing more.
template <class T>
class Odd {
 public:
  explicit Odd(const std::vector<T>& from) : held_(from.size() + 1) {
    std::copy(from.begin(), from.end(), held_.begin() + 1);
  }
  const T* data() const { return held_.data() + 1; }

 private:
  std::vector<T> held_;
};

struct Oracle {
  double value = 0;
  double magnitude = 0;  // of which the rounding of floats is a fraction
};

template <class A, class B>
Oracle dot(const std::vector<A>& a, const std::vector<B>& b) {
  Oracle oracle;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double product = static_cast<double>(a[i]) * static_cast<double>(b[i]);
    oracle.value += product;
    oracle.magnitude += std::abs(product);
  }
  return oracle;
}

Oracle l2(const std::vector<float>& a, const std::vector<float>& b) {
  Oracle oracle;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    oracle.value += d * d;
  }
  oracle.magnitude = oracle.value;
  return oracle;
}

// Each of n additions rounds by 2^-24 of the sum so far; products below the least normal float may
// vanish.
void expect_close(float got, const Oracle& oracle, std::size_t n, double unit = 0x1p-24) {
  const double bound =
      oracle.magnitude * unit * static_cast<double>(n / 4 + 8) + static_cast<double>(n) * 1.2e-38;
  EXPECT_LE(std::abs(static_cast<double>(got) - oracle.value), bound)
      << got << " instead of " << oracle.value;
}

std::vector<std::uint16_t> half(const std::vector<float>& from, std::uint16_t (*convert)(float)) {
  std::vector<std::uint16_t> out(from.size());
  std::transform(from.begin(), from.end(), out.begin(), convert);
  return out;
}

std::vector<std::size_t> lengths() {
  std::vector<std::size_t> all;
  for (std::size_t n = 0; n <= 310; ++n) all.push_back(n);
  all.insert(all.end(), {384, 511, 768, 1024, 1536});
  return all;
}

TEST(Kernels, RunOnTheseTiers) {
  std::string names;
  for (const Kernels* k : tiers_here()) names += std::string(" ") + std::string(name(k->tier));
  std::printf("vector: tiers tested:%s; default: %s\n", names.c_str(),
              std::string(vector::name(vector::default_tier())).c_str());
  EXPECT_EQ(tiers_here().front()->tier, Tier::Scalar);
  EXPECT_EQ(vector::kernels().tier, vector::default_tier());
}

TEST(Kernels, TierIsChosenByNameAndNeverOneThatTheProcessorLacks) {
  const char* const kVariable = "TROUPE_VECTOR_TIER";
  const char* before = std::getenv(kVariable);
  const std::string kept = before == nullptr ? "" : before;
  setenv(kVariable, "scalar", 1);
  EXPECT_EQ(vector::default_tier(), Tier::Scalar);
  for (const Tier tier : vector::kTiers) {
    setenv(kVariable, std::string(name(tier)).c_str(), 1);
    EXPECT_TRUE(vector::supported(vector::default_tier()));
    if (vector::supported(tier)) {
      EXPECT_EQ(vector::default_tier(), tier);
    }
    EXPECT_EQ(vector::tier_from_name(name(tier)), tier);
  }
  unsetenv(kVariable);
  const Tier best = vector::default_tier();
  setenv(kVariable, "avx9000", 1);
  EXPECT_EQ(vector::default_tier(), best);
  if (kept.empty()) {
    unsetenv(kVariable);
  } else {
    setenv(kVariable, kept.c_str(), 1);
  }
}

TEST(Kernels, FloatProductsAndDistancesAreTheOraclesForAnyLengthAndAlignment) {
  std::mt19937 random(1);
  for (const std::size_t n : lengths()) {
    for (const Kind kind : kKinds) {
      const std::vector<float> a = values(kind, n, random);
      const std::vector<float> b = values(kind, n, random);
      const Odd<float> odd_a(a), odd_b(b);
      for (const Kernels* k : tiers_here()) {
        SCOPED_TRACE(trace(*k, "f32", n));
        expect_close(k->dot_f32(odd_a.data(), odd_b.data(), n), dot(a, b), n);
        expect_close(k->l2_f32(odd_a.data(), odd_b.data(), n), l2(a, b), 4 * n + 8);
      }
    }
  }
}

TEST(Kernels, HalfFloatProductsAreTheOraclesForAnyLengthAndAlignment) {
  std::mt19937 random(2);
  for (const std::size_t n : lengths()) {
    for (const Kind kind : {Kind::Gaussian, Kind::Zero, Kind::Wide}) {
      const std::vector<float> a = values(kind, n, random);
      const std::vector<float> b = values(kind, n, random);
      const std::vector<std::uint16_t> brain_a = half(a, vector::bf16_from);
      const std::vector<std::uint16_t> brain_b = half(b, vector::bf16_from);
      std::vector<float> rounded_a(n), rounded_b(n), small_b(b);
      std::transform(brain_a.begin(), brain_a.end(), rounded_a.begin(), vector::float_from_bf16);
      std::transform(brain_b.begin(), brain_b.end(), rounded_b.begin(), vector::float_from_bf16);
      // Eleven bits, so that the conversion to f16 and back is exact.
      for (float& x : small_b) x = std::round(std::clamp(x, -1.0F, 1.0F) * 1024) / 1024;
      const std::vector<std::uint16_t> f16_b = half(small_b, vector::f16_from);
      const Odd<std::uint16_t> odd_a(brain_a), odd_b(brain_b), odd_f16(f16_b);
      for (const Kernels* k : tiers_here()) {
        SCOPED_TRACE(trace(*k, "16-bit floats", n));
        expect_close(k->dot_bf16(odd_a.data(), odd_b.data(), n), dot(rounded_a, rounded_b), n + 32);
        expect_close(k->dot_f32_bf16(a.data(), odd_b.data(), n), dot(a, rounded_b), n);
        expect_close(k->dot_f32_f16(a.data(), odd_f16.data(), n), dot(a, small_b), n);
      }
    }
  }
}

TEST(Kernels, EveryF16ValueIsReadAsItWasWritten) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half_bits = static_cast<std::uint16_t>(bits);
    const float one[3] = {1, 0, 0};
    const std::uint16_t row[3] = {half_bits, 0, 0};
    const float expected = vector::kernels_of(Tier::Scalar)->dot_f32_f16(one, row, 1);
    const bool nan = (bits & 0x7C00) == 0x7C00 && (bits & 0x3FF) != 0;
    ASSERT_EQ(std::isnan(expected), nan) << bits;
    if (nan) continue;
    ASSERT_EQ(vector::float_from_f16(half_bits), expected);
    ASSERT_EQ(vector::f16_from(expected), (bits & 0x7FFF) == 0 ? 0 : bits) << expected;
    for (const Kernels* k : tiers_here()) ASSERT_EQ(k->dot_f32_f16(one, row, 1), expected) << bits;
  }
}

TEST(Kernels, HalfFloatsRoundToTheNearest) {
  EXPECT_EQ(vector::bf16_from(1.0F), 0x3F80);
  EXPECT_EQ(vector::bf16_from(1.00390625F), 0x3F80);  // halfway: to even
  EXPECT_EQ(vector::bf16_from(1.01171875F), 0x3F82);
  EXPECT_EQ(vector::f16_from(1.0F), 0x3C00);
  EXPECT_EQ(vector::f16_from(-2.0F), 0xC000);
  EXPECT_EQ(vector::f16_from(1.00048828125F), 0x3C00);  // halfway: to even
  EXPECT_EQ(vector::f16_from(65519.0F), 0x7BFF);
  EXPECT_EQ(vector::f16_from(65520.0F), 0x7C00);
  EXPECT_EQ(vector::f16_from(0x1p-24F), 0x0001);
  EXPECT_EQ(vector::f16_from(0x1p-25F), 0x0000);
  EXPECT_EQ(vector::f16_from(std::numeric_limits<float>::quiet_NaN()), 0x7E00);
}

TEST(Kernels, IntegerProductsAreExactAtTheirExtremes) {
  std::mt19937 random(3);
  for (const std::size_t n : lengths()) {
    for (const bool extreme : {false, true}) {
      std::vector<std::uint8_t> row(n);
      std::vector<std::int8_t> query(n);
      std::int64_t expected = 0;
      for (std::size_t i = 0; i < n; ++i) {
        row[i] = extreme ? 255 : static_cast<std::uint8_t>(random());
        query[i] = extreme ? -128 : static_cast<std::int8_t>(random());
        expected += row[i] * query[i];
      }
      const Odd<std::uint8_t> odd_row(row);
      const Odd<std::int8_t> odd_query(query);
      for (const Kernels* k : tiers_here()) {
        SCOPED_TRACE(trace(*k, "u8", n));
        EXPECT_EQ(k->dot_u8(odd_row.data(), odd_query.data(), n), expected);
      }
    }
  }
}

TEST(Kernels, NibbleProductsAreExactAtTheirExtremes) {
  std::mt19937 random(4);
  for (const std::size_t n : {std::size_t{128}, std::size_t{384}, std::size_t{1024}}) {
    for (const bool extreme : {false, true}) {
      std::vector<std::uint8_t> row(n / 2);
      std::vector<std::int8_t> query(n);
      for (auto& byte : row) byte = extreme ? 255 : static_cast<std::uint8_t>(random());
      for (auto& byte : query) byte = extreme ? -128 : static_cast<std::int8_t>(random());
      std::int64_t expected = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint8_t both = row[i / 128 * 64 + i % 64];
        expected += (i / 64 % 2 == 0 ? both & 15 : both >> 4) * query[i];
      }
      const Odd<std::uint8_t> odd_row(row);
      const Odd<std::int8_t> odd_query(query);
      for (const Kernels* k : tiers_here()) {
        SCOPED_TRACE(trace(*k, "u4", n));
        EXPECT_EQ(k->dot_u4(odd_row.data(), odd_query.data(), n), expected);
      }
    }
  }
}

TEST(Kernels, HammingCountsEveryBit) {
  std::mt19937 random(5);
  for (std::size_t n = 0; n <= 200; ++n) {
    std::vector<std::uint8_t> a(n), b(n);
    std::uint32_t expected = 0;
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = static_cast<std::uint8_t>(random());
      b[i] = static_cast<std::uint8_t>(random());
      expected += static_cast<std::uint32_t>(std::popcount(static_cast<unsigned>(a[i] ^ b[i])));
    }
    const Odd<std::uint8_t> odd_a(a), odd_b(b);
    for (const Kernels* k : tiers_here()) {
      EXPECT_EQ(k->hamming_b1(odd_a.data(), odd_b.data(), n), expected) << trace(*k, "b1", n);
    }
  }
}

TEST(Kernels, ManyAndGatheredFloatRowsScoreAsSinglePairs) {
  std::mt19937 random(6);
  constexpr std::size_t kRows = 70;
  for (const std::size_t n : {1, 5, 16, 33, 100, 384}) {
    const std::size_t stride = n + 3;
    const std::vector<float> rows = values(Kind::Gaussian, kRows * stride, random);
    const std::vector<float> query = values(Kind::Gaussian, n, random);
    const std::vector<std::uint16_t> brain = half(rows, vector::bf16_from);
    const std::vector<std::uint16_t> f16 = half(rows, vector::f16_from);
    std::vector<std::uint32_t> ids(kRows);
    for (auto& id : ids) id = static_cast<std::uint32_t>(random() % kRows);
    for (const Kernels* k : tiers_here()) {
      SCOPED_TRACE(trace(*k, "rows", n));
      std::vector<float> out(kRows);
      const auto expect = [&](auto single, auto row_of) {
        for (std::size_t i = 0; i < kRows; ++i) EXPECT_EQ(out[i], single(row_of(i))) << i;
      };
      const auto in_order = [&](std::size_t i) { return i * stride; };
      const auto by_id = [&](std::size_t i) { return ids[i] * stride; };
      const auto f32 = [&](std::size_t at) { return k->dot_f32(query.data(), &rows[at], n); };
      k->dot_f32_many(query.data(), rows.data(), stride, n, kRows, out.data());
      expect(f32, in_order);
      k->dot_f32_gather(query.data(), rows.data(), stride, n, ids.data(), kRows, out.data());
      expect(f32, by_id);
      const auto far = [&](std::size_t at) { return k->l2_f32(query.data(), &rows[at], n); };
      k->l2_f32_many(query.data(), rows.data(), stride, n, kRows, out.data());
      expect(far, in_order);
      k->l2_f32_gather(query.data(), rows.data(), stride, n, ids.data(), kRows, out.data());
      expect(far, by_id);
      const auto bf = [&](std::size_t at) { return k->dot_f32_bf16(query.data(), &brain[at], n); };
      k->dot_bf16_many(query.data(), brain.data(), stride, n, kRows, out.data());
      expect(bf, in_order);
      k->dot_bf16_gather(query.data(), brain.data(), stride, n, ids.data(), kRows, out.data());
      expect(bf, by_id);
      const auto h = [&](std::size_t at) { return k->dot_f32_f16(query.data(), &f16[at], n); };
      k->dot_f16_many(query.data(), f16.data(), stride, n, kRows, out.data());
      expect(h, in_order);
      k->dot_f16_gather(query.data(), f16.data(), stride, n, ids.data(), kRows, out.data());
      expect(h, by_id);
      const auto brain_far = [&](std::size_t at) {
        std::vector<float> row(n);
        for (std::size_t i = 0; i < n; ++i) row[i] = vector::float_from_bf16(brain[at + i]);
        return k->l2_f32(query.data(), row.data(), n);
      };
      k->l2_bf16_many(query.data(), brain.data(), stride, n, kRows, out.data());
      expect(brain_far, in_order);
      k->l2_bf16_gather(query.data(), brain.data(), stride, n, ids.data(), kRows, out.data());
      expect(brain_far, by_id);
    }
  }
}

constexpr std::size_t kQueries = 11;  // more than registers hold the sums of, and odd

// Random codes of every kind, as an index would hold them.
struct CodeSet {
  std::size_t stride;
  std::vector<vector::Line> lines;
  std::vector<vector::Factor> factors;
  std::vector<vector::Line> query_lines[kQueries];
  vector::CodeQuery queries[kQueries];

  CodeSet(std::size_t rows, std::size_t stride_in, std::size_t query_bytes, std::mt19937& random)
      : stride(stride_in), lines(rows * stride / 64), factors(rows) {
    for (auto& line : lines) fill(line, random);
    for (auto& factor : factors) {
      factor.scale = static_cast<float>(random() % 1000) * .001F;
      factor.bias = static_cast<float>(random() % 1000) * .01F;
    }
    for (std::size_t q = 0; q < kQueries; ++q) {
      query_lines[q].resize(query_bytes / 64);
      for (auto& line : query_lines[q]) fill(line, random);
      queries[q] = {reinterpret_cast<const std::int8_t*>(query_lines[q].data()), .25F,
                    static_cast<float>(q), static_cast<std::int32_t>(random() % 5000)};
    }
  }
  static void fill(vector::Line& line, std::mt19937& random) {
    for (auto& byte : line.bytes) byte = static_cast<std::byte>(random());
  }
  vector::CodeRows rows() const {
    return {reinterpret_cast<const std::uint8_t*>(lines.data()), stride, factors.data()};
  }
  float expected(std::size_t row, int q, std::int32_t dot) const {
    return static_cast<float>(2 * dot - queries[q].offset) *
               (queries[q].scale * factors[row].scale) +
           factors[row].bias + queries[q].base;
  }
};

TEST(Kernels, ScoresOfCodesAreTheSameToTheBitInAllTiers) {
  std::mt19937 random(7);
  constexpr std::size_t kRows = 150;
  for (const std::size_t stride : {std::size_t{64}, std::size_t{192}, std::size_t{384}}) {
    const CodeSet bytes(kRows, stride, stride, random);
    const CodeSet nibbles(kRows, stride, 2 * stride, random);
    std::vector<std::uint32_t> ids(kRows);
    for (auto& id : ids) id = static_cast<std::uint32_t>(random() % kRows);
    for (const Kernels* k : tiers_here()) {
      SCOPED_TRACE(trace(*k, "codes", stride));
      const auto byte_score = [&](std::size_t row, int q) {
        return bytes.expected(
            row, q, k->dot_u8(bytes.rows().codes + row * stride, bytes.queries[q].codes, stride));
      };
      const auto nibble_score = [&](std::size_t row, int q = 0) {
        return nibbles.expected(
            row, q,
            k->dot_u4(nibbles.rows().codes + row * stride, nibbles.queries[q].codes, 2 * stride));
      };
      for (const std::size_t count : {std::size_t{1}, std::size_t{7}, std::size_t{64}, kRows - 3}) {
        std::vector<float> out(kQueries * count);
        k->score_i8_many(bytes.queries[0], bytes.rows(), 3, count, out.data());
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(out[i], byte_score(3 + i, 0)) << i;
        k->score_i8_gather(bytes.queries[0], bytes.rows(), ids.data(), count, out.data());
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(out[i], byte_score(ids[i], 0)) << i;
        k->score_u4_many(nibbles.queries[0], nibbles.rows(), 3, count, out.data());
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(out[i], nibble_score(3 + i)) << i;
        k->score_u4_gather(nibbles.queries[0], nibbles.rows(), ids.data(), count, out.data());
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(out[i], nibble_score(ids[i])) << i;
        for (const std::size_t n : {std::size_t{1}, std::size_t{4}, kQueries}) {
          k->score_i8_batch(bytes.queries, n, bytes.rows(), 3, count, out.data());
          for (std::size_t i = 0; i < n * count; ++i) {
            EXPECT_EQ(out[i], byte_score(3 + i % count, static_cast<int>(i / count))) << i;
          }
          k->score_u4_batch(nibbles.queries, n, nibbles.rows(), 3, count, out.data());
          for (std::size_t i = 0; i < n * count; ++i) {
            EXPECT_EQ(out[i], nibble_score(3 + i % count, static_cast<int>(i / count))) << i;
          }
        }
      }
    }
  }
}

// The sum of the numbers whose bit is set.
std::int32_t sketch_dot(const std::uint8_t* row, const std::int8_t* query, std::size_t stride) {
  const auto bit = [](const auto* bytes, std::size_t i) { return bytes[i / 8] >> (i % 8) & 1; };
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < 8 * stride; ++i) {
    const std::int8_t* numbers = query + i / 512 * 256;
    const auto at = [&](std::size_t place) { return bit(numbers + 64 * place, i % 512); };
    if (bit(row, i) != 0) sum += at(0) + 2 * at(1) + 4 * at(2) - 8 * at(3);
  }
  return sum;
}

TEST(Kernels, SketchesScoreTheSumOfTheNumbersWhoseBitIsSet) {
  std::mt19937 random(10);
  constexpr std::size_t kRows = 150;
  for (const std::size_t stride : {std::size_t{64}, std::size_t{128}, std::size_t{1088}}) {
    CodeSet bits(kRows, stride, 4 * stride, random);
    // All bits of a row and, of another query, the greatest and the least numbers.
    std::memset(bits.lines.data(), 0xFF, stride);
    std::memset(bits.query_lines[0].data(), 0xFF, 3 * stride);
    std::memset(bits.query_lines[2].data(), 0, 4 * stride);
    for (std::size_t i = 3; i < bits.query_lines[2].size(); i += 4) {
      std::memset(&bits.query_lines[2][i], 0xFF, 64);
    }
    std::vector<std::uint32_t> ids(kRows);
    for (auto& id : ids) id = static_cast<std::uint32_t>(random() % kRows);
    ids[0] = 0;
    // Factors of rows stand apart, two by two.
    std::vector<vector::Factor> spread(2 * kRows);
    for (std::size_t i = 0; i < kRows; ++i) spread[2 * i] = bits.factors[i];
    vector::CodeRows rows = bits.rows();
    rows.factors = spread.data();
    rows.factor_stride = 2 * sizeof(vector::Factor);
    for (const Kernels* k : tiers_here()) {
      SCOPED_TRACE(trace(*k, "sketches", stride));
      for (const std::size_t count : {std::size_t{1}, std::size_t{7}, std::size_t{64}, kRows}) {
        std::vector<float> out(count);
        for (const int q : {0, 1, 2}) {
          k->score_sketch_gather(bits.queries[q], rows, ids.data(), count, out.data());
          for (std::size_t i = 0; i < count; ++i) {
            const std::int32_t dot =
                sketch_dot(rows.codes + ids[i] * stride, bits.queries[q].codes, stride);
            EXPECT_EQ(out[i], bits.expected(ids[i], q, dot)) << i;
          }
        }
      }
    }
  }
}

TEST(Kernels, OneBitScansSumTheirTablesAndReportWhatIsAboveTheThreshold) {
  std::mt19937 random(8);
  for (const std::size_t groups : {std::size_t{8}, std::size_t{64}, std::size_t{1368}}) {
    for (const bool extreme : {false, true}) {
      std::vector<std::uint8_t> block(64 * groups), tables(64 * groups);
      for (auto& six : block) six = static_cast<std::uint8_t>(random() % 64);
      for (std::size_t g = 0; g < groups; ++g) {
        for (std::size_t m = 0; m < 64; ++m) {  // entries are sums of one of 16 and one of 4
          tables[64 * g + m] =
              static_cast<std::uint8_t>(extreme ? 31 : (m % 16) + 5 * (3 - m / 16));
        }
      }
      std::vector<vector::Factor> factors(64);
      for (auto& factor : factors) factor = {static_cast<float>(random() % 100) * .01F, 1};
      const vector::CodeQuery query = {nullptr, .5F, 2, 77};
      for (const Kernels* k : tiers_here()) {
        SCOPED_TRACE(trace(*k, "b1", groups));
        std::vector<std::uint16_t> sums(64);
        k->scan_b1(block.data(), tables.data(), groups, sums.data());
        std::vector<float> scores(64);
        const std::uint64_t set =
            k->finish_b1(sums.data(), query, factors.data(), 100, scores.data());
        for (std::size_t r = 0; r < 64; ++r) {
          std::uint32_t expected = 0;
          for (std::size_t g = 0; g < groups; ++g) expected += tables[64 * g + block[64 * g + r]];
          EXPECT_EQ(sums[r], expected) << r;
          const float score = static_cast<float>(2 * static_cast<std::int32_t>(expected) - 77) *
                                  (.5F * factors[r].scale) +
                              1 + 2;
          EXPECT_EQ(scores[r], score) << r;
          EXPECT_EQ(set >> r & 1, score > 100 ? 1U : 0U) << r;
        }
        for (std::size_t count = 0; count <= 64; ++count) {
          const std::uint64_t mask = count == 64 ? ~std::uint64_t{0} : (1ULL << count) - 1;
          EXPECT_EQ(k->above(scores.data(), count, 100), set & mask) << count;
        }
      }
    }
  }
}

TEST(Kernels, HadamardKeepsLengthsAndIsTheSameToTheBitInAllTiers) {
  std::mt19937 random(9);
  for (std::size_t n = 1; n <= 8192; n *= 2) {
    const std::vector<float> before = values(Kind::Gaussian, n, random);
    std::vector<float> scalar = before;
    vector::kernels_of(Tier::Scalar)->hadamard(scalar.data(), n);
    EXPECT_NEAR(dot(scalar, scalar).value, dot(before, before).value,
                1e-5 * dot(before, before).value);
    for (const Kernels* k : tiers_here()) {
      std::vector<float> after = before;
      k->hadamard(after.data(), n);
      EXPECT_EQ(after, scalar) << trace(*k, "hadamard", n);
      k->hadamard(after.data(), n);  // its own inverse
      for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(after[i], before[i], 1e-5) << i;
    }
  }
}

}  // namespace
