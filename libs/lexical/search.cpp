#include "lexical/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lexical/expand.h"
#include "lexical/scan.h"

namespace lexical {
namespace {

// A query's terms up to the limits, in its order, with their lists and worth.
struct Plan {
  Plan(std::span<const Part> parts, const Query& query, const Bm25& scoring, std::uint64_t filed)
      : resolver(parts) {
    for (const QueryTerm* term : choose(query)) {
      terms.push_back(resolver.resolve(*term));
      idf.push_back(inverse_document_frequency(filed, terms.back().documents));
      worth.push_back(
          contributions(scoring.k1, idf.back(), std::clamp(term->weight, 0.0F, kTermWeightMax)));
    }
  }

  std::vector<const QueryTerm*> choose(const Query& query) {
    std::vector<bool> chosen(query.terms.size());
    std::size_t room = kQueryTermsMax;
    std::array<std::size_t, 3> room_of_form{kQueryTermsMax, kQueryPrefixesMax, kQueryPhrasesMax};
    for (const bool required : {true, false}) {
      for (std::size_t i = 0; i < query.terms.size(); ++i) {
        if (query.terms[i].required != required) continue;
        std::size_t& of_form = room_of_form[static_cast<std::size_t>(query.terms[i].form)];
        chosen[i] = room > 0 && of_form > 0;
        if (required && !chosen[i]) impossible = true;
        if (!chosen[i]) continue;
        --room;
        --of_form;
      }
    }
    std::vector<const QueryTerm*> all;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      if (chosen[i]) all.push_back(&query.terms[i]);
    }
    return all;
  }

  Resolver resolver;
  std::vector<ResolvedTerm> terms;
  std::vector<double> idf;
  std::vector<Contributions> worth;
  bool impossible = false;  // more is required than is looked for
};

}  // namespace

QueryTerm word(const Term& term, float weight) {
  QueryTerm query;
  query.kind = term.kind;
  query.text = term.text;
  query.weight = weight;
  query.key = term_key(term.kind, term.hash);
  return query;
}

QueryTerm prefix(std::string_view beginning, float weight) {
  QueryTerm query;
  query.form = QueryTerm::Form::Prefix;
  query.text = beginning;
  query.weight = weight;
  return query;
}

QueryTerm phrase(std::span<const Term> terms, float weight) {
  QueryTerm query;
  query.form = QueryTerm::Form::Phrase;
  query.weight = weight;
  for (const Term& term : terms) {
    if (term.kind != TermKind::Exact || query.phrase.size() == kPhraseWordsMax) continue;
    if (!query.text.empty()) query.text += ' ';
    query.text += term.text;
    query.phrase.push_back({term_key(term.kind, term.hash), term.position});
  }
  return query;
}

Filter Filter::ids(std::vector<std::uint64_t> ids) {
  Filter filter;
  filter.ids_ = std::move(ids);
  std::sort(filter.ids_.begin(), filter.ids_.end());
  filter.by_ids_ = true;
  return filter;
}

Filter Filter::bits(std::vector<std::uint64_t> words) {
  Filter filter;
  filter.words_ = std::move(words);
  filter.by_bits_ = true;
  return filter;
}

Filter Filter::where(std::function<bool(std::uint64_t)> predicate) {
  Filter filter;
  filter.predicate_ = std::move(predicate);
  return filter;
}

void Filter::restrict(std::span<const std::uint64_t> ids, std::span<std::uint64_t> allowed) const {
  if (by_bits_) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::uint64_t id = ids[i];
      const bool may = id / 64 < words_.size() && (words_[id / 64] >> (id % 64) & 1U) != 0;
      allowed[i / 64] &= ~(std::uint64_t{!may} << (i % 64));
    }
  }
  if (by_ids_) {
    std::array<std::uint64_t, kRestrictMax / 64> has{};
    auto at = ids.begin();
    for (auto id = std::lower_bound(ids_.begin(), ids_.end(), ids.front());
         id != ids_.end() && *id <= ids.back(); ++id) {
      at = std::lower_bound(at, ids.end(), *id);
      if (*at != *id) continue;
      const auto i = static_cast<std::size_t>(at - ids.begin());
      has[i / 64] |= std::uint64_t{1} << (i % 64);
    }
    for (std::size_t i = 0; i < allowed.size(); ++i) allowed[i] &= has[i];
  }
}

Snapshot::Snapshot(std::vector<Part> parts, const Bm25& scoring)
    : parts_(std::move(parts)), scoring_(scoring) {
  for (const Part& part : parts_) {
    documents_ += part.live();
    filed_ += part.segment->documents();
  }
}

bool Snapshot::contains(std::uint64_t id) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    const auto slot = part.segment->slot(id);
    return slot && (*part.alive)[*slot];
  });
}

std::vector<Hit> Snapshot::search(const Query& query) const {
  if (query.k == 0) return {};
  const Plan plan(parts_, query, scoring_, filed_);
  if (plan.impossible) return {};
  Top top(std::min(query.k, kHitsMax));
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    Scan scan(parts_[part], query.filter, top);
    for (std::size_t i = 0; i < plan.terms.size(); ++i) {
      const ResolvedTerm& term = plan.terms[i];
      if (term.term->required) scan.require(term.lists[part]);
      if (term.lists[part].count > 0) scan.add(term.lists[part], plan.worth[i]);
    }
    scan.run();
  }
  std::vector<Hit> hits;
  for (const Top::Entry& entry : top.take()) hits.push_back({entry.id, entry.score / kScoreUnits});
  return hits;
}

Result<Explanation> Snapshot::explain(const Query& query, std::uint64_t id) const {
  const Plan plan(parts_, query, scoring_, filed_);
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const auto slot = parts_[part].segment->slot(id);
    if (!slot || !(*parts_[part].alive)[*slot]) continue;
    Explanation explanation;
    for (std::size_t i = 0; i < plan.terms.size(); ++i) {
      const ResolvedTerm& term = plan.terms[i];
      TermShare share{term.term->text, term.documents, plan.idf[i]};
      const int code = Cursor(term.lists[part]).code_at(*slot);
      if (code != Cursor::kNone) {
        share.weight = weight_of(static_cast<std::uint8_t>(code));
        share.score = plan.worth[i][static_cast<std::size_t>(code)] / kScoreUnits;
      }
      explanation.score += share.score;
      explanation.terms.push_back(std::move(share));
    }
    return explanation;
  }
  return Error(Code::NotFound, fmt::format("lexical: no document {}", id));
}

std::uint64_t Snapshot::documents_with(TermKey key) const {
  std::uint64_t sum = 0;
  for (const Part& part : parts_) sum += part.segment->list(key).count;
  return sum;
}

std::vector<WordCount> Snapshot::words() const {
  std::vector<WordCount> words;
  for_each_word(parts_, "", [&](const std::string& word, std::uint64_t documents) {
    words.push_back({word, documents});
    return true;
  });
  return words;
}

std::size_t Snapshot::bytes() const {
  std::size_t sum = 0;
  for (const Part& part : parts_) sum += part.segment->bytes();
  return sum;
}

}  // namespace lexical
