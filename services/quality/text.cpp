#include "quality/text.h"

#include <algorithm>
#include <array>
#include <bit>

#include "lexical/analyser.h"

namespace quality {
namespace {

constexpr std::uint64_t kOffset = 0xcbf29ce484222325ULL;  // FNV-1a, 64 bits
constexpr std::uint64_t kPrime = 0x100000001b3ULL;
constexpr std::size_t kStemBytes = 24;  // longer words have no ending that matters

constexpr std::uint64_t hash_bytes(std::string_view text) {
  std::uint64_t hash = kOffset;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * kPrime;
  return hash;
}

constexpr std::array<char, 256> make_folding() {
  std::array<char, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
    if (upper) table[static_cast<std::size_t>(c)] = static_cast<char>(c + 32);
    if (word) table[static_cast<std::size_t>(c)] = static_cast<char>(c);
  }
  return table;
}
constexpr std::array<char, 256> kFolding = make_folding();

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<std::uint8_t>(text[at]) : std::uint8_t{0};
}

// The bytes of punctuation or of a symbol outside ASCII at `at`, or 0 when a letter stands there.
std::size_t symbol_bytes(std::string_view text, std::size_t at) {
  const std::uint8_t first = byte_at(text, at);
  const std::uint8_t second = byte_at(text, at + 1);
  const std::size_t left = text.size() - at;
  if (first < 0xC2) return 1;                                                 // ill-formed
  if (first == 0xC2) return std::min<std::size_t>(left, 2);                   // Latin-1 signs
  if (first == 0xE2 && second < 0xB0) return std::min<std::size_t>(left, 3);  // U+2000 to U+2BFF
  if (first == 0xE3 && second == 0x80) return std::min<std::size_t>(left, 3);
  if (first == 0xEF && second == 0xB8) return std::min<std::size_t>(left, 3);
  if (first >= 0xF0) return std::min<std::size_t>(left, 4);  // emoji
  return 0;
}

// The bytes of an apostrophe at `at` (ASCII or U+2019), or 0.
std::size_t apostrophe(std::string_view text, std::size_t at) {
  if (byte_at(text, at) == '\'') return 1;
  return text.substr(std::min(at, text.size())).starts_with("\xE2\x80\x99") ? 3 : 0;
}

bool letter_at(std::string_view text, std::size_t at) {
  const std::uint8_t c = byte_at(text, at);
  return kFolding[c] != '\0' && (c < 0x80 || symbol_bytes(text, at) == 0);
}

bool vowel(char c) { return std::string_view("aeiouy").find(c) != std::string_view::npos; }

// Cuts plural, past and progressive endings in the manner of step 1 of Porter's stemmer (1980), and
// reads British -our- as -or-. Only equality of stems matters, not that they are words.
std::size_t cut_endings(std::array<char, kStemBytes>& word, std::size_t size) {
  const auto ends = [&](std::string_view ending) {
    return size >= ending.size() + 3 && std::string_view(word.data(), size).ends_with(ending);
  };
  const auto undouble = [&] {
    if (size > 3 && word[size - 1] == word[size - 2] && !vowel(word[size - 1])) --size;
  };
  if (size >= 6) {
    const std::size_t our = std::string_view(word.data(), size).find("our");
    if (our != std::string_view::npos && our > 1) {
      std::copy(word.begin() + static_cast<std::ptrdiff_t>(our) + 2,
                word.begin() + static_cast<std::ptrdiff_t>(size),
                word.begin() + static_cast<std::ptrdiff_t>(our) + 1);
      --size;
    }
  }
  if (ends("ies")) {
    size -= 2;
  } else if (size > 3 && word[size - 1] == 's' && word[size - 2] != 's' && word[size - 2] != 'u') {
    --size;
  }
  if (ends("ing")) {
    size -= 3;
    undouble();
  } else if (ends("ed")) {
    size -= 2;
    undouble();
  }
  if (size > 3 && word[size - 1] == 'e') --size;
  if (size > 2 && word[size - 1] == 'y' && !vowel(word[size - 2])) word[size - 1] = 'i';
  return size;
}

