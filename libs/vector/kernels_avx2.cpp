#include <immintrin.h>

#include "vector/kernels_generic.h"

namespace vector {
namespace {

struct Avx2 {
  using Floats = __m256;
  using Ints = __m256i;
  static constexpr size_t kFloats = 8;
  static constexpr size_t kBytes = 32;
  static constexpr size_t kBitBytes = 32;

  static Floats zero() { return _mm256_setzero_ps(); }
  static Ints ints() { return _mm256_setzero_si256(); }
  static Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
  static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }

  static float sum(Floats a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static int32_t sum_ints(Ints a) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1)));
  }

  static __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static __m128i load_u16(const uint16_t* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  static __m128i first_u16(const uint16_t* p, size_t n) {
    uint16_t padded[kFloats] = {};
    for (size_t i = 0; i < n; ++i) padded[i] = p[i];
    return load_u16(padded);
  }
  static Floats widen_bf16(__m128i x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
  }

  static Floats load_f32(const float* p) { return _mm256_loadu_ps(p); }
  static Floats load_f32_part(const float* p, size_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
    return _mm256_maskload_ps(p, mask);
  }
  static Floats load_bf16(const uint16_t* p) { return widen_bf16(load_u16(p)); }
  static Floats load_bf16_part(const uint16_t* p, size_t n) { return widen_bf16(first_u16(p, n)); }
  static Floats load_f16(const uint16_t* p) { return _mm256_cvtph_ps(load_u16(p)); }
  static Floats load_f16_part(const uint16_t* p, size_t n) {
    return _mm256_cvtph_ps(first_u16(p, n));
  }

  static float dot_bf16(const uint16_t* a, const uint16_t* b, size_t n) {
    using K = KernelsOver<Avx2>;
    return K::pair<K::Dot, K::Bf16, K::Bf16>(a, b, n);
  }

  // In 16 bits first: the product of bytes (vpmaddubsw) would saturate.
  static Ints dot_u8(Ints sums, const uint8_t* row, const int8_t* query) {
    const __m256i r = load(row);
    const __m256i q = load(query);
    const __m256i low = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(r)),
                                          _mm256_cvtepi8_epi16(_mm256_castsi256_si128(q)));
    const __m256i high = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(r, 1)),
                                           _mm256_cvtepi8_epi16(_mm256_extracti128_si256(q, 1)));
    return _mm256_add_epi32(sums, _mm256_add_epi32(low, high));
  }

  // Two products of a nibble and a byte fit 16 bits: 4 * 15 * 128 = 7680 for both halves.
  static Ints dot_u4(Ints sums, const uint8_t* row, const int8_t* low, const int8_t* high) {
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i both = load(row);
    const __m256i a = _mm256_maddubs_epi16(_mm256_and_si256(both, nibble), load(low));
    const __m256i b =
        _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(both, 4), nibble), load(high));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_add_epi16(a, b), _mm256_set1_epi16(1)));
  }

  static Ints dot_bits(Ints sums, const uint8_t* row, const int8_t* query) {
    const __m256i counts =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i bits = load(row);
    const auto count = [&](int place) {
      const __m256i both = _mm256_and_si256(bits, load(query + 64 * place));
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
      return _mm256_add_epi8(_mm256_shuffle_epi8(counts, _mm256_and_si256(both, nibble)),
                             _mm256_shuffle_epi8(counts, high));
    };
    // The sum of a byte's eight numbers is within -64 and 56.
    const auto twice = [](__m256i x) { return _mm256_add_epi8(x, x); };
    const __m256i high = _mm256_sub_epi8(count(2), twice(count(3)));
    const __m256i bytes = _mm256_add_epi8(count(0), twice(_mm256_add_epi8(count(1), twice(high))));
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }

  static void sum4(Ints a, Ints b, Ints c, Ints d, int32_t* out) {
    const __m256i lanes = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(out),
        _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1)));
  }

  static uint64_t above(const float* p, float threshold) {
    const __m256 greater = _mm256_cmp_ps(_mm256_loadu_ps(p), _mm256_set1_ps(threshold), _CMP_GT_OQ);
    return static_cast<uint64_t>(_mm256_movemask_ps(greater));
  }

  // A shuffle looks up 16 entries: those of the low four bits, and, gathered, those of the two
  // high.
  static void scan_b1(const uint8_t* block, const uint8_t* tables, size_t groups, uint16_t* out) {
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i low_byte = _mm256_set1_epi16(255);
    for (size_t half = 0; half < 64; half += 32) {
      __m256i even = ints(), odd = ints();
      for (size_t g = 0; g < groups; g += 8) {
        __m256i eight = ints();
        for (size_t i = g; i < g + 8; ++i) {
          const uint8_t* table = tables + 64 * i;
          const __m256i low_entries =
              _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
          // Less the entry that the low ones contain already; the difference may wrap around.
          const __m256i high_entries =
              _mm256_sub_epi8(_mm256_broadcastsi128_si256(_mm_setr_epi8(
                                  static_cast<char>(table[0]), static_cast<char>(table[16]),
                                  static_cast<char>(table[32]), static_cast<char>(table[48]), 0, 0,
                                  0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
                              _mm256_set1_epi8(static_cast<char>(table[0])));
          const __m256i six = load(block + 64 * i + half);
          const __m256i two = _mm256_and_si256(_mm256_srli_epi16(six, 4), _mm256_set1_epi8(3));
          eight = _mm256_add_epi8(
              eight,
              _mm256_add_epi8(_mm256_shuffle_epi8(low_entries, _mm256_and_si256(six, nibble)),
                              _mm256_shuffle_epi8(high_entries, two)));
        }
        even = _mm256_add_epi16(even, _mm256_and_si256(eight, low_byte));
        odd = _mm256_add_epi16(odd, _mm256_srli_epi16(eight, 8));
      }
      alignas(32) uint16_t sums[2][16];
      _mm256_store_si256(reinterpret_cast<__m256i*>(sums[0]), even);
      _mm256_store_si256(reinterpret_cast<__m256i*>(sums[1]), odd);
      for (size_t i = 0; i < 32; ++i) out[half + i] = sums[i % 2][i / 2];
    }
  }
};

}  // namespace

const Kernels& kernels_avx2() {
  static constexpr Kernels kTable = KernelsOver<Avx2>::table(Tier::Avx2);
  return kTable;
}

}  // namespace vector
