#pragma once

#include <cstddef>
#include <cstdint>

#include "vector/kernels.h"

// The kernels over a type S of vectors of floats and of integers, which each of kernels_*.cpp
// defines in its own anonymous namespace: so every instantiation is private to the file, and its
// compiler flags. For the same reason no header with inline functions of use elsewhere is included.
//
// S has: Floats, Ints, kFloats (lanes of Floats), kBytes (bytes of Ints, at most 64), zero(),
// ints(), load_f32/bf16/f16(p) and ..._part(p, n) for the first n < kFloats with zeros behind,
// fma(a, b, c) = a * b + c, sub, add, sum, dot_u8(sums, row, query), dot_u4(sums, row, low, high),
// dot_bits(sums, row, query) of kBitBytes, sum4(a, b, c, d, out), sum_ints, dot_bf16(a, b, n),
// scan_b1(...), above(p, threshold).

namespace vector {

using std::int32_t;
using std::int8_t;
using std::size_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

template <class S>
struct KernelsOver {
  using Floats = typename S::Floats;
  using Ints = typename S::Ints;
  using U16 = std::uint16_t;
  static constexpr size_t kLanes = S::kFloats;
  static constexpr size_t kLine = 64;   // bytes of a cache line
  static constexpr size_t kTile = 64;   // rows whose integer sums wait to be finished together
  static constexpr size_t kAhead = 16;  // rows of codes that are fetched before they are needed
  static constexpr size_t kFloatsAhead = 3;

  struct F32 {
    using Value = float;
    static Floats load(const float* p) { return S::load_f32(p); }
    static Floats part(const float* p, size_t n) { return S::load_f32_part(p, n); }
  };
  struct Bf16 {
    using Value = U16;
    static Floats load(const U16* p) { return S::load_bf16(p); }
    static Floats part(const U16* p, size_t n) { return S::load_bf16_part(p, n); }
  };
  struct F16 {
    using Value = U16;
    static Floats load(const U16* p) { return S::load_f16(p); }
    static Floats part(const U16* p, size_t n) { return S::load_f16_part(p, n); }
  };
  struct Dot {
    static Floats step(Floats sum, Floats a, Floats b) { return S::fma(a, b, sum); }
  };
  struct L2 {
    static Floats step(Floats sum, Floats a, Floats b) {
      const Floats difference = S::sub(a, b);
      return S::fma(difference, difference, sum);
    }
  };

  // Four sums hide the latency of a multiply-add.
  template <class Op, class A, class B>
  static float pair(const typename A::Value* a, const typename B::Value* b, size_t n) {
    Floats s0 = S::zero(), s1 = S::zero(), s2 = S::zero(), s3 = S::zero();
    size_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
      s0 = Op::step(s0, A::load(a + i), B::load(b + i));
      s1 = Op::step(s1, A::load(a + i + kLanes), B::load(b + i + kLanes));
      s2 = Op::step(s2, A::load(a + i + 2 * kLanes), B::load(b + i + 2 * kLanes));
      s3 = Op::step(s3, A::load(a + i + 3 * kLanes), B::load(b + i + 3 * kLanes));
    }
    for (; i + kLanes <= n; i += kLanes) s0 = Op::step(s0, A::load(a + i), B::load(b + i));
    if (i < n) s1 = Op::step(s1, A::part(a + i, n - i), B::part(b + i, n - i));
    return S::sum(S::add(S::add(s0, s1), S::add(s2, s3)));
  }

  template <class Op, class B>
  static void many(const float* query, const typename B::Value* rows, size_t stride, size_t n,
                   size_t count, float* out) {
    for (size_t i = 0; i < count; ++i) out[i] = pair<Op, F32, B>(query, rows + i * stride, n);
  }

  // Not to be called from a function that does nothing else: GCC 12 takes that for one without
  // effect and drops its calls.
  [[gnu::always_inline]] static void fetch(const void* start, size_t bytes) {
    const char* p = static_cast<const char*>(start);
    for (size_t i = 0; i < bytes; i += kLine) __builtin_prefetch(p + i);
  }

  template <class Op, class B>
  static void gather(const float* query, const typename B::Value* rows, size_t stride, size_t n,
                     const uint32_t* ids, size_t count, float* out) {
    constexpr size_t kWidth = sizeof(typename B::Value);
    for (size_t i = 0; i < count && i < kFloatsAhead; ++i) {
      fetch(rows + ids[i] * stride, n * kWidth);
    }
    for (size_t i = 0; i < count; ++i) {
      if (i + kFloatsAhead < count) fetch(rows + ids[i + kFloatsAhead] * stride, n * kWidth);
      out[i] = pair<Op, F32, B>(query, rows + ids[i] * stride, n);
    }
  }

