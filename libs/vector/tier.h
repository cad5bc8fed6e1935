#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace vector {

// A set of instructions that the kernels are written for. Avx512 means F, BW, DQ, VL, VBMI, VNNI,
// BF16 and VPOPCNTDQ (Zen 4, Ice Lake's successors); Avx2 means AVX2, FMA and F16C.
enum class Tier { Scalar, Avx2, Avx512 };

inline constexpr std::array kTiers = {Tier::Scalar, Tier::Avx2, Tier::Avx512};

// "scalar", "avx2", "avx512".
std::string_view name(Tier tier);
std::optional<Tier> tier_from_name(std::string_view name);

// Whether this processor can run it.
bool supported(Tier tier);

// The tier that kernels() uses: the one that TROUPE_VECTOR_TIER names if this processor can run
// it, else the best that it can run and that the tests have covered.
Tier default_tier();

}  // namespace vector
