#include "vector/codes.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/ids.h"

namespace vector {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kRounds = 3;
constexpr double kLevel = .335;    // standard deviations between two nibbles
constexpr float kTiny = 1e-30F;    // below it a code is zero: its scale would be denormal
constexpr std::size_t kGroup = 6;  // dimensions of a table of 1-bit codes

// In several chains: a single one waits for each addition.
double squared_length(const float* x, std::size_t n) {
  constexpr std::size_t kChains = 8;
  double sums[kChains] = {};
  std::size_t i = 0;
  for (; i + kChains <= n; i += kChains) {
    for (std::size_t j = 0; j < kChains; ++j) {
      sums[j] += static_cast<double>(x[i + j]) * static_cast<double>(x[i + j]);
    }
  }
  for (; i < n; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return std::accumulate(std::begin(sums), std::end(sums), 0.0);
}

// As integers, floats without their sign have the same order.
float largest(const float* x, std::size_t n) {
  std::uint32_t max = 0;
  for (std::size_t i = 0; i < n; ++i) {
    max = std::max(max, std::bit_cast<std::uint32_t>(x[i]) & 0x7FFF'FFFF);
  }
  return std::bit_cast<float>(max);
}

// To the nearest: adding 1.5 * 2^23 leaves the integer in the low bits, and is a vector instruction
// on every processor, which lround is not.
std::int32_t rounded(float x) {
  constexpr float kMagic = 12582912.0F;
  return std::bit_cast<std::int32_t>(x + kMagic) - std::bit_cast<std::int32_t>(kMagic);
}

// Of an estimate by signs, over the row's scale: |q| |r| sqrt((1 / a^2 - 1) / d) with
// a = sum |r_i| / (sqrt(d) |r|), which rotation brings to sqrt(2 / pi) (RaBitQ, theorem 3.2); the
// scale is |r| / (a sqrt(d)).
double sign_deviation(double squared) { return std::sqrt(squared * (1 - 2 / kPi)); }

// For each subset of `kCount` values their sum, less the least such sum, in units of 1 / inverse.
template <std::size_t kCount>
void subset_sums(const float* values, float inverse, std::uint8_t* out) {
  float sums[std::size_t{1} << kCount];
  sums[0] = 0;
  for (std::size_t j = 0; j < kCount; ++j) sums[0] -= std::min(values[j], 0.0F) * inverse;
  for (std::size_t j = 0, size = 1; j < kCount; ++j, size *= 2) {
    for (std::size_t m = 0; m < size; ++m) sums[size + m] = sums[m] + values[j] * inverse;
  }
  for (std::size_t m = 0; m < std::size(sums); ++m) {
    out[m] = static_cast<std::uint8_t>(rounded(sums[m]));
  }
}

}  // namespace

std::uint16_t bf16_from(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float float_from_bf16(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

std::uint16_t f16_from(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const std::uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return sign | 0x7E00;
  if (magnitude >= 0x477FF000) return sign | 0x7C00;  // 65520 and more round to infinity
  if (magnitude < 0x38800000) {                       // below 2^-14: a multiple of 2^-24
    // Adding 0.5 = 2^23 * 2^-24 leaves that multiple, rounded, in the low bits.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000));
  }
  const std::uint32_t even = magnitude >> 13 & 1;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000 + 0xFFF + even) >> 13));
}

float float_from_f16(std::uint16_t value) {
  constexpr float kOne = 1;
  float out = 0;
  kernels_of(Tier::Scalar)->dot_f16_many(&kOne, &value, 1, 1, 1, &out);
  return out;
}

Result<Coder> Coder::create(std::size_t dimension, Metric metric, std::span<const float> centre) {
  if (dimension < 1 || dimension > kDimensionMax) {
    return Error(Code::InvalidArgument,
                 fmt::format("a dimension is 1 to {}, not {}", kDimensionMax, dimension));
  }
  if (!centre.empty() && centre.size() != dimension) {
    return Error(Code::InvalidArgument, fmt::format("a centre of {} dimensions for vectors of {}",
                                                    centre.size(), dimension));
  }
  Coder coder;
  coder.dimension_ = dimension;
  coder.power_ = std::bit_floor(dimension);
  coder.metric_ = metric;
  const double squared = squared_length(centre.data(), centre.size());
  if (!(squared <= kSquaredMax)) {
    return Error(Code::InvalidArgument, "a centre's values are finite, its squared length <= 1e37");
  }
  coder.centre_squared_ = static_cast<float>(squared);
  if (squared > 0) coder.centre_.assign(centre.begin(), centre.end());
  // Part of what a stored code means: the same on every machine and in every release.
  Random random(0x7472'6f75'7065);
  coder.signs_.resize(kRounds * dimension);
  for (float& sign : coder.signs_) sign = (random.next() >> 63) != 0 ? -1.0F : 1.0F;
  return coder;
}

Result<void> Coder::accept(std::span<const float> vector, float* out) const {
  if (vector.size() != dimension_) {
    return Error(Code::InvalidArgument, fmt::format("a vector of {} dimensions where {} are stored",
                                                    vector.size(), dimension_));
  }
  const double squared = squared_length(vector.data(), dimension_);
  if (!std::isfinite(squared)) {
    return Error(Code::InvalidArgument, "a vector with a NaN or an infinity");
  }
  if (metric_ == Metric::Cosine) {
    if (squared == 0) return Error(Code::InvalidArgument, "a zero vector has no cosine");
    const double scale = 1 / std::sqrt(squared);
    for (std::size_t i = 0; i < dimension_; ++i) {
      out[i] = static_cast<float>(static_cast<double>(vector[i]) * scale);
    }
    return {};
  }
  if (squared > kSquaredMax) {
    return Error(Code::InvalidArgument, "a vector whose squared length is over 1e37");
  }
  std::copy(vector.begin(), vector.end(), out);
  return {};
}

// Random signs, then Walsh-Hadamard over the first and over the last `power_` dimensions, three
// times: orthogonal for any dimension, in n log n steps.
void Coder::rotate(const float* accepted, float* out) const {
  const Kernels& k = kernels();
  if (centre_.empty()) {
    std::copy_n(accepted, dimension_, out);
  } else {
    for (std::size_t i = 0; i < dimension_; ++i) out[i] = accepted[i] - centre_[i];
  }
  for (std::size_t round = 0; round < kRounds; ++round) {
    const float* signs = signs_.data() + round * dimension_;
    for (std::size_t i = 0; i < dimension_; ++i) out[i] *= signs[i];
    k.hadamard(out, power_);
    if (power_ != dimension_) k.hadamard(out + dimension_ - power_, power_);
  }
}

void Coder::unrotate(const float* rotated, float* accepted) const {
  const Kernels& k = kernels();
  std::copy_n(rotated, dimension_, accepted);
  for (std::size_t round = kRounds; round-- > 0;) {
    const float* signs = signs_.data() + round * dimension_;
    if (power_ != dimension_) k.hadamard(accepted + dimension_ - power_, power_);
    k.hadamard(accepted, power_);
    for (std::size_t i = 0; i < dimension_; ++i) accepted[i] *= signs[i];
  }
  for (std::size_t i = 0; i < centre_.size(); ++i) accepted[i] += centre_[i];
}

// With r = x - c and p = q - c, which are what is coded: q.x = p.r + c.r + q.c, of which c.r
// belongs to the row, and -|q - x|^2 = 2 p.r - |r|^2 - |p|^2, of which -|r|^2 does.
float Coder::bias(const float* accepted) const {
  double sum = 0;
  switch (metric_) {
    case Metric::Cosine:
    case Metric::Dot:
      for (std::size_t i = 0; i < centre_.size(); ++i) {
        sum += static_cast<double>(centre_[i]) * static_cast<double>(accepted[i] - centre_[i]);
      }
      break;
    case Metric::L2:
      for (std::size_t i = 0; i < dimension_; ++i) {
        const float r = centre_.empty() ? accepted[i] : accepted[i] - centre_[i];
        sum -= static_cast<double>(r) * static_cast<double>(r);
      }
      break;
  }
  return static_cast<float>(sum);
}

Factor Coder::encode_i8(const float* rotated, float bias, std::uint8_t* code) const {
  const float max = largest(rotated, dimension_);
  std::memset(code, 128, i8_stride(dimension_));
  if (max < kTiny) return {0, bias};
  const float inverse = 127 / max;
  for (std::size_t i = 0; i < dimension_; ++i) {
    code[i] = static_cast<std::uint8_t>(rounded(rotated[i] * inverse) + 128);
  }
  return {max / 127, bias};
}

Factor Coder::encode_u4(const float* rotated, float bias, std::uint8_t* code) const {
  const std::size_t stride = u4_stride(dimension_);
  std::memset(code, 0, stride);
  const double squared = squared_length(rotated, dimension_);
  const auto step =
      static_cast<float>(kLevel * std::sqrt(squared / static_cast<double>(dimension_)));
  if (step < kTiny) return {0, bias};
  double product = 0;
  for (std::size_t i = 0; i < dimension_; ++i) {
    const std::int32_t level =
        std::clamp(rounded(std::clamp(rotated[i] / step, -8.0F, 8.0F) + 7.5F), 0, 15);
    product += static_cast<double>(rotated[i]) * (level - 7.5);
    const std::size_t at = i / 128 * 64 + i % 64;
    code[at] = static_cast<std::uint8_t>(code[at] | level << (i / 64 % 2 * 4));
  }
  return {static_cast<float>(squared / product), bias};
}

Factor Coder::encode_b1(const float* rotated, float bias, std::uint8_t* block,
                        std::size_t row) const {
  const std::size_t groups = b1_groups(dimension_);
  double sum = 0;
  double squared = 0;
  for (std::size_t group = 0; group < groups; ++group) {
    unsigned bits = 0;
    for (std::size_t j = 0; j < kGroup && group * kGroup + j < dimension_; ++j) {
      const float r = rotated[group * kGroup + j];
      bits |= static_cast<unsigned>(r >= 0) << j;
      sum += static_cast<double>(std::abs(r));
      squared += static_cast<double>(r) * static_cast<double>(r);
    }
    block[64 * group + row] = static_cast<std::uint8_t>(bits);
  }
  return {sum < static_cast<double>(kTiny) ? 0 : static_cast<float>(squared / sum), bias};
}

void Coder::encode_sketch(const float* rotated, const Factor& nibbles, std::uint8_t* sketch) const {
  const std::size_t bits = sketch_bits(dimension_);
  std::memset(sketch, 0, bits);
  double sum = 0;
  double squared = 0;
  for (std::size_t i = 0; i < dimension_; ++i) {
    const float r = rotated[i];
    sketch[i / 8] = static_cast<std::uint8_t>(sketch[i / 8] | unsigned{r >= 0} << (i % 8));
    sum += static_cast<double>(std::abs(r));
    squared += static_cast<double>(r) * static_cast<double>(r);
  }
  const float scale = sum < static_cast<double>(kTiny) ? 0 : static_cast<float>(squared / sum);
  const Factor factors[] = {{scale, nibbles.bias}, nibbles};
  std::memcpy(sketch + bits, factors, sizeof factors);
}

float Coder::exact(const float* a, const float* b) const {
  const Kernels& k = kernels();
  return metric_ == Metric::L2 ? -k.l2_f32(a, b, dimension_) : k.dot_f32(a, b, dimension_);
}

Result<void> Query::set(const Coder& coder, std::span<const float> vector) {
  resize(coder);
  TRY(coder.accept(vector, original_.data()));
  encode(coder);
  return {};
}

void Query::set_accepted(const Coder& coder, const float* accepted) {
  resize(coder);
  std::copy_n(accepted, coder.dimension(), original_.data());
  encode(coder);
}

void Query::resize(const Coder& coder) {
  dimension_ = coder.dimension();
  original_.resize(f32_stride(dimension_));
  rotated_.resize(dimension_);
  codes_.resize(u4_stride(dimension_) * 2 / sizeof(Line));
}

void Query::encode(const Coder& coder) {
  coder.rotate(original_.data(), rotated_.data());
  const bool l2 = coder.metric() == Metric::L2;
  gain_ = l2 ? 2.0F : 1.0F;
  base_ = 0;
  const double squared = squared_length(rotated_.data(), dimension_);
  b1_deviation_ = static_cast<float>(sign_deviation(squared)) * gain_;
  // |q| |r| sqrt(e / d) with the squared error e of those levels (Max 1960).
  u4_deviation_ = static_cast<float>(std::sqrt(squared * .01154) / kLevel) * gain_;
  if (l2) {
    base_ = -static_cast<float>(squared);
  } else if (!coder.centre_.empty()) {
    base_ = kernels().dot_f32(original_.data(), coder.centre_.data(), dimension_);
  }
  auto* codes = reinterpret_cast<std::int8_t*>(codes_.data());
  std::memset(codes, 0, codes_.size() * sizeof(Line));
  const float max = largest(rotated_.data(), dimension_);
  const float inverse = max < kTiny ? 0 : 127 / max;
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < dimension_; ++i) {
    codes[i] = static_cast<std::int8_t>(rounded(rotated_[i] * inverse));
    sum += codes[i];
  }
  const float step = max < kTiny ? 0 : max / 127;
  const float scale = step * gain_ / 2;
  // Bytes are stored 128 above their value, nibbles 7.5: twice that, for each dimension, comes off.
  i8_ = {codes, scale, base_, 256 * sum};
  u4_ = {codes, scale, base_, 15 * sum};
  sketch_.set(dimension_, codes, step, gain_, base_, squared);
}

