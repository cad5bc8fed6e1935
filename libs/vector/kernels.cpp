#include "vector/kernels.h"

namespace vector {

// Each in the file of its tier.
const Kernels& kernels_scalar();
#if defined(__x86_64__)
const Kernels& kernels_avx2();
const Kernels& kernels_avx512();
#endif

const Kernels* kernels_of(Tier tier) {
  if (!supported(tier)) return nullptr;
  switch (tier) {
    case Tier::Scalar:
      return &kernels_scalar();
#if defined(__x86_64__)
    case Tier::Avx2:
      return &kernels_avx2();
    case Tier::Avx512:
      return &kernels_avx512();
#else
    case Tier::Avx2:
    case Tier::Avx512:
      return nullptr;
#endif
  }
  return nullptr;
}

const Kernels& kernels() {
  static const Kernels& chosen = *kernels_of(default_tier());
  return chosen;
}

}  // namespace vector
