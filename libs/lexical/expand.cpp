#include "lexical/expand.h"

#include <algorithm>
#include <bit>
#include <queue>
#include <string>
#include <utility>

namespace lexical {
namespace {

// The most frequent words that begin with `beginning`, of equals the first by name.
std::vector<TermKey> words_with_prefix(std::span<const Part> parts, std::string_view beginning) {
  using Counted = std::pair<std::uint64_t, std::string>;
  const auto better = [](const Counted& a, const Counted& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  std::priority_queue<Counted, std::vector<Counted>, decltype(better)> best(better);
  for_each_word(parts, beginning, [&](const std::string& word, std::uint64_t documents) {
    if (!word.starts_with(beginning)) return false;
    if (best.size() == kPrefixWordsMax && documents <= best.top().first) return true;
    best.emplace(documents, word);
    if (best.size() > kPrefixWordsMax) best.pop();
    return true;
  });
  std::vector<TermKey> keys;
  for (; !best.empty(); best.pop()) {
    keys.push_back(term_key(TermKind::Exact, term_hash(TermKind::Exact, best.top().second)));
  }
  return keys;
}

// Where the phrase may begin, seen from one of its words.
std::vector<std::uint64_t> beginnings(Cursor& cursor, std::uint32_t offset) {
  std::vector<std::uint64_t> found;
  for_each_position(cursor.positions(), [&](std::uint64_t position) {
    if (position >= offset) found.push_back(position - offset);
  });
  return found;
}

}  // namespace

ResolvedTerm Resolver::resolve(const QueryTerm& term) {
  ResolvedTerm resolved{&term, {}, 0};
  std::vector<TermKey> words;
  if (term.form == QueryTerm::Form::Prefix) words = words_with_prefix(parts_, term.text);
  for (const Part& part : parts_) {
    switch (term.form) {
      case QueryTerm::Form::Word:
        resolved.lists.push_back(part.segment->list(term.key));
        break;
      case QueryTerm::Form::Prefix:
        resolved.lists.push_back(any(*part.segment, words));
        break;
      case QueryTerm::Form::Phrase:
        resolved.lists.push_back(phrase(*part.segment, term.phrase));
        break;
    }
    resolved.documents += resolved.lists.back().count;
  }
  return resolved;
}

// Documents with all words at their distances; the weight is that of the rarest word in them.
PostingList Resolver::phrase(const Segment& segment, std::span<const QueryTerm::PhraseWord> words) {
  std::vector<std::pair<PostingList, std::uint32_t>> lists;
  for (const QueryTerm::PhraseWord& word : words) {
    lists.emplace_back(segment.list(word.key), word.position);
  }
  if (lists.empty()) return {};
  std::sort(lists.begin(), lists.end(),
            [](const auto& a, const auto& b) { return a.first.count < b.first.count; });
  std::vector<std::unique_ptr<Cursor>> cursors;
  for (const auto& [list, position] : lists) cursors.push_back(std::make_unique<Cursor>(list));
  std::vector<Posting> found;
  for (std::uint32_t slot = cursors[0]->seek(0); slot != Cursor::kEnd;
       slot = cursors[0]->advance()) {
    bool all = true;
    std::uint8_t code = cursors[0]->code();
    for (std::size_t i = 1; all && i < cursors.size(); ++i) {
      const int other = cursors[i]->code_at(slot);
      all = other != Cursor::kNone;
      if (all) code = std::min(code, static_cast<std::uint8_t>(other));
    }
    if (!all) continue;
    std::vector<std::uint64_t> common = beginnings(*cursors[0], lists[0].second);
    for (std::size_t i = 1; !common.empty() && i < cursors.size(); ++i) {
      const std::vector<std::uint64_t> others = beginnings(*cursors[i], lists[i].second);
      std::erase_if(common, [&](std::uint64_t beginning) {
        return !std::binary_search(others.begin(), others.end(), beginning);
      });
    }
    if (!common.empty()) found.push_back({nullptr, slot, code});
  }
  return keep(found);
}

// Documents with any of the words; the weight is the greatest of theirs.
PostingList Resolver::any(const Segment& segment, std::span<const TermKey> words) {
  if (words.empty()) return {};
  std::vector<std::uint64_t> has((segment.documents() + 63) / 64);
  const auto codes = std::make_unique_for_overwrite<std::uint8_t[]>(segment.documents());
  std::size_t documents = 0;
  for (const TermKey key : words) {
    Cursor cursor(segment.list(key));
    for (std::uint32_t slot = cursor.seek(0); slot != Cursor::kEnd; slot = cursor.advance()) {
      const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
      const bool fresh = (has[slot / 64] & bit) == 0;
      codes[slot] = fresh ? cursor.code() : std::max(codes[slot], cursor.code());
      has[slot / 64] |= bit;
      documents += fresh ? 1 : 0;
    }
  }
  std::vector<Posting> found;
  found.reserve(documents);
  for (std::size_t i = 0; i < has.size(); ++i) {
    for (std::uint64_t word = has[i]; word != 0; word &= word - 1) {
      const auto slot =
          static_cast<std::uint32_t>(i * 64) + static_cast<std::uint32_t>(std::countr_zero(word));
      found.push_back({nullptr, slot, codes[slot]});
    }
  }
  return keep(found);
}

PostingList Resolver::keep(std::span<const Posting> list) {
  if (list.empty()) return {};
  made_.push_back(std::make_unique<PostingWriter>());
  const std::uint32_t at = made_.back()->add(list, false);
  return PostingList::read(made_.back()->postings().data(), at, nullptr, false);
}

}  // namespace lexical
