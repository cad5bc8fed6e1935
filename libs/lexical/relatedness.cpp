#include "lexical/relatedness.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/ids.h"
#include "lexical/analyser.h"

namespace lexical {
namespace {

constexpr std::size_t kCacheWordsMax = 2048;  // of each generation
constexpr std::size_t kSensesMax = 5;         // of a word in a part of speech
constexpr std::size_t kSynsetsMax = 64;
constexpr std::size_t kTermsMax = 48;
constexpr std::size_t kGlossBytesMax = 400;
constexpr int kSampleStretches = 64;
constexpr std::size_t kSampleBytes = 4096;  // of one stretch: a page

// What a step along a pointer leaves of the weight.
struct Step {
  std::string_view symbol;
  double weight;
};
constexpr Step kSteps[] = {
    {"+", 0.85}, {"\\", 0.85}, {"&", 0.85}, {"<", 0.85},  {"=", 0.8},   {"$", 0.85},
    {"*", 0.75}, {">", 0.75},  {"^", 0.6},  {"@", 0.68},  {"@i", 0.68}, {"#p", 0.6},
    {"%p", 0.6}, {"#m", 0.6},  {"%m", 0.6}, {"#s", 0.65}, {"%s", 0.65}, {";c", 0.5},
};
constexpr double kNextHypernym = 0.65;
constexpr double kNarrow = 15;  // kinds that a hypernym may have and still say much

// The words that only explanations use so often.
constexpr std::string_view kExplaining =
    " something someone somebody used use using usually especially often make made making having "
    "act person people one two relating characterized quality state way thing be cause kind type "
    "certain form particular without etc part parts first take given ";

double step_weight(std::string_view symbol) {
  for (const Step& step : kSteps) {
    if (step.symbol == symbol) return step.weight;
  }
  return 0;
}

std::uint64_t id_of(WordNet::Part part, std::uint32_t offset) {
  return (static_cast<std::uint64_t>(part) << 32U) | offset;
}

std::uint64_t term_of(std::string_view word) { return hash64(stem(word)); }

template <class Visit>
void each_term(std::string_view text, Visit visit) {
  for (const Word& word : words(text.substr(0, kGlossBytesMax))) {
    const bool explains = kExplaining.find(" " + word.text + " ") != kExplaining.npos;
    if (!explains && word.text.size() > 1 && !stopword(word.text)) visit(term_of(word.text));
  }
}

// "Hot_Dog(ip)" -> "hot dog"
std::string spoken(std::string_view word) {
  std::string text(word.substr(0, word.find('(')));
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

void sort_by_id(Relatedness::Weighted& list) {
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  });
}

void keep_heaviest(Relatedness::Weighted& list, std::size_t most) {
  if (list.size() <= most) return;
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  list.resize(most);
}

// Walks from the senses of one word and gathers what its profile is made of.
class Walk {
 public:
  Walk(const WordNet& wordnet, std::function<double(std::uint64_t)> rarity)
      : wordnet_(wordnet), rarity_(std::move(rarity)) {}

  void from(const WordNet::Sense& sense, double weight) {
    const WordNet::Synset own = wordnet_.synset(sense.part, sense.offset);
    reach(sense.part, sense.offset, weight);
    explain(own, weight, 1.0, 1.0);
    for (const WordNet::Pointer& pointer : own.pointers) {
      const double step = step_weight(pointer.symbol);
      if (step == 0 || synsets.size() >= 2 * kSynsetsMax) continue;
      if (pointer.symbol.starts_with('@')) {
        climb(pointer, weight * step, 3);
      } else {
        reach(pointer.part, pointer.offset, weight * step);
        explain(wordnet_.synset(pointer.part, pointer.offset), weight, 0.6, 0.25);
      }
    }
  }

  void term(std::uint64_t term, double weight) {
    const double heavy = weight * rarity_(term);
    if (heavy > 0) terms[term] += static_cast<float>(heavy);
  }

  Relatedness::Weighted synsets;
  std::unordered_map<std::uint64_t, float> terms;

 private:
  void reach(WordNet::Part part, std::uint32_t offset, double weight) {
    synsets.emplace_back(id_of(part, offset), static_cast<float>(weight));
  }

  void explain(const WordNet::Synset& synset, double weight, double of_words, double of_gloss) {
    for (const std::string_view word : synset.words) {
      each_term(spoken(word), [&](std::uint64_t t) { term(t, weight * of_words); });
    }
    each_term(synset.gloss, [&](std::uint64_t t) { term(t, weight * of_gloss); });
  }