void SketchQuery::set(std::size_t dimension, const std::int8_t* codes, float scale, float gain,
                      float base, double squared) {
  constexpr int kStep = 16;  // bytes' steps in one of ours
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  constexpr std::uint64_t kGather = 0x0102'0408'1020'4080;  // the lowest bits of eight bytes
  lines_.assign(4 * sketch_stride(dimension) / sizeof(Line), Line{});
  auto* bits = reinterpret_cast<std::uint8_t*>(lines_.data());
  std::int32_t sum = 0;
  for (std::size_t at = 0; 8 * at < dimension; ++at) {
    std::int8_t numbers[8];
    for (std::size_t i = 0; i < 8; ++i) {
      numbers[i] = static_cast<std::int8_t>(std::min((codes[8 * at + i] + kStep / 2) >> 4, 7));
      sum += numbers[i];
    }
    std::uint64_t eight = 0;
    std::memcpy(&eight, numbers, sizeof eight);
    std::uint8_t* const out = bits + at / 64 * 256 + at % 64;
    for (std::size_t place = 0; place < 4; ++place) {
      out[64 * place] = static_cast<std::uint8_t>((eight >> place & kOnes) * kGather >> 56);
    }
  }
  estimate_ = {reinterpret_cast<const std::int8_t*>(bits), scale * kStep * gain, base, sum};
  // A row's deviation, as b1_deviation() has it, is in proportion to its factor as its product is.
  deviation_ = scale < kTiny ? 0 : sign_deviation(squared) / static_cast<double>(scale * kStep);
}

