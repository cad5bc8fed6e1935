#include "vector/kernels_generic.h"

namespace vector {
namespace {

struct Scalar {
  using Floats = float;
  using Ints = int32_t;
  static constexpr size_t kFloats = 1;
  static constexpr size_t kBytes = 1;
  static constexpr size_t kBitBytes = 8;

  static float zero() { return 0; }
  static int32_t ints() { return 0; }
  static float fma(float a, float b, float c) { return a * b + c; }
  static float sub(float a, float b) { return a - b; }
  static float add(float a, float b) { return a + b; }
  static float sum(float a) { return a; }
  static int32_t sum_ints(int32_t a) { return a; }

  static float load_f32(const float* p) { return *p; }
  static float load_f32_part(const float*, size_t) { return 0; }  // a single lane has no part
  static float load_bf16(const uint16_t* p) {
    return __builtin_bit_cast(float, static_cast<uint32_t>(*p) << 16);
  }
  static float load_bf16_part(const uint16_t*, size_t) { return 0; }
  static float load_f16(const uint16_t* p) {
    const uint32_t sign = static_cast<uint32_t>(*p & 0x8000) << 16;
    const uint32_t rest = *p & 0x7FFF;
    if (rest < 0x400) {  // denormal: a multiple of 2^-24
      const float value = static_cast<float>(rest) * 0x1p-24F;
      return sign != 0 ? -value : value;
    }
    const uint32_t exponent = rest >= 0x7C00 ? 0x70000000U : 0x38000000U;
    return __builtin_bit_cast(float, sign | ((rest << 13) + exponent));
  }
  static float load_f16_part(const uint16_t*, size_t) { return 0; }

  static float dot_bf16(const uint16_t* a, const uint16_t* b, size_t n) {
    using K = KernelsOver<Scalar>;
    return K::pair<K::Dot, K::Bf16, K::Bf16>(a, b, n);
  }

  static int32_t dot_u8(int32_t sum, const uint8_t* row, const int8_t* query) {
    return sum + *row * *query;
  }
  static int32_t dot_u4(int32_t sum, const uint8_t* row, const int8_t* low, const int8_t* high) {
    return sum + (*row & 15) * *low + (*row >> 4) * *high;
  }
  static int32_t dot_bits(int32_t sum, const uint8_t* row, const int8_t* query) {
    constexpr int32_t kCounts[] = {1, 2, 4, -8};
    uint64_t bits;
    __builtin_memcpy(&bits, row, sizeof bits);
    for (int place = 0; place < 4; ++place) {
      uint64_t numbers;
      __builtin_memcpy(&numbers, query + 64 * place, sizeof numbers);
      sum += kCounts[place] * __builtin_popcountll(bits & numbers);
    }
    return sum;
  }
  static void sum4(int32_t a, int32_t b, int32_t c, int32_t d, int32_t* out) {
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
  }

  static uint64_t above(const float* p, float threshold) { return uint64_t{*p > threshold}; }

  static void scan_b1(const uint8_t* block, const uint8_t* tables, size_t groups, uint16_t* out) {
    for (size_t r = 0; r < 64; ++r) {
      uint32_t sum = 0;
      for (size_t g = 0; g < groups; ++g) sum += tables[64 * g + (block[64 * g + r] & 63)];
      out[r] = static_cast<uint16_t>(sum);
    }
  }
};

}  // namespace

const Kernels& kernels_scalar() {
  static constexpr Kernels kTable = KernelsOver<Scalar>::table(Tier::Scalar);
  return kTable;
}

}  // namespace vector
