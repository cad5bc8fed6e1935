#include "lexical/bm25.h"

#include <algorithm>
#include <cmath>

namespace lexical {

double inverse_document_frequency(std::uint64_t documents, std::uint64_t with) {
  const auto n = static_cast<double>(std::max(documents, with));
  const auto df = static_cast<double>(with);
  return std::log(1 + (n - df + 0.5) / (df + 0.5));
}

Contributions contributions(double k1, double idf, double term_weight) {
  Contributions table;
  for (std::size_t code = 0; code < table.size(); ++code) {
    const double x = weight_of(static_cast<std::uint8_t>(code));
    const double score = term_weight * idf * x * (k1 + 1) / (x + k1);
    table[code] = std::max(1U, static_cast<std::uint32_t>(std::lround(score * kScoreUnits)));
  }
  return table;
}

}  // namespace lexical