  // Byte codes: one dimension a byte.
  struct Bytes {
    static constexpr size_t kStep = S::kBytes;
    static Ints step(Ints sum, const uint8_t* row, const int8_t* query, size_t at) {
      return S::dot_u8(sum, row + at, query + at);
    }
  };
  // Nibble codes: 64 bytes hold 128 dimensions.
  struct Nibbles {
    static constexpr size_t kStep = S::kBytes;
    static Ints step(Ints sum, const uint8_t* row, const int8_t* query, size_t at) {
      const size_t low = at / kLine * kLine + at;
      return S::dot_u4(sum, row + at, query + low, query + low + kLine);
    }
  };
  // Sketches: one dimension a bit, four bits a number of the query.
  struct Bits {
    static constexpr size_t kStep = S::kBitBytes;
    static Ints step(Ints sum, const uint8_t* row, const int8_t* query, size_t at) {
      return S::dot_bits(sum, row + at, query + at / kLine * 3 * kLine + at);
    }
  };

  template <class Code>
  static Ints code_sums(const uint8_t* row, const int8_t* query, size_t bytes) {
    Ints sums = S::ints();
    for (size_t at = 0; at < bytes; at += Code::kStep) sums = Code::step(sums, row, query, at);
    return sums;
  }

  template <class Code>
  static int32_t code_pair(const uint8_t* row, const int8_t* query, size_t bytes) {
    return S::sum_ints(code_sums<Code>(row, query, bytes));
  }

  static int32_t dot_u8(const uint8_t* row, const int8_t* query, size_t n) {
    const size_t whole = n / S::kBytes * S::kBytes;
    int32_t sum = code_pair<Bytes>(row, query, whole);
    for (size_t i = whole; i < n; ++i) sum += row[i] * query[i];
    return sum;
  }

  static int32_t dot_u4(const uint8_t* row, const int8_t* query, size_t n) {
    return code_pair<Nibbles>(row, query, n / 2);
  }

  // Four rows share the steps that fold the sums. They are read one after the other: side by side,
  // sharing the loads of the query, they would come from memory at half the rate.
  template <class Code>
  static void code_four(const uint8_t* const* rows, const int8_t* query, size_t bytes,
                        int32_t* out) {
    const Ints s0 = code_sums<Code>(rows[0], query, bytes);
    const Ints s1 = code_sums<Code>(rows[1], query, bytes);
    const Ints s2 = code_sums<Code>(rows[2], query, bytes);
    const Ints s3 = code_sums<Code>(rows[3], query, bytes);
    S::sum4(s0, s1, s2, s3, out);
  }

  static float finished(int32_t sum, const CodeQuery& query, float scale, const Factor& factor) {
    return static_cast<float>(2 * sum - query.offset) * (scale * factor.scale) + factor.bias +
           query.base;
  }

  template <class Code>
  static void code_many(const CodeQuery& query, const CodeRows& rows, size_t first, size_t count,
                        float* out) {
    int32_t sums[kTile];
    for (size_t start = 0; start < count; start += kTile) {
      const size_t tile = count - start < kTile ? count - start : kTile;
      const uint8_t* row = rows.codes + (first + start) * rows.stride;
      size_t i = 0;
      for (; i + 4 <= tile; i += 4, row += 4 * rows.stride) {
        const uint8_t* four[4] = {row, row + rows.stride, row + 2 * rows.stride,
                                  row + 3 * rows.stride};
        code_four<Code>(four, query.codes, rows.stride, sums + i);
      }
      for (; i < tile; ++i, row += rows.stride) {
        sums[i] = code_pair<Code>(row, query.codes, rows.stride);
      }
      const Factor* factors = rows.factors + first + start;
      for (i = 0; i < tile; ++i) out[start + i] = finished(sums[i], query, query.scale, factors[i]);
    }
  }

