#pragma once

#include <array>
#include <bit>
#include <cstdint>

// How a match is weighed: BM25F (Robertson, Zaragoza, Taylor: Simple BM25 Extension to Multiple
// Weighted Fields, 2004). What a document says of a term is one number, the weight
//
//   x = sum over fields of w * occurrences / (1 - b + b * length / pivot)
//
// and what that is worth is query weight * idf * x (k1 + 1) / (x + k1). x is known when a document
// is filed and is kept in one byte: a float's exponent and five bits of its mantissa, so that bytes
// compare as weights do and a block's greatest byte bounds it tightly. What a byte is worth to a
// query is a table of 256 integers, which makes sums exact in any order. Of a term's occurrences in
// a field no more count than kOccurrencesMax. Pure; thread-safe.
namespace lexical {

enum class Field : std::uint8_t { Title, Lead, Body };
inline constexpr std::size_t kFields = 3;

// By field: more than which tell little apart.
inline constexpr std::array<std::uint32_t, kFields> kOccurrencesMax{15, 31, 127};

struct FieldScoring {
  float weight = 1;
  float b = 0;      // 0: a field's length says nothing; 1: occurrences count by their share
  float pivot = 1;  // words of a field of ordinary length
};

struct Bm25 {
  float k1 = 1.2F;
  // The lead is the first words of the body; they count as body, too.
  std::uint32_t lead_words = 60;
  std::array<FieldScoring, kFields> fields{{{3.0F, 0.5F, 6}, {1.0F, 0.0F, 60}, {1.0F, 0.6F, 300}}};
};

// A weight's byte: 1/8 to 32 in steps of 1/32 of an octave's beginning; what is beyond is cut.
inline std::uint8_t weight_code(float weight) {
  constexpr std::uint32_t kFirst = std::bit_cast<std::uint32_t>(0.125F);
  constexpr float kLast = 31.99F;
  if (weight <= 0.125F) return 0;
  const auto bits = std::bit_cast<std::uint32_t>(weight < kLast ? weight : kLast);
  return static_cast<std::uint8_t>((bits - kFirst) >> 18U);
}

// The middle of the weights that have this byte.
inline float weight_of(std::uint8_t code) {
  constexpr std::uint32_t kFirst = std::bit_cast<std::uint32_t>(0.125F);
  return std::bit_cast<float>(kFirst + (std::uint32_t{code} << 18U) + (1U << 17U));
}

// Scores are sums of integers, so many to a point.
inline constexpr double kScoreUnits = 65536;
inline constexpr float kTermWeightMax = 16;  // of a term in a query; a sum of 64 fits 32 bits

// How much a term tells that `with` of `documents` have.
double inverse_document_frequency(std::uint64_t documents, std::uint64_t with);

// What each weight byte adds to a score: never falls from one byte to the next, at least 1.
using Contributions = std::array<std::uint32_t, 256>;
Contributions contributions(double k1, double idf, double term_weight);

}  // namespace lexical