CodeQuery SketchQuery::above(float deviations) const {
  CodeQuery query = estimate_;
  query.offset -= rounded(deviations * static_cast<float>(deviation_));
  return query;
}

void Query::prepare_b1() {
  const std::size_t groups = b1_groups(dimension_);
  rotated_.resize(groups * kGroup);  // with zeros beyond the dimension
  tables_.resize(groups);
  float total = 0;
  float widest = 0;
  for (std::size_t group = 0; group < groups; ++group) {
    float range = 0;
    for (std::size_t j = 0; j < kGroup; ++j) range += std::abs(rotated_[group * kGroup + j]);
    widest = std::max(widest, range);
    total += range;
  }
  // Two roundings up by a half at most keep the sum of two entries within 31.
  const float step = std::max(widest / 30, kTiny);
  const float inverse = 1 / step;
  auto* table = reinterpret_cast<std::uint8_t*>(tables_.data());
  for (std::size_t group = 0; group < groups; ++group, table += 64) {
    std::uint8_t low[16];
    std::uint8_t high[4];
    subset_sums<4>(rotated_.data() + group * kGroup, inverse, low);
    subset_sums<2>(rotated_.data() + group * kGroup + 4, inverse, high);
    for (std::size_t h = 0; h < 4; ++h) {
      for (std::size_t m = 0; m < 16; ++m) {
        table[16 * h + m] = static_cast<std::uint8_t>(low[m] + high[h]);
      }
    }
  }
  // A sum of entries counts from the sum of all negative values: their distance to the middle
  // between it and the sum of all positive values is half of total.
  b1_ = {nullptr, step * gain_, base_, rounded(total * inverse)};
}

}  // namespace vector
