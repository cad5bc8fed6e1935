#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lexical/search.h"

// One ranking from several: words beside vectors, chunks beside pages. Equal weights hurt where one
// side is weak, so weights are learned per collection from questions whose answers are known, and a
// side that does not help gets none. Pure; thread-safe.
namespace lexical {

// Hits of one side, best first, each id once; an empty side says nothing.
using Ranking = std::span<const Hit>;

enum class FusionMethod : std::uint8_t {
  ReciprocalRank,  // weight / (rank_constant + rank), from 1: Cormack, Clarke, Buettcher, SIGIR
                   // 2009
  ZScore,  // weight * (score - mean) / deviation of the side; its least where it lacks a hit
};

struct FusionOptions {
  FusionMethod method = FusionMethod::ReciprocalRank;
  double rank_constant = 60;  // at least 0; the less, the more the first ranks count
};

// The best `k` of all sides; ties by the smaller id. Sides without a weight count 1, sides of no
// weight (0 or less, or not a number) add nothing, not even hits.
std::vector<Hit> fuse(std::span<const Ranking> sides, std::span<const double> weights,
                      std::size_t k, const FusionOptions& options = {});

// A question with what each side found, the same sides in each example, and what it should find.
struct FusionExample {
  std::vector<std::vector<Hit>> sides;
  std::vector<std::uint64_t> wanted;
};

struct FusionWeights {
  std::vector<double> weights;  // one a side, the greatest is 1
  double quality = 0;           // mean nDCG@10 of the examples with them
  double equal_quality = 0;     // and with equal weights
};

// The weights, in tenths, that rank the examples best: by turns, one side at a time. Between equals
// the greater weight stays, so that without examples all are 1.
FusionWeights learn_weights(std::span<const FusionExample> examples,
                            const FusionOptions& options = {});

// Normalised discounted cumulative gain of the first 10 (Jaervelin, Kekaelaeinen, 2002): 1 where
// all that is wanted stands at the top, 0 where none of it is found or nothing is wanted.
double ndcg10(Ranking hits, std::span<const std::uint64_t> wanted);

}  // namespace lexical