// Collects the letters of one word.
class WordReader {
 public:
  void add(char c) {
    hash_ = (hash_ ^ static_cast<std::uint8_t>(c)) * kPrime;
    if (size_ < kStemBytes) letters_[size_] = c;
    ++size_;
  }
  bool empty() const { return size_ == 0; }

  Word take(std::size_t start, std::size_t end) {
    Word word{.hash = hash_,
              .stem = hash_,
              .start = static_cast<std::uint32_t>(start),
              .end = static_cast<std::uint32_t>(end)};
    if (size_ > 3 && size_ <= kStemBytes) {
      word.stem = hash_bytes({letters_.data(), cut_endings(letters_, size_)});
    }
    hash_ = kOffset;
    size_ = 0;
    return word;
  }

 private:
  std::uint64_t hash_ = kOffset;
  std::array<char, kStemBytes> letters_{};
  std::size_t size_ = 0;
};

}  // namespace

Text read_text(std::string_view raw) {
  Text text{raw, {}};
  text.words.reserve(raw.size() / 6 + 4);
  WordReader reader;
  std::size_t start = 0;
  std::size_t at = 0;
  const auto finish = [&] {
    if (!reader.empty()) text.words.push_back(reader.take(start, at));
  };
  while (at < raw.size()) {
    // Most of any text: letters and spaces of ASCII.
    const std::uint8_t plain = byte_at(raw, at);
    if (plain < 0x80 && kFolding[plain] != '\0') {
      if (reader.empty()) start = at;
      reader.add(kFolding[plain]);
      ++at;
      continue;
    }
    if (plain == ' ') {
      finish();
      ++at;
      continue;
    }
    if (letter_at(raw, at)) {
      if (reader.empty()) start = at;
      reader.add(kFolding[byte_at(raw, at)]);
      ++at;
      // The bytes that go on a code point are letters of it, not code points of their own.
      while (byte_at(raw, at) >= 0x80 && byte_at(raw, at) < 0xC0) reader.add(raw[at++]);
      continue;
    }
    const std::size_t quote = reader.empty() ? 0 : apostrophe(raw, at);
    if (quote > 0 && letter_at(raw, at + quote)) {
      const std::size_t next = at + quote;
      const bool possessive = (raw[next] == 's' || raw[next] == 'S') && !letter_at(raw, next + 1);
      if (possessive) finish();
      at = next + (possessive ? 1 : 0);
      continue;
    }
    finish();
    at += byte_at(raw, at) < 0x80 ? 1 : symbol_bytes(raw, at);
  }
  finish();
  return text;
}

Word read_word(std::string_view word) {
  const Text text = read_text(word);
  return text.words.empty() ? Word{} : text.words.front();
}

bool content_word(const Text& text, const Word& word) {
  const std::string_view written = text.written(word);
  if (written.size() < 2) return false;
  if (written.size() > kStemBytes) return true;
  std::array<char, kStemBytes> folded{};
  std::size_t size = 0;
  for (const char c : written) {
    const char letter = kFolding[static_cast<std::uint8_t>(c)];
    if (letter != '\0') folded[size++] = letter;
  }
  return !lexical::stopword({folded.data(), size});
}

std::vector<std::uint64_t> content_stems(const Text& text) {
  std::vector<std::uint64_t> stems;
  HashSet seen;
  for (const Word& word : text.words) {
    if (seen.contains(word.stem) || !content_word(text, word)) continue;
    seen.insert(word.stem);
    stems.push_back(word.stem);
  }
  return stems;
}

