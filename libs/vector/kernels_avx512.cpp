#include <immintrin.h>

#include "vector/kernels_generic.h"

namespace vector {
namespace {

struct Avx512 {
  using Floats = __m512;
  using Ints = __m512i;
  static constexpr size_t kFloats = 16;
  static constexpr size_t kBytes = 64;
  static constexpr size_t kBitBytes = 64;

  static Floats zero() { return _mm512_setzero_ps(); }
  static Ints ints() { return _mm512_setzero_si512(); }
  static Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
  static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static float sum(Floats a) { return _mm512_reduce_add_ps(a); }
  static int32_t sum_ints(Ints a) { return _mm512_reduce_add_epi32(a); }

  static __mmask16 first(size_t n) { return static_cast<__mmask16>((1U << n) - 1); }
  static __m256i first_u16(const uint16_t* p, size_t n) {
    return _mm256_maskz_loadu_epi16(first(n), p);
  }
  static __m256i load_u16(const uint16_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Floats widen_bf16(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
  }

  static Floats load_f32(const float* p) { return _mm512_loadu_ps(p); }
  static Floats load_f32_part(const float* p, size_t n) {
    return _mm512_maskz_loadu_ps(first(n), p);
  }
  static Floats load_bf16(const uint16_t* p) { return widen_bf16(load_u16(p)); }
  static Floats load_bf16_part(const uint16_t* p, size_t n) { return widen_bf16(first_u16(p, n)); }
  static Floats load_f16(const uint16_t* p) { return _mm512_cvtph_ps(load_u16(p)); }
  static Floats load_f16_part(const uint16_t* p, size_t n) {
    return _mm512_cvtph_ps(first_u16(p, n));
  }

  // The processor's own product of pairs rounds once a pair and takes denormals for zero.
  static float dot_bf16(const uint16_t* a, const uint16_t* b, size_t n) {
    __m512 s0 = zero(), s1 = zero();
    size_t i = 0;
    const auto load = [](const uint16_t* p) {
      return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p));
    };
    for (; i + 64 <= n; i += 64) {
      s0 = _mm512_dpbf16_ps(s0, load(a + i), load(b + i));
      s1 = _mm512_dpbf16_ps(s1, load(a + i + 32), load(b + i + 32));
    }
    for (; i < n; i += 32) {
      const auto mask = n - i >= 32 ? ~__mmask32{0} : static_cast<__mmask32>((1ULL << (n - i)) - 1);
      s0 = _mm512_dpbf16_ps(s0, reinterpret_cast<__m512bh>(_mm512_maskz_loadu_epi16(mask, a + i)),
                            reinterpret_cast<__m512bh>(_mm512_maskz_loadu_epi16(mask, b + i)));
    }
    return sum(add(s0, s1));
  }

  static Ints dot_u8(Ints sums, const uint8_t* row, const int8_t* query) {
    return _mm512_dpbusd_epi32(sums, _mm512_loadu_si512(row), _mm512_loadu_si512(query));
  }

  static Ints dot_u4(Ints sums, const uint8_t* row, const int8_t* low, const int8_t* high) {
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i both = _mm512_loadu_si512(row);
    sums = _mm512_dpbusd_epi32(sums, _mm512_and_si512(both, nibble), _mm512_loadu_si512(low));
    return _mm512_dpbusd_epi32(sums, _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble),
                               _mm512_loadu_si512(high));
  }

  static Ints dot_bits(Ints sums, const uint8_t* row, const int8_t* query) {
    const __m512i bits = _mm512_loadu_si512(row);
    const auto count = [&](int place) {
      return _mm512_popcnt_epi32(_mm512_and_si512(bits, _mm512_loadu_si512(query + 64 * place)));
    };
    const auto twice = [](__m512i x) { return _mm512_slli_epi32(x, 1); };
    const __m512i high = _mm512_sub_epi32(count(2), twice(count(3)));
    return _mm512_add_epi32(_mm512_add_epi32(sums, count(0)),
                            twice(_mm512_add_epi32(count(1), twice(high))));
  }

  static void sum4(Ints a, Ints b, Ints c, Ints d, int32_t* out) {
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    const __m512i lanes =
        _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(out),
        _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
  }

  static uint64_t above(const float* p, float threshold) {
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(p), _mm512_set1_ps(threshold), _CMP_GT_OQ);
  }

  // A byte permutation looks 64 rows up at once; it ignores the two upper bits. Eight entries of at
  // most 31 fit a byte, then the even and the odd bytes are added to 16-bit sums.
  static void scan_b1(const uint8_t* block, const uint8_t* tables, size_t groups, uint16_t* out) {
    __m512i even = ints(), odd = ints();
    const __m512i low = _mm512_set1_epi16(255);
    for (size_t g = 0; g < groups; g += 8) {
      __m512i eight = ints();
#pragma GCC unroll 8
      for (size_t i = g; i < g + 8; ++i) {
        eight =
            _mm512_add_epi8(eight, _mm512_permutexvar_epi8(_mm512_loadu_si512(block + 64 * i),
                                                           _mm512_loadu_si512(tables + 64 * i)));
      }
      even = _mm512_add_epi16(even, _mm512_and_si512(eight, low));
      odd = _mm512_add_epi16(odd, _mm512_srli_epi16(eight, 8));
    }
    const __m512i to_low =
        _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                         37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i to_high = _mm512_add_epi16(to_low, _mm512_set1_epi16(16));
    _mm512_storeu_si512(out, _mm512_permutex2var_epi16(even, to_low, odd));
    _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi16(even, to_high, odd));
  }
};

}  // namespace

const Kernels& kernels_avx512() {
  static constexpr Kernels kTable = KernelsOver<Avx512>::table(Tier::Avx512);
  return kTable;
}

}  // namespace vector
