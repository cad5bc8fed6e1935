#include "lexical/spelling.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "lexical/analysis.h"

namespace lexical {
namespace {

constexpr std::size_t kParts = 3;
// Fitted on the tuning part of bench/data: what an edit costs in powers of e, and what more it
// costs to miss the first letter, which people seldom do.
constexpr double kEditCost = 5.0;
constexpr double kFirstLetterCost = 2.0;
constexpr double kSwapGain = 0.7;
constexpr std::size_t kHalfBytesMin = 3;  // of each of two words written as one

// Part `i` of a word of `length` bytes: the shorter parts come first.
std::pair<std::size_t, std::size_t> part_of(std::size_t length, std::size_t i) {
  const std::size_t bytes = length / kParts;
  const std::size_t longer = length % kParts;  // parts with a byte more, the last ones
  const std::size_t first_longer = kParts - longer;
  const std::size_t start = bytes * i + (i > first_longer ? i - first_longer : 0);
  return {start, bytes + (i >= first_longer ? 1 : 0)};
}

std::uint32_t part_hash(std::string_view part, std::size_t length, std::size_t i) {
  const std::uint64_t hash = term_hash(TermKind::Exact, part) + length * kParts + i;
  return static_cast<std::uint32_t>((hash * 0x9E3779B97F4A7C15U) >> 32U);
}

bool letters_alone(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
  });
}

std::uint32_t letters_of(std::string_view word) {
  std::uint32_t letters = 0;
  for (const char c : word) letters |= 1U << (static_cast<unsigned char>(c) & 31U);
  return letters;
}

bool swapped(std::string_view a, std::string_view b) {
  const auto at = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return a.size() == b.size() && a.end() - at.first > 1 && at.first[0] == at.second[1] &&
         at.first[1] == at.second[0];
}

}  // namespace

int edits_between(std::string_view a, std::string_view b, int most) {
  const std::size_t longest = Spelling::kBytesMax;
  if (a.size() > longest || b.size() > longest) return most + 1;
  const auto gap = static_cast<int>(a.size()) - static_cast<int>(b.size());
  if (std::abs(gap) > most) return most + 1;
  using Row = std::array<int, Spelling::kBytesMax + 1>;
  Row before_that{};
  Row before{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) before[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    int least = row[0];
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int changed = before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, before[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_that[j - 2] + 1);
      }
      least = std::min(least, row[j]);
    }
    if (least > most) return most + 1;
    before_that = before;
    before = row;
  }
  return std::min(before[b.size()], most + 1);
}

Spelling::Spelling(std::span<const std::pair<std::string_view, std::uint64_t>> words,
                   SpellingOptions options)
    : options_(options) {
  std::vector<std::pair<std::string_view, std::uint64_t>> sorted(words.begin(), words.end());
  std::erase_if(sorted, [](const auto& word) { return word.first.size() > kBytesMax; });
  if (sorted.size() > options_.words_max) {
    const auto more_common = [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    };
    const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(options_.words_max);
    std::nth_element(sorted.begin(), end, sorted.end(), more_common);
    sorted.erase(end, sorted.end());
  }
  std::sort(sorted.begin(), sorted.end());
  entries_.reserve(sorted.size() + 1);
  for (const auto& [word, documents] : sorted) {
    const std::uint64_t counted = std::min<std::uint64_t>(documents, UINT32_MAX);
    entries_.push_back({static_cast<std::uint32_t>(texts_.size()),
                        static_cast<std::uint32_t>(counted), letters_of(word)});
    texts_ += word;
  }
  entries_.push_back({static_cast<std::uint32_t>(texts_.size()), 0, 0});
  for (std::uint32_t i = 0; i + 1 < entries_.size(); ++i) file_parts(i);
  std::sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.entry < b.entry;
  });
}

std::string_view Spelling::text(std::size_t entry) const {
  const std::size_t begin = entries_[entry].offset;
  return std::string_view(texts_).substr(begin, entries_[entry + 1].offset - begin);
}

void Spelling::file_parts(std::uint32_t entry) {
  const std::string_view word = text(entry);
  if (word.size() + 1 < kBytesMin || !letters_alone(word)) return;
  if (entries_[entry].documents < options_.documents_min) return;
  for (std::size_t i = 0; i < kParts; ++i) {
    const auto [start, bytes] = part_of(word.size(), i);
    parts_.push_back({part_hash(word.substr(start, bytes), word.size(), i), entry});
  }
}