  // Of rows of kBytes with their factors among them, or 0.
  template <class Code, size_t kBytes = 0>
  static void code_gather(const CodeQuery& query, const CodeRows& rows, const uint32_t* ids,
                          size_t count, float* out) {
    int32_t sums[kTile];
    Factor factors[kTile];
    const size_t bytes = kBytes == 0 ? rows.stride : kBytes;
    const auto row = [&](size_t i) { return rows.codes + ids[i] * rows.stride; };
    const auto factor = [&](size_t i) {
      const auto* const start = reinterpret_cast<const char*>(rows.factors);
      return reinterpret_cast<const Factor*>(start + ids[i] * rows.factor_stride);
    };
    size_t fetched = 0;
    for (size_t start = 0; start < count; start += kTile) {
      const size_t tile = count - start < kTile ? count - start : kTile;
      size_t i = 0;
      for (; i + 4 <= tile; i += 4) {
        const size_t at = start + i;
        for (; fetched < count && fetched < at + kAhead + 4; ++fetched) {
          fetch(row(fetched), bytes);
          if (kBytes == 0) __builtin_prefetch(factor(fetched));  // else it is in the row
        }
        const uint8_t* four[4] = {row(at), row(at + 1), row(at + 2), row(at + 3)};
        code_four<Code>(four, query.codes, bytes, sums + i);
        for (size_t j = i; j < i + 4; ++j) factors[j] = *factor(start + j);
      }
      for (; i < tile; ++i) {
        sums[i] = code_pair<Code>(row(start + i), query.codes, bytes);
        factors[i] = *factor(start + i);
      }
      for (i = 0; i < tile; ++i) out[start + i] = finished(sums[i], query, query.scale, factors[i]);
    }
  }

  // In sketches of one line rows share the query, in registers.
  static void sketch_gather(const CodeQuery& query, const CodeRows& rows, const uint32_t* ids,
                            size_t count, float* out) {
    if (rows.stride == kLine) return code_gather<Bits, kLine>(query, rows, ids, count, out);
    code_gather<Bits>(query, rows, ids, count, out);
  }

  // A tile of rows for 2 * kPairs queries. Each row is read once and by itself, in the order in
  // which the processor fetches ahead: in another, or fetched by hand, rows come from memory at
  // half the rate. What rows share is the folding of two at a time.
  template <class Code, size_t kPairs>
  static void batch_tile(const CodeQuery* queries, const CodeRows& rows, size_t first, size_t tile,
                         int32_t (*sums)[kTile]) {
    constexpr size_t kQueries = 2 * kPairs;
    const uint8_t* row = rows.codes + first * rows.stride;
    size_t i = 0;
    for (; i + 2 <= tile; i += 2) {
      Ints two[2][kQueries];
#pragma GCC unroll 2
      for (size_t r = 0; r < 2; ++r, row += rows.stride) {
#pragma GCC unroll 8
        for (size_t q = 0; q < kQueries; ++q) two[r][q] = S::ints();
        for (size_t at = 0; at < rows.stride; at += S::kBytes) {
#pragma GCC unroll 8
          for (size_t q = 0; q < kQueries; ++q) {
            two[r][q] = Code::step(two[r][q], row, queries[q].codes, at);
          }
        }
      }
#pragma GCC unroll 8
      for (size_t q = 0; q < kQueries; q += 2) {
        int32_t four[4];
        S::sum4(two[0][q], two[1][q], two[0][q + 1], two[1][q + 1], four);
        __builtin_memcpy(sums[q] + i, four, sizeof four / 2);
        __builtin_memcpy(sums[q + 1] + i, four + 2, sizeof four / 2);
      }
    }
    for (size_t q = 0; q < kQueries && i < tile; ++q) {
      sums[q][i] = code_pair<Code>(row, queries[q].codes, rows.stride);
    }
  }

  template <class Code>
  static void code_batch(const CodeQuery* queries, size_t n, const CodeRows& rows, size_t first,
                         size_t count, float* out) {
    constexpr size_t kTogether = 8;  // whose sums fit the registers
    constexpr void (*kTiles[])(const CodeQuery*, const CodeRows&, size_t, size_t,
                               int32_t(*)[kTile]) = {batch_tile<Code, 1>, batch_tile<Code, 2>,
                                                     batch_tile<Code, 3>, batch_tile<Code, 4>};
    for (size_t start = 0; start < count; start += kTile) {
      const size_t tile = count - start < kTile ? count - start : kTile;
      const Factor* factors = rows.factors + first + start;
      for (size_t done = 0; done < n; done += kTogether) {
        const size_t here = n - done < kTogether ? n - done : kTogether;
        CodeQuery together[kTogether];  // the first stands in for what is missing of a pair
        for (size_t q = 0; q < kTogether; ++q) together[q] = queries[done + (q < here ? q : 0)];
        int32_t sums[kTogether][kTile];
        kTiles[(here - 1) / 2](together, rows, first + start, tile, sums);
        for (size_t q = 0; q < here; ++q) {
          const CodeQuery query = together[q];
          float* scores = out + (done + q) * count + start;
          for (size_t i = 0; i < tile; ++i) {
            scores[i] = finished(sums[q][i], query, query.scale, factors[i]);
          }
        }
      }
    }
  }

