#include "coordinator/vocabulary.h"

#include <algorithm>
#include <string_view>

#include "lexical/analyser.h"

namespace coordinator {
namespace {

constexpr double kHint = 0.2;          // of one word: less than the weakest topic of a card
constexpr double kInterestMax = 0.35;  // of a long line, which has many words
constexpr double kOwnShare = 0.75;     // of all lines with the word
constexpr double kMannerism = 0.05;    // of his lines: a word in more is how he talks, not of what

}  // namespace

Vocabulary::Vocabulary(const std::vector<contracts::Character>& cast) {
  std::unordered_map<std::string, std::vector<std::size_t>> lines;  // by stem, of each
  for (std::size_t who = 0; who < cast.size(); ++who) {
    for (const std::string& example : cast[who].examples) {
      const auto stems = lexical::content_stems(example);
      for (const std::string& stem : std::set<std::string>(stems.begin(), stems.end())) {
        auto& counts = lines[stem];
        counts.resize(cast.size());
        ++counts[who];
      }
    }
  }
  for (const auto& [stem, counts] : lines) {
    const auto most = std::max_element(counts.begin(), counts.end());
    const auto who = static_cast<std::size_t>(most - counts.begin());
    double all = 0;
    for (const std::size_t count : counts) all += static_cast<double>(count);
    const auto own = static_cast<double>(*most);
    const auto spoken = static_cast<double>(cast[who].examples.size());
    if (own >= kOwnShare * all && own <= std::max(2.0, kMannerism * spoken)) {
      owners_.emplace(stem, who);
    }
  }
}

double Vocabulary::interest(std::size_t who, const Stems& said) const {
  double indifference = 1;
  for (const std::string& stem : said) {
    const auto owner = owners_.find(stem);
    if (owner != owners_.end() && owner->second == who) indifference *= 1 - kHint;
  }
  return std::min(kInterestMax, 1 - indifference);
}

}  // namespace coordinator
