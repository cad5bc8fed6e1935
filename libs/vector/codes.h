#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "vector/kernels.h"

// How vectors become codes. A vector is moved by the collection's centre, rotated at random (which
// makes its dimensions alike, whatever the model did to them) and rounded to bytes, nibbles or
// bits with a scale of its own:
//   i8  round(r / step), step = max |r| / 127
//   u4  16 levels of .335 standard deviations, the best uniform ones for a Gaussian (Max 1960)
//   b1  the sign; the scale |r|^2 / sum |r_i| makes the estimate unbiased (RaBitQ, Gao & Long 2024)
// The signs are kept twice: in blocks of 64 rows for scans of everything, and as a row's sketch,
// together with its factors, for those that meet rows here and there: one line of memory (of 384
// dimensions) says whether a row is worth reading.
// The scales of u4 and b1 are such that a row's estimated product with itself is exact.

namespace vector {

enum class Metric { Cosine, Dot, L2 };

constexpr std::size_t kDimensionMax = 8192;

// Elements of a row of each kind, padded so that no kernel needs a tail.
constexpr std::size_t f32_stride(std::size_t dimension) { return (dimension + 15) / 16 * 16; }
constexpr std::size_t i8_stride(std::size_t dimension) { return (dimension + 63) / 64 * 64; }
constexpr std::size_t u4_stride(std::size_t dimension) { return (dimension + 127) / 128 * 64; }
constexpr std::size_t b1_groups(std::size_t dimension) { return (dimension + 47) / 48 * 8; }
// A sketch: bytes of signs, then a factor for these and one for the row's nibbles.
constexpr std::size_t sketch_bits(std::size_t dimension) { return (dimension + 63) / 64 * 8; }
constexpr std::size_t sketch_stride(std::size_t dimension) {
  return (sketch_bits(dimension) + 2 * sizeof(Factor) + 63) / 64 * 64;
}

// 64 bytes, so that a vector of them starts at a cache line.
struct alignas(64) Line {
  std::byte bytes[64];
};

std::uint16_t bf16_from(float value);  // rounded to the nearest
float float_from_bf16(std::uint16_t value);
std::uint16_t f16_from(float value);  // rounded to the nearest, infinity beyond 65504
float float_from_f16(std::uint16_t value);

// Codes of one collection's vectors. Immutable, so thread-safe.
class Coder {
 public:
  static constexpr double kSquaredMax =
      1e37;  // so that no product of two accepted vectors overflows

  // `centre` is the vectors' mean or empty for none; it stays for the collection's life.
  static Result<Coder> create(std::size_t dimension, Metric metric, std::span<const float> centre);

  std::size_t dimension() const { return dimension_; }
  Metric metric() const { return metric_; }
  std::span<const float> centre() const { return centre_; }

  // Copies `vector` to `out`, normalised if the metric is Cosine. Refused: another dimension, NaN,
  // infinity, a squared length above 1e37, and under Cosine a vector without direction.
  Result<void> accept(std::span<const float> vector, float* out) const;

  // Rotates (accepted - centre) into `out`.
  void rotate(const float* accepted, float* out) const;
  // The accepted vector that rotate() makes this of.
  void unrotate(const float* rotated, float* accepted) const;
  // What the factors of all a row's codes add to its score.
  float bias(const float* accepted) const;

  // Codes of a rotated row, padding included.
  Factor encode_i8(const float* rotated, float bias, std::uint8_t* code) const;
  Factor encode_u4(const float* rotated, float bias, std::uint8_t* code) const;
  // Into row `row` (0-63) of a block of 64.
  Factor encode_b1(const float* rotated, float bias, std::uint8_t* block, std::size_t row) const;

  // With the factor of the row's nibbles, which follows that of the signs.
  void encode_sketch(const float* rotated, const Factor& nibbles, std::uint8_t* sketch) const;

  // The score of two accepted vectors.
  float exact(const float* a, const float* b) const;

 private:
  Coder() = default;

  std::size_t dimension_ = 0;
  std::size_t power_ = 1;  // the largest power of two that fits the dimension
  Metric metric_ = Metric::Cosine;
  float centre_squared_ = 0;
  std::vector<float> centre_;
  std::vector<float> signs_;

  friend class Query;
};

// A query's bytes as the bits that sketches are scored by: coarser, which is nothing to how coarse
// those are. Reused without allocation.
class SketchQuery {
 public:
  // `scale` is that of the bytes, `gain` 2 under L2, else 1, `squared` the length of what was
  // coded.
  void set(std::size_t dimension, const std::int8_t* codes, float scale, float gain, float base,
           double squared);

  // The estimate, with `deviations` times what it may be wrong by on top: the more of them, the
  // rarer are rows that score higher.
  CodeQuery above(float deviations) const;

 private:
  std::vector<Line> lines_;
  CodeQuery estimate_;
  double deviation_ = 0;  // in steps of the sum
};

// A query, prepared for rows of every kind. Reused without allocation. Not thread-safe.
class Query {
 public:
  // Errors as Coder::accept.
  Result<void> set(const Coder& coder, std::span<const float> vector);
  // From a row's own accepted vector, which needs no check.
  void set_accepted(const Coder& coder, const float* accepted);
  // The standard deviation of a 1-bit estimate for a row with this factor.
  float b1_deviation(const Factor& factor) const { return b1_deviation_ * factor.scale; }
  // The same of a nibble estimate.
  float u4_deviation(const Factor& factor) const { return u4_deviation_ * factor.scale; }
  // Also the tables for 1-bit codes, which only some searches need.
  void prepare_b1();

  // The accepted query, with zeros up to f32_stride().
  const float* original() const { return original_.data(); }
  const CodeQuery& i8() const { return i8_; }
  const CodeQuery& u4() const { return u4_; }
  const SketchQuery& sketch() const { return sketch_; }
  const CodeQuery& b1() const { return b1_; }  // its codes are null: the tables stand for them
  const std::uint8_t* tables() const {
    return reinterpret_cast<const std::uint8_t*>(tables_.data());
  }

 private:
  void resize(const Coder& coder);
  void encode(const Coder& coder);

  std::size_t dimension_ = 0;
  float gain_ = 1;  // 2 under L2
  float base_ = 0;
  float b1_deviation_ = 0;
  float u4_deviation_ = 0;
  std::vector<float> original_;
  std::vector<float> rotated_;
  std::vector<Line> codes_;
  std::vector<Line> tables_;
  CodeQuery i8_, u4_, b1_;
  SketchQuery sketch_;
};

}  // namespace vector
