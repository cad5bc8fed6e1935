#include "vector/tier.h"

#include <cstdlib>

namespace vector {
namespace {

// Best first, those that the tests have run on (kernels_test prints which it ran on): a tier that
// no run has covered is not chosen unasked, so a new one is added here last.
constexpr std::array kTested = {Tier::Avx512, Tier::Avx2, Tier::Scalar};

#if defined(__x86_64__)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vpopcntdq");
}
#else
bool has_avx2() { return false; }
bool has_avx512() { return false; }
#endif

}  // namespace

std::string_view name(Tier tier) {
  switch (tier) {
    case Tier::Scalar:
      return "scalar";
    case Tier::Avx2:
      return "avx2";
    case Tier::Avx512:
      return "avx512";
  }
  return "scalar";
}

std::optional<Tier> tier_from_name(std::string_view wanted) {
  for (const Tier tier : kTiers) {
    if (name(tier) == wanted) return tier;
  }
  return std::nullopt;
}

bool supported(Tier tier) {
  switch (tier) {
    case Tier::Scalar:
      return true;
    case Tier::Avx2:
      return has_avx2();
    case Tier::Avx512:
      return has_avx2() && has_avx512();
  }
  return false;
}

Tier default_tier() {
  if (const char* wanted = std::getenv("TROUPE_VECTOR_TIER")) {
    const std::optional<Tier> tier = tier_from_name(wanted);
    if (tier && supported(*tier)) return *tier;
  }
  for (const Tier tier : kTested) {
    if (supported(tier)) return tier;
  }
  return Tier::Scalar;
}

}  // namespace vector
