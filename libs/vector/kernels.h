#pragma once

#include <cstddef>
#include <cstdint>

#include "vector/tier.h"

// The inner loops of vector search, once per set of instructions (kernels_scalar.cpp,
// kernels_avx2.cpp, kernels_avx512.cpp over kernels_generic.h). All are pure and thread-safe. Those
// over floats agree between the tiers up to rounding, those over codes are exact and agree to the
// bit but for the last multiply-add.

namespace vector {

// What turns the integer dot product of a row's code into a score, kept for each row.
struct Factor {
  float scale = 0;
  float bias = 0;
};

// A query as signed bytes, prepared for codes of one kind (codes.h makes both). The score of a row
// is
//   (2 * integer_dot - offset) * scale * factor.scale + factor.bias + base.
struct CodeQuery {
  const std::int8_t* codes = nullptr;  // padded with zeros as the rows are
  float scale = 0;
  float base = 0;
  std::int32_t offset = 0;
};

// Rows of codes: row i starts at codes + i * stride, its factor is factors[i]. The stride counts
// bytes, is a multiple of 64 and has no more than a row's padding in it: all of it is read.
struct CodeRows {
  const std::uint8_t* codes = nullptr;
  std::size_t stride = 0;
  const Factor* factors = nullptr;
  // Bytes from a row's factor to the next one's; another than this for gathered rows only.
  std::size_t factor_stride = sizeof(Factor);
};

struct Kernels {
  Tier tier = Tier::Scalar;

  // Single pairs, any length, any alignment.
  float (*dot_f32)(const float* a, const float* b, std::size_t n) = nullptr;
  float (*l2_f32)(const float* a, const float* b, std::size_t n) = nullptr;  // squared distance
  float (*dot_bf16)(const std::uint16_t* a, const std::uint16_t* b, std::size_t n) = nullptr;
  float (*dot_f32_bf16)(const float* a, const std::uint16_t* b, std::size_t n) = nullptr;
  float (*dot_f32_f16)(const float* a, const std::uint16_t* b, std::size_t n) = nullptr;
  // Unsigned bytes of a row against signed bytes of a query; n up to 65536.
  std::int32_t (*dot_u8)(const std::uint8_t* row, const std::int8_t* query,
                         std::size_t n) = nullptr;
  // Nibbles against signed bytes; n is a multiple of 128. Byte j of each 64 holds the dimension j
  // of their 128 in its low half and 64 + j in its high half.
  std::int32_t (*dot_u4)(const std::uint8_t* row, const std::int8_t* query,
                         std::size_t n) = nullptr;
  std::uint32_t (*hamming_b1)(const std::uint8_t* a, const std::uint8_t* b,
                              std::size_t bytes) = nullptr;

  // One query against `count` rows that follow each other, `stride` elements apart, or against
  // those of `ids`, fetched ahead.
  void (*dot_f32_many)(const float* query, const float* rows, std::size_t stride, std::size_t n,
                       std::size_t count, float* out) = nullptr;
  void (*dot_f32_gather)(const float* query, const float* rows, std::size_t stride, std::size_t n,
                         const std::uint32_t* ids, std::size_t count, float* out) = nullptr;
  void (*l2_f32_many)(const float* query, const float* rows, std::size_t stride, std::size_t n,
                      std::size_t count, float* out) = nullptr;
  void (*l2_f32_gather)(const float* query, const float* rows, std::size_t stride, std::size_t n,
                        const std::uint32_t* ids, std::size_t count, float* out) = nullptr;
  void (*dot_bf16_many)(const float* query, const std::uint16_t* rows, std::size_t stride,
                        std::size_t n, std::size_t count, float* out) = nullptr;
  void (*dot_bf16_gather)(const float* query, const std::uint16_t* rows, std::size_t stride,
                          std::size_t n, const std::uint32_t* ids, std::size_t count,
                          float* out) = nullptr;
  void (*l2_bf16_many)(const float* query, const std::uint16_t* rows, std::size_t stride,
                       std::size_t n, std::size_t count, float* out) = nullptr;
  void (*l2_bf16_gather)(const float* query, const std::uint16_t* rows, std::size_t stride,
                         std::size_t n, const std::uint32_t* ids, std::size_t count,
                         float* out) = nullptr;
  void (*dot_f16_many)(const float* query, const std::uint16_t* rows, std::size_t stride,
                       std::size_t n, std::size_t count, float* out) = nullptr;
  void (*dot_f16_gather)(const float* query, const std::uint16_t* rows, std::size_t stride,
                         std::size_t n, const std::uint32_t* ids, std::size_t count,
                         float* out) = nullptr;

  // Scores of byte codes (i8) and nibble codes (u4): rows [first, first + count), or those of
  // `ids`; `batch` scores n queries at once, query q to out[q * count].
  void (*score_i8_many)(const CodeQuery& query, const CodeRows& rows, std::size_t first,
                        std::size_t count, float* out) = nullptr;
  void (*score_i8_gather)(const CodeQuery& query, const CodeRows& rows, const std::uint32_t* ids,
                          std::size_t count, float* out) = nullptr;
  void (*score_i8_batch)(const CodeQuery* queries, std::size_t n, const CodeRows& rows,
                         std::size_t first, std::size_t count, float* out) = nullptr;
  void (*score_u4_many)(const CodeQuery& query, const CodeRows& rows, std::size_t first,
                        std::size_t count, float* out) = nullptr;
  void (*score_u4_gather)(const CodeQuery& query, const CodeRows& rows, const std::uint32_t* ids,
                          std::size_t count, float* out) = nullptr;
  void (*score_u4_batch)(const CodeQuery* queries, std::size_t n, const CodeRows& rows,
                         std::size_t first, std::size_t count, float* out) = nullptr;
  // Scores of sketches, rows of bits. The query's numbers, of -8 to 7, are there as bits as well:
  // for each 64 bytes of a row 64 of their lowest bits, then of those that count 2, 4 and -8. The
  // integer product is the sum of the numbers whose bit is set in the row; where all of a number's
  // bits are 0 the row may have anything.
  void (*score_sketch_gather)(const CodeQuery& query, const CodeRows& rows,
                              const std::uint32_t* ids, std::size_t count, float* out) = nullptr;

  // Sums of table entries for 64 rows of 1-bit codes: byte 64 * g + r of the block holds six
  // dimensions of row r, out[r] = sum over g of tables[64 * g + byte]. A table's entry is the sum
  // of its entries for the low 4 and for the high 2 bits, and no entry is above 31. `groups` is a
  // multiple of 8, at most 2048.
  void (*scan_b1)(const std::uint8_t* block, const std::uint8_t* tables, std::size_t groups,
                  std::uint16_t* out) = nullptr;
  // The scores of these 64 rows, sum * scale * factor.scale + factor.bias + base with
  // sum = 2 * out - offset; returns the set of those above the threshold.
  std::uint64_t (*finish_b1)(const std::uint16_t* sums, const CodeQuery& query,
                             const Factor* factors, float threshold, float* out) = nullptr;
  // The set of up to 64 scores above a threshold.
  std::uint64_t (*above)(const float* scores, std::size_t count, float threshold) = nullptr;

  // Sums and differences of n = 2^k values in place, scaled to keep lengths (Walsh-Hadamard).
  void (*hadamard)(float* values, std::size_t n) = nullptr;
};

// The kernels of one tier; nullptr where the processor or the build lacks it.
const Kernels* kernels_of(Tier tier);

// The kernels of default_tier(), chosen once.
const Kernels& kernels();

}  // namespace vector
