#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lexical/analysis.h"
#include "lexical/search.h"
#include "lexical/spelling.h"

// A person's words as a query: each word as it stands, by its stem and with its neighbour, words
// that the collection does not know repaired. A word without a topic counts little where others
// have one. Pure.
namespace lexical {

// Weights of a query's terms, beside their rarity. Fitted on the tuning part of bench/data.
struct QuestionOptions {
  float exact = 1.0F;
  float stem = 0.6F;
  float pair = 0.4F;
  float stopword = 0.1F;  // of each of its terms, where another word has a topic
  float original = 0.3F;  // of a rare word beside what it was repaired to
};

inline constexpr std::size_t kQuestionBytesMax = 4096;  // what is beyond is not read
inline constexpr std::size_t kRepairWordsMax = 64;      // the first; others stay as they are

struct Repair {
  std::string word;  // as it was asked, folded
  std::string meant;
};

struct Question {
  std::string text;  // as it was understood, up to kQuestionBytesMax of it
  std::vector<Repair> repairs;
  std::vector<QueryTerm> terms;  // at most kQueryTermsMax, those that tell most first
};

// What there is to repair words by; without it nothing is repaired. Words that enough documents of
// `snapshot` have are right even if `spelling`, which may be older, lacks them; those of scripts
// without spaces are left alone, for edits are counted in bytes. Of several words that one may
// have meant, those weigh more that stand beside its neighbours in the documents of `snapshot`.
struct Known {
  const Spelling& spelling;
  const Snapshot& snapshot;
};

Question understand(std::string_view text, Analysis& analysis, const Known* known = nullptr,
                    const QuestionOptions& options = {});

}  // namespace lexical
