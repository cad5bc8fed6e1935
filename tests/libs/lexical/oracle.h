#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "lexical/analysis.h"
#include "lexical/bm25.h"
#include "lexical/search.h"

// An index that keeps texts and scores every document of them for every query: what the real one
// must equal. It shares the analysis and the tables of bm25.h with it, and nothing else.
namespace lexical {

inline void PrintTo(const Hit& hit, std::ostream* out) { *out << hit.id << " at " << hit.score; }

class Oracle {
 public:
  explicit Oracle(const Bm25& scoring) : scoring_(scoring) {}

  void add(std::uint64_t id, const std::string& title, const std::string& body) {
    Document document;
    count(document, title, 0);
    document.gap = document.lengths[0] + 16;
    count(document, body, 2);
    document.lengths[1] = std::min(document.lengths[2], scoring_.lead_words);
    documents_[id] = std::move(document);
  }
  void remove(std::uint64_t id) { documents_.erase(id); }
  std::size_t size() const { return documents_.size(); }

  std::vector<Hit> search(const Query& query) const {
    std::vector<std::vector<int>> codes;  // by term, then document
    std::vector<Contributions> worth;
    for (const QueryTerm& term : query.terms) {
      codes.emplace_back();
      for (const auto& [id, document] : documents_) codes.back().push_back(code(document, term));
      const auto with = std::count_if(codes.back().begin(), codes.back().end(),
                                      [](int found) { return found >= 0; });
      worth.push_back(contributions(
          scoring_.k1,
          inverse_document_frequency(documents_.size(), static_cast<std::uint64_t>(with)),
          term.weight));
    }
    std::vector<Hit> hits;
    std::size_t number = 0;
    for (const auto& [id, document] : documents_) {
      const std::size_t at = number++;
      if (query.filter != nullptr && !accepted(*query.filter, id)) continue;
      std::uint32_t sum = 0;
      bool has_all = true;
      for (std::size_t i = 0; i < query.terms.size(); ++i) {
        const int found = codes[i][at];
        if (found >= 0) sum += worth[i][static_cast<std::size_t>(found)];
        if (found < 0 && query.terms[i].required) has_all = false;
      }
      if (sum > 0 && has_all) hits.push_back({id, sum / kScoreUnits});
    }
    std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
      return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    hits.resize(std::min(hits.size(), query.k));
    return hits;
  }

 private:
  struct Document {
    std::map<TermKey, std::array<std::uint32_t, kFields>> counts;
    std::map<TermKey, std::set<std::uint32_t>> places;
    std::map<std::string, TermKey> words;
    std::array<std::uint32_t, kFields> lengths{};
    std::uint32_t gap = 0;
  };

  static bool accepted(const Filter& filter, std::uint64_t id) {
    std::array<std::uint64_t, 1> allowed{1};
    filter.restrict(std::span(&id, 1), allowed);
    return allowed[0] == 1 && filter.accepts(id);
  }

  void count(Document& document, const std::string& text, std::size_t field) {
    for (const Term& term : analysis_.terms(text)) {
      const TermKey key = term_key(term.kind, term.hash);
      ++document.counts[key][field];
      if (field == 2 && term.position < scoring_.lead_words) ++document.counts[key][1];
      if (term.kind != TermKind::Exact) continue;
      document.places[key].insert(document.gap + term.position);
      document.words[std::string(term.text)] = key;
    }
    document.lengths[field] = analysis_.words();
  }

  int code(const Document& document, TermKey key) const {
    const auto found = document.counts.find(key);
    if (found == document.counts.end()) return -1;
    float weight = 0;
    for (std::size_t i = 0; i < kFields; ++i) {
      const FieldScoring& f = scoring_.fields[i];
      const auto length = static_cast<float>(document.lengths[i]);
      const auto counted = static_cast<float>(std::min(found->second[i], kOccurrencesMax[i]));
      weight += counted * (f.weight / (1 - f.b + f.b * length / f.pivot));
    }
    return weight_code(weight);
  }

  int code(const Document& document, const QueryTerm& term) const {
    switch (term.form) {
      case QueryTerm::Form::Word:
        return code(document, term.key);
      case QueryTerm::Form::Prefix: {
        int best = -1;
        for (auto word = document.words.lower_bound(term.text);
             word != document.words.end() && word->first.starts_with(term.text); ++word) {
          best = std::max(best, code(document, word->second));
        }
        return best;
      }
      case QueryTerm::Form::Phrase:
        break;
    }
    int least = 255;
    for (const auto& word : term.phrase) least = std::min(least, code(document, word.key));
    if (least < 0) return -1;
    if (term.phrase.empty()) return -1;
    const std::uint32_t first = term.phrase.front().position;
    for (const std::uint32_t place : document.places.at(term.phrase.front().key)) {
      if (place < first) continue;
      const std::uint32_t at = place - first;
      const bool here = std::all_of(term.phrase.begin(), term.phrase.end(), [&](const auto& word) {
        return document.places.at(word.key).contains(at + word.position);
      });
      if (here) return least;
    }
    return -1;
  }

  Bm25 scoring_;
  Analysis analysis_;
  std::map<std::uint64_t, Document> documents_;
};

}  // namespace lexical