std::vector<std::uint64_t> distinct_stems(const Text& text) {
  std::vector<std::uint64_t> all;
  all.reserve(text.words.size());
  for (const Word& word : text.words) all.push_back(word.stem);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void HashSet::reserve(std::size_t more) {
  const std::size_t slots = std::bit_ceil((size_ + more) * 2);
  if (slots > slots_.size()) grow(slots);
}

void HashSet::insert(std::uint64_t hash) {
  if ((size_ + 1) * 2 > slots_.size()) grow(std::max<std::size_t>(64, slots_.size() * 4));
  hash = std::max<std::uint64_t>(hash, 1);
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
  if (slots_[at] == 0) ++size_;
  slots_[at] = hash;
}

bool HashSet::contains(std::uint64_t hash) const {
  if (slots_.empty()) return false;
  hash = std::max<std::uint64_t>(hash, 1);
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
  return slots_[at] == hash;
}

void HashSet::insert_stems(const Text& text) {
  for (const Word& word : text.words) insert(word.stem);
}

void HashSet::grow(std::size_t slots) {
  std::vector<std::uint64_t> old(slots);
  old.swap(slots_);
  size_ = 0;
  for (const std::uint64_t hash : old) {
    if (hash != 0) insert(hash);
  }
}

PhraseSet::PhraseSet(std::initializer_list<std::pair<int, std::string_view>> lists) {
  for (const auto& [tag, patterns] : lists) {
    std::string_view rest = patterns;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      add_pattern(rest.substr(0, comma), tag);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
}

void PhraseSet::add(std::string_view phrase, int tag) {
  Phrase entry{{}, tag};
  for (const Word& word : read_text(phrase).words) entry.words.push_back({key(word)});
  insert(std::move(entry));
}

void PhraseSet::add_pattern(std::string_view pattern, int tag) {
  constexpr std::string_view kBlank = " \n";
  Phrase entry{{}, tag};
  while (true) {
    pattern.remove_prefix(std::min(pattern.find_first_not_of(kBlank), pattern.size()));
    if (pattern.empty()) break;
    const std::size_t end = std::min(pattern.find_first_of(kBlank), pattern.size());
    std::string_view words = pattern.substr(0, end);
    pattern.remove_prefix(end);
    Alternatives any;
    while (!words.empty() && words != "*") {
      const std::size_t bar = std::min(words.find('|'), words.size());
      any.push_back(key(read_word(words.substr(0, bar))));
      words.remove_prefix(std::min(bar + 1, words.size()));
    }
    entry.words.push_back(std::move(any));
  }
  insert(std::move(entry));
}

std::uint64_t PhraseSet::bit_of(std::uint64_t key) { return std::uint64_t{1} << (key >> 58U); }

void PhraseSet::insert(Phrase phrase) {
  if (phrase.words.empty()) return;
  Beginning beginning{static_cast<std::uint32_t>(phrases_.size())};
  const bool open = phrase.words.size() == 1 || phrase.words[1].empty();
  if (open) beginning.second = ~std::uint64_t{0};
  for (std::size_t i = 0; !open && i < phrase.words[1].size(); ++i) {
    beginning.second |= bit_of(phrase.words[1][i]);
  }
  for (const std::uint64_t first : phrase.words.front()) {
    by_first_word_[first].push_back(beginning);
    filter_.set(first % kFilterBits);
  }
  phrases_.push_back(std::move(phrase));
}

// Where the phrase ends whose item `at` is looked for at `word`; 0 when it is not there.
std::size_t PhraseSet::end_of(const Phrase& phrase, std::size_t at, const Text& text,
                              std::size_t word) const {
  if (at == phrase.words.size()) return word;
  const Alternatives& any = phrase.words[at];
  if (any.empty()) {
    for (std::size_t skipped = 0; skipped <= kGapWords; ++skipped) {
      if (const std::size_t end = end_of(phrase, at + 1, text, word + skipped)) return end;
    }
    return 0;
  }
  if (word >= text.words.size()) return 0;
  if (std::find(any.begin(), any.end(), key(text.words[word])) == any.end()) return 0;
  return end_of(phrase, at + 1, text, word + 1);
}

std::vector<PhraseSet::Hit> PhraseSet::find(const Text& text) const {
  std::vector<Hit> hits;
  for (std::size_t i = 0; i < text.words.size(); ++i) {
    const std::uint64_t first = key(text.words[i]);
    if (!filter_.test(first % kFilterBits)) continue;
    const auto found = by_first_word_.find(first);
    if (found == by_first_word_.end()) continue;
    const bool last = i + 1 == text.words.size();
    const std::uint64_t second = last ? ~std::uint64_t{0} : bit_of(key(text.words[i + 1]));
    for (const Beginning& beginning : found->second) {
      if ((beginning.second & second) == 0) continue;
      const Phrase& phrase = phrases_[beginning.phrase];
      const std::size_t end = end_of(phrase, 1, text, i + 1);
      if (end > 0) hits.push_back({phrase.tag, i, end - i});
    }
  }
  return hits;
}

}  // namespace quality
