#include "lexical/question.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/utf8.h"
#include "lexical/analyser.h"

namespace lexical {
namespace {

constexpr std::size_t kNeighbourReach = 16;  // words without a topic between two neighbours

// What else a repaired word may mean, and how far each counts.
struct Alternative {
  std::string word;
  float weight;
};

// How many documents have `word` beside its neighbours in the question.
std::uint64_t together(std::string_view before, const std::string& word, std::string_view after,
                       Analysis& analysis, const Snapshot& snapshot) {
  std::string three(before);
  three.append(" ").append(word).append(" ").append(after);
  std::uint64_t documents = 0;
  for (const Term& term : analysis.terms(three)) {
    if (term.kind != TermKind::Pair) continue;
    documents += snapshot.documents_with(term_key(term.kind, term.hash));
  }
  return documents;
}

// The nearest word with a topic on one side of `at`, or nothing.
std::string_view neighbour(const std::vector<Word>& all, std::size_t at, int step) {
  std::size_t i = at;
  for (std::size_t steps = 0; steps < kNeighbourReach; ++steps) {
    i += static_cast<std::size_t>(step);
    if (i >= all.size()) break;
    if (!stopword(all[i].text)) return all[i].text;
  }
  return {};
}

// A word as the index has it, and how many documents do.
struct Asked {
  std::string word;
  std::uint64_t documents = 0;
};

// Nothing where what was written is not one word to the index, or is of a script without spaces.
std::optional<Asked> as_filed(std::string_view written, Analysis& analysis, const Known& known) {
  if (has_unspaced(written)) return std::nullopt;
  const auto terms = analysis.terms(written);
  if (analysis.words() != 1 || terms.front().kind != TermKind::Exact) return std::nullopt;
  const std::string word(terms.front().text);
  const TermKey key = term_key(TermKind::Exact, terms.front().hash);
  return Asked{word, std::max(known.spelling.documents(word), known.snapshot.documents_with(key))};
}

// What the word `at` may have meant, best first; empty if it is as it should be.
std::vector<Correction> meant(const std::vector<Word>& all, std::size_t at, const Asked& asked,
                              Analysis& analysis, const Known& known) {
  std::vector<Correction> corrections = known.spelling.corrections(asked.word, asked.documents);
  if (corrections.empty() && asked.documents == 0) {
    const auto [first, second] = known.spelling.parted(asked.word);
    if (!first.empty()) corrections.push_back({first + ' ' + second, 0, 1, 1.0});
  }
  if (corrections.size() < 2) return corrections;
  double sum = 0;
  for (Correction& correction : corrections) {
    const std::uint64_t documents = together(neighbour(all, at, -1), correction.word,
                                             neighbour(all, at, 1), analysis, known.snapshot);
    correction.share *= 1 + static_cast<double>(documents);
    sum += correction.share;
  }
  for (Correction& correction : corrections) correction.share /= sum;
  std::stable_sort(corrections.begin(), corrections.end(),
                   [](const Correction& a, const Correction& b) { return a.share > b.share; });
  return corrections;
}

// Puts what was meant in the place of words that the collection does not know.
std::vector<Alternative> repair(std::string_view asked, Analysis& analysis, const Known& known,
                                const QuestionOptions& options, Question& question) {
  std::vector<Alternative> alternatives;
  std::size_t copied = 0;
  std::vector<Word> all = words(asked);
  for (std::size_t at = 0; at < std::min(all.size(), kRepairWordsMax); ++at) {
    Word& word = all[at];
    const std::optional<Asked> filed =
        as_filed(asked.substr(word.start, word.end - word.start), analysis, known);
    if (!filed) continue;
    const std::vector<Correction> corrections = meant(all, at, *filed, analysis, known);
    if (corrections.empty()) continue;
    question.text.append(asked, copied, word.start - copied);
    question.text += corrections.front().word;
    copied = word.end;
    for (std::size_t i = 1; i < corrections.size(); ++i) {
      alternatives.push_back({corrections[i].word, static_cast<float>(corrections[i].share)});
    }
    if (filed->documents > 0) alternatives.push_back({filed->word, options.original});
    question.repairs.push_back({filed->word, corrections.front().word});
    word.text = corrections.front().word;
  }
  question.text.append(asked, copied, std::string::npos);
  return alternatives;
}

// Terms of a query, each once with the greatest of its weights.
class Gathered {
 public:
  void add(const Term& term, float weight) {
    const auto [at, fresh] = places_.try_emplace(term.hash, terms_.size());
    if (fresh) {
      terms_.push_back(word(term, weight));
    } else {
      terms_[at->second].weight = std::max(terms_[at->second].weight, weight);
    }
  }

  std::vector<QueryTerm> take() {
    std::stable_sort(terms_.begin(), terms_.end(),
                     [](const QueryTerm& a, const QueryTerm& b) { return a.weight > b.weight; });
    if (terms_.size() > kQueryTermsMax) terms_.resize(kQueryTermsMax);
    return std::move(terms_);
  }

 private:
  std::vector<QueryTerm> terms_;
  std::unordered_map<std::uint64_t, std::size_t> places_;
};

float weight_of(const Term& term, const QuestionOptions& options) {
  switch (term.kind) {
    case TermKind::Exact:
      return options.exact;
    case TermKind::Stem:
      return options.stem;
    case TermKind::Pair:
      return options.pair;
  }
  return 0;
}

}  // namespace

Question understand(std::string_view text, Analysis& analysis, const Known* known,
                    const QuestionOptions& options) {
  Question question;
  std::vector<Alternative> alternatives;
  if (text.size() > kQuestionBytesMax) text = utf8_prefix(text, kQuestionBytesMax);
  if (known != nullptr) {
    alternatives = repair(text, analysis, *known, options, question);
  } else {
    question.text = text;
  }
  Gathered gathered;
  const auto terms = analysis.terms(question.text);
  const bool topic =
      std::any_of(terms.begin(), terms.end(), [](const Term& term) { return !term.stopword; });
  for (const Term& term : terms) {
    const float share = topic && term.stopword ? options.stopword : 1;
    if (share > 0) gathered.add(term, share * weight_of(term, options));
  }
  for (const Alternative& alternative : alternatives) {
    for (const Term& term : analysis.terms(alternative.word)) {
      gathered.add(term, alternative.weight * weight_of(term, options));
    }
  }
  question.terms = gathered.take();
  return question;
}

}  // namespace lexical