  // To share a hypernym of hundreds of kinds ("person") says little.
  void climb(const WordNet::Pointer& to, double weight, int levels) {
    const WordNet::Synset above = wordnet_.synset(to.part, to.offset);
    const auto kinds = static_cast<double>(
        std::count_if(above.pointers.begin(), above.pointers.end(),
                      [](const auto& pointer) { return pointer.symbol.starts_with('~'); }));
    weight *= std::pow(std::min(1.0, kNarrow / (1.0 + kinds)), 0.35);
    reach(to.part, to.offset, weight);
    explain(above, weight, 0.7, 0.3);
    for (const WordNet::Pointer& pointer : above.pointers) {
      if (levels <= 1) break;
      if (!pointer.symbol.starts_with('@')) continue;
      climb(pointer, weight * kNextHypernym, levels - 1);
      break;
    }
  }

  const WordNet& wordnet_;
  const std::function<double(std::uint64_t)> rarity_;
};

}  // namespace

void Relatedness::sample_glosses() const {
  double glosses = 0;
  for (int i = 0; i < kSampleStretches; ++i) {
    const auto part = static_cast<WordNet::Part>(i % 3);
    std::string_view lines = wordnet_.sample(part, (i + 0.5) / kSampleStretches, kSampleBytes);
    while (!lines.empty()) {
      const std::string_view line = lines.substr(0, lines.find('\n'));
      lines.remove_prefix(std::min(line.size() + 1, lines.size()));
      const std::size_t bar = line.find(" | ");
      if (bar == line.npos) continue;
      ++glosses;
      each_term(line.substr(bar + 3), [&](std::uint64_t term) { ++counts_[term]; });
    }
  }
  std::erase_if(counts_, [](const auto& entry) { return entry.second < 3; });
  glosses_ = std::max(glosses, 2.0);
}

double Relatedness::rarity(std::uint64_t term) const {
  const auto found = counts_.find(term);
  const double count = found == counts_.end() ? 1.0 : found->second;
  return std::max(0.0, std::log(glosses_ / count) / std::log(glosses_));
}

Relatedness::Profile Relatedness::make_profile(std::string_view word) const {
  Profile profile;
  const std::vector<WordNet::Sense> senses = wordnet_.senses(word, kSensesMax);
  const std::uint64_t own = term_of(word);
  profile.rarity = rarity(own);
  if (senses.empty()) return profile;
  std::size_t tagged = 0;
  for (const WordNet::Sense& sense : senses) tagged = std::max(tagged, sense.tagged);
  Walk walk(wordnet_, [this](std::uint64_t term) { return rarity(term); });
  walk.term(own, 2.5);
  for (const WordNet::Sense& sense : senses) {
    const double usual =
        0.55 + 0.45 * static_cast<double>(sense.tagged + 1) / static_cast<double>(tagged + 1);
    walk.from(sense, usual / (1.0 + 0.25 * static_cast<double>(sense.rank)));
  }
  sort_by_id(walk.synsets);
  walk.synsets.erase(std::unique(walk.synsets.begin(), walk.synsets.end(),
                                 [](const auto& a, const auto& b) { return a.first == b.first; }),
                     walk.synsets.end());
  keep_heaviest(walk.synsets, kSynsetsMax);
  sort_by_id(walk.synsets);
  profile.synsets = std::move(walk.synsets);
  profile.gloss.assign(walk.terms.begin(), walk.terms.end());
  keep_heaviest(profile.gloss, kTermsMax);
  sort_by_id(profile.gloss);
  double square = 0;
  for (const auto& [term, weight] : profile.gloss) square += static_cast<double>(weight * weight);
  const auto length = static_cast<float>(std::sqrt(square));
  for (auto& [term, weight] : profile.gloss) weight = length > 0 ? weight / length : 0;
  return profile;
}

std::shared_ptr<const Relatedness::Profile> Relatedness::profile(std::string_view word) const {
  std::call_once(sampled_, [this] { sample_glosses(); });
  const std::string key(word);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = young_.find(key); found != young_.end()) return found->second;
    if (const auto found = old_.find(key); found != old_.end()) {
      return young_.emplace(key, found->second).first->second;
    }
  }
  auto made = std::make_shared<const Profile>(make_profile(word));
  const std::lock_guard lock(mutex_);
  if (young_.size() >= kCacheWordsMax) {
    old_ = std::move(young_);
    young_.clear();
  }
  return young_.emplace(key, std::move(made)).first->second;
}

Relatedness::Nearness Relatedness::nearness(const Profile& a, const Profile& b) {
  const auto each_common = [](const Weighted& left, const Weighted& right, auto visit) {
    auto i = left.begin();
    auto j = right.begin();
    while (i != left.end() && j != right.end()) {
      if (i->first == j->first) {
        visit(static_cast<double>(i->second) * static_cast<double>(j->second));
        ++i;
        ++j;
      } else if (i->first < j->first) {
        ++i;
      } else {
        ++j;
      }
    }
  };
  Nearness near;
  each_common(a.synsets, b.synsets,
              [&](double both) { near.synsets = std::max(near.synsets, both); });
  each_common(a.gloss, b.gloss, [&](double both) { near.gloss += both; });
  near.synsets = std::min(near.synsets, 1.0);
  near.gloss = std::min(near.gloss, 1.0);
  return near;
}

}  // namespace lexical