  static uint32_t hamming_b1(const uint8_t* a, const uint8_t* b, size_t bytes) {
    uint64_t sum = 0;
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8) {
      uint64_t x, y;
      __builtin_memcpy(&x, a + i, 8);
      __builtin_memcpy(&y, b + i, 8);
      sum += static_cast<uint64_t>(__builtin_popcountll(x ^ y));
    }
    for (; i < bytes; ++i) {
      sum += static_cast<uint64_t>(__builtin_popcount(static_cast<unsigned>(a[i] ^ b[i])));
    }
    return static_cast<uint32_t>(sum);
  }

  static uint64_t above(const float* scores, size_t count, float threshold) {
    uint64_t set = 0;
    size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) set |= S::above(scores + i, threshold) << i;
    for (; i < count; ++i) set |= uint64_t{scores[i] > threshold} << i;
    return set;
  }

  static uint64_t finish_b1(const U16* sums, const CodeQuery& query, const Factor* factors,
                            float threshold, float* out) {
    for (size_t i = 0; i < 64; ++i) out[i] = finished(sums[i], query, query.scale, factors[i]);
    uint64_t set = 0;
    for (size_t i = 0; i < 64; i += kLanes) set |= S::above(out + i, threshold) << i;
    return set;
  }

  // In constant geometry (Pease 1968): every pass has the same access pattern, without strides
  // shorter than a vector.
  static void hadamard(float* values, size_t n) {
    constexpr size_t kMax = 8192;
    if (n < 2 || n > kMax) return;
    alignas(64) float other[kMax];
    float* from = values;
    float* to = other;
    for (size_t span = 1; span < n; span *= 2) {
      for (size_t i = 0; i < n / 2; ++i) {
        to[i] = from[2 * i] + from[2 * i + 1];
        to[i + n / 2] = from[2 * i] - from[2 * i + 1];
      }
      float* swapped = from;
      from = to;
      to = swapped;
    }
    const float scale = 1.0F / __builtin_sqrtf(static_cast<float>(n));
    for (size_t i = 0; i < n; ++i) values[i] = from[i] * scale;
  }

  static constexpr Kernels table(Tier tier) {
    Kernels k;
    k.tier = tier;
    k.dot_f32 = pair<Dot, F32, F32>;
    k.l2_f32 = pair<L2, F32, F32>;
    k.dot_bf16 = S::dot_bf16;
    k.dot_f32_bf16 = pair<Dot, F32, Bf16>;
    k.dot_f32_f16 = pair<Dot, F32, F16>;
    k.dot_u8 = dot_u8;
    k.dot_u4 = dot_u4;
    k.hamming_b1 = hamming_b1;
    k.dot_f32_many = many<Dot, F32>;
    k.dot_f32_gather = gather<Dot, F32>;
    k.l2_f32_many = many<L2, F32>;
    k.l2_f32_gather = gather<L2, F32>;
    k.dot_bf16_many = many<Dot, Bf16>;
    k.dot_bf16_gather = gather<Dot, Bf16>;
    k.l2_bf16_many = many<L2, Bf16>;
    k.l2_bf16_gather = gather<L2, Bf16>;
    k.dot_f16_many = many<Dot, F16>;
    k.dot_f16_gather = gather<Dot, F16>;
    k.score_i8_many = code_many<Bytes>;
    k.score_i8_gather = code_gather<Bytes>;
    k.score_i8_batch = code_batch<Bytes>;
    k.score_u4_many = code_many<Nibbles>;
    k.score_u4_gather = code_gather<Nibbles>;
    k.score_u4_batch = code_batch<Nibbles>;
    k.score_sketch_gather = sketch_gather;
    k.scan_b1 = S::scan_b1;
    k.finish_b1 = finish_b1;
    k.above = above;
    k.hadamard = hadamard;
    return k;
  }
};

}  // namespace vector