std::uint64_t Spelling::documents(std::string_view word) const {
  std::size_t low = 0;
  std::size_t high = entries_.size() - 1;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (text(middle) < word) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low + 1 < entries_.size() && text(low) == word ? entries_[low].documents : 0;
}

// Words that share a part with `word` where up to `edits` may have moved it, each once: of each
// length up to candidates_max whose letters are near enough.
std::vector<std::uint32_t> Spelling::candidates(std::string_view word, int edits) const {
  std::vector<std::uint32_t> found;
  std::vector<bool> seen(entries_.size());
  const std::uint32_t letters = letters_of(word);
  const auto reach = static_cast<std::size_t>(edits);
  const std::size_t least = word.size() > reach ? word.size() - reach : 1;
  for (std::size_t length = least; length <= word.size() + reach; ++length) {
    const std::size_t most = found.size() + options_.candidates_max;
    for (std::size_t i = 0; i < kParts; ++i) {
      const auto [start, bytes] = part_of(length, i);
      const std::size_t first = start > reach ? start - reach : 0;
      for (std::size_t at = first; at <= start + reach && at + bytes <= word.size(); ++at) {
        const std::uint32_t hash = part_hash(word.substr(at, bytes), length, i);
        const auto by_hash = [](const Part& part, std::uint32_t wanted) {
          return part.hash < wanted;
        };
        auto part = std::lower_bound(parts_.begin(), parts_.end(), hash, by_hash);
        for (; part != parts_.end() && part->hash == hash && found.size() < most; ++part) {
          // An edit takes at most one letter away and brings another.
          if (std::popcount(entries_[part->entry].letters ^ letters) > 2 * edits) continue;
          if (seen[part->entry] || text(part->entry).size() != length) continue;
          seen[part->entry] = true;
          found.push_back(part->entry);
        }
      }
    }
  }
  return found;
}

double Spelling::likelihood(std::string_view word, std::uint32_t entry, int edits) const {
  const std::string_view meant = text(entry);
  double log = std::log(static_cast<double>(entries_[entry].documents)) - kEditCost * edits;
  if (meant[0] != word[0]) log -= kFirstLetterCost;
  if (edits == 1 && swapped(word, meant)) log += kSwapGain;
  return std::exp(log);
}

std::vector<Correction> Spelling::corrections(std::string_view word, std::uint64_t known) const {
  if (word.size() < kBytesMin || word.size() > kBytesMax || !letters_alone(word)) return {};
  known = std::max(known, documents(word));
  if (known >= options_.known_documents) return {};
  const int most = word.size() <= kOneEditBytesMax || known > 0 ? 1 : 2;
  std::vector<Correction> all;
  for (const std::uint32_t entry : candidates(word, most)) {
    const std::string_view meant = text(entry);
    if (meant == word) continue;
    if (static_cast<double>(entries_[entry].documents) <
        options_.rarer_by * static_cast<double>(known)) {
      continue;
    }
    const int edits = edits_between(word, meant, most);
    if (edits > most) continue;
    all.push_back(
        {std::string(meant), entries_[entry].documents, edits, likelihood(word, entry, edits)});
  }
  const std::size_t kept = std::min(all.size(), options_.corrections_max);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                    [](const Correction& a, const Correction& b) {
                      return a.share != b.share ? a.share > b.share : a.word < b.word;
                    });
  all.resize(kept);
  double sum = 0;
  for (const Correction& correction : all) sum += correction.share;
  for (Correction& correction : all) correction.share /= sum;
  return all;
}

std::pair<std::string, std::string> Spelling::parted(std::string_view word) const {
  std::pair<std::string, std::string> best;
  std::uint64_t most = options_.known_documents;
  if (word.size() > kBytesMax || !letters_alone(word)) return best;
  for (std::size_t at = kHalfBytesMin; at + kHalfBytesMin <= word.size(); ++at) {
    // The rarer of the two tells how likely they are to be words at all.
    const std::uint64_t common =
        std::min(documents(word.substr(0, at)), documents(word.substr(at)));
    if (common < most) continue;
    most = common + 1;
    best = {std::string(word.substr(0, at)), std::string(word.substr(at))};
  }
  return best;
}

std::size_t Spelling::bytes() const {
  return texts_.capacity() + entries_.capacity() * sizeof(Entry) + parts_.capacity() * sizeof(Part);
}

}  // namespace lexical
